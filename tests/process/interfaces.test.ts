// Shows which interface hosts are reached by, and that the smallest MTU among them counts.

import { expect, test } from "bun:test";
import { interfaceNamed, smallestInterface } from "../../src/process/interfaces.ts";

const MTUS: { readonly [name: string]: number } = { lo: 65_536, eth0: 1500, eth1: 9000 };
const of = (address: string, netmask: string) => ({ address, netmask, family: "IPv4" });
const all = {
  lo: [of("127.0.0.1", "255.0.0.0"), { address: "::1", netmask: "ffff::", family: "IPv6" }],
  eth0: [of("10.1.2.3", "255.255.240.0")],
  eth1: [of("192.168.7.1", "255.255.255.0"), of("10.200.0.1", "255.255.255.252")],
};
const named = (name: string) => ({ name, mtu: MTUS[name] ?? 0 });

test.each([
  ["the loopback interface", [[127, 0, 0, 9]], "lo"],
  ["this machine's own address in a network", [[10, 1, 2, 3]], "lo"],
  ["the end of a network", [[10, 1, 15, 255]], "eth0"],
  ["behind its end", [[10, 1, 16, 0]], null],
  ["a second network of an interface", [[10, 200, 0, 3]], "eth1"],
  [
    "several interfaces",
    [
      [192, 168, 7, 9],
      [127, 0, 0, 1],
    ],
    "eth1",
  ],
  [
    "somewhere beyond a router beside one that is near",
    [
      [8, 8, 8, 8],
      [127, 0, 0, 1],
    ],
    "lo",
  ],
  ["nobody", [], null],
])("hosts at %s", (_, hosts, name) => {
  const addresses = hosts.map((host) => Uint8Array.of(...host, 0, 80));
  expect(smallestInterface(addresses, all, named)?.name ?? null).toBe(name);
});

test("an interface that goes away while it is looked at is none", () => {
  expect(smallestInterface([Uint8Array.of(127, 0, 0, 1)], all, () => null)).toBeNull();
});

test("the kernel tells the MTU of an interface that there is", () => {
  expect(interfaceNamed("lo")?.mtu).toBeGreaterThanOrEqual(1500);
  expect(interfaceNamed("none0")).toBeNull();
});
