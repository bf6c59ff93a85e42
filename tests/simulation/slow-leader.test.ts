// Leaders that keep to the protocol and yet serve nobody: what a cluster with one gives, in virtual
// time, beside the same cluster without it.

import { expect, setDefaultTimeout, test } from "bun:test";
import { drawPlan, NO_FAULTS, type Plan, type Trick } from "../../src/simulation/seed-plan.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { World } from "../../src/simulation/world.ts";

// Virtual time: only a loaded machine makes them slow.
setDefaultTimeout(120_000);

const CLIENTS = 16;
const VIEW_TIMEOUT_MS = 100;

interface Given {
  readonly protocol: string;
  readonly options?: Readonly<Record<string, string>>;
  /** Replica 0 plays it, which leads first. */
  readonly trick?: Trick;
}

/** A world without faults but one leader; clients ask as soon as they are answered. */
function worldOf({ protocol, options = {}, trick }: Given): World {
  const subject = registered.get(protocol);
  if (subject === undefined) throw new Error(`there is no ${protocol}`);
  const plan: Plan = {
    ...drawPlan(subject, "short", 1),
    n: 4,
    f: 1,
    batchMax: CLIENTS,
    adaptive: false,
    flushDelayMs: 1,
    viewTimeoutMs: VIEW_TIMEOUT_MS,
    checkpointInterval: 32,
    sessionsMax: 1024,
    clients: CLIENTS,
    operations: 0,
    tail: Infinity,
    valueMax: 16,
    oneHost: false,
    multicast: false,
    gstUs: 0,
    network: { delayMinUs: 100, delayMaxUs: 300, lateUs: 1, ordered: true, ...NO_FAULTS },
    speeds: [],
    signUs: 100,
    batchSignatures: true,
    faults: [],
    restarts: [],
    byzantine: trick === undefined ? [] : [0],
    tricks: trick === undefined ? [] : [trick],
    censusEvery: 64,
  };
  const world = new World({ subject, plan, options: new Map(Object.entries(options)) });
  for (let i = 0; i < plan.n; i++) world.startReplica(world.addReplica(i));
  for (let i = 0; i < plan.clients; i++) world.startClients(world.addClientProcess(i), 1);
  world.globalStabilisation();
  return world;
}

/** Operations answered in a view timeout, on average, from `from` view timeouts on till `to`. */
function rate(world: World, from: number, to: number): number {
  const until = (timeouts: number): number => {
    world.run(timeouts * VIEW_TIMEOUT_MS * 1000, () => false);
    expect(world.failures).toEqual([]);
    return world.completed;
  };
  const before = until(from);
  return (until(to) - before) / (to - from);
}

function leaders(world: World): number[] {
  const { config } = world;
  return world.correct().map(({ replica }) => config.leader(replica?.census().view ?? -1));
}

test.each([
  ["P9", "pbft", "slow proposals"],
  ["H6", "hotstuff", "slow proposals"],
  ["H6", "hotstuff", "small batches"],
] as const)(
  "%s %s is left by its cluster for %s within 20 view timeouts",
  (_id, protocol, trick) => {
    const options = protocol === "hotstuff" ? { leader: "fixed" } : {};
    const undisturbed = worldOf({ protocol, options });
    const good = rate(undisturbed, 4, 10);
    expect(leaders(undisturbed)).toEqual([0, 0, 0, 0]);
    const world = worldOf({ protocol, options, trick });
    expect(rate(world, 0, 4)).toBeLessThan(good / 2);
    expect(rate(world, 20, 24)).toBeGreaterThan(good / 2);
    expect(leaders(world)).toEqual([1, 1, 1]);
    const kept = worldOf({ protocol, options: { ...options, "slow-leader": "keep" }, trick });
    expect(rate(kept, 20, 24)).toBeLessThan(good / 2);
    expect(leaders(kept)).toEqual([0, 0, 0]);
  },
);
