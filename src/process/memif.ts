// Shared-memory ports between processes of one machine: a directory of memif sockets.

import { existsSync, lstatSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { describeErrno } from "../base/errno.ts";
import { UsageError } from "../base/errors.ts";
import { ETHER_HEADER } from "../ffi/dpdk.ts";
import type { NativeLibrary } from "../ffi/native.ts";

/** Longest path of a socket, in bytes (sun_path holds one more for its end). */
const PATH_MAX = 107;

export type MemifEnd =
  /** The two ends of `--link DIR`: the replica serves. */
  | { readonly kind: "link"; readonly server: boolean }
  /** A port of the fabric, which serves. */
  | { readonly kind: "replica" | "client"; readonly index: number; readonly server: boolean };

/** EAL arguments that every port without a NIC needs, so that neither root nor huge pages are. */
export const WITHOUT_NIC = ["--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "256"];

/** What tells an end from the others of its directory; both ends of a link have one socket. */
export function memifName(end: MemifEnd): string {
  if (end.kind !== "link") return `${end.kind}-${end.index}`;
  return end.server ? "link" : "link-client";
}

/**
 * The socket of this end in `dir`, which both ends of a link share. Throws UsageError if there can
 * be none.
 */
export function memifPath(dir: string, end: MemifEnd): string {
  const name = memifName(end.kind === "link" ? { ...end, server: true } : end);
  const path = join(resolve(dir), `${name}.sock`);
  if (path.includes(",")) throw new UsageError(`${path}: a socket's path cannot have a comma`);
  if (Buffer.byteLength(path) > PATH_MAX) {
    throw new UsageError(`${path}: longer than a socket's path may be (${PATH_MAX} bytes)`);
  }
  if (!existsSync(dir)) throw new UsageError(`${dir}: no such directory`);
  return path;
}

/**
 * Removes the sockets of servers that ended without doing so, since they would keep new ones from
 * listening. Throws UsageError, and removes none, where a server still listens: one whose socket is
 * gone is deaf for ever.
 */
export function clearSockets(native: NativeLibrary, dir: string, ends: readonly MemifEnd[]): void {
  const left = ends.map((end) => ({ end, path: memifPath(dir, end) }));
  const there = left.filter(({ path }) => existsSync(path));
  for (const { end, path } of there) {
    if (!lstatSync(path).isSocket()) throw new UsageError(`${path}: exists and is no socket`);
    const serves = socketServes(native, path);
    if (serves === 0) continue;
    const who = end.kind === "link" ? "replica" : "fabric";
    throw new UsageError(
      serves > 0
        ? `a ${who} runs there already: ${path}; stop it, or use another directory`
        : `${path}: cannot be asked whether a ${who} runs there (${describeErrno(serves)})`,
    );
  }
  for (const { path } of there) rmSync(path);
}

/** Whether a server listens there: more than 0, 0, or a negative errno. */
export function socketServes(native: NativeLibrary, path: string): number {
  return native.oskr_socket_serves(Buffer.from(`${path}\0`));
}

/** Bytes of a buffer, unless told otherwise: enough for frames that every network carries. */
const BUFFER_BYTES = 2048;
/** Of what buffers of longer frames are a multiple. */
const BUFFER_UNIT = 1024;

/** The logarithms of the least and of the most frames in a ring: the driver takes no more. */
const RING_LEAST = 11;
const RING_MOST = 14;

interface MemifSetting {
  readonly mac: string | null;
  readonly mtu: number;
  /**
   * Clients of the process: as many frames may come at once, while it computes, and those that find
   * no room are lost. The end that is no server decides how long both rings are.
   */
  readonly clients?: number;
}

/**
 * The EAL argument for a memif port number `port` with this end in `dir`, for frames of `mtu`;
 * throws UsageError.
 */
export function memifArgument(
  port: number,
  dir: string,
  end: MemifEnd,
  { mac, mtu, clients = 1 }: MemifSetting,
): string {
  const role = end.server ? "server" : "client";
  const words = [
    `net_memif${port}`,
    `role=${role}`,
    `socket=${memifPath(dir, end)}`,
    "socket-abstract=no",
    `rsize=${Math.max(RING_LEAST, Math.min(RING_MOST, Math.ceil(Math.log2(clients))))}`,
  ];
  // A frame that needs several buffers would arrive as a chain of them.
  const bytes = Math.ceil((ETHER_HEADER + mtu) / BUFFER_UNIT) * BUFFER_UNIT;
  // The id has a server turn away a client with other buffers, because a handshake compares no
  // sizes, and later versions of the driver copy by their own.
  if (bytes > BUFFER_BYTES) words.push(`bsize=${bytes}`, `id=${bytes / BUFFER_UNIT}`);
  if (mac !== null) words.push(`mac=${mac}`);
  return `--vdev=${words.join(",")}`;
}
