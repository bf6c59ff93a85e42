// The sequencer: what it stamps, whom it lets open a session, and what it forgets when it starts
// anew.

import { expect, test } from "bun:test";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import { Sequencer, SEQUENCER, sequencersOf } from "../../../src/protocol/kit/sequencer.ts";
import {
  encodeSequencing,
  SEQUENCED_MAX,
  unsequenced,
  type SequencingMessage,
} from "../../../src/protocol/kit/sequencing-messages.ts";
import { Writer } from "../../../src/wire.ts";
import { configOf } from "../../support/cluster.ts";
import { FakeHost } from "../../support/fake-host.ts";

type Timer = "hello" | "flush";
/** A client's address; replicas are 0 to 3. */
const CLIENT = 9;

function started(changes: Partial<ProtocolConfig> = {}, seed = 0) {
  const host = new FakeHost<SequencingMessage, Timer>(seed);
  const actor = new Sequencer(configOf(changes), host);
  return { host, actor };
}

function opened(changes: Partial<ProtocolConfig> = {}, session = 0) {
  const { host, actor } = started(changes);
  const incarnation = incarnationOf({ host, actor });
  actor.receive(1, { kind: "openSession", session, incarnation });
  host.take();
  return { host, actor, incarnation };
}

function incarnationOf({ host, actor }: ReturnType<typeof started>): number {
  actor.receive(0, { kind: "probe" });
  return host.takeKind("alive")[0]?.incarnation ?? -1;
}

function request(session: number, length = 0): Request {
  return { session, tag: 1, number: 1, op: new Uint8Array(length) };
}

test("N4 a sequencer is closed at first: it stamps nothing, and says so to all each T/4", () => {
  const { host, actor } = started();
  expect(host.timers.get("hello")).toBe(0);
  actor.timeout("hello");
  const [hello] = host.take();
  expect(hello?.to).toBe("all");
  expect(hello?.message.kind).toBe("sequencerHello");
  expect(host.timers.get("hello")).toBe(25);
  actor.receive(CLIENT, unsequenced(request(1)));
  expect(host.take()).toEqual([]);
  expect(host.drops.get("not admitted: the sequencer is closed")).toBe(1);
  expect(actor.census().serves).toBe(false);
});

test("N4 PROBE is answered with incarnation, session and the last number, at replicas only", () => {
  const { host, actor, incarnation } = opened({}, 3);
  actor.receive(CLIENT, unsequenced(request(1)));
  host.take();
  actor.receive(2, { kind: "probe" });
  const alive = { kind: "alive", incarnation, session: 3, number: 1 } as const;
  expect(host.take()).toEqual([{ to: 2, message: alive }]);
  actor.receive(CLIENT, { kind: "probe" });
  expect(host.take()).toEqual([]);
});

test("N4 numbers of a session rise from 1, and begin again only with a higher session", () => {
  const { host, actor, incarnation } = opened();
  const stampOf = () => {
    actor.receive(CLIENT, unsequenced(request(1)));
    return host.takeKind("sequenced")[0]?.stamp;
  };
  const open = (session: number) => {
    actor.receive(1, { kind: "openSession", session, incarnation });
    return host.takeKind("sessionOpened").map(({ first }) => first);
  };
  expect(stampOf()).toEqual({ session: 0, incarnation, number: 1 });
  expect(stampOf()).toEqual({ session: 0, incarnation, number: 2 });
  // A repeated OPEN changes nothing.
  expect(open(0)).toEqual([3]);
  expect(open(4)).toEqual([1]);
  expect(stampOf()).toEqual({ session: 4, incarnation, number: 1 });
  expect(open(3)).toEqual([]);
  expect(stampOf()).toEqual({ session: 4, incarnation, number: 2 });
});

test("N4 only replicas open a session, and only of the life that they mean", () => {
  const { host, actor } = started();
  const incarnation = incarnationOf({ host, actor });
  actor.receive(CLIENT, { kind: "openSession", session: 0, incarnation });
  actor.receive(1, { kind: "openSession", session: 0, incarnation: incarnation + 1 });
  expect(host.take()).toEqual([]);
  expect(actor.census().serves).toBe(false);
});

test("N4 a sequencer that starts anew has another incarnation", () => {
  expect(incarnationOf(started({}, 1))).not.toBe(incarnationOf(started({}, 2)));
});

test("FW10 the client's address is where its packet came from, or what a replica says", () => {
  const { host, actor } = opened();
  actor.receive(CLIENT, unsequenced(request(1), { client: 77 }));
  actor.receive(2, unsequenced(request(1), { client: 77 }));
  const clients = host.takeKind("sequenced").map(({ batch }) => batch.clients.at(0));
  expect(clients).toEqual([CLIENT, 77]);
});

test("FW10 an open gets the host that it came from; what a replica passes on keeps its own", () => {
  const { host, actor } = opened();
  const open = { session: 0, tag: 0, number: 0, op: new Uint8Array(13) };
  actor.receive(CLIENT, unsequenced(open));
  actor.receive(2, unsequenced({ ...open, source: 5 }, { client: CLIENT }));
  const sources = host.takeKind("sequenced").map(({ batch }) => batch.requests[0]?.source);
  expect(sources).toEqual([1 + CLIENT, 5]);
});

test("FW10 a reference is stamped at once, alone, and stays one", () => {
  const { host, actor } = opened({ batchMax: 10 });
  actor.receive(CLIENT, unsequenced(request(1)));
  actor.receive(CLIENT, unsequenced(request(2, 32), { reference: true }));
  const sent = host.takeKind("sequenced");
  expect(sent.map(({ reference, batch }) => [reference, batch.requests.length])).toEqual([
    [true, 1],
  ]);
});

test("FW11 batches follow X11: full ones leave at once, others after the flush delay", () => {
  const { host, actor } = opened({ batchMax: 3, flushDelayMs: 2 });
  for (let i = 1; i <= 4; i++) actor.receive(CLIENT, unsequenced(request(i)));
  const sizes = () => host.takeKind("sequenced").map(({ batch }) => batch.requests.length);
  expect(sizes()).toEqual([3]);
  expect(host.timers.get("flush")).toBe(2);
  host.clockMs = 2;
  actor.timeout("flush");
  expect(sizes()).toEqual([1]);
});

test("FW11 with --adaptive what came in one turn leaves together", () => {
  const { host, actor } = opened({ batchMax: 10, adaptive: true });
  actor.receive(CLIENT, unsequenced(request(1)));
  actor.receive(CLIENT, unsequenced(request(2)));
  expect(host.take()).toEqual([]);
  expect(host.timers.get("flush")).toBe(0);
  actor.timeout("flush");
  expect(host.takeKind("sequenced").map(({ batch }) => batch.requests.length)).toEqual([2]);
});

test("FW10 no batch is larger than a packet, whatever -b says", () => {
  const { host, actor } = opened({ batchMax: 1000 });
  for (let i = 1; i <= 100; i++) actor.receive(CLIENT, unsequenced(request(i, i % 60)));
  host.clockMs = 5;
  actor.timeout("flush");
  const sent = host.takeKind("sequenced");
  expect(sent.reduce((sum, { batch }) => sum + batch.requests.length, 0)).toBe(100);
  for (const message of sent) {
    const out = new Writer(new Uint8Array(4096), { intern: () => 0, write: () => {} });
    out.reset(0, 4096);
    encodeSequencing(message, out);
    expect(out.length).toBeLessThanOrEqual(SEQUENCED_MAX);
  }
});

test("FW8 its queue is bounded, and what it holds is in the census", () => {
  const { host, actor } = opened({ batchMax: 10, flushDelayMs: 10 });
  for (let i = 1; i <= 5; i++) actor.receive(CLIENT, unsequenced(request(i)));
  const size = (name: string) => actor.census().sizes.find((one) => one.name === name)?.size;
  expect(size("sequencer.queued")).toBe(5);
  expect(size("sequencer.queued bytes")).toBeGreaterThan(5 * 32);
  host.clockMs = 10;
  actor.timeout("flush");
  expect(size("sequencer.queued")).toBe(0);
  expect(size("sequencer.queued bytes")).toBe(0);
});

test("FW8 sequencers have addresses behind those of replicas", () => {
  expect(sequencersOf(configOf())).toEqual([]);
  expect(sequencersOf(configOf({ roles: new Map([[SEQUENCER, [4, 5]]]) }))).toEqual([4, 5]);
});
