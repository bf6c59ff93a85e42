// The interfaces of this machine by which addresses are reached, and how long their packets may be.

import { readFileSync } from "node:fs";
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
  try {
    return { name, mtu: Number(readFileSync(`/sys/class/net/${name}/mtu`, "utf8")) };
  } catch {
    // It may go away at any time, and is none then.
    return null;
  }
}

const LOOPBACK = "lo";

/**
 * Of the interfaces whose networks have one of these hosts (IPv4 address first), the one with the
 * smallest MTU; null if none has: they are reached through routers, whose networks nobody knows.
 * What is sent to an address of this machine goes by the loopback interface, whosever it is.
 */
export function smallestInterface(
  hosts: readonly Uint8Array[],
  all: { readonly [name: string]: Addresses | undefined } = networkInterfaces(),
  named: (name: string) => NetworkInterface | null = interfaceNamed,
): NetworkInterface | null {
  const own = new Set(
    Object.values(all).flatMap((some = []) => some.map(({ address }) => address)),
  );
  const others = hosts.filter((host) => !own.has(host.subarray(0, 4).join(".")));
  const names = Object.entries(all)
    .filter(([, some = []]) => some.some((one) => others.some((host) => reaches(one, host))))
    .map(([name]) => name);
  if (others.length < hosts.length) names.push(LOOPBACK);
  const reaching = names.flatMap((name) => named(name) ?? []);
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
