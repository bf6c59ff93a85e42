// What `faults -- --only restart-empty` does to processes, in virtual time: the leader loses its
// memory under load and recovers, then the next one dies, and what clients were told outlives both.
// Intervals between checkpoints are those that processes have, which seeds never draw.

import { expect, setDefaultTimeout, test } from "bun:test";
import { PROTOCOL_DEFAULTS } from "../../src/protocol-config.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { runPlan } from "../../src/simulation/run-seed.ts";
import type { Subject } from "../../src/simulation/subject.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { mutants as ofNoPaxos } from "../mutants/nopaxos.ts";
import { mutants as ofVr } from "../mutants/vr.ts";
import { quietPlan } from "../support/quiet-plan.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const VIEW_US = 100_000;
/** Operations before the end of the second load, and of each client after it. */
const OPERATIONS = 1500;
const CLIENTS = 10;

/** Who leads first is down from `lostUs` on, and who leads then for good from `goneUs` on. */
function run(subject: Subject, checkpointInterval: number, seed: number) {
  const dice = new Random(seed, "restart empty");
  const lostUs = VIEW_US + dice.int(4 * VIEW_US);
  const downUs = 2 * VIEW_US;
  const goneUs = lostUs + downUs + VIEW_US + dice.int(6 * VIEW_US);
  const gstUs = goneUs + 12 * VIEW_US;
  const crash = { kind: "crash" } as const;
  const plan = quietPlan(subject, {
    ...{ seed, checkpointInterval, gstUs, clients: CLIENTS, operations: OPERATIONS, tail: 10 },
    ...{ batchMax: 1, thinkUs: Math.floor((gstUs * CLIENTS) / OPERATIONS), sequencers: 1 },
    faults: [
      { ...crash, name: "first", process: 0, atUs: lostUs, forUs: downUs },
      { ...crash, name: "second", process: 1, atUs: goneUs, forUs: Infinity },
    ],
  });
  return runPlan(subject, plan);
}

function subjectNamed(name: string): Subject {
  const bugs = [...ofVr, ...ofNoPaxos].map(({ subject }) => subject);
  const found = registered.get(name) ?? bugs.find((subject) => subject.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

for (const [name, most] of [
  ["vr", PROTOCOL_DEFAULTS.checkpointInterval],
  ["nopaxos", 2048],
] as const) {
  test(`${name}: what clients were told outlives a leader without memory and the next one`, () => {
    for (const interval of [32, most]) {
      for (const seed of [1, 2]) {
        const { failures, operations, injected } = run(subjectNamed(name), interval, seed);
        expect([interval, seed, failures]).toEqual([interval, seed, []]);
        expect(operations).toBeGreaterThanOrEqual(OPERATIONS / 2);
        expect(injected.get("restarts")).toBe(1);
      }
    }
  });
}

test("one whose state has no sessions, and one that leaves out slots, are found by it", () => {
  for (const name of ["vr-forgets-sessions", "nopaxos-gives-up"]) {
    const { failures } = run(subjectNamed(name), 32, 1);
    expect([name, failures.length > 0]).toEqual([name, true]);
  }
});
