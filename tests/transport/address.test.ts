// Shows that addresses become handles and back, that configured ones stay for ever, that hosts
// which have not proven themselves get none for their packets, whose memory each table has for
// others, and who gives way when there is none left.

import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ID_MAX, type WireAddress } from "../../src/config.ts";
import { AddressTable, REFUSED, UNPROVEN, UNREACHABLE } from "../../src/transport/address.ts";

const HEARD_MAX = 65_536;
const NAMED_MAX = 16_384;
const PROVEN_MAX = 4096;

const pinned: readonly WireAddress[] = [
  { kind: "mac", host: Uint8Array.of(0x12, 0x34, 0x56, 0xaa, 0xaa, 0xaa), id: 0 },
  { kind: "mac", host: Uint8Array.of(0x12, 0x34, 0x56, 0xaa, 0xaa, 0xaa), id: 1 },
  { kind: "mac", host: Uint8Array.of(0x12, 0x34, 0x56, 0xbb, 0xbb, 0xbb), id: 255 },
  { kind: "mac", host: Uint8Array.of(0x01, 0, 0x5e, 0, 0, 1), id: 127 },
];
const inet: readonly WireAddress[] = [
  { kind: "ipv4", host: Uint8Array.of(10, 0, 0, 1, 0x12, 0x34), id: 0 },
];

let table: AddressTable;
beforeEach(() => {
  table = new AddressTable(pinned);
});

/** The 8-byte form of a handle, in hexadecimal. */
function written(address: number, from = table): string {
  const bytes = new Uint8Array(8);
  from.write(address, new DataView(bytes.buffer), 0);
  return bytes.toHex();
}

function reached(address: number, from = table): number {
  return from.writeHost(address, new DataView(new ArrayBuffer(6)), 0);
}

function size(name: string, of = table): number {
  return of.sizes.find((one) => one.name === `transport.${name}`)?.size ?? -1;
}

const FORGOTTEN = "0000000000000000";

describe("interning", () => {
  test("configured addresses are the first handles, and no others are of their hosts", () => {
    expect(table.find(0x123456aa, 0xaaaa, 0)).toBe(0);
    expect(table.find(0x123456aa, 0xaaaa, 1)).toBe(1);
    expect(table.find(0x123456bb, 0xbbbb, 255)).toBe(2);
    expect(written(2)).toBe("123456bbbbbb00ff");
    expect(table.find(0x123456aa, 0xaaaa, 2)).toBe(REFUSED);
    expect(table.find(0x123456aa, 0xaaaa, ID_MAX)).toBe(REFUSED);
  });

  test("the group is sent to, and sends nothing", () => {
    expect(reached(3)).toBe(127);
    expect(table.find(0x01005e00, 1, 127)).toBe(REFUSED);
    expect(table.find(0x01005e00, 1, 7)).toBe(REFUSED);
  });

  test("a host without proof gets no handle, and no memory", () => {
    for (let i = 0; i < 1000; i++) expect(table.find(0x0200_0000 + i, i, i)).toBe(UNPROVEN);
    expect(table.sizes.map((one) => one.size)).toEqual([0, 0, 0]);
  });

  test("every address of a proven host gets the next handle, and the same one again", () => {
    const known = new Map<string, number>();
    const host = fc.constantFrom(0, 4, 0x123456aa, 0xfeff_ffff);
    fc.assert(
      fc.property(host, fc.constantFrom(1, 0xaaab, 0xffff), fc.nat(ID_MAX), (high, low16, id) => {
        expect(table.prove(high, low16, 0)).toBe(true);
        const view = new DataView(new ArrayBuffer(8));
        view.setUint32(0, high);
        view.setUint16(4, low16);
        view.setUint16(6, id);
        const wire = new Uint8Array(view.buffer).toHex();
        const expected = known.get(wire) ?? pinned.length + known.size;
        known.set(wire, expected);
        expect(table.intern(high, view.getUint32(4))).toBe(expected);
        expect(table.find(high, low16, id)).toBe(expected);
        expect(written(expected)).toBe(wire);
        const there = new DataView(new ArrayBuffer(6));
        expect(table.writeHost(expected, there, 0)).toBe(id);
        expect(new Uint8Array(there.buffer).toHex()).toBe(wire.slice(0, 12));
      }),
    );
  });

  test("a host's number is that of all its ids, not of others, and the same in every table", () => {
    const other = new AddressTable(pinned);
    const number = (of: AddressTable, high: number, low16: number, id: number) => {
      expect(of.prove(high, low16, 0)).toBe(true);
      return of.sourceOf(of.find(high, low16, id));
    };
    const first = number(table, 5, 6, 1);
    number(other, 9, 9, 9);
    expect(number(table, 5, 6, 2)).toBe(first);
    expect(number(other, 5, 6, 3)).toBe(first);
    expect(number(table, 5, 7, 1)).not.toBe(first);
    expect(number(table, 6, 5, 1)).not.toBe(first);
    expect(number(table, 7, 6, 1)).not.toBe(first);
    expect(number(table, 0, 1, 0)).not.toBe(0);
    expect(table.sourceOf(1e9)).toBe(0);
  });

  test("an IPv4 host's number is its address, whatever the port", () => {
    const udp = new AddressTable(inet);
    expect(udp.sourceOf(0)).toBe(0x0a000001);
    for (const port of [4000, 5000]) {
      udp.prove(0xc0a80001, port, 0);
      expect(udp.sourceOf(udp.find(0xc0a80001, port, 1))).toBe(0xc0a80001);
    }
  });

  test("ids go up to 32,767; those above it are no others", () => {
    table.prove(5 << 8, 6, 0);
    const handles = new Set(
      Array.from({ length: ID_MAX + 1 }, (_, id) => table.find(5 << 8, 6, id)),
    );
    expect(handles.size).toBe(ID_MAX + 1);
    const last = table.find(5 << 8, 6, ID_MAX);
    expect(table.find(5 << 8, 6, ID_MAX + 1)).toBe(last);
    expect(table.find(5 << 8, 6, 0xffff)).toBe(last);
    expect(written(last)).toBe("0000050000067fff");
  });

  test("a handle that there never was is written as zeros, and goes nowhere", () => {
    expect(written(pinned.length)).toBe(FORGOTTEN);
    expect(reached(1e9)).toBe(-1);
    expect(reached(-5)).toBe(-1);
  });
});

describe("an address that a message names", () => {
  test("is passed on as it is, and not sent to until its host has proven itself", () => {
    const address = table.intern(0x0200_0001, 0x0002_0003);
    expect(written(address)).toBe("0200000100020003");
    expect(reached(address)).toBe(UNREACHABLE);
    expect(table.find(0x0200_0001, 2, 3)).toBe(UNPROVEN);
    expect(table.prove(0x0200_0001, 2, 0)).toBe(true);
    expect(reached(address)).toBe(3);
    expect(table.find(0x0200_0001, 2, 3)).toBe(address);
  });

  test.each([
    ["zeros", 0, 0],
    ["a replica's", 0x123456aa, 0xaaaa_0001],
    ["another id of a replica's host", 0x123456aa, 0xaaaa_0009],
    ["the group's", 0x01005e00, 0x0001_007f],
    ["another group's", 0x0300_0000, 0x0001_0001],
    ["everybody's", 0xffff_ffff, 0xffff_0001],
  ])("is nowhere if it is %s", (_whose, high, low) => {
    expect(written(table.intern(high, low))).toBe(FORGOTTEN);
    expect(reached(table.intern(high, low))).toBe(-1);
  });

  test.each([
    ["no port", "0a000002", 0],
    ["0.0.0.0", "00000000", 99],
    ["a group", "e0000001", 99],
    ["everybody", "ffffffff", 99],
  ])("and no UDP packet's source is %s", (_what, ip, port) => {
    const udp = new AddressTable(inet);
    const high = Number.parseInt(ip, 16);
    expect(udp.isHost(high, port)).toBe(false);
    expect(udp.prove(high, port, 0)).toBe(false);
    expect(written(udp.intern(high, port * 65_536 + 1), udp)).toBe(FORGOTTEN);
    expect(udp.isHost(0x0a00_0002, 99)).toBe(true);
  });

  test("displaces the oldest that was named, and none that was heard", () => {
    table.prove(0x0200_0000, 1, 0);
    const heard = Array.from({ length: 100 }, (_, id) => table.find(0x0200_0000, 1, id));
    const first = table.intern(0x0600_0000, 0x0001_0001);
    for (let i = 0; i < NAMED_MAX - 1; i++) table.intern(0x0800_0000 + i, 0x0001_0001);
    expect(written(first)).not.toBe(FORGOTTEN);
    table.intern(0x0a00_0000, 0x0001_0001);
    expect(written(first)).toBe(FORGOTTEN);
    // As many names of ids of the host that was heard from.
    for (let id = 100; id < 32_000; id++) table.intern(0x0200_0000, 0x0001_0000 + id);
    expect(heard.map((address) => reached(address))).toEqual([...heard.keys()]);
    expect(size("addresses named")).toBe(NAMED_MAX);
  });
});

describe("who gives way", () => {
  test("among addresses: the oldest of the host that has most", () => {
    for (const host of [1, 2, 3]) table.prove(0x0200_0000 + host, 1, 0);
    const small = Array.from({ length: 50 }, (_, id) => table.find(0x0200_0001, 1, id));
    const handles: number[] = [];
    for (let i = 0; i < ID_MAX; i++) {
      handles.push(table.find(0x0200_0002, 1, i), table.find(0x0200_0003, 1, i));
    }
    expect(size("addresses heard from")).toBe(HEARD_MAX);
    expect(small.map((address) => reached(address))).toEqual([...small.keys()]);
    expect(handles.filter((address) => reached(address) < 0).length).toBe(
      2 * ID_MAX + 50 - HEARD_MAX,
    );
    expect(reached(handles[0] ?? 0)).toBe(-1);
    expect(reached(handles.at(-1) ?? 0)).toBe(ID_MAX - 1);
  });

  test("whoever was forgotten gets a handle that nobody had", () => {
    table.prove(0x0200_0001, 1, 0);
    table.prove(0x0200_0002, 1, 0);
    table.prove(0x0200_0003, 1, 0);
    const handles: number[] = [];
    for (let round = 0; round < 3; round++) {
      for (const host of [1, 2, 3]) {
        for (let id = 0; id <= ID_MAX; id++) handles.push(table.find(0x0200_0000 + host, 1, id));
      }
    }
    // Some are still known when they come again.
    const distinct = new Set(handles);
    expect(distinct.size).toBeGreaterThan(HEARD_MAX + 3 * 1000);
    expect([...distinct].filter((address) => reached(address) >= 0).length).toBe(HEARD_MAX);
    expect(Math.min(...distinct)).toBe(pinned.length);
  });

  test("among UDP hosts: ports of the IPv4 address that has most", () => {
    const udp = new AddressTable(inet);
    expect(udp.prove(0x0a00_0002, 1, 0)).toBe(true);
    const honest = udp.find(0x0a00_0002, 1, 7);
    for (let port = 1; port <= 65_535; port++) expect(udp.prove(0x0a00_0042, port, 0)).toBe(true);
    expect(size("proven hosts", udp)).toBe(PROVEN_MAX);
    expect(reached(honest, udp)).toBe(7);
    expect(udp.prove(0x0a00_0003, 1, 0)).toBe(true);
    expect(udp.find(0x0a00_0042, 65_535, 0)).toBeGreaterThan(0);
    expect(udp.find(0x0a00_0042, 1, 0)).toBe(UNPROVEN);
  });

  test("among MAC addresses: nobody that is in use, so that there is no room", () => {
    for (let i = 0; i < PROVEN_MAX; i++) expect(table.prove(0x0200_0000 + i, 1, 0)).toBe(true);
    expect(table.prove(0x0400_0000, 1, 1000)).toBe(false);
    const kept = table.find(0x0200_0000 + 1, 1, 0);
    table.greet(kept, 50_000);
    expect(table.prove(0x0400_0000, 1, 60_000)).toBe(true);
    expect(size("proven hosts")).toBe(2);
    expect(reached(kept)).toBe(0);
    expect(table.find(0x0200_0000, 1, 0)).toBe(UNPROVEN);
  });

  test("a host that greets stays, and one that does not is forgotten after a minute", () => {
    table.prove(0x0200_0001, 1, 0);
    const address = table.find(0x0200_0001, 1, 3);
    for (let now = 1500; now < 200_000; now += 1500) table.greet(address, now);
    expect(reached(address)).toBe(3);
    table.greet(0, 260_000);
    expect(reached(address)).toBe(-1);
    expect(table.sizes.map((one) => one.size)).toEqual([0, 0, 0]);
  });

  test("all tables full leave memory small", () => {
    const before = process.memoryUsage().rss;
    const udp = new AddressTable(inet);
    for (let i = 0; i < 3 * PROVEN_MAX; i++) udp.prove(0x0b00_0000 + i, 1, 0);
    for (let i = 0; i < 3 * HEARD_MAX; i++) udp.find(0x0b00_0000 + (i % PROVEN_MAX), 1, i >> 12);
    for (let i = 0; i < 3 * NAMED_MAX; i++) udp.intern(0x0c00_0000 + i, 0x0001_7fff);
    for (const one of udp.sizes) expect(one).toEqual({ ...one, size: one.max });
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024);
  });
});
