// Leaders that keep to the protocol and yet serve nobody: what a cluster with one gives, in virtual
// time, beside the same cluster without it.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { PacketFilter } from "../../src/simulation/network.ts";
import type { Trick } from "../../src/simulation/seed-plan.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { World } from "../../src/simulation/world.ts";
import { quietPlan } from "../support/quiet-plan.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const CLIENTS = 16;

interface Given {
  readonly protocol: string;
  readonly options?: Readonly<Record<string, string>>;
  /** Replica 0 plays it, which leads first. */
  readonly trick?: Trick;
  readonly viewTimeoutMs?: number;
  readonly clients?: number;
  readonly thinkUs?: number;
  readonly filter?: PacketFilter;
}

/** A world without faults but one leader; clients ask as soon as they are answered. */
function worldOf(given: Given): World {
  const { protocol, options = {}, trick, viewTimeoutMs = 100, clients = CLIENTS } = given;
  const { thinkUs = 0, filter } = given;
  const subject = registered.get(protocol);
  if (subject === undefined) throw new Error(`there is no ${protocol}`);
  const byzantine = trick === undefined ? {} : { byzantine: [0], tricks: [trick] };
  const plan = quietPlan(subject, { viewTimeoutMs, clients, thinkUs, ...byzantine });
  const world = new World({ subject, plan, options: new Map(Object.entries(options)), filter });
  for (let i = 0; i < plan.n; i++) world.startReplica(world.addReplica(i));
  for (let i = 0; i < plan.clients; i++) world.startClients(world.addClientProcess(i), 1);
  return world;
}

/** Operations answered in a view timeout, on average, from `from` view timeouts on till `to`. */
function rate(world: World, from: number, to: number): number {
  const until = (timeouts: number): number => {
    world.run(timeouts * world.plan.viewTimeoutMs * 1000, () => false);
    expect(world.failures).toEqual([]);
    return world.completed;
  };
  const before = until(from);
  return (until(to) - before) / (to - from);
}

function crash(world: World, identity: number): void {
  const handle = world.replicas[identity];
  if (handle !== undefined) world.crash(handle.process);
}

function leaders(world: World): number[] {
  const { config } = world;
  return world.correct().map(({ replica }) => config.leader(replica?.census().view ?? -1));
}

test.each([
  ["P9", "pbft", "slow proposals", { viewTimeoutMs: 50 }],
  // The fifth of a view timeout that is left has to do for the network, too.
  ["H6", "hotstuff", "slow proposals", { viewTimeoutMs: 200 }],
  // Signatures take little time, so that only many clients wait long for one after another.
  ["H6", "hotstuff", "small batches", { viewTimeoutMs: 20, clients: 48 }],
] as const)("%s a leader of %s with %s is left", (_id, protocol, trick, changes) => {
  const options = protocol === "hotstuff" ? { leader: "fixed" } : {};
  const given = { protocol, options, ...changes };
  const undisturbed = worldOf(given);
  const good = rate(undisturbed, 8, 12);
  expect(leaders(undisturbed)).toEqual([0, 0, 0, 0]);
  const world = worldOf({ ...given, trick });
  expect(rate(world, 0, 4)).toBeLessThan(good / 2);
  expect(rate(world, 20, 24)).toBeGreaterThan(good / 2);
  expect(leaders(world)).toEqual([1, 1, 1]);
  const kept = worldOf({ ...given, options: { ...options, "slow-leader": "keep" }, trick });
  expect(rate(kept, 20, 24)).toBeLessThan(good / 2);
  expect(leaders(kept)).toEqual([0, 0, 0]);
});

const ROTATE = { protocol: "hotstuff", options: { leader: "rotate" } } as const;
const SKIPPED = "chained: leader is skipped";

/** The rates with the rule by which leaders are skipped, and without it. */
function withAndWithout(measure: (options: Readonly<Record<string, string>>) => number) {
  const { options } = ROTATE;
  return [measure(options), measure({ ...options, "slow-leader": "keep" })] as const;
}

test("H12 where leaders rotate nobody is skipped, and a mute one costs less than half", () => {
  const undisturbed = worldOf(ROTATE);
  const good = rate(undisturbed, 4, 8);
  expect(undisturbed.marks.get(SKIPPED)).toBeUndefined();
  const [skipped, kept] = withAndWithout((options) => {
    const world = worldOf({ ...ROTATE, options });
    rate(world, 4, 5);
    crash(world, 0);
    return rate(world, 10, 14);
  });
  expect(skipped).toBeGreaterThan(good / 2);
  expect(kept).toBeLessThan(good / 20);
});

test("H12 where leaders rotate one that proposes at 0.8 of the view timeout costs less than half", () => {
  const good = rate(worldOf(ROTATE), 4, 8);
  const [skipped, kept] = withAndWithout((options) => {
    return rate(worldOf({ ...ROTATE, options, trick: "slow proposals" }), 16, 20);
  });
  expect(skipped).toBeGreaterThan(good / 2);
  expect(kept).toBeLessThan(good / 20);
});

test("H12 a leader that was skipped and is back is waited for again", () => {
  const world = worldOf(ROTATE);
  rate(world, 4, 5);
  crash(world, 0);
  rate(world, 5, 10);
  const [handle] = world.replicas;
  if (handle !== undefined) world.startReplica(handle);
  rate(world, 20, 21);
  const skips = world.marks.get(SKIPPED) ?? 0;
  expect(skips).toBeGreaterThan(0);
  rate(world, 21, 23);
  expect(world.marks.get(SKIPPED)).toBe(skips);
});

test.each([
  ["always", 4, 0, 26],
  ["at times", 1, 200_000, 60],
] as const)(
  "H9 where clients ask %s a replica to which the leader sends nothing is four view timeouts behind",
  (_often, clients, thinkUs, timeouts) => {
    let begun = false;
    const filter: PacketFilter = (from, to) => !begun || from.host !== 0 || to.host !== 3;
    const options = { leader: "fixed" };
    const world = worldOf({ protocol: "hotstuff", options, clients, thinkUs, filter });
    const committed = (i: number) => world.replicas[i]?.replica?.census().committed ?? 0;
    rate(world, 0, 2);
    begun = true;
    let before = 0;
    for (let at = 2; at < timeouts; at += 4) {
      rate(world, at, at + 4);
      expect(committed(3)).toBeGreaterThanOrEqual(before);
      before = committed(1);
    }
    expect(before).toBeGreaterThan(50);
    expect(leaders(world)).toEqual([0, 0, 0, 0]);
  },
);

test("H6 a client that asks all but the leader has it left by nobody, even where it is alone", () => {
  const filter: PacketFilter = (from, to) => from.host < 4 || to.host !== 0;
  const options = { leader: "fixed" };
  const world = worldOf({ protocol: "hotstuff", options, clients: 1, filter });
  // Its leader does not hear it: each operation waits for a relay, or for its budget of retries.
  expect(rate(world, 4, 40)).toBeGreaterThan(0.5);
  expect(leaders(world)).toEqual([0, 0, 0, 0]);
});
