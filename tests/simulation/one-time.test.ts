// Seeds whose replicas sign by one-time keys: nothing goes wrong, whatever the adversary makes of
// keys, and what strangers hold convinces them.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { Observer } from "../../src/simulation/observer.ts";
import { SimulatedKeys } from "../../src/simulation/simulated-keys.ts";
import { ForgedKeys } from "../../src/simulation/forged-keys.ts";
import { runSeed } from "../../src/simulation/run-seed.ts";
import { drawPlan } from "../../src/simulation/seed-plan.ts";
import type { Kind } from "../../src/simulation/subject.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { requestIn } from "../../src/simulation/forged-requests.ts";
import { World } from "../../src/simulation/world.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { ANNOUNCEMENT, ANNOUNCEMENT_SIZE, ONE_TIME_BLOCK } from "../../src/base/one-time-form.ts";
import { CLIENT_KEY_LENGTH } from "../../src/base/client-key.ts";
import { quietPlan } from "../support/quiet-plan.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const signing = [...registered.values()].filter(({ protocol }) => protocol.signed);
const changes = { signature: "hybrid" } as const;

/** Counts packets of batches that are announced, and packets that have room for a block. */
function counting() {
  const counts = { announced: 0, long: 0 };
  const observer: Observer = {
    arrived(_atUs, _from, _to, { content: { bytes } }) {
      if (bytes[0] === ANNOUNCEMENT && bytes.length === ANNOUNCEMENT_SIZE) counts.announced++;
      if (bytes.length > ONE_TIME_BLOCK) counts.long++;
    },
    happened() {},
  };
  return { counts, observer };
}

test.each(signing.map((subject) => [subject.name, subject] as const))(
  "G9 seeds of %s with one-time keys pass, and run the same again",
  (_name, subject) => {
    const { counts, observer } = counting();
    for (const kind of ["short", "adversary"] satisfies Kind[]) {
      if (!subject.kinds.includes(kind)) continue;
      const report = runSeed({ subject, kind, seed: 1, changes, observer });
      expect({ kind, failures: report.failures }).toEqual({ kind, failures: [] });
      if (kind === "adversary") continue;
      const cold = runSeed({ subject, kind, seed: 1, changes, cold: true });
      expect(cold.traceHash).toBe(report.traceHash);
    }
    expect(counts.announced).toBeGreaterThan(0);
    expect(counts.long).toBeGreaterThan(0);
  },
);

test("G10 the adversary's seeds forge keys, and only those with one-time keys", () => {
  const subject = registered.get("pbft")!;
  let forged = 0;
  for (let seed = 0; seed < 12 && forged === 0; seed++) {
    const each = drawPlan(subject, "adversary", seed, { signature: "each" });
    expect(each.tricks).not.toContain("forge keys");
    const plan = drawPlan(subject, "adversary", seed, changes);
    if (!plan.tricks.includes("forge keys")) continue;
    const report = runSeed({ subject, kind: "adversary", seed, changes });
    expect(report.failures).toEqual([]);
    forged += report.injected.get("trick: forge keys") ?? 0;
  }
  expect(forged).toBeGreaterThan(0);
});

test("G9 a quarter of the seeds of protocols that sign have one-time keys, and none of Twins", () => {
  for (const subject of registered.values()) {
    const plans = Array.from({ length: 200 }, (_, seed) => drawPlan(subject, "short", seed));
    const hybrid = plans.filter(({ signature }) => signature === "hybrid");
    if (!subject.protocol.signed) {
      expect(hybrid).toEqual([]);
      continue;
    }
    expect(hybrid.length).toBeGreaterThan(30);
    expect(hybrid.length).toBeLessThan(70);
    for (const { seed, ...plan } of hybrid) {
      const without = drawPlan(subject, "short", seed, { without: ["one-time keys"] });
      expect(without.signature).not.toBe("hybrid");
      // How replicas sign moves no dice of others.
      expect(without).toEqual({ ...plan, seed, signature: without.signature });
      expect(drawPlan(subject, "twins", seed).signature).not.toBe("hybrid");
    }
  }
});

test("G10 a key that was never made convinces no stranger, whoever signed its batch", () => {
  const keys = new SimulatedKeys(3, 4);
  const signed = Uint8Array.of(1, 2, 3);
  const forged = new ForgedKeys(keys);
  for (const by of [null, 0, 2]) {
    const { block } = forged.make(new Random(1, "test"), signed, null, by);
    const holds = [0, 1, 2, 3].map((signer) => {
      return keys.holds({ signer, signed, signature: block }, null);
    });
    // Who signs a batch may have made its keys.
    expect(holds).toEqual([0, 1, 2, 3].map((signer) => signer === by));
    expect(keys.holds({ signer: by ?? 0, signed: signed.slice(1), signature: block }, null)).toBe(
      false,
    );
  }
});

test("G6 G9 seeds whose clients sign so too pass, and run the same again", () => {
  const both = { ...changes, requestAuth: "sign" } as const;
  for (const name of ["pbft", "hotstuff", "tendermint", "zyzzyva"]) {
    const subject = registered.get(name)!;
    const oneTime = { requests: 0, announced: 0 };
    const observer: Observer = {
      arrived(_atUs, _from, _to, { content, part }) {
        const { bytes } = content;
        const size = ANNOUNCEMENT_SIZE + CLIENT_KEY_LENGTH;
        if (bytes[0] === ANNOUNCEMENT && bytes.length === size) oneTime.announced++;
        const message = part ? null : content.read(subject.protocol);
        const request = message === null ? null : requestIn(message);
        if (request?.seal?.length === ONE_TIME_BLOCK) oneTime.requests++;
      },
      happened() {},
    };
    const report = runSeed({ subject, kind: "short", seed: 2, changes: both, observer });
    expect({ name, failures: report.failures }).toEqual({ name, failures: [] });
    expect(oneTime.requests).toBeGreaterThan(0);
    expect(oneTime.announced).toBeGreaterThan(0);
    const cold = runSeed({ subject, kind: "short", seed: 2, changes: both, cold: true });
    expect(cold.traceHash).toBe(report.traceHash);
  }
});

test("G10 the adversary forges keys of clients, too, in vain", () => {
  const subject = registered.get("pbft")!;
  let forged = 0;
  for (let seed = 40; seed < 60 && forged === 0; seed++) {
    const both = { ...changes, requestAuth: "sign" } as const;
    if (!drawPlan(subject, "invent", seed, both).tricks.includes("forge keys")) continue;
    let announcedByOther = 0;
    const observer: Observer = {
      arrived(_atUs, from, _to, { content: { bytes } }) {
        const ofClient = bytes.length === ANNOUNCEMENT_SIZE + CLIENT_KEY_LENGTH;
        if (bytes[0] === ANNOUNCEMENT && ofClient && from.byzantine) announcedByOther++;
      },
      happened() {},
    };
    const report = runSeed({ subject, kind: "invent", seed, changes: both, observer });
    expect(report.failures).toEqual([]);
    forged += announcedByOther;
  }
  expect(forged).toBeGreaterThan(0);
});

/** Of what replicas signed in a quiet run, the share that has a one-time signature. */
function shareOfOneTime(protocol: string, clients: number): number {
  const subject = registered.get(protocol)!;
  let signed = 0;
  let oneTime = 0;
  const observer: Observer = {
    arrived(_atUs, _from, _to, { content, part }) {
      const seal = part ? undefined : content.read(subject.protocol)?.seal;
      if (seal === undefined) return;
      signed++;
      if (seal.signature.length === ONE_TIME_BLOCK) oneTime++;
    },
    happened() {},
  };
  const world = new World({ subject, plan: quietPlan(subject, { clients, ...changes }), observer });
  for (let i = 0; i < world.plan.n; i++) world.startReplica(world.addReplica(i));
  for (let i = 0; i < clients; i++) world.startClients(world.addClientProcess(i), 1);
  expect(world.run(10_000_000, () => world.completed >= 20 * clients)).toBe(true);
  expect(world.failures).toEqual([]);
  return oneTime / signed;
}

test("G11 one client's operations need hardly a signature by ECDSA, those of many share them", () => {
  for (const protocol of ["pbft", "hotstuff", "zyzzyva"]) {
    expect(shareOfOneTime(protocol, 1)).toBeGreaterThan(0.9);
  }
  expect(shareOfOneTime("pbft", 32)).toBeLessThan(0.7);
});
