// How a replica catches up: one that makes no progress broadcasts STATUS, and others send what it
// lacks.

import type { Address, Signer } from "../../actor.ts";
import { Backoff } from "../kit/backoff.ts";
import type { StateMessage } from "../kit/messages.ts";
import { lengthOf, type Batch } from "../kit/batch.ts";
import {
  FETCH_PAUSE,
  LOG_BATCHES_MAX,
  type GetLogMessage,
  type LogMessage,
} from "../kit/log-fetch.ts";
import type { VrContext } from "./context.ts";
import type { StatusMessage } from "./message.ts";
import type { Status } from "./view-change.ts";

/** The first and last interval of STATUS while something waits, in view timeouts. */
const FIRST_INTERVAL = 1 / 8;
const LAST_INTERVAL = 1 / 2;
/** That if nothing does. */
const IDLE_INTERVAL = 1;
/** Slots sent in answer to one STATUS. */
const SLOTS_MAX = 16;
/** Bytes of batches in a LOG, but for one that is larger. */
const LOG_BYTES = 512 * 1024;

/** What catching up asks of its replica. */
export interface CatchUpOwner {
  readonly views: {
    readonly view: number;
    readonly lastNormal: number;
    readonly status: Status;
    readonly normal: boolean;
    readonly primary: Signer;
    readonly leads: boolean;
    leadsOn(from: Signer, view: number): boolean;
  };
  readonly normal: {
    readonly executed: number;
    relayOverdue(): void;
    help(to: Signer, op: number, max: number): void;
    askMissing(): void;
    hear(op: number, executed: number): void;
    onLog(message: LogMessage): void;
  };
  readonly start: { readonly running: boolean; onFetched(): void };
  readonly timer: { oldestMs(): number };
  readonly incoming: {
    readonly active: boolean;
    retry(): void;
    onLog(from: Signer, message: LogMessage): void;
  };
  readonly states: {
    readonly fetching: boolean;
    readonly last: { readonly slot: number; readonly digest: Uint8Array };
    retry(): void;
    offer(to: Address): void;
    compare(slot: number, digest: Uint8Array): void;
    onState(from: Address, message: StateMessage): void;
  };
}

export class CatchUp {
  protected readonly context: VrContext;
  readonly #owner: CatchUpOwner;
  readonly #backoff: Backoff;
  /** Whether nothing waits, so that ticks are far apart. */
  #idle = true;
  #executedBefore = 0;

  constructor(context: VrContext, owner: CatchUpOwner) {
    const { viewTimeoutMs } = context.config;
    this.context = context;
    this.#owner = owner;
    this.#backoff = new Backoff(FIRST_INTERVAL * viewTimeoutMs, LAST_INTERVAL * viewTimeoutMs);
  }

  /** Has ticks follow each other soon, because there is something to do from now on. */
  wake(): void {
    if (!this.#idle) return;
    this.#idle = false;
    this.#backoff.reset();
    this.context.host.setTimer("tick", this.#backoff.next());
  }

  onTick(): void {
    const { host, config } = this.context;
    const { normal, start, views } = this.#owner;
    const executedLately = normal.executed > this.#executedBefore;
    this.#executedBefore = normal.executed;
    if (start.running) {
      normal.relayOverdue();
      if (!executedLately) this.#sendStatus();
    }
    this.#idle = start.running && views.normal && !this.#waits();
    if (executedLately) this.#backoff.reset();
    const idleMs = IDLE_INTERVAL * config.viewTimeoutMs;
    host.setTimer("tick", this.#idle ? idleMs : this.#backoff.next());
  }

  #waits(): boolean {
    const { states, incoming, timer } = this.#owner;
    return states.fetching || incoming.active || timer.oldestMs() < Infinity;
  }

  #sendStatus(): void {
    const { views, normal, states } = this.#owner;
    const { log, host } = this.context;
    const { slot, digest } = states.last;
    const { view } = views;
    const where = { op: log.op, executed: normal.executed, slot, digest };
    host.send("others", { kind: "status", view, normal: views.normal, ...where });
  }

  onStatus(from: Signer, status: StatusMessage): void {
    const { views, normal, states } = this.#owner;
    const { log, host, answers } = this.context;
    states.compare(status.slot, status.digest);
    if (views.leadsOn(from, status.view) || !views.normal) return;
    const { view, op, executed } = status;
    if (!status.normal) {
      // What it lacks is the START-VIEW, which it asks for itself.
      return;
    }
    if (views.leads) {
      const question = `status ${view} ${op} ${executed}`;
      if (!answers.allows(from, question, host.now)) return;
      answers.begin(from, question, host.now);
      if (op < log.floor) states.offer(from);
      else if (op < log.op || executed < normal.executed) normal.help(from, op, SLOTS_MAX);
    } else if (from === views.primary) normal.hear(op, executed);
  }

  // Logs and states.

  /** Asks again for what did not come. */
  onFetchTimer(): void {
    const { incoming, states, normal } = this.#owner;
    const { host, config } = this.context;
    states.retry();
    incoming.retry();
    normal.askMissing();
    if (incoming.active || states.fetching) {
      host.setTimer("fetch", FETCH_PAUSE * config.viewTimeoutMs);
    }
  }

  onGetLog(from: Signer, { lastNormal, from: first }: GetLogMessage): void {
    const { views, normal, states } = this.#owner;
    const { log, host, answers } = this.context;
    if (lastNormal !== views.lastNormal) return host.drop("not admitted: log of another view");
    if (first <= log.floor) return states.offer(from);
    const batches: Batch[] = [];
    let bytes = 0;
    for (let slot = first; slot <= log.op && batches.length < LOG_BATCHES_MAX; slot++) {
      const batch = log.at(slot);
      if (batch === undefined || (bytes > 0 && bytes + lengthOf(batch) > LOG_BYTES)) break;
      bytes += lengthOf(batch);
      batches.push(batch);
    }
    if (!answers.hasRoom(from, host.now))
      return host.drop("not admitted: log of who asks too much");
    answers.charge(from, bytes);
    host.send(from, { kind: "log", lastNormal, from: first, committed: normal.executed, batches });
  }

  onLog(from: Signer, message: LogMessage): void {
    const { incoming, normal, start } = this.#owner;
    start.onFetched();
    if (incoming.active) incoming.onLog(from, message);
    else normal.onLog(message);
  }

  onState(from: Address, message: StateMessage): void {
    this.#owner.start.onFetched();
    this.#owner.states.onState(from, message);
  }
}
