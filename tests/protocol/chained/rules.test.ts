// What tells HotStuff-2 and Jolteon from HotStuff: histories of replicas fed by hand, each with a
// variant of the rules under which two blocks that conflict are committed.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import type { Block } from "../../../src/protocol/chained/block.ts";
import {
  GENESIS_QC,
  tcProofs,
  type Qc,
  type Tc,
} from "../../../src/protocol/chained/certificate.ts";
import {
  hotstuff,
  hotstuff2,
  jolteon,
  streamlet,
  type Parts,
} from "../../../src/protocol/chained/index.ts";
import type { ChainRules } from "../../../src/protocol/chained/rules.ts";
import { HOTSTUFF_RULES } from "../../../src/protocol/chained/hotstuff-rules.ts";
import { HOTSTUFF2_RULES } from "../../../src/protocol/chained/hotstuff2-rules.ts";
import { JOLTEON_RULES } from "../../../src/protocol/chained/jolteon-rules.ts";
import {
  anyTcThatLetsIn,
  fastHotStuff,
  HidesQcs,
  lockOnParent,
  LockNotRaised,
  NoLateVotes,
  ReportsEntry,
  StaleTimeouts,
  tcUnchecked,
} from "../../mutants/chained.ts";
import { signatureOf } from "../../support/packets.ts";
import { source } from "../../support/tidy/source.ts";
import { equal } from "../../../src/wire.ts";
import { FAMILY } from "./family.ts";
import { block, ChainedCluster, CLIENT, ledBy, openRequest, put, qc, Solo, tc } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const TWO_CHAINS = FAMILY.slice(1, 3);

const TENURE = 4;

/** A correct replica of four; a Byzantine one leads all views. */
function correct(rules: ChainRules, tenure = 1, parts: Partial<Parts> = {}): Solo {
  const config = { leader: () => 1, tenure, keepsSlowLeaders: true };
  return new Solo(0, config, { rules, parts });
}

/** The replica learns a QC that was hidden: by that it commits, or not. */
function learns(solo: Solo, highQc: Qc): void {
  solo.receive(1, { kind: "entry", highQc, tc: null });
}

describe.each(TWO_CHAINS)("%s", (_name, rules) => {
  test("J2 of two certified blocks of consecutive views the first commits, its prefix too", () => {
    const block = ledBy(1);
    const solo = correct(rules);
    const first = block(1, undefined, [openRequest(1)]);
    const second = block(3, qc(first));
    const third = block(4, qc(second));
    solo.propose(first);
    solo.propose(second, tc(2));
    learns(solo, qc(second));
    expect(solo.committed).toBe(0);
    solo.propose(third);
    learns(solo, qc(third));
    expect(solo.committed).toBe(2);
  });

  test("J7 the lock is the highest certified block that is here", () => {
    const block = ledBy(1);
    const solo = correct(rules);
    const first = block(1, undefined, [openRequest(1)]);
    solo.propose(first);
    expect(solo.replica.normal.lock.view).toBe(0);
    solo.propose(block(2, qc(first)));
    expect(solo.replica.normal.lock.view).toBe(1);
    // One that is not here is none to lock on.
    learns(solo, qc(block(5, qc(block(4, qc(first))))));
    expect(solo.replica.normal.lock.view).toBe(1);
  });
});

test("J12 with a lock on no block it votes for what is justified as high", () => {
  const block = ledBy(1);
  const votes = (rules: ChainRules, parts: Partial<Parts> = {}) => {
    const solo = correct(rules, 1, parts);
    solo.replica.normal.onForgotten(10);
    const [ninth, tenth] = [block(9), block(10)];
    solo.propose(ninth, tc(8));
    solo.propose(tenth, tc(9));
    solo.propose(block(12, qc(ninth)), tc(11, undefined, 9));
    solo.propose(block(13, qc(tenth)), tc(12, undefined, 10));
    return solo.voted();
  };
  expect(votes(HOTSTUFF2_RULES)).toEqual([13]);
  expect(votes(HOTSTUFF_RULES)).toEqual([]);
  const careless = votes(HOTSTUFF_RULES, { NormalCase: LockNotRaised });
  expect(careless).toEqual([12, 13]);
  // Its TCs speak for what was forgotten too, because it runs with a QC above that only.
  expect(votes(JOLTEON_RULES)).toEqual([12, 13]);
});

/** Two blocks on genesis; then each gets a child, though the views between are not consecutive. */
function fork(rules: ChainRules): { votes: number[]; commits: number[] } {
  const block = ledBy(1);
  const first = block(1, undefined, [openRequest(1)]);
  const other = block(2, undefined, [openRequest(2)]);
  const onFirst = block(3, qc(first));
  const onOther = block(4, qc(other));
  const solos = [correct(rules), correct(rules)];
  for (const solo of solos) {
    solo.propose(first);
    solo.propose(other, tc(1));
    solo.propose(onFirst, tc(2));
    solo.propose(onOther, tc(3, undefined, 1));
  }
  const votes = solos.map((solo) => solo.voted());
  expect(votes[1]).toEqual(votes[0]!);
  for (const [i, on] of [onFirst, onOther].entries()) learns(solos[i]!, qc(on));
  return { votes: votes[0]!, commits: solos.map(({ committed }) => committed) };
}

test("J2 without consecutive views two blocks that conflict are committed (Fast-HotStuff)", () => {
  for (const [, rules] of TWO_CHAINS) {
    expect(fork(rules)).toEqual({ votes: [1, 2, 3, 4], commits: [0, 0] });
  }
  expect(fastHotStuff).toHaveLength(2);
  for (const { rules } of fastHotStuff) {
    expect(fork(rules)).toEqual({ votes: [1, 2, 3, 4], commits: [1, 1] });
  }
});

/**
 * In a tenure of four views all give view 1 up before its QC comes, which it does; view 2 commits.
 * Then the TC of view 1, which shows nothing above genesis, lets into the next tenure.
 */
function staleTc(rules: ChainRules): { votes: number[]; commits: number[] } {
  const block = ledBy(1);
  const first = block(1, undefined, [openRequest(1)]);
  const second = block(2, qc(first));
  const forked = block(TENURE, GENESIS_QC, [openRequest(2)]);
  const onForked = block(TENURE + 1, qc(forked));
  const solos = [correct(rules, TENURE), correct(rules, TENURE)];
  for (const solo of solos) {
    solo.propose(first);
    solo.host.clockMs = 100;
    solo.timeout("view");
    expect(solo.host.takeKind("timeout").map(({ highQc }) => highQc.view)).toEqual([0]);
    solo.propose(second);
  }
  learns(solos[0]!, qc(second));
  for (const solo of solos) {
    solo.propose(forked, tc(1));
    if (solo.replica.normal.votedView === TENURE) solo.propose(onForked);
  }
  learns(solos[1]!, solos[1]!.replica.normal.votedView === TENURE + 1 ? qc(onForked) : qc(second));
  const sent = solos.map(({ host }) => host.take().map(({ message }) => message));
  const votes = sent[1]!.flatMap((message) => (message.kind === "vote" ? [message.view] : []));
  const opened = sent.map((messages) => messages.find(({ kind }) => kind === "opened"));
  return { votes, commits: opened.map((found) => (found as { tag?: number })?.tag ?? 0) };
}

test("J6 J7 a TC from before a commit does not speak for what was voted for after it", () => {
  const [one, two] = [openRequest(1).tag, openRequest(2).tag];
  for (const [, rules] of TWO_CHAINS) {
    expect(staleTc(rules)).toEqual({ votes: [2], commits: [one, one] });
  }
  const broken = { votes: [2, TENURE, TENURE + 1], commits: [one, two] };
  expect(staleTc(anyTcThatLetsIn)).toEqual(broken);
  expect(staleTc(lockOnParent)).toEqual(broken);
});

/** A replica gives view 2 up before its block comes, the justify of which it did not know. */
function lateVote(parts: Partial<Parts>): { votes: number[]; committed: number } {
  const block = ledBy(1);
  const first = block(1, undefined, [openRequest(1)]);
  const second = block(2, qc(first));
  const solo = correct(JOLTEON_RULES, 1, parts);
  solo.propose(first);
  solo.receive(1, { kind: "entry", highQc: GENESIS_QC, tc: tc(1) });
  solo.host.clockMs = 100;
  solo.timeout("view");
  const said = solo.host.takeKind("timeout").at(-1);
  expect([said?.view, said?.highQc.view]).toEqual([2, 0]);
  solo.propose(second);
  // Its TIMEOUT and those of others say that nobody had a QC.
  solo.propose(block(3, GENESIS_QC, [openRequest(2)]), tc(2));
  const votes = [...new Set(solo.voted())];
  learns(solo, qc(second));
  return { votes, committed: solo.committed };
}

test("J4 who has sent TIMEOUT(v) votes in no view up to v: else its word does not hold", () => {
  // Block 2 has no quorum without it, and what conflicts with it may be voted for.
  expect(lateVote({})).toEqual({ votes: [3], committed: 1 });
  // The quorum of block 2 has it, and so does that of the block that conflicts with what it commits.
  expect(lateVote({ NormalCase: StaleTimeouts })).toEqual({ votes: [2, 3], committed: 1 });
});

/** A replica learns of a QC in view 2, which a TC let it into, votes on it, and gives the view up. */
function reported(parts: Partial<Parts>): { said: number; votes: number[]; committed: number } {
  const block = ledBy(1);
  const first = block(1, undefined, [openRequest(1)]);
  const second = block(2, qc(first));
  const solo = correct(JOLTEON_RULES, 1, parts);
  solo.propose(first);
  solo.receive(1, { kind: "entry", highQc: GENESIS_QC, tc: tc(1) });
  learns(solo, qc(first));
  solo.propose(second);
  solo.host.clockMs = 300;
  const votes = solo.voted();
  solo.timeout("view");
  const said = solo.host.takeKind("timeout").at(-1)?.highQc.view ?? -1;
  solo.propose(block(3, GENESIS_QC, [openRequest(2)]), tc(2, undefined, said));
  votes.push(...solo.voted());
  learns(solo, qc(second));
  return { said, votes: [...new Set(votes)], committed: solo.committed };
}

test("J4 a TIMEOUT says what its signer knows, not what let it into the view", () => {
  expect(reported({})).toEqual({ said: 1, votes: [1, 2], committed: 1 });
  // What it votes for in the end conflicts with what its vote of view 2 commits.
  expect(reported({ Pacemaker: ReportsEntry })).toEqual({
    ...{ said: 0, votes: [1, 2, 3], committed: 1 },
  });
});

test("J3 a leader that lowers what the signers of a TC knew is found out by their signatures", () => {
  const block = ledBy(1);
  const first = block(1, undefined, [openRequest(1)]);
  const second = block(2, qc(first));
  const third = block(3, GENESIS_QC, [openRequest(2)]);
  /** Gives view 2 up after its vote, with the QC of view 1, and gets a proposal without that. */
  const forked = (codec: typeof hotstuff.codec) => {
    const config = { leader: () => 1, keepsSlowLeaders: true };
    const solo = new Solo(0, config, { rules: JOLTEON_RULES, codec });
    solo.propose(first);
    solo.propose(second);
    solo.host.clockMs = 300;
    expect(solo.voted()).toEqual([1, 2]);
    solo.timeout("view");
    const said = solo.host.takeKind("timeout").at(-1)?.highQc.view ?? -1;
    expect(said).toBe(1);
    solo.propose(third, { ...tc(2, undefined, said), qcViews: [0, 0, 0] });
    return solo.voted();
  };
  expect(() => forked(hotstuff.codec)).toThrow("propose is forged");
  // The vote of view 2 may have committed the first block, with which the third one conflicts.
  expect(forked(tcUnchecked)).toEqual([3]);
});

test("J4 of one signer's TIMEOUTs for a view the first counts, though later ones know more", () => {
  const solo = new Solo(3, {}, { rules: JOLTEON_RULES });
  const first = block(1, undefined, [openRequest(1)]);
  solo.propose(first);
  solo.receive(1, { kind: "entry", highQc: GENESIS_QC, tc: tc(1) });
  solo.timeOut(0, 2);
  solo.timeOut(0, 2, qc(first));
  solo.timeOut(1, 2);
  solo.timeOut(2, 2, qc(first));
  const [proposal] = solo.host.takeKind("propose");
  expect(proposal?.tc?.qcViews).toEqual([0, 0, 1]);
  expect(proposal?.block.justify.view).toBe(1);
});

test("J3 a TIMEOUT and its TC say of which view the highest QC was, and both are signed", () => {
  const block = ledBy(1);
  const first = block(1);
  const solo = correct(JOLTEON_RULES);
  const { packets } = solo;
  const timeout = (view: number, highQc: Qc) => {
    return {
      kind: "timeout",
      replica: 2,
      view,
      digest: new Uint8Array(),
      highQc,
      tc: null,
    } as const;
  };
  expect(packets.carried(timeout(3, qc(first)))).toMatchObject({ view: 3, highQc: { view: 1 } });
  // The bytes behind kind, replica and view are the view of the QC.
  const packet = packets.packetOf(timeout(3, qc(first)), 2);
  for (const lied of [0, 2]) {
    const changed = packet.slice();
    const at = 2 + 8 + 7;
    expect(changed[at]).toBe(1);
    changed[at] = lied;
    expect(packets.decoded(changed)).toBeNull();
  }
  expect(() => packets.carried(timeout(1, qc(first)))).toThrow("no wire form");
  const high: Tc = tc(5, [0, 1, 2], 3);
  const lowered: Tc = { ...high, qcViews: [3, 2, 3] };
  const hold = (of: Tc) =>
    tcProofs(of).map(({ signer, signed, signature }) =>
      equal(signature, signatureOf(signer, signed)),
    );
  expect(hold(high)).toEqual([true, true, true]);
  expect(hold(lowered)).toEqual([true, false, true]);
  expect(() =>
    packets.carried({ kind: "entry", highQc: qc(first), tc: tc(5, [0, 1, 2], 5) }),
  ).toThrow("no wire form");
});

describe.each(FAMILY)("%s", (_name, rules) => {
  test("J5 a TC counts only together with a QC as high as its signers had", () => {
    const block = ledBy(1);
    const [first, second] = [block(1), block(2, qc(block(1)))];
    for (const take of [
      (solo: Solo, highQc: Qc) =>
        solo.receive(1, { kind: "entry", highQc, tc: tc(4, [0, 1, 2], 2) }),
      (solo: Solo, highQc: Qc) => solo.timeOut(2, 5, highQc, tc(4, [0, 1, 2], 2)),
      (solo: Solo, highQc: Qc) => solo.propose(block(5, highQc), tc(4, [0, 1, 2], 2)),
    ]) {
      const solo = correct(rules);
      take(solo, qc(first));
      expect(solo.view).toBe(1);
      take(solo, qc(second));
      expect([solo.view, solo.replica.normal.highQc.view]).toEqual([5, 2]);
    }
  });

  /** Blocks that were proposed, and that were abandoned, of 1,000 operations with replica 1 dead. */
  function abandons(parts: Partial<Parts>): { proposed: number; abandoned: number } {
    const changes = { viewTimeoutMs: 100, batchMax: 64, adaptive: true };
    const cluster = new ChainedCluster(changes, rules, parts);
    cluster.stop(1);
    const counts = new Map<number, number>();
    const boxes = new Map<number, { result: unknown }>();
    const ask = (id: number) => {
      counts.set(id, (counts.get(id) ?? 0) + 1);
      boxes.set(id, cluster.invoke(id, put(`k${id}`, `${counts.get(id)}`)));
    };
    for (let id = CLIENT; id < CLIENT + 100; id++) ask(id);
    let done = 0;
    const finished = () => {
      for (const [id, box] of boxes) {
        if (box.result === undefined) continue;
        done++;
        boxes.delete(id);
        if ((counts.get(id) ?? 0) < 10) ask(id);
      }
      return boxes.size === 0;
    };
    expect(cluster.runUntil(finished, 60_000)).toBe(true);
    expect(done).toBe(1000);
    const proposed = new Set(cluster.sent("propose").map(({ block: { view } }) => view)).size;
    const { tree } = cluster.replica(0).context;
    const abandoned = proposed - tree.root.height - tree.live.size;
    return { proposed, abandoned };
  }

  test("J11 with one dead replica and a new leader in every view, hardly a block is abandoned", () => {
    const { proposed, abandoned } = abandons({});
    expect([proposed > 20, abandoned * 50 <= proposed]).toEqual([true, true]);
    if (rules.chain > 2) return;
    // Where two-chains commit late votes save blocks, not liveness.
    const without = abandons({ NormalCase: NoLateVotes });
    expect(without.abandoned * 50).toBeGreaterThan(without.proposed);
  });
});

test("J1 the protocols of the family differ in their rules, and no file but those knows a name", () => {
  for (const { codec, options, quorums, faults, client } of [hotstuff2, jolteon, streamlet]) {
    expect({ codec, options, quorums, faults }).toEqual({
      codec: hotstuff.codec,
      options: hotstuff.options!,
      quorums: hotstuff.quorums,
      faults: hotstuff.faults,
    });
    expect(client.toString()).toBe(hotstuff.client.toString());
  }
  const folder = `${import.meta.dir}/../../../src/protocol/chained`;
  const names = readdirSync(folder).filter((name) => !/rules\.ts$|^index\.ts$/.test(name));
  expect(names.length).toBeGreaterThan(15);
  for (const name of names) {
    const { code } = source(name, readFileSync(`${folder}/${name}`, "utf8"));
    expect([name, /jolteon|hotstuff|streamlet/i.test(code)]).toEqual([name, false]);
  }
});

test("J16 an operation is answered with the second QC above its block, where three-chains need a third", () => {
  const blocks = FAMILY.map(([, rules]) => {
    const cluster = new ChainedCluster({}, rules);
    const ask = (value: string) => {
      const box = cluster.invoke(CLIENT, put("k", value));
      expect(cluster.runUntil(() => box.result !== undefined)).toBe(true);
    };
    ask("opens a session first");
    cluster.advance(500);
    const before = cluster.sent("propose").length;
    ask("counted");
    cluster.advance(500);
    return cluster.sent("propose").length - before;
  });
  expect(blocks).toEqual([4, 3, 3, 3]);
});

test.each(FAMILY)(
  "J13 %s: who recovers signs nothing but RECOVER, and gets its blocks",
  (_name, rules) => {
    const cluster = new ChainedCluster({}, rules);
    const box = cluster.invoke(CLIENT, put("k", "v"));
    expect(cluster.runUntil(() => box.result !== undefined)).toBe(true);
    const signs = ["propose", "vote", "timeout", "checkpoint"];
    const signed = () =>
      cluster.trace.filter(({ from, message }) => from === 3 && signs.includes(message.kind))
        .length;
    cluster.stop(3);
    const before = signed();
    cluster.start(3);
    const runs = () => cluster.replica(3).census().phase === "running";
    let early = 0;
    expect(
      cluster.runUntil(() => {
        if (!runs()) early = signed() - before;
        return runs();
      }, 5000),
    ).toBe(true);
    expect(early).toBe(0);
    cluster.advance(500);
    expect(cluster.replica(3).census().executed).toBe(cluster.replica(0).census().executed);
  },
);

describe("J8 J9 listening", () => {
  /** Replica 2 of HotStuff-2, whose views 2, 6, 10 it leads, with a request that waits. */
  function leader(rules = HOTSTUFF2_RULES, changes = {}): { solo: Solo; first: Block } {
    const solo = new Solo(2, { ...changes }, { rules });
    const first = block(1, undefined, [openRequest(1)]);
    solo.propose(first);
    solo.receive(CLIENT, { kind: "request", request: openRequest(2) });
    solo.host.take();
    return { solo, first };
  }
  const proposed = (solo: Solo) =>
    solo.host.takeKind("propose").map(({ block: { view, justify } }) => [view, justify.view]);

  test("J9 a leader that a TC lets in proposes once all were heard, on the highest QC", () => {
    const { solo, first } = leader();
    for (const replica of [0, 1, 2]) solo.timeOut(replica, 1);
    expect([solo.view, proposed(solo)]).toEqual([2, []]);
    solo.receive(3, { kind: "entry", highQc: qc(first), tc: null });
    expect(proposed(solo)).toEqual([[2, 1]]);
  });

  test("J9 a late TIMEOUT is heard too, and a second message of one replica is not another's", () => {
    const { solo } = leader();
    for (const replica of [0, 1, 2]) solo.timeOut(replica, 1);
    solo.timeOut(1, 1);
    solo.receive(CLIENT, { kind: "entry", highQc: GENESIS_QC, tc: null });
    expect(proposed(solo)).toEqual([]);
    solo.timeOut(3, 1);
    expect(proposed(solo)).toEqual([[2, 0]]);
  });

  test("J9 it listens for an eighth of its view timer at most", () => {
    const { solo } = leader();
    for (const replica of [0, 1, 2]) solo.timeOut(replica, 1);
    expect(solo.replica.census().viewTimerMs).toBe(200);
    expect(solo.host.timers.get("listen")).toBe(25);
    solo.host.clockMs = 25;
    solo.timeout("listen");
    expect(proposed(solo)).toEqual([[2, 0]]);
  });

  test("J9 the QC of the view before lets it propose at once", () => {
    const { solo, first } = leader();
    for (const replica of [0, 1, 3]) solo.vote(replica, first);
    expect(proposed(solo)).toEqual([[2, 1]]);
  });

  test("J6 J9 a leader of Jolteon listens after a TC of an earlier view than the last only", () => {
    const { solo } = leader(JOLTEON_RULES);
    for (const replica of [0, 1, 2]) solo.timeOut(replica, 1);
    expect(proposed(solo)).toEqual([[2, 0]]);
    const tenured = leader(JOLTEON_RULES, {
      tenure: TENURE,
      leader: (view: number) => (view < TENURE ? 1 : 2),
    }).solo;
    for (const replica of [0, 1, 2]) tenured.timeOut(replica, 1);
    expect([tenured.view, proposed(tenured)]).toEqual([TENURE, []]);
    tenured.timeOut(3, 1);
    expect(proposed(tenured)).toEqual([[TENURE, 0]]);
  });

  /** What replica 3, which leads neither view 2 nor 1, sends to the leader of view 2. */
  function entries(rules: ChainRules, given: (solo: Solo, first: Block) => void): number[] {
    const solo = new Solo(3, {}, { rules });
    const first = block(1, undefined, [openRequest(1)]);
    solo.propose(first);
    solo.host.take();
    given(solo, first);
    const sent = solo.host.take();
    return sent.flatMap(({ to, message }) => {
      return message.kind === "entry" && to === 2 ? [message.highQc.view] : [];
    });
  }
  const givesUp = (solo: Solo) => {
    solo.host.clockMs = 100;
    solo.timeout("view");
  };
  const enters = (solo: Solo) => solo.receive(0, { kind: "entry", highQc: GENESIS_QC, tc: tc(1) });

  test("J8 who enters by TC without a TIMEOUT of its own, or by a QC after one, tells the leader", () => {
    expect(entries(HOTSTUFF2_RULES, enters)).toEqual([0]);
    const both = (solo: Solo) => {
      givesUp(solo);
      enters(solo);
    };
    expect(entries(HOTSTUFF2_RULES, both)).toEqual([]);
    const late = (solo: Solo, first: Block) => {
      givesUp(solo);
      learns(solo, qc(first));
    };
    expect(entries(HOTSTUFF2_RULES, late)).toEqual([1]);
    const calm = (solo: Solo, first: Block) => learns(solo, qc(first));
    expect(entries(HOTSTUFF2_RULES, calm)).toEqual([]);
    for (const given of [enters, both, late]) {
      expect(entries(JOLTEON_RULES, given)).toEqual([]);
      expect(entries(HOTSTUFF_RULES, given)).toEqual([]);
    }
  });

  test("J8 who refuses a block for its lock tells the leader, once for each QC that it has", () => {
    const refuses = (solo: Solo, first: Block) => {
      learns(solo, qc(first));
      solo.propose(block(2, qc(first)));
      solo.receive(0, { kind: "entry", highQc: qc(first), tc: tc(5) });
      solo.host.take();
      // Replica 2 leads view 6 too, and knows of the TC alone.
      for (let i = 0; i < 2; i++) solo.propose(block(6, GENESIS_QC, [openRequest(9 + i)]), tc(5));
    };
    expect(entries(HOTSTUFF2_RULES, refuses)).toEqual([]);
    const hidden = (solo: Solo, first: Block) => {
      solo.receive(0, { kind: "entry", highQc: GENESIS_QC, tc: tc(5) });
      learns(solo, qc(first));
      solo.host.take();
      for (let i = 0; i < 2; i++) solo.propose(block(6, GENESIS_QC, [openRequest(9 + i)]), tc(5));
    };
    expect(entries(HOTSTUFF2_RULES, hidden)).toEqual([1]);
  });

  test("J10 a QC that one correct replica alone has costs a view at most, with a silent one too", () => {
    for (const [, rules] of FAMILY) {
      const cluster = new ChainedCluster({ viewTimeoutMs: 100 }, rules);
      const box = cluster.invoke(CLIENT, put("k", "v"));
      // The QC of each view that replica 0 leads reaches replica 1 alone.
      cluster.drops = (from, to, message) => {
        return from === 0 && to !== 1 && message.kind === "propose";
      };
      expect(cluster.runUntil(() => box.result !== undefined, 5000)).toBe(true);
    }
  });

  /** Replica 2 makes the QC of view 1, shows it to replica 1 alone, and is silent then. */
  function hidden(rules: ChainRules, parts: Partial<Parts> = {}, lost: readonly string[] = []) {
    const cluster = new ChainedCluster({ viewTimeoutMs: 100 }, rules, parts);
    cluster.drops = (from, to, message) => {
      if (lost.includes(message.kind)) return true;
      return from === 2 && !(message.kind === "propose" && message.block.view === 2 && to === 1);
    };
    const box = cluster.invoke(CLIENT, put("k", "v"));
    const answered = cluster.runUntil(() => box.result !== undefined, 5000);
    const given = cluster.sent("propose").flatMap(({ tc: timeout }) => timeout?.view ?? []);
    const others = new Set(given.filter((view) => view % 4 !== 2)).size;
    const on = cluster.sent("propose").find(({ block: { view } }) => view > 2);
    return { answered, others, on: on?.block.justify.view };
  }

  test("J10 of a leader that shows one replica alone its QC, and is silent then, its views are lost", () => {
    for (const [name, rules] of FAMILY) {
      const { answered, others, on } = hidden(rules);
      expect([name, answered, others <= 1]).toEqual([name, true, true]);
      // The block of view 1 is not lost with it.
      expect([name, on]).toEqual([name, 1]);
    }
  });

  test("J4 J8 J10 if neither TIMEOUT nor ENTRY told of such a QC its view would last for ever", () => {
    for (const [name, rules] of FAMILY.slice(0, 3)) {
      const answered = (parts: Partial<Parts>, lost: string[] = []) => {
        return [name, hidden(rules, parts, lost).answered];
      };
      expect(answered({ Pacemaker: HidesQcs })).toEqual([name, false]);
      // TIMEOUTs alone make up for ENTRYs.
      expect(answered({}, ["entry"])).toEqual([name, true]);
    }
  });
});
