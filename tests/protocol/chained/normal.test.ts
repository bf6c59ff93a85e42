// What a replica votes for, locks and commits: one replica, fed by hand.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { Block } from "../../../src/protocol/chained/block.ts";
import { GENESIS_QC, type Tc } from "../../../src/protocol/chained/certificate.ts";
import type { Parts } from "../../../src/protocol/chained/index.ts";
import { codec, type Message } from "../../../src/protocol/chained/message.ts";
import { EMPTY } from "../../../src/wire.ts";
import { noConsecutiveViews } from "../../mutants/chained.ts";
import { block, ledBy, openRequest, packets, qc, Solo, tc } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

/** Three certified blocks in a row of views 1, 2, 3, as a replica sees them. */
function chain(solo: Solo, views: readonly number[]) {
  const blocks = [];
  let justify = undefined;
  for (const view of views) {
    const next = block(view, justify, blocks.length === 0 ? [openRequest(view)] : []);
    const previous = blocks.at(-1)?.view ?? 0;
    solo.propose(next, view === previous + 1 ? null : tc(view - 1));
    blocks.push(next);
    justify = qc(next);
  }
  return blocks;
}

test("H1 a replica votes once a view, and never in one below", () => {
  const solo = new Solo(0);
  const first = block(1, undefined, [openRequest(1)]);
  solo.propose(first);
  expect(solo.voted()).toEqual([1]);
  solo.propose(block(1, undefined, [openRequest(2)]));
  expect(solo.voted()).toEqual([]);
  solo.propose(block(2, qc(first)));
  expect(solo.voted()).toEqual([2]);
  solo.propose(block(1, undefined, [openRequest(3)]));
  expect(solo.voted()).toEqual([]);
});

test("H1 a replica votes only in the view that it is in", () => {
  const solo = new Solo(0);
  const first = block(1);
  solo.propose(first);
  solo.timeOut(1, 3, qc(first), tc(2));
  expect(solo.view).toBe(3);
  solo.host.take();
  solo.propose(block(2, qc(first)));
  expect(solo.voted()).toEqual([]);
  solo.propose(block(3, qc(first)), tc(2));
  expect(solo.voted()).toEqual([3]);
});

test("H1 a replica votes for no block that conflicts with its lock, unless the justify is higher", () => {
  const solo = new Solo(0);
  const [first, second] = chain(solo, [1, 2, 3]);
  expect(solo.voted()).toEqual([1, 2, 3]);
  // Locked on the block of view 1, and by this QC of view 3's parent on that of view 2.
  const fourth = block(4, qc(block(3, qc(second!))));
  solo.propose(fourth);
  expect(solo.voted()).toEqual([4]);
  const forked = block(6, qc(first!));
  solo.propose(forked, tc(5));
  expect(solo.view).toBe(6);
  expect(solo.voted()).toEqual([]);
  // The same again, on a block that is locked or higher.
  solo.propose(block(7, qc(fourth)), tc(6));
  expect(solo.voted()).toEqual([7]);
});

test("H2 of three blocks of consecutive views the first commits with the third QC", () => {
  const solo = new Solo(0);
  const blocks = chain(solo, [1, 2, 3]);
  expect(solo.committed).toBe(0);
  solo.propose(block(4, qc(blocks[2]!)));
  expect(solo.committed).toBe(1);
  expect(solo.replica.census().executed).toBe(1);
});

test("H2 a gap in the views commits nothing, and what comes after commits the whole prefix", () => {
  const solo = new Solo(0);
  const blocks = chain(solo, [1, 2, 4]);
  solo.propose(block(5, qc(blocks[2]!)));
  expect(solo.committed).toBe(0);
  const fifth = block(5, qc(blocks[2]!));
  const sixth = block(6, qc(fifth));
  solo.propose(sixth);
  expect(solo.committed).toBe(0);
  solo.propose(block(7, qc(sixth)));
  expect(solo.committed).toBe(3);
});

test("H3 a QC needs n-f distinct signers, for one block in one view", () => {
  const solo = new Solo(2);
  const first = block(1);
  solo.propose(first);
  solo.host.take();
  solo.vote(0, first);
  solo.vote(0, first);
  solo.vote(1, block(1, undefined, [openRequest(9)]));
  expect(solo.view).toBe(1);
  solo.vote(2, first);
  expect(solo.view).toBe(1);
  solo.vote(3, first);
  expect(solo.view).toBe(2);
});

test("H3 a certificate of too few signers, or of one twice, counts for nothing", () => {
  for (const signers of [
    [0, 1],
    [0, 1, 1],
    [2, 2, 2],
  ]) {
    const solo = new Solo(0);
    const first = block(1);
    solo.propose(first);
    solo.host.take();
    solo.propose(block(2, qc(first, signers)));
    expect(solo.voted()).toEqual([]);
    expect(solo.view).toBe(1);
    solo.timeOut(1, 2, qc(first, signers));
    expect(solo.view).toBe(1);
    solo.receive(1, { kind: "entry", highQc: qc(first, signers), tc: null });
    expect(solo.view).toBe(1);
    solo.receive(1, { kind: "entry", highQc: qc(first), tc: tc(4, signers) });
    expect(solo.view).toBe(1);
  }
});

test("H3 genesis is certified without votes, and nothing else is", () => {
  const solo = new Solo(0);
  solo.propose(block(1));
  expect(solo.voted()).toEqual([1]);
  const other = new Solo(0);
  other.propose(block(2, qc(block(1), [])));
  expect(other.voted()).toEqual([]);
});

test("X1 the id that a message claims is the one whose key must have signed it", () => {
  const vote = { kind: "vote", replica: 3, view: 1, digest: block(1).hash, late: false } as const;
  const forged = [0, 1, 2, 3].map((replica) => packets.carried({ ...vote, replica }, 3));
  expect(forged.map((message) => codec.proofs(message).map(({ signer }) => signer))).toEqual([
    [0],
    [1],
    [2],
    [3],
  ]);
  // What is left to a Byzantine replica is its own name, as often as it likes.
  const solo = new Solo(2);
  solo.propose(block(1));
  for (let i = 0; i < 9; i++) solo.vote(3, block(1));
  expect(solo.view).toBe(1);
});

test("X2 a proposal of another than the view's leader is dropped", () => {
  const solo = new Solo(0);
  solo.propose(block(1, undefined, [], 2));
  expect(solo.voted()).toEqual([]);
  expect(solo.replica.census().sizes.find(({ name }) => name === "blocks.live")!.size).toBe(0);
});

test("X2 a proposal is dropped if no certificate lets into its view", () => {
  const solo = new Solo(0);
  const first = block(1);
  solo.propose(first);
  expect(solo.voted()).toEqual([1]);
  solo.propose(block(5, qc(first)));
  solo.propose(block(5, qc(first)), tc(3));
  expect(solo.voted()).toEqual([]);
  solo.propose(block(5, qc(first)), tc(4));
  expect(solo.voted()).toEqual([5]);
});

test("X3 three copies of one vote, or of one TIMEOUT, count once", () => {
  const solo = new Solo(2);
  const first = block(1);
  solo.propose(first);
  for (let i = 0; i < 3; i++) solo.vote(1, first, i === 1);
  expect(solo.view).toBe(1);
  solo.timeOut(1, 1);
  solo.timeOut(1, 1);
  solo.timeOut(1, 1);
  expect(solo.view).toBe(1);
});

test("H2 without consecutive views two replicas would commit blocks that conflict", () => {
  const block = ledBy(1);
  // A Byzantine leader of views 2, 3 and 6 kept the QCs of views 1 and 2 to itself, and used them
  // later.
  const first = block(1, undefined, [openRequest(1)]);
  const fork = block(2, undefined, [openRequest(2)]);
  const third = block(3, qc(first));
  const fourth = block(4, qc(third));
  const fifth = block(5, qc(fourth));
  const sixth = block(6, qc(fork));
  const seventh = block(7, qc(sixth));
  const eighth = block(8, qc(seventh));
  const committed = (parts: Partial<Parts>) => {
    const make = () => new Solo(0, { leader: () => 1 }, { parts });
    const [one, other] = [make(), make()];
    for (const solo of [one, other]) {
      solo.propose(first);
      solo.propose(fork, tc(1));
      solo.propose(third, tc(2));
      solo.propose(fourth);
    }
    // The QC of view 4 reaches one of them only.
    one.propose(fifth);
    for (const next of [sixth, seventh, eighth]) other.propose(next, tc(5));
    return [one, other].map(({ host }) => {
      const sent = host.take().map(({ message }) => message);
      const votes = sent.flatMap((message) => (message.kind === "vote" ? [message.view] : []));
      const opened = sent.flatMap((message) => (message.kind === "opened" ? [message.tag] : []));
      return { votes, opened };
    });
  };
  const [one, other] = [
    [1, 2, 3, 4, 5],
    [1, 2, 3, 4, 6, 7, 8],
  ];
  const [tag, forkTag] = [openRequest(1).tag, openRequest(2).tag];
  expect(committed(noConsecutiveViews)).toEqual([
    { votes: one, opened: [tag] },
    { votes: other, opened: [forkTag] },
  ]);
  expect(committed({})).toEqual([
    { votes: one, opened: [] },
    { votes: other, opened: [] },
  ]);
});

test("what is passed is refused before its signatures are checked", () => {
  const solo = new Solo(0);
  const blocks: Block[] = [];
  for (let view = 1; view <= 3; view++) {
    const parent = blocks.at(-1);
    blocks.push(block(view, parent === undefined ? undefined : qc(parent)));
    solo.propose(blocks.at(-1)!);
  }
  const [first, second, third] = [blocks[0]!, blocks[1]!, blocks[2]!];
  const refusal = (proposed: Block, timeout: Tc | null = null) => {
    const replica = solo.config.leader(proposed.view);
    return solo.replica.refuse(1, { kind: "propose", replica, block: proposed, tc: timeout });
  };
  for (const passed of [first, third]) {
    expect(refusal(passed)).toBe("not admitted: proposal of an earlier view");
  }
  // What comes again a while after its vote may ask for it once more.
  solo.host.clockMs = 5;
  expect([refusal(third), refusal(block(4, qc(third))), refusal(second, tc(9))]).toEqual([
    ...[null, null, null],
  ]);
  const entry = (of: Block, timeout: Tc | null) =>
    solo.replica.refuse(1, { kind: "entry", highQc: qc(of), tc: timeout });
  expect(entry(second, tc(2))).toBe("not admitted: position that is passed");
  expect([entry(third, null), entry(first, tc(3))]).toEqual([null, null]);
});

test("certificates of too few, or of more than a quorum, are refused before they are checked", () => {
  const solo = new Solo(0);
  solo.propose(block(2, qc(block(1))));
  const refused = (signers: readonly number[]) => {
    const high = qc(block(6), signers);
    const timedOut = tc(6, signers);
    const messages: Message[] = [
      { kind: "propose", replica: 3, block: block(7, high), tc: null },
      { kind: "propose", replica: 3, block: block(7), tc: timedOut },
      { kind: "entry", highQc: high, tc: null },
      { kind: "entry", highQc: GENESIS_QC, tc: timedOut },
      { kind: "timeout", replica: 3, view: 7, digest: EMPTY, highQc: high, tc: null },
      { kind: "timeout", replica: 3, view: 7, digest: EMPTY, highQc: GENESIS_QC, tc: timedOut },
      { kind: "block", block: block(7, high), more: false },
      {
        kind: "stable",
        checkpoint: { slot: 4, digest: high.block, certificate: high.votes },
      },
    ];
    return messages.map((message) => solo.replica.refuse(3, packets.carried(message, 3)) !== null);
  };
  expect(new Set(refused([0, 1, 2]))).toEqual(new Set([false]));
  for (const signers of [
    [0, 1],
    [0, 1, 1],
    [0, 1, 2, 3],
  ]) {
    expect([signers, ...new Set(refused(signers))]).toEqual([signers, true]);
  }
});

test("a timeout of a view that is passed is refused once its sender was shown the way", () => {
  const solo = new Solo(0);
  solo.timeOut(1, 5, undefined, tc(4));
  const late = { kind: "timeout", replica: 2, view: 1, digest: EMPTY, highQc: GENESIS_QC } as const;
  const refusal = () => solo.replica.refuse(2, packets.carried({ ...late, tc: null }));
  expect(refusal()).toBe(null);
  solo.timeOut(2, 1);
  expect(solo.host.takeKind("entry")).toHaveLength(1);
  expect(refusal()).toBe("not admitted: timeout of an earlier view");
  solo.host.clockMs += 100;
  expect(refusal()).toBe(null);
});

test("H1 a proposal goes out again while its view lasts and something waits, ever more seldom", () => {
  const solo = new Solo(0, { leader: (view) => (view === 1 ? 0 : 1), viewTimeoutMs: 160 });
  const proposed = (): number => solo.host.takeKind("propose").length;
  solo.receive(100, { kind: "request", request: openRequest(1) });
  solo.host.clockMs += 1;
  solo.timeout("flush");
  expect(proposed()).toBe(1);
  const delays = Array.from({ length: 3 }, () => {
    const delayMs = (solo.host.timers.get("repeat") ?? Infinity) - solo.host.clockMs;
    solo.host.clockMs += delayMs;
    solo.timeout("repeat");
    expect(proposed()).toBe(1);
    return delayMs;
  });
  // A millisecond of the first was over.
  expect(delays).toEqual([9, 20, 40]);
  // Another view: it is over.
  solo.timeOut(1, 5, undefined, tc(4));
  solo.timeout("repeat");
  expect(proposed()).toBe(0);
});

test("H1 a replica votes again for a proposal that comes again, once in a pause, and for no other one", () => {
  const solo = new Solo(0, { viewTimeoutMs: 320 });
  const first = block(1, undefined, [openRequest(1)]);
  solo.propose(first);
  expect(solo.voted()).toEqual([1]);
  solo.propose(first);
  expect(solo.voted()).toEqual([]);
  solo.host.clockMs += 10;
  solo.propose(block(1, undefined, [openRequest(2)]));
  expect(solo.voted()).toEqual([]);
  solo.propose(first);
  expect(solo.voted()).toEqual([1]);
  solo.propose(first);
  expect(solo.voted()).toEqual([]);
});
