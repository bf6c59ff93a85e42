// Shows that large messages arrive whatever is lost, that no queue overflows, and that nobody is held
// up by who is slow, silent or lies; and that planted bugs are found by the same.

import { describe, expect, test } from "bun:test";
import { Fragments } from "../../src/transport/fragment.ts";
import { GRANT, RECEIPT } from "../../src/transport/fragment-format.ts";
import { bytesOf, Reader } from "../../src/wire.ts";
import { FlowNet, PAYLOAD } from "../support/flow-net.ts";
import { plant, type Planted } from "../support/planted.ts";

const KIB = 1024;
const SMALL = { unasked: 8 * KIB, unaskedOfHost: 64 * KIB, ofMessage: 16 * KIB, granted: 64 * KIB };
type Make = typeof Fragments;

function transmit(net: FlowNet, from: number, to: number, kib: number): void {
  net.ends[from]?.transmit(0, [to], new Uint8Array(kib * KIB));
}

/** Packets of so many messages of so many KiB that nothing is lost of. */
function packetsOf(messages: number, kib: number): number {
  return messages * Math.ceil((kib * KIB) / (PAYLOAD - 18));
}

function bounded(net: FlowNet): void {
  for (const end of net.ends) {
    for (const { name, size, max } of end.sizes) expect([name, size <= max]).toEqual([name, true]);
  }
}

/** A tenth of all packets is lost, of whatever kind. */
function lossy(make: Make): void {
  const net = new FlowNet(make, {
    ...{ ends: 3, replicas: 3, limits: SMALL },
    lost: (_packet, random) => random.chance(0.1),
  });
  for (let i = 0; i < 20; i++) for (const to of [1, 2]) transmit(net, 0, to, 100);
  expect(net.run(20_000, () => net.delivered.length === 40)).toBe(true);
  expect(net.fragments).toBeLessThan(1.6 * packetsOf(40, 100));
  bounded(net);
}

/** All of one kind is lost for a while. */
function without(make: Make, kind: number): void {
  const net = new FlowNet(make, {
    ...{ ends: 2, replicas: 2, limits: SMALL },
    lost: (packet) => packet.kind === kind && packet.atMs < 300,
  });
  for (let i = 0; i < 40; i++) transmit(net, 0, 1, 40);
  expect(net.run(20_000, () => net.delivered.length >= 40)).toBe(true);
  expect(net.fragments).toBeLessThan(1.5 * packetsOf(40, 40));
}

/** Who receives stands still in the middle. */
function pausing(make: Make): void {
  const net = new FlowNet(make, {
    ...{ ends: 2, replicas: 2, limits: SMALL },
    perMs: (end, nowMs) => (end === 1 && nowMs > 10 && nowMs < 3000 ? 0 : 500),
    lost: ({ from, atMs }) => from === 1 && atMs > 10 && atMs < 3000,
  });
  for (let i = 0; i < 50; i++) transmit(net, 0, 1, 60);
  net.run(100);
  const before = net.packets;
  net.run(2800);
  expect(net.packets - before).toBeLessThan(60);
  transmit(net, 0, 1, 60);
  expect(net.run(5000, () => net.delivered.some(({ atMs }) => atMs > 3000))).toBe(true);
}

/** Somebody begins messages without end and answers no grant. */
function claiming(make: Make): void {
  const net = new FlowNet(make, { ends: 3, replicas: 2, lost: (packet) => packet.to === 2 });
  const claim = bytesOf((out) => {
    out.u53(0);
    out.u8(0);
    out.u16(0);
    out.u16(2000);
    out.u32(2000 * (PAYLOAD - 18) - 1);
    out.bytes(new Uint8Array(PAYLOAD - 18));
  });
  const view = new DataView(claim.buffer, claim.byteOffset);
  for (let number = 0; number < 40_000; number++) {
    view.setUint32(4, number);
    const input = new Reader(claim);
    net.ends[0]?.receive(0, 0, 2, input);
    if (number % 100 > 0) continue;
    net.run(1);
    bounded(net);
  }
  transmit(net, 1, 0, 3000);
  expect(net.run(500, () => net.delivered.some(({ from }) => from === 1))).toBe(true);
}

test("all arrives, with few repeats, though a tenth of all packets is lost", () =>
  lossy(Fragments));

test("all arrives though no grant does for a while", () => without(Fragments, GRANT));

test("all arrives though no receipt does for a while", () => without(Fragments, RECEIPT));

test("a message of which nothing came is found by its receiver", () => {
  const net = new FlowNet(Fragments, {
    ...{ ends: 2, replicas: 2 },
    lost: (packet) => packet.atMs < 40,
  });
  transmit(net, 0, 1, 100);
  expect(net.run(1000, () => net.delivered.length === 1)).toBe(true);
});

test("a receiver that stands still is left alone, and served when it goes on", () =>
  pausing(Fragments));

test("what is begun without end costs bounded memory and nobody's progress", () =>
  claiming(Fragments));

test.each([4, 16])("of %d replicas that send to one at once no queue overflows", (replicas) => {
  const net = new FlowNet(Fragments, {
    ...{ ends: replicas + 1, replicas },
    perMs: (end) => (end === 0 ? 40 : 500),
  });
  const each = 12;
  for (let i = 0; i < each; i++) {
    for (let from = 1; from <= replicas; from++) transmit(net, from, 0, 400);
  }
  const count = each * replicas;
  expect(net.run(300_000, () => net.delivered.length === count)).toBe(true);
  expect([net.overflowed, net.fragments < 1.7 * packetsOf(count, 400)]).toEqual([0, true]);
});

describe("what goes to the group", () => {
  test("arrives at each though packets are lost, and is sent once but for those", () => {
    const net = new FlowNet(Fragments, {
      ...{ ends: 4, replicas: 4, grouped: true, limits: SMALL },
      lost: (_packet, random) => random.chance(0.02),
    });
    for (let i = 0; i < 20; i++) transmit(net, 0, 4, 100);
    expect(net.run(20_000, () => net.delivered.length === 60)).toBe(true);
    expect(net.fragments).toBeLessThan(1.3 * packetsOf(20, 100));
  });

  test("waits for no member that is slow, silent or grants nothing", () => {
    const net = new FlowNet(Fragments, {
      ...{ ends: 4, replicas: 4, grouped: true, limits: SMALL },
      lost: (packet) => packet.from === 3,
    });
    for (let i = 0; i < 20; i++) transmit(net, 0, 4, 100);
    const others = () => net.delivered.filter(({ at }) => at !== 3).length;
    expect(net.run(2000, () => others() === 40)).toBe(true);
  });
});

describe("planted bugs are found:", () => {
  const bugs: readonly (Planted & { readonly by: (make: Make) => void })[] = [
    {
      name: "a grant that is lost is lost for ever",
      file: "granter.ts",
      from: "    this.#beginRepair(assembly, limit);\n",
      to: "",
      by: (make) => without(make, GRANT),
    },
    {
      name: "memory is not bounded",
      file: "fragment-assembler.ts",
      from: "while (pool.bytes + bytes > pool.max) {",
      to: "while (pool.bytes < 0) {",
      by: claiming,
    },
    {
      name: "what is granted is not bounded",
      file: "granter.ts",
      from: "return Math.floor((max - budget.granted - granted) / 2);",
      to: "return max;",
      by: claiming,
    },
    {
      name: "a window never opens again",
      file: "fragment-sender.ts",
      from: "    flow.peer.used -= flow.used;\n",
      to: "",
      by: lossy,
    },
    {
      name: "a storm of requests",
      file: "granter.ts",
      from: "if (now - repairMs < holder.roundTrip.lateMs(0)) return;",
      to: "",
      by: lossy,
    },
    {
      name: "a storm of fragments to who is silent",
      file: "fragment-sender.ts",
      from: "if (!peer.deaf || now - peer.probedMs >= waitMs) {",
      to: "flow.probes = 0;\n    if (now > 0) {",
      by: pausing,
    },
  ];
  for (const { by, ...bug } of bugs) {
    test(bug.name, async () => {
      const make = await plant(bug);
      expect(() => by(make)).toThrow();
    });
  }
});
