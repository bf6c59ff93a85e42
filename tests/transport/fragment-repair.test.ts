// Shows how soon lost fragments are sent again, in virtual time: what is known to have left within
// a measured round trip, what may be the end after a silence, and nothing twice.

import { expect, test } from "bun:test";
import type { Address, Bytes } from "../../src/actor.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { FRAGMENT, REQUEST } from "../../src/transport/fragment-format.ts";
import { Fragments } from "../../src/transport/fragment.ts";
import { Reader, Writer } from "../../src/wire.ts";
import { FakeClock } from "../support/fakes.ts";

const PAYLOAD = 1000;
const SIZE = PAYLOAD - 17;
const STRANGER = 100;
/** Milliseconds between two looks. */
const STEP_MS = 0.1;
/** Packets that leave in a step. */
const BUDGET = 16;

interface Part {
  readonly number: number;
  readonly index: number;
}
/** Whether a fragment that is sent for the so-manieth time is lost. */
type Loses = (part: Part, time: number) => boolean;

/** A sender and a receiver; the ids of their hosts are 1 and 2. */
class Link {
  readonly clock = new FakeClock();
  readonly drops = new Map<string, number>();
  /** When each message was complete, by its first byte. */
  readonly doneMs = new Map<number, number>();
  readonly startMs = this.clock.now;
  requests = 0;
  fragments = 0;
  losses = 0;
  /** Requests get lost as well. */
  losesRequest: () => boolean = () => false;
  loses: Loses = () => false;
  /** Milliseconds that a fragment takes longer than others. */
  lateMs: (part: Part) => number = () => 0;
  budget = BUDGET;
  /** Milliseconds of one way. */
  delayMs = 0.5;
  readonly sender: Fragments;
  readonly receiver: Fragments;
  readonly from: Address;
  readonly #times = new Map<string, number>();
  #flying: { readonly atMs: number; readonly bytes: Bytes }[] = [];

  constructor(from: Address = 1) {
    this.from = from;
    this.sender = this.#end();
    this.receiver = this.#end();
  }

  #end(): Fragments {
    const writer = new Writer(new Uint8Array(PAYLOAD));
    const port = {
      payloadMax: () => PAYLOAD,
      beginPacket: () => writer.reset(0, PAYLOAD),
      sendPart: () => this.#send(writer.copy()),
      refuses: () => null,
      deliver: (_id: number, _from: Address, input: Reader) =>
        this.doneMs.set(input.u8(), this.clock.now - this.startMs),
      drop: (reason: string) => this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1),
      mayLeave: () => true,
      pump: () => undefined,
    };
    const shareOf = (address: Address) => (address < STRANGER ? -1 - address : address);
    const book = { intern: () => 0, write: () => undefined, shareOf };
    const { clock } = this;
    return new Fragments({ port, book, clock, replicas: 4, group: null, firstNumber: 0 });
  }

  #send(bytes: Bytes): void {
    let delayMs = this.delayMs;
    if (bytes[0] === REQUEST) {
      this.requests++;
      if (this.losesRequest()) return;
    } else {
      this.fragments++;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const part = { number: view.getUint32(5), index: view.getUint16(9) };
      const key = `${part.number} ${part.index}`;
      const time = (this.#times.get(key) ?? 0) + 1;
      this.#times.set(key, time);
      if (this.loses(part, time)) {
        this.losses++;
        return;
      }
      delayMs += this.lateMs(part);
    }
    this.#flying.push({ atMs: this.clock.now + delayMs, bytes });
  }

  /** Sends a message of so many fragments, the so-manieth of this link. */
  transmit(name: number, count: number): void {
    const message = new Uint8Array((count - 1) * SIZE + 1);
    message[0] = name;
    this.sender.transmit(0, [2], message);
  }

  run(forMs: number): void {
    const endMs = this.clock.now + forMs;
    while (this.clock.now < endMs) {
      this.sender.pump(this.budget);
      this.clock.advance(STEP_MS);
      const arrived = this.#flying.filter(({ atMs }) => atMs <= this.clock.now);
      this.#flying = this.#flying.filter(({ atMs }) => atMs > this.clock.now);
      for (const { bytes } of arrived) {
        const input = new Reader(bytes);
        const kind = input.u8();
        if (kind === FRAGMENT) this.receiver.receive(kind, 2, this.from, input);
        else this.sender.receive(kind, 0, 2, input);
      }
    }
  }

  /** How long a message took. */
  tookMs(name: number, sentMs: number): number {
    return (this.doneMs.get(name) ?? Infinity) - (sentMs - this.startMs);
  }
}

/** A link of which a round trip was measured: message 0 lost a fragment. */
function measured(from?: Address): Link {
  const link = new Link(from);
  link.loses = ({ index }, time) => index === 0 && time === 1;
  link.transmit(0, 2);
  link.run(50);
  link.loses = () => false;
  expect([link.requests, link.doneMs.has(0)]).toEqual([1, true]);
  return link;
}

test("a link without loss has no requests, and what is lost first waits twenty milliseconds", () => {
  const link = new Link();
  for (let i = 1; i <= 50; i++) {
    link.transmit(i, i + 1);
    link.run(2);
  }
  expect([link.doneMs.size, link.requests, link.drops.size]).toEqual([50, 0, 0]);
  const first = measured().doneMs.get(0) ?? Infinity;
  expect(first).toBeGreaterThan(20);
  expect(first).toBeLessThan(43);
});

test("a fragment before one that came is there after two round trips, once one was measured", () => {
  const link = measured();
  link.loses = ({ index }, time) => index === 2 && time === 1;
  const sentMs = link.clock.now;
  link.transmit(1, 5);
  link.run(30);
  expect(link.tookMs(1, sentMs)).toBeGreaterThan(2);
  expect(link.tookMs(1, sentMs)).toBeLessThan(3.5);
  expect([link.requests, link.fragments]).toEqual([2, 2 + 1 + 5 + 1]);
});

test("a fragment that others overtake is not asked for, before a round trip is over or after it came", () => {
  const link = measured();
  const before = link.requests;
  link.lateMs = ({ index }) => (index === 1 ? 0.8 : 0);
  link.budget = 4;
  link.transmit(1, 6);
  link.run(0.1);
  link.budget = 0;
  link.run(1.6);
  link.budget = 2;
  link.run(10);
  expect([link.doneMs.has(1), link.requests - before]).toEqual([true, 0]);
});

test("the end of a message is asked for when a later one comes, before the silence is over", () => {
  const tookMs = (followed: boolean): number => {
    const link = measured();
    // Round trips that vary make a silence longer.
    link.delayMs = 2;
    link.transmit(1, 2);
    link.run(100);
    link.delayMs = 0.5;
    link.loses = ({ number, index }, time) => number === 2 && index === 2 && time === 1;
    const sentMs = link.clock.now;
    link.transmit(2, 3);
    if (followed) link.transmit(3, 2);
    link.run(60);
    return link.tookMs(2, sentMs);
  };
  expect(tookMs(true)).toBeLessThan(3.5);
  expect(tookMs(false)).toBeGreaterThan(4);
  expect(tookMs(false)).toBeLessThan(10);
});

test("under loss each lost fragment is sent again once, and all is there soon", () => {
  const random = new Random(1, "loss");
  for (const share of [0.01, 0.05, 0.1]) {
    const link = measured();
    const before = link.requests;
    // Of a message that is lost altogether its receiver knows nothing.
    link.loses = ({ number, index }, time) =>
      (time > 1 || index % 2 !== number % 2) && random.chance(share);
    link.losesRequest = () => random.chance(share);
    let needed = link.fragments;
    link.losses = 0;
    for (let i = 1; i <= 200; i++) {
      const count = 2 + random.int(i % 10 === 0 ? 100 : 6);
      needed += count;
      link.transmit(i, count);
      link.run(count / 10);
    }
    link.run(200);
    expect(link.doneMs.size).toBe(201);
    // What was sent again and came as well is little.
    expect(link.fragments - needed - link.losses).toBeLessThan(2 + 0.1 * link.losses);
    expect(link.requests - before).toBeLessThanOrEqual(1.5 * link.losses);
  }
});

test("a long message is repaired while it is sent, of what has left alone", () => {
  const link = measured();
  const { fragments, losses } = link;
  link.budget = 4;
  const count = 800;
  link.loses = ({ index }, time) => index % 20 === 3 && time === 1;
  const sentMs = link.clock.now;
  link.transmit(1, count);
  link.run(60);
  const lost = link.losses - losses;
  expect(lost).toBe(count / 20);
  expect(link.fragments - fragments).toBe(count + lost);
  // It takes 20 ms to send, and what is lost last is there a silence later.
  expect(link.tookMs(1, sentMs)).toBeLessThan(27);
  expect([...link.drops]).toEqual([]);
});

test("a path that became longer is not asked again and again", () => {
  const link = measured();
  link.loses = ({ index }, time) => index === 0 && time === 1;
  link.delayMs = 40;
  const before = link.requests;
  for (let i = 1; i <= 20; i++) {
    link.transmit(i, 2);
    link.run(300);
  }
  expect(link.doneMs.size).toBe(21);
  // Four for the first one; then the time is known.
  expect(link.requests - before).toBeLessThanOrEqual(20 + 12);
});

test("a sender that is gone is asked eight times in five seconds, however soon it answered", () => {
  const link = measured();
  link.loses = ({ index }) => index > 0;
  link.losesRequest = () => true;
  const before = link.requests;
  link.transmit(1, 3);
  link.run(4000);
  expect(link.drops.size).toBe(0);
  link.run(3000);
  expect(link.requests - before).toBe(8);
  expect([...link.drops]).toEqual([["incomplete message", 1]]);
});

test("a stranger's time is not measured: its messages wait twenty milliseconds", () => {
  const link = measured(STRANGER);
  link.loses = ({ index }, time) => index === 1 && time === 1;
  const sentMs = link.clock.now;
  link.transmit(1, 3);
  link.run(60);
  expect(link.tookMs(1, sentMs)).toBeGreaterThan(20);
});

test("a replica that begins thousands of messages is asked for few of them at a time", () => {
  const link = measured();
  link.loses = ({ index }) => index > 0;
  link.budget = 3000;
  for (let i = 0; i < 1000; i++) link.transmit(1, 3);
  const before = link.requests;
  link.run(5);
  expect(link.requests - before).toBeLessThanOrEqual(64);
  expect(link.requests - before).toBeGreaterThan(0);
});
