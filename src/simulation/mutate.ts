// Plausible wrong messages: one field of a decoded message changed, whatever the protocol.

import type { Bytes, Sealed } from "../actor.ts";
import type { Random } from "../base/seeded-random.ts";
import { holdsStamp, stampOf } from "./judge.ts";

/** A field or element of a message that may be changed. */
interface Site {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

const DEPTH_MAX = 6;
const SITES_MAX = 200;
const POOL_MAX = 64;

/** What the adversary has seen: numbers, byte strings and objects by the name of their field. */
export class Pool {
  readonly #values = new Map<string, unknown[]>();
  readonly messages: Sealed[] = [];

  learn(random: Random, message: Sealed): void {
    put(random, this.messages, message);
    for (const { path, value } of sites(message, true)) {
      const name = nameOf(path);
      const values = this.#values.get(name);
      if (values === undefined) this.#values.set(name, [value]);
      else put(random, values, value);
    }
  }

  /** Another value that a field of this name had. */
  other(random: Random, name: string): unknown {
    const values = this.#values.get(name);
    return values === undefined ? undefined : random.pick(values);
  }
}

function put<T>(random: Random, items: T[], item: T): void {
  if (items.length < POOL_MAX) items.push(item);
  else items[random.int(POOL_MAX)] = item;
}

/**
 * A copy of the message with one field changed, or null if there is none to change. Operations of
 * clients stay what they are unless `invent`: that is the declared model (X5 of the protocols'
 * requirements).
 */
export function mutate(
  random: Random,
  pool: Pool,
  message: Sealed,
  invent: boolean,
): Sealed | null {
  const all = sites(message, invent);
  if (all.length === 0) return null;
  const { path, value } = random.pick(all);
  const changed = change(random, pool, nameOf(path), value);
  return changed === value ? null : (replace(message, path, changed) as Sealed);
}

/** A copy in which every operation is the adversary's own and of a session that does not exist. */
export function disown(random: Random, message: Sealed, op: (old: Bytes) => Bytes): Sealed {
  return disownValue(random, message, op, 0) as Sealed;
}

function disownValue(
  random: Random,
  value: unknown,
  op: (old: Bytes) => Bytes,
  depth: number,
): unknown {
  if (depth > DEPTH_MAX || !isPlain(value)) return value;
  const entries = Object.entries(value);
  const holdsOp = entries.some(([, field]) => field instanceof Uint8Array && stampOf(field) >= 0);
  const copied = entries.map(([name, field]): [string, unknown] => {
    if (!holdsOp) return [name, disownValue(random, field, op, depth + 1)];
    if (field instanceof Uint8Array && stampOf(field) >= 0) return [name, op(field)];
    return [name, typeof field === "number" ? 2 ** 40 + random.int(2 ** 40) : field];
  });
  return Object.fromEntries(copied);
}

function isPlain(value: unknown): value is object {
  return (
    typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

/** All that may be changed, outermost first. */
function sites(message: Sealed, invent: boolean): Site[] {
  const found: Site[] = [];
  const visit = (value: unknown, path: readonly (string | number)[]): void => {
    if (path.length > DEPTH_MAX || found.length > SITES_MAX) return;
    if (Array.isArray(value)) {
      for (const [i, element] of value.entries()) {
        visit(element, [...path, i]);
      }
      return;
    }
    if (!isPlain(value)) return;
    const fields = Object.entries(value);
    const untouchable = isRequest(value) || fields.some(([, field]) => isOperation(field));
    if (untouchable && !invent) return;
    for (const [name, field] of fields) {
      if (name === "seal" || (path.length === 0 && name === "kind")) continue;
      found.push({ path: [...path, name], value: field });
      visit(field, [...path, name]);
    }
  };
  visit(message, []);
  return found;
}

/**
 * A client's request, whatever its operation: an `open` has no stamp, and with two fields changed
 * it would be an operation of the session that it opened.
 */
function isRequest(value: object): boolean {
  return "session" in value && "tag" in value && "op" in value;
}

function isOperation(value: unknown): boolean {
  return value instanceof Uint8Array && holdsStamp(value);
}

function nameOf(path: readonly (string | number)[]): string {
  for (let i = path.length - 1; i >= 0; i--) {
    const step = path[i];
    if (typeof step === "string") return step;
  }
  return "";
}

function change(random: Random, pool: Pool, name: string, value: unknown): unknown {
  if (random.chance(0.3)) {
    const other = pool.other(random, name);
    if (other !== undefined && kindOf(other) === kindOf(value)) return other;
  }
  if (typeof value === "number") return changeNumber(random, value);
  if (typeof value === "boolean") return !value;
  if (value instanceof Uint8Array) return changeBytes(random, value);
  if (Array.isArray(value)) return changeArray(random, value);
  if (value === null) return pool.other(random, name) ?? null;
  return value;
}

/** Values of one kind can take each other's place; null can be an object. */
function kindOf(value: unknown): string {
  if (value instanceof Uint8Array) return "bytes";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

function changeNumber(random: Random, value: number): number {
  switch (random.int(6)) {
    case 0:
      return value + 1;
    case 1:
      return Math.max(0, value - 1);
    case 2:
      return 0;
    case 3:
      return value + random.between(2, 10);
    case 4:
      return Number.MAX_SAFE_INTEGER;
    default:
      return random.int(8);
  }
}

function changeBytes(random: Random, value: Bytes): Bytes {
  if (value.length === 0) return random.bytes(random.between(1, 40));
  if (random.chance(0.2)) return random.bytes(value.length);
  const changed = value.slice();
  const at = random.int(value.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << random.int(8));
  return random.chance(0.1) ? changed.subarray(0, at) : changed;
}

function changeArray(random: Random, value: readonly unknown[]): unknown[] {
  const changed = [...value];
  if (changed.length === 0) return changed;
  const at = random.int(changed.length);
  switch (random.int(changed.length === 1 ? 2 : 4)) {
    case 0:
      changed.splice(at, 1);
      return changed;
    case 1:
      changed.push(changed[at]);
      return changed;
    case 2:
      changed[at] = changed[(at + 1) % changed.length];
      return changed;
    default:
      return changed.reverse();
  }
}

function replace(value: unknown, path: readonly (string | number)[], by: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return by;
  if (Array.isArray(value)) {
    return value.map((element: unknown, i) => (i === step ? replace(element, rest, by) : element));
  }
  if (!isPlain(value)) return value;
  const copied = Object.entries(value).map(([name, field]): [string, unknown] => [
    name,
    name === step ? replace(field, rest, by) : field,
  ]);
  return Object.fromEntries(copied);
}
