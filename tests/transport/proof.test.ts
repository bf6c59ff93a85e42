// Shows that a host which has not proven that it receives where it sends from gets no more bytes
// than came from there, that nothing of it is delivered, and that honest clients do not notice.

import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Address, Bytes } from "../../src/actor.ts";
import type { WireAddress } from "../../src/config.ts";
import { PacketTransport } from "../../src/transport/packet.ts";
import { Reader, Writer } from "../../src/wire.ts";
import { FakeClock } from "../support/fakes.ts";

const PAYLOAD = 200;
const PREFIX = 0x0200_0000;
const REPLICAS = 3;
/** Hosts: replicas are 0 to 2. */
const CLIENT = 5;
const STRANGER = 6;
const HELLO = 2;
const CHALLENGE = 3;
const PROOF = 4;
const INQUIRY = 6;
const ANSWER = 7;

/** What is shorter than a challenge is not challenged. */
const PREAMBLE = "a message: ";

const OTHER = 40;

interface Packet {
  readonly from: number;
  readonly fromId: number;
  readonly to: number;
  readonly toId: number;
  readonly part: boolean;
  readonly bytes: Bytes;
}

let clock: FakeClock;
let wire: Packet[];
let hosts: Map<number, WireTransport>;
let others: readonly WireAddress[];

function addressOf(host: number): WireAddress {
  return { kind: "mac", host: Uint8Array.of(2, 0, 0, 0, 0, host), id: host };
}

class WireTransport extends PacketTransport {
  readonly payloadMax = PAYLOAD;
  protected readonly fragmentBurst = Infinity;
  readonly host: number;
  readonly got: string[] = [];
  readonly #writer = new Writer(new Uint8Array(PAYLOAD), this.book);
  readonly #frame = new Uint8Array(PAYLOAD);
  readonly #reader = new Reader(this.#frame, this.book);
  readonly #address = new DataView(new ArrayBuffer(6));

  constructor(host: number, seed = host) {
    let state = seed + 1;
    super({
      replicas: Array.from({ length: REPLICAS }, (_, i) => addressOf(i)),
      multicast: null,
      others,
      member: host < REPLICAS,
      configured: host < REPLICAS || others.some(({ id }) => id === host),
      clock,
      random: (bound) => (state = (state * 7919 + 13) % bound),
    });
    this.host = host;
    this.listen(host, (_from, input) => this.got.push(textOf(input)));
    hosts.set(host, this);
  }

  poll(): number {
    return this.pumpFragments();
  }
  close(): void {
    // Nothing to free.
  }
  say(text: string, to: Address): void {
    this.begin(this.host).bytes(new TextEncoder().encode(PREAMBLE + text));
    this.transmit(to);
  }
  arrive({ from, fromId, toId, part, bytes }: Packet): void {
    this.#frame.set(bytes);
    const input = this.#reader.reset(0, bytes.length);
    this.receivePacket(toId, PREFIX, from, fromId, part, input);
    this.pumpFragments();
  }
  /** The handle of an address that a message names. */
  named(host: number, id: number): Address {
    return this.book.intern(PREFIX, host * 0x1_0000 + id);
  }

  protected beginPacket(): Writer {
    return this.#writer.reset(0, PAYLOAD);
  }
  protected sendPacket(source: number, to: Address, part: boolean): void {
    const toId = this.book.writeHost(to, this.#address, 0);
    if (toId < 0) this.countUnsent(toId);
    else {
      const bytes = this.#writer.copy();
      const { host } = this;
      wire.push({ from: host, fromId: source, to: this.#address.getUint16(4), toId, part, bytes });
    }
  }
  protected repeatPacket(source: number, to: Address, part: boolean): void {
    this.sendPacket(source, to, part);
  }
}

function textOf(input: Reader): string {
  return new TextDecoder().decode(input.bytes(input.remaining)).slice(PREAMBLE.length);
}

/** Delivers all that is on the wire, and what follows from it; returns it. */
function deliver(): readonly Packet[] {
  const all: Packet[] = [];
  while (wire.length > 0) {
    const batch = wire;
    wire = [];
    for (const packet of batch) hosts.get(packet.to)?.arrive(packet);
    all.push(...batch);
    if (all.length > 10_000) throw new Error("they go on for ever");
  }
  return all;
}

function packet(from: number, part: boolean, bytes: Bytes, toId = 0): Packet {
  return { from, fromId: 9, to: 0, toId, part, bytes };
}

let replica: WireTransport;
beforeEach(() => {
  clock = new FakeClock();
  wire = [];
  others = [];
  hosts = new Map();
  replica = new WireTransport(0);
});

describe("a stranger's packet", () => {
  test("is not delivered, and brings one challenge, no larger than it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: PAYLOAD }), fc.boolean(), (bytes, part) => {
        clock.advance(1000);
        replica.arrive(packet(STRANGER, part, bytes));
        const answers = wire.splice(0);
        expect(answers.length).toBeLessThanOrEqual(1);
        for (const answer of answers) {
          expect([answer.to, answer.toId, answer.part]).toEqual([STRANGER, 9, true]);
          expect(answer.bytes[0]).toBe(CHALLENGE);
          expect(answer.bytes.length).toBeLessThanOrEqual(bytes.length);
        }
        expect(replica.got).toEqual([]);
      }),
    );
    for (const { name, size } of replica.sizes) expect([name, size]).toEqual([name, 0]);
  });

  test("that asks what a replica runs is challenged, and told once it proved its address", () => {
    const text = new TextEncoder().encode("what it runs");
    replica.inquiries.answerWith(text);
    const inquiry = packet(STRANGER, true, Uint8Array.of(INQUIRY, ...new Uint8Array(100)));
    replica.arrive(inquiry);
    const [challenge] = wire.splice(0);
    expect(challenge?.bytes[0]).toBe(CHALLENGE);
    const cookie = challenge?.bytes.subarray(1) ?? [];
    replica.arrive(packet(STRANGER, true, Uint8Array.of(PROOF, ...cookie)));
    wire.splice(0);
    replica.arrive(inquiry);
    const answers = wire.splice(0).map(({ to, bytes }) => [to, [...bytes]]);
    expect(answers).toEqual([[STRANGER, [ANSWER, ...new Uint8Array(8), ...text]]]);
    expect(replica.got).toEqual([]);
  });

  test("is challenged once for all the messages of one datagram", () => {
    for (let i = 0; i < 32; i++) replica.arrive(packet(STRANGER, false, new Uint8Array(9)));
    expect(wire).toHaveLength(1);
    clock.advance(20);
    replica.arrive(packet(STRANGER, false, new Uint8Array(9)));
    expect(wire).toHaveLength(2);
  });

  test("in a replica's, a group's or nobody's name brings nothing", () => {
    const [one, group] = [0x0300_0000, 0x0000_0000];
    const input = new Reader(new Uint8Array(50));
    const arrive = (high: number, low16: number, id: number) =>
      (replica as unknown as { receivePacket: (...all: unknown[]) => void }).receivePacket(
        ...[0, high, low16, id, false, input.reset(0, 50)],
      );
    arrive(one, 1, 1);
    arrive(group, 0, 1);
    arrive(PREFIX, 1, 9);
    expect(wire).toEqual([]);
    expect(replica.got).toEqual([]);
    expect(replica.drops.get("from an address that no client can have")).toBe(3);
  });

  test("does not make two strangers challenge each other for ever", () => {
    new WireTransport(CLIENT);
    replica = new WireTransport(STRANGER);
    wire.push({
      from: CLIENT,
      fromId: 1,
      to: STRANGER,
      toId: 1,
      part: false,
      bytes: new Uint8Array(50),
    });
    expect(deliver().length).toBeLessThan(4);
  });

  test("with its address named by a replica gets nothing either, before it proves itself", () => {
    const address = replica.named(CLIENT, CLIENT);
    replica.say("reply", address);
    replica.say("x".repeat(1000), address);
    replica.poll();
    expect(wire).toEqual([]);
    expect(replica.drops.get("to an unproven address")).toBeGreaterThan(1);
    const client = new WireTransport(CLIENT);
    clock.advance(1);
    deliver();
    replica.say("reply", address);
    deliver();
    expect(client.got).toEqual(["reply"]);
  });
});

describe("a proof", () => {
  /** The cookie that a host is given. */
  function challenge(host: number, of = replica): Bytes {
    of.arrive(packet(host, true, new Uint8Array(9).fill(HELLO, 0, 1)));
    const answer = wire.pop();
    if (answer?.bytes[0] !== CHALLENGE) throw new Error("no challenge came");
    return answer.bytes.slice(1);
  }
  function proves(host: number, cookie: Bytes, to = replica): boolean {
    to.arrive(packet(host, true, Uint8Array.of(PROOF, ...cookie)));
    wire = [];
    const before = to.got.length;
    to.arrive(packet(host, false, new Uint8Array(3)));
    wire = [];
    return to.got.length > before;
  }

  test("is good for the host that was challenged, with all its ids", () => {
    const cookie = challenge(STRANGER);
    expect(proves(CLIENT, cookie)).toBe(false);
    expect(replica.drops.get("wrong proof of an address")).toBe(1);
    expect(proves(STRANGER, cookie)).toBe(true);
  });

  test("is good for ten seconds at least, for twenty at most", () => {
    const cookie = challenge(STRANGER);
    clock.advance(10_000);
    expect(proves(STRANGER, cookie)).toBe(true);
    const other = challenge(CLIENT);
    clock.advance(20_000);
    expect(proves(CLIENT, other)).toBe(false);
  });

  test("is of one life of a replica, and of one replica", () => {
    const cookie = challenge(STRANGER);
    expect(proves(STRANGER, cookie, new WireTransport(0, 77))).toBe(false);
    expect(proves(STRANGER, cookie, new WireTransport(1))).toBe(false);
  });

  test("that is too short or too long, or of nobody, is none", () => {
    const cookie = challenge(STRANGER);
    for (const wrong of [cookie.slice(1), Uint8Array.of(...cookie, 0), new Uint8Array(8)]) {
      expect(proves(STRANGER, wrong)).toBe(false);
    }
  });
});

describe("an honest client", () => {
  let client: WireTransport;
  beforeEach(() => {
    for (const host of [1, 2]) new WireTransport(host);
    client = new WireTransport(CLIENT);
  });

  test("has proven itself to all replicas before it asks anything", () => {
    clock.advance(1);
    deliver();
    for (const host of [0, 1, 2]) {
      hosts.get(host)?.say(`from ${host}`, hosts.get(host)?.named(CLIENT, CLIENT) ?? -1);
    }
    deliver();
    expect(client.got).toEqual(["from 0", "from 1", "from 2"]);
  });

  test("that asks first is served all the same, once, one round trip later", () => {
    client.say("first", 0);
    client.say("second", 0);
    deliver();
    expect(replica.got).toEqual(["first", "second"]);
    clock.advance(1);
    deliver();
    client.say("third", 0);
    deliver();
    expect(replica.got).toEqual(["first", "second", "third"]);
  });

  test("that asks first for something large is served once it is welcome", () => {
    const large = "x".repeat(1000);
    client.say(large, 0);
    expect(wire).toEqual([]);
    clock.advance(1);
    deliver();
    expect(replica.got).toEqual([large]);
  });

  test("is heard although its first packets are lost", () => {
    client.say("lost", 0);
    wire = [];
    for (let i = 0; i < 5 && replica.got.length === 0; i++) {
      clock.advance(20);
      deliver();
    }
    expect(replica.got).toEqual(["lost"]);
  });

  test("does not repeat old messages to a replica that starts late", () => {
    hosts.delete(0);
    client.say("stale", 0);
    for (let i = 0; i < 200; i++) {
      clock.advance(10);
      deliver();
    }
    const late = new WireTransport(0);
    for (let i = 0; i < 200; i++) {
      clock.advance(10);
      deliver();
    }
    expect(late.got).toEqual([]);
    late.say("hello", late.named(CLIENT, CLIENT));
    deliver();
    expect(client.got).toEqual(["hello"]);
  });

  test("is known to a replica that restarts soon, though it sends nothing", () => {
    clock.advance(1);
    deliver();
    const again = new WireTransport(0, 77);
    for (let i = 0; i < 200; i++) {
      clock.advance(10);
      deliver();
    }
    again.say("reply", again.named(CLIENT, CLIENT));
    deliver();
    expect(client.got).toEqual(["reply"]);
  });

  test("that a restarted replica challenges is served again with its next message", () => {
    clock.advance(1);
    deliver();
    const again = new WireTransport(0, 77);
    client.say("lost", 0);
    client.say("lost too", 0);
    deliver();
    client.say("asked again", 0);
    deliver();
    expect(again.got).toEqual(["asked again"]);
  });

  test("answers few challenges that are forged, and repeats nothing twice", () => {
    client.say("first", 0);
    wire = [];
    for (let i = 0; i < 1000; i++) {
      const bytes = Uint8Array.of(CHALLENGE, 1, 2, 3, 4, 5, 6, 7, 8);
      client.arrive({ from: 0, fromId: 0, to: CLIENT, toId: 0, part: true, bytes });
    }
    expect(wire.filter(({ part }) => part)).toHaveLength(8);
    expect(wire.filter(({ part }) => !part)).toHaveLength(1);
    for (const { name, size, max } of client.sizes)
      expect([name, size <= max]).toEqual([name, true]);
  });

  test("keeps a bounded number of bytes for a replica that is not there", () => {
    hosts.delete(2);
    for (let i = 0; i < 20_000; i++) client.say("x".repeat(100), 2);
    wire = [];
    const kept = client.sizes.find(({ name }) => name.includes("kept"));
    expect(kept?.size).toBeLessThanOrEqual(kept?.max ?? 0);
    expect(kept?.size).toBeGreaterThan(0);
    for (let i = 0; i < 300; i++) {
      clock.advance(10);
      deliver();
    }
    expect(client.sizes.find(({ name }) => name.includes("kept"))?.size).toBe(0);
  });
});

// One that waited for its own welcome kept large messages back, and those of an operation that
// needs more than a packet came too late (nopaxos short 2453).
test("a process of the configuration that is no replica proves nothing, and waits for nobody", () => {
  others = [addressOf(OTHER), addressOf(OTHER + 1)];
  hosts.clear();
  const first = new WireTransport(0);
  const other = new WireTransport(OTHER);
  clock.advance(0);
  expect(deliver()).toEqual([]);
  const large = "x".repeat(3 * PAYLOAD);
  other.say(large, 0);
  other.poll();
  deliver();
  expect(first.got).toEqual([large]);
});
