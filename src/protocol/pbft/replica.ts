import type {
  Address,
  App,
  Bytes,
  Census,
  HeldCertificate,
  Host,
  Refusal,
  Replica,
  Signer,
} from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import type { Reader } from "../../wire.ts";
import { FOOTPRINT_MAX } from "../kit/batch.ts";
import { Checkpoints } from "../kit/checkpoint.ts";
import { CONTEXT_PARTS, contextOf } from "../kit/context.ts";
import { Votes } from "../kit/quorum.ts";
import { isNaming } from "../kit/naming-messages.ts";
import { LARGE_MESSAGE } from "../kit/messages.ts";
import { Recovery } from "../kit/recovery.ts";
import type { Own } from "../kit/state-assembly.ts";
import { StateSync } from "../kit/state-sync.ts";
import { CatchUp } from "./catch-up.ts";
import { commitProofs, preparedProofs } from "./certificate.ts";
import type { PbftContext, Timer } from "./context.ts";
import { BATCHES_MAX, Log, Slot, UNORDERED_BYTES_MAX } from "./log.ts";
import { proposedIn, type Message, type Position } from "./message.ts";
import { NormalCase } from "./normal.ts";
import { Start } from "./start.ts";
import { ViewChanger } from "./view-change.ts";
import { ViewTimer } from "./view-timer.ts";

/** The next slot's batches are taken in any case. */
const UNORDERED_MAX = UNORDERED_BYTES_MAX + BATCHES_MAX * FOOTPRINT_MAX;

/** What a replica is made of; tests hand in others. */
const PARTS = {
  ...CONTEXT_PARTS,
  Votes,
  Checkpoints,
  Recovery,
  NormalCase,
  ViewChanger,
  ViewTimer,
  CatchUp,
  Start,
};
export type Parts = typeof PARTS;

/**
 * Own snapshots at a time: that of the stable checkpoint, one before it, and those of the two
 * checkpoints in the window.
 */
const SNAPSHOTS_MAX = 4;

/**
 * A replica of PBFT: Castro and Liskov, "Practical Byzantine Fault Tolerance", OSDI '99, and "...
 * and Proactive Recovery", TOCS '02, with signatures. Parts: the normal case in normal.ts, the view
 * change in view-change.ts and view-timer.ts, retransmission and state transfer in catch-up.ts, the
 * start in start.ts.
 */
export class PbftReplica implements Replica<Message, Timer> {
  readonly normal: NormalCase;
  readonly views: ViewChanger;
  readonly timer: ViewTimer;
  readonly catchUp: CatchUp;
  readonly start: Start;
  readonly sync: StateSync;
  readonly context: PbftContext;
  /** What assertInvariants saw last. */
  #before = { view: 0, executed: 0, low: 0 };

  constructor(
    self: Signer,
    config: ProtocolConfig,
    host: Host<Message, Timer>,
    app: App,
    others: Partial<Parts> = {},
  ) {
    const parts: Parts = { ...PARTS, ...others };
    const { n, checkpointInterval } = config;
    const log = new Log(
      2 * checkpointInterval,
      (number) => new Slot(number, new parts.Votes(n), new parts.Votes(n)),
    );
    const context = { ...contextOf<Message, Timer>(self, config, host, app, parts, this), log };
    const { quorums } = context;
    this.context = context;
    this.normal = new parts.NormalCase(context, this);
    this.views = new parts.ViewChanger(context, this);
    this.timer = new parts.ViewTimer(context, this);
    this.catchUp = new parts.CatchUp(context, this);
    const random = (bound: number) => host.random(bound);
    const { viewTimeoutMs } = config;
    const recovery = new parts.Recovery<Position>({ quorums, self, random, viewTimeoutMs });
    this.start = new parts.Start(context, this, { recovery, Naming: parts.Naming });
    const checkpoints = new parts.Checkpoints(quorums, checkpointInterval, SNAPSHOTS_MAX);
    const { catchUp: owner } = this;
    const { answers, versions } = context;
    const assembly = (own: Own) => new parts.StateAssembly(own);
    const shared = { self, n, host, answers, versions, checkpoints, checkpointInterval };
    this.sync = new StateSync({ ...shared, owner, assembly });
    host.setTimer("tick", 0);
    this.start.starter.start();
  }

  get view(): number {
    return this.views.view;
  }
  get run(): Bytes | null {
    return this.start.starter.run;
  }

  receive(from: Address, message: Message): void {
    if (isNaming(message)) return this.start.starter.onNaming(message);
    const outside = this.start.starter.refuse();
    if (outside !== null) return this.context.host.drop(outside);
    switch (message.kind) {
      case "request":
        return this.normal.onRequest(from, message.request, "client");
      case "relay":
        if (from >= this.context.config.n) return this.context.host.drop(RELAYED_BY_A_STRANGER);
        return this.normal.onRequest(message.client, message.request, from);
      case "prePrepare":
        return this.normal.onPrePrepare(message);
      case "prepare":
        return this.normal.onPrepare(message);
      case "commit":
        return this.normal.onCommit(message);
      case "committed":
        return this.catchUp.onCommitted(message);
      case "fetchBatch":
        return this.normal.onFetchBatch(from, message);
      case "batch":
        return this.normal.onBatch(message);
      case "checkpoint":
        return this.sync.onCheckpoint(message);
      case "stable":
        return this.sync.onStable(from, message);
      case "fetchState":
        return this.sync.onFetchState(from, message);
      case "state":
        return this.catchUp.onState(from, message);
      case "viewChange":
        return this.views.onViewChange(message);
      case "newView":
        return this.views.onNewView(message);
      case "fetchViewChange":
        return this.views.onFetchViewChange(from, message);
      case "status":
        return this.catchUp.onStatus(from, message);
      case "recover":
        return this.start.starter.onRecover(message);
      case "answer":
        return this.start.onAnswer(message);
      case "reply":
      case "opened":
      case "gone":
        return;
    }
  }

  timeout(timer: Timer): void {
    switch (timer) {
      case "view":
        return this.timer.onTimeout();
      case "flush":
        return this.normal.propose();
      case "tick":
        return this.catchUp.onTick();
      case "gap":
        return this.catchUp.onGapTimer();
      case "start":
        return this.start.starter.onTimer();
      case "checkpoint":
        return this.sync.onTimer();
    }
  }

  /** A large proposal that is not needed costs no copy of its batch, and no hash. */
  refuseBytes(_from: Address, input: Reader, bytes: number): Refusal | null {
    if (bytes < LARGE_MESSAGE) return null;
    const proposed = proposedIn(input);
    return proposed === null ? null : this.normal.refuseProposed(proposed);
  }

  refuse(_from: Address, message: Message): Refusal | null {
    if (isNaming(message)) return this.start.starter.refuseNaming(message);
    const outside = this.start.starter.refuse();
    if (outside !== null) return outside;
    switch (message.kind) {
      case "request":
      case "relay":
        return this.context.service.refuse(message.request);
      case "prePrepare":
        return this.normal.refusePrePrepare(message);
      case "newView":
        return this.views.refuseNewView(message);
      case "prepare":
        return this.normal.refusePrepare(message);
      case "commit":
        return this.normal.refuseCommit(message);
      case "committed":
        return this.normal.refuseCommitted(message);
      case "viewChange":
        return this.views.refuseViewChange(message);
      case "checkpoint":
        return this.sync.refuseCheckpoint(message);
      case "stable":
        return this.sync.refuseStable(message);
      case "answer":
        return this.start.refuseAnswer(message);
      case "recover":
        return this.start.starter.refuseRecover(message);
      case "reply":
      case "opened":
      case "gone":
        return "not admitted: reply to a replica";
      default:
        return null;
    }
  }

  census(): Census {
    const { n, sessionsMax } = this.context.config;
    const { log, executor, pool, service } = this.context;
    let batches = 0;
    let votes = 0;
    let slots = 0;
    for (const slot of log.known()) {
      slots++;
      batches = Math.max(batches, slot.batches);
      votes = Math.max(votes, slot.prepares.size, slot.commits.size);
    }
    return {
      view: this.view,
      committed: this.normal.executed,
      executed: executor.position,
      ...this.start.starter.progress,
      fetchedBytes: this.sync.fetchedBytes,
      viewTimerMs: this.timer.lengthMs,
      sizes: [
        { name: "service.sessions", size: executor.sessions, max: sessionsMax },
        { name: "log.slots", size: slots, max: log.size },
        { name: "log.batches", size: batches, max: BATCHES_MAX },
        { name: "log.unordered bytes", size: log.unorderedBytes, max: UNORDERED_MAX },
        { name: "log.votes", size: votes, max: n },
        ...pool.sizes,
        ...service.sizes,
        ...this.context.answers.sizes,
        ...this.sync.sizes,
        ...this.views.sizes,
      ],
    };
  }

  certificates(): readonly HeldCertificate[] {
    const held: HeldCertificate[] = [...this.sync.certificates];
    for (const { prepared, committed } of this.context.log.known()) {
      if (prepared !== null) {
        held.push({ certificate: prepared, proofs: () => preparedProofs(prepared) });
      }
      if (committed !== null) {
        held.push({ certificate: committed, proofs: () => commitProofs(committed) });
      }
    }
    return held;
  }

  assertInvariants(): void {
    const { view } = this;
    const { executed } = this.normal;
    const { low } = this.context.log;
    const before = this.#before;
    assert(view >= before.view, "views never fall");
    assert(executed >= before.executed, "executions never fall");
    assert(low >= before.low, "the window never moves back");
    assert(
      low === this.sync.checkpoints.reached.slot,
      "the window begins at the stable checkpoint",
    );
    this.normal.assertInvariants();
    this.#before = { view, executed, low };
  }
}

const RELAYED_BY_A_STRANGER = "not admitted: request relayed by a stranger";
