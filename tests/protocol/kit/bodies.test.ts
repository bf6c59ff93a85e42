// Bodies that travel apart from proposals: who votes, who asks whom for what is missing, and what
// waits and is kept at most.

import { expect, test } from "bun:test";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import { makeBatch, namedOf, type Batch } from "../../../src/protocol/kit/batch.ts";
import { KEPT_BYTES_MAX } from "../../../src/protocol/kit/body-store.ts";
import { digestOf } from "../../../src/protocol/kit/digest.ts";
import { BODY_MIN, OPERATION_MAX, type Request } from "../../../src/protocol/kit/request.ts";
import { WAITING_BYTES_MAX, WAITING_MAX } from "../../../src/protocol/kit/waiting-proposals.ts";
import type { Parts } from "../../../src/protocol/pbft/index.ts";
import type { PrePrepareMessage } from "../../../src/protocol/pbft/message.ts";
import { anyBody, keepsAll, neverAsks, withoutBodies } from "../../mutants/bodies.ts";
import { ChainedCluster } from "../chained/harness.ts";
import { CLIENT, PbftCluster } from "../pbft/harness.ts";
import { TendermintCluster } from "../tendermint/harness.ts";
import { VrCluster } from "../vr/harness.ts";

const BROADCAST = { broadcastsBodies: true } as const;
/** The view timeout of the clusters, and how long a body may be late. */
const T = 100;
const PAUSE = T / 32;

/** A value that is written, of so many bytes, all the same. */
function put(fill: string, length = 2 * BODY_MIN) {
  const key = new Uint8Array([1]);
  const value = new Uint8Array(length).fill(fill.charCodeAt(0));
  return encodeKvOperation({ kind: "put", key, value });
}

function clusterOf(parts: Partial<Parts> = {}, changes: Partial<ProtocolConfig> = {}): PbftCluster {
  return new PbftCluster({ ...BROADCAST, ...changes }, { parts });
}

/** The batch of a proposal, in whatever protocol; null for other messages. */
function proposedIn(message: object): Batch | null {
  const { batch, block, value, kind } = message as {
    readonly kind: string;
    readonly batch?: Batch | null;
    readonly block?: { readonly batch: Batch };
    readonly value?: { readonly batch: Batch };
  };
  if (!["prePrepare", "propose", "proposal", "prepare"].includes(kind)) return null;
  return batch ?? block?.batch ?? value?.batch ?? null;
}

/** One leader, to whom clients send requests. */
const FIXED = { tenure: 2 ** 20, leader: () => 0 };

/** What clusters of all protocols have. */
interface AnyCluster {
  readonly config: ProtocolConfig;
  readonly trace: readonly { readonly message: { readonly kind: string } }[];
  drops(from: number, to: number, message: { readonly kind: string }): boolean;
  invoke(id: number, op: Uint8Array): { readonly result: Uint8Array | null | undefined };
  runUntil(condition: () => boolean): boolean;
  advance(ms: number): void;
}

const CLUSTERS: readonly (readonly [string, (changes: Partial<ProtocolConfig>) => AnyCluster])[] = [
  ["pbft", (changes) => new PbftCluster(changes)],
  ["hotstuff", (changes) => new ChainedCluster({ ...FIXED, ...changes })],
  ["tendermint", (changes) => new TendermintCluster(changes)],
  ["vr", (changes) => new VrCluster(changes)],
];

for (const [name, make] of CLUSTERS) {
  test(`X23 in ${name} proposals name bodies, and have them unless clients send these to all`, () => {
    for (const broadcastsBodies of [true, false]) {
      const cluster = make({ broadcastsBodies });
      // A backup that has not executed the open yet takes no body of its session.
      const first = cluster.invoke(CLIENT, put("a", 10));
      cluster.advance(T);
      expect(first.result).toBeDefined();
      const invoked = cluster.invoke(CLIENT, put("a"));
      expect(cluster.runUntil(() => invoked.result !== undefined)).toBe(true);
      const batches = cluster.trace.flatMap(({ message }) => proposedIn(message) ?? []);
      const withBodies = batches.filter(({ requests }) =>
        requests.some(({ op }) => op.length >= BODY_MIN),
      );
      expect(withBodies.length).toBeGreaterThan(0);
      expect(withBodies.every(({ named }) => (named !== null) === broadcastsBodies)).toBe(true);
      expect(cluster.trace.some(({ message }) => message.kind === "fetchBodies")).toBe(false);
    }
  });

  test(`X23 in ${name} a body that only its leader heard is fetched, and executed by all`, () => {
    const cluster = make(BROADCAST);
    cluster.drops = (_from, to, { kind }) => kind === "request" && to % cluster.config.n !== 0;
    // The client's open went to all, and is lost on its way to all but one.
    const invoked = cluster.invoke(CLIENT, put("a"));
    expect(cluster.runUntil(() => invoked.result !== undefined)).toBe(true);
    expect(cluster.trace.some(({ message }) => message.kind === "bodies")).toBe(true);
  });
}

test("X23 V7 in vr the leader alone replies to what its client sent to all, and others if asked again", () => {
  const cluster = new VrCluster(BROADCAST);
  const request = { ...cluster.open()(), op: put("a") };
  cluster.request(request);
  cluster.advance(5);
  expect(cluster.repliers(request)).toEqual([0]);
  cluster.request(request, [2]);
  expect(cluster.repliers(request)).toEqual([0, 2]);
});

test("X23 a small operation goes to the leader alone, and its proposal has it", () => {
  const cluster = clusterOf();
  const small = cluster.invoke(CLIENT, put("a", 10));
  expect(cluster.runUntil(() => small.result !== undefined)).toBe(true);
  cluster.trace.length = 0;
  const again = cluster.invoke(CLIENT, put("b", 10));
  expect(cluster.runUntil(() => again.result !== undefined)).toBe(true);
  expect(
    cluster.trace.filter(({ message }) => message.kind === "request").map(({ to }) => to),
  ).toEqual([0]);
  expect(cluster.sent("prePrepare").map(({ batch }) => batch?.named)).toEqual([null]);
});

test("X23 a backup votes for nothing before it has the bodies, and asks the proposer first", () => {
  const votes = (parts: Partial<Parts>) => {
    const cluster = clusterOf(parts);
    const next = cluster.open();
    cluster.trace.length = 0;
    cluster.request(next(put("a")), [0]);
    const before = cluster.sent("prepare").length;
    cluster.advance(PAUSE - 1);
    expect(cluster.sent("fetchBodies")).toEqual([]);
    cluster.advance(2);
    const asked = cluster.trace.filter(({ message }) => message.kind === "fetchBodies");
    return { before, asked: asked.map(({ to }) => to), after: cluster.sent("prepare").length };
  };
  expect(votes({})).toEqual({ before: 0, asked: [0, 0, 0], after: 3 });
  expect(votes(withoutBodies).before).toBe(3);
  expect(votes(neverAsks)).toEqual({ before: 0, asked: [], after: 0 });
});

test("X23 who is not answered by the proposer asks the others in turn", () => {
  const cluster = clusterOf();
  const next = cluster.open();
  const request = next(put("a"));
  // Nor does replica 3 get the batch by the proof that it was committed.
  const whole = ["batch", "committed"];
  cluster.drops = (_from, to, { kind }) =>
    (kind === "fetchBodies" && to === 0) || (to === 3 && whole.includes(kind));
  cluster.trace.length = 0;
  cluster.request(request, [0, 1, 2]);
  expect(cluster.state(3).executed).toBe(1);
  cluster.advance(2 * PAUSE + 1);
  const asked = cluster.trace.filter(({ message }) => message.kind === "fetchBodies");
  expect(asked.map(({ to }) => to)).toEqual([0, 1]);
  expect(cluster.sent("prepare", 3)).toHaveLength(1);
  expect(cluster.runUntil(() => cluster.state(3).executed === 2, T)).toBe(true);
});

test("X23 a client that sends different bodies under one number stops nobody", () => {
  const state = (parts: Partial<Parts>) => {
    const cluster = clusterOf(parts);
    const next = cluster.open();
    const request = next(put("a"));
    cluster.inject(CLIENT, 3, { kind: "request", request: { ...request, op: put("b") } });
    cluster.settle();
    cluster.request(request, [0, 1, 2]);
    cluster.advance(4 * PAUSE);
    return [0, 1, 2, 3].map((i) => cluster.state(i).digest);
  };
  expect(new Set(state({})).size).toBe(1);
  expect(new Set(state(anyBody)).size).toBe(2);
});

/** A proposal of view 0 that names bodies which nobody has. */
function unknownBodies(slot: number, lengths: readonly number[]): PrePrepareMessage {
  const requests = lengths.map((length, i): Request => {
    const op = new Uint8Array(length).fill(slot);
    return { session: 1000 * slot + i + 1, tag: 1, number: 1, op };
  });
  const whole = makeBatch(
    requests,
    requests.map(() => CLIENT),
  );
  const batch = namedOf(whole);
  return { kind: "prePrepare", replica: 0, view: 0, slot, digest: batch.digest, batch };
}

test("X23 a leader that names what nobody has gets no vote, is replaced, and costs no memory", () => {
  const cluster = clusterOf();
  const next = cluster.open();
  cluster.stop(0);
  cluster.trace.length = 0;
  for (const i of [1, 2, 3]) cluster.inject(0, i, unknownBodies(2, [BODY_MIN]));
  const request = next(put("a"));
  cluster.request(request, [1, 2, 3]);
  expect(cluster.sent("prepare")).toEqual([]);
  expect(cluster.runUntil(() => cluster.results(request).size === 3)).toBe(true);
  expect(cluster.state(1).view).toBe(1);
  cluster.advance(2 * T + PAUSE);
  expect(sizeOf(cluster, "bodies.waiting")).toBe(0);
  expect(sizeOf(cluster, "bodies.waiting bytes")).toBe(0);
});

function sizeOf(cluster: PbftCluster, name: string, i = 1): number {
  return (
    cluster
      .replica(i)
      .census()
      .sizes.find((one) => one.name === name)?.size ?? NaN
  );
}

test("X12 X23 proposals that wait are bounded, by number and by what they have of bodies", () => {
  const waiting = (parts: Partial<Parts>) => {
    const cluster = clusterOf(parts, { checkpointInterval: 64 });
    for (const i of [0, 2, 3]) cluster.stop(i);
    for (let slot = 1; slot <= WAITING_MAX + 5; slot++) {
      cluster.inject(0, 1, unknownBodies(slot, [BODY_MIN]));
    }
    cluster.settle();
    return sizeOf(cluster, "bodies.waiting");
  };
  expect(waiting({})).toBe(WAITING_MAX);
  expect(waiting(keepsAll)).toBe(WAITING_MAX + 5);

  const bytes = (parts: Partial<Parts>) => {
    const cluster = clusterOf(parts, { checkpointInterval: 64 });
    for (const i of [0, 2, 3]) cluster.stop(i);
    // Each lacks one of two bodies, and has the other one, of almost a megabyte.
    for (let slot = 1; slot <= 40; slot++) {
      const large = 1_000_000;
      cluster.inject(0, 1, unknownBodies(slot, [large, BODY_MIN]));
      cluster.settle();
      const body = new Uint8Array(large).fill(slot);
      cluster.inject(0, 1, { kind: "bodies", bodies: [body] });
      cluster.settle();
    }
    return sizeOf(cluster, "bodies.waiting bytes");
  };
  const most = bytes({});
  expect(most).toBeLessThanOrEqual(WAITING_BYTES_MAX);
  expect(most).toBeGreaterThan(WAITING_BYTES_MAX - 2_000_000);
  expect(bytes(keepsAll)).toBeGreaterThan(WAITING_BYTES_MAX);
});

test("X12 X23 bodies that are kept for others are bounded: the oldest give way", () => {
  const cluster = clusterOf();
  for (const i of [0, 2, 3]) cluster.stop(i);
  for (let slot = 1; slot <= 8; slot++) {
    cluster.inject(0, 1, unknownBodies(slot, [OPERATION_MAX]));
    cluster.settle();
    const body = new Uint8Array(OPERATION_MAX).fill(slot);
    cluster.inject(0, 1, { kind: "bodies", bodies: [body] });
    cluster.settle();
  }
  const kept = sizeOf(cluster, "bodies.kept bytes");
  expect(kept).toBeLessThanOrEqual(KEPT_BYTES_MAX);
  expect(kept).toBeGreaterThan(KEPT_BYTES_MAX - 2 * OPERATION_MAX);
  const asked = (slot: number) => {
    cluster.trace.length = 0;
    const digests = [digestOf(new Uint8Array(OPERATION_MAX).fill(slot))];
    cluster.inject(2, 1, { kind: "fetchBodies", digests });
    cluster.settle();
    return cluster.sent("bodies").length;
  };
  expect([asked(1), asked(8)]).toEqual([0, 1]);
});

test("X23 a proposal that comes again waits once, and one of a stranger's address does not", () => {
  const cluster = clusterOf();
  for (const i of [0, 2, 3]) cluster.stop(i);
  const proposal = unknownBodies(1, [BODY_MIN]);
  cluster.inject(CLIENT, 1, proposal, 0);
  cluster.settle();
  expect(sizeOf(cluster, "bodies.waiting")).toBe(0);
  cluster.inject(0, 1, proposal);
  cluster.inject(0, 1, proposal);
  cluster.settle();
  expect(sizeOf(cluster, "bodies.waiting")).toBe(1);
});

test("X23 bodies are given to replicas alone, and the same ones once in a pause", () => {
  const cluster = clusterOf();
  const next = cluster.open();
  const request = next(put("a"));
  cluster.request(request);
  const ask = (from: number) => {
    cluster.trace.length = 0;
    cluster.inject(from, 0, { kind: "fetchBodies", digests: [digestOf(request.op)] });
    cluster.settle();
    return cluster.sent("bodies").map(({ bodies }) => bodies);
  };
  expect(ask(CLIENT)).toEqual([]);
  expect(ask(3)).toEqual([[request.op]]);
  expect(ask(3)).toEqual([]);
  cluster.advance(T / 16);
  expect(ask(3)).toEqual([[request.op]]);
});

test("X23 bodies that nobody asked for, or of another length than was said, are dropped", () => {
  const cluster = clusterOf();
  for (const i of [0, 2, 3]) cluster.stop(i);
  const body = new Uint8Array(BODY_MIN).fill(1);
  cluster.inject(2, 1, { kind: "bodies", bodies: [body] });
  cluster.settle();
  expect(sizeOf(cluster, "bodies.kept bytes")).toBe(0);
  const honest = unknownBodies(1, [BODY_MIN + 1]);
  // Says of the digest of that body that it is longer.
  const [request] = honest.batch?.requests ?? [];
  const op = new Uint8Array(BODY_MIN + 1);
  const digested = { op, digest: digestOf(body) };
  const lying = namedOf(makeBatch([{ ...(request as Request), op, digested }], [CLIENT]));
  cluster.inject(0, 1, { ...honest, digest: lying.digest, batch: lying });
  cluster.inject(2, 1, { kind: "bodies", bodies: [body] });
  cluster.settle();
  expect(sizeOf(cluster, "bodies.waiting")).toBe(1);
  expect(cluster.sent("prepare", 1)).toEqual([]);
});

test("X23 what was prepared is executed in the next view by one that never had its body", () => {
  const cluster = clusterOf();
  const next = cluster.open();
  const request = next(put("a"));
  // Replica 3 hears nothing of it, and nobody commits it.
  cluster.drops = (_from, to, { kind }) => to === 3 || kind === "commit";
  cluster.request(request, [0, 1, 2]);
  expect(cluster.replica(1).context.log.get(2)?.prepared?.view).toBe(0);
  cluster.stop(0);
  cluster.drops = () => false;
  expect(cluster.runUntil(() => [1, 2, 3].every((i) => cluster.state(i).executed >= 2))).toBe(true);
  expect(new Set([1, 2, 3].map((i) => cluster.state(i).digest)).size).toBe(1);
});
