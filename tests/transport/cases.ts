// What every transport must do, whatever it is made of: one list of cases, run against each. Plain
// functions that throw, so that they run outside of bun test as well.

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Address, Bytes } from "../../src/actor.ts";
import { ID_MAX } from "../../src/config.ts";
import { PacketTransport } from "../../src/transport/packet.ts";
import { MESSAGE_MAX } from "../../src/wire.ts";
import { garbageCases } from "./garbage.ts";
import { all, ECHO, GROUP, pass, pattern, REPLICAS, until, type Medium } from "./medium.ts";

export interface Case {
  readonly name: string;
  /** Whether it wants a medium that loses packets. */
  readonly rough: boolean;
  /** What it wants that not every medium has. */
  readonly needs: Need | null;
  run(medium: Medium): void;
}

/** An address that reaches all replicas; a stranger who can send what is no packet. */
export type Need = "group" | "foreign";

const MIB = 1024 * 1024;

function calm(name: string, run: (medium: Medium) => void): Case {
  return { name, rough: false, needs: null, run };
}
function rough(name: string, run: (medium: Medium) => void): Case {
  return { name, rough: true, needs: null, run };
}
function grouped(one: Case): Case {
  return { ...one, needs: "group" };
}

/** Has the client ask replica 0 what it runs, until it is told. */
function asks(medium: Medium): void {
  const [asked, asking] = [medium.a.transport, medium.client.transport];
  ok(asked instanceof PacketTransport && asking instanceof PacketTransport);
  const text = new TextEncoder().encode("what it runs".repeat(40));
  const nonce = pattern(8, 3);
  asked.inquiries.answerWith(text);
  const answers: (readonly [Address, Bytes, Bytes])[] = [];
  asking.inquiries.listen((...answer) => answers.push(answer));
  let askedMs = -Infinity;
  until(medium, "it was told", () => {
    if (medium.now() - askedMs > 20) {
      askedMs = medium.now();
      asking.inquiries.ask(0, nonce);
    }
    return answers.length > 0;
  });
  const [answer] = answers;
  ok(answer !== undefined);
  equal(answer[0], 0);
  deepEqual([...answer[1]], [...nonce]);
  ok(Buffer.compare(answer[2], text) === 0, "the text is what the replica tells");
}

/** Waits until the bytes came, and are what they should be. */
function comes(medium: Medium, got: () => Bytes | null, expected: Bytes): void {
  until(medium, `${expected.length} bytes came`, () => got() !== null);
  const bytes = got() ?? new Uint8Array(0);
  equal(bytes.length, expected.length);
  ok(Buffer.compare(bytes, expected) === 0, "the bytes are those that were sent");
}

/** Sends from the client to replica 0 and has it sent back. */
function thereAndBack(medium: Medium, bytes: Bytes): void {
  let back: Bytes | null = null;
  const id = medium.client.listen((_from, input) => (back = all(input)));
  medium.a.handler = (from, input) => medium.a.send(0, from, all(input));
  medium.client.send(id, 0, bytes);
  comes(medium, () => back, bytes);
}

/**
 * Asks each of these twice and waits for its answer, because a host that was not proven repeats
 * what it sent when it is challenged: once both answers are here, nothing is on its way any more.
 */
function meets(medium: Medium, from: "a" | "client", others: readonly ("a" | "b")[]): void {
  for (const name of others) {
    const other = medium[name];
    other.handler = (sender, input) => other.send(0, sender, all(input));
    for (let round = 0; round < 2; round++) {
      let [answered, askedMs] = [false, -Infinity];
      medium[from].handler = () => (answered = true);
      until(medium, `${name} answers`, () => {
        // A calm medium loses nothing.
        if (askedMs === -Infinity || (medium.rough && medium.now() - askedMs > 20)) {
          askedMs = medium.now();
          medium[from].send(0, name === "a" ? 0 : 1, pattern(1, round));
        }
        return answered;
      });
    }
  }
}

/** Sends to some and waits until each of these got it, once. */
function spreads(
  medium: Medium,
  bytes: Bytes,
  to: Address | readonly Address[],
  from: "a" | "client",
  receivers: readonly ("a" | "b")[],
): void {
  meets(medium, from, receivers);
  const got = new Map<string, Bytes[]>(receivers.map((name) => [name, []]));
  for (const name of ["a", "b"] as const) {
    medium[name].handler = (_from, input) => {
      // A rough medium may still have something of an earlier case.
      if (input.remaining !== bytes.length && medium.rough) return;
      const copies = got.get(name);
      if (copies === undefined) throw new Error(`${name} got what was not for it`);
      copies.push(all(input));
    };
  }
  // The id 0, since a packet has no room for two large ids and the group's may be one.
  medium[from].send(0, to, bytes);
  until(medium, "each got it", () => [...got.values()].every((copies) => copies.length > 0));
  pass(medium, 50);
  for (const copies of got.values()) {
    ok(medium.rough || copies.length === 1, "it came once");
    for (const copy of copies) ok(Buffer.compare(copy, bytes) === 0, "it came as it was sent");
  }
}

const basics: readonly Case[] = [
  calm("a message goes to a replica, and the answer back to the client", (medium) =>
    thereAndBack(medium, pattern(100, 1)),
  ),

  calm("a message goes to several, each once", (medium) =>
    spreads(medium, pattern(200, 2), [0, 1], "client", ["a", "b"]),
  ),

  calm("a client is told what a replica runs, beside all messages", asks),
  rough("a client that asks again is told what a replica runs though packets are lost", asks),
  calm("many messages of one turn come in their order", (medium) => {
    const numbers: number[] = [];
    medium.a.handler = (_from, input) => numbers.push(input.u32());
    const id = medium.client.listen(() => {});
    for (let i = 0; i < 150; i++) {
      medium.client.transport.begin(id).u32(i);
      medium.client.transport.transmit(0);
    }
    until(medium, "all came", () => numbers.length === 150);
    deepEqual(numbers, [...Array(150).keys()]);
  }),

  calm("messages of one turn share packets, and come one by one as they were sent", (medium) => {
    const LENGTHS = [4, 5, 60, 370, 4, 1400, 33, 700, 1];
    const senders = [1, 2, 3].map(() => medium.client.listen(() => {}));
    const sent: string[][] = [[], []];
    const got: string[][] = [[], []];
    const from: Address[] = [];
    medium.a.handler = (sender, input) => {
      from.push(sender);
      got[0]?.push(all(input).toHex());
    };
    medium.b.handler = (_from, input) => got[1]?.push(all(input).toHex());
    for (let i = 0; i < 300; i++) {
      const bytes = pattern(LENGTHS[i % LENGTHS.length] ?? 0, i);
      const to = i % 7 < 4 ? 0 : 1;
      sent[to]?.push(bytes.toHex());
      medium.client.send(senders[i % senders.length] ?? 0, to, bytes);
    }
    until(medium, "all came", () => got.every((one, i) => one.length === sent[i]?.length));
    deepEqual(got, sent);
    equal(new Set(from).size, senders.length);
  }),

  calm("what is begun and not sent goes nowhere", (medium) => {
    const got: number[] = [];
    medium.a.handler = (_from, input) => got.push(input.u32());
    const id = medium.client.listen(() => {});
    for (let i = 0; i < 200; i++) {
      medium.client.transport.begin(id).u32(1000);
      medium.client.transport.begin(id).u32(i);
      if (i % 50 === 49) medium.client.transport.transmit(0);
    }
    until(medium, "those sent came", () => got.length === 4);
    deepEqual(got, [49, 99, 149, 199]);
  }),

  calm("5,000 clients of one host are told apart, and each gets its own answers", (medium) => {
    const { a, client } = medium;
    const clients = new Map<Address, number>();
    a.handler = (from, input) => {
      const number = input.u32();
      equal(clients.get(from) ?? number, number, "a handle is one client's");
      clients.set(from, number);
      a.transport.begin(0).u32(number);
      a.transport.transmit(from);
    };
    const answers = new Map<number, number>();
    const ids = Array.from({ length: 5000 }, (_, number) =>
      client.listen((from, input) => {
        equal(from, 0);
        equal(input.u32(), number);
        answers.set(number, (answers.get(number) ?? 0) + 1);
      }),
    );
    for (const [number, id] of ids.entries()) {
      client.transport.begin(id).u32(number);
      client.transport.transmit(0);
      if (number % 50 === 49) until(medium, "these came", () => answers.size === number + 1);
    }
    equal(clients.size, 5000);
    ok(
      [...answers.values()].every((count) => count === 1),
      "each was answered once",
    );
  }),

  calm("an id may be as large as 32,767", (medium) => {
    const { a, client } = medium;
    let back = 0;
    client.transport.listen(ID_MAX, (_from, input) => (back = input.u32()));
    a.handler = (from, input) => {
      a.transport.begin(0).u32(input.u32() + 1);
      a.transport.transmit(from);
    };
    client.transport.begin(ID_MAX).u32(41);
    client.transport.transmit(0);
    until(medium, "the answer came", () => back === 42);
  }),

  calm("an address in a message lets a third answer", (medium) => {
    const { a, b, client } = medium;
    let answered = 0;
    const id = client.listen((from, input) => {
      equal(from, 1);
      answered = input.u32();
    });
    a.handler = (from) => {
      a.transport.begin(0).address(from);
      a.transport.transmit(1);
    };
    b.handler = (_from, input) => {
      const address = input.address();
      ok(input.done);
      b.transport.begin(0).u32(7);
      b.transport.transmit(address);
    };
    client.send(id, 0, pattern(3, 3));
    until(medium, "the third answered", () => answered === 7);
  }),

  calm("what cannot be addressed is counted and goes nowhere", (medium) => {
    const { client } = medium;
    const id = client.listen(() => {});
    const before = client.drops("forgotten address");
    client.send(id, 1_000_000, pattern(10, 4));
    equal(client.drops("forgotten address"), before + 1);
    thereAndBack(medium, pattern(10, 5));
  }),
];

const sizes: readonly Case[] = [
  calm("messages around the frame's end come whole", (medium) => {
    const { payloadMax } = medium.client.transport;
    for (const length of [0, 1, 31, 32, 46, 63]) thereAndBack(medium, pattern(length, length));
    for (const frames of [1, 2, 3]) {
      for (let more = -20; more <= 20; more++) {
        thereAndBack(medium, pattern(frames * payloadMax + more, more + 20));
      }
    }
  }),

  calm("messages of 1 MiB and 4 MiB come whole", (medium) => {
    thereAndBack(medium, pattern(MIB, 1));
    thereAndBack(medium, pattern(MESSAGE_MAX, 2));
  }),

  calm("a large message goes to several", (medium) =>
    spreads(medium, pattern(MIB, 3), [0, 1], "client", ["a", "b"]),
  ),

  calm("large messages of several senders at once do not mix", (medium) => {
    const sent = Array.from({ length: 6 }, (_, i) => pattern(100_000 + i, i));
    const got: Bytes[] = [];
    medium.a.handler = (_from, input) => got.push(all(input));
    for (const bytes of sent)
      medium.client.send(
        medium.client.listen(() => {}),
        0,
        bytes,
      );
    until(medium, "all came", () => got.length === sent.length);
    const order = (a: Bytes, b: Bytes) => a.length - b.length;
    deepEqual(
      got.sort(order).map((bytes, i) => Buffer.compare(bytes, sent[i] ?? new Uint8Array(0))),
      sent.map(() => 0),
    );
  }),

  rough("1 MiB and 4 MiB come whole though a tenth of all packets is lost", (medium) => {
    thereAndBack(medium, pattern(MIB, 1));
    thereAndBack(medium, pattern(MESSAGE_MAX, 2));
    ok(medium.a.drops("lost on purpose") + medium.client.drops("lost on purpose") > 100);
  }),

  rough("a large message reaches several though packets are lost", (medium) =>
    spreads(medium, pattern(MIB, 3), [0, 1], "client", ["a", "b"]),
  ),

  rough("large messages are delivered once, whatever is repeated", (medium) => {
    let count = 0;
    medium.a.handler = () => count++;
    const id = medium.client.listen(() => {});
    for (let i = 1; i <= 5; i++) {
      medium.client.send(id, 0, pattern(50_000, i));
      until(medium, "it came", () => count === i);
    }
    pass(medium, 300);
    equal(count, 5);
  }),

  rough("small messages are lost or come as they were sent", (medium) => {
    let count = 0;
    medium.a.handler = (_from, input) => {
      const bytes = all(input);
      deepEqual(bytes, pattern(bytes.length, 9));
      count++;
    };
    const id = medium.client.listen(() => {});
    const lost = medium.a.drops("lost on purpose");
    const sent = () => medium.client.send(id, 0, pattern(50, 9));
    until(medium, "some came and some were lost", () => {
      sent();
      return count > 50 && medium.a.drops("lost on purpose") > lost;
    });
  }),
];

const groups: readonly Case[] = [
  grouped(
    calm("a client's message to the group reaches every replica", (medium) =>
      spreads(medium, pattern(300, 1), [GROUP], "client", ["a", "b"]),
    ),
  ),
  grouped(
    calm("a replica's message to the group reaches the others only", (medium) =>
      spreads(medium, pattern(300, 2), [GROUP], "a", ["b"]),
    ),
  ),
  grouped(
    calm("a large message to the group reaches the others only", (medium) =>
      spreads(medium, pattern(MIB, 3), [GROUP], "a", ["b"]),
    ),
  ),
  grouped(
    rough("a large message to the group reaches all though packets are lost", (medium) => {
      spreads(medium, pattern(MIB, 4), [GROUP], "a", ["b"]);
      spreads(medium, pattern(MIB + 1, 5), [GROUP], "client", ["a", "b"]);
      equal(medium.a.transport.group, GROUP);
      equal(GROUP, REPLICAS);
    }),
  ),
];

const deaths: readonly Case[] = [
  calm("a peer that dies is missed by nobody, and answers again when it is back", (medium) => {
    const { client } = medium;
    let answers = 0;
    const id = client.listen((from) => {
      equal(from, ECHO);
      answers++;
    });
    const ping = () => client.send(id, ECHO, pattern(20, 1));
    /** Asks every few milliseconds, since whoever starts or is dead hears nothing. */
    const asked = (what: string, condition: () => boolean) => {
      let nextMs = 0;
      until(medium, what, () => {
        if (medium.now() >= nextMs) {
          ping();
          nextMs = medium.now() + 5;
        }
        return condition();
      });
    };
    for (let life = 0; life < 2; life++) {
      medium.startEcho();
      asked("it answers", () => answers > 0);
      client.send(id, ECHO, pattern(MIB, 2));
      medium.killEcho();
      pass(medium, 20);
      for (let i = 0; i < 300; i++) ping();
      thereAndBack(medium, pattern(1000, 3));
      answers = 0;
      ping();
      pass(medium, 20);
      equal(answers, 0);
    }
    medium.startEcho();
    asked("it answers again", () => answers > 0);
    medium.killEcho();
  }),
];

export const cases: readonly Case[] = [...basics, ...sizes, ...groups, ...garbageCases, ...deaths];
