// All replicas lose their memory at once while strangers play back what was sent before: seeds draw
// it, what holds across runs is judged, and messages that do not name their run are convicted.

import { expect, setDefaultTimeout, test } from "bun:test";
import { KvApp } from "../../src/app/kv.ts";
import { JudgedApp, Ledger, stamp, type Issued } from "../../src/simulation/judge.ts";
import { Epochs } from "../../src/simulation/epochs.ts";
import { runSeed } from "../../src/simulation/run-seed.ts";
import { drawPlan, type Changes } from "../../src/simulation/seed-plan.ts";
import { subjectOf, type Subject } from "../../src/simulation/subject.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { pbft } from "../../src/protocol/pbft/index.ts";
import { hotstuff } from "../../src/protocol/chained/index.ts";
import { bytesOf, EMPTY } from "../../src/wire.ts";
import { withoutRuns } from "../mutants/naming.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

/** The first seeds with this fault alone, but for the network, of so many operations. */
function seedsOf(subject: Subject, count: number): readonly number[] {
  const found: number[] = [];
  for (let seed = 0; found.length < count; seed++) {
    const plan = drawPlan(subject, "short", seed);
    if (plan.allRestart !== null && plan.earlier === 0) found.push(seed);
  }
  return found;
}

const CHANGES: Changes = { tail: 3 };

for (const [name, subject] of registered) {
  if (!subject.byzantine) continue;
  test(`X15 seeds of ${name} restart all replicas, and operations go on in the next run`, () => {
    for (const seed of seedsOf(subject, 2)) {
      const { failures, injected, operations } = runSeed({ subject, seed, changes: CHANGES });
      expect([seed, ...failures]).toEqual([seed]);
      expect(injected.get("all restart")).toBe(1);
      expect(injected.get("all restart: replayed")).toBeGreaterThan(10);
      expect(operations).toBeGreaterThan(0);
    }
  });
}

test.each([
  ["pbft", subjectOf("pbft-runless", withoutRuns(pbft))],
  ["hotstuff", subjectOf("hotstuff-runless", withoutRuns(hotstuff))],
])("X15 in %s messages that do not name their run are believed in the next one", (_, subject) => {
  const convicted = seedsOf(subject, 6).filter((seed) => {
    const [failure = ""] = runSeed({ subject, seed, changes: CHANGES }).failures;
    return failure.startsWith("fresh: ");
  });
  expect(convicted).not.toEqual([]);
  const [seed = -1] = convicted;
  const without = ["all restart"];
  expect(runSeed({ subject, seed, changes: { ...CHANGES, without } }).failures).toEqual([]);
});

test("each run has a history of its own, and a client is judged by that of its run", () => {
  const complaints: string[] = [];
  const epochs = new Epochs("epoch", { invents: false, speculates: false }, (what) =>
    complaints.push(what),
  );
  const op = stamp(0, 1, EMPTY);
  const issue = (): Issued => ({
    ...{ client: 0, op, sentUs: 0, doneUs: 1, result: null, position: -1, waiting: true },
  });
  const answer = (position: number) => bytesOf((out) => out.u53(position));
  const [first, second] = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
  epochs.ledger.issued.set(1, issue());
  epochs.note(first!);
  epochs.ledger.settle("r0", 0, op, answer(0));
  epochs.begin();
  epochs.note(second!);
  const late = issue();
  epochs.ledgerOf(first!).accept("c0", late, answer(0));
  expect([complaints, late.position]).toEqual([[], 0]);
  const wrong = issue();
  epochs.ledgerOf(second!).accept("c0", wrong, answer(0));
  expect(complaints).toEqual([
    "client agreement: c0 accepted a result that no correct replica gave",
  ]);
  // The same request again is another execution there, which comes after all of the first run.
  epochs.ledger.settle("r0", 0, op, answer(0));
  epochs.ledgerOf(second!).accept("c0", wrong, answer(0));
  expect(complaints).toHaveLength(1);
  expect(wrong.position).toBeGreaterThan(late.position);
  expect(epochs.ledgers.map((ledger: Ledger) => ledger.contains(wrong.position))).toEqual([
    ...[false, true],
  ]);
});

// Deep seed 406 of Zyzzyva: a client was told what another's operation had left, which no replica
// had committed when all restarted, and whose own client was never answered.
test("what was executed and lost with its run before it was committed is of its history", () => {
  const rules = { invents: false, speculates: true };
  const epochs = new Epochs("epoch", rules, (what) => expect.unreachable(what));
  const app = new JudgedApp("r0", new KvApp(), epochs.ledger, (what) => expect.unreachable(what));
  const [lost, never] = [1, 2].map((number) => stamp(0, number, EMPTY));
  app.execute(lost!);
  epochs.begin();
  expect(epochs.ledgers.map((ledger) => ledger.has(lost!))).toEqual([true, false]);
  expect(epochs.ledgers.some((ledger) => ledger.has(never!))).toBe(false);
});
