// Shows that addresses become handles and back, that configured ones stay for ever and others for
// as long as 65,536 newer ones have not come, that no handle is used twice, and that forged ones
// cost little memory.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ID_MAX, type WireAddress } from "../../src/config.ts";
import { AddressTable } from "../../src/transport/address.ts";

const REMEMBERED_MAX = 65_536;

const pinned: readonly WireAddress[] = [
  { kind: "mac", host: Uint8Array.of(0x12, 0x34, 0x56, 0xaa, 0xaa, 0xaa), id: 0 },
  { kind: "mac", host: Uint8Array.of(0x12, 0x34, 0x56, 0xaa, 0xaa, 0xaa), id: 1 },
  { kind: "mac", host: Uint8Array.of(0x12, 0x34, 0x56, 0xbb, 0xbb, 0xbb), id: 255 },
];

/** The 8-byte form of a handle, in hexadecimal. */
function written(table: AddressTable, address: number): string {
  const bytes = new Uint8Array(8);
  table.write(address, new DataView(bytes.buffer), 0);
  return bytes.toHex();
}

const FORGOTTEN = "0000000000000000";

describe("interning", () => {
  test("configured addresses are the first handles", () => {
    const table = new AddressTable(pinned);
    expect(table.intern(0x123456aa, 0xaaaa_0000)).toBe(0);
    expect(table.intern(0x123456aa, 0xaaaa_0001)).toBe(1);
    expect(table.intern(0x123456bb, 0xbbbb_00ff)).toBe(2);
    expect(written(table, 2)).toBe("123456bbbbbb00ff");
  });

  test("every other one gets the next handle, and the same one again", () => {
    const table = new AddressTable(pinned);
    const known = new Map<string, number>();
    const host = fc.constantFrom(0, 1, 0x123456aa, 0xffff_ffff);
    const low = fc.constantFrom(0, 0xaaaa, 0xffff);
    fc.assert(
      fc.property(host, low, fc.nat(ID_MAX), (high, low16, id) => {
        const view = new DataView(new ArrayBuffer(8));
        view.setUint32(0, high);
        view.setUint16(4, low16);
        view.setUint16(6, id);
        const wire = new Uint8Array(view.buffer).toHex();
        if (wire === "123456aaaaaa0000" || wire === "123456aaaaaa0001") return;
        const expected = known.get(wire) ?? pinned.length + known.size;
        known.set(wire, expected);
        expect(table.intern(high, view.getUint32(4))).toBe(expected);
        expect(table.find(high, low16, id)).toBe(expected);
        expect(written(table, expected)).toBe(wire);
        const there = new DataView(new ArrayBuffer(6));
        expect(table.writeHost(expected, there, 0)).toBe(id);
        expect(new Uint8Array(there.buffer).toHex()).toBe(wire.slice(0, 12));
      }),
    );
  });

  test("a host's number is that of all its ids, not of others, and the same in every table", () => {
    const table = new AddressTable(pinned);
    const other = new AddressTable(pinned);
    const first = table.find(5, 6, 1);
    other.find(9, 9, 9);
    expect(table.sourceOf(table.find(5, 6, 2))).toBe(table.sourceOf(first));
    expect(other.sourceOf(other.find(5, 6, 3))).toBe(table.sourceOf(first));
    for (const [high, low16] of [
      [5, 7],
      [6, 5],
      [7, 6],
    ] as const) {
      expect(table.sourceOf(table.find(high, low16, 1))).not.toBe(table.sourceOf(first));
    }
    expect(table.sourceOf(table.find(0, 0, 0))).not.toBe(0);
    expect(table.sourceOf(1e9)).toBe(0);
  });

  test("an IPv4 host's number is its address, whatever the port", () => {
    const host = Uint8Array.of(10, 0, 0, 1, 0x1f, 0x90);
    const table = new AddressTable([{ kind: "ipv4", host, id: 0 }]);
    expect(table.sourceOf(0)).toBe(0x0a000001);
    expect(table.sourceOf(table.find(0xc0a80001, 4000, 1))).toBe(0xc0a80001);
    expect(table.sourceOf(table.find(0xc0a80001, 5000, 2))).toBe(0xc0a80001);
  });

  test("ids go up to 32,767; those above it are no others", () => {
    const table = new AddressTable(pinned);
    const handles = new Set(Array.from({ length: ID_MAX + 1 }, (_, id) => table.find(5, 6, id)));
    expect(handles.size).toBe(ID_MAX + 1);
    const last = table.find(5, 6, ID_MAX);
    expect(table.find(5, 6, ID_MAX + 1)).toBe(last);
    expect(table.find(5, 6, 0xffff)).toBe(last);
    expect(written(table, last)).toBe("0000000500067fff");
  });

  test("a handle that there never was is written as zeros, and goes nowhere", () => {
    const table = new AddressTable(pinned);
    expect(written(table, pinned.length)).toBe(FORGOTTEN);
    expect(table.writeHost(1e9, new DataView(new ArrayBuffer(6)), 0)).toBe(-1);
  });
});

describe("forgetting", () => {
  test("the newest 65,536 are remembered, configured ones besides", () => {
    const table = new AddressTable(pinned);
    const first = table.find(9, 9, 9);
    for (let i = 1; i < REMEMBERED_MAX; i++) table.find(0x0200_0000 + (i >> 8), 1, i & 255);
    expect(table.find(9, 9, 9)).toBe(first);
    expect(written(table, first)).toBe("0000000900090009");
    table.find(0x0300_0000, 1, 1);
    expect(written(table, first)).toBe(FORGOTTEN);
    expect(table.writeHost(first, new DataView(new ArrayBuffer(6)), 0)).toBe(-1);
    expect(written(table, first + 1)).toBe("0200000000010001");
    expect(written(table, 0)).toBe("123456aaaaaa0000");
    expect(table.intern(0x123456bb, 0xbbbb_00ff)).toBe(2);
  });

  test("whoever was forgotten gets a handle that nobody had", () => {
    const table = new AddressTable(pinned);
    const handles: number[] = [];
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < REMEMBERED_MAX + 1; i++) handles.push(table.find(i, 0, i & 7));
    }
    expect(handles).toEqual(Array.from(handles, (_, i) => pinned.length + i));
  });

  test("a host keeps its other ids when one is forgotten, configured ones too", () => {
    const table = new AddressTable(pinned);
    const old = table.find(0x123456aa, 0xaaaa, 7);
    for (let i = 0; i < REMEMBERED_MAX - 1; i++) table.find(i, 1, 0);
    const late = table.find(0x123456aa, 0xaaaa, 8);
    expect(written(table, old)).toBe(FORGOTTEN);
    expect(table.find(0x123456aa, 0xaaaa, 8)).toBe(late);
    expect(table.find(0x123456aa, 0xaaaa, 0)).toBe(0);
    expect(table.find(0x123456aa, 0xaaaa, 7)).toBe(late + 1);
  });

  test("a host that comes back just when its last id is forgotten is remembered", () => {
    const table = new AddressTable([]);
    table.find(77, 0, 0);
    for (let i = 1; i < REMEMBERED_MAX; i++) table.find(i + 1000, 0, 0);
    const again = table.find(77, 0, 1);
    expect(table.find(77, 0, 1)).toBe(again);
    expect(written(table, again)).toBe("0000004d00000001");
  });

  test("packets forged from as many hosts with the largest id leave memory small", () => {
    const before = process.memoryUsage().rss;
    const table = new AddressTable(pinned);
    for (let i = 0; i < 2 * REMEMBERED_MAX; i++) table.find(i, 3, ID_MAX);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    expect(table.find(2 * REMEMBERED_MAX - 1, 3, ID_MAX)).toBe(
      pinned.length + 2 * REMEMBERED_MAX - 1,
    );
  });
});
