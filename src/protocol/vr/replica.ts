import type { Address, App, Census, Host, Replica, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { FOOTPRINT_MAX } from "../kit/batch.ts";
import { NO_RUN } from "../kit/answer.ts";
import { CONTEXT_PARTS, contextOf } from "../kit/context.ts";
import { Incarnations } from "../kit/incarnation.ts";
import { LogFetch } from "../kit/log-fetch.ts";
import { States } from "../kit/own-checkpoints.ts";
import { majorityOf } from "../kit/quorum.ts";
import { Log, LOG_INTERVALS } from "../kit/slot-log.ts";
import { CatchUp } from "./catch-up.ts";
import type { Timer, VrContext } from "./context.ts";
import { PROPOSALS, type Message } from "./message.ts";
import { IN_FLIGHT_MAX, NormalCase } from "./normal.ts";
import { Start } from "./start.ts";
import { ViewChanger } from "./view-change.ts";
import { ViewTimer } from "./view-timer.ts";

/** What a replica is made of; tests hand in others. */
const PARTS = {
  ...CONTEXT_PARTS,
  quorumsOf: majorityOf,
  Incarnations,
  NormalCase,
  ViewChanger,
  LogFetch,
  CatchUp,
  States,
  Start,
};
export type Parts = typeof PARTS;

const STRANGER = "not admitted: message of a stranger";
const NOT_RUNNING = "not admitted: this replica has no memory yet";

/**
 * A replica of Viewstamped Replication: Liskov and Cowling, "Viewstamped Replication Revisited",
 * 2012, with the recovery of Michael et al., DISC '17. Parts: the normal case in normal.ts, view
 * changes in view-change.ts and view-timer.ts, how it catches up in catch-up.ts, the start and the
 * recovery in start.ts; with the log, its fetch and the checkpoints of the kit.
 */
export class VrReplica implements Replica<Message, Timer> {
  readonly context: VrContext;
  readonly normal: NormalCase;
  readonly views: ViewChanger;
  readonly timer: ViewTimer;
  readonly incoming: LogFetch;
  readonly catchUp: CatchUp;
  readonly states: States;
  readonly start: Start;
  /** That of all runs. */
  readonly run = NO_RUN;
  /** What assertInvariants saw last. */
  #before = { view: 0, lastNormal: 0, executed: 0, floor: 0 };

  constructor(
    self: Signer,
    config: ProtocolConfig,
    host: Host<Message, Timer>,
    app: App,
    others: Partial<Parts> = {},
  ) {
    const parts: Parts = { ...PARTS, ...others };
    const log = new Log(LOG_INTERVALS * config.checkpointInterval + IN_FLIGHT_MAX);
    const incarnations = new parts.Incarnations(self, config.n);
    const shared = contextOf<Message, Timer>(self, config, host, app, parts, this, PROPOSALS);
    const context = { ...shared, log, incarnations };
    this.context = context;
    this.normal = new parts.NormalCase(context, this);
    this.views = new parts.ViewChanger(context, this);
    this.timer = new ViewTimer(context, this);
    this.incoming = new parts.LogFetch(context);
    this.catchUp = new parts.CatchUp(context, this);
    this.states = new parts.States(context, this);
    this.start = new parts.Start(context, this);
    host.setTimer("tick", 0);
    this.start.start();
  }

  get view(): number {
    return this.views.view;
  }
  /** One reply is enough, and the primary's comes first. */
  get quiet(): boolean {
    return !this.views.leads;
  }

  receive(from: Address, arrived: Message): void {
    const message = this.context.bodies.admit(from, arrived);
    if (message === null) return;
    if (message.kind === "request") {
      if (!this.start.running) return this.context.host.drop(NOT_RUNNING);
      return this.normal.onRequest(from, message.request, "client");
    }
    if (from >= this.context.config.n) return this.context.host.drop(STRANGER);
    switch (message.kind) {
      case "prepareOk":
        if (!this.#follows(from, message.view)) return;
        return this.normal.onPrepareOk(from, message);
      case "prepare":
        if (!this.#follows(from, message.view)) return;
        return this.normal.onPrepare(from, message);
      case "commit":
        if (!this.#follows(from, message.view)) return;
        return this.normal.onCommit(from, message);
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

  /** Whether this replica takes part, and the message is not of an earlier view than its own. */
  #follows(from: Signer, view: number): boolean {
    if (this.start.running) return !this.views.leadsOn(from, view);
    this.context.host.drop(NOT_RUNNING);
    return false;
  }

  /** What only a replica that runs takes. */
  #receive(from: Signer, message: Message): void {
    switch (message.kind) {
      case "relay":
        return this.normal.onRequest(message.client, message.request, from);
      case "wish":
        return this.views.onWish(from, message);
      case "doViewChange":
        return this.views.onDoViewChange(from, message);
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

  timeout(timer: Timer): void {
    switch (timer) {
      case "view":
        return this.timer.onTimeout();
      case "flush":
        return this.normal.propose();
      case "told":
        return this.normal.onTold();
      case "tick":
        return this.catchUp.onTick();
      case "moves":
        return this.views.onMoves();
      case "fetch":
        return this.catchUp.onFetchTimer();
      case "start":
        return this.start.onTimer();
      case "bodies":
        return this.context.bodies.onTimer();
      case "checkpoint":
        return this.states.onTimer();
    }
  }

  /** The executor has become the state after `slot`. */
  onInstalled(slot: number): void {
    this.normal.onInstalled(slot);
    this.incoming.onInstalled(slot);
  }

  census(): Census {
    const { sessionsMax } = this.context.config;
    const { log, executor, pool, service, answers } = this.context;
    return {
      view: this.view,
      committed: this.normal.executed,
      executed: executor.position,
      ...this.start.progress,
      fetchedBytes: this.states.fetchedBytes,
      viewTimerMs: this.timer.lengthMs,
      sizes: [
        { name: "service.sessions", size: executor.sessions, max: sessionsMax },
        { name: "log.slots", size: log.op - log.floor, max: log.size },
        { name: "log.unexecuted bytes", size: log.unexecutedBytes, max: log.size * FOOTPRINT_MAX },
        ...pool.sizes,
        ...this.context.bodies.sizes,
        ...service.sizes,
        ...answers.sizes,
        ...this.normal.sizes,
        ...this.incoming.sizes,
        ...this.views.sizes,
        ...this.states.sizes,
        ...this.start.sizes,
      ],
    };
  }

  assertInvariants(): void {
    const { view, lastNormal } = this.views;
    const { executed } = this.normal;
    const { log } = this.context;
    const before = this.#before;
    assert(view >= before.view, "views never fall");
    assert(lastNormal >= before.lastNormal, "a log is not that of an earlier view again");
    assert(executed >= before.executed, "executions never fall");
    assert(log.floor >= before.floor, "a floor never falls");
    assert(log.floor <= executed && executed <= log.op, "what is executed is in the log");
    assert(!this.states.diverged, "equal logs give equal states");
    this.views.assertInvariants();
    this.#before = { view, lastNormal, executed, floor: log.floor };
  }
}
