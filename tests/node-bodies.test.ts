// Shows what a Node does where bodies travel apart from proposals: what leaves without them, and
// what is put together before anything else looks at it.

import { expect, test } from "bun:test";
import type { Codec } from "../src/actor.ts";
import { BODY_MIN, FETCH_BODIES, NAMED } from "../src/base/body-form.ts";
import { Node } from "../src/node.ts";
import { bodiesOf } from "../src/protocol/kit/bodies.ts";
import { BLOCK_MIN } from "../src/wire.ts";
import {
  codec,
  FakeClock,
  FakeStage,
  FakeTransport,
  plain,
  RecordingActor,
  signed,
  type Message,
} from "./support/fakes.ts";

const TAIL = 2000;
const request = { ...plain("request"), tail: TAIL };

/** That of tests, in which the tail is a body; of what is called a request a client's. */
const withBodies: Codec<Message> = {
  ...codec,
  encode(message, out) {
    codec.encode(message, out);
    const at = out.length - message.tail;
    if (message.tail >= BODY_MIN) out.bodies?.push({ at, body: new Uint8Array(message.tail) });
  },
  bodyIn: ({ text, tail }) => (text === "request" ? new Uint8Array(tail) : null),
};

function build(broadcastsRequests = true) {
  const drivers = {
    ...{ transport: new FakeTransport(), stage: new FakeStage(), clock: new FakeClock() },
  };
  const actor = new RecordingActor();
  const bodies = bodiesOf({ n: 4, viewTimeoutMs: 320, broadcastsRequests }, 1);
  const random = () => 0;
  const node = new Node({ id: 0, self: 1, n: 4, codec: withBodies, bodies, random, ...drivers });
  node.start(actor);
  return { node, actor, ...drivers };
}

/** What a leader sends to all. */
function proposed(): Uint8Array {
  const { node, stage, transport } = build();
  node.send("all", signed("p", TAIL));
  stage.signing[0]?.();
  return transport.packets[0] ?? new Uint8Array(0);
}

test("X23 what goes to several replicas leaves without bodies, signed or not, and loops back whole", () => {
  const { node, stage, transport, actor } = build();
  const tails: number[] = [];
  const receive = actor.receive.bind(actor);
  actor.receive = (from, message) => {
    tails.push(message.tail);
    receive(from, message);
  };
  node.send("others", { ...plain("a"), tail: TAIL });
  node.send("all", signed("b", TAIL));
  node.send(2, { ...plain("c"), tail: TAIL });
  node.send("all", { ...plain("d"), tail: BODY_MIN - 1 });
  for (const sign of stage.signing) sign();
  node.poll();
  const named = 1 + 4 + 2 + (4 + 4 + 32);
  const lengths = transport.packets.map((packet) => packet.length - 1 - 4 - 1);
  expect(lengths).toEqual([named, named + BLOCK_MIN, 4 + TAIL, 4 + BODY_MIN - 1]);
  expect(transport.packets.map(([kind]) => kind)).toEqual([NAMED, NAMED, 0, 0]);
  expect([actor.received, tails]).toEqual([
    ["1:b", "1:d"],
    [TAIL, BODY_MIN - 1],
  ]);
  // Its own bodies are for whoever asks.
  expect(node.sizes.find(({ name }) => name === "bodies.bytes")?.size).toBe(TAIL + 512);
});

test("X23 what comes without is checked and received as if it had come whole, once they are here", () => {
  const { node, stage, transport, actor, clock } = build();
  transport.bytes(0, proposed());
  transport.arrive(0, plain("other"));
  expect([actor.received, stage.checking.size]).toEqual([["0:other"], 0]);
  clock.advance(10);
  expect(transport.packets.map(([kind]) => kind)).toEqual([FETCH_BODIES]);
  transport.arrive(9, request);
  expect(actor.received).toEqual(["0:other", "9:request"]);
  // Its signature is what a leader put before the body.
  stage.finish("p");
  expect(actor.received.at(-1)).toBe("0:p");
  transport.bytes(0, proposed());
  stage.finish("p");
  expect(actor.received.length).toBe(4);
  expect([...node.drops]).toEqual([]);
});

test("X23 a request that is refused brings no body; where its actor is parted with all is forgotten", () => {
  const { node, stage, transport, actor } = build();
  actor.refused.add("request");
  transport.arrive(9, request);
  transport.bytes(0, proposed());
  expect([stage.checking.size, actor.received]).toEqual([0, []]);
  node.stop();
  node.start(new RecordingActor());
  expect(
    node.sizes.filter(({ name }) => name.startsWith("bodies")).map(({ size }) => size),
  ).toEqual([0, 0, 0]);
});

test("X23 strangers name nothing and ask for nothing; what its actor refuses by its bytes is not held", () => {
  const { node, transport, actor } = build();
  const named = proposed();
  transport.bytes(9, named);
  const seen: number[] = [];
  Object.assign(actor, {
    refuseBytes: (_from: number, input: { u8(): number }) => {
      seen.push(input.u8());
      return "not admitted: old";
    },
  });
  transport.bytes(0, named);
  expect([seen, [...node.drops]]).toEqual([
    [1],
    [
      ["from a stranger", 1],
      ["not admitted: old", 1],
    ],
  ]);
  expect(node.sizes.find(({ name }) => name === "bodies.held")?.size).toBe(0);
});

test("X23 without the option nothing leaves so, and what comes so is malformed", () => {
  const { node, transport } = build(false);
  node.send("others", { ...plain("a"), tail: TAIL });
  expect(transport.packets[0]?.[0]).toBe(0);
  transport.bytes(0, proposed());
  expect([...node.drops]).toEqual([["malformed", 1]]);
});
