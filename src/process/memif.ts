// Shared-memory ports between processes of one machine: a directory of memif sockets.

import { existsSync, lstatSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../base/errors.ts";

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

/** The EAL argument for a memif port number `port` with this end in `dir`; throws UsageError. */
export function memifArgument(
  port: number,
  dir: string,
  end: MemifEnd,
  mac: string | null,
): string {
  const name = memifName(end.kind === "link" ? { ...end, server: true } : end);
  const path = join(resolve(dir), `${name}.sock`);
  if (path.includes(",")) throw new UsageError(`${path}: a socket's path cannot have a comma`);
  if (Buffer.byteLength(path) > PATH_MAX) {
    throw new UsageError(`${path}: longer than a socket's path may be (${PATH_MAX} bytes)`);
  }
  if (!existsSync(dir)) throw new UsageError(`${dir}: no such directory`);
  // A socket that a killed process left would keep a server from listening.
  if (end.server && existsSync(path)) {
    if (!lstatSync(path).isSocket()) throw new UsageError(`${path}: exists and is no socket`);
    rmSync(path);
  }
  const role = end.server ? "server" : "client";
  const words = [
    `net_memif${port}`,
    `role=${role}`,
    `socket=${path}`,
    "socket-abstract=no",
    "rsize=11",
  ];
  if (mac !== null) words.push(`mac=${mac}`);
  return `--vdev=${words.join(",")}`;
}
