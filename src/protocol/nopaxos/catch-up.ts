// How a replica catches up: one that makes no progress broadcasts STATUS, and others send what it
// lacks.

import type { Address, Signer } from "../../actor.ts";
import { Backoff } from "../kit/backoff.ts";
import type { Batch } from "../kit/batch.ts";
import {
  FETCH_PAUSE,
  LOG_BATCHES_MAX,
  type GetLogMessage,
  type LogMessage,
} from "../kit/log-fetch.ts";
import type { StateMessage } from "../kit/messages.ts";
import type { NoPaxosContext } from "./context.ts";
import type { StatusMessage } from "./message.ts";

/** The first and last interval of STATUS while something waits, in view timeouts. */
const FIRST_INTERVAL = 1 / 8;
const LAST_INTERVAL = 1 / 2;
/** That if nothing does. */
const IDLE_INTERVAL = 1;
/** Bytes of batches in a LOG, but for one that is larger. */
const LOG_BYTES = 512 * 1024;
/** How long a session beyond that of the view may be heard until the view counts as over. */
const HIGHER_TIMEOUTS = 1 / 8;

/** What catching up asks of its replica. */
export interface CatchUpOwner {
  readonly views: {
    readonly view: number;
    readonly lastNormal: number;
    readonly normal: boolean;
    readonly primary: Signer;
    readonly leads: boolean;
    leadsOn(from: Signer, view: number): boolean;
    suspect(): void;
  };
  readonly normal: { readonly executed: number; relayOverdue(): void };
  readonly multicast: { readonly higherSinceMs: number };
  readonly gaps: { readonly lacks: boolean; hear(slot: number): void };
  readonly syncs: { readonly confirmed: number; help(to: Signer, confirmed: number): void };
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
  protected readonly context: NoPaxosContext;
  readonly #owner: CatchUpOwner;
  readonly #backoff: Backoff;
  /** Whether nothing waits, so that ticks are far apart. */
  #idle = true;
  #executedBefore = 0;

  constructor(context: NoPaxosContext, owner: CatchUpOwner) {
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
      this.#considerHigher();
      if (!executedLately || this.#owner.gaps.lacks) this.#sendStatus();
    }
    this.#idle = start.running && views.normal && !this.#waits();
    if (executedLately) this.#backoff.reset();
    const idleMs = IDLE_INTERVAL * config.viewTimeoutMs;
    host.setTimer("tick", this.#idle ? idleMs : this.#backoff.next());
  }

  #waits(): boolean {
    const { states, incoming, timer, gaps, multicast } = this.#owner;
    if (states.fetching || incoming.active || gaps.lacks) return true;
    return timer.oldestMs() < Infinity || multicast.higherSinceMs < Infinity;
  }

  /** A session beyond that of the view is used: another view has begun. */
  #considerHigher(): void {
    const { views, multicast } = this.#owner;
    const { host, config } = this.context;
    const heardMs = host.now - multicast.higherSinceMs;
    if (views.normal && heardMs >= HIGHER_TIMEOUTS * config.viewTimeoutMs) views.suspect();
  }

  #sendStatus(): void {
    const { views, normal, states, syncs } = this.#owner;
    const { log, host } = this.context;
    const { slot, digest } = states.last;
    const { confirmed } = syncs;
    const where = { op: log.op, confirmed, executed: normal.executed, slot, digest };
    host.send("others", { kind: "status", view: views.view, normal: views.normal, ...where });
  }

  onStatus(from: Signer, status: StatusMessage): void {
    const { views, normal, states, syncs, gaps } = this.#owner;
    const { log, host, answers } = this.context;
    const { view, op, confirmed, executed } = status;
    states.compare(status.slot, status.digest);
    // One that is on its way to this view lacks the START-VIEW, which it asks for itself.
    if (views.leadsOn(from, view) || !views.normal || !status.normal) return;
    if (!views.leads) {
      if (from === views.primary) gaps.hear(op);
      return;
    }
    const question = `status ${view} ${op} ${confirmed} ${executed}`;
    if (!answers.allows(from, question, host.now)) return;
    answers.begin(from, question, host.now);
    if (Math.min(op, confirmed) < log.floor) states.offer(from);
    else if (executed < normal.executed) syncs.help(from, confirmed);
  }

  // Logs and states.

  /** Asks again for what did not come. */
  onFetchTimer(): void {
    const { incoming, states } = this.#owner;
    const { host, config } = this.context;
    states.retry();
    incoming.retry();
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
      if (batch === undefined || (bytes > 0 && bytes + batch.size > LOG_BYTES)) break;
      bytes += batch.size;
      batches.push(batch);
    }
    if (batches.length === 0) return;
    if (!answers.hasRoom(from, host.now))
      return host.drop("not admitted: log of who asks too much");
    answers.charge(from, bytes);
    host.send(from, { kind: "log", lastNormal, from: first, committed: normal.executed, batches });
  }

  onLog(from: Signer, message: LogMessage): void {
    this.#owner.start.onFetched();
    this.#owner.incoming.onLog(from, message);
  }

  onState(from: Address, message: StateMessage): void {
    this.#owner.start.onFetched();
    this.#owner.states.onState(from, message);
  }
}
