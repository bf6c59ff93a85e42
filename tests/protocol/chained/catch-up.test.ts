// Replicas that lack blocks: fetched by hash, or the state with them; requests of abandoned blocks.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { Block } from "../../../src/protocol/chained/block.ts";
import { codec } from "../../../src/protocol/chained/message.ts";
import { qcProofs } from "../../../src/protocol/chained/certificate.ts";
import { equal } from "../../../src/wire.ts";
import type { PeekedExecutor } from "../../support/states.ts";
import { block, CLIENT, ChainedCluster, ledBy, openRequest, put, qc, Solo, tc } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

function sizeOf(solo: Solo, name: string): number {
  return solo.replica.census().sizes.find((size) => size.name === name)?.size ?? -1;
}

/** Completes `count` operations of one client, one after another. */
function operate(cluster: ChainedCluster, count: number): void {
  for (let i = 0; i < count; i++) {
    const box = cluster.invoke(CLIENT, put("k", `${cluster.nowMs}.${i}`));
    expect(cluster.runUntil(() => box.result !== undefined, 20_000)).toBe(true);
    expect(box.result).not.toBe(null);
  }
}

/** Whether all of these have executed the same. */
function converged(cluster: ChainedCluster, members: readonly number[]): boolean {
  const executed = members.map((i) => cluster.replica(i).census().executed);
  const states = members.map((i) => (cluster.replica(i).context.executor as PeekedExecutor).peek());
  return new Set(executed).size === 1 && states.every((state) => equal(state, states[0]!));
}

test("H8 a missing ancestor is fetched by its hash before voting", () => {
  const solo = new Solo(0);
  const first = block(1, undefined, [openRequest(1)]);
  const second = block(2, qc(first));
  const third = block(3, qc(second));
  solo.propose(third);
  const sent = solo.host.take();
  expect(sent).toMatchObject([{ to: 3, message: { kind: "fetch", view: 0, height: 0 } }]);
  expect(sent[0]?.message).toMatchObject({ block: second.hash });
  solo.receive(3, { kind: "block", block: second, more: true });
  expect(solo.host.take()).toEqual([]);
  solo.receive(3, { kind: "block", block: first, more: false });
  expect(solo.voted()).toEqual([3]);
});

test("H8 a block that nobody asked for, or with another hash, is dropped", () => {
  const solo = new Solo(0);
  const first = block(1, undefined, [openRequest(1)]);
  solo.receive(3, { kind: "block", block: first, more: false });
  expect(sizeOf(solo, "blocks.live")).toBe(0);
  solo.propose(block(2, qc(first)));
  solo.receive(3, { kind: "block", block: block(1, undefined, [openRequest(2)]), more: false });
  expect(sizeOf(solo, "blocks.live")).toBe(0);
  expect(sizeOf(solo, "blocks.missing")).toBe(1);
});

test("H8 ancestors that arrive behind a missing block wait for its check, not for another fetch", () => {
  const solo = new Solo(0);
  const [first, second] = [block(1, undefined, [openRequest(1)]), block(2, undefined)];
  const chained = block(2, qc(first));
  const refusal = (next: Block) =>
    solo.replica.refuse(3, { kind: "block", block: next, more: true });
  expect(refusal(first)).toBe("not admitted: block that is not missing");
  solo.propose(block(3, qc(chained)));
  // The check of the missing block is under way when its parent arrives.
  expect([refusal(chained), refusal(first)]).toEqual([null, null]);
  solo.receive(3, { kind: "block", block: second, more: false });
  expect([...solo.host.drops.keys()]).toEqual(["not admitted: block that is not missing"]);
  solo.host.take();
  solo.receive(3, { kind: "block", block: chained, more: true });
  solo.receive(3, { kind: "block", block: first, more: false });
  expect(solo.host.takeKind("fetch")).toEqual([]);
  expect(sizeOf(solo, "blocks.missing")).toBe(0);
});

test("H8 a fetch is retried at another replica until the block is here", () => {
  const solo = new Solo(0);
  solo.propose(block(2, qc(block(1))));
  const asked = solo.host.take().map(({ to }) => to);
  for (let i = 0; i < 4; i++) {
    expect(solo.host.timers.has("fetch")).toBe(true);
    solo.timeout("fetch");
    asked.push(...solo.host.take().map(({ to }) => to));
  }
  expect(new Set(asked)).toEqual(new Set([1, 2, 3]));
  solo.receive(1, { kind: "block", block: block(1), more: false });
  solo.timeout("fetch");
  expect(solo.host.take().filter(({ message }) => message.kind === "fetch")).toEqual([]);
});

test("H8 a replica that has a block answers with it and its ancestors, sixteen at a time", () => {
  const solo = new Solo(0);
  let justify;
  let last = block(1);
  for (let view = 1; view <= 40; view++) {
    last = block(view, justify);
    solo.propose(last);
    justify = qc(last);
  }
  solo.host.take();
  solo.receive(2, { kind: "fetch", block: last.hash, view: 30, height: 30 });
  const blocks = solo.host.takeKind("block");
  expect(blocks.map(({ block: { view } }) => view)).toEqual([
    40, 39, 38, 37, 36, 35, 34, 33, 32, 31,
  ]);
  expect(blocks.map(({ more }) => more).indexOf(false)).toBe(9);
  solo.receive(3, { kind: "fetch", block: last.hash, view: 3, height: 3 });
  expect(solo.host.takeKind("block").length).toBe(16);
});

test("a replica that floods with fetches gets as much as its rate allows, a stranger nothing", () => {
  const block = ledBy(1);
  // Its own proposals would leave a gap, behind which few blocks wait.
  const solo = new Solo(0, { leader: () => 1, checkpointInterval: 64 });
  const blocks: Block[] = [];
  for (let view = 1; view <= 60; view++) {
    const op = new Uint8Array(2 ** 20).fill(view);
    const big = { session: 5, tag: 1, number: view, op };
    const parent = blocks.at(-1);
    blocks.push(block(view, parent === undefined ? undefined : qc(parent), [big]));
    solo.propose(blocks.at(-1)!);
  }
  solo.host.take();
  const flood = (from: number): number => {
    for (let round = 0; round < 3; round++) {
      for (const { hash, view } of blocks) {
        solo.receive(from, { kind: "fetch", block: hash, view: view - 1, height: view - 1 });
      }
    }
    return solo.host.takeKind("block").length;
  };
  expect(flood(2)).toBe(48);
  expect(flood(2)).toBe(0);
  expect(flood(CLIENT)).toBe(0);
  solo.host.clockMs += 1000;
  expect(flood(2)).toBe(16);
  // Another replica's share is its own.
  expect(flood(3)).toBe(48);
});

test("H9 executed blocks, votes and snapshots are dropped behind signed checkpoints", () => {
  const cluster = new ChainedCluster();
  operate(cluster, 60);
  cluster.advance(500);
  for (let i = 0; i < 4; i++) {
    const census = cluster.replica(i).census();
    expect(census.committed).toBeGreaterThan(60);
    const sizes = new Map(census.sizes.map(({ name, size }) => [name, size]));
    expect(sizes.get("blocks.executed")).toBeLessThanOrEqual(12);
    expect(sizes.get("blocks.live")).toBeLessThanOrEqual(4);
    expect(sizes.get("checkpoints.states")).toBeLessThanOrEqual(3);
    for (const { name, size, max } of census.sizes)
      expect([name, size <= max]).toEqual([name, true]);
  }
  const proofs = cluster
    .replica(0)
    .certificates()
    .flatMap((held) => held.proofs());
  expect(proofs.some(({ signed }) => signed[0] === 4)).toBe(true);
});

test("H9 a replica that lags far behind catches up by state transfer", () => {
  const cluster = new ChainedCluster();
  operate(cluster, 2);
  cluster.drops = (from, to) => from === 3 || to === 3;
  operate(cluster, 30);
  let pieces = 0;
  cluster.drops = (_from, to, { kind }) => {
    if (kind === "state" && to === 3) pieces++;
    return false;
  };
  operate(cluster, 10);
  expect(cluster.runUntil(() => converged(cluster, [0, 1, 2, 3]), 5000)).toBe(true);
  expect(pieces).toBeGreaterThan(0);
});

test("H9 a replica to which the leader sends nothing follows by the checkpoints of the others", () => {
  const cluster = new ChainedCluster({ leader: () => 1 });
  cluster.drops = (from, to, { kind }) =>
    to === 3 && (from === 1 || from === CLIENT) && kind !== "checkpoint";
  operate(cluster, 60);
  cluster.advance(500);
  const { committed } = cluster.replica(0).census();
  expect(committed).toBeGreaterThan(60);
  expect(cluster.replica(3).census().committed).toBeGreaterThan(committed - 8);
});

test("H10 a batch on an abandoned fork is proposed again, and executed once", () => {
  const solo = new Solo(2);
  const lost = block(1, undefined, [openRequest(1)]);
  solo.propose(lost);
  for (const replica of [0, 1, 3]) solo.timeOut(replica, 5);
  expect(solo.view).toBe(6);
  const [again] = solo.host.takeKind("propose");
  expect(again?.block.batch.requests).toMatchObject(lost.batch.requests);
  expect(again?.block.batch.clients.at(0)).toBe(CLIENT);
  // Both branches at once would execute it once: the executor knows the session.
  let justify = qc(again!.block);
  for (let view = 7; view <= 9; view++) {
    const next = block(view, justify, view === 7 ? [openRequest(1)] : []);
    solo.propose(next);
    justify = qc(next);
  }
  solo.propose(block(10, justify), tc(9));
  expect(solo.committed).toBe(2);
  expect(solo.replica.census().executed).toBe(1);
});

test("H10 a new leader proposes what is pending, and requests reach every replica", () => {
  const cluster = new ChainedCluster({
    leader: (view) => (view < 4 ? 0 : view % 4),
    viewTimeoutMs: 100,
  });
  // The client tells replica 1 only, which does not lead: it passes the request on when its timer
  // fires.
  cluster.drops = (from, to) => from === CLIENT && to !== 1;
  const box = cluster.invoke(CLIENT, put("a", "1"));
  expect(cluster.runUntil(() => box.result !== undefined, 5000)).toBe(true);
  for (let i = 0; i < 4; i++) expect(cluster.replica(i).census().executed).toBe(2);
});

test("H10 a request that is in a block already is not proposed again by the next leader", () => {
  const solo = new Solo(2);
  const first = block(1, undefined, [openRequest(1)]);
  solo.receive(CLIENT, { kind: "request", request: openRequest(1) });
  solo.propose(first);
  for (const replica of [0, 1, 3]) solo.vote(replica, first);
  const [second] = solo.host.takeKind("propose");
  expect(second?.block.view).toBe(2);
  expect(second?.block.batch.requests).toEqual([]);
});

test("H13 a QC gives up its signatures through one type only", async () => {
  const { readdirSync, readFileSync } = await import("node:fs");
  const folder = `${import.meta.dir}/../../../src/protocol/chained`;
  const files = readdirSync(folder, { recursive: true }).map(String);
  const users = files.filter((name) => {
    if (!name.endsWith(".ts")) return false;
    const text = readFileSync(`${folder}/${name}`, "utf8");
    return /\.signers|\.blocks|signers\b.*blocks\b/.test(text);
  });
  expect(users).toEqual([]);
  const certified = block(3, qc(block(2)));
  const message = { kind: "block", block: certified, more: false } as const;
  expect(codec.proofs(message)).toEqual(qcProofs(certified.justify));
  expect(qcProofs(certified.justify).map(({ signer }) => signer)).toEqual([0, 1, 2]);
});

test("X12 without votes for checkpoints snapshots stay few", () => {
  const solo = new Solo(3, { leader: (view) => view % 3 });
  let last = block(1, undefined, [openRequest(1)]);
  solo.propose(last);
  for (let view = 2; view < 80; view++) {
    last = block(view, qc(last), [], view % 3);
    solo.propose(last);
  }
  expect(solo.committed).toBeGreaterThan(70);
  for (const { name, size, max } of solo.replica.census().sizes) {
    expect([name, size <= max]).toEqual([name, true]);
  }
});
