// What --profile adds to a process: a sampler of its polling thread, and libraries that tell when
// packets leave.

import { toArrayBuffer } from "bun:ffi";
import { assert } from "../assert.ts";
import { COUNTS, PERIODS, Profiler } from "../evaluation/profiler.ts";
import { loadDpdk, type DpdkLibrary } from "../ffi/dpdk.ts";
import { PROFILE, type NativeLibrary } from "../ffi/native.ts";
import { OTHER, SECTION, SEND } from "../sections.ts";
import { UsageError } from "../usage-error.ts";

/** A signal costs some microseconds; a share of a tenth is exact to 1 % after 4 seconds. */
const PERIOD_US = 1000;

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
  // Each by itself: one function for both, with a list of arguments, would cost more than sending.
  const dpdk = (): DpdkLibrary => {
    const library = loadDpdk();
    const oskr_dpdk_send: DpdkLibrary["oskr_dpdk_send"] = (port, count) => {
      const before = words[SECTION] ?? OTHER;
      words[SECTION] = SEND;
      const sent = library.oskr_dpdk_send(port, count);
      words[SECTION] = before;
      return sent;
    };
    return { ...library, oskr_dpdk_send };
  };
  const oskr_udp_send: NativeLibrary["oskr_udp_send"] = (socket, count) => {
    const before = words[SECTION] ?? OTHER;
    words[SECTION] = SEND;
    const sent = native.oskr_udp_send(socket, count);
    words[SECTION] = before;
    return sent;
  };
  return { native: { ...native, oskr_udp_send }, dpdk };
}
