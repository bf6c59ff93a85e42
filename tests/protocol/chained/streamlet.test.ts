// Votes that go to all, and Streamlet, whose do: a block is voted for on one of the longest
// certified chains, and of three consecutive views the middle one commits.

import { expect, test } from "bun:test";
import { GENESIS_QC } from "../../../src/protocol/chained/certificate.ts";
import { HOTSTUFF_RULES } from "../../../src/protocol/chained/hotstuff-rules.ts";
import { HOTSTUFF2_RULES } from "../../../src/protocol/chained/hotstuff2-rules.ts";
import { hotstuff, hotstuff2, jolteon, streamlet } from "../../../src/protocol/chained/index.ts";
import { JOLTEON_RULES } from "../../../src/protocol/chained/jolteon-rules.ts";
import type { ChainRules } from "../../../src/protocol/chained/rules.ts";
import { STREAMLET_RULES } from "../../../src/protocol/chained/streamlet-rules.ts";
import { twoInARow, Unbacked } from "../../mutants/chained.ts";
import { block, ledBy, openRequest, qc, Solo, tc } from "./harness.ts";

/** A correct replica of four; a Byzantine one leads all views. */
function correct(rules: ChainRules = STREAMLET_RULES): Solo {
  return new Solo(0, { leader: () => 1 }, { rules, parts: { NormalCase: Unbacked } });
}

test("J14 a vote goes to all, and whoever holds q of them has the QC", () => {
  const solo = new Solo(3, {}, { rules: STREAMLET_RULES });
  const first = block(1);
  solo.propose(first);
  const sent = solo.host.take().filter(({ message }) => message.kind === "vote");
  expect(sent.map(({ to }) => to)).toEqual(["all"]);
  // Replica 2 leads view 2.
  for (const replica of [0, 1, 2]) solo.vote(replica, first);
  expect([solo.view, solo.replica.normal.highQc.view]).toEqual([2, 1]);
});

test("J14 a parent has to be as high as the highest certified block that is here, in blocks", () => {
  const block = ledBy(1);
  const first = block(1, undefined, [openRequest(1)]);
  const fork = block(2, undefined, [openRequest(2)]);
  const third = block(3, qc(first));
  const solo = correct();
  solo.propose(first);
  solo.propose(fork, tc(1));
  solo.propose(third, tc(2));
  // The block of view 2 is certified too, and as high as that of view 1, though of a later view.
  solo.receive(1, { kind: "entry", highQc: qc(fork), tc: null });
  solo.propose(block(4, qc(first), [openRequest(3)]), tc(3));
  expect(solo.voted()).toEqual([1, 2, 3, 4]);
  solo.receive(1, { kind: "entry", highQc: qc(third), tc: tc(4) });
  solo.propose(block(5, qc(fork), [openRequest(4)]), tc(4));
  solo.propose(block(6, qc(third)), tc(5));
  expect(solo.voted()).toEqual([6]);
});

test("J14 of three consecutive views the middle one commits", () => {
  const block = ledBy(1);
  const solo = correct();
  let justify = GENESIS_QC;
  const committed: number[] = [];
  for (const view of [1, 2, 4, 5, 6]) {
    const next = block(view, justify, [openRequest(view)]);
    solo.propose(next, view === 4 ? tc(3) : null);
    justify = qc(next);
    solo.receive(1, { kind: "entry", highQc: justify, tc: null });
    committed.push(solo.committed);
  }
  // Genesis, 1 and 2 are three; so are 4, 5 and 6, which commit four blocks.
  expect(committed).toEqual([0, 1, 1, 1, 4]);
});

test("J15 votes go to all under the rules of Streamlet alone, where followers commit by them", () => {
  const followers = [HOTSTUFF_RULES, HOTSTUFF2_RULES, JOLTEON_RULES, STREAMLET_RULES].map(
    (rules) => {
      const solo = new Solo(0, {}, { rules });
      const first = block(1, undefined, [openRequest(1)]);
      const second = block(2, qc(first));
      solo.propose(first);
      solo.propose(second);
      const sent = solo.host.take().filter(({ message }) => message.kind === "vote");
      // Replica 3 leads view 3.
      for (const replica of [1, 2, 3]) solo.vote(replica, second);
      return [sent.map(({ to }) => to), solo.committed];
    },
  );
  const next = [[2, 3], 0];
  expect(followers).toEqual([next, next, next, [["all", "all"], 1]]);
});

test("GS5 where votes go to all the prediction has no trip of the next proposal in it", () => {
  const latency = ({ timing }: typeof hotstuff) => {
    const path = {
      ...{ n: 4, quorum: 3, weak: 2, signUs: 10, checkUs: 5, workers: 1 },
      leader: () => 0,
      hopUs: () => 1000,
      clientUs: () => 1000,
    };
    return timing?.unloaded(path).latencyUs ?? NaN;
  };
  const trips = [hotstuff, hotstuff2, jolteon, streamlet].map((protocol) => {
    return Math.floor(latency(protocol) / 1000);
  });
  expect(trips).toEqual([9, 7, 7, 6]);
});

/** Two blocks on genesis; the second gets a child in the view after it, then the first does too. */
function fork(rules: ChainRules): { votes: number[][]; commits: number[] } {
  const block = ledBy(1);
  const first = block(1, undefined, [openRequest(1)]);
  const other = block(2, undefined, [openRequest(2)]);
  const onOther = block(3, qc(other));
  const onFirst = block(4, qc(first));
  const last = block(5, qc(onFirst));
  const solos = [correct(rules), correct(rules)];
  for (const solo of solos) {
    solo.propose(first);
    solo.propose(other, tc(1));
    solo.propose(onOther);
  }
  // The QC of view 3 reaches one of them only, and what follows the others.
  const [one, others] = [solos[0]!, solos[1]!];
  one.receive(1, { kind: "entry", highQc: qc(onOther), tc: null });
  others.propose(onFirst, tc(3, undefined, 2));
  others.propose(last);
  others.receive(1, { kind: "entry", highQc: qc(last), tc: null });
  return {
    votes: solos.map((solo) => solo.voted()),
    commits: solos.map(({ committed }) => committed),
  };
}

test("J14 if two in a row committed the first, two blocks that conflict would be", () => {
  const votes = [
    [1, 2, 3],
    [1, 2, 3, 4, 5],
  ];
  expect(fork(STREAMLET_RULES)).toEqual({ votes, commits: [0, 0] });
  // One has block 2, the other has those of views 1 and 4.
  expect(fork(twoInARow)).toEqual({ votes, commits: [1, 2] });
});
