// What --profile adds to a process: a sampler of its polling thread.

import { toArrayBuffer } from "bun:ffi";
import { assert } from "../base/assert.ts";
import { describeErrno } from "../base/errno.ts";
import { UsageError } from "../base/errors.ts";
import { SECTION } from "../base/sections.ts";
import { PROFILE, type NativeLibrary } from "../ffi/native.ts";
import { COUNTS, PERIODS, Profiler } from "./profiler.ts";

/**
 * A signal costs 9 us on a virtual machine, and wakes a process that sleeps. After 5 seconds a
 * share of a tenth is exact to 1 %. No multiple of what happens at intervals by itself.
 */
const PERIOD_US = 3989;

assert(PROFILE.section === 4 * SECTION, "the profiler's words are those of the library");
assert(PROFILE.periods === 4 * PERIODS, "the profiler's words are those of the library");
assert(PROFILE.counts === 4 * COUNTS, "the profiler's words are those of the library");

/** Starts to measure the calling thread. Throws UsageError. */
export function startProfiler(native: NativeLibrary): Profiler {
  const region = native.oskr_profile_start(PERIOD_US);
  if (region === null) {
    throw new UsageError(`--profile: no timer for it: ${describeErrno(native.oskr_error())}`);
  }
  return new Profiler(new Int32Array(toArrayBuffer(region, 0, PROFILE.size)));
}
