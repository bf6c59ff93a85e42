// The workloads by the name that `-W` takes, and which applications they fit.

import type { Bytes } from "../actor.ts";
import { isOrdered, isStore } from "../app/index.ts";
import { encodeKvOperation, type KvOperation } from "../app/operation.ts";
import { encodeRecord, encodeRecordOperation } from "../app/record-operation.ts";
import { UsageError } from "../base/errors.ts";
import { addNamed } from "../base/named.ts";
import { readText } from "../base/text-file.ts";
import type { Loading, Workload, WorkloadOptions } from "./asker.ts";
import { loadingOf, YcsbWorkload } from "./ycsb.ts";
import {
  parseProperties,
  parseProperty,
  readProperties,
  STANDARD,
  type PropertyTexts,
  type YcsbProperties,
} from "./ycsb-properties.ts";

type MakeWorkload = (options: WorkloadOptions) => Workload;

const SIMPLE = new Map<string, MakeWorkload>([
  ["fixed", fixed],
  ["kv", kv],
  ["contended", contended],
  ["scanned", scanned],
]);
const YCSB = "ycsb:";
/** Applications that have a workload of their own, which has their name. */
const OWN = new Set<string>();
const names = [...SIMPLE.keys(), ...[...STANDARD.keys()].map((name) => `${YCSB}${name}`)];

/** Names of workloads that need no file. */
export const WORKLOADS: readonly string[] = names;

/**
 * Has `-W` know the workload of an application, by its name, which is what its clients ask unless
 * they are told otherwise. Throws RangeError for a name that is taken or is none.
 */
export function addWorkload(app: string, make: MakeWorkload): void {
  addNamed(SIMPLE, app, make);
  OWN.add(app);
  names.push(app);
}

/** A workload that was asked for. */
export interface WorkloadChoice {
  /** As records have it. */
  readonly name: string;
  /** null: it is none of YCSB. */
  readonly ycsb: YcsbProperties | null;
  /** What it needs in a store; null: nothing. */
  readonly loading: Loading | null;
  make(options: WorkloadOptions): Workload;
}

/**
 * What `--workload` and `--property` ask for; without a name what the application has. Throws
 * UsageError for what there is not, and for what does not fit the application.
 */
export function chooseWorkload(
  given: string | undefined,
  properties: readonly string[],
  app: string,
): WorkloadChoice {
  const name = given ?? (OWN.has(app) ? app : isStore(app) ? "kv" : "fixed");
  const known = WORKLOADS.find((one) => one.toLowerCase() === name.toLowerCase());
  const simple = SIMPLE.get(known ?? "");
  if (known !== undefined && OWN.has(known) && known !== app) {
    throw new UsageError(`--workload ${known}: is the app ${known}'s, not ${app}'s`);
  }
  if (known === "scanned" && !isOrdered(app)) throw noOrder(known, app);
  if (known !== undefined && simple !== undefined) {
    if (properties.length > 0) {
      throw new UsageError(`--property: goes with a workload of YCSB, and ${known} is none`);
    }
    return { name: known, ycsb: null, loading: null, make: simple };
  }
  const texts = known === undefined ? fileOf(name) : STANDARD.get(known.slice(YCSB.length));
  const all = new Map([...(texts ?? []), ...properties.map(parseProperty)]);
  const ycsb = readProperties(all, known ?? name);
  refuseApp(known ?? name, ycsb, app);
  return {
    name: known ?? name,
    ycsb,
    loading: loadingOf(ycsb),
    make: (options) => new YcsbWorkload(ycsb, options),
  };
}

/** What YCSB has in a workload unless it is told: in any if it is none of its own. */
export function usualProperties(name = ""): YcsbProperties {
  const texts = STANDARD.get(name.slice(YCSB.length)) ?? new Map<string, string>();
  return readProperties(texts, name);
}

/** The property file that a name may be of; throws UsageError. */
function fileOf(name: string): PropertyTexts {
  if (/[./]/.test(name)) return parseProperties(readText(name), name);
  const expected = `${WORKLOADS.join(", ")} or a property file of YCSB`;
  throw new UsageError(`--workload ${name}: expected ${expected}`);
}

function refuseApp(name: string, { scanproportion }: YcsbProperties, app: string): void {
  if (!isStore(app)) {
    throw new UsageError(`--workload ${name}: the app ${app} keeps no records; --app names one`);
  }
  if (scanproportion > 0 && !isOrdered(app)) throw noOrder(name, app);
}

function noOrder(name: string, app: string): UsageError {
  return new UsageError(`--workload ${name}: scans need an order, which the app ${app} has not`);
}

/** Zero bytes, always the same: for the null app. */
function fixed({ opSize }: WorkloadOptions): Workload {
  const op = new Uint8Array(opSize);
  return shared(() => op);
}

/** One that is the same for all clients. */
function shared(next: () => Bytes): Workload {
  const asker = { next };
  return { asker: () => asker };
}

const KV_KEYS = 1000;

/** Gets and puts, one of two each, of a thousand keys chosen uniformly. */
function kv({ opSize, random }: WorkloadOptions): Workload {
  const encoder = new TextEncoder();
  const value = new Uint8Array(opSize);
  const operations = Array.from({ length: KV_KEYS }, (_, i) => {
    const key = encoder.encode(`key${i}`);
    return [
      encodeKvOperation({ kind: "get", key }),
      encodeKvOperation({ kind: "put", key, value }),
    ];
  }).flat();
  return shared(() => operations[random(operations.length)] ?? value);
}

const CONTENDED_KEYS = 5;

/** All operations on five keys with values that never repeat: for histories that are checked. */
function contended({ opSize, random }: WorkloadOptions): Workload {
  const encoder = new TextEncoder();
  const run = random(2 ** 32).toString(36);
  let count = 0;
  let last: Bytes | null = null;
  const draw = (): KvOperation => {
    const key = encoder.encode(`key${random(CONTENDED_KEYS)}`);
    const value = encoder.encode(`${run}.${count++};`.padEnd(opSize, "."));
    const expected = last;
    switch (random(6)) {
      case 0:
      case 1:
        return { kind: "get", key };
      case 2:
        return { kind: "append", key, value };
      case 3:
        return { kind: "compareAndSet", key, expected, value };
      case 4:
        return { kind: "delete", key };
      default:
        last = value;
        return { kind: "put", key, value };
    }
  };
  return shared(() => encodeKvOperation(draw()));
}

/** Records of two fields, under five keys, are read, inserted, updated, deleted and scanned. */
function scanned({ opSize, random }: WorkloadOptions): Workload {
  const encoder = new TextEncoder();
  const run = random(2 ** 32).toString(36);
  let count = 0;
  const value = () => encoder.encode(`${run}.${count++};`.padEnd(opSize, "."));
  const draw = (): Bytes => {
    const key = encoder.encode(`key${random(CONTENDED_KEYS)}`);
    switch (random(8)) {
      case 0:
        return encodeRecordOperation({ kind: "read", key, field: null });
      case 1:
        return encodeKvOperation({ kind: "delete", key });
      case 2:
      case 3:
        return encodeRecordOperation({ kind: "scan", key, count: 3, field: null });
      case 4:
      case 5: {
        const fields = [{ index: random(2), value: value() }];
        return encodeRecordOperation({ kind: "update", key, fields });
      }
      default:
        return encodeRecordOperation({
          ...{ kind: "insert", key },
          record: encodeRecord([value(), value()]),
        });
    }
  };
  return shared(draw);
}
