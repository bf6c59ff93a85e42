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
import { equal, type Reader } from "../../wire.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { Checkpoints, WATERMARK_INTERVALS } from "../kit/checkpoint.ts";
import { CONTEXT_PARTS, contextOf } from "../kit/context.ts";
import { isNaming } from "../kit/naming-messages.ts";
import { LARGE_MESSAGE } from "../kit/messages.ts";
import { Recovery } from "../kit/recovery.ts";
import type { Own } from "../kit/state-assembly.ts";
import { StateSync } from "../kit/state-sync.ts";
import { CatchUp } from "./catch-up.ts";
import { GENESIS_HASH, qcProofs, tcProofs } from "./certificate.ts";
import type { ChainContext, Timer } from "./context.ts";
import { Leaders } from "./leaders.ts";
import { trailMax } from "./lineage.ts";
import { Tree } from "./log.ts";
import { proposedIn, type Message, type Position, type VoteMessage } from "./message.ts";
import { NormalCase, UNCOMMITTED_MAX } from "./normal.ts";
import type { ChainRules } from "./rules.ts";
import { Start } from "./start.ts";
import { Pacemaker } from "./view-change.ts";

/** What a replica is made of; tests hand in others. */
const PARTS = {
  ...CONTEXT_PARTS,
  Recovery,
  Leaders,
  NormalCase,
  Pacemaker,
  Start,
};
export type Parts = typeof PARTS & { readonly rules: ChainRules };

/**
 * Checkpoint intervals for which executed blocks are kept while no checkpoint becomes stable, and
 * beside them those that one commit may execute.
 */
const KEPT_INTERVALS = WATERMARK_INTERVALS + 1;
/** Own snapshots at a time: more above the stable checkpoint than votes are kept are of no use. */
const SNAPSHOTS_MAX = 8;

/**
 * A replica of HotStuff (Yin et al., PODC '19, arXiv 1803.05069) or of a protocol that differs from
 * it in its rules. Parts: proposals, votes, locks and commits in normal.ts, by the rules of
 * rules.ts; views in view-change.ts, missing blocks and state transfer in catch-up.ts, the start in
 * start.ts.
 */
export class ChainedReplica implements Replica<Message, Timer> {
  readonly normal: NormalCase;
  readonly pacemaker: Pacemaker;
  readonly catchUp: CatchUp;
  readonly start: Start;
  readonly sync: StateSync;
  readonly context: ChainContext;
  /** What assertInvariants saw last. */
  #before = {
    view: 0,
    height: 0,
    votedView: 0,
    lastVote: null as VoteMessage | null,
    lockView: 0,
    highQcView: 0,
  };

  constructor(
    self: Signer,
    config: ProtocolConfig,
    host: Host<Message, Timer>,
    app: App,
    others: Partial<Parts> & Pick<Parts, "rules">,
  ) {
    const parts: Parts = { ...PARTS, ...others };
    const { n, checkpointInterval } = config;
    const { rules } = parts;
    const kept = KEPT_INTERVALS * checkpointInterval + UNCOMMITTED_MAX;
    const tree = new Tree(GENESIS_HASH, kept, rules, trailMax(config.f));
    const leaders = new parts.Leaders(config, rules.chain, tree);
    const shared = contextOf<Message, Timer>(self, config, host, app, parts, this);
    const context = { ...shared, tree, rules, leaders };
    const { quorums } = context;
    this.context = context;
    const random = (bound: number) => host.random(bound);
    const { viewTimeoutMs } = config;
    const recovery = new parts.Recovery<Position>({ quorums, self, random, viewTimeoutMs });
    this.normal = new parts.NormalCase(context, this);
    this.pacemaker = new parts.Pacemaker(context, this);
    this.catchUp = new CatchUp(context, this);
    this.start = new parts.Start(context, this, { recovery, Naming: parts.Naming });
    const checkpoints = new Checkpoints(quorums, checkpointInterval, SNAPSHOTS_MAX);
    const { catchUp: owner } = this;
    const { answers, versions } = context;
    const assembly = (own: Own) => new parts.StateAssembly(own);
    const common = { self, n, host, answers, versions, checkpoints, checkpointInterval };
    this.sync = new StateSync({ ...common, owner, assembly });
    this.start.starter.start();
  }

  get view(): number {
    return this.pacemaker.view;
  }
  get run(): Bytes | null {
    return this.start.starter.run;
  }

  receive(from: Address, message: Message): void {
    if (isNaming(message)) {
      this.start.starter.onNaming(message);
      return this.pacemaker.watch();
    }
    const outside = this.start.starter.refuse();
    if (outside !== null) return this.context.host.drop(outside);
    switch (message.kind) {
      case "request":
        return this.normal.onRequest(from, message.request, "client");
      case "relay":
        if (from >= this.context.config.n) return this.context.host.drop(RELAYED_BY_A_STRANGER);
        return this.normal.onRequest(message.client, message.request, from);
      case "reply":
      case "opened":
      case "gone":
        return;
      case "fetch":
        return this.catchUp.onFetch(from, message);
      case "checkpoint":
        return this.sync.onCheckpoint(message);
      case "stable":
        return this.sync.onStable(from, message);
      case "fetchState":
        return this.sync.onFetchState(from, message);
      case "recover":
        return this.start.starter.onRecover(message);
      case "propose":
        this.normal.onPropose(from, message);
        break;
      case "vote":
        this.normal.onVote(from, message);
        break;
      case "timeout":
        this.pacemaker.onTimeout(from, message);
        break;
      case "entry":
        this.pacemaker.onEntry(from, message);
        break;
      case "block":
        this.catchUp.onBlock(from, message);
        break;
      case "state":
        this.sync.onState(from, message);
        break;
      case "answer":
        this.start.onAnswer(from, message);
    }
    this.start.advance();
    this.pacemaker.watch();
  }

  timeout(timer: Timer): void {
    switch (timer) {
      case "view":
        return this.pacemaker.onTimer();
      case "listen":
        return this.pacemaker.onListened();
      case "flush":
        return this.normal.propose();
      case "watermark":
        return this.normal.voteForEarlier();
      case "fetch":
        return this.catchUp.onFetchTimer();
      case "relay":
        return this.normal.relays.onTimer();
      case "tell":
        return this.catchUp.onTellTimer();
      case "repeat":
        return this.normal.retransmission.onTimer();
      case "checkpoint":
        return this.sync.onTimer();
      case "start":
        this.start.starter.onTimer();
        this.pacemaker.watch();
    }
  }

  /** A large proposal that is not needed costs no copy of its batch, and no hash of that. */
  refuseBytes(_from: Address, input: Reader, bytes: number): Refusal | null {
    if (bytes < LARGE_MESSAGE) return null;
    const proposed = proposedIn(input);
    return proposed === null ? null : this.normal.refuseProposed(proposed);
  }

  refuse(from: Address, message: Message): Refusal | null {
    if (isNaming(message)) return this.start.starter.refuseNaming(message);
    const outside = this.start.starter.refuse();
    if (outside !== null) return outside;
    switch (message.kind) {
      case "request":
      case "relay":
        return this.context.service.refuse(message.request);
      case "reply":
      case "opened":
      case "gone":
        return "not admitted: reply to a replica";
      case "propose":
        return this.normal.refuseProposal(message);
      case "entry":
        return this.pacemaker.refuseEntry(message, from);
      case "stable":
        return this.sync.refuseStable(message);
      case "vote":
        return this.normal.refuseVote(message);
      case "checkpoint":
        return this.sync.refuseCheckpoint(message);
      case "block":
        return this.catchUp.refuseBlocks(message);
      case "timeout":
        return this.pacemaker.refuseTimeout(message, from);
      case "answer":
        return this.start.refuseAnswer(message);
      case "recover":
        return this.start.starter.refuseRecover(message);
      default:
        return null;
    }
  }

  census(): Census {
    const { tree, executor, pool, service, config } = this.context;
    return {
      view: this.view,
      committed: tree.root.height,
      executed: executor.position,
      ...this.start.starter.progress,
      fetchedBytes: this.sync.fetchedBytes,
      viewTimerMs: this.pacemaker.timerMs,
      sizes: [
        { name: "service.sessions", size: executor.sessions, max: config.sessionsMax },
        ...tree.sizes,
        ...pool.sizes,
        ...service.sizes,
        ...this.context.answers.sizes,
        ...this.normal.sizes,
        ...this.pacemaker.sizes,
        ...this.catchUp.sizes,
        ...this.sync.sizes,
      ],
    };
  }

  certificates(): readonly HeldCertificate[] {
    const { highQc } = this.normal;
    const { tc } = this.pacemaker;
    const held: HeldCertificate[] = [...this.sync.certificates];
    if (highQc.view > 0) held.push({ certificate: highQc, proofs: () => qcProofs(highQc) });
    if (tc !== null) held.push({ certificate: tc, proofs: () => tcProofs(tc) });
    for (const { block } of this.context.tree.live.values()) {
      if (block === null || block.justify.view === 0) continue;
      held.push({ certificate: block.justify, proofs: () => qcProofs(block.justify) });
    }
    return held;
  }

  assertInvariants(): void {
    const before = this.#before;
    const { votedView, lastVote, lock, highQc } = this.normal;
    const { view } = this;
    const { height } = this.context.tree.root;
    assert(view >= before.view, "views never fall");
    assert(view > highQc.view, "a view ends with its certificate");
    assert(height >= before.height, "executions never fall");
    assert(votedView >= before.votedView, "a vote is never taken back");
    if (lastVote !== null && lastVote.view === before.lastVote?.view) {
      assert(equal(lastVote.digest, before.lastVote.digest), "one block is voted for in a view");
    }
    assert((lastVote?.view ?? 0) <= votedView, "a vote is a promise");
    assert(lock.view >= before.lockView, "a lock never falls");
    assert(highQc.view >= before.highQcView, "the highest QC never falls");
    this.#before = {
      view,
      height,
      votedView,
      lastVote,
      lockView: lock.view,
      highQcView: highQc.view,
    };
  }
}

const RELAYED_BY_A_STRANGER = "not admitted: request relayed by a stranger";
