// Seeds in which clients sign: what Byzantine replicas invent is never executed, whatever they try;
// and how often what a client signed is checked.

import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { runSeed } from "../../src/simulation/run-seed.ts";
import { maySign } from "../../src/simulation/drawn-requests.ts";
import { ForgedRequests } from "../../src/simulation/forged-requests.ts";
import { drawPlan, mayInvent, SIGNED_TRICKS } from "../../src/simulation/seed-plan.ts";
import { SimulatedKeys } from "../../src/simulation/simulated-keys.ts";
import {
  SimulatedStage,
  type SimulatedStageOptions,
} from "../../src/simulation/simulated-stage.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { World } from "../../src/simulation/world.ts";
import { quietPlan } from "../support/quiet-plan.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

/** Seeds of a protocol in which clients sign. */
const SEEDS = 4;

const byzantine = [...registered.values()].filter(({ kinds }) => kinds.includes("invent"));

test.each(byzantine.map((subject) => [subject.name, subject] as const))(
  "A6 in invent seeds of %s whose clients sign nothing invented is executed",
  (_name, subject) => {
    let altered = 0;
    let seen = 0;
    for (let seed = 0; seen < SEEDS; seed++) {
      const plan = drawPlan(subject, "invent", seed);
      if (plan.requestAuth === "none") continue;
      seen++;
      expect(mayInvent(plan)).toBe(false);
      const report = runSeed({ subject, kind: "invent", seed });
      expect(report.failures).toEqual([]);
      altered += report.injected.get("trick: alters a signed request") ?? 0;
    }
    expect(altered).toBeGreaterThan(0);
  },
);

/** Seeds in which PBFT's primary proposes what it forged, which needs its batches to be so. */
const PROPOSED: ReadonlyMap<string, number> = new Map([
  ["two keys", 43],
  ["one request more", 150],
]);

test.each(byzantine.map((subject) => [subject.name, subject] as const))(
  "A10 in seeds of %s the adversary plays its tricks with what clients sign, in vain",
  (_name, subject) => {
    const changes = { requestAuth: "sign" } as const;
    for (const trick of SIGNED_TRICKS) {
      const first = PROPOSED.get(trick) ?? 0;
      if (first > 0 && subject.name !== "pbft") continue;
      let played = 0;
      for (let seed = first; played === 0; seed++) {
        if (!drawPlan(subject, "invent", seed, changes).tricks.includes(trick)) continue;
        const { failures, injected } = runSeed({ subject, kind: "invent", seed, changes });
        expect(failures).toEqual([]);
        played = injected.get(`trick: ${trick}`) ?? 0;
      }
    }
  },
);

const signable = [...registered.values()].filter(({ protocol }) => {
  return maySign(protocol) && protocol.faults !== "none";
});

test.each(signable.map((subject) => [subject.name, subject] as const))(
  "A8 A9 what a client of %s signs each replica checks once, on arrival or as proposed",
  (_name, subject) => {
    const stages: SimulatedStage[] = [];
    class ClientStage extends SimulatedStage {
      constructor(options: SimulatedStageOptions) {
        super(options);
        if (options.self === null) stages.push(this);
      }
    }
    const checks = spyOn(SimulatedKeys.prototype, "verify");
    const plan = quietPlan(subject, { clients: 8, requestAuth: "sign" });
    const world = new World({ subject: { ...subject, stage: ClientStage }, plan });
    for (let i = 0; i < plan.n; i++) world.startReplica(world.addReplica(i));
    for (let i = 0; i < plan.clients; i++) world.startClients(world.addClientProcess(i), 1);
    expect(world.run(10_000_000, () => world.completed >= 80)).toBe(true);
    expect(world.failures).toEqual([]);
    const checked = checks.mock.calls.filter(([by]) => typeof by !== "number").length;
    checks.mockRestore();
    const trees = stages.reduce((sum, { counts }) => sum + counts.roots, 0);
    expect(checked).toBeGreaterThan(0);
    expect(checked).toBeLessThanOrEqual(plan.n * trees);
  },
);

test("a request with the last number of all can be told with another operation, too", () => {
  const forged = new ForgedRequests(new SimulatedKeys(1, 4));
  const number = Number.MAX_SAFE_INTEGER;
  const key = forged.ownKey;
  const { request } = forged.unasked({ session: 1, tag: 2, number, op: new Uint8Array(3), key });
  expect([request.number, request.op]).toEqual([number, Uint8Array.of(0, 0, 1)]);
});
