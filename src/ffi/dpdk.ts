// The symbols of oskr_dpdk and the layout of the memory it shares, as in csrc/oskr_dpdk.h
// and csrc/oskr_fabric.h.

import { dlopen, FFIType } from "bun:ffi";
import { UsageError } from "../base/errors.ts";
import { findLibrary, loadFailure, requireLibrary } from "./library.ts";

/** OSKR_DPDK_VERSION of the header that this file follows. */
export const DPDK_VERSION = 12;
/** Bytes of the text: EAL arguments in, one a line; the last error out. Ends with a zero byte. */
export const TEXT_SIZE = 16_384;

/** Most packets that one receive brings, and slots to send from. */
export const BURST = 64;
/** Most packets that one send takes. */
export const ENTRIES_MAX = 256;

export const ETHER_MESSAGE = 0x88d5;
export const ETHER_FRAGMENT = 0x88d6;
/** Bytes that an MTU does not count: two MAC addresses, the Ethernet type. */
export const ETHER_HEADER = 14;
/** Bytes before a frame's payload: two MAC addresses, the Ethernet type, three id bytes. */
export const HEADER_SIZE = 17;
/** Of an MTU, the bytes beside a frame's payload: three id bytes, and one that counts padding. */
export const MTU_BESIDE_PAYLOAD = 4;

/** Byte offsets in a port's region. */
export const REGION = {
  /** u32 each: how long received frames are, without padding. */
  lengths: 0,
  /** ENTRIES_MAX packets to send, ENTRY.size bytes each. */
  entries: 256,
  /** f64: CLOCK_MONOTONIC at the last receive, in nanoseconds. */
  timeNs: 4352,
  /** u32: 1 while the link is up; receive asks again once a second. */
  linkUp: 4360,
  /** The port's MAC address, six bytes. */
  mac: 4364,
  /** f64 each, in the order of STATISTICS. */
  statistics: 4376,
  slotSize: 4464,
  /** BURST slots with payloads to send, then as many with whole frames received. */
  slots: 8192,
  burst: BURST,
} as const;

/** Byte offsets in an entry. `slot` and `length` (of the payload) are little-endian u16. */
export const ENTRY = {
  destination: 0,
  etherType: 6,
  ids: 8,
  slot: 12,
  length: 14,
  size: 16,
} as const;

/** Of the port's statistics, those that are packets lost. */
export const LOSSES = [
  "missed",
  "errors",
  "foreign",
  "malformed",
  "unsent",
  "send errors",
  "longer than the MTU",
] as const;

/** What oskr_dpdk_statistics brings up to date, since the port was opened. */
export const STATISTICS = ["received", "sent", "receivedBytes", "sentBytes", ...LOSSES] as const;

/** Byte offsets in the fabric's memory (csrc/oskr_fabric.h): rates f64, addresses six bytes. */
export const FABRIC = {
  drop: 0,
  duplicate: 8,
  reorder: 16,
  corrupt: 24,
  delayUs: 32,
  seed: 40,
  portCount: 48,
  group: 52,
  /** u16. */
  mtu: 58,
  /** PORTS_MAX ports, FABRIC_PORT.size bytes each. */
  ports: 64,
  /** f64: of each port's link, in Gbit/s. */
  bandwidthGbps: 64 + 32 * 96,
  /** PORTS_MAX rows, by where frames come from, of PORTS_MAX paths, FABRIC_PATH.size bytes each. */
  paths: 72 + 32 * 96,
  sequencer: 72 + 32 * 96 + 32 * 32 * 24,
  incarnation: 80 + 32 * 96 + 32 * 32 * 24,
  sequenced: 88 + 32 * 96 + 32 * 32 * 24,
  size: 96 + 32 * 96 + 32 * 32 * 24,
} as const;
/** Byte offsets in what lies between two ports; f64 each. */
export const FABRIC_PATH = { delayUs: 0, jitterUs: 8, loss: 16, size: 24 } as const;
/** Byte offsets in one of the fabric's ports; `counts` are f64, in the order of FABRIC_COUNTS. */
export const FABRIC_PORT = { mac: 0, counts: 8, size: 96 } as const;
export const PORTS_MAX = 32;

/** Frames, counted for one port of the fabric: csrc/oskr_fabric.h says what each means. */
export const FABRIC_COUNTS = [
  "received",
  "sent",
  "unknown",
  "malformed",
  "full",
  "down",
  "dropped",
  "duplicated",
  "reordered",
  "corrupted",
  "congested",
] as const;

/** Flags of oskr_dpdk_open. */
export const OPEN_PROMISCUOUS = 1;
export const OPEN_ALL_MULTICAST = 2;

const { i32, u32, f64, ptr } = FFIType;

const symbols = {
  oskr_dpdk_version: { args: [], returns: u32 },
  oskr_dpdk_text: { args: [], returns: ptr },
  oskr_dpdk_start: { args: [], returns: i32 },
  oskr_dpdk_stop: { args: [], returns: i32 },
  oskr_dpdk_open: { args: [u32, u32, u32], returns: i32 },
  oskr_dpdk_close: { args: [u32], returns: i32 },
  oskr_dpdk_region: { args: [u32], returns: ptr },
  oskr_dpdk_set_mac: { args: [u32], returns: i32 },
  oskr_dpdk_numa_node: { args: [u32], returns: i32 },
  oskr_dpdk_mtu: { args: [u32, u32], returns: i32 },
  oskr_dpdk_link: { args: [u32], returns: i32 },
  oskr_dpdk_doorbell: { args: [u32, ptr], returns: i32 },
  oskr_dpdk_statistics: { args: [u32], returns: i32 },
  oskr_dpdk_receive: { args: [u32], returns: i32 },
  oskr_dpdk_send: { args: [u32, u32], returns: i32 },
  oskr_dpdk_echo: { args: [u32, ptr, ptr], returns: i32 },
  oskr_fabric: { args: [], returns: ptr },
  oskr_fabric_open: { args: [], returns: i32 },
  oskr_fabric_doorbell: { args: [ptr], returns: FFIType.void },
  oskr_fabric_port_doorbell: { args: [u32, ptr], returns: i32 },
  oskr_fabric_run: { args: [ptr, f64], returns: i32 },
  oskr_fabric_close: { args: [], returns: i32 },
} as const;

/** The functions of csrc/oskr_dpdk.h and csrc/oskr_fabric.h. */
export type DpdkLibrary = ReturnType<typeof dlopen<typeof symbols>>["symbols"];

/** Loads target/dpdk/liboskr_dpdk.so; throws UsageError if it is missing or of another version. */
export function loadDpdk(): DpdkLibrary {
  const path = requireLibrary("liboskr_dpdk.so");
  let library: DpdkLibrary;
  try {
    library = dlopen(path, symbols).symbols;
  } catch (error) {
    throw loadFailure(path, error);
  }
  const version = library.oskr_dpdk_version();
  if (version !== DPDK_VERSION) {
    throw new UsageError(`${path}: is version ${version}, not ${DPDK_VERSION}; run: npm run build`);
  }
  return library;
}

/**
 * The release of DPDK in the library, such as "DPDK 22.11.5"; null if the library is not there.
 */
export function dpdkRelease(): string | null {
  const path = findLibrary("liboskr_dpdk.so");
  if (path === null) return null;
  try {
    const { symbols: release } = dlopen(path, {
      oskr_dpdk_release: { args: [], returns: FFIType.cstring },
    });
    return String(release.oskr_dpdk_release());
  } catch {
    return "DPDK of a library that was built before it could tell";
  }
}
