// The deploy/*.config files: who the replicas of a cluster are.

import { existsSync } from "node:fs";
import type { Bytes } from "./wire.ts";
import { UsageError } from "./base/errors.ts";
import { readText } from "./base/text-file.ts";

/** The 8-byte wire form of an address: six bytes of MAC, or IPv4 and port; then the 16-bit id. */
export interface WireAddress {
  readonly kind: "mac" | "ipv4";
  readonly host: Bytes;
  readonly id: number;
}

/** A `deploy/*.config` file. */
export interface DeployConfig {
  readonly path: string;
  readonly f: number;
  readonly replicas: readonly WireAddress[];
  /** Processes of roles beside replica and client, in the order of their lines. */
  readonly roles: ReadonlyMap<string, readonly WireAddress[]>;
  readonly multicast: WireAddress | null;
  readonly transport: "dpdk" | "udp";
}

/** Ids are 7 bits, or 15 bits for at most one of the two ids of a packet (docs/architecture.md). */
export const ID_MAX = 0x7fff;
export const SMALL_ID_MAX = 0x7f;
/** Most replicas: signers must fit a byte. */
export const REPLICAS_MAX = 256;
const KEYWORDS: readonly string[] = ["f", "replica", "multicast"];
/** Groups whose frames no bridge passes on (IEEE 802.1Q, table 8-1). */
const LINK_LOCAL_GROUP = /^01:80:c2:00:00:0/i;
/** Most faults that so many replicas can tolerate. */
const F_MAX = 85;

/** Reads `PREFIX.config`; throws UsageError with file and line number. */
export function readDeployConfig(prefix: string): DeployConfig {
  const path = `${prefix}.config`;
  if (!existsSync(path)) {
    throw new UsageError(`${path}: no such file; -c takes its name without .config`);
  }
  return parseDeployConfig(path, readText(path));
}

/**
 * Addresses of processes, each of which has a host address of its own (a MAC address, or IPv4 and
 * port), because no two processes can have one port.
 */
export class ProcessAddresses {
  readonly #seen = new Map<string, string>();

  /**
   * The address of one process, or why it can have none like this. `whose` is for an id that is
   * too large, such as "a replica"; `where` is told of a later one that has the same host, such as
   * "on line 2".
   */
  add(word: string, whose: string, where: string): WireAddress | string {
    const address = parseAddress(word);
    if (address === null) return malformedAddress(word);
    const problem = noProcess(address);
    if (problem !== null) return `${word} is ${problem}`;
    if (address.id > SMALL_ID_MAX) return `${word}: the id of ${whose} is at most ${SMALL_ID_MAX}`;
    const host = formatHost(address);
    const before = this.#seen.get(host);
    if (before !== undefined) {
      const what = address.kind === "mac" ? "MAC address" : "address and port";
      return `${word}: the same ${what} as ${before}; each process needs one of its own`;
    }
    this.#seen.set(host, where);
    return address;
  }
}

/** Parses the text of a configuration file; `path` is for messages only. Throws UsageError. */
export function parseDeployConfig(path: string, text: string): DeployConfig {
  let f: number | null = null;
  let multicast: WireAddress | null = null;
  const replicas: WireAddress[] = [];
  const roles = new Map<string, WireAddress[]>();
  const processes = new ProcessAddresses();
  for (const [index, raw] of text.split("\n").entries()) {
    const fail = (problem: string): never => {
      throw new UsageError(`${path}:${index + 1}: ${problem}`);
    };
    /** The address of one process. */
    const own = (word: string, whose: string): WireAddress => {
      const address = processes.add(word, whose, `on line ${index + 1}`);
      return typeof address === "string" ? fail(address) : address;
    };
    const [keyword, value, ...rest] = raw.replace(/#.*/, "").trim().split(/\s+/);
    if (keyword === undefined || keyword === "") continue;
    // Files of the original may have it.
    if (keyword === "group") {
      fail("'group': there are no shards, one cluster a file; remove the line");
    }
    if (keyword === "role") {
      const [address, ...more] = rest;
      if (value === undefined || address === undefined || more.length > 0) {
        fail("'role' takes a name and an address");
      }
      const name = value ?? "";
      if (!/^[a-z][a-z-]*$/.test(name)) fail(`'${name}' is no name of a role`);
      roles.set(name, [...(roles.get(name) ?? []), own(address ?? "", `a ${name}`)]);
      continue;
    }
    if (!KEYWORDS.includes(keyword)) {
      fail(`unknown keyword '${keyword}'; there are f, replica, role and multicast`);
    }
    if (value === undefined || rest.length > 0) fail(`'${keyword}' takes one value`);
    const word = value ?? "";
    switch (keyword) {
      case "f":
        if (f !== null) fail("'f' was set before");
        if (!/^\d{1,3}$/.test(word) || Number(word) > F_MAX) {
          fail(`'f ${word}': expected a number from 0 to ${F_MAX}`);
        }
        f = Number(word);
        break;
      case "replica":
        replicas.push(own(word, "a replica"));
        break;
      case "multicast": {
        if (multicast !== null) fail("'multicast' was set before");
        multicast = parseAddress(word) ?? fail(malformedAddress(word));
        if (multicast.kind !== "mac") fail("multicast takes a MAC address");
        if (!isGroup(multicast)) fail(`${word} is not a multicast address`);
        if (LINK_LOCAL_GROUP.test(word)) fail(`${word} is a group that switches do not forward`);
        break;
      }
    }
  }
  return complete(path, f, replicas, roles, multicast);
}

function complete(
  path: string,
  f: number | null,
  replicas: readonly WireAddress[],
  roles: ReadonlyMap<string, readonly WireAddress[]>,
  multicast: WireAddress | null,
): DeployConfig {
  if (f === null) throw new UsageError(`${path}: no 'f' line`);
  const first = replicas[0];
  if (first === undefined) throw new UsageError(`${path}: no 'replica' line`);
  if (replicas.length > REPLICAS_MAX) {
    throw new UsageError(`${path}: ${replicas.length} replicas; at most ${REPLICAS_MAX}`);
  }
  const all = [...replicas, ...[...roles.values()].flat()];
  if (all.some(({ kind }) => kind !== first.kind)) {
    throw new UsageError(`${path}: MAC and IPv4 addresses cannot be mixed`);
  }
  if (multicast !== null && first.kind !== "mac") {
    throw new UsageError(`${path}: a multicast line needs replicas with MAC addresses`);
  }
  const group = multicast?.id;
  if (replicas.some(({ id }) => id === group)) {
    throw new UsageError(`${path}: the multicast id ${group} is also that of a replica`);
  }
  const transport = first.kind === "mac" ? "dpdk" : "udp";
  return { path, f, replicas, roles, multicast, transport };
}

/** `12:34:56:aa:aa:aa%0` or `10.0.0.1:5000%0`; null when malformed. */
export function parseAddress(text: string): WireAddress | null {
  const [host, idText, ...rest] = text.split("%");
  if (host === undefined || idText === undefined || rest.length > 0) return null;
  if (!/^\d{1,5}$/.test(idText) || Number(idText) > ID_MAX) return null;
  const id = Number(idText);
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(host)) {
    return {
      kind: "mac",
      host: Uint8Array.from(host.split(":"), (h) => Number.parseInt(h, 16)),
      id,
    };
  }
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3}):(\d{1,5})$/.exec(host);
  if (match === null) return null;
  const [a = 0, b = 0, c = 0, d = 0, port = 0] = match.slice(1).map(Number);
  if (a > 255 || b > 255 || c > 255 || d > 255 || port < 1 || port > 65_535) return null;
  return { kind: "ipv4", host: Uint8Array.of(a, b, c, d, port >> 8, port & 255), id };
}

/** The text that `parseAddress` reads. */
export function formatAddress(address: WireAddress): string {
  return `${formatHost(address)}%${address.id}`;
}

/** The same without its id: a MAC address, or IPv4 and port. */
export function formatHost({ kind, host }: WireAddress): string {
  if (kind === "mac") {
    return [...host].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  }
  const port = (host[4] ?? 0) * 256 + (host[5] ?? 0);
  return `${host.slice(0, 4).join(".")}:${port}`;
}

/** What a host address is if it is that of no process, or of several; null if one can have it. */
function noProcess(address: WireAddress): string | null {
  const [first = 0] = address.host;
  if (address.kind === "mac") {
    if (address.host.every((byte) => byte === 0)) return "the address of no port";
    if (address.host.every((byte) => byte === 255)) return "the broadcast address";
    return isGroup(address) ? "a multicast address" : null;
  }
  // RFC 1122, section 3.2.1.3; RFC 5771; RFC 1112, section 4.
  if (first === 0) return "the address of no host: nobody can send there";
  if (address.host.subarray(0, 4).every((byte) => byte === 255)) return "the broadcast address";
  if (first >= 240) return "a reserved address";
  return first >= 224 ? "a multicast address" : null;
}

/** Whether it is a MAC address of a group: the lowest bit of its first byte says so. */
function isGroup({ kind, host }: WireAddress): boolean {
  return kind === "mac" && ((host[0] ?? 0) & 1) === 1;
}

function malformedAddress(text: string): string {
  const examples = "12:34:56:aa:aa:aa%0 or 10.0.0.1:5000%0";
  return `'${text}' is no address; expected ${examples}, id at most ${ID_MAX}`;
}
