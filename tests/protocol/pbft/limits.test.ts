// Whatever arrives: nothing throws, nothing grows without bound, nothing executes twice.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { makeBatch } from "../../../src/protocol/kit/batch.ts";
import { GENESIS } from "../../../src/protocol/kit/checkpoint.ts";
import { byzantineQuorums } from "../../../src/protocol/kit/quorum.ts";
import { pbft } from "../../../src/protocol/pbft/index.ts";
import {
  checkpointIntervalMax,
  codec,
  makeViewChange,
  WINDOW_MAX,
  type Message,
} from "../../../src/protocol/pbft/message.ts";
import { ONE_TIME_BLOCK, ONE_TIME_TAG } from "../../../src/base/one-time-form.ts";
import { BLOCK_DEPTH_MAX, BLOCK_MAX, equal, MESSAGE_MAX, Writer } from "../../../src/wire.ts";
import { configOf } from "../../support/cluster.ts";
import { CLIENT, PbftCluster, packets } from "./harness.ts";
import { bytes, openOf } from "../../support/requests.ts";

const LARGEST = Number.MAX_SAFE_INTEGER;
const BATCH = makeBatch([openOf(3), { session: 5, tag: 1, number: 2, op: bytes("x") }], [100, 7]);
const { digest } = BATCH;
const certificate = { signers: [0, 1, 2], blocks: [0, 1, 2].map(() => new Uint8Array(69)) };
const nonce = new Uint8Array(16).fill(4);

/** One of each kind, of replica 2, with this number wherever a number is. */
function examples(number: number): Message[] {
  const vote = { replica: 2, view: number, slot: number, digest };
  const stable = { slot: number, digest, certificate };
  const piece = { tree: 255, level: 255, index: 0xffff_ffff, blob: 0xffff_ffff, chunk: 0xffff };
  const prepared = [
    { slot: number, view: 0, digest, primary: 1, block: new Uint8Array(69), prepares: certificate },
  ];
  const header = { replica: 1, view: number, digest, block: new Uint8Array(69) };
  const position = { view: number, stable, proof: [header] };
  const request = { session: Math.max(1, number), tag: 1, number: Math.max(1, number), op: digest };
  return [
    { kind: "request", request },
    { kind: "relay", client: 100, request },
    {
      kind: "opened",
      replica: 2,
      view: number,
      run: digest,
      tag: 1,
      session: Math.max(1, number),
      digest,
    },
    {
      kind: "gone",
      replica: 2,
      view: number,
      run: digest,
      session: number,
      tag: 1,
      number,
      digest,
    },
    { kind: "checkpoint", replica: 2, slot: number, digest },
    { kind: "stable", checkpoint: stable },
    { kind: "fetchState", slot: number, pieces: [piece] },
    { kind: "state", slot: number, pieces: [{ id: piece, bytes: digest }] },
    { kind: "recover", replica: 2, nonce },
    { kind: "prePrepare", ...vote, batch: BATCH },
    { kind: "prePrepare", ...vote, batch: null },
    { kind: "prepare", ...vote },
    { kind: "commit", ...vote },
    makeViewChange(2, number, { stable, prepared }),
    {
      kind: "newView",
      replica: 2,
      view: number,
      viewChanges: [0, 1, 2].map((replica) => ({ replica, digest })),
      stable: number,
      digests: [digest],
    },
    {
      kind: "committed",
      certificate: { slot: number, view: number, digest, commits: certificate },
      batch: BATCH,
    },
    { kind: "fetchViewChange", view: number, replica: 255, digest },
    { kind: "fetchBatch", slot: number, digest },
    { kind: "batch", slot: number, batch: BATCH },
    { kind: "status", view: number, active: true, stable: number, executed: number },
    {
      kind: "answer",
      replica: 2,
      to: 1,
      nonce,
      position,
    },
  ];
}

test("X9 every message survives the wire with its numbers up to 2^53 - 1", () => {
  for (const number of [0, 1, 2 ** 32, LARGEST]) {
    for (const message of examples(number)) {
      const packet = packets.packetOf(message, 2);
      const received = packets.decoded(packet);
      expect(received?.kind).toBe(message.kind);
      // A sealed message is relayed as it came.
      expect(equal(packets.packetOf(received!, 2), packet)).toBe(true);
      expect(codec.proofs(received!).length).toBeLessThanOrEqual(8);
    }
  }
});

test("X6 X9 no message makes a replica throw, whatever it holds", () => {
  for (const number of [0, 1, 2, 3, 4, 8, 9, 2 ** 32, LARGEST - 1, LARGEST]) {
    for (const message of examples(number)) {
      for (const from of [0, 1, 2, 3, CLIENT, 70_000]) {
        const cluster = new PbftCluster();
        const replica = cluster.replica(1);
        const received = packets.carried(message);
        // As if all signatures held, which is more than a Byzantine replica can do.
        replica.refuse(from, received);
        replica.receive(from, received);
        cluster.settle();
        expect(replica.census().committed).toBeLessThan(LARGEST);
      }
    }
  }
});

test("X6 packets that are cut, extended or altered are malformed or decode to something", () => {
  const whole = [0, 1, 77, LARGEST]
    .flatMap(examples)
    .map((message) => packets.packetOf(message, 2));
  for (const packet of whole) {
    for (let length = 0; length < packet.length; length++) {
      const cut = packets.decoded(packet.slice(0, length));
      // Without its end no message is whole, but a pre-prepare without its batch is refused as
      // well.
      expect(cut).toBe(null);
    }
    expect(packets.decoded(Buffer.concat([packet, Uint8Array.of(0)]))).toBe(null);
  }
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(), fc.nat(255), (which, at, value) => {
      const packet = whole[which]!.slice();
      packet[at % packet.length] = value;
      const message = packets.decoded(packet);
      if (message !== null) codec.proofs(message);
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (packet) => {
      packets.decoded(packet);
    }),
    { numRuns: 2000 },
  );
});

test("X12 floods of future views, slots and clients leave every replica's memory bounded", () => {
  const cluster = new PbftCluster();
  const flood = (message: Message) => {
    const received = packets.carried(message);
    const replica = cluster.replica(1);
    if (replica.refuse(3, received) === null) replica.receive(3, received);
  };
  for (let i = 1; i < 3000; i++) {
    const vote = { replica: 3, view: 4 * i + 3, slot: i % 40, digest };
    flood({ kind: "prepare", ...vote });
    flood({ kind: "commit", ...vote });
    flood({ kind: "prePrepare", ...vote, batch: BATCH });
    flood({ kind: "checkpoint", replica: 3, slot: 4 * i, digest });
    flood(makeViewChange(3, i, { stable: GENESIS, prepared: [] }));
    flood({
      kind: "newView",
      replica: 3,
      view: 4 * i + 3,
      viewChanges: [0, 1, 2].map((replica) => ({ replica, digest })),
      stable: 0,
      digests: [],
    });
    flood({ kind: "relay", client: CLIENT + i, request: openOf(i) });
    flood({ kind: "recover", replica: 3, nonce });
    flood({ kind: "status", view: i, active: false, stable: i, executed: i });
  }
  for (const { name, size, max } of cluster.replica(1).census().sizes) {
    expect([name, size <= max]).toEqual([name, true]);
  }
  expect(cluster.state(1).view).toBe(0);
  // Nobody listened to one replica alone: the cluster works on.
  const next = cluster.open();
  const request = next(bytes("still here"));
  cluster.request(request, [0]);
  expect(cluster.results(request).size).toBe(4);
});

test("X12 with one replica down the window, votes and batches of the others stay what they are", () => {
  const cluster = new PbftCluster();
  cluster.stop(3);
  const next = cluster.open(CLIENT, [0, 1, 2]);
  for (let i = 0; i < 400; i++) cluster.request(next(bytes(`${i}`)), [0]);
  expect(cluster.state(0).executed).toBe(401);
  for (const i of [0, 1, 2]) {
    for (const { name, size, max } of cluster.replica(i).census().sizes) {
      expect([name, size <= max]).toEqual([name, true]);
    }
    expect(
      cluster
        .replica(i)
        .census()
        .sizes.find(({ name }) => name === "requests.pending")?.size,
    ).toBe(0);
  }
});

test("X13 an unknown session is ordered, executed as no session, and changes nothing", () => {
  const cluster = new PbftCluster();
  const { digest: before } = cluster.state(0);
  const request = { session: 77, tag: 1, number: 1, op: bytes("a") };
  cluster.request(request, [0]);
  expect(cluster.state(0).executed).toBe(1);
  expect(cluster.state(0).digest).toBe(before);
  expect(cluster.replies.map(({ outcome }) => outcome.status)).toEqual(Array(4).fill("no session"));
});

test("X13 a request that is ordered twice executes once", () => {
  const cluster = new PbftCluster({ batchMax: 8, adaptive: true });
  const next = cluster.open();
  const request = next(bytes("a"));
  cluster.advance(2);
  const state = cluster.state(0);
  // The primary is Byzantine and proposes it twice in one batch, and in the next slot.
  const batch = makeBatch([request, request], [CLIENT, CLIENT]);
  for (const slot of [state.executed + 1, state.executed + 2]) {
    const message = { kind: "prePrepare", replica: 0, view: 0, slot, batch } as const;
    for (const i of [1, 2, 3]) cluster.inject(0, i, { ...message, digest: batch.digest });
  }
  cluster.settle();
  expect(cluster.state(1).executed).toBe(state.executed + 2);
  expect(cluster.state(1).position).toBe(state.position + 1);
});

test("X4 X13 a result is given again only for the operation that it is of", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const request = next(bytes("a"));
  cluster.request({ ...request, op: bytes("invented by the primary") });
  expect(cluster.replies.some(({ number }) => number === request.number)).toBe(true);
  cluster.heard.length = 0;
  cluster.request(request);
  // Signed, so that the client reports its operation as unknown and opens another session.
  const used = { number: request.number, outcome: { status: "number used" } };
  expect(cluster.replies).toMatchObject(Array(4).fill(used));
});

test("X13 an evicted session ends as no session, alike at every replica", () => {
  const cluster = new PbftCluster({ sessionsMax: 2 });
  const first = cluster.open(100);
  cluster.open(101);
  cluster.open(102);
  cluster.heard.length = 0;
  cluster.request(first(bytes("a")));
  expect(cluster.replies.map(({ outcome }) => outcome.status)).toEqual(Array(4).fill("no session"));
  expect(new Set(cluster.replicas.map((_, i) => cluster.state(i).digest)).size).toBe(1);
});

/** The largest VIEW-CHANGE of n replicas: a full window, every signature as long as it may be. */
function largestViewChange(n: number, checkpointInterval: number, hybrid: boolean): number {
  const quorums = byzantineQuorums(n, Math.floor((n - 1) / 3));
  if (quorums === null) throw new Error("too few replicas");
  const block = new Uint8Array(hybrid ? ONE_TIME_BLOCK : BLOCK_MAX);
  block[0] = hybrid ? ONE_TIME_TAG : BLOCK_DEPTH_MAX;
  const digest = new Uint8Array(32);
  const signers = (count: number) => Array.from({ length: count }, (_, i) => i);
  const certificate = (count: number) => ({
    signers: signers(count),
    blocks: signers(count).map(() => block),
  });
  const stable = { slot: checkpointInterval, digest, certificate: certificate(quorums.quorum) };
  const prepared = Array.from({ length: 2 * checkpointInterval }, (_, i) => ({
    slot: checkpointInterval + 1 + i,
    view: 0,
    digest,
    primary: 0,
    block,
    prepares: certificate(quorums.quorum - 1),
  }));
  const message = makeViewChange(0, 1, { stable, prepared });
  const out = new Writer(new Uint8Array(65_536), undefined, MESSAGE_MAX).reset(0, 65_536);
  const seal = { signer: 0, signed: digest, signature: block };
  pbft.codec.encode({ ...message, seal }, out);
  return out.overflowed ? Infinity : out.copy().length;
}

test("X6 a configuration whose VIEW-CHANGEs would not fit a message is refused at the start", () => {
  expectRefusals("batch");
});

test("G8 with one-time signatures fewer slots fit, and more are refused", () => {
  expectRefusals("hybrid");
});

function expectRefusals(signature: "batch" | "hybrid"): void {
  const hybrid = signature === "hybrid";
  for (const n of [4, 31, 100]) {
    const refusal = (checkpointInterval: number) =>
      pbft.refuseConfig?.(configOf({ n, checkpointInterval, signature })) ?? null;
    const quorums = byzantineQuorums(n, Math.floor((n - 1) / 3))!;
    const most = checkpointIntervalMax(quorums, signature);
    if (hybrid) expect(most).toBeLessThan(checkpointIntervalMax(quorums));
    expect(refusal(most)).toBe(null);
    expect(refusal(most + 1)).toContain(`at most --checkpoint ${most}`);
    const size = largestViewChange(n, Math.min(most, WINDOW_MAX / 2), hybrid);
    expect(size).toBeLessThanOrEqual(MESSAGE_MAX);
    if (most < WINDOW_MAX / 2) {
      expect(size).toBeGreaterThan(0.97 * MESSAGE_MAX);
      expect(() => largestViewChange(n, most + 1, hybrid)).toThrow("more than MESSAGE_MAX");
    }
  }
}

test("questions of a replica are answered once in a pause, and as its rate allows", () => {
  const cluster = new PbftCluster({ checkpointInterval: 64 });
  const next = cluster.open();
  const request = next(new Uint8Array(2 ** 20));
  cluster.request(request);
  const slot = cluster.state(0).executed;
  const batch = cluster.replica(0).context.log.get(slot)?.committed?.digest;
  expect(batch).toBeDefined();
  const asked = (from: number, times: number, message: Message): number => {
    const before = cluster.trace.length;
    for (let i = 0; i < times; i++) cluster.inject(from, 0, message);
    cluster.settle();
    return cluster.trace.slice(before).filter(({ from: by, to }) => by === 0 && to === from).length;
  };
  const fetch: Message = { kind: "fetchBatch", slot, digest: batch! };
  expect([asked(3, 50, fetch), asked(CLIENT, 50, fetch), asked(2, 1, fetch)]).toEqual([1, 0, 1]);
  cluster.advance(cluster.config.viewTimeoutMs / 16);
  expect(asked(3, 50, fetch)).toBe(1);
  // One that says again and again, in other words, that it lacks all slots.
  let committed = 0;
  for (let i = 0; i < 400; i++) {
    const lacks: Message = { kind: "status", view: 0, active: false, stable: 0, executed: 0 };
    cluster.inject(3, 0, { ...lacks, view: i });
    cluster.advance(cluster.config.viewTimeoutMs / 16);
    committed = cluster.sent("committed", 0).length;
  }
  const seconds = (400 / 16) * (cluster.config.viewTimeoutMs / 1000);
  expect(committed).toBeGreaterThan(48);
  expect(committed).toBeLessThanOrEqual(2 * (48 + 16 * seconds));
});

test("what is passed is refused before its signatures are checked", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  cluster.request(next(bytes("a")));
  const replica = cluster.replica(2);
  const [proposal] = cluster.sent("prePrepare", 0);
  expect(proposal).toBeDefined();
  expect(replica.refuse(0, proposal!)).toBe(null);
  expect(replica.refuse(0, { ...proposal!, slot: LARGEST })).toBe(
    "not admitted: proposal outside the window",
  );
  expect(replica.refuse(3, { ...proposal!, replica: 3 })).toBe(
    "not admitted: proposal of a replica that is not the primary",
  );
  // The primary falls silent, and the others go on without it.
  cluster.drops = (from, to) => from === 0 || to === 0;
  cluster.request(next(bytes("b")), [1, 2, 3]);
  expect(cluster.runUntil(() => cluster.state(2).view === 1 && cluster.state(2).active)).toBe(true);
  expect(replica.refuse(0, proposal!)).toBe("not admitted: proposal of an earlier view");
  const [entered] = cluster.sent("newView", 1);
  expect(replica.refuse(1, entered!)).toBe("not admitted: new view that was entered or passed");
  expect(replica.refuse(2, { ...entered!, replica: 2, view: 2 })).toBe(null);
});

test("certificates of too few, or of more than a quorum, are refused before they are checked", () => {
  const cluster = new PbftCluster();
  const replica = cluster.replica(1);
  const withSigners = (signers: readonly number[]): Message[] => {
    const votes = { signers, blocks: signers.map(() => new Uint8Array(69)) };
    const stable = { slot: 4, digest, certificate: votes };
    const prepared = { slot: 1, view: 0, digest, primary: 0, block: new Uint8Array(69) };
    const backups = { signers: signers.slice(1), blocks: votes.blocks.slice(1) };
    const names = signers.map((signer) => ({ replica: signer, digest }));
    return [
      { kind: "stable", checkpoint: stable },
      makeViewChange(2, 1, { stable, prepared: [] }),
      makeViewChange(2, 1, {
        stable: GENESIS,
        prepared: [{ ...prepared, prepares: backups }],
      }),
      {
        kind: "committed",
        certificate: { slot: 1, view: 0, digest, commits: votes },
        batch: BATCH,
      },
      {
        ...{ kind: "newView", replica: 2, view: 2, viewChanges: names },
        ...{ stable: 0, digests: [] },
      },
    ];
  };
  const refused = (signers: readonly number[]) =>
    withSigners(signers).map((message) => replica.refuse(2, packets.carried(message, 2)) !== null);
  expect(refused([0, 1, 2])).toEqual([false, false, false, false, false]);
  for (const signers of [
    [0, 1],
    [0, 1, 1],
    [0, 1, 2, 3],
  ]) {
    expect([signers, ...refused(signers)]).toEqual([signers, true, true, true, true, true]);
  }
});

test("a view change that is known is refused before its signatures are checked", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  cluster.drops = (from, to) => from === 0 || to === 0;
  cluster.request(next(bytes("b")), [1, 2, 3]);
  expect(cluster.runUntil(() => cluster.state(2).view === 1 && cluster.state(2).active)).toBe(true);
  const changes = cluster.sent("viewChange", 3);
  expect(changes.length).toBeGreaterThan(0);
  for (const change of changes) {
    expect(cluster.replica(2).refuse(3, change)).toBe("not admitted: view change that is known");
  }
  const later = packets.carried(makeViewChange(3, 2, { stable: GENESIS, prepared: [] }));
  expect(cluster.replica(2).refuse(3, later)).toBe(null);
});
