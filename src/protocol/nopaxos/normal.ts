// The normal case: Li et al., "Just Say NO to Paxos Overhead", OSDI '16, section 5.2. What a slot
// holds is decided by the leader once, when it appends.

import type { Address, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { EMPTY_BATCH, type Batch } from "../kit/batch.ts";
import { SPECULATED_MAX } from "../kit/executor.ts";
import type { Source } from "../kit/pending.ts";
import { sameOperationDigest, type Outcome, type Request } from "../kit/request.ts";
import { unsequenced, type SequencedMessage } from "../kit/sequencing-messages.ts";
import { NOWHERE } from "../kit/sessions.ts";
import type { NoPaxosContext } from "./context.ts";
import type { LeaderReply } from "./message.ts";
import type { SpeculativeService } from "../kit/speculative-service.ts";
import { isOf, numberOf, slotOf, type Stream } from "./stream.ts";

/** Requests that a new leader passes on to the sequencer; others come when clients try again. */
const PASSED_MAX = 1024;

const NOT_LEADING = "not admitted: request relayed to a replica that does not lead";

/** What the normal case asks of its replica. */
export interface NormalOwner {
  readonly views: {
    readonly view: number;
    /** In `view`, not on the way to it. */
    readonly normal: boolean;
    readonly primary: Signer;
    readonly leads: boolean;
    /** That of the view whose log this is. */
    readonly stream: Stream | null;
    onExecuted(): void;
  };
  readonly multicast: {
    readonly waits: boolean;
    keep(stamp: SequencedMessage["stamp"], batch: Batch): void;
    take(number: number): Batch | undefined;
    forget(number: number): void;
  };
  readonly gaps: { readonly deciding: boolean; watch(): void; onAppended(): void; reset(): void };
  readonly syncs: { onAppended(): void; enter(op: number): void; reset(): void };
  readonly sequencers: { readonly address: Address | undefined };
  readonly timer: { arm(): void; onExecuted(): void };
  readonly states: {
    onExecuted(slot: number): void;
    onCommitted(slot: number): void;
    onRolledBack(slot: number): void;
  };
}

/** Appends what is stamped, replies, and executes. It alone writes `executed`. */
export class NormalCase {
  protected readonly context: NoPaxosContext;
  protected readonly owner: NormalOwner;
  readonly #service: SpeculativeService;
  #executed = 0;
  /** The last slot that was executed, committed or not. */
  #speculated = 0;
  /** Whether `advance` runs, and whether it has to go round once more. */
  #advancing = false;
  #again = false;

  constructor(context: NoPaxosContext, owner: NormalOwner, service: SpeculativeService) {
    this.context = context;
    this.owner = owner;
    this.#service = service;
  }

  /** The sync point: slots up to it are committed and executed. */
  get executed(): number {
    return this.#executed;
  }
  get speculated(): number {
    return this.#speculated;
  }
  /** Whether a message whose turn it is is appended: there is room, and no gap is being decided. */
  get appends(): boolean {
    const { views, gaps } = this.owner;
    return views.normal && !gaps.deciding && this.hasRoom;
  }
  get hasRoom(): boolean {
    const { log, windowSize } = this.context;
    return log.op < this.#executed + windowSize && log.hasRoom;
  }

  // Requests.

  /** A request from its client, or from another replica that heard it. */
  onRequest(client: Address, request: Request, source: Source): void {
    const { service, pool, host } = this.context;
    const { leads } = this.owner.views;
    if (!service.admits(client, request, source, leads)) return;
    if (source !== "client" && !leads) return host.drop(NOT_LEADING);
    const entry = pool.add(request, client, host.now, source);
    if (entry === null) host.drop("not admitted: request that is pending");
    else if (source !== "client") this.#pass(client, request);
    this.owner.timer.arm();
  }

  /** Has the sequencer stamp a request that a client sent to replicas. */
  #pass(client: Address, request: Request): void {
    const { address } = this.owner.sequencers;
    if (address !== undefined) this.context.host.send(address, unsequenced(request, { client }));
  }

  /** Passes on what seems not to have reached the sequencer: the leader to that, others to it. */
  relayOverdue(): void {
    const { pool, host } = this.context;
    const { views } = this.owner;
    if (!views.normal) return;
    for (const { client, request } of pool.overdue(host.now)) {
      if (views.leads) this.#pass(client, request);
      else host.send(views.primary, { kind: "relay", client, request });
    }
  }

  // What is stamped.

  onSequenced({ stamp, batch }: SequencedMessage): void {
    const { host, log } = this.context;
    const { views, multicast, gaps } = this.owner;
    const { stream } = views;
    if (!views.normal || stream === null || !isOf(stream, stamp)) {
      return multicast.keep(stamp, batch);
    }
    const slot = slotOf(stream, stamp.number);
    if (slot <= log.op) return host.drop("not admitted: message whose slot is filled");
    if (slot > log.op + 1 || !this.appends) {
      multicast.keep(stamp, batch);
      return gaps.watch();
    }
    this.append(batch);
    this.advance();
  }

  /**
   * What follows from a longer log or a later sync point: to be called last. It runs once at a
   * time, because agreeing to one thing must not append in the middle of agreeing to another.
   */
  advance(): void {
    this.#again = true;
    if (this.#advancing) return;
    const { gaps, syncs, timer } = this.owner;
    this.#advancing = true;
    while (this.#again) {
      this.#again = false;
      gaps.onAppended();
      syncs.onAppended();
      this.#appendNext();
    }
    this.#advancing = false;
    gaps.watch();
    timer.arm();
  }

  /** Appends what waited for its turn. */
  #appendNext(): void {
    const { views, multicast } = this.owner;
    const { stream } = views;
    if (stream === null || !multicast.waits || !this.appends) return;
    const batch = multicast.take(numberOf(stream, this.context.log.op + 1));
    if (batch !== undefined) this.append(batch);
  }

  /** The next slot holds this; nothing, if it is EMPTY_BATCH. `advance` is to follow. */
  append(batch: Batch): void {
    const { log, pool, host } = this.context;
    log.append(batch, host.now);
    pool.placed(batch);
    this.#reply(log.op, batch);
    this.#again = true;
  }

  /** Slots up to this one that are not here yet are empty, as far as there is room. */
  fill(to: number): void {
    const { log } = this.context;
    const { views, multicast } = this.owner;
    if (log.op >= to) return;
    while (log.op < to && this.hasRoom) this.append(EMPTY_BATCH);
    if (views.stream !== null) multicast.forget(numberOf(views.stream, log.op));
  }

  /** The slot is empty, whatever it held: nothing of it was executed here. */
  empty(slot: number): void {
    const { log, pool } = this.context;
    const batch = log.at(slot);
    if (slot <= this.#executed || batch === undefined || batch === EMPTY_BATCH) return;
    coverageMark("nopaxos: an empty slot takes the place of a batch");
    log.empty(slot);
    pool.unplaced(batch);
  }

  /** Whether the slot is empty here, or committed, so that nothing changes it. */
  isEmpty(slot: number): boolean {
    return slot <= this.#executed || this.context.log.at(slot) === EMPTY_BATCH;
  }

  // Replies.

  #reply(slot: number, batch: Batch): void {
    if (this.owner.views.leads) return this.#speculate();
    for (const [i, request] of batch.requests.entries()) {
      this.#sendReply(batch.clients.at(i) ?? NOWHERE, request, slot, null);
    }
  }

  /** The leader executes what it has appended, as far as that could be undone, and replies. */
  #speculate(): void {
    const { log, executor } = this.context;
    while (this.#speculated < log.op) {
      const batch = log.at(this.#speculated + 1);
      assert(batch !== undefined, "what is executed is in the log");
      if (executor.speculated + batch.requests.length > SPECULATED_MAX) return;
      const slot = ++this.#speculated;
      const outcomes = this.#service.speculate(batch);
      for (const [i, request] of batch.requests.entries()) {
        const outcome = outcomes[i] ?? null;
        if (outcome === null) continue;
        const leader = this.leaderReply(request, outcome);
        this.#sendReply(batch.clients.at(i) ?? NOWHERE, request, slot, leader);
      }
      this.owner.states.onExecuted(slot);
    }
  }

  protected leaderReply(request: Request, outcome: Outcome): LeaderReply {
    const { incarnations, self } = this.context;
    const vector = incarnations.vector.with(self, incarnations.own);
    return { vector, digest: sameOperationDigest(request.op), outcome };
  }

  #sendReply(
    client: Address,
    { session, tag, number }: Request,
    slot: number,
    leader: LeaderReply | null,
  ): void {
    const { host, config, incarnations } = this.context;
    const { view, stream } = this.owner.views;
    if (client < config.n || host.sourceOf(client) === 0) {
      return host.drop("not admitted: request of nobody who is known");
    }
    host.send(client, {
      ...{ kind: "slotReply", session, tag, number, view, slot },
      sequencer: stream?.index ?? 0,
      incarnation: incarnations.own,
      leader,
    });
  }

  // Execution.

  /** Slots up to this one are committed, all of which the log has. */
  commit(to: number): void {
    if (to <= this.#executed) return;
    this.#execute(to);
    this.advance();
  }

  #execute(to: number): void {
    if (to <= this.#executed) return;
    const { log, service } = this.context;
    const { views, states, timer } = this.owner;
    while (this.#executed < to) {
      const slot = this.#executed + 1;
      const batch = log.at(slot);
      assert(batch !== undefined, "what is committed is in the log");
      // Too much waited to be executed before.
      if (views.leads && slot > this.#speculated) this.#speculate();
      this.#executed = slot;
      log.onExecuted(slot);
      if (slot <= this.#speculated) this.#service.settle(batch);
      else {
        this.#speculated = slot;
        service.execute(batch);
        states.onExecuted(slot);
      }
    }
    states.onCommitted(this.#executed);
    views.onExecuted();
    timer.onExecuted();
    if (views.leads) this.#speculate();
  }

  /** The executor has become the state after `slot`. */
  onInstalled(slot: number): void {
    assert(slot > this.#executed, "what is committed stays");
    const { service, log } = this.context;
    const { views, multicast, timer } = this.owner;
    this.#executed = slot;
    this.#speculated = slot;
    service.answerExecuted();
    views.onExecuted();
    timer.onExecuted();
    if (views.stream !== null) multicast.forget(numberOf(views.stream, log.op));
    if (views.leads) this.#speculate();
    this.advance();
  }

  /** A view is left: what was executed and is not committed is undone. */
  reset(): void {
    this.owner.gaps.reset();
    this.owner.syncs.reset();
    const { executor } = this.context;
    if (executor.speculated > 0) {
      coverageMark("nopaxos: a leader rolls back");
      executor.rollback(executor.speculated);
    }
    this.#speculated = this.#executed;
    this.owner.states.onRolledBack(this.#executed);
  }

  /** The view has begun here, with slots up to `sync` committed. */
  onEntered(sync: number): void {
    const { log, pool, host } = this.context;
    const { views, syncs } = this.owner;
    pool.requeue(host.now, false);
    syncs.enter(log.op);
    this.#execute(Math.min(sync, log.op));
    if (views.leads) this.#speculate();
    else {
      for (let slot = this.#executed + 1; slot <= log.op; slot++) {
        this.#reply(slot, log.at(slot) ?? EMPTY_BATCH);
      }
    }
    if (views.leads) {
      for (const entry of pool.oldestUnplaced(PASSED_MAX)) {
        entry.relayedMs = host.now;
        this.#pass(entry.client, entry.request);
      }
    }
    this.advance();
  }
}
