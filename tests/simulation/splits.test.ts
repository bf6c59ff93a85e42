// What the simulator does to protocols whose replicas crash and never lie.

import { expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../src/base/assert.ts";
import { faultNames } from "../../src/campaign/shrink.ts";
import { crashQuorums } from "../../src/protocol/kit/quorum.ts";
import { runAny } from "../../src/simulation/runner.ts";
import { drawPlan } from "../../src/simulation/seed-plan.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { splitsScenario } from "../../src/simulation/twins-scenarios.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const crashing = [...registered.values()].filter(({ protocol }) => protocol.faults === "crash");

test("FW1 protocols for crash faults are unsigned, of 2f + 1, and have no adversary", () => {
  expect(crashing.length).toBeGreaterThan(0);
  for (const { protocol, byzantine, restarts, kinds } of crashing) {
    expect({ signed: protocol.signed, byzantine, restarts }).toEqual({
      signed: false,
      ...{ byzantine: false, restarts: true },
    });
    expect([...kinds].sort()).toEqual(["codec", "deep", "fuzz", "short", "splits"]);
    expect(protocol.quorums(3, 1)).toEqual(crashQuorums(3, 1));
    expect(protocol.quorums(2, 1)).toBeNull();
  }
});

test("FW5 an operation may wait for all drawn views, since one that recovers may lead them", () => {
  const subject = registered.get("nopaxos") ?? assert.fail("it is registered");
  expect(runAny({ subject, kind: "splits", seed: 2012340 }).failures).toEqual([]);
});

for (const subject of crashing) {
  test(`FW5 splits of ${subject.name} leave a majority on one side, for some views`, () => {
    for (let seed = 0; seed < 100; seed++) {
      const { views, clients } = splitsScenario(subject.protocol, seed);
      expect(views.length).toBeGreaterThanOrEqual(8);
      expect(clients).toBe(2);
      for (const { sides, leader } of views) {
        const majority = sides.filter((side) => side === 0).length;
        expect([sides.length, majority]).toEqual([3, 2]);
        expect(leader).toBeLessThan(3);
      }
    }
  });

  test(`FW5 who promises in ${subject.name} forgets it at once, in some seeds, and what moves is late`, () => {
    const seeds = Array.from({ length: 40 }, (_, seed) => seed).filter(
      (seed) => drawPlan(subject, "splits", seed).afterPromises,
    );
    expect(seeds.length).toBeGreaterThan(10);
    let restarts = 0;
    let late = 0;
    for (const seed of seeds.slice(0, 4)) {
      const { injected, failures } = runAny({ subject, kind: "splits", seed });
      expect(failures).toEqual([]);
      restarts += injected.get("restarts after a promise") ?? 0;
      late += injected.get("promises that are late") ?? 0;
    }
    expect(restarts).toBeGreaterThan(3);
    expect(late).toBeGreaterThan(3);
  });

  test(`FW5 some seeds of ${subject.name} lose one kind of messages, and nothing else is wrong`, () => {
    const seed = Array.from({ length: 100 }, (_, i) => i).find(
      (i) => drawPlan(subject, "short", i).losesKinds !== 0,
    )!;
    const plan = drawPlan(subject, "short", seed);
    expect(plan).toMatchObject({ faults: [], restarts: [], strangers: [], afterPromises: false });
    expect(plan.network.loss).toBe(0);
    expect(faultNames(plan)).toContain("lose one kind");
    const without = { without: ["lose one kind"] };
    expect(drawPlan(subject, "short", seed, without).losesKinds).toBe(0);
    expect(runAny({ subject, kind: "short", seed }).failures).toEqual([]);
  });
}
