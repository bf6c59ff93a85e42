// Checkpoints that each replica takes for itself, and replicas that catch up by them.

import { expect, test } from "bun:test";
import { VrCluster } from "./harness.ts";
import { openOf } from "../../support/requests.ts";

function fill(cluster: VrCluster, from: number, to: number): void {
  for (let i = from; i <= to; i++) cluster.request(openOf(i), [cluster.state(0).view % 3]);
  cluster.advance(5);
}

test("V13 a checkpoint every K slots, two of them kept, and the log begins at the older one", () => {
  const cluster = new VrCluster();
  fill(cluster, 1, 11);
  expect(cluster.state(0)).toMatchObject({ executed: 11, floor: 4 });
  expect(cluster.replica(0).states.last.slot).toBe(8);
  fill(cluster, 12, 12);
  expect(cluster.state(0)).toMatchObject({ executed: 12, floor: 8 });
});

test("V13 another state after the same slot is found", () => {
  const cluster = new VrCluster();
  fill(cluster, 1, 4);
  const status = { view: 0, normal: true, op: 4, executed: 4, slot: 4 } as const;
  const other = { kind: "status", ...status, digest: new Uint8Array(32) } as const;
  expect(() => cluster.replica(1).receive(2, other)).not.toThrow();
  expect(() => cluster.replica(1).assertInvariants()).toThrow("equal logs give equal states");
  expect(
    [...cluster.host(1).drops.keys()].some((reason) => reason.includes("not deterministic")),
  ).toBe(true);
});

test("V14 a replica that missed what is dropped fetches a state, and then the log above it", () => {
  const cluster = new VrCluster();
  cluster.drops = (from, to) => from === 2 || to === 2;
  fill(cluster, 1, 14);
  cluster.drops = () => false;
  cluster.advance(300);
  expect(cluster.sent("checkpoint").at(-1)).toMatchObject({ slot: 12 });
  expect(cluster.sent("fetchState", 2).length).toBeGreaterThan(0);
  expect(cluster.state(2)).toMatchObject({ executed: 14, op: 14, floor: 12, lastNormal: 0 });
});

test("V14 a state on the way to a view replaces only what it holds, and keeps lastNormal", () => {
  const cluster = new VrCluster();
  cluster.drops = (from, to) => from === 2 || to === 2;
  fill(cluster, 1, 14);
  cluster.drops = (_from, to, { kind }) => to === 2 && kind === "log";
  cluster.inject(1, 2, { kind: "wish", wanted: 1, view: 1 });
  cluster.inject(1, 2, { kind: "startView", view: 1, lastNormal: 0, op: 14, committed: 14 });
  cluster.advance(1);
  const { slot, digest } = cluster.replica(0).states.last;
  cluster.inject(0, 2, { kind: "checkpoint", replica: 0, slot, digest });
  cluster.advance(60);
  expect(cluster.state(2)).toMatchObject({ status: "catchingUp", lastNormal: 0, executed: 12 });
});
