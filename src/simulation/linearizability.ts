// A checker for linearizability: Wing and Gong's search with Lowe's memo of (operations linearized,
// state) ("Testing for linearizability", 2017), on histories split by key.

import type { Bytes } from "../actor.ts";
import {
  decodeKvOperation,
  decodeKvResult,
  type KvOperation,
  type KvResult,
} from "../app/operation.ts";
import type { HistoryEntry } from "../evaluation/history.ts";
import { latin1 } from "../wire.ts";

/** One operation; without a known answer its output is null and it returns at Infinity. */
export interface Operation<I, O> {
  readonly input: I;
  readonly output: O | null;
  readonly invoked: number;
  readonly returned: number;
}

export interface Model<S, I, O> {
  readonly initial: S;
  /** The state afterwards, or undefined if the output cannot be; the output null can always be. */
  step(state: S, input: I, output: O | null): S | undefined;
  /** Equal for equal states only. */
  key(state: S): string;
  /** Whether it changes no state that it can be answered so in. */
  reads?(input: I, output: O): boolean;
}

export type Verdict = "linearizable" | "not linearizable" | "unknown";

/** Steps after which the verdict is "unknown": some seconds. */
export const STEPS_MAX = 5_000_000;

/** An invocation or a return, in a list from which linearized operations are lifted. */
interface Entry {
  readonly operation: number;
  readonly isCall: boolean;
  /** The return of a call; null if it never returned. */
  match: Entry | null;
  before: Entry | null;
  after: Entry | null;
}

/** Of the operations that may come next first those are tried that only read, then the others. */
type Pass = "free" | "any";

/** An operation that was taken, and what the state was before. */
interface Step<S> {
  readonly entry: Entry;
  readonly state: S;
  /** It only reads: if it may come next, nothing is lost when it does. */
  readonly free: boolean;
}

/**
 * Whether the operations could have happened one after another, each between its invocation and
 * return.
 */
export function checkOperations<S, I, O>(
  model: Model<S, I, O>,
  operations: readonly Operation<I, O>[],
  stepsMax = STEPS_MAX,
): Verdict {
  const search = new Search(operations);
  const seen = new Set<string>();
  const path: Step<S>[] = [];
  let state = model.initial;
  let entry = search.head.after;
  let pass: Pass = "free";
  for (let steps = 0; search.unanswered > 0; steps++) {
    if (steps > stepsMax) return "unknown";
    if (entry !== null && entry.isCall) {
      const operation = operations[entry.operation];
      if (operation === undefined) return "unknown";
      const next = model.step(state, operation.input, operation.output);
      const { input, output } = operation;
      const free = output !== null && model.reads?.(input, output) === true;
      if (next !== undefined && free === (pass === "free")) {
        search.mark(entry.operation);
        const key = `${search.key()}|${model.key(next)}`;
        if (!seen.has(key)) {
          seen.add(key);
          path.push({ entry, state, free });
          state = next;
          search.lift(entry);
          entry = search.head.after;
          pass = "free";
          continue;
        }
        search.unmark(entry.operation);
      }
      entry = entry.after;
      continue;
    }
    if (pass === "free") {
      pass = "any";
      entry = search.head.after;
      continue;
    }
    // A return whose operation could not be placed before it: the last choice was wrong, and what
    // followed from it.
    let last = path.pop();
    while (last?.free === true) {
      search.unmark(last.entry.operation);
      search.unlift(last.entry);
      last = path.pop();
    }
    if (last === undefined) return "not linearizable";
    state = last.state;
    search.unmark(last.entry.operation);
    search.unlift(last.entry);
    entry = last.entry.after;
  }
  return "linearizable";
}

class Search {
  readonly head: Entry = newEntry(-1, false);
  /** Operations with a return that are not linearized. */
  unanswered = 0;
  readonly #done: Uint8Array;
  readonly #answered: readonly boolean[];
  /** All answered operations below it, in the order of invocation, are linearized. */
  #prefix = 0;
  /** Operations never answered that are linearized. */
  readonly #pending = new Set<number>();
  #last = -1;

  constructor(operations: readonly Operation<unknown, unknown>[]) {
    this.#done = new Uint8Array(operations.length);
    this.#answered = operations.map(({ returned }) => returned !== Infinity);
    for (const answered of this.#answered) if (answered) this.unanswered++;
    const events: { at: number; entry: Entry }[] = [];
    for (const [i, { invoked, returned }] of operations.entries()) {
      const call = newEntry(i, true);
      events.push({ at: invoked, entry: call });
      if (returned === Infinity) continue;
      call.match = newEntry(i, false);
      events.push({ at: returned, entry: call.match });
    }
    // At the same instant an invocation comes first: then the two are concurrent.
    events.sort((a, b) => a.at - b.at || Number(b.entry.isCall) - Number(a.entry.isCall));
    let tail = this.head;
    for (const { entry } of events) {
      tail.after = entry;
      entry.before = tail;
      tail = entry;
    }
  }

  mark(operation: number): void {
    if (!this.#isAnswered(operation)) {
      this.#pending.add(operation);
      return;
    }
    this.#done[operation] = 1;
    this.unanswered--;
    this.#last = Math.max(this.#last, operation);
    while (this.#prefix < this.#done.length && this.#passes(this.#prefix)) this.#prefix++;
  }

  unmark(operation: number): void {
    if (!this.#isAnswered(operation)) {
      this.#pending.delete(operation);
      return;
    }
    this.#done[operation] = 0;
    this.unanswered++;
    this.#prefix = Math.min(this.#prefix, operation);
  }

  /** Names the set of linearized operations: all up to a point, and the few beyond it. */
  key(): string {
    const beyond: number[] = [];
    for (let i = this.#prefix; i <= this.#last; i++) if (this.#done[i] === 1) beyond.push(i);
    this.#last = beyond.at(-1) ?? this.#prefix;
    const pending = [...this.#pending].sort((a, b) => a - b);
    return `${this.#prefix}:${beyond.join(",")}:${pending.join(",")}`;
  }

  lift(call: Entry): void {
    unlink(call);
    if (call.match !== null) unlink(call.match);
  }

  unlift(call: Entry): void {
    if (call.match !== null) relink(call.match);
    relink(call);
    this.#last = Math.max(this.#last, call.operation);
  }

  #isAnswered(operation: number): boolean {
    return this.#answered[operation] === true;
  }

  #passes(operation: number): boolean {
    return this.#done[operation] === 1 || !this.#isAnswered(operation);
  }
}

function newEntry(operation: number, isCall: boolean): Entry {
  return { operation, isCall, match: null, before: null, after: null };
}

function unlink({ before, after }: Entry): void {
  if (before !== null) before.after = after;
  if (after !== null) after.before = before;
}

function relink(entry: Entry): void {
  const { before, after } = entry;
  if (before !== null) before.after = entry;
  if (after !== null) after.before = entry;
}

/** An operation on one key, in strings of a character a byte: they compare and hash quickly. */
export interface KeyOperation {
  readonly kind: KvOperation["kind"];
  readonly value: string;
  readonly expected: string | null;
}

/**
 * What a client learnt: the state that an operation saw (null: the key was absent), that it was
 * done, which tells nothing of the state, that it failed and changed nothing; of a comparison, that
 * it held or did not.
 */
export type KeyResult = { readonly saw: string | null } | "done" | "failed" | "equal" | "unequal";

/** One key of the key-value store, or a register; null when it is absent. */
function keyModel(initial: string | null): Model<string | null, KeyOperation, KeyResult> {
  return {
    initial,
    step(state, input, output) {
      if (output === "failed") return state;
      if (output === "equal" && state !== input.expected) return undefined;
      if (output === "unequal") return state === input.expected ? undefined : state;
      if (typeof output === "object" && output !== null && output.saw !== state) return undefined;
      switch (input.kind) {
        case "get":
          return state;
        case "put":
          return input.value;
        case "append":
          return (state ?? "") + input.value;
        case "compareAndSet":
          return state === input.expected ? input.value : state;
        case "delete":
          return null;
      }
    },
    key: (state) => (state === null ? "-" : `=${state}`),
    reads: ({ kind }, output) => kind === "get" || output === "failed" || output === "unequal",
  };
}

/** An operation on a key as a client saw it. Without a result it returns at Infinity. */
export interface KeyRecord extends Operation<KeyOperation, KeyResult> {
  readonly key: string;
}

/** Records by key, each in the order of invocation. */
export function byKey<T extends KeyRecord>(records: readonly T[]): ReadonlyMap<string, T[]> {
  const keys = Map.groupBy(records, ({ key }) => key);
  for (const some of keys.values()) some.sort((a, b) => a.invoked - b.invoked);
  return keys;
}

/** Of operations on one key, in the order of invocation, which has this value at first. */
export function checkKey(
  records: readonly KeyRecord[],
  initial: string | null,
  stepsMax = STEPS_MAX,
): Verdict {
  return checkOperations(keyModel(initial), records, stepsMax);
}

function keyOperation(operation: KvOperation): KeyOperation {
  const { kind } = operation;
  const value = "value" in operation ? latin1(operation.value) : "";
  const expected =
    kind === "compareAndSet" && operation.expected !== null ? latin1(operation.expected) : null;
  return { kind, value, expected };
}

function keyResult(result: KvResult): KeyResult {
  if (result.kind === "error") return "failed";
  return { saw: result.value === null ? null : latin1(result.value) };
}

/**
 * An operation on the key-value store as a client saw it; the result null is one that never came.
 */
export interface KvRecord {
  readonly op: Bytes;
  readonly result: Bytes | null;
  readonly invoked: number;
  readonly returned: number;
}

/**
 * Whether what clients of the key-value store saw is linearizable. Throws if it holds other
 * operations.
 */
export function checkKv(records: readonly KvRecord[], stepsMax = STEPS_MAX): Verdict {
  const checked: KeyRecord[] = [];
  for (const record of records) {
    const one = kvKeyRecord(record);
    if (one === "no result") return "not linearizable";
    if (one !== null) checked.push(one);
  }
  let verdict: Verdict = "linearizable";
  for (const operations of byKey(checked).values()) {
    const of = checkKey(operations, null, stepsMax);
    if (of === "not linearizable") return of;
    if (of === "unknown") verdict = of;
  }
  return verdict;
}

/**
 * What the checker makes of an operation; null of a read that nobody saw the result of, since that
 * constrains nothing. Throws if the operation is none of the store.
 */
export function kvKeyRecord(record: KvRecord): KeyRecord | "no result" | null {
  const { op, result, invoked, returned } = record;
  const operation = decodeKvOperation(op);
  if (operation === null) throw new Error("the history holds an operation that is not of kv");
  const decoded = result === null ? null : decodeKvResult(result);
  if (result !== null && decoded === null) return "no result";
  if (decoded === null && operation.kind === "get") return null;
  const output = decoded === null ? null : keyResult(decoded);
  return {
    key: latin1(operation.key),
    input: keyOperation(operation),
    output,
    invoked,
    returned: output === null ? Infinity : returned,
  };
}

/** An entry of a history that `client --history` wrote. */
export function recorded({ op, result, invokedMs, returnedMs }: HistoryEntry): KvRecord {
  return {
    op: Buffer.from(op, "hex"),
    result: result === null ? null : Buffer.from(result, "hex"),
    invoked: invokedMs,
    returned: returnedMs ?? Infinity,
  };
}
