// How far a chain goes beyond the last stable checkpoint: not so far that one that lags cannot
// follow, and never so that all wait for each other.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { HOTSTUFF2_RULES } from "../../../src/protocol/chained/hotstuff2-rules.ts";
import { HOTSTUFF_RULES } from "../../../src/protocol/chained/hotstuff-rules.ts";
import { JOLTEON_RULES } from "../../../src/protocol/chained/jolteon-rules.ts";
import { STREAMLET_RULES } from "../../../src/protocol/chained/streamlet-rules.ts";
import { equal } from "../../../src/wire.ts";
import type { PeekedExecutor } from "../../support/states.ts";
import { PATIENCE_MS } from "../../support/patience.ts";
import { CLIENT, ChainedCluster, put } from "./harness.ts";

setDefaultTimeout(PATIENCE_MS);

/** How long a cluster is let go on, in milliseconds. */
const LONG = 30_000;
/** With an interval of 4: the height that is not passed while nothing is stable. */
const WATERMARK = 12;
const BEYOND_MAX = 64;

/** What shows others that a checkpoint is stable, or helps to make it so. */
const shows = (kind: string): boolean => kind === "checkpoint" || kind === "stable";

/** Operations of as many clients, each given a while to complete. */
function invoke(cluster: ChainedCluster, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const box = cluster.invoke(CLIENT + i, put("k", `${i}`));
    cluster.runUntil(() => box.result !== undefined, 100);
    return box;
  });
}

function complete(cluster: ChainedCluster, boxes: ReturnType<typeof invoke>): boolean {
  return cluster.runUntil(() => boxes.every(({ result }) => result !== undefined), 2 * LONG);
}

/** Whether all have executed the same. */
function converge(cluster: ChainedCluster): boolean {
  const replicas = [0, 1, 2, 3].map((i) => cluster.replica(i));
  return cluster.runUntil(() => {
    const states = replicas.map(({ context }) => (context.executor as PeekedExecutor).peek());
    return states.every((state) => equal(state, states[0] ?? state));
  }, LONG);
}

const committed = (cluster: ChainedCluster): number => cluster.replica(0).census().committed;
const stable = (cluster: ChainedCluster, i: number): number =>
  cluster.replica(i).sync.checkpoints.stable.slot;

describe.each([
  ["hotstuff", HOTSTUFF_RULES],
  ["hotstuff2", HOTSTUFF2_RULES],
  ["jolteon", JOLTEON_RULES],
  ["streamlet", STREAMLET_RULES],
] as const)("H9 %s", (_name, rules) => {
  test.each([0, LONG])("one that lags follows, however long it was away: %d ms more", (ms) => {
    const cluster = new ChainedCluster({}, rules);
    // Replica 1 keeps its CHECKPOINTs to itself, so that those of all others are needed.
    const isHidden = (from: number, kind: string) => from === 1 && shows(kind);
    cluster.drops = (from, to, { kind }) => from === 3 || to === 3 || isHidden(from, kind);
    const boxes = invoke(cluster, 40);
    cluster.advance(ms);
    expect(committed(cluster)).toBeWithin(9, WATERMARK + 1);
    expect(cluster.replica(0).context.tree.live.size).toBeLessThanOrEqual(BEYOND_MAX + 4);
    cluster.drops = (from, _to, { kind }) => isHidden(from, kind);
    expect(complete(cluster, boxes)).toBe(true);
    expect(converge(cluster)).toBe(true);
  });

  test("what waited for views that follow each other is committed at once, however much", () => {
    const cluster = new ChainedCluster({}, rules);
    cluster.drops = (from, _to, { kind }) => from % 2 === 1 && kind === "propose";
    const boxes = invoke(cluster, 4);
    cluster.advance(LONG);
    expect(committed(cluster)).toBe(0);
    cluster.drops = () => false;
    expect(complete(cluster, boxes)).toBe(true);
    expect(committed(cluster)).toBeGreaterThan(WATERMARK);
  });

  test("one that lags follows although many blocks were committed at once", () => {
    const cluster = new ChainedCluster({}, rules);
    const isHidden = (from: number, kind: string) => from === 1 && shows(kind);
    let isMute = true;
    cluster.drops = (from, to, { kind }) =>
      from === 3 ||
      to === 3 ||
      isHidden(from, kind) ||
      (isMute && from === 1 && kind === "propose");
    const boxes = invoke(cluster, 4);
    cluster.advance(LONG);
    isMute = false;
    expect(cluster.runUntil(() => committed(cluster) > WATERMARK, LONG)).toBe(true);
    cluster.drops = (from, _to, { kind }) => isHidden(from, kind);
    expect(complete(cluster, boxes)).toBe(true);
    expect(converge(cluster)).toBe(true);
  });

  test("whose vote waits asks for the checkpoint that others know to be stable", () => {
    const cluster = new ChainedCluster({}, rules);
    cluster.stop(3);
    // Its own CHECKPOINTs reach the others, to which more and more are stable; theirs are lost.
    cluster.drops = (_from, to, { kind }) => to === 1 && kind === "checkpoint";
    const boxes = invoke(cluster, 40);
    expect(stable(cluster, 0)).toBeGreaterThan(8);
    expect(complete(cluster, boxes)).toBe(true);
    expect(stable(cluster, 1)).toBeGreaterThan(WATERMARK);
  });
});
