// Networks that lose, divide and heal.

import { expect, test } from "bun:test";
import { KvApp } from "../../../src/app/kv.ts";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import { NullApp } from "../../../src/app/null.ts";
import { pbft } from "../../../src/protocol/pbft/index.ts";
import type { Message } from "../../../src/protocol/pbft/message.ts";
import { drawPlan, NO_FAULTS, type Plan } from "../../../src/simulation/seed-plan.ts";
import { Random } from "../../../src/base/seeded-random.ts";
import { runPlan, runSeed } from "../../../src/simulation/run-seed.ts";
import { subjectOf } from "../../../src/simulation/subject.ts";
import { PbftCluster } from "./harness.ts";
import { bytes } from "../../support/requests.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

const subject = subjectOf("pbft", pbft);

/** For tests that compute for a second or more: a busy machine is no failure. */

function noLoss(plan: Plan): Plan["network"] {
  return {
    ...plan.network,
    ...NO_FAULTS,
  };
}

/** Every kind of message between two replicas. */
const KINDS: readonly Message["kind"][] = [
  "prePrepare",
  "prepare",
  "commit",
  "checkpoint",
  "viewChange",
  "newView",
  "relay",
];

test("P10 whichever kind of message was lost for a while, all is made up for", () => {
  for (const kind of KINDS) {
    for (const victim of [0, 1, 3]) {
      const cluster = new PbftCluster();
      const next = cluster.open();
      cluster.drops = (_from, to, message) => to === victim && message.kind === kind;
      const requests = Array.from({ length: 9 }, (_, i) => next(bytes(`${i}`)));
      for (const request of requests.slice(0, 8)) {
        cluster.request(request);
        cluster.advance(20);
      }
      cluster.advance(300);
      cluster.drops = () => false;
      const last = requests[8]!;
      for (let retry = 0; retry < 4; retry++) {
        cluster.request(last);
        cluster.advance(500);
      }
      expect([kind, victim, cluster.results(last).size]).toEqual([kind, victim, 4]);
      expect(new Set(cluster.replicas.map((_, i) => cluster.state(i).digest)).size).toBe(1);
    }
  }
});

test(
  "P10 a cluster that was partitioned any way at all, then healed, makes progress",
  () => {
    const random = new Random(1, "partitions");
    for (let round = 0; round < 60; round++) {
      const cluster = new PbftCluster();
      const next = cluster.open();
      // A side for each replica, and another for each of some periods.
      for (let period = random.between(1, 6); period > 0; period--) {
        const sides = cluster.replicas.map(() => random.int(3));
        const oneWay = random.chance(0.3);
        cluster.drops = (from, to) =>
          Math.max(from, to) < cluster.config.n &&
          sides[from] !== sides[to] &&
          (!oneWay || from < to);
        cluster.request(next(bytes(`${round} ${period}`)));
        cluster.advance(random.between(10, 900));
      }
      cluster.drops = () => false;
      const last = next(bytes("healed"));
      for (let retry = 0; retry < 12 && cluster.results(last).size < 4; retry++) {
        cluster.request(last);
        cluster.advance(400);
      }
      expect([round, cluster.results(last).size]).toEqual([round, 4]);
      expect(new Set(cluster.replicas.map((_, i) => cluster.state(i).digest)).size).toBe(1);
    }
  },
  PATIENCE_MS,
);

test(
  "X7 with 10 % of packets lost, duplicated and reordered every operation completes",
  () => {
    for (let seed = 0; seed < 6; seed++) {
      const plan = drawPlan(subject, "short", seed);
      const network = { ...noLoss(plan), loss: 0.1, duplication: 0.1, reordering: 0.1 };
      const gstUs = 400 * plan.viewTimeoutMs * 1000;
      const report = runPlan(subject, {
        ...plan,
        network,
        faults: [],
        restarts: [],
        allRestart: null,
        gstUs,
      });
      expect([seed, ...report.failures]).toEqual([seed]);
      expect(report.operations).toBe(10 + 10 * plan.clients);
    }
  },
  PATIENCE_MS,
);

test("X7 a retry is never swallowed: it is answered or makes the protocol move", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const request = next(bytes("a"));
  // The primary gets the request and all its proposals are lost for ever.
  cluster.drops = (from) => from === 0;
  for (let retry = 0; retry < 6; retry++) {
    cluster.request(request);
    cluster.advance(50);
  }
  expect(cluster.results(request).size).toBeGreaterThanOrEqual(3);
  expect(cluster.state(1).view).toBe(1);
});

test(
  "X8 batches of up to a megabyte commit in fragments, under loss too",
  () => {
    for (const loss of [0, 0.02]) {
      const plan = drawPlan(subject, "short", 3);
      const report = runPlan(subject, {
        ...plan,
        network: { ...noLoss(plan), loss },
        n: 4,
        f: 1,
        clients: 1,
        operations: 4,
        tail: 1,
        valueMax: 1024 * 1024,
        payloadMax: 1497,
        viewTimeoutMs: 500,
        gstUs: 60_000_000,
        thinkUs: 0,
        faults: [],
        restarts: [],
        allRestart: null,
        strangers: [],
      });
      expect(report.failures).toEqual([]);
      expect(report.operations).toBe(5);
      // Hundreds of packets an operation, to each of three backups.
      expect(report.events).toBeGreaterThan(5 * 3 * 100);
      expect((report.injected.get("lost") ?? 0) > 100).toBe(loss > 0);
    }
  },
  PATIENCE_MS,
);

test("X8 a batch of a megabyte commits", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const value = new Uint8Array(1024 * 1024 - 1024).fill(7);
  const request = next(encodeKvOperation({ kind: "put", key: bytes("k"), value }));
  cluster.request(request, [0]);
  expect(cluster.results(request).size).toBe(4);
});

test("X10 every app runs", () => {
  for (const app of [() => new KvApp(), () => new NullApp()]) {
    const cluster = new PbftCluster({}, { app });
    const next = cluster.open();
    const request = next(bytes("anything"));
    cluster.request(request);
    expect(cluster.results(request).size).toBe(4);
  }
});

test(
  "X5 where Byzantine replicas invent requests, correct ones still agree",
  () => {
    for (let seed = 0; seed < 15; seed++) {
      const report = runSeed({ subject, seed, kind: "invent" });
      expect([seed, ...report.failures]).toEqual([seed]);
    }
  },
  PATIENCE_MS,
);

test("P10 a replica that missed many slots of a cluster that is quiet now has them soon", () => {
  const cluster = new PbftCluster({ checkpointInterval: 128 });
  const next = cluster.open();
  cluster.drops = (_from, to) => to === 3;
  for (let i = 0; i < 100; i++) cluster.request(next(bytes(`${i}`)));
  cluster.drops = () => false;
  expect(cluster.state(0).executed).toBe(101);
  expect(cluster.state(3).executed).toBe(1);
  // Until it first says where it is, and an eighth of that for every sixteen slots.
  cluster.advance(2 * cluster.config.viewTimeoutMs);
  expect(cluster.state(3).executed).toBe(101);
  expect(cluster.replicas.map(({ view }) => view)).toEqual([0, 0, 0, 0]);
  // Nobody asks on and on.
  const asked = cluster.sent("status", 3).length;
  cluster.advance(5 * cluster.config.viewTimeoutMs);
  expect(cluster.sent("status", 3).length - asked).toBeLessThanOrEqual(6);
});

test("P10 a slot that was missed is asked for soon once a later one is committed, and not before", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const { viewTimeoutMs } = cluster.config;
  cluster.advance(1);
  const asked = cluster.sent("status", 3).length;
  cluster.drops = (_from, to) => to === 3;
  cluster.request(next(bytes("missed")));
  cluster.drops = () => false;
  cluster.advance(viewTimeoutMs / 32);
  expect([cluster.state(3).executed, cluster.sent("status", 3).length]).toEqual([1, asked]);
  cluster.request(next(bytes("later")));
  expect([cluster.state(0).executed, cluster.state(3).executed]).toEqual([3, 1]);
  cluster.advance(viewTimeoutMs / 32);
  expect(cluster.sent("status", 3)).toHaveLength(asked + 1);
  expect(cluster.state(3).executed).toBe(3);
});

test("P10 what is lost of the answer is asked for again as soon as that is answered", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const { viewTimeoutMs } = cluster.config;
  cluster.drops = (_from, to) => to === 3;
  cluster.request(next(bytes("missed")));
  cluster.drops = (_from, to, { kind }) => to === 3 && kind === "committed";
  cluster.request(next(bytes("later")));
  cluster.advance(viewTimeoutMs / 32);
  expect(cluster.state(3).executed).toBe(1);
  cluster.drops = () => false;
  cluster.advance(viewTimeoutMs / 12);
  expect(cluster.state(3).executed).toBe(3);
});

test("P10 a slot that is late, behind another one, is not asked for", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const { viewTimeoutMs } = cluster.config;
  cluster.advance(1);
  const asked = cluster.sent("status", 3).length;
  const late: (() => void)[] = [];
  cluster.drops = (from, to, message) => {
    if (to !== 3 || message.kind !== "prePrepare") return false;
    late.push(() => cluster.replicas[3]?.receive(from, message));
    return true;
  };
  cluster.request(next(bytes("late")));
  cluster.drops = () => false;
  cluster.request(next(bytes("later")));
  for (const come of late) come();
  cluster.advance(viewTimeoutMs / 32);
  expect(cluster.state(3).executed).toBe(3);
  expect(cluster.sent("status", 3)).toHaveLength(asked);
});
