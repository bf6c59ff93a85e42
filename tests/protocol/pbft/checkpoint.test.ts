// Checkpoints, and replicas that were too far away for the log of the others.

import { expect, test } from "bun:test";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import type { StateMessage } from "../../../src/protocol/kit/messages.ts";
import { keyOf } from "../../../src/protocol/kit/state-assembly.ts";
import { CHUNK_LENGTH } from "../../../src/protocol/kit/state-tree.ts";
import { PbftCluster } from "./harness.ts";
import { bytes } from "../../support/requests.ts";

function run(cluster: PbftCluster, count: number): void {
  const next = cluster.open(100 + Math.floor(cluster.nowMs));
  for (let i = 1; i < count; i++) {
    cluster.request(next(bytes(`${i}`)));
    cluster.advance(2);
  }
}

function put(key: number, length: number): Uint8Array {
  const value = new Uint8Array(length).fill(key);
  return encodeKvOperation({ kind: "put", key: Uint8Array.of(key), value });
}

test("P6 every K slots a checkpoint becomes stable with q votes, and the window moves", () => {
  const cluster = new PbftCluster();
  cluster.drops = (_from, _to, { kind }) => kind === "checkpoint";
  run(cluster, 4);
  expect(cluster.sent("checkpoint", 0).map(({ slot }) => slot)).toEqual([4]);
  expect(cluster.state(0).low).toBe(0);
  expect(cluster.state(0).log.get(1)).toBeDefined();

  const digest = cluster.sent("checkpoint", 0)[0]?.digest ?? bytes("");
  cluster.drops = () => false;
  cluster.inject(1, 0, { kind: "checkpoint", replica: 1, slot: 4, digest });
  cluster.inject(2, 0, { kind: "checkpoint", replica: 2, slot: 4, digest: new Uint8Array(32) });
  cluster.inject(1, 0, { kind: "checkpoint", replica: 1, slot: 4, digest });
  cluster.settle();
  expect(cluster.state(0).low).toBe(0);
  cluster.inject(3, 0, { kind: "checkpoint", replica: 3, slot: 4, digest });
  cluster.settle();
  expect(cluster.state(0).low).toBe(4);
  expect(cluster.state(0).log.high).toBe(12);
  expect(cluster.state(0).log.get(1)).toBe(undefined);
});

test("P6 without a stable checkpoint nothing is proposed beyond H", () => {
  const cluster = new PbftCluster();
  cluster.drops = (_from, _to, { kind }) => kind === "checkpoint" || kind === "viewChange";
  const next = cluster.open();
  for (let i = 0; i < 10; i++) cluster.request(next(bytes(`${i}`)), [0]);
  expect(cluster.sent("prePrepare", 0).at(-1)?.slot).toBe(8);
});

test("P6 the digest covers sessions and cached replies", () => {
  const digests = [1, 2].map((choice) => {
    const cluster = new PbftCluster();
    const next = cluster.open();
    // Gets change no state, but leave another reply behind.
    const key = Uint8Array.of(choice === 1 ? 1 : 9);
    cluster.request(next(put(1, 10)));
    cluster.request(next(encodeKvOperation({ kind: "get", key: Uint8Array.of(5) })));
    cluster.request(next(encodeKvOperation({ kind: "get", key })));
    cluster.settle();
    const [checkpoint] = cluster.sent("checkpoint", 0);
    expect(checkpoint?.slot).toBe(4);
    return Buffer.from(checkpoint?.digest ?? "").toString("hex");
  });
  expect(digests[0]).not.toBe(digests[1]);
});

/** A cluster that has executed several pieces of state, of which replica 3 heard nothing yet. */
function withoutReplica3(): PbftCluster {
  const cluster = new PbftCluster();
  const next = cluster.open();
  cluster.drops = (from, to) => from === 3 || to === 3;
  for (let i = 0; i < 8; i++) {
    cluster.request(next(put(i, CHUNK_LENGTH)), [0, 1, 2]);
    cluster.advance(2);
  }
  return cluster;
}

test("P11 a replica that missed a checkpoint fetches the state in pieces and takes part again", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  cluster.drops = (from, to) => from === 3 || to === 3;
  for (let i = 0; i < 12; i++) {
    cluster.request(next(put(i, CHUNK_LENGTH)), [0, 1, 2]);
    cluster.advance(2);
  }
  expect(cluster.state(3).executed).toBe(1);
  cluster.drops = () => false;
  cluster.advance(2000);
  const pieces = new Set(cluster.sent("fetchState", 3).flatMap(({ pieces }) => pieces.map(keyOf)));
  expect(pieces.size).toBeGreaterThan(10);
  expect(cluster.state(3).digest).toBe(cluster.state(0).digest);

  // It votes: without replica 1 nothing commits unless it does.
  cluster.stop(1);
  const request = next(put(1, 10));
  cluster.request(request, [0, 2, 3]);
  cluster.advance(2000);
  const answered = cluster.replies.filter(({ number }) => number === request.number);
  expect(answered.map(({ replica }) => replica).sort()).toEqual([0, 2, 3]);
});

test("P11 a piece that was made up is asked for elsewhere, and who made it up no more", () => {
  const cluster = withoutReplica3();
  // Replica 1 lies about every piece.
  let lies = 0;
  cluster.drops = (from, to, message) => {
    if (from !== 1 || to !== 3 || message.kind !== "state") return false;
    lies++;
    const pieces = message.pieces.map(({ id, bytes }) => ({ id, bytes: bytes.map((b) => b ^ 1) }));
    const lie: StateMessage = { ...message, pieces };
    cluster.replica(3).receive(1, lie);
    return true;
  };
  cluster.advance(2000);
  expect(lies).toBe(1);
  expect(cluster.state(3).digest).toBe(cluster.state(0).digest);
});

test("P11 pieces that nobody asked for do not put off asking again", () => {
  const cluster = withoutReplica3();
  // What replica 3 asks for at first is lost.
  let lost = 0;
  cluster.drops = (from, _to, { kind }) => from === 3 && kind === "fetchState" && lost++ < 8;
  const bytes = new Uint8Array(1);
  for (let i = 0; i < 200 && cluster.state(3).executed < 8; i++) {
    for (const from of [2, 200]) {
      const id = { tree: 0, level: 0, index: 0, blob: 0, chunk: 0 };
      const pieces = [{ id, bytes }];
      cluster.inject(from, 3, { kind: "state", slot: cluster.state(0).low, pieces });
    }
    cluster.advance(5);
  }
  expect(lost).toBeGreaterThan(0);
  expect(cluster.state(3).digest).toBe(cluster.state(0).digest);
});

test("P11 a transfer whose state is forgotten meanwhile begins anew with a later one", () => {
  const cluster = new PbftCluster();
  run(cluster, 3);
  cluster.drops = (from, to) => from === 3 || to === 3;
  run(cluster, 12);
  // The certificate reaches it, the pieces do not.
  cluster.drops = (_from, to, { kind }) => to === 3 && kind === "state";
  cluster.advance(300);
  expect(cluster.sent("fetchState", 3).length).toBeGreaterThan(0);
  cluster.drops = (from, to) => from === 3 || to === 3;
  run(cluster, 16);
  cluster.drops = () => false;
  cluster.advance(3000);
  expect(cluster.state(3).digest).toBe(cluster.state(0).digest);
});
