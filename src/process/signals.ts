// What every long-running executable does with its process: stop flag, processors, counts.

import { toArrayBuffer, type Pointer } from "bun:ffi";
import { assert } from "../base/assert.ts";
import type { Clock } from "../driver.ts";
import { loadNative, type NativeLibrary } from "../ffi/native.ts";
import packageJson from "../../package.json" with { type: "json" };
import type { CpuPlan } from "./cpus.ts";
import { RunError } from "../base/errors.ts";

/**
 * A word that SIGINT and SIGTERM set, since JavaScript's handlers never run in a synchronous loop;
 * the second one ends the process at once.
 */
export function stopWord(native: NativeLibrary): Pointer | bigint {
  const word = native.oskr_stop_install();
  assert(word !== null, "the stop word is static");
  return word;
}

/** Reads that word: whether the process was told to stop. */
export function stopFlag(native: NativeLibrary): () => boolean {
  const words = new Int32Array(toArrayBuffer(stopWord(native), 0, 4));
  return () => Atomics.load(words, 0) > 0;
}

/**
 * Pins this thread if the plan says so, and once a second gives all other threads of the process
 * (Bun starts some late) every processor again, so that they do not share the polling one.
 */
export function housekeeping(clock: Clock, cpus: CpuPlan, native: NativeLibrary): void {
  if (cpus.polling === null) return;
  native.oskr_pin_self(cpus.polling);
  const unpin = (): void => {
    native.oskr_unpin_others();
    clock.after(1000, unpin);
  };
  unpin();
}

/** Sums of what was dropped, by reason; zeros are left out. */
export function mergeDrops(...all: readonly ReadonlyMap<string, number>[]): {
  [reason: string]: number;
} {
  const sums: { [reason: string]: number } = {};
  for (const drops of all) {
    for (const [reason, count] of drops) {
      if (count > 0) sums[reason] = (sums[reason] ?? 0) + count;
    }
  }
  return sums;
}

export function versions(): { readonly [name: string]: string } {
  return { oskr: packageJson.version, bun: Bun.version };
}

/** What a user, a shell or a terminal that is closed ends a program with. */
export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Aborted by the first of each; the second ends the process. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of STOP_SIGNALS) {
    process.once(signal, () => controller.abort(new Error("interrupted")));
  }
  return controller.signal;
}

interface Limit {
  readonly limitMs: number;
  /** What is said when it takes longer. */
  readonly late: string;
  readonly signal: AbortSignal | null;
}

/**
 * What the promise brings; throws the signal's reason when that comes first, RunError when it takes
 * too long.
 */
export async function within<T>(promise: Promise<T>, limit: Limit): Promise<T> {
  const { limitMs, late, signal } = limit;
  const given = Promise.withResolvers<never>();
  const abort = (): void => given.reject(signal?.reason);
  const timer = setTimeout(() => given.reject(new RunError(late)), limitMs);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted === true) abort();
  try {
    return await Promise.race([promise, given.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** Said by a replica that asks others for its memory, and says later that it has recovered. */
export const RECOVERING = ", recovering";

const SIGTERM = 15;

/**
 * Who started this process: asked at once, since it may end while its child builds what it needs.
 */
const startedBy = process.ppid;

/**
 * Has the kernel send SIGTERM when the parent ends: npm for a script, and the script for its
 * children. Ends the process if that has happened already.
 */
export function followParent(native: NativeLibrary = loadNative()): void {
  if (native.oskr_die_with_parent(SIGTERM, startedBy) < 0) process.exit(130);
}

/**
 * The same for processes that a Cluster started, and only for them: people may leave theirs behind
 * with `&`.
 */
export function followCluster(native: NativeLibrary): void {
  const parent = Number(process.env["OSKR_PARENT"] ?? "0");
  if (parent === 0) return;
  if (native.oskr_die_with_parent(SIGTERM, parent) < 0) process.exit(130);
}
