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
const PAYLOAD = 1000;
const HEADER = 17;
const SIZE = PAYLOAD - HEADER;

const drops = new Map<string, number>();
let sent: { readonly to: Address; readonly source: number; readonly bytes: Bytes }[] = [];
let delivered: number[] = [];
let clock: FakeClock;

function build(group: Address | null, firstNumber = 500): Fragments {
  const writer = new Writer(new Uint8Array(PAYLOAD));
  clock = new FakeClock();
  drops.clear();
  sent = [];
  delivered = [];
  const port = {
    payloadMax: () => PAYLOAD,
    beginPacket: () => writer.reset(0, PAYLOAD),
    sendPart: (source: number, to: Address) => sent.push({ to, source, bytes: writer.copy() }),
    deliver: (_id: number, _from: Address, input: Reader) => delivered.push(input.remaining),
    drop: (reason: string) => drops.set(reason, (drops.get(reason) ?? 0) + 1),
  };
  const book = { intern: () => 0, write: () => undefined };
  return new Fragments(port, book, clock, REPLICAS, group, firstNumber);
}

let fragments: Fragments;
beforeEach(() => {
  fragments = build(GROUP);
});

function request(number: number, ...bitmap: readonly number[]): Reader {
  return new Reader(
    bytesOf((out) => {
      out.u8(1);
      out.u53(number);
      out.bytes(Uint8Array.from(bitmap));
    }),
  );
}

/** The first of `count` fragments. */
function first(number: number, count: number): Reader {
  return new Reader(
    bytesOf((out) => {
      out.u8(0);
      out.u53(number);
      out.u16(0);
      out.u16(count);
      out.u32(count * SIZE);
      out.bytes(new Uint8Array(SIZE));
    }),
  );
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
    fragments.receive(7, STRANGER, request(500, 0b1000_0001, 0b1111_1110));
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
    fragments.receive(0, from, request(500, 0xff));
    expect(pumped()).toEqual([]);
    expect([...drops]).toEqual([["unknown fragments requested", 1]]);
  });

  test("of the group's members are answered to each alone", () => {
    fragments.transmit(0, [GROUP], new Uint8Array(3 * SIZE));
    expect(pumped()).toEqual([GROUP, GROUP, GROUP]);
    for (let replica = 0; replica < REPLICAS; replica++) {
      const member = GROUP + 1 + replica;
      fragments.receive(0, member, request(500, 0b10));
      expect(pumped()).toEqual([member]);
    }
  });

  test("are answered for the last 64 messages", () => {
    for (let i = 0; i < 65; i++) fragments.transmit(0, [1], new Uint8Array(2 * SIZE));
    pumped();
    for (const number of [500, 501, 564]) fragments.receive(0, 1, request(number, 1));
    expect(pumped()).toHaveLength(2);
    expect([...drops]).toEqual([["unknown fragments requested", 1]]);
  });

  test("with a bitmap longer than the message send nothing more than that", () => {
    fragments.transmit(0, [1], new Uint8Array(3 * SIZE));
    pumped();
    fragments.receive(0, 1, request(500, ...new Array<number>(900).fill(0xff)));
    expect(pumped()).toHaveLength(3);
  });
});

describe("bounds", () => {
  test("of messages on their way out: the newest is dropped and counted", () => {
    const message = new Uint8Array(2 * SIZE);
    for (let i = 0; i < 1030; i++) fragments.transmit(0, [1], message);
    expect([...drops]).toEqual([["too many large messages", 6]]);
    expect(pumped()).toHaveLength(2048);
  });

  test("messages on their way take turns, and no pump exceeds its budget", () => {
    fragments.transmit(0, [1], new Uint8Array(100 * SIZE));
    fragments.transmit(0, [2], new Uint8Array(3 * SIZE));
    expect(fragments.pump(20)).toBe(20);
    expect(sent.filter(({ to }) => to === 2)).toHaveLength(3);
  });

  test("of memory that strangers hold, however few bytes they send for it", () => {
    const parts = 4000;
    let messages = 0;
    for (let from = STRANGER; from < STRANGER + 900; from++) {
      for (let i = 0; i < 4; i++) fragments.receive(0, from, first(i, parts));
      messages += 4;
    }
    const held = 64 * 1024 * 1024;
    const taken = messages - (drops.get("too many fragments") ?? 0);
    expect(taken).toBe(Math.floor(held / (8 * parts + SIZE)));
    // A replica still gets through, and what was held is free once it is given up.
    fragments.receive(0, 1, first(1, 2));
    for (let i = 0; i < 12; i++) clock.advance(20 * 2 ** i);
    expect(drops.get("incomplete message")).toBe(taken + 1);
    drops.clear();
    fragments.receive(0, STRANGER, first(100, parts));
    expect([...drops]).toEqual([]);
  });

  test("of senders: the oldest stranger is forgotten, with what it left incomplete", () => {
    for (let replica = 0; replica < REPLICAS; replica++) {
      fragments.receive(0, replica, first(1, 2));
    }
    const strangers = 1024 - REPLICAS;
    for (let i = 0; i < strangers; i++) fragments.receive(0, STRANGER + i, first(1, 2));
    expect([...drops]).toEqual([]);
    fragments.receive(0, STRANGER + strangers, first(1, 2));
    expect([...drops]).toEqual([["incomplete message", 1]]);
  });

  test("of requests: eight, ever more slowly, then the message is given up", () => {
    fragments.receive(3, 1, first(9, 2));
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
});
