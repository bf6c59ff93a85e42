// The normal case: Liskov and Cowling, "Viewstamped Replication Revisited", 2012, section 4.1.

import type { Address, Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { EMPTY_BATCH, footprintOf, lengthOf, type Batch } from "../kit/batch.ts";
import { FETCH_PAUSE, type LogMessage } from "../kit/log-fetch.ts";
import type { Source } from "../kit/pending.ts";
import type { Request } from "../kit/request.ts";
import { relayOverdue, relayPending } from "../kit/relays.ts";
import type { VrContext } from "./context.ts";
import type { CommitMessage, PrepareMessage, PrepareOkMessage } from "./message.ts";

/** Batches under way; with `--adaptive` fewer, so that they grow while they wait. */
export const IN_FLIGHT_MAX = 32;
const ADAPTIVE_IN_FLIGHT_MAX = 8;
/** Checkpoint intervals, and memory, of what came before its turn. */
const EARLY_INTERVALS = 4;
const EARLY_BYTES_MAX = 48 * 1024 * 1024;

const NOT_LEADING = "not admitted: request relayed to a replica that does not lead";
const NOT_IN_VIEW = "not admitted: message of a view that this replica is not in";

/** What the normal case asks of its replica. */
export interface NormalOwner {
  readonly views: {
    readonly view: number;
    /** In `view`, not on the way to it. */
    readonly normal: boolean;
    readonly primary: Signer;
    /** Whether this replica is the primary of a view that it is in. */
    readonly leads: boolean;
    onExecuted(): void;
  };
  readonly start: {
    /** Slots up to this one are filled, with empty batches if need be. */
    readonly recoveryTarget: number;
  };
  readonly timer: { arm(): void; onExecuted(): void };
  readonly states: { onExecuted(slot: number): void };
}

/** Orders batches while the view lasts. It alone writes `executed`. */
export class NormalCase {
  protected readonly context: VrContext;
  protected readonly owner: NormalOwner;
  readonly #inFlightMax: number;
  readonly #earlyMax: number;
  /** By replica, the last slot that it said to have in this view. */
  readonly #acked: number[];
  #executed = 0;
  /** The last slot that this view's primary said to be committed, or told the others so. */
  #told = 0;
  #tells = false;
  /** The last slot that its primary said to have. */
  #heard = 0;
  /** PREPAREs that came before their turn, by slot. */
  readonly #early = new Map<number, Batch>();
  #earlyBytes = 0;
  #fetches = false;

  constructor(context: VrContext, owner: NormalOwner) {
    this.context = context;
    this.owner = owner;
    const { config } = context;
    this.#inFlightMax = config.adaptive ? ADAPTIVE_IN_FLIGHT_MAX : IN_FLIGHT_MAX;
    this.#earlyMax = EARLY_INTERVALS * config.checkpointInterval;
    this.#acked = new Array<number>(config.n).fill(0);
  }

  /** The last slot whose batch was executed, here or in a state that was installed. */
  get executed(): number {
    return this.#executed;
  }
  get sizes(): Sizes {
    return [
      { name: "normal.early", size: this.#early.size, max: this.#earlyMax },
      { name: "normal.early bytes", size: this.#earlyBytes, max: EARLY_BYTES_MAX },
    ];
  }

  // Requests.

  /** A request from its client, or from a backup that heard it. */
  onRequest(client: Address, request: Request, source: Source): void {
    const { service, pool, host } = this.context;
    const leads = this.orders();
    if (!service.admits(client, request, source, leads)) return;
    if (source !== "client" && !leads) return host.drop(NOT_LEADING);
    const entry = pool.add(request, client, host.now, source);
    if (leads) {
      if (entry !== null) {
        pool.enqueue(entry, host.now);
        this.propose();
      } else host.drop("not admitted: request that is pending");
      return;
    }
    // What clients send to all the primary hears too: it is told of what waits (relayOverdue).
    this.owner.timer.arm();
  }

  /** Whether this replica appends requests. */
  protected orders(): boolean {
    return this.owner.views.leads;
  }

  /** Tells the primary of what it seems not to have heard, before this backup suspects it. */
  relayOverdue(): void {
    const { views } = this.owner;
    if (views.normal) relayOverdue(this.context, views.primary);
  }

  /** Appends what waits, as the batching policy says and the log allows. */
  propose(): void {
    if (!this.orders()) return;
    const { log, pool, host } = this.context;
    const { now } = host;
    while (log.hasRoom) {
      const inFlight = log.op - this.#executed;
      if (inFlight >= this.#inFlightMax) return;
      if (inFlight > 0 && log.unexecutedBytes >= pool.underWayMax) {
        coverageMark("vr: as many bytes are under way as may be");
        return;
      }
      const dueMs = pool.dueMs(now);
      const waits = dueMs <= now;
      if (!waits && log.op >= this.owner.start.recoveryTarget) {
        if (dueMs < Infinity) host.setTimer("flush", dueMs - now);
        return;
      }
      this.#prepare(waits ? pool.take(now) : EMPTY_BATCH);
    }
  }

  #prepare(batch: Batch): void {
    const { log, host } = this.context;
    log.append(batch, host.now);
    this.#told = this.#executed;
    host.send("others", this.prepareOf(log.op, batch));
    this.commit();
  }

  protected prepareOf(slot: number, batch: Batch): PrepareMessage {
    const { view } = this.owner.views;
    return { kind: "prepare", view, slot, committed: this.#executed, batch };
  }

  // The primary.

  onPrepareOk(from: Signer, { view, slot }: PrepareOkMessage): void {
    const { views } = this.owner;
    if (view !== views.view || !views.leads) return this.context.host.drop(NOT_IN_VIEW);
    const acked = this.#acked[from] ?? 0;
    if (slot <= acked) return;
    this.#acked[from] = Math.min(slot, this.context.log.op);
    this.commit();
  }

  /** Executes what enough others have as well. */
  protected commit(): void {
    const { log } = this.context;
    let to = this.#executed;
    while (to < log.op && this.#have(to + 1) >= this.needed) to++;
    if (to > this.#executed) this.#execute(to);
  }

  /** So many others must have a slot. */
  protected get needed(): number {
    return this.context.quorums.quorum - 1;
  }

  #have(slot: number): number {
    let count = 0;
    for (const acked of this.#acked) if (acked >= slot) count++;
    return count;
  }

  /** Tells backups what is committed, if no PREPARE has told them in the meantime. */
  onTold(): void {
    this.#tells = false;
    const { views } = this.owner;
    if (!views.leads || this.#told >= this.#executed) return;
    this.#told = this.#executed;
    this.context.host.send("others", this.#commitOf());
  }

  #commitOf(): CommitMessage {
    return { kind: "commit", view: this.owner.views.view, committed: this.#executed };
  }

  /** Sends a backup of this view slots that it lacks, or how far it may execute. */
  help(to: Signer, op: number, max: number): void {
    const { log, host, answers } = this.context;
    const last = Math.min(log.op, op + max);
    for (let slot = op + 1; slot <= last; slot++) {
      const batch = log.at(slot);
      if (batch === undefined || !answers.hasRoom(to, host.now)) break;
      answers.charge(to, lengthOf(batch));
      host.send(to, this.prepareOf(slot, batch));
    }
    if (last <= op) host.send(to, this.#commitOf());
  }

  // Backups.

  onPrepare(from: Signer, message: PrepareMessage): void {
    if (!this.#follows(from, message.view)) return;
    const { log, host } = this.context;
    const { slot, batch } = message;
    if (slot > log.op + 1) this.#keepEarly(slot, batch);
    else if (slot === log.op + 1) {
      if (!log.hasRoom) return host.drop("not admitted: prepare beyond the log");
      this.#append(batch);
      this.#takeEarly();
    }
    if (slot <= log.op) this.acknowledge();
    this.learn(message.committed);
    this.owner.timer.arm();
  }

  /** The primary has these requests, and need not be told of them. */
  #append(batch: Batch): void {
    const { log, pool, host } = this.context;
    log.append(batch, host.now);
    pool.placed(batch);
  }

  /** Whether the message is of the primary of the view that this backup is in. */
  #follows(from: Signer, view: number): boolean {
    const { views } = this.owner;
    if (view === views.view && views.normal && from === views.primary) return true;
    this.context.host.drop(NOT_IN_VIEW);
    return false;
  }

  /** Vouches for all slots of this view's log. */
  acknowledge(): void {
    const { view, primary } = this.owner.views;
    const { log, host } = this.context;
    host.send(primary, { kind: "prepareOk", view, slot: log.op });
  }

  onCommit(from: Signer, { view, committed }: CommitMessage): void {
    if (!this.#follows(from, view)) return;
    this.learn(committed);
    this.#fetchSoon();
  }

  /** The primary of this view has slots up to `op`, and has executed those up to `executed`. */
  hear(op: number, executed: number): void {
    if (executed < this.context.log.op) this.acknowledge();
    this.#heard = Math.max(this.#heard, op);
    this.learn(executed);
    this.#fetchSoon();
  }

  /** Slots up to `committed` of this view's log are committed. */
  learn(committed: number): void {
    this.#told = Math.max(this.#told, committed);
    const to = Math.min(this.#told, this.context.log.op);
    if (to > this.#executed) this.#execute(to);
  }

  #keepEarly(slot: number, batch: Batch): void {
    const { host } = this.context;
    const bytes = footprintOf(batch);
    if (!this.mayWait(slot, bytes)) host.drop("not admitted: prepare far ahead");
    else if (!this.#early.has(slot)) {
      this.#early.set(slot, batch);
      this.#earlyBytes += bytes;
    }
    this.#fetchSoon();
  }

  /** Whether there is room for a PREPARE that comes before its turn. */
  protected mayWait(slot: number, bytes: number): boolean {
    const { log } = this.context;
    if (slot > log.floor + log.size || this.#early.size >= this.#earlyMax) return false;
    return this.#earlyBytes + bytes <= EARLY_BYTES_MAX;
  }

  #takeEarly(): void {
    const { log } = this.context;
    while (this.#early.size > 0 && log.hasRoom) {
      const batch = this.#early.get(log.op + 1);
      if (batch === undefined) break;
      this.#early.delete(log.op + 1);
      this.#earlyBytes -= footprintOf(batch);
      this.#append(batch);
    }
  }

  /** Asks the primary for what is missing, if it has not come by then. */
  #fetchSoon(): void {
    if (this.#fetches || !this.#lacks) return;
    this.#fetches = true;
    const { host, config } = this.context;
    host.setTimer("fetch", FETCH_PAUSE * config.viewTimeoutMs);
  }

  /** Whether a slot is known of that it does not have. */
  get #lacks(): boolean {
    return this.#early.size > 0 || Math.max(this.#told, this.#heard) > this.context.log.op;
  }

  /** Asks for slots that are missing. */
  askMissing(): void {
    this.#fetches = false;
    const { views } = this.owner;
    const { host, log, self } = this.context;
    if (!views.normal || views.primary === self || !this.#lacks) return;
    coverageMark("vr: missing slots are fetched");
    host.send(views.primary, { kind: "getLog", lastNormal: views.view, from: log.op + 1 });
    this.#fetchSoon();
  }

  onLog(message: LogMessage): void {
    const { views } = this.owner;
    const { log, host } = this.context;
    const { lastNormal, from, batches, committed } = message;
    const follows = views.normal && !views.leads && lastNormal === views.view;
    if (!follows || from > log.op + 1) return host.drop("not admitted: log that was not asked for");
    for (const batch of batches.slice(log.op + 1 - from)) {
      if (log.hasRoom) this.#append(batch);
    }
    this.#forgetEarly();
    this.#takeEarly();
    this.acknowledge();
    this.learn(committed);
    if (this.#lacks && batches.length > 0) this.askMissing();
  }

  /** Forgets those whose turn has passed. */
  #forgetEarly(): void {
    for (const [slot, batch] of this.#early) {
      if (slot > this.context.log.op) continue;
      this.#early.delete(slot);
      this.#earlyBytes -= footprintOf(batch);
    }
  }

  // Execution.

  #execute(to: number): void {
    const { log, service, config } = this.context;
    while (this.#executed < to) {
      const batch = log.at(this.#executed + 1);
      assert(batch !== undefined, "what is committed is in the log");
      this.#executed++;
      log.onExecuted(this.#executed);
      service.execute(batch);
      this.owner.states.onExecuted(this.#executed);
    }
    this.owner.views.onExecuted();
    this.owner.timer.onExecuted();
    if (!this.owner.views.leads) return;
    this.propose();
    if (this.#told >= this.#executed || this.#tells) return;
    this.#tells = true;
    this.context.host.setTimer("told", config.flushDelayMs);
  }

  /** The executor has become the state after `slot`. */
  onInstalled(slot: number): void {
    assert(slot > this.#executed, "executions never fall");
    const { service } = this.context;
    this.#executed = slot;
    service.answerExecuted();
    this.owner.views.onExecuted();
    this.owner.timer.onExecuted();
    if (!this.owner.views.normal || this.owner.views.leads) return;
    this.#forgetEarly();
    this.#takeEarly();
    this.learn(this.#told);
    this.acknowledge();
    this.#fetchSoon();
  }

  /** A view is left, or entered: nothing of it is known. */
  reset(): void {
    this.#acked.fill(0);
    this.#early.clear();
    this.#earlyBytes = 0;
    this.#told = 0;
    this.#heard = 0;
  }

  /** The view has begun here, with slots up to `committed` committed. */
  onEntered(committed: number): void {
    const { pool, host } = this.context;
    const { views } = this.owner;
    this.reset();
    pool.requeue(host.now, views.leads);
    if (views.leads) {
      const to = Math.min(committed, this.context.log.op);
      if (to > this.#executed) this.#execute(to);
      this.commit();
      this.propose();
      return;
    }
    this.acknowledge();
    this.learn(committed);
    relayPending(this.context, views.primary);
  }
}
