// The interfaces of this machine by which addresses are reached, and how long their packets may be.

import { existsSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

/** One of the kernel's. */
export interface NetworkInterface {
  readonly name: string;
  readonly mtu: number;
}

/** What os.networkInterfaces tells of one, as far as it is needed. */
type Addresses = readonly {
  readonly address: string;
  readonly netmask: string;
  readonly family: string;
}[];

/** The interface of that name; null if there is none. */
export function interfaceNamed(name: string): NetworkInterface | null {
  const path = `/sys/class/net/${name}/mtu`;
  return existsSync(path) ? { name, mtu: Number(readFileSync(path, "utf8")) } : null;
}

/**
 * Of the interfaces whose networks have one of these hosts (IPv4 address first), the one with the
 * smallest MTU; null if none has: they are reached through routers, whose networks nobody knows.
 */
export function smallestInterface(
  hosts: readonly Uint8Array[],
  all: { readonly [name: string]: Addresses | undefined } = networkInterfaces(),
  named: (name: string) => NetworkInterface | null = interfaceNamed,
): NetworkInterface | null {
  const reaching = Object.entries(all).flatMap(([name, addresses = []]) =>
    addresses.some((one) => hosts.some((host) => reaches(one, host))) ? (named(name) ?? []) : [],
  );
  const [smallest] = reaching.toSorted((a, b) => a.mtu - b.mtu);
  return smallest ?? null;
}

function reaches({ address, netmask, family }: Addresses[number], host: Uint8Array): boolean {
  if (family !== "IPv4") return false;
  const own = address.split(".").map(Number);
  return netmask.split(".").every((mask, i) => {
    return (((own[i] ?? 0) ^ (host[i] ?? 0)) & Number(mask)) === 0;
  });
}
