// Shows what a Node promises its actor: departures in order though signatures are slow, loopback in
// a later turn, checks that hold up their sender only, bounded queues, and timers that fire once.

import { beforeEach, describe, expect, test } from "bun:test";
import type { Actor, Address, Proof, Target } from "../src/actor.ts";
import { Node } from "../src/node.ts";
import { BLOCK_MIN, MESSAGE_MAX, Reader } from "../src/wire.ts";
import {
  blockOf,
  codec,
  FakeClock,
  FakeStage,
  FakeTransport,
  plain,
  RecordingActor,
  REFUSAL,
  signed,
  type Message,
} from "./support/fakes.ts";

let transport: FakeTransport;
let stage: FakeStage;
let clock: FakeClock;
let actor: RecordingActor;
let node: Node<Message, string>;

function build(self: number | null = 1, group: Address | null = null, n = 4): void {
  transport = new FakeTransport(group);
  stage = new FakeStage();
  clock = new FakeClock();
  actor = new RecordingActor();
  const random = (bound: number) => bound - 1;
  node = new Node({ id: 0, self, n, codec, transport, stage, clock, random });
  node.start(actor);
}

const sizeOf = (name: string) => node.sizes.find((entry) => entry.name === `node.${name}`)?.size;

beforeEach(() => build());

/** The drivers, of a node that is built otherwise. */
const drivers = () => ({ transport, stage, clock });

function expectBounded(): void {
  expect(node.sizes.filter(({ size, max }) => size > max)).toEqual([]);
}

const left = () => transport.left.map(({ text }) => text);
const drops = () => Object.fromEntries(node.drops);

describe("departures", () => {
  test("what needs no signature leaves at once", () => {
    node.send(7, plain("a"));
    expect(transport.left).toEqual([{ to: 7, text: "a" }]);
  });

  test("leave in the order of send, signed or not, whatever the order of signatures", () => {
    node.send(7, plain("1"));
    node.send(7, signed("2"));
    node.send("others", plain("3"));
    node.send("all", signed("4"));
    node.send(8, plain("5"));
    node.send(8, signed("6"));
    expect(left()).toEqual(["1"]);
    stage.signing[2]!();
    expect(left()).toEqual(["1"]);
    stage.signing[0]!();
    expect(left()).toEqual(["1", "2", "3"]);
    stage.signing[1]!();
    expect(left()).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(transport.left.map(({ to }) => to)).toEqual([7, 7, [0, 2, 3], [0, 2, 3], 8, 8]);
    for (const i of [1, 3, 5]) {
      expect(transport.packets[i]!.subarray(6, 6 + BLOCK_MIN)).toEqual(blockOf("6"));
    }
    node.send(7, plain("7"));
    expect(left().at(-1)).toBe("7");
  });

  test("the signature goes where the seal stands, and signs what comes before it", () => {
    node.send(7, signed("text", 9));
    stage.signing[0]!();
    const head = Uint8Array.of(1, 0, 0, 0, 4, ...Buffer.from("text"));
    expect(stage.signed).toEqual([head]);
    expect(transport.packets).toEqual([
      Uint8Array.of(...head, ...blockOf("9"), 0, 0, 0, 9, ...Buffer.from("ttttttttt")),
    ]);
  });

  test("one that has its seal is relayed as it is", () => {
    const seal = { signer: 3, signed: new Uint8Array(0), signature: blockOf("theirs") };
    node.send(7, { ...signed("relayed"), seal });
    expect({ left: left(), signing: stage.signing.length }).toEqual({
      ...{ left: ["relayed"], signing: 0 },
    });
  });

  test("to all and to others go to the group in one packet, where there is one", () => {
    build(1, 4);
    node.send("all", plain("a"));
    node.send("others", plain("b"));
    expect(transport.left.map(({ to }) => to)).toEqual([[4], [4]]);
  });

  test("one whose id is large sends to each replica, since the group's id may be large as well", () => {
    build(null, 4);
    const random = () => 0;
    node = new Node({ id: 128, self: null, n: 4, codec, transport, stage, clock, random });
    node.start(actor);
    node.send("all", plain("a"));
    expect(transport.left.map(({ to }) => to)).toEqual([[0, 1, 2, 3]]);
  });

  test("a client's messages to all go to every replica, and loop back to nobody", () => {
    build(null);
    node.send("all", plain("a"));
    expect(transport.left).toEqual([{ to: [0, 1, 2, 3], text: "a" }]);
    expect(node.poll()).toBe(0);
  });

  test("one that is too large is counted, signed or not, and holds up nobody", () => {
    node.send(7, { text: "x", signed: false, tail: MESSAGE_MAX });
    node.send(7, { text: "y", signed: true, tail: MESSAGE_MAX });
    node.send(7, { text: "z", signed: true, tail: MESSAGE_MAX - 1 - 4 - 1 - 4 });
    node.send(7, plain("after"));
    for (const sign of stage.signing) sign();
    expect({ left: left(), drops: drops() }).toEqual({
      ...{ left: ["after"], drops: { "larger than 4 MiB, and not sent": 3 } },
    });
  });

  test("large ones with their signature in the middle leave as they are, one after another", () => {
    const tail = 100_000;
    for (const text of ["a", "b"]) node.send(7, signed(text, tail));
    stage.signing[0]!();
    // Memory of the first one is used again by now.
    for (const text of ["c", "d"]) node.send(7, signed(text, tail));
    for (const sign of stage.signing.slice(1)) sign();
    expect(left()).toEqual(["a", "b", "c", "d"]);
    for (const [i, packet] of transport.packets.entries()) {
      const wanted = "abcd".charCodeAt(i);
      expect(packet.subarray(-tail).every((byte) => byte === wanted)).toBe(true);
    }
  });

  test("waiting ones are bounded in bytes: for all strangers, for each replica, and for all", () => {
    const tail = 2 ** 20;
    const send = (to: Target, count: number): void => {
      for (let i = 0; i < count; i++) node.send(to, signed(`${to} ${i}`, tail));
    };
    send(100, 10);
    send(101, 10);
    expect(drops()).toEqual({ "outbox full": 20 - 15 });
    send(2, 10);
    expect(drops()).toEqual({ "outbox full": 5 + 3 });
    send(3, 1);
    send("others", 70);
    expect(drops()).toEqual({ "outbox full": 5 + 3 + 7 });
    const charged = 1 + 4 + "100 0".length + 4 + tail + 256;
    expect(sizeOf("outbox.strangers.bytes")).toBe(15 * charged);
    expectBounded();
    for (const sign of stage.signing) sign();
    const last = left().at(-1);
    expect([left().length, last]).toEqual([15 + 7 + 1 + 63, "others 62"]);
    expect(node.sizes.filter(({ size }) => size > 0)).toEqual([]);
    node.send(7, plain("again"));
    expect(left().at(-1)).toBe("again");
  });

  test("many small ones are charged what they cost", () => {
    for (let i = 0; i < 20_000; i++) node.send(2, signed(""));
    const charged = 1 + 4 + 4 + 256;
    expect(sizeOf("outbox.replica.bytes")).toBe(20_000 * charged);
    for (let i = 0; i < 20_000; i++) node.send(2, signed(""));
    expect(drops()).toEqual({ "outbox full": 40_000 - Math.floor(2 ** 23 / charged) });
    expectBounded();
  });
});

describe("loopback", () => {
  test("comes in a later turn, never inside send, for all only", () => {
    node.send("all", plain("all"));
    node.send("others", plain("others"));
    node.send(7, plain("one"));
    expect(actor.received).toEqual([]);
    expect(node.poll()).toBe(1);
    expect(actor.received).toEqual(["1:all"]);
    expect(node.poll()).toBe(0);
  });

  test("comes once it is signed, with its seal, unchecked and whether refused or not", () => {
    actor.refused.add("vote");
    let seal: Proof | undefined;
    const receive = actor.receive.bind(actor);
    actor.receive = (from, message) => {
      seal = message.seal;
      receive(from, message);
    };
    node.send("all", signed("vote"));
    expect(node.poll()).toBe(0);
    stage.signing[0]!();
    expect(actor.received).toEqual([]);
    expect(node.poll()).toBe(1);
    expect(actor.received).toEqual(["1:vote"]);
    const head = Uint8Array.of(1, 0, 0, 0, 4, ...Buffer.from("vote"));
    expect(seal).toEqual({ signer: 1, signed: head, signature: blockOf("9") });
    expect({ asked: actor.asked, checking: stage.checking.size }).toEqual({
      ...{ asked: [], checking: 0 },
    });
  });

  test("of what an actor sent before another took its place does not come", () => {
    node.send("all", signed("vote"));
    node.send("all", plain("behind it"));
    node.stop();
    node.start(actor);
    for (const sign of stage.signing) sign();
    expect(left()).toEqual(["vote", "behind it"]);
    expect([node.poll(), actor.received]).toEqual([0, []]);
    node.send("all", plain("of the next one"));
    expect([node.poll(), actor.received]).toEqual([1, ["1:of the next one"]]);
  });

  test("is bounded in bytes, until the turn in which it comes", () => {
    const tail = 2 ** 20;
    for (let i = 0; i < 70; i++) node.send("all", { text: `${i}`, signed: false, tail });
    expect(drops()).toEqual({ "loopback full": 7 });
    expect(left().length).toBe(70);
    expectBounded();
    expect([node.poll(), sizeOf("loopback.bytes")]).toEqual([63, 0]);
    node.send("all", plain("again"));
    expect(node.poll()).toBe(1);
    expect(actor.received.at(-1)).toBe("1:again");
  });

  test("of what a loopback causes comes in the turn after", () => {
    let more = 3;
    actor.onReceive = () => {
      if (more-- > 0) node.send("all", plain(`${more}`));
    };
    node.send("all", plain("first"));
    const turns: number[] = [];
    while (turns.length < 5) turns.push(node.poll());
    expect(turns).toEqual([1, 1, 1, 1, 0]);
  });
});

describe("arrivals", () => {
  test("what nobody signed is received at once, from whom it came", () => {
    transport.arrive(9, plain("a"));
    expect({ received: actor.received, asked: actor.asked }).toEqual({
      ...{ received: ["9:a"], asked: ["a"] },
    });
  });

  test("malformed ones are counted and dropped", () => {
    transport.bytes(9, Uint8Array.of(1, 2, 3));
    transport.bytes(9, new Uint8Array(0));
    expect({ received: actor.received, drops: drops() }).toEqual({
      ...{ received: [], drops: { malformed: 2 } },
    });
  });

  test("forged ones are dropped and counted, and the sender's next ones still come", () => {
    transport.arrive(9, signed("forged"));
    transport.arrive(9, signed("good"));
    stage.finish("forged", false);
    stage.finish("good");
    stage.cached.set("known forgery", false);
    transport.arrive(9, signed("known forgery"));
    expect({ received: actor.received, drops: drops() }).toEqual({
      ...{ received: ["9:good"], drops: { forged: 2 } },
    });
  });

  test("a sender's messages keep their order while a check is slow, others overtake", () => {
    transport.arrive(1, signed("1a"));
    transport.arrive(1, plain("1b"));
    transport.arrive(1, signed("1c"));
    transport.arrive(2, plain("2a"));
    transport.arrive(3, signed("3a"));
    expect(actor.received).toEqual(["2:2a"]);
    stage.finish("3a");
    expect(actor.received).toEqual(["2:2a", "3:3a"]);
    stage.finish("1a");
    expect(actor.received).toEqual(["2:2a", "3:3a", "1:1a", "1:1b"]);
    stage.finish("1c");
    expect(actor.received.at(-1)).toBe("1:1c");
    expect(node.sizes.filter(({ size }) => size > 0)).toEqual([]);
  });

  test("a check that is known at once delays nothing", () => {
    stage.cached.set("a", true);
    transport.arrive(1, signed("a"));
    expect({ received: actor.received, size: sizeOf("senders") }).toEqual({
      ...{ received: ["1:a"], size: 0 },
    });
  });

  test("refuse is asked on arrival, and again when a check that had to wait is about to start", () => {
    build(1, null, 32);
    for (let i = 0; i < 8; i++) transport.arrive(10 + i, signed(`busy ${i}`));
    transport.arrive(1, signed("wanted"));
    transport.arrive(2, signed("stale"));
    const asked = (text: string) => actor.asked.filter((other) => other === text).length;
    expect([asked("busy 0"), asked("wanted"), asked("stale")]).toEqual([1, 1, 1]);
    actor.refused.add("stale");
    for (let i = 0; i < 8; i++) stage.finish(`busy ${i}`);
    stage.finish("wanted");
    expect([asked("wanted"), asked("stale"), drops()]).toEqual([2, 2, { [REFUSAL]: 1 }]);
    expect(actor.received.at(-1)).toBe("1:wanted");
    actor.refused.add("late");
    transport.arrive(2, signed("late"));
    expect([asked("late"), drops()]).toEqual([1, { [REFUSAL]: 2 }]);
    expect(sizeOf("senders")).toBe(0);
  });

  test("F8 one whose certificate is not needed is passed on without it, unchecked", () => {
    build(1, null, 32);
    actor.unneeded.add("known");
    const { verified } = stage.counts;
    transport.arrive(1, signed("known"));
    expect(actor.received).toEqual(["1:bare known"]);
    for (let i = 0; i < 8; i++) transport.arrive(10 + i, signed(`busy ${i}`));
    transport.arrive(2, signed("first"));
    transport.arrive(2, signed("second"));
    transport.arrive(3, signed("other"));
    transport.arrive(2, signed("known"));
    expect(actor.received).toEqual(["1:bare known"]);
    // What is known by the time that a check would start needs none, and keeps its place.
    for (const text of ["second", "other"]) actor.unneeded.add(text);
    stage.finish("busy 0");
    expect(actor.received.slice(2)).toEqual([]);
    stage.finish("first");
    const after = ["2:first", "3:bare other", "2:bare second", "2:bare known"];
    expect(actor.received.slice(2).toSorted()).toEqual(after.toSorted());
    const own = actor.received.filter((text) => text.startsWith("2:"));
    expect(own).toEqual(["2:first", "2:bare second", "2:bare known"]);
    expect(stage.counts.verified - verified).toBeLessThanOrEqual(9);
    expect([drops(), sizeOf("senders")]).toEqual([{}, 7]);
  });

  test("few checks are with the stage at a time, and senders are served in turn", () => {
    build(1, null, 32);
    for (let i = 0; i < 10; i++) transport.arrive(1, signed(`flood ${i}`));
    for (let sender = 2; sender < 20; sender++) transport.arrive(sender, signed(`s${sender}`));
    expect(stage.checking.size).toBe(8);
    const order: string[] = [];
    while (stage.checking.size > 0) {
      const [text = ""] = stage.checking.keys();
      order.push(text);
      stage.finish(text);
      expect(stage.checking.size).toBeLessThanOrEqual(8);
    }
    expect(order.indexOf("s19")).toBeLessThan(order.indexOf("flood 3"));
    expect(actor.received.filter((text) => text.startsWith("1:"))).toEqual(
      [...Array(10).keys()].map((i) => `1:flood ${i}`),
    );
    expect(actor.received.length).toBe(28);
  });

  test("what waits for checks is bounded, for each replica", () => {
    for (let i = 0; i < 300; i++) transport.arrive(1, signed(`flood ${i}`));
    expect(drops()).toEqual({ "too many to check": 300 - 256 - 1 });
    transport.arrive(2, signed("another's"));
    transport.arrive(3, plain("needs no check"));
    expect(actor.received).toEqual(["3:needs no check"]);
    expectBounded();
    stage.finish("another's");
    for (let i = 0; i < 257; i++) stage.finish(`flood ${i}`);
    expect(actor.received.length).toBe(1 + 257 + 1);
    expect(node.sizes.filter(({ size }) => size > 0)).toEqual([]);
  });

  test("what waits for checks is bounded in bytes", () => {
    const tail = 3 * 1024 * 1024;
    for (let i = 0; i < 10; i++) {
      transport.arrive(1, signed(`a${i}`, tail));
      transport.arrive(100 + i, signed(`s${i}`, tail));
    }
    // One that is with the stage, and two that wait, of the replica and of all strangers.
    expect([sizeOf("lane"), sizeOf("strangers")]).toEqual([2, 2]);
    expect(sizeOf("lane.bytes")).toBe(2 * (1 + 4 + 2 + BLOCK_MIN + 4 + tail));
    expect(drops()).toEqual({
      "too many to check": 7,
      "too many of strangers to check": 7,
    });
    expectBounded();
  });

  test("strangers have one lane together, whose turn comes when replicas have had theirs", () => {
    for (let i = 0; i < 1000; i++) transport.arrive(100 + i, signed(`s${i}`));
    expect([...stage.checking.keys()]).toEqual(["s0"]);
    expect(drops()).toEqual({ "too many of strangers to check": 1000 - 256 - 1 });
    for (const from of [0, 1, 2, 3]) {
      for (let i = 0; i < 3; i++) transport.arrive(from, signed(`r${from} ${i}`));
    }
    expect([...stage.checking.keys()]).toEqual(["s0", "r0 0", "r1 0", "r2 0", "r3 0"]);
    expectBounded();
    stage.finish("s0", false);
    // Each lane goes on with its next one; no lane has two at a time.
    stage.finish("r1 0");
    expect([...stage.checking.keys()]).toEqual(["r0 0", "r2 0", "r3 0", "s1", "r1 1"]);
    while (stage.checking.size > 0) stage.finish([...stage.checking.keys()][0]!);
    expect(actor.received.length).toBe(4 * 3 + 256);
    expect(node.sizes.filter(({ size }) => size > 0)).toEqual([]);
  });

  test("strangers take turns within their lane, and a stranger's messages keep their order", () => {
    for (let i = 0; i < 3; i++) transport.arrive(100, signed(`a${i}`));
    transport.arrive(100, plain("a plain"));
    transport.arrive(101, signed("b"));
    transport.arrive(102, plain("c"));
    const order: string[] = [];
    while (stage.checking.size > 0) {
      order.push(...stage.checking.keys());
      stage.finish(order.at(-1)!);
    }
    expect(order).toEqual(["a0", "b", "a1", "a2"]);
    expect(actor.received).toEqual([
      ...["102:c", "100:a0", "101:b", "100:a1", "100:a2", "100:a plain"],
    ]);
    stage.cached.set("known", true);
    transport.arrive(103, signed("known"));
    transport.arrive(104, signed("next"));
    expect([actor.received.at(-1), [...stage.checking.keys()]]).toEqual(["103:known", ["next"]]);
  });

  test("forgeries in a replica's name do not hold up those of its messages that are known", () => {
    transport.arrive(1, signed("forged 0"));
    stage.finish("forged 0", false);
    for (let i = 1; i < 300; i++) transport.arrive(1, signed(`forged ${i}`));
    stage.cached.set("known", true);
    transport.arrive(1, signed("known"));
    transport.arrive(2, signed("another's"));
    expect(actor.received).toEqual(["1:known"]);
    stage.finish("another's");
    expect(actor.received).toEqual(["1:known", "2:another's"]);
  });

  test("a lane's checks are doubted from a forgery on until 64 held in a row, those of others not", () => {
    const check = (from: number, text: string, valid: boolean): void => {
      transport.arrive(from, signed(text));
      stage.finish(text, valid);
    };
    check(1, "first", true);
    check(1, "forged", false);
    for (let i = 0; i < 70; i++) check(1, `later ${i}`, true);
    check(2, "another's", true);
    check(100, "a stranger's forgery", false);
    check(101, "another stranger's", true);
    // Of strangers the host is doubted that the forgery came from.
    check(100, "the same stranger's", true);
    expect(stage.doubted).toEqual([
      ...Array.from({ length: 64 }, (_, i) => `later ${i}`),
      "the same stranger's",
    ]);
  });

  test("a client's lanes are forgotten only when they are as they were made: a flood does not gain by it", () => {
    build(null);
    stage.knows = () => false;
    const verify = stage.verify.bind(stage);
    stage.verify = (proofs, run, done, doubted) => {
      stage.counts.verified++;
      verify(proofs, run, done, doubted);
    };
    for (let i = 0; i < 1500; i++) {
      stage.cached.set(`${i}`, true);
      transport.arrive(1, signed(`${i}`));
    }
    expect(stage.doubted.length).toBe(1500 - 1024);
    expect(sizeOf("checking")).toBe(0);
    clock.now += 60_000;
    stage.knows = () => true;
    transport.arrive(1, signed("known"));
    expect(sizeOf("checking")).toBeUndefined();
    expect(actor.received.length).toBe(1501);
  });

  test("a lane has 1,024 checks at once and five a millisecond; further ones wait their turn", () => {
    const verify = stage.verify.bind(stage);
    stage.knows = () => false;
    stage.verify = (proofs, run, done, doubted) => {
      stage.counts.verified++;
      verify(proofs, run, done, doubted);
    };
    const flood = (from: number, count: number): number => {
      stage.doubted.length = 0;
      for (let i = 0; i < count; i++) {
        stage.cached.set(`${from} ${i}`, true);
        transport.arrive(from, signed(`${from} ${i}`));
      }
      return stage.doubted.length;
    };
    expect([flood(1, 1500), flood(2, 100), flood(3, 1025)]).toEqual([1500 - 1024, 0, 1]);
    expect(actor.received.length).toBe(1500 + 100 + 1025);
    clock.now += 200;
    expect(flood(3, 1000)).toBe(1);
    clock.now += 60_000;
    expect([flood(1, 1500), flood(101, 1024), flood(102, 1)]).toEqual([1500 - 1024, 0, 1]);
  });

  test("what only replicas send is dropped undecoded if a stranger sent it", () => {
    let decoded = 0;
    const decode = (input: Reader) => {
      decoded++;
      return codec.decode(input);
    };
    const open = { ...codec, decode, openKinds: new Set([0]) };
    node = new Node({ ...{ id: 0, self: 1, n: 4, codec: open, random: () => 0 }, ...drivers() });
    node.start(actor);
    transport.arrive(4, signed("vote"));
    transport.bytes(4, new Uint8Array(0));
    expect([decoded, drops()]).toEqual([1, { "from a stranger": 1, malformed: 1 }]);
    stage.cached.set("vote", true);
    transport.arrive(4, plain("request"));
    transport.arrive(3, signed("vote"));
    expect(actor.received).toEqual(["4:request", "3:vote"]);
    // The transport asks before it puts together what is larger than a packet.
    const first = (kind: number) => new Reader(Uint8Array.of(kind));
    const refused = (from: number) =>
      [0, 1].map((kind) => transport.refuses(from, first(kind), 2000));
    expect([4, 3].map(refused)).toEqual([
      [null, "from a stranger"],
      [null, null],
    ]);
  });

  test("what its actor refuses by its bytes is dropped unread, what it does not is decoded as a whole", () => {
    const began: number[] = [];
    const picky: Actor<Message, string> = {
      receive: (from, message) => actor.receive(from, message),
      timeout: () => {},
      // Reads more than there may be.
      refuseBytes: (from, input, bytes) => {
        began.push(input.u8(), input.bytes(200).length);
        return from === 3 && bytes < 2000 ? "not admitted: from 3" : null;
      },
    };
    node = new Node({ id: 0, self: 1, n: 4, codec, transport, stage, clock, random: () => 0 });
    node.start(picky);
    transport.arrive(2, plain("a"));
    transport.arrive(2, signed("b"));
    stage.finish("b");
    transport.arrive(3, plain("c"));
    transport.bytes(3, Uint8Array.of(1, 2));
    transport.bytes(2, Uint8Array.of(1, 2));
    expect(began).toEqual([0, 0, 1, 0, 0, 0, 1, 0, 1, 0]);
    expect({ received: actor.received, drops: drops() }).toEqual({
      ...{ received: ["2:a", "2:b"], drops: { "not admitted: from 3": 2, malformed: 1 } },
    });
    // Of what comes in parts the first one is shown, with the bytes of all.
    const part = () => new Reader(Uint8Array.of(1, 2));
    expect([1999, 2000].map((bytes) => transport.refuses(3, part(), bytes))).toEqual([
      ...["not admitted: from 3", null],
    ]);
  });

  test("one whose check ends at once does not overtake its sender's that wait", () => {
    stage.cached.set("known", true);
    transport.arrive(1, signed("slow"));
    transport.arrive(1, signed("known"));
    transport.arrive(2, signed("known"));
    expect(actor.received).toEqual(["2:known"]);
    stage.finish("slow");
    expect(actor.received).toEqual(["2:known", "1:slow", "1:known"]);
    expect(sizeOf("senders")).toBe(0);
  });

  test("while as many checks are under way as may be, what is known passes without a turn", () => {
    build(1, null, 32);
    stage.cached.set("known", true);
    for (let i = 0; i < 8; i++) transport.arrive(10 + i, signed(`busy ${i}`));
    transport.arrive(1, signed("unknown"));
    transport.arrive(2, signed("known"));
    transport.arrive(1, signed("known"));
    expect(actor.received).toEqual(["2:known"]);
    stage.finish("busy 3");
    stage.finish("unknown");
    expect(actor.received).toEqual(["2:known", "13:busy 3", "1:unknown", "1:known"]);
  });

  test("what a message that is checked at once causes is sent, and its forgery is not passed on", () => {
    stage.cached.set("good", true);
    stage.cached.set("bad", false);
    actor.onReceive = (text) => node.send(7, plain(`answer to ${text}`));
    transport.arrive(1, signed("bad"));
    transport.arrive(1, signed("good"));
    expect({ left: left(), drops: drops() }).toEqual({
      ...{ left: ["answer to good"], drops: { forged: 1 } },
    });
    expect(sizeOf("checking")).toBe(0);
  });

  test("what a handler drops is counted by its reason, beside what was refused", () => {
    actor.onReceive = () => node.drop("not admitted: late");
    actor.refused.add("refused");
    for (const text of ["a", "b", "refused"]) transport.arrive(2, plain(text));
    expect(drops()).toEqual({ "not admitted: late": 2, [REFUSAL]: 1 });
  });

  test("an actor that refuses nothing gets everything", () => {
    const bare: Actor<Message, string> = {
      receive: (from, message) => actor.receive(from, message),
      timeout: () => {},
    };
    node = new Node({ id: 0, self: 1, n: 4, codec, transport, stage, clock, random: () => 0 });
    node.start(bare);
    transport.arrive(2, signed("a"));
    stage.finish("a");
    expect(actor.received).toEqual(["2:a"]);
  });
});

describe("timers", () => {
  test("fire once, when they are due", () => {
    node.setTimer("t", 10);
    clock.advance(9);
    expect(actor.fired).toEqual([]);
    clock.advance(1);
    clock.advance(100);
    expect(actor.fired).toEqual(["t"]);
  });

  test("re-armed later fire once, at the later time, with one call of the clock at a time", () => {
    node.setTimer("t", 10);
    for (let i = 0; i < 25; i++) {
      clock.advance(1);
      node.setTimer("t", 10);
      expect(clock.waiting).toBe(1);
    }
    expect(clock.asked).toBeLessThanOrEqual(4);
    clock.advance(9);
    expect(actor.fired).toEqual([]);
    clock.advance(1);
    clock.advance(100);
    expect({ fired: actor.fired, waiting: clock.waiting }).toEqual({ fired: ["t"], waiting: 0 });
  });

  test("re-armed earlier fire once, at the earlier time", () => {
    node.setTimer("t", 100);
    node.setTimer("t", 10);
    expect(clock.waiting).toBe(1);
    clock.advance(10);
    expect(actor.fired).toEqual(["t"]);
    clock.advance(1000);
    expect(actor.fired).toEqual(["t"]);
  });

  test("cleared ones do not fire, and can be set again before and after their time", () => {
    node.setTimer("t", 10);
    node.clearTimer("t");
    node.clearTimer("never set");
    clock.advance(20);
    expect(actor.fired).toEqual([]);
    node.setTimer("t", 10);
    node.clearTimer("t");
    node.setTimer("t", 20);
    clock.advance(10);
    expect(actor.fired).toEqual([]);
    clock.advance(10);
    expect(actor.fired).toEqual(["t"]);
  });

  test("are told apart by their names, and may be set while they fire", () => {
    actor.onTimeout = (timer) => {
      if (actor.fired.length < 4) node.setTimer(timer, 5);
    };
    node.setTimer("a", 5);
    node.setTimer("b", 7);
    for (let i = 0; i < 40; i++) clock.advance(1);
    expect(actor.fired).toEqual(["a", "b", "a", "b", "a"]);
  });

  test("now counts from the start of the node", () => {
    expect(node.now).toBe(0);
    clock.advance(25);
    expect(node.now).toBe(25);
    expect(node.random(10)).toBe(9);
  });
});
