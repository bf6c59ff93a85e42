// What every protocol owes (X), as HotStuff does it; start.test.ts has X14 and X15.

import { repliesIn } from "../../support/replies.ts";
import { expect, setDefaultTimeout, test } from "bun:test";
import { apps } from "../../../src/app/index.ts";
import { GENESIS_QC } from "../../../src/protocol/chained/certificate.ts";
import type { Message, Timer } from "../../../src/protocol/chained/index.ts";
import { hotstuff, ChainedReplica } from "../../../src/protocol/chained/index.ts";
import { codec } from "../../../src/protocol/chained/message.ts";
import { operationDigest, type Outcome } from "../../../src/protocol/kit/request.ts";
import { drawPlan, NO_FAULTS, type Plan } from "../../../src/simulation/seed-plan.ts";
import { runPlan, runSeed } from "../../../src/simulation/run-seed.ts";
import { registered } from "../../../src/simulation/subjects.ts";
import { subjectOf } from "../../../src/simulation/subject.ts";
import { EMPTY } from "../../../src/wire.ts";
import { configOf } from "../../support/cluster.ts";
import { FakeHost } from "../../support/fake-host.ts";
import {
  block,
  CLIENT,
  ChainedCluster,
  ledBy,
  openRequest,
  packets,
  put,
  qc,
  Solo,
  tc,
} from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const subject = registered.get("hotstuff") ?? subjectOf("hotstuff", hotstuff);

function sizes(replica: ChainedReplica): [string, boolean][] {
  return replica.census().sizes.map(({ name, size, max }) => [name, size <= max]);
}

/** A plan without faults, to be changed. */
function calm(seed: number, changes: Partial<Plan>): Plan {
  const plan = drawPlan(subject, "short", seed);
  const network = {
    ...plan.network,
    ...NO_FAULTS,
  };
  const others = { faults: [], restarts: [], allRestart: null, strangers: [] };
  return { ...plan, network, ...others, ...changes };
}

test("X4 a client accepts what f+1 replicas signed alike, whatever their views", () => {
  const host = new FakeHost<Message, "retry">();
  const client = hotstuff.client(configOf(), host);
  const results: unknown[] = [];
  client.invoke(put("a", "1"), (result) => results.push(result));
  const reply = (replica: number, outcome: Outcome, view = replica): void => {
    const message = host.sent.at(-1)?.message;
    if (message?.kind !== "request") throw new Error("the client asks");
    const { session, tag, number, op } = message.request;
    const digest = operationDigest(op);
    const run = new Uint8Array(32);
    const answer: Message =
      outcome.status === "opened"
        ? { kind: "opened", replica, view, run, tag, session: outcome.session, digest }
        : { kind: "reply", replica, view, session, tag, number, digest, outcome };
    const arrived = packets.carried(answer, replica);
    if (client.refuse?.(replica, arrived) === null) client.receive(replica, arrived);
  };
  reply(0, { status: "opened", session: 7 });
  reply(0, { status: "opened", session: 7 });
  expect(host.sent.length).toBe(1);
  reply(1, { status: "opened", session: 7 });
  expect(host.sent.length).toBe(2);
  const good = { status: "done", result: Uint8Array.of(1) } as const;
  reply(3, { status: "done", result: Uint8Array.of(9) });
  reply(0, good);
  expect(results).toEqual([]);
  reply(2, good);
  expect(results).toEqual([good.result]);
});

test("X5 Byzantine replicas that invent nothing for others' sessions change no result", () => {
  for (let seed = 0; seed < 4; seed++) {
    const report = runSeed({ subject, seed, kind: "adversary" });
    expect([seed, ...report.failures]).toEqual([seed]);
  }
});

test("X6 malformed, mutated and early messages neither throw nor stop a replica", () => {
  const first = block(1, undefined, [openRequest(1)]);
  const position = { highQc: qc(first), tc: tc(6) };
  const piece = { tree: 1, level: 0, index: 1, blob: 0, chunk: 0 };
  const samples: Message[] = [
    { kind: "propose", replica: 1, block: first, tc: null },
    { kind: "propose", replica: 1, block: block(5, qc(first)), tc: tc(4) },
    { kind: "vote", replica: 2, view: 1, digest: first.hash, late: true },
    { kind: "timeout", replica: 3, view: 9, digest: EMPTY, ...position },
    { kind: "entry", ...position },
    { kind: "fetch", block: first.hash, view: 0, height: 0 },
    { kind: "block", block: first, more: true },
    { kind: "request", request: openRequest(2) },
    { kind: "relay", client: CLIENT, request: openRequest(3) },
    { kind: "checkpoint", replica: 1, slot: 4, digest: first.hash },
    { kind: "fetchState", slot: 4, pieces: [piece] },
    { kind: "state", slot: 4, pieces: [{ id: piece, bytes: first.hash }] },
    { kind: "recover", replica: 1, nonce: new Uint8Array(16) },
  ];
  const dice = new FakeHost<Message, Timer>(42);
  const solo = new Solo(0);
  let decoded = 0;
  for (let round = 0; round < 4000; round++) {
    const sample = samples[round % samples.length]!;
    const bytes = packets.packetOf(sample, 0);
    for (let flips = dice.random(4); flips > 0; flips--) {
      bytes[dice.random(bytes.length)] = dice.random(256);
    }
    const cut = dice.random(4) === 0 ? bytes.subarray(0, dice.random(bytes.length)) : bytes;
    const message = packets.decoded(cut);
    if (message === null) continue;
    decoded++;
    codec.proofs(message);
    const from = dice.random(6);
    if (solo.replica.refuse(from, message) === null) solo.replica.receive(from, message);
    solo.host.take();
  }
  expect(decoded).toBeGreaterThan(500);
  expect(sizes(solo.replica).filter(([, bounded]) => !bounded)).toEqual([]);
});

test("X7 with 10 % of packets lost, duplicated and reordered every operation completes", () => {
  for (let seed = 0; seed < 4; seed++) {
    const plan = calm(seed, {});
    const network = { ...plan.network, loss: 0.1, duplication: 0.1, reordering: 0.1 };
    const gstUs = 400 * plan.viewTimeoutMs * 1000;
    const report = runPlan(subject, { ...plan, network, gstUs });
    expect([seed, ...report.failures]).toEqual([seed]);
    expect(report.operations).toBe(10 + 10 * plan.clients);
  }
});

test("X7 a client's retry is answered from the reply cache, or makes the protocol move", () => {
  const solo = new Solo(0);
  const { request } = { request: openRequest(1) };
  solo.receive(CLIENT, { kind: "request", request });
  solo.receive(CLIENT, { kind: "request", request });
  expect(solo.host.timers.has("view")).toBe(true);
  let justify;
  for (let view = 1; view <= 4; view++) {
    const next = block(view, justify, view === 1 ? [request] : []);
    solo.propose(next);
    justify = qc(next);
  }
  expect(repliesIn(solo.host.take()).length).toBe(1);
  solo.receive(CLIENT, { kind: "request", request });
  expect(repliesIn(solo.host.take())).toMatchObject([{ outcome: { status: "opened" } }]);
});

test("X8 a batch of a megabyte commits, under loss too", () => {
  for (const loss of [0, 0.01]) {
    const megabyte = 1024 * 1024;
    const plan = calm(3, {
      n: 4,
      f: 1,
      clients: 1,
      operations: 2,
      tail: 1,
      valueMax: megabyte,
      payloadMax: 1497,
      viewTimeoutMs: 500,
      gstUs: 60_000_000,
      thinkUs: 0,
    });
    const sized = { ...plan, valueMin: megabyte } as Plan;
    const report = runPlan(subject, { ...sized, network: { ...plan.network, loss } });
    expect(report.failures).toEqual([]);
    expect(report.operations).toBe(3);
  }
});

test("X9 one message with the largest view, height or position moves nothing", () => {
  const solo = new Solo(0);
  const last = Number.MAX_SAFE_INTEGER;
  solo.timeOut(1, last);
  solo.vote(1, { ...block(1), view: last }, true);
  solo.receive(1, { kind: "fetch", block: block(1).hash, view: last, height: last });
  solo.receive(1, { kind: "checkpoint", replica: 1, slot: last - (last % 4), digest: EMPTY32 });
  expect(solo.view).toBe(1);
  for (const replica of [0, 2, 3]) solo.timeOut(replica, 1);
  expect(solo.view).toBe(2);
});

const EMPTY32 = new Uint8Array(32);

test("X12 blocks that nobody commits, and those that wait, are bounded in bytes", () => {
  const solo = new Solo(0);
  const large = (view: number, justify = GENESIS_QC) => {
    const op = new Uint8Array(2 ** 20).fill(view);
    return block(view, justify, [{ session: view, tag: 1, number: 1, op }]);
  };
  for (let view = 1; view <= 60; view++) {
    solo.propose(large(view), view === 1 ? null : tc(view - 1));
  }
  const bytesOf = (name: string) =>
    solo.replica.census().sizes.find((size) => size.name === name)?.size ?? 0;
  expect(bytesOf("blocks.live bytes")).toBeGreaterThan(2 ** 21);
  expect(bytesOf("blocks.live bytes")).toBeLessThanOrEqual(50 * 2 ** 20);
  // On blocks that this replica never gets.
  for (let view = 61; view <= 100; view++) {
    solo.propose(large(view + 1, qc(large(view))));
  }
  expect(bytesOf("blocks.waiting bytes")).toBeGreaterThan(20 * 2 ** 20);
  expect(sizes(solo.replica).filter(([, bounded]) => !bounded)).toEqual([]);
  // It votes on.
  solo.host.take();
  solo.propose(block(201), tc(200));
  expect(solo.voted()).toEqual([201]);
});

test("X10 every app runs", () => {
  const block = ledBy(1);
  for (const make of apps.values()) {
    const solo = new Solo(0, { leader: () => 1 }, { app: make() });
    const open = openRequest(1);
    const op = { session: 1, tag: open.tag, number: 1, op: put("a", "1") };
    let justify;
    for (let view = 1; view <= 5; view++) {
      const next = block(view, justify, view === 1 ? [open] : view === 2 ? [op] : []);
      solo.propose(next);
      justify = qc(next);
    }
    const replies = repliesIn(solo.host.take()).map(({ outcome }) => outcome.status);
    expect(replies).toEqual(["opened", "done"]);
  }
});

test("X11 a partial batch waits for the flush delay at most, an adaptive one never", () => {
  for (const adaptive of [false, true]) {
    const solo = new Solo(1, { batchMax: 100, adaptive, flushDelayMs: 1, leader: () => 1 });
    const open = (client: number): void =>
      solo.receive(CLIENT + client, { kind: "request", request: openRequest(client) });
    const proposed = () => solo.host.takeKind("propose")[0]?.block;
    // Of one client nothing else can come.
    open(1);
    const first = proposed();
    if (first === undefined) throw new Error("a lone request is proposed at once");
    expect(first.batch.requests.length).toBe(1);
    open(2);
    for (const replica of [0, 2, 3]) solo.vote(replica, first);
    expect(proposed()?.batch.requests.length).toBe(adaptive ? 1 : undefined);
    if (adaptive) continue;
    // The first may ask again.
    expect(solo.host.timers.get("flush")).toBe(1);
    open(3);
    expect(proposed()).toBe(undefined);
    solo.host.clockMs += 1;
    solo.timeout("flush");
    expect(proposed()?.batch.requests.length).toBe(2);
  }
});

test("X11 a leader adds no requests to more uncommitted bytes than eight full batches take", () => {
  for (const length of [500, 3000]) {
    const leader = (view: number): number => (view === 10 ? 0 : 1);
    const solo = new Solo(0, { leader, adaptive: true, batchBytesMax: 1024 });
    solo.receive(CLIENT, { kind: "request", request: openRequest(9) });
    let justify = GENESIS_QC;
    for (const view of [2, 4, 6, 8]) {
      const request = { session: view, tag: 1, number: 1, op: new Uint8Array(length) };
      const next = block(view, justify, [request], leader(view));
      solo.propose(next, tc(view - 1));
      justify = qc(next);
    }
    solo.receive(1, { kind: "entry", highQc: justify, tc: tc(9) });
    const proposed = solo.host.takeKind("propose").map((message) => message.block);
    const held = proposed.map(({ view, batch }) => [view, batch.requests.length]);
    expect(held).toEqual([[10, length === 500 ? 1 : 0]]);
  }
});

test("X12 a flood of future views, blocks, slots and clients stays within bounds", () => {
  const solo = new Solo(0);
  for (let i = 1; i <= 70_000; i++) {
    const request = { session: i, tag: i, number: 1, op: EMPTY };
    solo.receive(CLIENT, { kind: "request", request });
  }
  for (let i = 1; i <= 2000; i++) {
    solo.timeOut(3, i);
    solo.vote(3, block(i, i === 1 ? undefined : qc(block(i - 1))), true);
    solo.receive(3, { kind: "checkpoint", replica: 3, slot: 4 * i, digest: EMPTY32 });
    const view = 4 * i + 3;
    // As leader of every fourth view it proposes on blocks that nobody has seen.
    solo.propose(block(view, qc(block(view - 1))));
  }
  expect(sizes(solo.replica).filter(([, bounded]) => !bounded)).toEqual([]);
});

test("X12 memory stays flat with one replica down", () => {
  const cluster = new ChainedCluster({ batchMax: 8, adaptive: true });
  cluster.stop(2);
  const censuses: number[] = [];
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 25; i++) {
      const box = cluster.invoke(CLIENT, put("k", `${i}`));
      expect(cluster.runUntil(() => box.result !== undefined, 20_000)).toBe(true);
    }
    const held = cluster
      .replica(0)
      .census()
      .sizes.reduce((sum, { size }) => sum + size, 0);
    censuses.push(held);
  }
  expect(Math.max(...censuses)).toBeLessThan(60);
});

test("X13 an operation executes once however often it is proposed", () => {
  const block = ledBy(1);
  const solo = new Solo(0, { leader: () => 1 });
  const open = openRequest(1);
  const op = { session: 1, tag: open.tag, number: 1, op: put("a", "1") };
  const stranger = { session: 77, tag: 5, number: 1, op: put("a", "2") };
  let justify;
  const batches = [[open], [op, op], [op, stranger], [open]];
  for (let view = 1; view <= 7; view++) {
    const next = block(view, justify, batches[view - 1] ?? []);
    solo.host.clockMs += 20;
    solo.propose(next);
    justify = qc(next);
  }
  const replies = repliesIn(solo.host.take()).map(({ outcome }) => outcome.status);
  expect(replies).toEqual(["opened", "done", "done", "done", "no session", "opened"]);
  expect(solo.replica.census().executed).toBe(2);
  // A replica that has not executed the open does not say so by itself.
  const lagging = new Solo(0);
  lagging.receive(CLIENT, { kind: "request", request: op });
  expect(repliesIn(lagging.host.take())).toEqual([]);
});
