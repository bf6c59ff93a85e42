// Each judge convicts the run that breaks its rule, and no other.

import { restoreAll, stateIn } from "../support/states.ts";
import { describe, expect, test } from "bun:test";
import type { Census, Proof, Sealed } from "../../src/actor.ts";
import { KvApp } from "../../src/app/kv.ts";
import { encodeKvOperation } from "../../src/app/operation.ts";
import { CensusCheck, checkCertificates } from "../../src/simulation/census.ts";
import {
  ADVERSARY_CLIENT,
  JudgedApp,
  Ledger,
  stamp,
  type Issued,
} from "../../src/simulation/judge.ts";
import { mutate, Pool } from "../../src/simulation/mutate.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { SimulatedKeys } from "../../src/simulation/simulated-keys.ts";

const put = (text: string) =>
  encodeKvOperation({
    kind: "put",
    key: new Uint8Array(1),
    value: new Uint8Array(Buffer.from(text)),
  });

/** A ledger with two replicas, and what it complained of. */
function court({ invents = false, speculates = false } = {}) {
  const complaints: string[] = [];
  const fail = (what: string) => complaints.push(what);
  const ledger = new Ledger({ invents, speculates }, fail);
  const replica = (name: string) => new JudgedApp(name, new KvApp(), ledger, fail);
  const issue = (client: number, number: number, text: string): Issued => {
    const issued: Issued = {
      client,
      op: stamp(client, number, put(text)),
      sentUs: 0,
      doneUs: Infinity,
      result: null,
      position: -1,
      waiting: true,
    };
    ledger.issued.set(client * 2 ** 32 + number, issued);
    return issued;
  };
  const run = (app: JudgedApp, { op }: Issued) => {
    const result = app.execute(op);
    app.commit(1);
    return result;
  };
  return { complaints, ledger, replica, issue, run };
}

describe("the judge", () => {
  test("is content with replicas that execute the same", () => {
    const { complaints, ledger, replica, issue, run } = court();
    const [a, b] = [replica("a"), replica("b")];
    const [one, two] = [issue(0, 1, "x"), issue(1, 1, "y")];
    const answer = run(a, one);
    run(a, two);
    run(b, one);
    run(b, two);
    expect(stateIn(a)).toEqual(stateIn(b));
    ledger.accept("c0", one, answer);
    expect(complaints).toEqual([]);
  });

  test("convicts two orders", () => {
    const { complaints, replica, issue, run } = court();
    const [one, two] = [issue(0, 1, "x"), issue(1, 1, "y")];
    run(replica("a"), one);
    run(replica("b"), two);
    expect(complaints).toEqual(["agreement: b executed c1#1 as operation 0, others c0#1"]);
  });

  test("convicts an operation that is executed twice", () => {
    const { complaints, replica, issue, run } = court();
    const [a, one] = [replica("a"), issue(0, 1, "x")];
    run(a, one);
    run(a, one);
    expect(complaints).toEqual(["exactly once: a executed c0#1 as operations 0 and 1"]);
  });

  test("convicts an invented operation, unless seeds invent or the adversary's own client asks", () => {
    for (const [invent, client, count] of [
      [false, 0, 1],
      [true, 0, 0],
      [false, ADVERSARY_CLIENT, 0],
    ] as const) {
      const { complaints, replica } = court({ invents: invent });
      const app = replica("a");
      app.execute(stamp(client, 7, put("z")));
      app.commit(1);
      expect(complaints.length).toBe(count);
    }
  });

  test("convicts a client that believes a result that is not the canonical one", () => {
    const { complaints, ledger, replica, issue, run } = court();
    const [a, one] = [replica("a"), issue(0, 1, "x")];
    const answer = run(a, one).slice();
    answer[8] = (answer[8] ?? 0) ^ 1;
    ledger.accept("c0", one, answer);
    expect(complaints[0]).toStartWith("client agreement: c0 accepted a wrong result for c0#1");
    ledger.accept("c0", one, new Uint8Array(8).fill(1, 7));
    expect(complaints[1]).toBe(
      "client agreement: c0 accepted a result that no correct replica gave",
    );
  });

  test("FW7 what a client accepts before it is committed is promised, and has to be committed so", () => {
    const { complaints, ledger, replica, issue } = court({ speculates: true });
    const [a, b] = [replica("a"), replica("b")];
    const [one, two] = [issue(0, 1, "x"), issue(1, 1, "y")];
    const answer = a.execute(one.op);
    ledger.accept("c0", one, answer);
    expect([one.position, ledger.isPromised(0), complaints]).toEqual([0, true, []]);
    expect(ledger.outstanding).toBe("c0 accepted c0#1 at 0, which nobody committed");
    // A replica that undoes it is no violation, one that commits another operation there is.
    a.rollback(1);
    expect(complaints).toEqual([]);
    a.execute(one.op);
    a.commit(1);
    expect([ledger.outstanding, complaints]).toEqual([null, []]);
    ledger.accept("c1", two, a.execute(two.op));
    b.execute(one.op);
    b.execute(issue(2, 1, "z").op);
    b.commit(2);
    expect(complaints).toEqual(["client agreement: c1 accepted c1#1 at 1, where c2#1 is"]);
    expect(ledger.outstanding).toBe(null);
  });

  test("FW7 F3 two promises for one position are equal", () => {
    const { complaints, ledger, replica, issue } = court({ speculates: true });
    const [one, two] = [issue(0, 1, "x"), issue(1, 1, "y")];
    ledger.accept("c0", one, replica("a").execute(one.op));
    ledger.accept("c0", one, replica("b").execute(one.op));
    expect(complaints).toEqual([]);
    ledger.accept("c1", two, replica("c").execute(two.op));
    expect(complaints).toEqual(["client agreement: at 0 c0 c0#1 and c1 c1#1 were accepted"]);
  });

  test("FW7 an equal operation with another result is no kept promise", () => {
    const { complaints, ledger, replica, issue } = court({ speculates: true });
    const [a, one] = [replica("a"), issue(0, 1, "x")];
    const answer = a.execute(one.op).slice();
    answer[8] = (answer[8] ?? 0) ^ 1;
    ledger.accept("c0", one, answer);
    a.commit(1);
    expect(complaints).toEqual([
      "client agreement: c0 accepted another result of c0#1 at 0, where c0#1 is",
    ]);
  });

  test("FW7 a session is one client's, as each believes", () => {
    const { complaints, ledger } = court();
    ledger.openedBy("c0", 1);
    ledger.openedBy("c1", 2);
    ledger.openedBy("c0", 1);
    expect(complaints).toEqual([]);
    ledger.openedBy("c1", 1);
    expect(complaints).toEqual(["client agreement: c1 and c0 both opened session 1"]);
  });

  test("F2 F3 a state with what is not committed is compared when it is, and not when it is undone", () => {
    const { complaints, ledger, replica, issue, run } = court();
    const [a, b] = [replica("a"), replica("b")];
    const [one, two] = [issue(0, 1, "x"), issue(1, 1, "y")];
    a.execute(one.op);
    a.snapshot();
    ledger.state("c", 1, 12_345);
    expect(complaints).toEqual([]);
    a.commit(1);
    expect(complaints).toEqual(["agreement: a's state 1 differs"]);
    b.execute(two.op);
    b.snapshot();
    b.rollback(1);
    run(b, one);
    expect(complaints.length).toBe(1);
  });

  test("follows what is rolled back, and convicts a rollback of what was committed", () => {
    const { complaints, replica, issue, run } = court();
    const [a, b] = [replica("a"), replica("b")];
    const [one, two] = [issue(0, 1, "x"), issue(1, 1, "y")];
    run(a, one);
    b.execute(two.op);
    b.rollback(1);
    run(b, one);
    expect(complaints).toEqual([]);
    b.rollback(1);
    expect(complaints).toEqual(["agreement: b rolled back what it had committed"]);
  });

  test("convicts a state that never was", () => {
    const { complaints, replica, issue, run } = court();
    const [a, b] = [replica("a"), replica("b")];
    run(a, issue(0, 1, "x"));
    restoreAll(b, stateIn(a));
    expect([complaints, b.committed]).toEqual([[], 1]);
    const parts = stateIn(a).map((part) => part.map((bytes) => bytes.slice()));
    const [inner = new Uint8Array(1)] = parts.at(-1) ?? [];
    inner[inner.length - 1]! ^= 1;
    restoreAll(b, parts);
    expect(complaints[0]).toBe("agreement: b's state 1 differs");
    restoreAll(b, stateIn(replica("c")));
    expect(complaints[1]).toBe("monotone: b went back to 0");
    // Parts of two states are none that ever was.
    run(a, issue(1, 1, "y"));
    const [first = [], second = [], ...others] = stateIn(a);
    restoreAll(replica("d"), [first, second, [new Uint8Array(4)], ...others.slice(1)]);
    expect(complaints[2]).toStartWith("agreement: d restored a state 2 that never was");
  });
});

describe("the census", () => {
  const census: Census = {
    view: 3,
    committed: 5,
    executed: 5,
    phase: "running",
    viewTimerMs: 0,
    sizes: [{ name: "log", size: 8, max: 8 }],
  };
  const complaintsOf = (...said: Census[]) => {
    const complaints: string[] = [];
    const check = new CensusCheck("a", (what) => complaints.push(what));
    for (const one of said) check.check(one);
    return complaints;
  };

  test("may rise and be full", () => {
    expect(complaintsOf(census, { ...census, view: 4, committed: 6 })).toEqual([]);
  });
  test("may not fall or overflow", () => {
    expect(complaintsOf(census, { ...census, view: 2 })).toEqual([
      "monotone: a's view fell from 3 to 2",
    ]);
    expect(complaintsOf(census, { ...census, committed: 4 })).toHaveLength(1);
    expect(complaintsOf(census, { ...census, executed: 4 })).toHaveLength(1);
    expect(complaintsOf({ ...census, sizes: [{ name: "log", size: 9, max: 8 }] })).toEqual([
      "bounded: a's log holds 9, at most 8",
    ]);
  });
});

test("certificates need a quorum of distinct signers whose signatures hold cold", () => {
  const keys = new SimulatedKeys(1, 4);
  const signed = new Uint8Array([1, 2, 3]);
  const vote = (signer: number): Proof => ({
    signer,
    signed,
    signature: keys.block(signer, signed, null),
  });
  const quorum = 3;
  const judged = new WeakSet<object>();
  const check = (proofs: readonly Proof[], certificate: object = {}) =>
    checkCertificates([{ certificate, proofs: () => proofs }], quorum, keys, null, judged);
  const held = {};
  expect(check([vote(0), vote(1), vote(3)], held)).toBeNull();
  expect(check([vote(0), vote(1)])).toBe("2 distinct signers, not 3");
  expect(check([vote(0), vote(1), vote(1)])).toBe("2 distinct signers, not 3");
  const forged = [vote(0), vote(1), { ...vote(2), signer: 3 }];
  expect(check(forged)).toBe("a bad signature of 3");
  expect(check([vote(0), vote(1), { ...vote(2), signer: 4 }])).toBe("a bad signature of 4");
  // One that was judged is passed over; one that does not hold is not among them.
  expect(check(forged, held)).toBeNull();
  const bad = {};
  expect(check(forged, bad)).toBe("a bad signature of 3");
  expect(check(forged, bad)).toBe("a bad signature of 3");
});

test("what keys remember is found by content and signer, and cold ones find what was written to", () => {
  const keys = new SimulatedKeys(7, 4);
  const signed = Uint8Array.of(1, 2, 3);
  const proof: Proof = { signer: 2, signed, signature: keys.block(2, signed, null) };
  for (let i = 0; i < 2; i++) {
    expect(keys.holds(proof, null)).toBe(true);
    expect(keys.holds({ ...proof, signer: 1 }, null)).toBe(false);
    expect(keys.holds({ ...proof, signed: Uint8Array.of(1, 2, 4) }, null)).toBe(false);
    for (let at = 0; at < proof.signature.length; at++) {
      const signature = proof.signature.slice();
      signature[at]! ^= 1;
      expect({ at, holds: keys.holds({ ...proof, signature }, null) }).toEqual({
        at,
        holds: false,
      });
    }
    expect(new SimulatedKeys(8, 4).holds(proof, null)).toBe(false);
    expect(keys.cold().holds(proof, null)).toBe(true);
  }
  // Nobody writes to what came in. Who does all the same is found at the end of a seed.
  expect(keys.holds(proof, null)).toBe(true);
  proof.signature[proof.signature.length - 1]! ^= 1;
  expect(keys.cold().holds(proof, null)).toBe(false);
});

test("mutation changes one field, and operations of clients only where seeds invent", () => {
  const random = new Random(1, "mutation");
  const op = stamp(0, 1, put("x"));
  const request = { session: 1, tag: 2, number: 3, op };
  const message = {
    kind: "propose",
    view: 7,
    batch: { requests: [request] },
    flags: [true, false],
  };
  let changed = 0;
  let operations = 0;
  for (let i = 0; i < 500; i++) {
    const mutated = mutate(random, new Pool(), message as Sealed, false);
    if (mutated === null) continue;
    changed++;
    expect(mutated).not.toEqual(message);
    // A request may be left out or repeated, never altered.
    const { batch } = mutated as typeof message;
    for (const one of batch?.requests ?? []) expect(one).toEqual(request);
    const invented = mutate(random, new Pool(), message as Sealed, true) as typeof message | null;
    if (invented?.batch?.requests?.some((one) => !Bun.deepEquals(one, request)) === true)
      operations++;
  }
  expect(changed).toBeGreaterThan(300);
  expect(operations).toBeGreaterThan(50);
});
