// Sequencers in the simulated world: processes that pause, stop and start empty, and are never all
// gone; a protocol over them is judged by liveness, in which each that is down counts.

import { expect, test } from "bun:test";
import { faultNames } from "../../src/campaign/shrink.ts";
import { livenessUs } from "../../src/simulation/liveness.ts";
import type { RoleHandle } from "../../src/simulation/role-processes.ts";
import { runSeed } from "../../src/simulation/run-seed.ts";
import { drawPlan } from "../../src/simulation/seed-plan.ts";
import { subjectOf, type Subject } from "../../src/simulation/subject.ts";
import { World } from "../../src/simulation/world.ts";
import { ordered } from "../support/ordered.ts";
import { ticketed } from "../support/ticketed.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const subject = subjectOf("ordered", ordered);

function injectedIn(kind: "short" | "deep", seeds: number, of: Subject = subject) {
  const injected = new Map<string, number>();
  const failures: string[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const report = runSeed({ subject: of, kind, seed });
    failures.push(...report.failures.map((failure) => `${seed}: ${failure}`));
    for (const [what, count] of report.injected) {
      injected.set(what, (injected.get(what) ?? 0) + count);
    }
  }
  return { injected, failures };
}

test(
  "FW9 seeds have sequencers that pause, lose their memory and repeat what they send",
  () => {
    const short = injectedIn("short", 200);
    const deep = injectedIn("deep", 20);
    expect([...short.failures, ...deep.failures]).toEqual([]);
    for (const what of ["sequencer pauses", "sequencer crashes", "sequencers' packets repeated"]) {
      expect([what, (short.injected.get(what) ?? 0) > 10]).toEqual([what, true]);
    }
  },
  PATIENCE_MS,
);

test("FW9 some seeds have two sequencers, and protocols whose sequencer must not fail have one", () => {
  const counts = new Set<number>();
  for (let seed = 0; seed < 20; seed++) counts.add(drawPlan(subject, "short", seed).sequencers);
  expect([...counts].sort()).toEqual([1, 2]);
  const plan = drawPlan(subjectOf("ticketed", ticketed), "short", 1);
  expect([plan.sequencers, faultNames(plan).some((name) => name.startsWith("seq"))]).toEqual([
    ...[0, false],
  ]);
});

test(
  "FW9 at most all but one are down at a time, an only one comes back, by GST",
  () => {
    let crashes = 0;
    const original = World.prototype.crash;
    World.prototype.crash = function crash(this: World, process) {
      original.call(this, process);
      if (!process.name.startsWith("s")) return;
      crashes++;
      expect(this.scheduler.nowUs).toBeLessThan(this.gstUs);
      const down = this.roles.filter(({ actor }) => actor === null).length;
      expect(down).toBeLessThanOrEqual(Math.max(1, this.roles.length - 1));
    };
    try {
      injectedIn("short", 60);
    } finally {
      World.prototype.crash = original;
    }
    expect(crashes).toBeGreaterThan(20);
    for (let seed = 0; seed < 200; seed++) {
      const { sequencers, faults, gstUs } = drawPlan(subject, "short", seed);
      const down = faults.filter(({ kind }) => kind === "sequencer crash");
      for (const { atUs, forUs } of down) {
        if (sequencers === 1 || forUs !== Infinity) {
          expect(atUs + forUs).toBeLessThanOrEqual(Math.max(gstUs, 1));
        }
      }
    }
  },
  PATIENCE_MS,
);

test("FW9 each sequencer that is down, and each view that is drawn, adds a view to what an operation may take", () => {
  const plan = { viewTimeoutMs: 100, f: 1 };
  const census = { view: 3, viewTimerMs: 100 };
  const replicas = [{ replica: { census: () => census } }] as unknown as Parameters<
    typeof livenessUs
  >[1];
  const handle = (actor: unknown) => ({ actor }) as RoleHandle;
  const [none, one] = [[handle({})], [handle({}), handle(null)]];
  expect(livenessUs(plan, replicas, none)).toBe((2 * (400 + 100 * (1 + 2 + 4 + 8)) + 100) * 1000);
  expect(livenessUs(plan, replicas, one) - livenessUs(plan, replicas, none)).toBe(
    2 * 16 * 100 * 1000,
  );
  // Of five views that are drawn two are still to come, where it is in the third.
  const drawn = { ...plan, drawnViews: 5 };
  expect(livenessUs(drawn, replicas, none) - livenessUs(plan, replicas, none)).toBe(
    2 * 2 * 16 * 100 * 1000,
  );
});
