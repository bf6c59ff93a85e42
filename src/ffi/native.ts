// The symbols of oskr_native and the layout of the memory it shares, as in csrc/oskr_native.h.

/// <reference path="./embedded.d.ts" />

import { dlopen, FFIType, type Pointer } from "bun:ffi";
import { assert } from "../base/assert.ts";
import { describeErrno } from "../base/errno.ts";
import { UsageError } from "../base/errors.ts";
import { findLibrary, loadFailure, requireLibrary } from "./library.ts";

/** OSKR_NATIVE_VERSION of the header that this file follows. */
const VERSION = 11;
const FILE = "liboskr_native.so";

/** struct oskr_hasher: byte offsets. */
export const HASHER = {
  block: 0,
  digest: 512,
  who: 544,
  cluster: 560,
  oneTime: 1024,
  domain: 4064,
  body: 4096,
  size: 4096 + 4_194_304,
} as const;
/** struct oskr_tree: byte offsets. */
export const TREE = {
  ...{ digest: 0, signature: 32, nodes: 128, blocks: 65_664, size: 464_000 },
} as const;
/** struct oskr_onetime: byte offsets; it has room for so many batches. */
export const ONE_TIME = {
  ...{ root: 0, signature: 16, who: 80, leaf: 96, block: 128, size: 4096, batches: 6 },
} as const;
/** struct oskr_rings: byte offsets; `jobs` has JOBS jobs of JOB.size bytes each. */
export const RINGS = { key: 256, completed: 5120, jobs: 9216, size: 140_288 } as const;
export const JOBS = 1024;
/** struct oskr_job: byte offsets. */
export const JOB = {
  ...{ kind: 0, key: 4, status: 8, keys: 12, digest: 16, signature: 48, size: 128 },
} as const;
export const JOB_SIGN = 1;
export const JOB_VERIFY = 2;
export const JOB_MAKE_KEYS = 3;
export const KEYS_MAX = 512;
/** Slots of clients' keys, behind those. */
export const CLIENT_KEYS_MAX = 4096;
export const ANY_CPU = 0xffff_ffff;
/** Most datagrams that one receive reads, and slots to send from. */
export const BURST = 64;
/**
 * struct oskr_udp_region: byte offsets; arrays of BURST 32-bit words, three words, then BURST slots
 * for what came and as many to send from.
 */
export const UDP = {
  receivedOffset: 0,
  receivedLength: 256,
  receivedPart: 512,
  receivedIp: 768,
  receivedPort: 1024,
  sendOffset: 1280,
  sendLength: 1536,
  sendIp: 1792,
  sendPort: 2048,
  sendStatus: 2304,
  malformed: 2560,
  dropped: 2564,
  slotSize: 2568,
  slots: 4096,
  burst: BURST,
} as const;

/** struct oskr_profile: byte offsets; `counts` has 32-bit words. */
export const PROFILE = { section: 0, periods: 4, counts: 64, size: 128 } as const;

const { i32, u32, ptr, f64 } = FFIType;
const none = FFIType.void;

const SYMBOLS = {
  oskr_native_version: { args: [], returns: u32 },
  oskr_error: { args: [], returns: i32 },

  oskr_hasher_open: { args: [], returns: ptr },
  oskr_hasher_close: { args: [ptr], returns: none },
  oskr_hasher_single: { args: [ptr, u32], returns: i32 },
  oskr_hasher_climb: { args: [ptr, u32, u32], returns: i32 },
  oskr_hasher_climb_all: { args: [ptr, u32, u32, u32, u32], returns: i32 },
  oskr_hasher_climb_onetime: { args: [ptr, u32], returns: i32 },
  oskr_hasher_onetime_root: { args: [ptr], returns: i32 },
  oskr_tree_open: { args: [], returns: ptr },
  oskr_tree_close: { args: [ptr], returns: none },
  oskr_tree_leaf: { args: [ptr, u32, ptr, u32], returns: i32 },
  oskr_tree_build: { args: [ptr, u32], returns: i32 },
  oskr_tree_blocks: { args: [ptr, u32], returns: i32 },

  oskr_onetime_fast: { args: [], returns: i32 },
  oskr_onetime_open: { args: [], returns: ptr },
  oskr_onetime_close: { args: [ptr], returns: none },
  oskr_onetime_begin: { args: [ptr, u32, f64], returns: i32 },
  oskr_onetime_make: { args: [ptr, u32, u32, u32], returns: i32 },
  oskr_onetime_root: { args: [ptr, u32], returns: i32 },
  oskr_onetime_seal: { args: [ptr, u32], returns: i32 },
  oskr_onetime_sign: { args: [ptr, u32], returns: i32 },

  oskr_signer_open: { args: [], returns: ptr },
  oskr_signer_thread: { args: [ptr, u32], returns: i32 },
  oskr_signer_close: { args: [ptr], returns: none },
  oskr_signer_rings: { args: [ptr], returns: ptr },
  oskr_signer_secret: { args: [ptr, u32], returns: i32 },
  oskr_signer_public: { args: [ptr, u32], returns: i32 },
  oskr_signer_submit: { args: [ptr, u32], returns: i32 },
  oskr_signer_help: { args: [ptr], returns: i32 },

  oskr_signer_verify: { args: [ptr, u32], returns: i32 },
  oskr_signer_onetime: { args: [ptr, ptr], returns: none },
  oskr_signer_doorbell: { args: [ptr, ptr], returns: none },

  oskr_doorbell_open: { args: [i32], returns: ptr },
  oskr_doorbell_close: { args: [ptr], returns: none },
  oskr_doorbell_arm: { args: [ptr], returns: none },
  oskr_doorbell_wait: { args: [ptr, u32], returns: none },
  oskr_doorbell_listen: { args: [ptr], returns: i32 },
  oskr_doorbell_wait_udp: { args: [ptr, ptr, u32], returns: none },

  oskr_udp_open: { args: [u32, u32, u32], returns: ptr },
  oskr_udp_close: { args: [ptr], returns: none },
  oskr_udp_map: { args: [ptr], returns: ptr },
  oskr_udp_whole: { args: [ptr], returns: none },
  oskr_udp_port: { args: [ptr], returns: i32 },
  oskr_udp_receive: { args: [ptr], returns: i32 },
  oskr_udp_send: { args: [ptr, u32], returns: i32 },

  oskr_profile_start: { args: [u32], returns: ptr },
  oskr_profile_stop: { args: [], returns: none },

  oskr_stop_install: { args: [], returns: ptr },
  oskr_monotonic_ns: { args: [], returns: f64 },
  oskr_yield: { args: [], returns: none },
  oskr_sleep_us: { args: [u32], returns: none },
  oskr_slice_us: { args: [u32], returns: i32 },
  oskr_cpu_allowed: { args: [u32], returns: i32 },
  oskr_cpu_try: { args: [u32], returns: i32 },
  oskr_pin_self: { args: [u32], returns: i32 },
  oskr_unpin_others: { args: [], returns: i32 },
  oskr_socket_serves: { args: [ptr], returns: i32 },
  oskr_die_with_parent: { args: [u32, u32], returns: i32 },
} as const;

/** What liboskr_native.so offers; csrc/oskr_native.h says what each does. */
export type NativeLibrary = ReturnType<typeof dlopen<typeof SYMBOLS>>["symbols"];

/** The copy inside the executable; null when bun runs the sources. */
const embedded = import.meta.dir.startsWith("/$bunfs/")
  ? (await import("../../target/dpdk/liboskr_native.so", { with: { type: "file" } })).default
  : null;

let library: NativeLibrary | null = null;

/**
 * Loads the library once, from target/dpdk or else from the executable. Throws UsageError if it is
 * nowhere, cannot be loaded, or is of another version.
 */
export function loadNative(): NativeLibrary {
  library ??= load(findLibrary(FILE) ?? embedded ?? requireLibrary(FILE));
  return library;
}

function load(path: string): NativeLibrary {
  let symbols: NativeLibrary;
  try {
    ({ symbols } = dlopen(path, SYMBOLS));
  } catch (error) {
    const remedy =
      path === embedded
        ? "; copy target/dpdk beside the executable, or set TMPDIR to a directory that can hold it"
        : "";
    throw loadFailure(path, error, remedy);
  }
  const version = symbols.oskr_native_version();
  if (version !== VERSION) {
    throw new UsageError(`${path} has version ${version}, not ${VERSION}; run: npm run build`);
  }
  return symbols;
}

/** What C opened; `null` says that it could not. Throws UsageError. */
export function opened(
  pointer: Pointer | bigint | null,
  library: NativeLibrary,
  what: string,
): Pointer {
  if (pointer === null) throw new UsageError(`no ${what}: ${describeErrno(library.oskr_error())}`);
  assert(typeof pointer === "number", "addresses of user space are below 2^53");
  return pointer;
}
