import type {
  Address,
  Admission,
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
import { Checkpoints } from "../kit/checkpoint.ts";
import { CONTEXT_PARTS, contextOf } from "../kit/context.ts";
import { SPECULATED_MAX } from "../kit/executor.ts";
import { LARGE_MESSAGE } from "../kit/messages.ts";
import { isNaming } from "../kit/naming-messages.ts";
import { Recovery } from "../kit/recovery.ts";
import type { Own } from "../kit/state-assembly.ts";
import { StateSync } from "../kit/state-sync.ts";
import { Adoption } from "./adoption.ts";
import { CatchUp } from "./catch-up.ts";
import { Commits } from "./commits.ts";
import type { Timer, ZyzzyvaContext } from "./context.ts";
import { Hates } from "./hates.ts";
import { Holes } from "./holes.ts";
import { History } from "./log.ts";
import type { Message, Position } from "./message.ts";
import { orderedIn } from "./message-codec.ts";
import { NormalCase } from "./normal.ts";
import { ZyzzyvaService } from "./service.ts";
import { Reports } from "./reports.ts";
import { Start } from "./start.ts";
import { ViewChanger } from "./view-change.ts";
import { ViewTimer } from "./view-timer.ts";

/** What a replica is made of; tests hand in others. */
const PARTS = {
  ...CONTEXT_PARTS,
  Service: ZyzzyvaService,
  Checkpoints,
  StateSync,
  Recovery,
  NormalCase,
  Commits,
  Hates,
  Reports,
  Adoption,
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
 * A replica of Zyzzyva: Kotla et al., "Zyzzyva: Speculative Byzantine Fault Tolerance", SOSP '07,
 * with a view change that is right (selection.ts). Parts: the normal case in normal.ts, commits.ts
 * and holes.ts, how primaries are left in hates.ts and view-timer.ts, the view change in
 * view-change.ts, retransmission and state transfer in catch-up.ts, the start in start.ts.
 */
export class ZyzzyvaReplica implements Replica<Message, Timer> {
  readonly normal: NormalCase;
  readonly commits: Commits;
  readonly holes: Holes;
  readonly hates: Hates;
  readonly reports: Reports;
  readonly adoption: Adoption;
  readonly views: ViewChanger;
  readonly timer: ViewTimer;
  readonly catchUp: CatchUp;
  readonly start: Start;
  readonly sync: StateSync;
  readonly context: ZyzzyvaContext;
  /** What assertInvariants saw last. */
  #before = { view: 0, committed: 0, low: 0 };

  constructor(
    self: Signer,
    config: ProtocolConfig,
    host: Host<Message, Timer>,
    app: App,
    others: Partial<Parts> = {},
  ) {
    const parts: Parts = { ...PARTS, ...others };
    const { n, checkpointInterval } = config;
    const log = new History(2 * checkpointInterval);
    const context = { ...contextOf<Message, Timer>(self, config, host, app, parts, this), log };
    const { quorums, service } = context;
    assert(service instanceof ZyzzyvaService, "what may be undone is final for nobody");
    this.context = context;
    this.normal = new parts.NormalCase(context, this, service);
    this.commits = new parts.Commits(context, this, service);
    this.holes = new Holes(context, this);
    this.hates = new parts.Hates(context, this);
    this.reports = new parts.Reports(context, this);
    this.adoption = new parts.Adoption(context, this);
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
    this.sync = new parts.StateSync({ ...shared, owner, assembly, speculates: true });
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
      case "orderReq":
        return this.normal.onOrderReq(from, message);
      case "fillHole":
        return this.holes.onFillHole(from, message);
      case "commit":
        return this.commits.onCommit(from, message);
      case "history":
        return this.commits.onHistory(message);
      case "localCommit":
        return this.commits.onLocalCommit(message);
      case "committed":
        return this.commits.onCommitted(message);
      case "hate":
        return this.hates.onHate(message);
      case "pom":
        return this.hates.onPom(message);
      case "recovered":
        return this.hates.onRecovered(message);
      case "recover":
        return this.start.starter.onRecover(message);
      case "answer":
        return this.start.onAnswer(message);
      case "reply":
      case "opened":
      case "gone":
      case "specReply":
        return;
      default:
        return this.#receive(from, message);
    }
  }

  /** What moves replicas to views, and what they lack. */
  #receive(from: Address, message: Message): void {
    switch (message.kind) {
      case "viewChange":
        return this.views.onViewChange(message);
      case "newView":
        return this.views.onNewView(message);
      case "viewConfirm":
        return this.views.onViewConfirm(message);
      case "entered":
        return this.views.onEntered(message);
      case "fetchViewChange":
        return this.views.onFetchViewChange(from, message);
      case "fetchBatch":
        return this.adoption.onFetchBatch(from, message);
      case "batch":
        return this.adoption.onBatch(message);
      case "checkpoint":
        return this.sync.onCheckpoint(message);
      case "stable":
        return this.sync.onStable(from, message);
      case "fetchState":
        return this.sync.onFetchState(from, message);
      case "state":
        return this.catchUp.onState(from, message);
      case "status":
        return this.catchUp.onStatus(from, message);
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
      case "hole":
        return this.holes.onTimer();
      case "commit":
        return this.commits.onTimer();
      case "start":
        return this.start.starter.onTimer();
      case "checkpoint":
        return this.sync.onTimer();
    }
  }

  /** A large order that is not needed costs no copy of its batch, and no hash. */
  refuseBytes(_from: Address, input: Reader, bytes: number): Refusal | null {
    if (bytes < LARGE_MESSAGE) return null;
    const ordered = orderedIn(input);
    return ordered === null ? null : this.normal.refuseOrdered(ordered);
  }

  refuse(_from: Address, message: Message): Admission {
    if (isNaming(message)) return this.start.starter.refuseNaming(message);
    const outside = this.start.starter.refuse();
    if (outside !== null) return outside;
    switch (message.kind) {
      case "request":
      case "relay":
        return this.context.service.refuse(message.request);
      case "orderReq":
        return message.replica === this.context.self ? null : this.normal.refuseOrderReq(message);
      case "commit":
        return this.commits.refuseCommit(message);
      case "history":
        return this.commits.refuseHistory(message);
      case "localCommit":
        return this.commits.refuseLocalCommit(message);
      case "committed":
        return this.commits.refuseCommitted(message);
      case "hate":
        return this.hates.refuseHate(message);
      case "pom":
        return this.hates.refusePom(message);
      case "recovered":
        return this.hates.refuseRecovered(message);
      case "viewChange":
        return this.views.refuseViewChange(message);
      case "newView":
        return this.views.refuseNewView(message);
      case "viewConfirm":
        return this.views.refuseViewConfirm(message);
      case "entered":
        return this.views.refuseEntered(message);
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
      case "specReply":
        return "not admitted: reply to a replica";
      default:
        return null;
    }
  }

  census(): Census {
    const { sessionsMax } = this.context.config;
    const { log, executor, pool, service } = this.context;
    return {
      view: this.view,
      committed: this.normal.committed,
      executed: executor.committed,
      speculated: executor.speculated,
      ...this.start.starter.progress,
      viewTimerMs: this.timer.lengthMs,
      sizes: [
        { name: "service.sessions", size: executor.sessions, max: sessionsMax },
        { name: "service.speculated", size: executor.speculated, max: SPECULATED_MAX },
        { name: "log.slots", size: log.length, max: log.size },
        { name: "normal.waiting", size: this.normal.waiting, max: 2 * log.size },
        ...pool.sizes,
        ...service.sizes,
        ...this.context.answers.sizes,
        ...this.sync.sizes,
        ...this.commits.sizes,
        ...this.holes.sizes,
        ...this.hates.sizes,
        ...this.adoption.sizes,
        ...this.views.sizes,
      ],
    };
  }

  certificates(): readonly HeldCertificate[] {
    return [...this.sync.certificates, ...this.commits.certificates, ...this.views.certificates];
  }

  assertInvariants(): void {
    const { view } = this;
    const { committed } = this.normal;
    const { low } = this.context.log;
    const before = this.#before;
    assert(view >= before.view, "views never fall");
    assert(committed >= before.committed, "what is committed stays");
    assert(low >= before.low, "the window never moves back");
    assert(low >= this.sync.checkpoints.reached.slot, "the window begins at a checkpoint");
    this.normal.assertInvariants();
    this.#before = { view, committed, low };
  }
}

const RELAYED_BY_A_STRANGER = "not admitted: request relayed by a stranger";
