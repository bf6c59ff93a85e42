// Seeds in which large requests go to all replicas: nothing goes wrong, whoever signs, and whatever
// the adversary names.

import { expect, setDefaultTimeout, test } from "bun:test";
import { BODIES, FETCH_BODIES, NAMED } from "../../src/base/body-form.ts";
import type { Observer } from "../../src/simulation/observer.ts";
import { runSeed } from "../../src/simulation/run-seed.ts";
import { drawPlan } from "../../src/simulation/seed-plan.ts";
import type { Kind } from "../../src/simulation/subject.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const able = [...registered.values()].filter(({ protocol }) => protocol.options?.has("requests"));

/** Counts packets that are about bodies, by their first bytes. */
function counting() {
  const counts = new Map<number, number>();
  const observer: Observer = {
    arrived(_atUs, _from, _to, { part, content: { bytes } }) {
      const [kind = 0] = bytes;
      if (!part && kind >= NAMED && kind <= BODIES) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    },
    happened() {},
  };
  return { counts, observer };
}

test("X23 every protocol has it but those without proposals", () => {
  const without = [...registered.keys()].filter((name) => !able.some((one) => one.name === name));
  expect(without.sort()).toEqual(["nopaxos", "unreplicated", "unreplicated-signed"]);
});

test.each(able.map((subject) => [subject.name, { ...subject, broadcasts: true }] as const))(
  "X23 A1 seeds of %s in which large requests go to all pass, and run the same again",
  (_name, subject) => {
    const { counts, observer } = counting();
    for (const kind of ["short", "adversary"] satisfies Kind[]) {
      if (!subject.kinds.includes(kind)) continue;
      for (const requestAuth of ["none", "sign"] as const) {
        if (subject.protocol.without?.includes("request-auth") && requestAuth === "sign") continue;
        const options = { subject, kind, seed: 4, changes: { requestAuth } };
        const report = runSeed({ ...options, observer });
        expect({ kind, failures: report.failures }).toEqual({ kind, failures: [] });
        if (kind === "adversary") continue;
        expect(runSeed({ ...options, cold: true }).traceHash).toBe(report.traceHash);
      }
    }
    expect(counts.get(NAMED) ?? 0).toBeGreaterThan(10);
  },
);

test("X23 missing bodies are fetched, and name nothing where they are not to", () => {
  const { counts, observer } = counting();
  const subject = registered.get("pbft")!;
  const fetched = () => Math.min(counts.get(FETCH_BODIES) ?? 0, counts.get(BODIES) ?? 0);
  for (let seed = 0; seed < 20 && fetched() === 0; seed++) {
    runSeed({ subject: { ...subject, broadcasts: true }, kind: "short", seed, observer });
  }
  expect(fetched()).toBeGreaterThan(0);
  counts.clear();
  const changes = { without: ["broadcast requests"] };
  runSeed({ subject: { ...subject, broadcasts: true }, kind: "short", seed: 0, changes, observer });
  expect(counts.size).toBe(0);
});

test("X23 an eighth of the seeds have large requests go to all, and none of Twins; others keep their dice", () => {
  for (const subject of registered.values()) {
    const plans = Array.from({ length: 400 }, (_, seed) => drawPlan(subject, "adversary", seed));
    const found = plans.filter(({ broadcastsRequests }) => broadcastsRequests);
    if (!able.includes(subject)) {
      expect(found).toEqual([]);
      continue;
    }
    expect(found.length).toBeGreaterThan(25);
    expect(found.length).toBeLessThan(80);
    for (const { seed, ...plan } of found) {
      expect(plan.valueMax).toBe(4000);
      const changes = { without: ["broadcast requests"] };
      const { valueMax, ...without } = drawPlan(subject, "adversary", seed, changes);
      expect([16, 4000]).toContain(valueMax);
      expect(without as object).toEqual({
        ...{ ...plan, seed, broadcastsRequests: false, valueMax: undefined },
      });
      expect(drawPlan(subject, "twins", seed).broadcastsRequests).toBe(false);
    }
    const tricky = plans.filter(({ tricks }) => tricks.includes("unknown bodies"));
    expect(tricky.every(({ broadcastsRequests }) => broadcastsRequests)).toBe(true);
  }
});
