// What --profile adds to a process: a sampler of its polling thread, and libraries that tell when
// packets leave.

import { toArrayBuffer } from "bun:ffi";
import { assert } from "../assert.ts";
import { COUNTS, PERIODS, Profiler } from "../evaluation/profiler.ts";
import { loadDpdk, type DpdkLibrary } from "../ffi/dpdk.ts";
import { PROFILE, type NativeLibrary } from "../ffi/native.ts";
import { OTHER, SECTION, SEND } from "../sections.ts";
import { UsageError } from "../usage-error.ts";

/** A signal costs some two microseconds. */
const PERIOD_US = 500;

assert(PROFILE.section === 4 * SECTION, "the profiler's words are those of the library");
assert(PROFILE.periods === 4 * PERIODS, "the profiler's words are those of the library");
assert(PROFILE.counts === 4 * COUNTS, "the profiler's words are those of the library");

/** Starts to measure the calling thread. Throws UsageError. */
export function startProfiler(native: NativeLibrary): Profiler {
  const region = native.oskr_profile_start(PERIOD_US);
  if (region === null) {
    throw new UsageError(`--profile: no timer for it (errno ${-native.oskr_error()})`);
  }
  return new Profiler(new Int32Array(toArrayBuffer(region, 0, PROFILE.size)));
}

/** The libraries that transports work with; DPDK's is loaded by those who need it. */
export interface Libraries {
  readonly native: NativeLibrary;
  readonly dpdk: () => DpdkLibrary;
}

/** The libraries, with bursts on their way out told to the profiler if there is one. */
export function transportLibraries(native: NativeLibrary, profiler: Profiler | null): Libraries {
  if (profiler === null) return { native, dpdk: loadDpdk };
  const { words } = profiler;
  const sends = <A extends readonly unknown[]>(send: (...args: A) => number) =>
    function timed(...args: A): number {
      const before = words[SECTION] ?? OTHER;
      words[SECTION] = SEND;
      const result = send(...args);
      words[SECTION] = before;
      return result;
    };
  const dpdk = (): DpdkLibrary => {
    const library = loadDpdk();
    return { ...library, oskr_dpdk_send: sends(library.oskr_dpdk_send) };
  };
  return { native: { ...native, oskr_udp_send: sends(native.oskr_udp_send) }, dpdk };
}
