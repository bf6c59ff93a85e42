import type { Address, App, Census, Host, Replica, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { NO_RUN } from "../kit/answer.ts";
import { FOOTPRINT_MAX } from "../kit/batch.ts";
import { CONTEXT_PARTS, contextOf } from "../kit/context.ts";
import { SPECULATED_MAX } from "../kit/executor.ts";
import { Incarnations } from "../kit/incarnation.ts";
import { LogFetch } from "../kit/log-fetch.ts";
import { States } from "../kit/own-checkpoints.ts";
import { majorityOf } from "../kit/quorum.ts";
import { sequencersOf } from "../kit/sequencer.ts";
import { Log, LOG_INTERVALS } from "../kit/slot-log.ts";
import { CatchUp } from "./catch-up.ts";
import type { NoPaxosContext, Timer } from "./context.ts";
import { Gaps } from "./gap.ts";
import type { Message } from "./message.ts";
import { Multicast } from "./multicast.ts";
import { NormalCase } from "./normal.ts";
import { Sequencers } from "./sequencers.ts";
import { SpeculativeService } from "../kit/speculative-service.ts";
import { Start } from "./start.ts";
import { Syncs } from "./sync.ts";
import { ViewChanger } from "./view-change.ts";
import { ViewTimer } from "./view-timer.ts";

/** Slots above the sync point that are taken: in checkpoint intervals, and at least. */
const WINDOW_INTERVALS = 2;
const WINDOW_MIN = 64;

/** What a replica is made of; tests hand in others. */
const PARTS = {
  ...CONTEXT_PARTS,
  quorumsOf: majorityOf,
  Service: SpeculativeService,
  Incarnations,
  Multicast,
  NormalCase,
  Gaps,
  Syncs,
  Sequencers,
  ViewChanger,
  ViewTimer,
  LogFetch,
  CatchUp,
  States,
  Start,
};
export type Parts = typeof PARTS;

const STRANGER = "not admitted: message of a stranger";
const NOT_RUNNING = "not admitted: this replica has no memory yet";

/**
 * A replica of NOPaxos: Li et al., "Just Say NO to Paxos Overhead: Replacing Consensus with Network
 * Ordering", OSDI '16, with the recovery of Michael et al., DISC '17. Parts: the ordered multicast
 * in multicast.ts and sequencers.ts, the normal case in normal.ts, what was dropped in gap.ts,
 * synchronisation in sync.ts, view changes in view-change.ts, merged-log.ts and view-timer.ts,
 * catching up in catch-up.ts, the start and the recovery in start.ts.
 */
export class NoPaxosReplica implements Replica<Message, Timer> {
  readonly context: NoPaxosContext;
  readonly multicast: Multicast;
  readonly sequencers: Sequencers;
  readonly normal: NormalCase;
  readonly gaps: Gaps;
  readonly syncs: Syncs;
  readonly views: ViewChanger;
  readonly timer: ViewTimer;
  readonly incoming: LogFetch;
  readonly catchUp: CatchUp;
  readonly states: States;
  readonly start: Start;
  /** That of all runs. */
  readonly run = NO_RUN;
  /** What is committed is answered to those who asked this replica itself. */
  readonly quiet = true;
  /** What assertInvariants saw last. */
  #before = { view: 0, lastNormal: -1, executed: 0, floor: 0 };

  constructor(
    self: Signer,
    config: ProtocolConfig,
    host: Host<Message, Timer>,
    app: App,
    others: Partial<Parts> = {},
  ) {
    const parts: Parts = { ...PARTS, ...others };
    const { checkpointInterval } = config;
    const windowSize = Math.max(WINDOW_INTERVALS * checkpointInterval, WINDOW_MIN);
    const log = new Log(LOG_INTERVALS * checkpointInterval + windowSize);
    const incarnations = new parts.Incarnations(self, config.n);
    const shared = contextOf<Message, Timer>(self, config, host, app, parts, this);
    const { service } = shared;
    assert(service instanceof SpeculativeService, "what may be undone is final for nobody");
    const sequencers = sequencersOf(config);
    const context = { ...shared, log, incarnations, sequencers, windowSize };
    this.context = context;
    this.multicast = new parts.Multicast(context);
    this.sequencers = new parts.Sequencers(context, this);
    this.normal = new parts.NormalCase(context, this, service);
    this.gaps = new parts.Gaps(context, this);
    this.syncs = new parts.Syncs(context, this);
    this.views = new parts.ViewChanger(context, this);
    this.timer = new parts.ViewTimer(context, this);
    this.incoming = new parts.LogFetch(context);
    this.catchUp = new parts.CatchUp(context, this);
    this.states = new parts.States(context, this, true);
    this.start = new parts.Start(context, this);
    host.setTimer("tick", 0);
    this.start.start();
  }

  get view(): number {
    return this.views.view;
  }

  receive(from: Address, message: Message): void {
    if (message.kind === "sequenced") return this.#onSequenced(from, message);
    if (message.kind === "request") {
      if (!this.start.running) return this.context.host.drop(NOT_RUNNING);
      return this.normal.onRequest(from, message.request, "client");
    }
    if (this.context.sequencers.includes(from)) return this.#receiveSequencing(from, message);
    if (from >= this.context.config.n) return this.context.host.drop(STRANGER);
    switch (message.kind) {
      case "ask":
        return this.start.onAsk(from, message);
      case "starting":
        return this.start.onStarting(from, message);
      case "answer":
        return this.start.onAnswer(from, message);
      case "log":
        return this.catchUp.onLog(from, message);
      case "checkpoint":
        if (this.start.phase !== "starting") this.states.onCheckpoint(message);
        return;
      case "state":
        return this.catchUp.onState(from, message);
      default:
        if (this.start.running) return this.#receive(from, message);
        return this.context.host.drop(NOT_RUNNING);
    }
  }

  #onSequenced(from: Address, message: Message & { kind: "sequenced" }): void {
    if (!this.context.sequencers.includes(from)) return this.context.host.drop(STRANGER);
    if (!this.start.running) return this.context.host.drop(NOT_RUNNING);
    this.sequencers.onStamp(message.stamp);
    this.normal.onSequenced(message);
  }

  /** What sequencers say of themselves. */
  #receiveSequencing(from: Address, message: Message): void {
    if (!this.start.running) return this.context.host.drop(NOT_RUNNING);
    switch (message.kind) {
      case "alive":
        return this.sequencers.onAlive(from, message);
      case "sequencerHello":
        return this.sequencers.onHello(from, message);
      case "sessionOpened":
        return this.sequencers.onOpened(from, message);
      default:
        return this.context.host.drop(STRANGER);
    }
  }

  /** What only a replica that runs takes. */
  #receive(from: Signer, message: Message): void {
    switch (message.kind) {
      case "find":
      case "slot":
      case "gap":
      case "gapOk":
        if (!this.views.leadsOn(from, message.view)) this.#receiveGap(from, message);
        return;
      case "sync":
        if (!this.views.leadsOn(from, message.view)) this.syncs.onSync(from, message);
        return;
      case "syncOk":
        if (!this.views.leadsOn(from, message.view)) this.syncs.onSyncOk(from, message);
        return;
      case "synced":
        if (!this.views.leadsOn(from, message.view)) this.syncs.onSynced(from, message);
        return;
      case "relay":
        return this.normal.onRequest(message.client, message.request, from);
      case "wish":
        return this.views.onWish(from, message);
      case "viewChange":
        return this.views.onViewChange(from, message);
      case "startView":
        return this.views.onStartView(from, message);
      case "getLog":
        return this.catchUp.onGetLog(from, message);
      case "status":
        return this.catchUp.onStatus(from, message);
      case "fetchState":
        return this.states.onFetchState(from, message);
      case "renew":
        return this.start.onRenew(from, message);
      case "renewed":
        return this.start.onRenewed(from, message);
      default:
        return this.context.host.drop("not admitted: message that is not of this protocol");
    }
  }

  #receiveGap(from: Signer, message: Message & { kind: "find" | "slot" | "gap" | "gapOk" }): void {
    switch (message.kind) {
      case "find":
        return this.gaps.onFind(from, message);
      case "slot":
        return this.gaps.onSlot(from, message);
      case "gap":
        return this.gaps.onGap(from, message);
      case "gapOk":
        return this.gaps.onGapOk(from, message);
    }
  }

  timeout(timer: Timer): void {
    switch (timer) {
      case "view":
        return this.timer.onTimeout();
      case "hole":
        return this.gaps.onTimer();
      case "sync":
        return this.syncs.onTimer();
      case "tick":
        return this.catchUp.onTick();
      case "moves":
        return this.views.onMoves();
      case "open":
        return this.sequencers.onTimer();
      case "fetch":
        return this.catchUp.onFetchTimer();
      case "start":
        return this.start.onTimer();
      case "checkpoint":
        return this.states.onTimer();
    }
  }

  /** The executor has become the state after `slot`. */
  onInstalled(slot: number): void {
    this.normal.onInstalled(slot);
    this.syncs.onInstalled(slot);
    this.incoming.onInstalled(slot);
  }

  census(): Census {
    const { sessionsMax } = this.context.config;
    const { log, executor, pool, service, answers } = this.context;
    const { committed, speculated, position } = executor;
    return {
      view: this.view,
      committed: this.normal.executed,
      executed: committed,
      speculated: position - committed,
      ...this.start.progress,
      fetchedBytes: this.states.fetchedBytes,
      viewTimerMs: this.timer.lengthMs,
      sizes: [
        { name: "service.sessions", size: executor.sessions, max: sessionsMax },
        { name: "executor.speculated", size: speculated, max: SPECULATED_MAX },
        { name: "log.slots", size: log.op - log.floor, max: log.size },
        { name: "log.unexecuted bytes", size: log.unexecutedBytes, max: log.size * FOOTPRINT_MAX },
        ...pool.sizes,
        ...service.sizes,
        ...answers.sizes,
        ...this.multicast.sizes,
        ...this.sequencers.sizes,
        ...this.gaps.sizes,
        ...this.syncs.sizes,
        ...this.incoming.sizes,
        ...this.views.sizes,
        ...this.states.sizes,
        ...this.start.sizes,
      ],
    };
  }

  assertInvariants(): void {
    const { view, lastNormal } = this.views;
    const { executed, speculated } = this.normal;
    const { log } = this.context;
    const before = this.#before;
    assert(view >= before.view, "views never fall");
    assert(lastNormal >= before.lastNormal, "a log is not that of an earlier view again");
    assert(executed >= before.executed, "what is committed stays");
    assert(log.floor >= before.floor, "a floor never falls");
    assert(log.floor <= executed && executed <= speculated, "what is committed is executed");
    assert(speculated <= log.op, "what is executed is in the log");
    assert(speculated === executed || this.views.leads, "only a leader executes before a commit");
    assert(!this.states.diverged, "equal logs give equal states");
    this.views.assertInvariants();
    this.#before = { view, lastNormal, executed, floor: log.floor };
  }
}
