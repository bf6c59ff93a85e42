// Twins (Bano et al., OPODIS '21): two correct instances of one identity behave like a Byzantine
// replica that equivocates, once the network keeps them apart. Messages are dropped by the view
// they belong to.

import { assert } from "../base/assert.ts";
import { mix32 } from "../base/seeded-random.ts";
import { scheduleGst } from "./gst.ts";
import { type Packet, PAYLOAD_MAX } from "./simulated-packet.ts";
import type { Process } from "./process.ts";
import { guidePackets } from "./promises.ts";
import type { RunOptions } from "./run-seed.ts";
import { drawPlan, NO_FAULTS, type Plan } from "./seed-plan.ts";
import { identityOf, OPERATIONS, splitsScenario, twinsScenarios } from "./twins-scenarios.ts";
import type { Scenario } from "./twins-scenarios.ts";
import { World } from "./world.ts";

/** A scenario, after which the network heals and liveness is judged. */
export function beginTwins(options: RunOptions): World {
  const { subject, seed } = options;
  const scenario = twinsScenarios(subject.protocol).scenario(seed);
  const plan = twinsPlan(drawPlan(subject, "twins", seed), scenario);
  return beginScenario(options, scenario, { ...plan, ...NO_PROMISES }, (world) => {
    for (let instance = 0; instance <= plan.n; instance++) {
      const identity = identityOf(instance);
      const handle = world.addReplica(identity);
      handle.process.byzantine = identity === 0;
      world.startReplica(handle);
    }
  });
}

/** The same without a twin: replicas that crash at most are kept apart by the view. */
export function beginSplits(options: RunOptions): World {
  const { subject, seed, changes } = options;
  const scenario = splitsScenario(subject.protocol, seed);
  const plan = twinsPlan(drawPlan(subject, "splits", seed, changes), scenario);
  return beginScenario(options, scenario, plan, (world) => {
    for (let i = 0; i < plan.n; i++) world.startReplica(world.addReplica(i));
  });
}

const NO_PROMISES = { afterPromises: false } as const;

function beginScenario(
  { subject, seed, observer, cold, interception }: RunOptions,
  scenario: Scenario,
  plan: Plan,
  start: (world: World) => void,
): World {
  const { tenure } = scenario;
  const leaders = scenario.views.map(({ leader }) => leader);
  const filter = new ViewFilter(scenario, seed);
  const world = new World({
    subject,
    plan,
    observer,
    ...{ cold, interception },
    leader: (view) => {
      const tenureOfView = Math.floor(view / tenure);
      return leaders[tenureOfView * tenure] ?? tenureOfView % plan.n;
    },
    filter: (from, to, packet) => filter.passes(from, to, packet),
  });
  filter.world = world;
  guidePackets(world);
  start(world);
  world.startRoles();
  for (let i = 0; i < plan.clients; i++) world.startClients(world.addClientProcess(i), 1);
  // Without operations left, or where replicas wait for whom they cannot hear, nothing more comes
  // of the scenario.
  const idle = () => world.operationsLeft === 0 && world.clients.every((d) => d.current === null);
  const stall = new Stall(world);
  const done = () => idle() || stall.lasts();
  filter.onFinished = scheduleGst(world, done, scenario.askedMax);
  return world;
}

/** No faults but those of the scenario. */
function twinsPlan(drawn: Plan, { views, clients, tenure, reputation }: Scenario): Plan {
  return {
    ...drawn,
    losesKinds: 0,
    viewTimeoutMs: 20,
    tenure,
    drawnViews: tenure === 1 ? views.length : 0,
    reputation,
    clients,
    operations: OPERATIONS,
    tail: 1,
    keys: 2,
    thinkUs: 2500,
    valueMax: 16,
    oneHost: false,
    multicast: false,
    payloadMax: PAYLOAD_MAX,
    sessionsMax: 1024,
    gstUs: 20_000 * 150,
    network: {
      ...drawn.network,
      delayMaxUs: 200,
      ...NO_FAULTS,
    },
    speeds: [],
    signUs: 50,
    faults: [],
    restarts: [],
    allRestart: null,
    earlier: 0,
    byzantine: [],
    tricks: [],
    censusEvery: 16,
  };
}

/** View timeouts beyond two of the longest timer after which what stands still does so for good. */
const STALL_TIMEOUTS = 12;

/** Whether replicas stand still: no view and no commit moves though every timer had its chance. */
class Stall {
  readonly #world: World;
  #sum = -1;
  #sinceUs = 0;
  #nextUs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Looks every few view timeouts: it counts from when it last saw something move. */
  lasts(): boolean {
    const { replicas, scheduler, plan } = this.#world;
    if (scheduler.nowUs < this.#nextUs) return false;
    this.#nextUs = scheduler.nowUs + (STALL_TIMEOUTS / 4) * plan.viewTimeoutMs * 1000;
    let sum = 0;
    let timerMs = 0;
    for (const { replica } of replicas) {
      if (replica === null) continue;
      const { view, committed, viewTimerMs } = replica.census();
      sum += view + committed;
      timerMs = Math.max(timerMs, viewTimerMs);
    }
    if (sum !== this.#sum) {
      this.#sum = sum;
      this.#sinceUs = scheduler.nowUs;
    }
    const longestMs = 2 * timerMs + STALL_TIMEOUTS * plan.viewTimeoutMs;
    return scheduler.nowUs - this.#sinceUs > longestMs * 1000;
  }
}

/** After so many view timeouts in a view, what moves replicas on passes between the sides. */
const STUCK_TIMEOUTS = 4;

/** Tells who knows a view's certificate from what else is drawn of a view. */
const HOLDER = 0x686f6c64;

class ViewFilter {
  world: World | null = null;
  /** Called when a message of a view after the scenario's last one is sent. */
  onFinished: (() => void) | null = null;
  readonly #scenario: Scenario;
  readonly #seed: number;
  /** When the first message of each view, and of each of its times, was sent. */
  readonly #begun = new Map<number | string, number>();

  constructor(scenario: Scenario, seed: number) {
    this.#scenario = scenario;
    this.#seed = seed;
  }

  passes(from: Process, to: Process, packet: Packet): boolean {
    const { world } = this;
    assert(world !== null, "the filter has a world");
    const { n } = world.plan;
    if (world.scheduler.nowUs >= world.gstUs) return true;
    if (!world.started || to.host >= n) return true;
    // A certificate that a client made may reach one replica alone.
    if (from.host >= n) return !this.#hides(world, to, packet);
    const view = this.#viewOf(world, from, packet);
    if (view === null) return true;
    const { views, losesKinds, viewLength } = this.#scenario;
    const split = views[view];
    if (split === undefined) {
      this.onFinished?.();
      return true;
    }
    const time = this.#timeOf(world, packet) ?? view;
    if (split.sides[from.index] !== split.sides[to.index]) {
      const stuckUs = world.scheduler.nowUs - (this.#begun.get(time) ?? Infinity);
      const stuck = stuckUs > STUCK_TIMEOUTS * world.plan.viewTimeoutMs * 1000;
      return stuck && this.#moves(world, packet);
    }
    const begun = this.#begun.get(time) ?? world.scheduler.nowUs;
    this.#begun.set(time, begun);
    const longUs = STUCK_TIMEOUTS * world.plan.viewTimeoutMs * 1000;
    if (world.scheduler.nowUs - begun <= longUs && this.#hides(world, to, packet)) return false;
    if (this.#moves(world, packet)) return true;
    if (world.scheduler.nowUs - begun > viewLength * world.plan.viewTimeoutMs * 1000) return false;
    if (!losesKinds) return true;
    // Some replicas get some kinds of messages, so that one may know what the others do not.
    const lost = mix32(mix32(mix32(this.#seed, view), packet.content.bytes[0] ?? 0), to.index);
    return (lost & 3) !== 0;
  }

  /** Whether the packet shows a certificate that another instance alone is to know. */
  #hides(world: World, to: Process, packet: Packet): boolean {
    const { protocol } = world.subject;
    if (!this.#scenario.hides || packet.part) return false;
    const message = packet.content.read(protocol);
    const view = message === null ? 0 : (protocol.simulation?.certifies?.(message) ?? 0);
    if (view === 0) return false;
    const drawn = mix32(mix32(this.#seed, view), HOLDER);
    const holder = (drawn >>> 1) % (world.plan.n + 1);
    return (drawn & 1) === 0 && holder !== to.index;
  }

  /**
   * Whether the packet is split by its view, but never late: it moves replicas to the next view.
   */
  #moves(world: World, packet: Packet): boolean {
    const { protocol } = world.subject;
    if (packet.part || protocol.simulation?.moves === undefined) return false;
    const message = packet.content.read(protocol);
    return message !== null && protocol.simulation.moves(message);
  }

  /** Which of its view's times the packet belongs to, if there are several. */
  #timeOf(world: World, packet: Packet): string | null {
    const { protocol } = world.subject;
    if (packet.part || protocol.simulation?.timeOf === undefined) return null;
    const message = packet.content.read(protocol);
    return message === null ? null : protocol.simulation.timeOf(message);
  }

  /** The view whose split applies to the packet; null if none does. */
  #viewOf(world: World, from: Process, packet: Packet): number | null {
    const current = (): number =>
      world.replicas.find(({ process }) => process === from)?.replica?.census().view ?? 0;
    if (packet.part) return current();
    const { protocol } = world.subject;
    const message = packet.content.read(protocol);
    if (message === null) return current();
    const view = protocol.simulation?.viewOf?.(message);
    if (view === "any") return null;
    if (typeof view === "number") return view;
    if (view === undefined && "view" in message && typeof message.view === "number") {
      return message.view;
    }
    return current();
  }
}
