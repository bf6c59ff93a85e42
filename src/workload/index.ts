// What clients ask: the workloads by the name that `-W` takes.

import type { Bytes } from "../actor.ts";
import { encodeKvOperation, type KvOperation } from "../app/operation.ts";

export interface Workload {
  /** The next operation; its bytes are not changed afterwards. */
  next(): Bytes;
}

export interface WorkloadOptions {
  /** Bytes of an operation or of a value. */
  readonly opSize: number;
  readonly random: (bound: number) => number;
}

export const workloads: ReadonlyMap<string, (options: WorkloadOptions) => Workload> = new Map([
  ["fixed", fixed],
  ["kv", kv],
  ["contended", contended],
]);

/** Zero bytes, always the same: for the null app. */
function fixed({ opSize }: WorkloadOptions): Workload {
  const op = new Uint8Array(opSize);
  return { next: () => op };
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
  return { next: () => operations[random(operations.length)] ?? value };
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
  return { next: () => encodeKvOperation(draw()) };
}
