// How long nobody is served when the first leader dies, in virtual time: what tests of real
// processes allow is this, and something for machines that are slow.

import { expect, setDefaultTimeout, test } from "bun:test";
import { protocols } from "../../src/protocol/index.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { World } from "../../src/simulation/world.ts";
import { quietPlan } from "../support/quiet-plan.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const VIEW_TIMEOUT_MS = 1000;
const CLIENTS = 2;
/** Clusters of each protocol, whose leaders die in one moment of a batch each. */
const RUNS = 24;
/** In view timeouts: what is left of the bound for processes that are slow. */
const SPARE = 1 / 4;

/** The longest time without an answer after the leader's death, in view timeouts. */
function longestGap(protocol: string, seed: number): number {
  const subject = registered.get(protocol);
  if (subject === undefined) throw new Error(`there is no ${protocol}`);
  const hasLeaders = subject.protocol.options?.has("leader") === true;
  const plan = quietPlan(subject, {
    ...{ seed, clients: CLIENTS, viewTimeoutMs: VIEW_TIMEOUT_MS, adaptive: true },
  });
  const options = new Map<string, string>(hasLeaders ? [["leader", "fixed"]] : []);
  const world = new World({ subject, plan, options });
  world.startRoles();
  for (let i = 0; i < plan.n; i++) world.startReplica(world.addReplica(i));
  for (let i = 0; i < CLIENTS; i++) world.startClients(world.addClientProcess(i), 1);
  expect(world.run(30_000_000, () => world.completed > 30)).toBe(true);
  world.run(world.scheduler.nowUs + seed * 137, () => false);
  const [leader] = world.replicas;
  if (leader !== undefined) world.crash(leader.process);
  let { completed } = world;
  const enough = completed + 4 * CLIENTS;
  let sinceUs = world.scheduler.nowUs;
  let gapUs = 0;
  const resumes = world.run(sinceUs + 8_000_000, () => {
    if (world.completed === completed) return false;
    completed = world.completed;
    gapUs = Math.max(gapUs, world.scheduler.nowUs - sinceUs);
    sinceUs = world.scheduler.nowUs;
    return completed >= enough;
  });
  expect(world.failures).toEqual([]);
  expect(resumes).toBe(true);
  return gapUs / 1000 / VIEW_TIMEOUT_MS;
}

const tolerant = [...protocols].filter(([, { quorums }]) => quorums(4, 1) !== null);

test.each(tolerant.map(([name]) => name))("service of %s resumes after its leader", (name) => {
  const bound = protocols.get(name)?.timing?.resumeTimeouts ?? 2;
  const gaps = Array.from({ length: RUNS }, (_, i) => longestGap(name, 1 + i));
  expect(Math.max(...gaps)).toBeLessThan(bound - SPARE);
});
