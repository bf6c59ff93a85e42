// Clients of a world: each asks one operation after another, before GST as slowly as the plan says.

import type { Bytes, Client, Sealed } from "../actor.ts";
import { decodeKvResult } from "../app/operation.ts";
import type { Random } from "../base/seeded-random.ts";
import { stamp, type Issued } from "./judge.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Plan } from "./seed-plan.ts";
import type { Subject } from "./subject.ts";
import { drawOperation } from "./workload.ts";

/** What clients need of the world that they are in. */
export interface ClientWorld {
  readonly plan: Plan;
  readonly subject: Pick<Subject, "app">;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly gstUs: number;
  /** Operations that all clients share. */
  operationsLeft: number;
  /** Operations that were answered. */
  completed: number;
  /** Notes that the client's operation of that number is sent. */
  issue(issued: Issued, number: number): void;
  accept(client: SimulatedClient, issued: Issued, answer: Bytes): void;
  sessionLost(client: SimulatedClient): void;
  fail(what: string): void;
}

export class SimulatedClient {
  /** The client's number in stamps and histories; a client that died has another afterwards. */
  readonly id: number;
  readonly process: Process;
  readonly #world: ClientWorld;
  readonly actor: Client<Sealed, string>;
  readonly #random: Random;
  #number = 0;
  #tail: number;
  #seen: Bytes | null = null;
  finished = false;
  current: Issued | null = null;

  constructor(world: ClientWorld, process: Process, actor: Client<Sealed, string>, id: number) {
    this.#world = world;
    this.process = process;
    this.actor = actor;
    this.id = id;
    this.#random = world.random.stream(`client ${id}`);
    this.#tail = world.plan.tail;
    this.#next();
  }

  /** Thinks, then asks; after GST at once. */
  #next(): void {
    const { plan, scheduler, gstUs } = this.#world;
    const early = scheduler.nowUs < gstUs;
    const thinkUs = early ? this.#random.int(2 * plan.thinkUs + 1) : this.#random.int(1000);
    scheduler.after(this.process, thinkUs, () => this.#ask());
  }

  #ask(): void {
    const world = this.#world;
    const { plan, scheduler } = world;
    if (!this.#take()) {
      if (scheduler.nowUs < world.gstUs) {
        const waitUs = Math.min(world.gstUs - scheduler.nowUs, plan.viewTimeoutMs * 1000);
        scheduler.after(this.process, waitUs, () => this.#ask());
      } else {
        this.finished = true;
      }
      return;
    }
    const number = ++this.#number;
    const op = stamp(this.id, number, this.#draw(number));
    const issued: Issued = {
      client: this.id,
      op,
      sentUs: scheduler.nowUs,
      doneUs: Infinity,
      result: null,
      position: -1,
      waiting: true,
    };
    this.current = issued;
    world.issue(issued, number);
    this.actor.invoke(op, (answer) => this.#done(issued, answer));
  }

  #draw(number: number): Bytes {
    const { plan, subject } = this.#world;
    if (subject.app !== null) return subject.app.operation(this.#random);
    const { keys, valueMax } = plan;
    const options = { client: this.id, number, keys, valueMax, seen: this.#seen };
    return drawOperation(this.#random, options);
  }

  /** Whether there is an operation left to ask: of those that all share first, then of its own. */
  #take(): boolean {
    const world = this.#world;
    if (world.operationsLeft > 0) {
      world.operationsLeft--;
      return true;
    }
    if (world.scheduler.nowUs < world.gstUs || this.#tail === 0) return false;
    this.#tail--;
    return true;
  }

  #done(issued: Issued, answer: Bytes | null): void {
    const world = this.#world;
    if (!issued.waiting) {
      world.fail(`exactly once: client c${this.id} was answered twice`);
      return;
    }
    issued.waiting = false;
    this.current = null;
    if (answer === null) {
      world.sessionLost(this);
    } else {
      issued.doneUs = world.scheduler.nowUs;
      world.accept(this, issued, answer);
      const answered = world.subject.app === null ? issued.result : null;
      const seen = answered === null ? null : decodeKvResult(answered);
      this.#seen = seen?.kind === "state" ? seen.value : null;
      world.completed++;
    }
    if (!this.finished) this.#next();
  }
}
