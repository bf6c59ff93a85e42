// A play under way: its world, moved on as far as one asks, and what was done to it by hand. How it
// is cut into parts changes nothing, so that a page shows the run that a command replays.

import { toleratedFaults } from "../protocol/index.ts";
import { UsageError } from "../base/errors.ts";
import { calmPlan } from "./calm-plan.ts";
import { Hand, perform } from "./hand.ts";
import { Interception } from "./interception.ts";
import type { Observer } from "./observer.ts";
import type { Play, PlayAction } from "./play.ts";
import { judgeWhole, phases, type Phase } from "./run-seed.ts";
import { beginAny } from "./runner.ts";
import type { Subject } from "./subject.ts";
import { World, type Report } from "./world.ts";

/** What became of an action: whether it changed anything. */
export interface Done {
  readonly action: PlayAction;
  readonly did: boolean;
}

export class PlayRun {
  readonly world: World;
  readonly interception: Interception;
  readonly done: Done[] = [];
  #actions: readonly PlayAction[];
  readonly #hand: Hand;
  readonly #phases: Generator<Phase, void, boolean>;
  #phase: IteratorResult<Phase, void>;

  constructor(
    subject: Subject,
    play: Play,
    observer?: Observer,
    interception = new Interception(),
  ) {
    this.interception = interception;
    this.#actions = play.actions;
    const { kind, seed } = play;
    if (kind === "calm") {
      this.world = beginCalm(subject, play, interception, observer);
      this.#phases = untilEnd(this.world, play.endMs * 1000);
    } else {
      this.world = beginAny({ subject, kind, seed, observer, interception });
      this.#phases = phases(this.world);
    }
    this.#hand = new Hand(this.world, interception);
    this.#phase = this.#phases.next();
  }

  /** Whether nothing more happens: the run ended and was judged, or something was violated. */
  get over(): boolean {
    return this.#phase.done === true || this.world.failures.length > 0;
  }

  /** Runs all that is due by then, while `goesOn` says so, which is asked before each event. */
  advance(toUs: number, goesOn: () => boolean = () => true): void {
    const { world } = this;
    while (this.#phase.done !== true && world.failures.length === 0) {
      const phase = this.#phase.value;
      const action = this.#actions[this.done.length];
      const dueUs = Math.max(action?.atUs ?? Infinity, world.scheduler.nowUs);
      const limitUs = Math.min(toUs, dueUs, phase.endUs);
      let [ended, stopped] = [false, false];
      world.run(limitUs, () => {
        ended = phase.until();
        stopped = !ended && !goesOn();
        return ended || stopped;
      });
      if (stopped || world.failures.length > 0) return;
      if (ended || limitUs === phase.endUs) this.#phase = this.#phases.next(ended);
      else if (action !== undefined && limitUs === dueUs) this.#act(action, dueUs);
      else return;
    }
  }

  /** What is to be done; those that were done already come first, as they were. */
  plan(actions: readonly PlayAction[]): void {
    this.#actions = actions;
  }

  report(): Report {
    return this.world.report();
  }

  #act(action: PlayAction, nowUs: number): void {
    this.world.scheduler.moveTo(nowUs);
    this.done.push({ action, did: this.#perform(action) });
  }

  #perform(action: PlayAction): boolean {
    try {
      return perform(this.#hand, action);
    } catch (error) {
      // A process that this run has not, such as a twin that was never made.
      if (error instanceof UsageError) return false;
      throw error;
    }
  }
}

function beginCalm(
  subject: Subject,
  play: Play,
  interception: Interception,
  observer: Observer | undefined,
): World {
  const { seed, n, clients, operations, latencyMs, timeoutMs, auth } = play;
  const [delayMinUs, delayMaxUs] = latencyMs.map((ms) => Math.round(ms * 1000)) as [number, number];
  const plan = calmPlan(subject, {
    ...{ seed, n, f: toleratedFaults(subject.protocol, n), clients, operations },
    thinkUs: Math.round(play.thinkMs * 1000),
    ...{ delayMinUs, delayMaxUs, loss: play.lossPercent / 100 },
    ...{ viewTimeoutMs: timeoutMs, requestAuth: auth },
  });
  const world = new World({ subject, plan, observer, interception });
  startAll(world);
  return world;
}

/** Starts every process of a calm cluster. */
export function startAll(world: World): void {
  const { n, clients } = world.plan;
  for (let i = 0; i < n; i++) world.startReplica(world.addReplica(i));
  world.startRoles();
  for (let i = 0; i < clients; i++) world.startClients(world.addClientProcess(i), 1);
}

/** A calm cluster goes on until its time is over, and is judged then. */
function* untilEnd(world: World, endUs: number): Generator<Phase, void, boolean> {
  yield { endUs, until: () => false };
  if (world.failures.length === 0) judgeWhole(world);
}
