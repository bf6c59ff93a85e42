// Shows how bodies travel apart from proposals: by digest, completed from what clients sent or
// others give, within bounds, whoever lies.

import { describe, expect, test } from "bun:test";
import type { Address, Bytes } from "../../../src/actor.ts";
import { BODIES, BODY_MIN, FETCH_BODIES, NAMED } from "../../../src/base/body-form.ts";
import { decodeBatch, encodeProposed, makeBatch } from "../../../src/protocol/kit/batch.ts";
import { BodyExchange, bodiesOf } from "../../../src/protocol/kit/bodies.ts";
import { BodyStore, STORE_BYTES_MAX } from "../../../src/protocol/kit/body-store.ts";
import { digestOf } from "../../../src/protocol/kit/digest.ts";
import { HELD_BYTES_MAX, HELD_MAX } from "../../../src/protocol/kit/held-messages.ts";
import { NAMED_MAX, readNamed } from "../../../src/protocol/kit/named-message.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import { bytesOf, latin1, Reader, Writer, type AddressBook } from "../../../src/wire.ts";
import { FillsIn, Hoards, NeverAsks, TakesAny } from "../../mutants/bodies.ts";
import { FakeClock } from "../../support/fakes.ts";

const T = 320;
const PAUSE = T / 32;

const book: AddressBook = {
  intern: (_high, low) => low,
  write: (address, view, at) => view.setBigUint64(at, BigInt(address)),
};

/** Bytes that tell one body from another. */
function bodyOf(i: number, length = 2000): Bytes {
  const body = new Uint8Array(length).fill(i);
  body[0] = i >> 8;
  return body;
}

const requestOf = (number: number, op: Bytes): Request => ({ session: 9, tag: 1, number, op });

/** What a leader would encode: a head, a place for its signature, its batch, and a tail. */
function proposal(operations: readonly Bytes[]): Writer {
  const out = new Writer(new Uint8Array(4096), book).reset(0, 4096);
  out.bodies = [];
  out.u8(40);
  out.u53(7);
  out.seal(undefined);
  encodeProposed(
    makeBatch(
      operations.map((op, i) => requestOf(i + 1, op)),
      operations.map((_, i) => 100 + i),
    ),
    out,
  );
  out.u32(0xabcdef);
  return out;
}

/** One replica's, with what it sent, delivered and dropped. */
class Party {
  readonly clock = new FakeClock();
  readonly sent: { readonly to: Address; readonly bytes: Bytes }[] = [];
  readonly delivered: { readonly from: Address; readonly bytes: Bytes }[] = [];
  readonly drops: string[] = [];
  readonly bodies: BodyExchange;

  constructor(self: number, Kind = BodyExchange, n = 4) {
    const { clock } = this;
    this.bodies = new Kind(
      self,
      { n, viewTimeoutMs: T, broadcastsRequests: true },
      {
        get now() {
          return clock.now;
        },
        setTimer: (delayMs) => void clock.after(delayMs, () => this.bodies.timeout()),
        send: (to, write) => {
          const out = new Writer(new Uint8Array(64), book).reset(0, 64);
          write(out);
          this.sent.push({ to, bytes: out.copy() });
        },
        deliver: (from, input) => {
          this.delivered.push({ from, bytes: input.bytes(input.remaining) });
        },
        drop: (reason) => void this.drops.push(reason),
      },
    );
  }

  take(from: Address, bytes: Bytes): void {
    this.bodies.take(from, new Reader(bytes, book));
  }

  /** The proposal as it leaves here, the signature put in. */
  names(out: Writer, block: Bytes = new Uint8Array(0)): { named: Bytes; whole: Bytes } {
    const { sealAt } = out;
    const whole = out.copy();
    const cut = this.bodies.name(out.written(), out.bodies ?? []);
    if (cut === null) throw new Error("it names nothing");
    const signed = (bytes: Bytes) =>
      [bytes.subarray(0, sealAt), block, bytes.subarray(sealAt)].map((part) => Buffer.from(part));
    return {
      named: Buffer.concat([Uint8Array.of(NAMED), ...signed(cut)]),
      whole: Buffer.concat(signed(whole)),
    };
  }

  hears(...bodies: readonly Bytes[]): void {
    for (const body of bodies) this.bodies.hear(body, 1000);
  }

  /** Lets time pass in pauses. */
  pass(ms: number): void {
    for (let end = this.clock.now + ms; this.clock.now < end;) this.clock.advance(PAUSE);
  }

  get questions(): readonly Address[] {
    return this.sent.filter(({ bytes }) => bytes[0] === FETCH_BODIES).map(({ to }) => to);
  }

  size(name: string): number {
    const found = this.bodies.sizes.find((entry) => entry.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    expect(found.size).toBeLessThanOrEqual(found.max);
    return found.size;
  }
}

/** Names so many bodies that nobody has. */
function unknown(seed: number, length = 2000): Bytes {
  return new Party(0).names(proposal([bodyOf(seed, length)])).named;
}

describe("what names bodies", () => {
  test("X23 stands for the very message, signature and all; small operations stay in it", () => {
    const operations = [bodyOf(1), bodyOf(2, BODY_MIN - 1), bodyOf(3, BODY_MIN), bodyOf(4, 40_000)];
    const leader = new Party(0);
    const { named, whole } = leader.names(proposal(operations), bodyOf(9, 69));
    expect(named.length).toBe(1 + whole.length - 2000 - BODY_MIN - 40_000 + 3 * 40 + 2);
    expect(Buffer.from(named).includes(operations[1] ?? "")).toBe(true);
    const backup = new Party(1);
    backup.hears(bodyOf(3, BODY_MIN), bodyOf(1), bodyOf(4, 40_000));
    backup.take(0, named);
    expect(backup.delivered).toEqual([{ from: 0, bytes: new Uint8Array(whole) }]);
    expect(backup.sent).toEqual([]);
    const input = new Reader(whole.subarray(9 + 69), book);
    const batch = decodeBatch(input);
    expect(batch.requests.map(({ op }) => op)).toEqual(operations);
    expect(batch.clients.at(3)).toBe(103);
  });

  test("X23 finds the bodies of requests that clients signed, and of opens before them", () => {
    const key = (i: number) => bodyOf(i, 33);
    const open: Request = { session: 0, tag: 0, number: 0, op: bodyOf(5, 16), source: 3 };
    const requests: Request[] = [
      { ...open, key: key(1) },
      { ...requestOf(1, bodyOf(1)), key: key(2) },
      { ...requestOf(2, bodyOf(2)), key: key(1) },
    ];
    const keyless: Request[] = [{ ...open, op: bodyOf(5, 13) }, requestOf(1, bodyOf(1))];
    for (const all of [requests, keyless]) {
      const out = new Writer(new Uint8Array(16_384), book).reset(0, 16_384);
      out.bodies = [];
      out.u8(40);
      encodeProposed(
        makeBatch(
          all,
          all.map(() => 100),
        ),
        out,
      );
      const found = out.bodies.map(({ at, body }) => out.written().slice(at, at + body.length));
      expect<readonly Bytes[]>(found).toEqual(
        all.map(({ op }) => op).filter(({ length }) => length >= BODY_MIN),
      );
    }
  });

  test("X23 is nothing where nobody broadcasts, and for clients", () => {
    const config = { n: 4, viewTimeoutMs: T };
    expect(bodiesOf(config, 0)).toBeNull();
    expect(bodiesOf({ ...config, broadcastsRequests: true }, null)).toBeNull();
    expect(bodiesOf({ ...config, broadcastsRequests: true }, 0)).not.toBeNull();
    expect(new Party(0).bodies.name(new Uint8Array(4), [])).toBeNull();
  });

  test("X23 is refused if it is malformed, and as a stranger's", () => {
    const good = unknown(1);
    const count = good.length - 2;
    const altered = (at: number, value: number) => {
      const other = good.slice();
      other[at] = value;
      return other;
    };
    const bad = [
      ...[good.slice(0, 1), good.slice(0, 20), altered(count + 1, 0), altered(count + 1, 9)],
      // Behind more bytes than there are; of 2^31 bytes, and of too few.
      ...[altered(count - 40, 255), altered(count - 36, 128), altered(count - 34, 0)],
    ];
    const party = new Party(1);
    for (const bytes of bad) party.take(0, bytes);
    expect(party.drops).toEqual(bad.map(() => "malformed"));
    party.take(4, good);
    expect(party.drops.at(-1)).toBe("from a stranger");
    // Whatever its entries say.
    const many = Buffer.concat([new Uint8Array(41 * (NAMED_MAX + 1)), Uint8Array.of(4, 1)]);
    expect(readNamed(new Reader(many))).toBeNull();
    expect(party.size("bodies.held")).toBe(0);
    // One body again and again would make much of little.
    const body = bodyOf(1, 600_000);
    party.hears(body);
    const twice = new Party(0).names(proposal([body])).named;
    const entry = twice.slice(-42, -2);
    party.take(0, Buffer.concat([twice.slice(0, -2), entry, Uint8Array.of(0, 2)]));
    expect([party.drops.at(-1), party.delivered.length]).toEqual(["malformed", 0]);
  });

  test("X23 several bodies of more bytes than a batch has go along", () => {
    const operations = [bodyOf(1, 600_000), bodyOf(2, 600_000)];
    const { named, whole } = new Party(0).names(proposal(operations));
    expect(named.length).toBeGreaterThan(600_000);
    const backup = new Party(1);
    backup.hears(...operations);
    backup.take(0, named);
    expect(backup.delivered.map(({ bytes }) => Buffer.compare(bytes, whole))).toEqual([0]);
  });

  test("X23 no more bodies than a batch has are named; the others go along", () => {
    const body = bodyOf(1, BODY_MIN);
    const places = Array.from({ length: NAMED_MAX + 5 }, (_, i) => ({
      at: 1 + i * BODY_MIN,
      body,
    }));
    const whole = new Uint8Array(1 + places.length * BODY_MIN);
    for (const { at } of places) whole.set(body, at);
    const named = new Party(0).bodies.name(whole, places) ?? new Uint8Array(0);
    const backup = new Party(1);
    backup.hears(body);
    backup.take(0, Buffer.concat([Uint8Array.of(NAMED), named]));
    expect(backup.delivered.map(({ bytes }) => Buffer.compare(bytes, whole))).toEqual([0]);
    expect(readNamed(new Reader(named))?.bodies.length).toBe(NAMED_MAX);
  });
});

/** A backup that lacks one of two bodies, until it asked once. */
function lacking(Kind = BodyExchange) {
  const leader = new Party(0);
  const { named, whole } = leader.names(proposal([bodyOf(1), bodyOf(2)]));
  const backup = new Party(1, Kind);
  backup.hears(bodyOf(1));
  backup.take(0, named);
  return { leader, backup, named, whole: new Uint8Array(whole) };
}

/** What it asked, and what the leader gave. */
function fetch(leader: Party, backup: Party): Bytes {
  backup.pass(2 * PAUSE);
  const question = backup.sent.at(-1)?.bytes ?? new Uint8Array(0);
  leader.take(1, question);
  return leader.sent.at(-1)?.bytes ?? new Uint8Array(0);
}

const questionOf = (...bodies: readonly Bytes[]): Bytes =>
  bytesOf((out) => {
    out.u8(FETCH_BODIES);
    out.u16(bodies.length);
    for (const body of bodies) out.bytes(digestOf(body));
  });

const answerOf = (...bodies: readonly Bytes[]): Bytes =>
  bytesOf((out) => {
    out.u8(BODIES);
    out.u16(bodies.length);
    for (const body of bodies) out.blob(body);
  });

describe("missing bodies", () => {
  test("X23 hold their proposal back, and no other message; it goes on when they come", () => {
    const { backup, whole } = lacking();
    expect(backup.delivered).toEqual([]);
    backup.hears(bodyOf(3));
    const other = new Party(0).names(proposal([bodyOf(3)]));
    backup.take(0, other.named);
    expect(backup.delivered.map(({ bytes }) => bytes)).toEqual([new Uint8Array(other.whole)]);
    backup.hears(bodyOf(2));
    expect(backup.delivered.at(-1)).toEqual({ from: 0, bytes: whole });
    backup.pass(T);
    expect([
      backup.questions,
      backup.size("bodies.held"),
      backup.size("bodies.held bytes"),
    ]).toEqual([[], 0, 0]);
  });

  test("X23 are asked for by digest, and those alone, of the proposer; mutants do not", () => {
    const { leader, backup, whole } = lacking();
    const answer = fetch(leader, backup);
    expect(backup.sent).toEqual([{ to: 0, bytes: questionOf(bodyOf(2)) }]);
    expect(answer).toEqual(answerOf(bodyOf(2)));
    backup.take(0, answer);
    expect(backup.delivered).toEqual([{ from: 0, bytes: whole }]);
    // Who completed it can give them to others.
    backup.take(2, questionOf(bodyOf(1), bodyOf(2)));
    expect(backup.sent.at(-1)).toEqual({ to: 2, bytes: answerOf(bodyOf(1), bodyOf(2)) });
    // Mutants: one waits for ever, one for nothing.
    const silent = lacking(NeverAsks);
    silent.backup.pass(T);
    expect([silent.backup.questions, silent.backup.delivered]).toEqual([[], []]);
    const rash = lacking(FillsIn);
    expect(rash.backup.delivered.map(({ bytes }) => Buffer.compare(bytes, rash.whole))).not.toEqual(
      [0],
    );
  });

  test("X23 what comes counts by its digest, whoever sent it; a mutant takes anything", () => {
    const outcome = (Kind: typeof BodyExchange) => {
      const { leader, backup, whole } = lacking(Kind);
      backup.take(3, answerOf(bodyOf(4)));
      const fooled = backup.delivered.length > 0;
      backup.take(2, fetch(leader, backup));
      const [first] = backup.delivered;
      return { fooled, whole: first !== undefined && Buffer.compare(first.bytes, whole) === 0 };
    };
    expect(outcome(BodyExchange)).toEqual({ fooled: false, whole: true });
    expect(outcome(TakesAny)).toEqual({ fooled: true, whole: false });
  });

  test("X23 a body of another length than it is named with is none", () => {
    const backup = new Party(1);
    const named = new Party(0).names(proposal([bodyOf(2)])).named.slice();
    // One byte more than there are.
    named[named.length - 2 - 32 - 1] = (2000 & 255) + 1;
    backup.hears(bodyOf(2));
    backup.take(0, named);
    backup.take(0, answerOf(bodyOf(2)));
    expect([backup.delivered, backup.drops]).toEqual([
      [],
      ["not admitted: bodies that are not missing"],
    ]);
  });

  test("X23 others are asked in turn, ever more seldom, and what nobody has is forgotten", () => {
    const { backup } = lacking();
    backup.pass(2 * T + 2 * PAUSE);
    const [first, ...further] = backup.questions;
    expect(first).toBe(0);
    expect(new Set(further)).toEqual(new Set([0, 2, 3]));
    // After 1, 2, 4 and from then on 8 pauses, of 64.
    expect(backup.questions.length).toBeLessThanOrEqual(11);
    expect(backup.drops).toEqual(["not admitted: message whose bodies did not come"]);
    expect([backup.size("bodies.held"), backup.size("bodies.held bytes")]).toEqual([0, 0]);
    expect(backup.clock.waiting).toBe(0);
  });

  test("X23 answers go to replicas, within their rate, and the same question has one in a while", () => {
    const { leader, backup } = lacking();
    fetch(leader, backup);
    const [{ bytes: question } = { bytes: new Uint8Array(0) }] = backup.sent;
    leader.take(1, question);
    leader.take(4, question);
    leader.take(1, question.slice(0, 20));
    leader.take(1, Uint8Array.of(FETCH_BODIES, 0, 0));
    leader.take(1, questionOf(bodyOf(8)));
    expect(leader.drops).toEqual([
      "not admitted: question of one who asked too much",
      ...["from a stranger", "malformed", "malformed"],
      "not admitted: question for bodies that are not here",
    ]);
    leader.clock.advance(T / 16);
    leader.take(1, question);
    expect(leader.sent.length).toBe(2);
  });

  test("X23 an answer has a megabyte, or one body", () => {
    const leader = new Party(0);
    const bodies = [bodyOf(1, 700_000), bodyOf(2, 700_000), bodyOf(3, 1_500_000)];
    for (const body of bodies) leader.names(proposal([body]));
    const ask = (...wanted: readonly Bytes[]) => {
      leader.take(1, questionOf(...wanted));
      return leader.sent.at(-1)?.bytes.length;
    };
    expect(ask(...bodies)).toBe(3 + 4 + 700_000);
    expect(ask(...bodies.slice(2))).toBe(3 + 4 + 1_500_000);
  });
});

describe("memory", () => {
  test("X23 one replica has so many proposals held, and displaces its own; a mutant hoards", () => {
    const most = (Kind: typeof BodyExchange) => {
      const party = new Party(1, Kind);
      const honest = new Party(0).names(proposal([bodyOf(0)]));
      party.take(0, honest.named);
      for (let i = 1; i <= 3 * HELD_MAX; i++) party.take(3, unknown(i));
      const { size = 0 } = party.bodies.sizes.find(({ name }) => name === "bodies.held") ?? {};
      party.hears(bodyOf(0));
      expect(party.delivered.map(({ from }) => from)).toEqual([0]);
      return size;
    };
    expect(most(BodyExchange)).toBe(HELD_MAX);
    expect(most(Hoards)).toBe(3 * HELD_MAX);
  });

  test("X23 what is held is charged with what it names, to who sent it", () => {
    const party = new Party(1);
    const honest = new Party(0).names(proposal([bodyOf(0)]));
    party.take(0, honest.named);
    for (let i = 1; i <= 40; i++) party.take(3, unknown(i, 1_900_000 + i));
    expect(party.size("bodies.held bytes")).toBeGreaterThan(HELD_BYTES_MAX / 2);
    expect(party.size("bodies.held")).toBeLessThan(20);
    party.hears(bodyOf(0));
    expect(party.delivered.map(({ from }) => from)).toEqual([0]);
  });

  test("X23 bodies give way to those of the host with fewer, and go when nobody names them", () => {
    const store = new BodyStore(4 * T);
    const keep = (body: Bytes, holder: number, nowMs: number) => {
      const key = latin1(digestOf(body));
      store.keep(key, body, holder, nowMs);
      return key;
    };
    const honest = keep(bodyOf(0), 1, 0);
    const first = keep(bodyOf(1, 1_000_000), 2, 0);
    for (let i = 2; i < 50; i++) keep(bodyOf(i, 1_000_000 + i), 2, 1);
    const [{ size, max } = { size: 0, max: 0 }] = store.sizes;
    expect(max).toBe(STORE_BYTES_MAX);
    expect(size).toBeLessThanOrEqual(max);
    expect(store.get(honest)).toEqual(bodyOf(0));
    expect(store.get(first)).toBeUndefined();
    // Named again it is as new.
    store.keep(honest, bodyOf(0), 7, 3 * T);
    keep(bodyOf(60), 3, 6 * T);
    expect([store.get(honest)?.length, store.sizes[0]?.size]).toEqual([2000, 2 * (2000 + 512)]);
    keep(bodyOf(61), 3, 8 * T);
    expect(store.get(honest)).toBeUndefined();
    store.clear();
    expect(store.sizes[0]?.size).toBe(0);
  });

  test("X23 who parts with its actor forgets all, and asks for nothing", () => {
    const { backup } = lacking();
    backup.bodies.clear();
    backup.pass(T);
    expect([backup.sent, backup.delivered, backup.size("bodies.bytes")]).toEqual([[], [], 0]);
  });
});
