// One seed from its plan to its report.

import { assert } from "../base/assert.ts";
import { latin1 } from "../wire.ts";
import { checkConvergence, checkHistory, checkRealTime } from "./checkers.ts";
import { livenessUs } from "./liveness.ts";
import type { ProcessFault } from "./drawn-faults.ts";
import { scheduleFaults } from "./process-faults.ts";
import { playBack, RECORDED_MAX, type EarlierRun } from "./earlier-run.ts";
import { guidePackets } from "./promises.ts";
import { letStrangersIn } from "./stranger-hosts.ts";
import type { Packet } from "./simulated-packet.ts";
import { drawPlan, mayInvent, NO_FAULTS, type Changes, type Plan } from "./seed-plan.ts";
import type { Subject, Kind } from "./subject.ts";
import type { Interception } from "./interception.ts";
import type { Observer } from "./observer.ts";
import { World, type Report } from "./world.ts";

/** Which seed to run, and how. */
export interface RunOptions {
  readonly subject: Subject;
  readonly kind: Kind;
  readonly seed: number;
  readonly changes?: Changes | undefined;
  readonly observer?: Observer | undefined;
  /** As in WorldOptions. */
  readonly cold?: boolean | undefined;
  readonly interception?: Interception | undefined;
}

type SeedOptions = Omit<RunOptions, "kind"> & { readonly kind?: Kind | undefined };

/**
 * View timeouts in which others take up the work of one that recovers but once: ten (X14), by the
 * slowest clock. One whose answers came when that work was done waits for the next.
 */
const RECOVERY_PAUSES_MAX = 20;

/** Part of a run: until `until` says so, or `endUs`. */
export interface Phase {
  readonly endUs: number;
  until(): boolean;
}

type PlanOptions = Pick<RunOptions, "subject" | "observer" | "cold" | "interception">;

/** Runs one seed. Same options, same report, trace hash included. */
export function runSeed(options: SeedOptions): Report {
  return settle(beginSeed(options));
}

/** The world of one seed, in which nothing has happened yet. */
export function beginSeed(options: SeedOptions): World {
  const { subject, seed, kind = "short", changes } = options;
  return beginPlan(options, drawPlan(subject, kind, seed, changes));
}

/** Runs a plan: chaos until GST, then ten more operations of each client, then convergence. */
export function runPlan(subject: Subject, plan: Plan, observer?: Observer): Report {
  return settle(beginPlan({ subject, observer }, plan));
}

/** The world of a plan, in which nothing has happened yet. */
export function beginPlan(options: PlanOptions, plan: Plan): World {
  const { subject } = options;
  const earlier = plan.earlier === 0 ? undefined : recordEarlierRun(subject, plan);
  const world = new World({ ...options, plan, earlier });
  populate(world);
  // What failed in it is a violation of this seed.
  world.failures.push(...(earlier?.failures ?? []));
  if (earlier !== undefined) {
    playBack(world, world.addStranger("old"), earlier.packets, "earlier run");
  }
  letStrangersIn(world);
  guidePackets(world);
  scheduleFaults(world);
  // With strangers alone, every operation counts from the start.
  world.scheduler.after(null, plan.alone ? 0 : plan.gstUs, () => world.globalStabilisation());
  return world;
}

function restartOf({ n, seed, viewTimeoutMs }: Plan): ProcessFault {
  const atUs = 2000 * viewTimeoutMs;
  return { name: "restart", kind: "crash", process: seed % n, atUs, forUs: 1000 };
}

/** Has the same cluster run before, without faults, and records what arrived in it. */
function recordEarlierRun(subject: Subject, present: Plan): EarlierRun {
  const plan: Plan = {
    ...present,
    ...{ operations: 0, tail: Math.ceil(present.earlier / present.clients), gstUs: 0, earlier: 0 },
    ...{ restarts: [], allRestart: null, byzantine: [], tricks: [], strangers: [], alone: false },
    ...{ afterPromises: false, losesKinds: 0 },
    // One that recovers is told by the others in which run they are.
    faults: present.earlier % 2 === 0 ? [] : [restartOf(present)],
    network: { ...present.network, ...NO_FAULTS },
  };
  const packets: Packet[] = [];
  const arrived = (...[, , , packet]: Parameters<Observer["arrived"]>): void => {
    if (packets.length < RECORDED_MAX) packets.push({ ...packet, intact: false });
  };
  const observer = { arrived, happened: () => {} };
  const world = new World({ subject, plan, observer, isEarlier: true });
  populate(world);
  world.globalStabilisation();
  settle(world);
  const { notes, failures } = world;
  assert(notes !== null, "an earlier run keeps notes");
  for (const { process } of world.replicas) {
    const run = process.hosted[0]?.node.run ?? null;
    if (run !== null) notes.ended.add(latin1(run));
  }
  return { packets, notes, failures };
}

/** Runs until every client has had its answers, then judges the whole. */
export function settle(world: World): Report {
  const parts = phases(world);
  let part = parts.next();
  while (part.done !== true) part = parts.next(world.run(part.value.endUs, part.value.until));
  return world.report();
}

/**
 * What a run goes through: until every client has had its answers, then until replicas agree. Each
 * part is answered by whether its `until` ended it. Judges the whole at the end.
 */
export function* phases(world: World): Generator<Phase, void, boolean> {
  const finished = () => world.clients.every((client) => client.finished);
  const done = yield { endUs: Infinity, until: finished };
  if (world.failures.length > 0) return;
  if (done) yield* finish(world);
  else world.fail("liveness: nothing is left to happen, and clients still wait");
}

function populate(world: World): void {
  const { plan, scheduler } = world;
  const random = world.random.stream("start");
  const viewUs = plan.viewTimeoutMs * 1000;
  const spreadUs = plan.gstUs > 0 && random.chance(0.5) ? viewUs : 1;
  for (let i = 0; i < plan.n; i++) {
    const handle = world.addReplica(i);
    scheduler.after(null, random.int(spreadUs), () => world.startReplica(handle));
  }
  world.startRoles();
  const hosts = plan.oneHost ? 1 : plan.clients;
  for (let i = 0; i < hosts; i++) {
    const process = world.addClientProcess(i);
    world.startClients(process, plan.oneHost ? plan.clients : 1);
  }
}

/** Waits for correct replicas to agree on everything, then judges the whole run. */
function* finish(world: World): Generator<Phase, void, boolean> {
  const running = world.correct().every(({ replica }) => replica?.census().phase === "running");
  const pauses = running ? 0 : RECOVERY_PAUSES_MAX;
  const pauseUs = pauses * world.plan.viewTimeoutMs * 1000;
  const endUs =
    world.scheduler.nowUs + livenessUs(world.plan, world.correct(), world.roles) + pauseUs;
  yield { endUs, until: () => checkConvergence(world) === null };
  if (world.failures.length > 0) return;
  const apart = checkConvergence(world);
  if (apart !== null) world.fail(apart);
  judgeWhole(world);
}

/** Judges all that happened, and what correct replicas hold now. */
export function judgeWhole(world: World): void {
  const keys = world.keys.cold();
  const judged = new WeakSet();
  for (const handle of world.correct()) {
    world.look(handle);
    world.lookAtCertificates(handle, judged, keys);
    handle.app?.snapshot();
  }
  checkRealTime(world);
  if (!mayInvent(world.plan) && world.subject.app === null) checkHistory(world);
}
