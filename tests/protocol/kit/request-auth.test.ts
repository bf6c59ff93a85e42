// Requests that clients sign: their form, alone and in batches, and what holds (A1 to A6).

import { A_CLIENT } from "../../../src/base/client-key.ts";
import { describe, expect, test } from "bun:test";
import type { Codec, Proof, Sealed } from "../../../src/actor.ts";
import { domainOf } from "../../../src/crypto/domain.ts";
import { batchProofs, requestsOf, type Batch } from "../../../src/protocol/kit/batch.ts";
import { Batcher } from "../../../src/protocol/kit/batcher.ts";
import { Executor } from "../../../src/protocol/kit/executor.ts";
import { Pending } from "../../../src/protocol/kit/pending.ts";
import { BATCH_ROOTS_MAX, signedOf } from "../../../src/protocol/kit/request-auth.ts";
import {
  nonceOf,
  openRequest,
  sameRequest,
  tagOf,
  type Request,
} from "../../../src/protocol/kit/request.ts";
import { GENESIS_QC } from "../../../src/protocol/chained/certificate.ts";
import { makeBlock } from "../../../src/protocol/chained/block.ts";
import { makeValue } from "../../../src/protocol/tendermint/value.ts";
import { protocols } from "../../../src/protocol/index.ts";
import { apps } from "../../../src/app/index.ts";
import { firstCopies, KeylessPending } from "../../mutants/request-auth.ts";
import { PbftCluster } from "../pbft/harness.ts";
import { batchOf, decoded, encoded } from "../../support/encoded-batches.ts";
import { checkingStage, DOMAIN, hold, SigningProcess } from "../../support/signed-requests.ts";

function passed(batch: Batch): Batch {
  return decoded(encoded(batch)) ?? expect.unreachable("a batch of signed requests is well-formed");
}

const process = new SigningProcess();
const many = process.sign(
  Array.from({ length: 100 }, (_, i) => process.asks(i + 1, 1, new Uint8Array(i % 3))),
);

describe("A1 sessions are bound to the key that opened them", () => {
  test("the nonce of an open is a hash of its key and of what it drew", () => {
    const host = { random: () => 5, clientKey: process.key };
    const open = openRequest(host);
    expect(open.op).toEqual(new Uint8Array(16).fill(5));
    const named = Buffer.concat([process.key, open.op]);
    const hash = new Bun.SHA256().update(named).digest("hex");
    expect(Buffer.from(nonceOf(open)).toString("hex")).toBe(hash.slice(0, 26));
    expect(open.tag).toBe(tagOf(nonceOf(open)));
    const other = { ...open, key: new SigningProcess().key };
    expect(nonceOf(other)).not.toEqual(nonceOf(open));
  });

  test("an open whose tag is not of its key is malformed", () => {
    const [open] = process.sign([process.open(1)]);
    expect(decoded(encoded(batchOf([open!])))).not.toBeNull();
    const stolen = { ...open!, key: new SigningProcess().key };
    expect(decoded(encoded(batchOf([stolen])))).toBeNull();
  });

  test("a session has its key, in snapshots as well", () => {
    const executor = executorOf();
    executor.execute(process.open(1));
    const { head, states } = executor.snapshot();
    const other = executorOf();
    const all = states.map(({ count }) => Array.from({ length: count }, (_, i) => i));
    expect(other.restore(head, states, all)).toBe(true);
    const request = { ...process.asks(1, 1), tag: process.open(1).tag };
    expect(other.alive(request)).toBe(true);
    expect(other.alive({ ...request, key: new SigningProcess().key })).toBe(false);
    const { key: _, ...bare } = request;
    expect(other.alive(bare)).toBe(false);
    const both = [executor, other].map((one) => one.snapshot().states[0]!.part(0));
    expect(both[0]).toEqual(both[1]!);
  });
});

function executorOf(): Executor {
  return new Executor(apps.get("null")!({ replySize: 3 }), {
    sessionsMax: 10,
    replyCacheBytesMax: 1000,
  });
}

describe("A2 what is signed", () => {
  test("kind, key, session, tag, number and the operation's digest", () => {
    const op = Uint8Array.of(1, 2, 3);
    const signed = signedOf({ session: 5, tag: 6, number: 7, op, key: new Uint8Array(33).fill(2) });
    const digest = new Bun.SHA256().update(op).digest("hex");
    const numbers = "0000000000000005" + "00000006" + "0000000000000007";
    expect(Buffer.from(signed).toString("hex")).toBe(`09${"02".repeat(33)}${numbers}${digest}`);
  });

  test("100 requests that wait in a process have one signature", () => {
    const { stage } = process;
    const before = stage.counts.roots;
    const signed = process.sign(Array.from({ length: 100 }, (_, i) => process.asks(i + 1, 2)));
    expect(stage.counts.roots - before).toBe(1);
    expect(signed.every((request) => hold(alone(request)))).toBe(true);
  });

  test("a signature holds for no other request, key, cluster or instance", () => {
    const [request] = many;
    expect(hold(alone(request!))).toBe(true);
    for (const change of [
      { session: 77 },
      { tag: 77 },
      { number: 77 },
      { op: Uint8Array.of(9) },
      { key: new SigningProcess().key },
    ]) {
      expect(hold(alone({ ...request!, ...change }))).toBe(false);
    }
    const named = { mode: "pbft", n: 4, f: 1, publicKeys: [] };
    const here = domainOf({ ...named, instance: "a" });
    const there = domainOf({ ...named, instance: "b" });
    const [signed] = new SigningProcess(here).sign([process.asks(1, 1)]);
    const own = { ...signed!, key: process.key };
    expect(hold(alone(own), checkingStage(here))).toBe(false);
    const other = new SigningProcess(here);
    const [asked] = other.sign([other.asks(1, 1)]);
    expect(hold(alone(asked!), checkingStage(here))).toBe(true);
    expect(hold(alone(asked!), checkingStage(there))).toBe(false);
  });

  test("a key that is none signs nothing, and where clients do not sign no signature counts", () => {
    const [request] = many;
    for (const prefix of [0, 1, 4, 5, 6, 7]) {
      const key = request!.key!.slice();
      key[0] = prefix;
      expect(hold(alone({ ...request!, key }))).toBe(false);
    }
    expect(hold(alone({ ...request!, key: new Uint8Array(33).fill(2) }))).toBe(false);
    const { key: _, seal: __, ...bare } = request!;
    expect(hold(alone(bare))).toBe(false);
    expect(requestCodec.proofs({ kind: "request", request: bare } as Sealed, false)).toEqual([]);
    const proofs = requestCodec.proofs({ kind: "request", request } as Sealed, false);
    expect(hold(proofs)).toBe(false);
  });
});

const requestCodec: Codec<Sealed> = protocols.get("pbft")!.codec;

function alone(request: Request): readonly Proof[] {
  return requestCodec.proofs({ kind: "request", request } as Sealed, true);
}

describe("A3 a request is named by key, session and number", () => {
  const stranger = new SigningProcess();

  test("that of another's session is no session, and changes neither number nor reply", () => {
    const executor = executorOf();
    const { tag } = process.open(1);
    executor.execute(process.open(1));
    const own = { ...process.asks(1, 4), tag };
    const done = executor.execute(own);
    const position = executor.position;
    const stolen = { ...stranger.asks(1, 9), tag };
    expect(executor.lookup(stolen)).toEqual({ status: "no session" });
    expect(executor.execute(stolen)).toEqual({ status: "no session" });
    expect(executor.position).toBe(position);
    expect(executor.execute({ ...own })).toEqual(done);
    expect(executor.isAnothers(stolen)).toBe(true);
    expect(executor.isAnothers(own)).toBe(false);
    // Whoever asks again for the last one gets its reply; none before it is worth a check.
    const before = { ...own, number: 3 };
    expect([before, own, stolen, process.open(1)].map((one) => executor.isPast(one))).toEqual([
      ...[true, false, false, false],
    ]);
  });

  test("it takes no place in what waits, and is not executed for its owner", () => {
    expect(bothWait(KeylessPending)).toBe(false);
    expect(bothWait(Pending)).toBe(true);
    const pending = new Pending(
      () => true,
      () => 1,
    );
    const own = process.asks(1, 4);
    const stolen = { ...stranger.asks(1, 9) };
    expect(sameRequest(own, { ...own })).toBe(true);
    expect(sameRequest(own, { ...stolen, number: 4 })).toBe(false);
    expect(pending.add(own, 100, 0)).not.toBeNull();
    expect(pending.add(stolen, 200, 0)).not.toBeNull();
    expect(pending.find(own)?.request).toBe(own);
    pending.executed(stolen);
    expect(pending.find(own)?.request).toBe(own);
    expect(pending.find(stolen)).toBeUndefined();
  });
});

/** Whether a request waits beside a later one of its session under a stranger's key. */
function bothWait(PendingOf: typeof Pending): boolean {
  const pending = new PendingOf(
    () => true,
    () => 1,
  );
  const own = process.asks(1, 4);
  pending.add(own, 100, 0);
  pending.add(new SigningProcess().asks(1, 9), 200, 0);
  return pending.find(own)?.request === own;
}

describe("A3 whoever votes has checked all requests of what it votes for", () => {
  const batch = passed(batchOf(many));
  const block = makeBlock(1, 0, GENESIS_QC, batch);
  const value = makeValue(1, 0, batch);
  const certificate = { votes: { signers: [], signatures: [] } };
  /** Messages with batches, by protocol: each of them has the proofs of its requests last. */
  const messages: readonly (readonly [string, object])[] = [
    ["pbft", { kind: "prePrepare", batch }],
    ["pbft", { kind: "batch", batch }],
    ["hotstuff", { kind: "propose", block, tc: null }],
    ["hotstuff", { kind: "block", block, more: false }],
    ["tendermint", { kind: "proposal", value, polc: null, ...certificate }],
    ["tendermint", { kind: "batch", value }],
    ["vr", { kind: "prepare", batch }],
    ["vr", { kind: "log", batches: [batch] }],
  ];
  const seal: Proof = { signer: 0, signed: Uint8Array.of(1), signature: new Uint8Array(69) };

  test.each(messages)("in %s", (mode, message) => {
    const { codec, signed } = protocols.get(mode)!;
    const sealed = signed ? { ...message, seal } : message;
    const proofs = codec.proofs(sealed as Sealed, true);
    expect(proofs.slice(signed && "seal" in sealed ? 1 : 0)).toEqual([...batchProofs(batch, true)]);
    // The proposer's seal comes first, so that strangers have nothing checked in its name.
    if (signed) expect(proofs[0]).toBe(seal);
    expect(codec.proofs(sealed as Sealed, false).at(-1)).toMatchObject({ signer: A_CLIENT });
  });

  test("the next copy of a proposal is admitted, whatever came of the one before", () => {
    const cluster = new PbftCluster();
    cluster.request(cluster.open()(Uint8Array.of(1)));
    const [proposal] = cluster.sent("prePrepare", 0);
    const replica = cluster.replica(2);
    const refuse: typeof replica.refuse = (from, message) => replica.refuse(from, message);
    const twice = (refuses: typeof refuse) => [1, 2].map(() => refuses(0, { ...proposal! }));
    expect(twice(refuse)).toEqual([null, null]);
    expect(twice(firstCopies(refuse))).not.toEqual([null, null]);
  });

  test("one bad request refuses the copy, and leaves no trace: the next one is checked afresh", () => {
    const stage = checkingStage();
    const other = new SigningProcess();
    const both = [many[0]!, ...other.sign([other.asks(500, 1)])];
    const spoiled = batchOf(both);
    const [, tree] = spoiled.seals!.trees;
    tree!.signature[40]! ^= 1;
    expect(hold(batchProofs(passed(spoiled), true), stage)).toBe(false);
    expect(hold(batchProofs(passed(batchOf(both)), true), stage)).toBe(true);
    const altered = { ...both[1]!, op: Uint8Array.of(1) };
    expect(hold(batchProofs(passed(batchOf([both[0]!, altered])), true), stage)).toBe(false);
  });
});

describe("A4 what is known is not checked again", () => {
  test("a root that came with a request costs a batch nothing", () => {
    const stage = checkingStage();
    expect(hold(alone(many[3]!), stage)).toBe(true);
    const { verified } = stage.counts;
    expect(stage.knows(batchProofs(passed(batchOf(many)), true), null)).toBe(true);
    expect(stage.counts.verified).toBe(verified);
  });

  test("but with other signature bytes behind a known root it is", () => {
    const stage = checkingStage();
    expect(hold(alone(many[3]!), stage)).toBe(true);
    const junk = many[4]!.seal!.slice();
    junk[5 + 63]! ^= 1;
    expect(hold(alone({ ...many[4]!, seal: junk }), stage)).toBe(false);
  });
});

describe("A9 what signing costs goes by trees", () => {
  test.each([1, 8])("100 requests of %d processes cost so many checks, in whatever order", (of) => {
    const processes = Array.from({ length: of }, () => new SigningProcess());
    const each = Math.ceil(100 / of);
    const trees = processes.map((one) => {
      return one.sign(Array.from({ length: each }, (_, i) => one.asks(i + 1, 1)));
    });
    const mixed = Array.from({ length: each }, (_, i) => trees.map((tree) => tree[i]!)).flat();
    for (const requests of [trees.flat(), mixed]) {
      const stage = checkingStage();
      expect(hold(batchProofs(passed(batchOf(requests)), true), stage)).toBe(true);
      expect(stage.counts.verified).toBe(of);
    }
  });
});

describe("A5 a batch has each key, root signature and sibling once", () => {
  test("40 bytes a request at most for 100 of one process", () => {
    const bare = many.map(({ key: _, seal: __, ...request }) => request);
    const [signed, unsigned] = [many, bare].map((requests) => encoded(batchOf(requests)).length);
    expect((signed! - unsigned!) / 100).toBeLessThanOrEqual(40);
    // Three runs of neighbours, as trees of 100 are divided by batches.
    const runs = [0, 1, 2].flatMap((i) =>
      process
        .sign(Array.from({ length: 100 }, (_, at) => process.asks(at + 1, i + 5)))
        .slice(30 * i, 30 * i + 34),
    );
    const plain = runs.map(({ key: _, seal: __, ...request }) => request);
    const grown = encoded(batchOf(runs)).length - encoded(batchOf(plain)).length;
    expect(grown / runs.length).toBeLessThanOrEqual(40);
  });

  test("its digest covers keys, and no signatures", () => {
    const other = new SigningProcess();
    const [first] = process.sign([process.asks(1, 1)]);
    const [again] = process.sign([process.asks(1, 1), process.asks(2, 1)]);
    expect(first!.seal).not.toEqual(again!.seal);
    const { digest } = batchOf([first!]);
    expect(batchOf([again!]).digest).toEqual(digest);
    expect(batchOf(other.sign([other.asks(1, 1)])).digest).not.toEqual(digest);
    const { key: _, seal: __, ...bare } = first!;
    expect(batchOf([bare]).digest).not.toEqual(digest);
  });

  test("what is read is what was written, in one form, and gives each request its block", () => {
    const other = new SigningProcess(DOMAIN, "each");
    const few = other.sign([other.asks(300, 1), other.open(3), other.asks(301, 1)]);
    const mixed = [many[7]!, few[0]!, many[3]!, few[1]!, many[99]!, few[2]!, many[4]!];
    const batch = passed(batchOf(mixed));
    expect(encoded(batch)).toEqual(encoded(batchOf(mixed)));
    expect(hold(batchProofs(batch, true))).toBe(true);
    expect(batchProofs(batch, true)).toHaveLength(4);
    const seals = requestsOf(batch).map(({ seal }) => seal);
    expect(seals).toEqual(mixed.map(({ seal }) => seal));
    for (const request of requestsOf(batch)) expect(hold(alone(request))).toBe(true);
  });

  test("any flipped bit is malformed, or does not hold, or is no request's", () => {
    const bytes = encoded(batchOf(many.slice(0, 3)));
    const clients = bytes.length - seals(3, 1, 1 + 64 + 6 * 32) - 3 * 8;
    const stage = checkingStage();
    for (let bit = 0; bit < 8 * bytes.length; bit += 5) {
      const at = bit >> 3;
      if (at >= clients && at < clients + 3 * 8) continue;
      const flipped = bytes.slice();
      flipped[at]! ^= 1 << (bit & 7);
      const batch = decoded(flipped);
      if (batch !== null) expect(hold(batchProofs(batch, true), stage)).toBe(false);
    }
  });

  test("superfluous siblings, repeated leaves, keys or trees out of order are malformed", () => {
    const bytes = encoded(batchOf(many));
    expect(decoded(Buffer.concat([bytes, new Uint8Array(32)]))).toBeNull();
    const { seals: whole } = batchOf(many);
    const [tree] = whole!.trees;
    const place = { tree: 0, index: 3 };
    const forms = [
      { trees: [{ ...tree!, depth: 11 }], places: whole!.places },
      { trees: [tree!], places: whole!.places.with(4, place) },
      { trees: [tree!, tree!], places: whole!.places.with(99, { tree: 1, index: 99 }) },
      { trees: [tree!, tree!], places: whole!.places.with(0, { tree: 1, index: 0 }) },
      { trees: [tree!], places: whole!.places.with(0, { tree: 0, index: 200 }) },
    ];
    for (const form of forms) {
      expect(decoded(encoded({ ...batchOf(many), seals: form }))).toBeNull();
    }
    const other = new SigningProcess();
    const two = batchOf([many[0]!, ...other.sign([other.asks(9, 1)])]);
    const swapped = two.bytes.slice();
    swapped.set(two.bytes.subarray(3, 36), 36);
    swapped.set(two.bytes.subarray(36, 69), 3);
    // The same requests by their keys' places; those are in no order of first use.
    const [first, second] = [69, 69 + 1 + 24];
    [swapped[first], swapped[second]] = [1, 0];
    expect(decoded(encoded({ ...two, bytes: swapped }))).toBeNull();
    const twice = two.bytes.slice();
    twice.set(two.bytes.subarray(3, 36), 36);
    expect(decoded(encoded({ ...two, bytes: twice }))).toBeNull();
  });

  test("requests without signatures hold nowhere", () => {
    const bare = many.slice(0, 2).map(({ seal: _, ...request }) => request);
    const batch = passed(batchOf(bare));
    expect(batch.seals).toBeNull();
    expect(hold(batchProofs(batch, true))).toBe(false);
  });

  test(`a batch closes at ${BATCH_ROOTS_MAX} root signatures`, () => {
    const limits = { batchMax: 1000, batchBytesMax: 1024 * 1024, adaptive: true };
    const batcher = new Batcher({ ...limits, flushDelayMs: 1, viewTimeoutMs: 500 });
    const pending = new Pending(
      () => true,
      () => 1,
    );
    for (let i = 0; i < 300; i++) {
      const seal = new Uint8Array(69);
      seal.set([i >> 8, i & 255], 5);
      const entry = pending.add({ ...process.asks(i + 1, 1), seal }, 100 + i, 0);
      batcher.push(entry!, 0);
    }
    expect(batcher.take(0)).toHaveLength(BATCH_ROOTS_MAX);
    expect(batcher.take(0)).toHaveLength(300 - BATCH_ROOTS_MAX);
  });
});

/** Bytes of the seals of a batch. */
function seals(requests: number, trees: number, each: number): number {
  return 1 + 3 * requests + trees * each;
}
