// Shows who may ask for parts of a message, and that memory and work stay bounded whoever sends
// what.

import { beforeEach, describe, expect, test } from "bun:test";
import type { Address, Bytes } from "../../src/actor.ts";
import { Fragments } from "../../src/transport/fragment.ts";
import { bytesOf, Reader, Writer } from "../../src/wire.ts";
import { FakeClock } from "../support/fakes.ts";

const REPLICAS = 4;
const GROUP = 4;
const STRANGER = 100;
/** Ids of one host, by which the test's book numbers strangers. */
const IDS = 1000;
const PAYLOAD = 1000;
const HEADER = 17;
const SIZE = PAYLOAD - HEADER;
/** The first byte of messages that strangers may not send. */
const REFUSED = 77;

const drops = new Map<string, number>();
let sent: { readonly to: Address; readonly source: number; readonly bytes: Bytes }[] = [];
let delivered: number[] = [];
let clock: FakeClock;

function build(
  group: Address | null,
  firstNumber = 500,
  mayLeave: (to: Address) => boolean = () => true,
): Fragments {
  const writer = new Writer(new Uint8Array(PAYLOAD));
  clock = new FakeClock();
  drops.clear();
  sent = [];
  delivered = [];
  const port = {
    payloadMax: () => PAYLOAD,
    beginPacket: () => writer.reset(0, PAYLOAD),
    sendPart: (source: number, to: Address) => sent.push({ to, source, bytes: writer.copy() }),
    refuses: (_id: number, from: Address, input: Reader, bytes: number) =>
      from >= STRANGER && input.u8() === REFUSED && bytes > SIZE ? "refused" : null,
    deliver: (_id: number, _from: Address, input: Reader) => delivered.push(input.remaining),
    drop: (reason: string) => drops.set(reason, (drops.get(reason) ?? 0) + 1),
    mayLeave,
    pump: () => void fragments.pump(1000),
  };
  const book = {
    intern: () => 0,
    write: () => undefined,
    shareOf: (address: Address) =>
      address < STRANGER ? -1 - address : Math.floor((address - STRANGER) / IDS),
  };
  return new Fragments({ port, book, clock, replicas: REPLICAS, group, firstNumber });
}

let fragments: Fragments;
beforeEach(() => {
  fragments = build(GROUP);
});

function receive(destination: number, from: Address, input: Reader): void {
  fragments.receive(input.u8(), destination, from, input);
}

function request(number: number, ...bitmap: readonly number[]): Reader {
  return new Reader(
    bytesOf((out) => {
      out.u8(1);
      out.u53(number);
      out.bytes(Uint8Array.from(bitmap));
    }),
  );
}

const partBytes = new Uint8Array(PAYLOAD);
const partView = new DataView(partBytes.buffer);
const partReader = new Reader(partBytes);

/** One of `count` fragments; the last has one byte. The next call changes it. */
function part(number: number, index: number, count: number): Reader {
  partView.setUint32(1, Math.floor(number / 2 ** 32));
  partView.setUint32(5, number >>> 0);
  partView.setUint16(9, index);
  partView.setUint16(11, count);
  partView.setUint32(13, (count - 1) * SIZE + 1);
  return partReader.reset(0, index + 1 < count ? PAYLOAD : HEADER + 1);
}

function held(name: string): { size: number; max: number } {
  const found = fragments.sizes.find((size) => size.name === `transport.${name}`);
  if (found === undefined) throw new Error(`no size is called ${name}`);
  return found;
}

const CLAIMS = "bytes of strangers' fragments";
/** Of the last fragments of a message each, so many that strangers' memory is full. */
function fillWithClaims(from: Address): number {
  let number = 0;
  do receive(0, from, part(number++, 0, 4000));
  while (held(CLAIMS).size + 2 * SIZE < held(CLAIMS).max);
  return number;
}

function pumped(): readonly Address[] {
  sent = [];
  while (fragments.pump(1000) > 0);
  return sent.map(({ to }) => to);
}

describe("requests", () => {
  test("are answered to those whom the message was sent to, with what they miss", () => {
    fragments.transmit(7, [1, STRANGER], new Uint8Array(10 * SIZE));
    expect(pumped()).toHaveLength(20);
    receive(7, STRANGER, request(500, 0b1000_0001, 0b1111_1110));
    expect(pumped()).toEqual([STRANGER, STRANGER, STRANGER]);
    const indexes = sent.map(({ bytes }) => new DataView(bytes.buffer).getUint16(9));
    expect({ indexes, source: sent[0]?.source }).toEqual({ indexes: [0, 7, 9], source: 7 });
    expect([...drops]).toEqual([]);
  });

  test.each([
    ["another stranger", STRANGER + 1, [STRANGER]],
    ["another replica", 2, [1]],
    ["a replica that is no member's address", 2, [GROUP]],
    ["the group itself", GROUP, [1]],
    ["a stranger of what went to the group", STRANGER, [GROUP]],
    ["who is behind the members' addresses", GROUP + REPLICAS + 1, [GROUP]],
  ])("of %s are refused and counted", (_who, from, to) => {
    fragments.transmit(0, to, new Uint8Array(3 * SIZE));
    pumped();
    receive(0, from, request(500, 0xff));
    expect(pumped()).toEqual([]);
    expect([...drops]).toEqual([["unknown fragments requested", 1]]);
  });

  test("of the group's members are answered to each alone", () => {
    fragments.transmit(0, [GROUP], new Uint8Array(3 * SIZE));
    expect(pumped()).toEqual([GROUP, GROUP, GROUP]);
    for (let replica = 0; replica < REPLICAS; replica++) {
      const member = GROUP + 1 + replica;
      receive(0, member, request(500, 0b10));
      expect(pumped()).toEqual([member]);
    }
  });

  test("to the group go to each member while one is not ready, which holds up none of the others", () => {
    let ready = false;
    fragments = build(GROUP, 500, (to) => ready || (to !== GROUP && to !== 1));
    fragments.transmit(0, [GROUP], new Uint8Array(2 * SIZE));
    expect(pumped().toSorted()).toEqual([0, 0, 2, 2, 3, 3]);
    ready = true;
    expect(pumped()).toEqual([1, 1]);
    fragments.transmit(0, [GROUP], new Uint8Array(2 * SIZE));
    expect(pumped()).toEqual([GROUP, GROUP]);
  });

  test("are answered for the last 64 messages", () => {
    for (let i = 0; i < 65; i++) fragments.transmit(0, [1], new Uint8Array(2 * SIZE));
    pumped();
    for (const number of [500, 501, 564]) receive(0, 1, request(number, 1));
    expect(pumped()).toHaveLength(2);
    expect([...drops]).toEqual([["unknown fragments requested", 1]]);
  });

  test("repeated, send a message twice in a second, and nothing that is under way", () => {
    const count = 100;
    const bitmap = new Array<number>(13).fill(0xff);
    fragments.transmit(0, [STRANGER], new Uint8Array(count * SIZE));
    receive(0, STRANGER, request(500, ...bitmap));
    expect([...drops]).toEqual([["fragments requested that are under way", 1]]);
    expect(pumped()).toHaveLength(count);
    for (let i = 0; i < 5; i++) {
      receive(0, STRANGER, request(500, ...bitmap));
      expect(pumped()).toHaveLength(i < 2 ? count : 0);
    }
    expect(drops.get("fragments requested too often")).toBe(3);
    clock.advance(1000);
    for (let i = 0; i < 5; i++) {
      receive(0, STRANGER, request(500, ...bitmap));
      expect(pumped()).toHaveLength(i < 2 ? count : 0);
    }
  });

  test.each([
    ["to a replica", 1, 1],
    ["to the group", GROUP, GROUP + 2],
  ])("of a message %s that is under way bring what has left, once at a time", (_to, to, from) => {
    fragments.transmit(0, [to], new Uint8Array(100 * SIZE));
    fragments.pump(10);
    receive(0, from, request(500, 0b1000_0001, 0b1111_1111));
    receive(0, from, request(500, 0b1));
    expect([...drops]).toEqual([["fragments requested that are under way", 1]]);
    const indexes = (): number[] =>
      sent.map(({ bytes }) => new DataView(bytes.buffer).getUint16(9)).toSorted((a, b) => a - b);
    pumped();
    expect(indexes().filter((index) => index < 10)).toEqual([0, 7, 8, 9]);
    expect(sent).toHaveLength(94);
    drops.clear();
    receive(0, from, request(500, 0b1));
    receive(0, from, request(500, 0b1));
    expect([...drops]).toEqual([["fragments requested that are under way", 1]]);
    pumped();
    expect(indexes()).toEqual([0]);
  });

  test("of what was sent ten seconds ago find it gone, and its memory free", () => {
    fragments.transmit(0, [1], new Uint8Array(3 * SIZE));
    fragments.transmit(0, [STRANGER], new Uint8Array(3 * SIZE));
    pumped();
    expect(held("bytes of large messages").size).toBeGreaterThan(3 * SIZE);
    for (let i = 0; i < 12; i++) clock.advance(1000);
    receive(0, 1, request(500, 0xff));
    expect(pumped()).toEqual([]);
    expect(held("bytes of large messages").size).toBe(0);
    expect(held("bytes of large messages to strangers").size).toBe(0);
  });

  test("with a bitmap longer than the message send nothing more than that", () => {
    fragments.transmit(0, [1], new Uint8Array(3 * SIZE));
    pumped();
    receive(0, 1, request(500, ...new Array<number>(900).fill(0xff)));
    expect(pumped()).toHaveLength(3);
  });
});

describe("what is under way", () => {
  test("is bounded in number: the newest is dropped and counted", () => {
    const message = new Uint8Array(2 * SIZE);
    for (let i = 0; i < 1030; i++) fragments.transmit(0, [1], message);
    expect([...drops]).toEqual([["too many large messages", 6]]);
    expect(pumped()).toHaveLength(2048);
  });

  test("is bounded in bytes, to replicas and to strangers", () => {
    const message = new Uint8Array(4 * 1024 * 1024);
    for (let i = 0; i < 20; i++) fragments.transmit(0, [1], message);
    expect(drops.get("too many large messages")).toBe(5);
    for (let i = 0; i < 20; i++) fragments.transmit(0, [STRANGER + i], message);
    expect(drops.get("too many large messages")).toBe(18);
    for (const { name, size, max } of fragments.sizes)
      expect([name, size <= max]).toEqual([name, true]);
  });

  test("takes turns, and no pump exceeds its budget", () => {
    fragments.transmit(0, [1], new Uint8Array(100 * SIZE));
    fragments.transmit(0, [2], new Uint8Array(3 * SIZE));
    expect(fragments.pump(20)).toBe(20);
    expect(sent.filter(({ to }) => to === 2)).toHaveLength(3);
  });

  test("between replicas goes ahead of what strangers ask for, which does not stand still", () => {
    fragments.transmit(0, [STRANGER], new Uint8Array(1000 * SIZE));
    fragments.transmit(0, [1], new Uint8Array(1000 * SIZE));
    expect(fragments.pump(32)).toBe(32);
    expect(sent.filter(({ to }) => to === 1)).toHaveLength(24);
    expect(sent.filter(({ to }) => to === STRANGER)).toHaveLength(8);
  });

  test("to a host of many ids delays that to another by one turn", () => {
    for (let id = 0; id < 500; id++)
      fragments.transmit(0, [STRANGER + id], new Uint8Array(50 * SIZE));
    fragments.transmit(0, [STRANGER + IDS], new Uint8Array(8 * SIZE));
    fragments.pump(16);
    expect(sent.filter(({ to }) => to === STRANGER + IDS)).toHaveLength(8);
  });

  test("to one stranger is two messages at most", () => {
    for (let i = 0; i < 5; i++) fragments.transmit(0, [STRANGER], new Uint8Array(10 * SIZE));
    expect([...drops]).toEqual([["large messages to a stranger are under way", 3]]);
    expect(pumped()).toHaveLength(20);
  });

  test("gives way if its host has most of it, not that of another", () => {
    const message = new Uint8Array(1024 * 1024);
    fragments.transmit(0, [STRANGER + IDS], new Uint8Array(5 * SIZE));
    for (let id = 0; id < 40; id++) fragments.transmit(0, [STRANGER + id], message);
    drops.clear();
    fragments.transmit(0, [STRANGER + 2 * IDS], message);
    expect([...drops]).toEqual([["too many large messages", 1]]);
    const reached = new Set(pumped());
    expect(reached.has(STRANGER + IDS) && reached.has(STRANGER + 2 * IDS)).toBe(true);
    expect(reached.has(STRANGER)).toBe(false);
  });

  test("is kept for one host's requests up to 8 MiB, once it has left", () => {
    const mib = 1024 * 1024;
    for (let id = 0; id < 20; id++) {
      fragments.transmit(0, [STRANGER + id], new Uint8Array(mib));
      while (fragments.pump(1000) > 0);
    }
    expect(held("bytes of large messages to strangers").size / mib).toBeLessThan(8.1);
    receive(0, STRANGER + 19, request(519, 1));
    receive(0, STRANGER + 1, request(501, 1));
    expect(pumped()).toEqual([STRANGER + 19]);
  });

  test("to one host has a rate, 32 MiB a second, and goes on when time does", () => {
    const mib = 1024 * 1024;
    for (let i = 0; i < 20; i++) {
      for (let id = 0; id < 10; id++) fragments.transmit(0, [STRANGER + id], new Uint8Array(mib));
      while (fragments.pump(1000) > 0);
    }
    const first = sent.length * PAYLOAD;
    expect(first / mib).toBeGreaterThan(31);
    expect(first / mib).toBeLessThan(33);
    for (let i = 0; i < 100; i++) clock.advance(2);
    const then = sent.length * PAYLOAD - first;
    expect(then / mib).toBeGreaterThan(5);
    expect(then / mib).toBeLessThan(7);
  });

  test("of at most 16 KiB leaves the rate alone, which its parts asked for again use up", () => {
    const mib = 1024 * 1024;
    const size = 16 * 1024;
    let number = 500;
    for (let i = 0; i < 400; i++) {
      for (let id = 0; id < 10; id++) fragments.transmit(0, [STRANGER + id], new Uint8Array(size));
      while (fragments.pump(1000) > 0);
      number += 10;
    }
    expect((sent.length * PAYLOAD) / mib).toBeGreaterThan(62);
    let again = 0;
    for (let i = 0; i < 4000; i++) {
      fragments.transmit(0, [STRANGER + (i % 10)], new Uint8Array(size));
      while (fragments.pump(1000) > 0);
      const whole = sent.length;
      receive(0, STRANGER + (i % 10), request(number++, 0xff, 0xff, 0x01));
      while (fragments.pump(1000) > 0);
      again += sent.length - whole;
    }
    expect((again * PAYLOAD) / mib).toBeGreaterThan(31);
    expect((again * PAYLOAD) / mib).toBeLessThan(33);
  });
});

describe("memory of incomplete messages", () => {
  test("grows with what came, not with what was announced", () => {
    for (let id = 0; id < 1000; id++) receive(0, STRANGER + id, part(id, 3999, 4000));
    expect(held(CLAIMS).size).toBeLessThan(2_000_000);
  });

  test("is bounded for each replica, whom no stranger takes anything from", () => {
    fillWithClaims(STRANGER);
    for (let i = 0; i < 40_000; i++) receive(0, 1, part(i, 0, 4000));
    const { size, max } = held("bytes of a replica's fragments");
    expect(size <= max && max - size < 2 * SIZE).toBe(true);
    drops.clear();
    receive(0, 2, part(1, 0, 2));
    receive(0, 2, part(1, 1, 2));
    expect(delivered).toEqual([SIZE + 1]);
    expect([...drops]).toEqual([]);
  });

  test("of the stranger that holds most gives way to another, whose own is not touched", () => {
    const other = STRANGER + IDS;
    receive(0, other, part(77, 0, 3));
    fillWithClaims(STRANGER);
    for (let i = 0; i < 1000; i++) receive(0, STRANGER + i, part(1e6 + i, 0, 4000));
    // The flood's host is the greatest, and what it sends is fresh: its own newest find no room.
    expect(drops.get("too many fragments")).toBeGreaterThan(990);
    drops.clear();
    receive(0, other, part(77, 1, 3));
    receive(0, other, part(77, 2, 3));
    expect(delivered).toEqual([2 * SIZE + 1]);
    expect(drops.get("too many fragments")).toBeUndefined();
    for (const { name, size, max } of fragments.sizes)
      expect([name, size <= max]).toEqual([name, true]);
  });

  test("of a message in progress is not taken by claims in its sender's name", () => {
    const count = 100;
    let number = 1000;
    for (let index = 0; index < count; index++) {
      receive(0, STRANGER, part(7, index, count));
      // 16,000 a second, with as much as a packet holds.
      for (let i = 0; i < 320; i++) receive(0, STRANGER, part(number++, 0, 4000));
      clock.advance(20);
    }
    expect(delivered).toEqual([(count - 1) * SIZE + 1]);
    expect(held(CLAIMS).size).toBeLessThanOrEqual(held(CLAIMS).max);
  });

  test("of a number that others claim first is the message's as well, whatever they have sent of theirs", () => {
    for (const claimed of [3, 4]) receive(0, STRANGER, part(1, claimed - 1, claimed));
    receive(0, STRANGER, part(1, 0, 2));
    expect(delivered).toEqual([]);
    receive(0, STRANGER, part(1, 1, 2));
    expect(delivered).toEqual([SIZE + 1]);
    // A claim that is complete goes ahead of its number's message, and takes no other's place.
    receive(0, STRANGER, part(2, 0, 3));
    receive(0, STRANGER, part(2, 1, 3));
    receive(0, STRANGER, part(2, 2, 3));
    for (let i = 0; i < 2; i++) receive(0, STRANGER, part(2, i, 2));
    expect(delivered).toEqual([SIZE + 1, 2 * SIZE + 1, SIZE + 1]);
    // What comes once more is dropped.
    for (let i = 0; i < 2; i++) receive(0, STRANGER, part(2, i, 2));
    expect(delivered).toHaveLength(3);
    clock.advance(60_000);
    expect(held(CLAIMS).size).toBe(0);
  });

  test("is free after a while, however slowly a stranger goes on", () => {
    for (let index = 0; index < 40; index++) {
      receive(0, STRANGER, part(7, index, 4000));
      clock.advance(1000);
    }
    expect(drops.get("incomplete message")).toBe(1);
  });

  test("is not taken by what its sender may not send, once its first fragment is here", () => {
    const first = (number: number): Reader => {
      const reader = part(number, 0, 3);
      partBytes[HEADER] = REFUSED;
      return reader;
    };
    receive(0, STRANGER, part(1, 1, 3));
    expect(held(CLAIMS).size).toBeGreaterThan(SIZE);
    receive(0, STRANGER, first(1));
    receive(0, STRANGER, first(2));
    for (const number of [1, 2])
      for (const i of [1, 2]) {
        receive(0, STRANGER, part(number, i, 3));
      }
    receive(0, 1, first(3));
    partBytes[HEADER] = 0;
    for (const i of [1, 2]) receive(0, 1, part(3, i, 3));
    expect([held(CLAIMS).size, delivered, Object.fromEntries(drops)]).toEqual([
      ...[0, [2 * SIZE + 1], { refused: 2 }],
    ]);
  });

  test("of strangers: the oldest one is forgotten, with what it left incomplete", () => {
    for (let i = 0; i < 4097; i++) receive(0, STRANGER + i * IDS, part(1, 0, 2));
    expect([...drops]).toEqual([["incomplete message", 1]]);
    expect(held("strangers with fragments").size).toBe(4096);
  });
});

describe("requests that leave", () => {
  test("name what is known to have left, and the rest after a silence", () => {
    const missing = (): number[] =>
      sent
        .splice(0)
        .flatMap(({ bytes }) =>
          Array.from({ length: 8 * (bytes.length - 9) }, (_, i) => i).filter(
            (i) => ((bytes[9 + (i >> 3)] ?? 0) & (1 << (i & 7))) !== 0,
          ),
        );
    receive(3, 1, part(9, 1, 20));
    receive(3, 1, part(9, 3, 20));
    clock.advance(19);
    receive(3, 1, part(9, 4, 20));
    clock.advance(1);
    expect(missing()).toEqual([0, 2]);
    for (let i = 0; i < 60; i++) clock.advance(1);
    expect(missing()).toEqual([0, 2, ...Array.from({ length: 15 }, (_, i) => i + 5)]);
  });

  test("are eight, ever more slowly, then the message is given up", () => {
    receive(3, 1, part(9, 0, 2));
    const times: number[] = [];
    const start = clock.now;
    while (!drops.has("incomplete message")) {
      const before = sent.length;
      clock.advance(1);
      if (sent.length > before) times.push(clock.now - start);
    }
    expect(times).toHaveLength(8);
    expect(times[0]).toBeLessThanOrEqual(40);
    expect(times[7]! - times[6]!).toBeGreaterThan(times[1]! - times[0]!);
    expect(sent.every(({ to, source }) => to === 1 && source === 3)).toBe(true);
    expect(delivered).toEqual([]);
  });

  test("to a stranger are no larger in sum than what came", () => {
    for (const index of [0, 3999]) {
      fragments = build(GROUP);
      const came = part(9, index, 4000);
      const bytes = came.remaining;
      receive(3, STRANGER, came);
      for (let i = 0; i < 12_000; i++) clock.advance(1);
      expect(drops.get("incomplete message")).toBe(1);
      expect(sent.length).toBeGreaterThan(0);
      expect(sent.reduce((sum, packet) => sum + packet.bytes.length, 0)).toBeLessThanOrEqual(bytes);
    }
  });

  test("bring a stranger's message whose last fragment alone came", () => {
    const count = 500;
    receive(3, STRANGER, part(9, count - 1, count));
    for (let i = 0; i < 400 && delivered.length === 0; i++) {
      clock.advance(20);
      for (const { bytes } of sent.splice(0)) {
        for (let index = 0; index < count - 1; index++) {
          const byte = bytes[9 + (index >> 3)] ?? 0;
          if ((byte & (1 << (index & 7))) !== 0) receive(3, STRANGER, part(9, index, count));
        }
      }
    }
    expect(delivered).toEqual([(count - 1) * SIZE + 1]);
  });

  test("are few at a time for messages of which one fragment came", () => {
    for (let i = 0; i < 1000; i++) receive(0, STRANGER, part(i, 0, 4000));
    clock.advance(20);
    expect(sent).toHaveLength(64);
  });
});
