// What a Byzantine primary, or the next one, can have replicas keep before it is ordered.

import { expect, setDefaultTimeout, test } from "bun:test";
import { makeBatch, type Batch } from "../../../src/protocol/kit/batch.ts";
import { codec, type Message, type PrePrepareMessage } from "../../../src/protocol/pbft/message.ts";
import { Reader, Writer } from "../../../src/wire.ts";
import { CLIENT, PbftCluster } from "./harness.ts";
import { bytes } from "../../support/requests.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const MEBIBYTE = 1024 * 1024;

function largeBatch(slot: number): Batch {
  const op = new Uint8Array(MEBIBYTE).fill(slot);
  return makeBatch([{ session: 9000 + slot, tag: 1, number: 1, op }], [CLIENT]);
}

function proposal(view: number, slot: number): PrePrepareMessage {
  const batch = largeBatch(slot);
  return { kind: "prePrepare", replica: view, view, slot, digest: batch.digest, batch };
}

/** The census's sizes above their maxima, and those of bytes. */
function bounded(cluster: PbftCluster): void {
  for (const i of [1, 2, 3]) {
    const { sizes } = cluster.replica(i).census();
    expect(sizes.filter(({ size, max }) => size > max)).toEqual([]);
    for (const { name, size } of sizes) {
      if (name.endsWith("bytes")) expect(size).toBeLessThanOrEqual(52 * MEBIBYTE);
    }
  }
}

test("X12 a primary that leaves out a slot has no more kept than a bound in bytes, and is left", () => {
  const cluster = new PbftCluster({ checkpointInterval: 64 });
  const next = cluster.open();
  cluster.stop(0);
  for (let slot = 3; slot <= 30; slot++) {
    for (const to of [1, 2, 3]) cluster.inject(0, to, proposal(0, slot));
  }
  cluster.settle();
  const { log } = cluster.state(1);
  expect(log.unorderedBytes).toBeGreaterThan(40 * MEBIBYTE);
  expect(log.get(30)?.prePrepare?.batch ?? null).toBeNull();
  bounded(cluster);
  const request = next(bytes("a"));
  cluster.request(request, [1, 2, 3]);
  cluster.runUntil(() => cluster.results(request).size === 3);
  expect(cluster.results(request).size).toBe(3);
  bounded(cluster);
  expect(cluster.state(1).view).toBeGreaterThan(0);
});

test("X12 the next primary has no more proposals kept than a bound in bytes", () => {
  const cluster = new PbftCluster({ checkpointInterval: 64 });
  const next = cluster.open();
  for (let slot = 1; slot <= 30; slot++) {
    for (const to of [2, 3]) cluster.inject(1, to, proposal(1, slot));
  }
  cluster.settle();
  const future = () =>
    cluster
      .replica(2)
      .census()
      .sizes.find(({ name }) => name === "view-change.future bytes")?.size ?? 0;
  expect(future()).toBeGreaterThan(12 * MEBIBYTE);
  expect(future()).toBeLessThanOrEqual(16 * MEBIBYTE);
  const request = next(bytes("a"));
  cluster.request(request);
  expect(cluster.results(request).size).toBe(4);
});

test("X12 a large proposal that is not needed is refused before it is decoded, and before its check", () => {
  const cluster = new PbftCluster({ checkpointInterval: 64 });
  cluster.open();
  const replica = cluster.replica(2);
  const refused = (message: PrePrepareMessage) => {
    const bytes = codecBytes(message);
    const early = replica.refuseBytes(message.replica, new Reader(bytes), bytes.length);
    // What is said of its bytes is said of the message.
    expect(replica.refuse(message.replica, message)).toBe(early);
    return early;
  };
  const next = proposal(1, 5);
  expect(refused(next)).toBeNull();
  expect(refused({ ...next, replica: 3 })).toContain("not the primary");
  expect(refused(proposal(3, 5))).toContain("not the next");
  expect(refused(proposal(1, 500))).toContain("not the next");
  expect(refused(proposal(0, 500))).toContain("outside the window");
  cluster.inject(1, 2, next);
  cluster.settle();
  expect(refused(next)).toContain("waits already");
  expect(refused(proposal(1, 6))).toBeNull();
  // A vote is not looked at before it is decoded.
  const { replica: signer, view, slot, digest } = proposal(3, 5);
  const vote = codecBytes({ kind: "prepare", replica: signer, view, slot, digest });
  expect(replica.refuseBytes(3, new Reader(vote), vote.length)).toBeNull();
});

const NO_BOOK = { intern: () => 0, write() {} };

function codecBytes(message: Message): Uint8Array {
  const out = new Writer(new Uint8Array(4096), NO_BOOK, 4 * MEBIBYTE).reset(0, 4096);
  codec.encode(message, out);
  return out.copy();
}

test("X12 many large operations at once all complete, however little a replica keeps", () => {
  const cluster = new PbftCluster({ checkpointInterval: 64 });
  const makers = Array.from({ length: 34 }, (_, i) => cluster.open(CLIENT + i));
  cluster.heard.length = 0;
  for (const [i, next] of makers.entries()) {
    const request = next(new Uint8Array(MEBIBYTE).fill(i));
    cluster.inject(CLIENT + i, 0, { kind: "request", request });
  }
  cluster.runUntil(() => cluster.heard.length >= 4 * 30);
  cluster.settle();
  bounded(cluster);
  // What did not fit the pool is dropped, and its client asks again.
  expect(cluster.replies.length).toBeGreaterThanOrEqual(4 * 30);
  expect(cluster.state(0).view).toBe(0);
});
