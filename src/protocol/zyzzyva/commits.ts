// How histories are committed: certificates of clients (Kotla et al., SOSP '07, section 3.2, step
// 4b), and of replicas themselves, so that what nobody certifies is committed as well. One alone
// commits nothing, because the next view change may miss the one replica that has it: it takes
// LOCAL-COMMITs of a quorum in one view.

import {
  UNNEEDED,
  type Address,
  type Admission,
  type HeldCertificate,
  type Refusal,
  type Signer,
  type Sizes,
} from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { TIMER_SLACK_MS } from "../kit/backoff.ts";
import { certificateOf, hasSigners } from "../kit/quorum.ts";
import {
  commitProofs,
  committedProofs,
  shown,
  type CommitCertificate,
  type CommittedCertificate,
  type Point,
  type ViewCertificate,
} from "./certificate.ts";
import type { ZyzzyvaContext } from "./context.ts";
import type { Entry } from "./log.ts";
import type {
  CommitMessage,
  CommittedMessage,
  HistoryMessage,
  LocalCommitMessage,
} from "./message.ts";
import { COMMIT_AT } from "./normal.ts";
import { OwedCommits } from "./owed-commits.ts";
import { Chain } from "./selection.ts";
import type { Followed } from "./adoption.ts";
import type { ZyzzyvaService } from "./service.ts";
import { PointVotes } from "./votes.ts";

/**
 * HISTORYs of one signer that are kept. Of LOCAL-COMMITs a window's worth are: clients have many
 * slots certified at a time, which replicas hear of in orders of their own.
 */
const HISTORIES_MAX = 4;
/** How often the primary asks for commits, in view timeouts. */
const COMMIT_PAUSE = 1 / 8;
/** The same for new sessions, once so many times were used up, and in milliseconds. */
const OPEN_PAUSE = 1 / 64;
const OPEN_PAUSE_MAX_MS = 10;
const OPENS_SAVED_MAX = 8;

/** What committing asks of its replica. */
export interface CommitsOwner {
  readonly views: {
    readonly view: number;
    readonly active: boolean;
    readonly leads: boolean;
    readonly primary: Signer;
    readonly entered: ViewCertificate;
  };
  readonly adoption: { follow(followed: Followed): void };
  readonly normal: {
    readonly committed: number;
    readonly executed: number;
    readonly uncommittedBytes: number;
    commit(slot: number): void;
  };
  readonly hates: { onDivergence(other: Signer, slot: number): void };
  readonly holes: { watch(): void };
  readonly catchUp: { wake(): void };
}

export class Commits {
  protected readonly context: ZyzzyvaContext;
  protected readonly owner: CommitsOwner;
  readonly #service: ZyzzyvaService;
  protected readonly histories: PointVotes<HistoryMessage>;
  protected readonly localCommits: PointVotes<LocalCommitMessage>;
  /** The longest certificate of the active view. */
  #certificate: CommitCertificate | null = null;
  /** One of the active view for what is not executed here yet. */
  #early: CommitCertificate | null = null;
  /** What the last commit followed from, and one that this replica cannot follow yet. */
  #committed: CommittedCertificate | null = null;
  #awaited: CommittedCertificate | null = null;
  readonly #owed = new OwedCommits();
  /** What the primary wants committed that is not executed here yet. */
  #wanted: HistoryMessage | null = null;
  /** Histories that were said again for the primary since when. */
  #answered = { sinceMs: -Infinity, count: 0 };
  #timerSet = false;
  /** Whether it goes off for new sessions. */
  #urged = false;
  /** When new sessions may be committed next, or how long ago if some times are saved up. */
  #opensDueMs = -Infinity;
  /** The last slot that opens a session. */
  #urgent = 0;
  /** The last slot that this replica had committed as the primary, and when. */
  #asked = { slot: 0, atMs: -Infinity };

  constructor(context: ZyzzyvaContext, owner: CommitsOwner, service: ZyzzyvaService) {
    const { n } = context.config;
    this.#service = service;
    this.context = context;
    this.owner = owner;
    this.histories = new PointVotes(n, HISTORIES_MAX);
    this.localCommits = new PointVotes(n, context.log.size);
  }

  get certificate(): CommitCertificate | null {
    return this.#certificate;
  }
  get committed(): CommittedCertificate | null {
    return this.#committed;
  }
  get sizes(): Sizes {
    return [
      { name: "commits.histories", size: this.histories.size, max: HISTORIES_MAX },
      { name: "commits.local commits", size: this.localCommits.size, max: this.context.log.size },
      ...this.#owed.sizesOf(this.context.log.size),
    ];
  }
  get certificates(): readonly HeldCertificate[] {
    const held: HeldCertificate[] = [];
    const [certificate, committed] = [this.#certificate, this.#committed];
    if (certificate !== null) held.push({ certificate, proofs: () => commitProofs(certificate) });
    if (committed !== null) {
      held.push({ certificate: committed, proofs: () => committedProofs(committed) });
    }
    return held;
  }

  // Certificates of clients.

  /** Why a certificate of a client changes nothing, or is none; or whether none is needed. */
  refuseCommit(message: CommitMessage): Admission {
    const { quorums, log } = this.context;
    const { view, active } = this.owner.views;
    const { slot, votes } = message;
    if (votes !== null && !hasSigners(votes, quorums.quorum)) {
      return "not admitted: commit certificate without a quorum";
    }
    if (!this.isOfView(message) || !active) {
      if (message.view < view) coverageMark("zyzzyva: a certificate of an earlier view is refused");
      return "not admitted: commit certificate of another view";
    }
    if (this.isCovered(message)) return UNNEEDED;
    return log.contains(slot) ? null : "not admitted: commit certificate outside the window";
  }

  /**
   * Whether what the certificate is to show follows from what is known here: its history is a part
   * of that which a longer one shows, or which the view began with, or it is gone and only what is
   * known to be committed is told. So the clients of a batch share one check.
   */
  protected isCovered({ slot, history, named }: CommitMessage): boolean {
    const { log } = this.context;
    if (slot <= log.low) return named !== null;
    if (!log.passes(slot, history)) return false;
    // A state that came from others may be of another history than what was shown.
    const shows = (point: Point | null) =>
      point !== null && slot <= point.slot && log.passes(point.slot, point.history);
    return shows(this.#certificate) || shows(this.owner.views.entered);
  }

  /** Whether the certificate is of the view that this replica is in. */
  protected isOfView({ view }: Point): boolean {
    return view === this.owner.views.view;
  }

  onCommit(from: Address, message: CommitMessage): void {
    const { host, config, log } = this.context;
    const admission = this.refuseCommit(message);
    const client = from < config.n ? null : from;
    const { slot, named, votes } = message;
    if (admission === UNNEEDED) {
      coverageMark("zyzzyva: a certificate needs no check");
      const entry = log.at(slot);
      if (entry !== undefined) this.#localCommit(entry, client);
      // Its history is gone, and what it names may be known to be committed.
      else if (client !== null && named !== null) this.#service.tellCommitted(client, named);
      return;
    }
    if (admission !== null) return host.drop(admission);
    if (votes === null) return host.drop("not admitted: certificate that is needed by now");
    this.#onCertificate(shown(message), client);
  }

  /** The certificate is of the active view, and its signatures hold. */
  #onCertificate(certificate: CommitCertificate, client: Address | null): void {
    const { log } = this.context;
    const { slot, history } = certificate;
    const entry = log.at(slot);
    if (entry === undefined) {
      if (slot > log.last && slot > (this.#early?.slot ?? 0)) this.#early = certificate;
      return this.owner.holes.watch();
    }
    if (!equal(entry.history, history)) {
      coverageMark("zyzzyva: a certificate for another history");
      for (const signer of certificate.votes.signers) this.owner.hates.onDivergence(signer, slot);
      return;
    }
    this.#store(certificate);
    this.#localCommit(entry, client);
  }

  #store(certificate: CommitCertificate): void {
    if (certificate.slot > (this.#certificate?.slot ?? 0)) this.#certificate = certificate;
  }

  /** Says once that the slot's certificate is here; the client hears that when it is signed. */
  #localCommit(entry: Entry, client: Address | null): void {
    const { self: replica, host } = this.context;
    const { slot, history, localCommit } = entry;
    if (client !== null) {
      if (localCommit?.seal !== undefined) return host.send(client, localCommit);
      this.#owed.add(slot, client, this.context.log);
    }
    if (localCommit !== null) return;
    const { view } = this.owner.views;
    const message = { kind: "localCommit", replica, view, slot, history } as const;
    entry.localCommit = message;
    host.send("all", message);
    this.onOwnWord(slot);
  }

  /** A certificate for the slot is here, which commits nothing. */
  protected onOwnWord(_slot: number): void {}

  // What replicas say to each other.

  /** A slot was executed in the active view. */
  onExecuted(entry: Entry): void {
    const { config, executor, pool } = this.context;
    const { views, normal } = this.owner;
    const { slot, batch } = entry;
    const early = this.#early;
    if (early?.slot === slot) {
      this.#early = null;
      this.#onCertificate(early, null);
    }
    if (slot % config.checkpointInterval === 0) this.#say(entry);
    const wanted = this.#wanted;
    if (wanted?.slot === slot) {
      this.#wanted = null;
      if (wanted.view === views.view) this.onHistoryWanted(wanted);
    }
    this.#tryCommit(slot);
    this.follow();
    if (!views.leads) return;
    const half = normal.uncommittedBytes > pool.underWayMax / 2;
    const opens = batch.requests.some(({ session }) => session === 0);
    // Its client cannot go on before that is committed.
    if (opens) this.#urgent = slot;
    if (half || executor.speculated >= COMMIT_AT) this.request();
    else if (opens) this.#urge();
    else this.#setTimer();
  }

  /** Has new sessions committed: seldom, if there are many, because anybody opens any number. */
  #urge(): void {
    const leftMs = this.#opensDueMs - this.context.host.now;
    if (leftMs <= TIMER_SLACK_MS) return this.#commitOpens();
    if (this.#urged) return;
    this.#urged = true;
    this.#timerSet = true;
    this.context.host.setTimer("commit", leftMs);
  }

  #commitOpens(): void {
    const { host, config } = this.context;
    const pauseMs = Math.min(OPEN_PAUSE * config.viewTimeoutMs, OPEN_PAUSE_MAX_MS);
    const savedMs = (OPENS_SAVED_MAX - 1) * pauseMs;
    this.#opensDueMs = Math.max(this.#opensDueMs, host.now - savedMs) + pauseMs;
    this.request();
  }

  #setTimer(): void {
    const { host, config } = this.context;
    if (this.#timerSet || !this.#lags) return;
    this.#timerSet = true;
    host.setTimer("commit", COMMIT_PAUSE * config.viewTimeoutMs);
  }

  get #lags(): boolean {
    const { views, normal } = this.owner;
    return views.leads && normal.executed > normal.committed;
  }

  /** The timer "commit": what was executed is to be committed. */
  onTimer(): void {
    const urged = this.#urged;
    this.#timerSet = this.#urged = false;
    if (!this.#lags) return;
    if (urged) this.#commitOpens();
    else this.request();
    this.#setTimer();
  }

  /** Has all that was executed committed, as the primary; asks again after a while. */
  request(): void {
    const { log, host, config } = this.context;
    const entry = log.at(this.owner.normal.executed);
    this.#setTimer();
    if (entry === undefined || !this.#lags) return;
    const pauseMs = COMMIT_PAUSE * config.viewTimeoutMs;
    const { slot, atMs } = this.#asked;
    // Another round begins when the last one is over, or seems to be lost.
    if (slot > this.owner.normal.committed && host.now - atMs < pauseMs / 2) return;
    this.#asked = { slot: entry.slot, atMs: host.now };
    this.#say(entry);
  }

  /** Says which history was executed up to a slot; the same bytes if it was said before. */
  #say({ slot, history }: Entry): void {
    const { self: replica, host } = this.context;
    const { view, active } = this.owner.views;
    if (!active) return;
    const said = this.histories
      .of(replica)
      .find((vote) => vote.view === view && vote.slot === slot && equal(vote.history, history));
    if (said !== undefined) host.send("others", said);
    else host.send("all", { kind: "history", replica, view, slot, history });
  }

  /** Why a HISTORY changes nothing. */
  refuseHistory(message: HistoryMessage): Refusal | null {
    const { log } = this.context;
    const { views } = this.owner;
    const { view, slot } = message;
    if (view !== views.view || !views.active) return "not admitted: history of another view";
    if (!log.contains(slot)) return "not admitted: history outside the window";
    if (this.histories.isNew(message) || this.#isWanted(message)) return null;
    return "not admitted: history that was counted";
  }

  /** Whether the primary asks that this replica speaks as well. */
  #isWanted({ replica }: HistoryMessage): boolean {
    const { views } = this.owner;
    return replica === views.primary && replica !== this.context.self;
  }

  onHistory(message: HistoryMessage): void {
    const { log, host } = this.context;
    const refusal = this.refuseHistory(message);
    if (refusal !== null) return host.drop(refusal);
    const { replica, slot, history } = message;
    this.histories.add(message);
    const entry = log.at(slot);
    if (entry !== undefined && !equal(entry.history, history)) {
      this.owner.hates.onDivergence(replica, slot);
      return;
    }
    if (this.#isWanted(message)) {
      if (entry === undefined) this.#wanted = message;
      else this.onHistoryWanted(message);
    }
    this.#tryCommit(slot);
  }

  /** Speaks for the slot that the primary wants committed, a few times in a while. */
  protected onHistoryWanted({ slot }: HistoryMessage): void {
    const { log, host, config } = this.context;
    const entry = log.at(slot);
    if (entry === undefined) return;
    if (host.now - this.#answered.sinceMs >= COMMIT_PAUSE * config.viewTimeoutMs) {
      this.#answered = { sinceMs: host.now, count: 0 };
    }
    const spoken = this.histories.of(this.context.self).some((vote) => vote.slot === slot);
    if (spoken && ++this.#answered.count > 2) return;
    this.#say(entry);
    if (entry.localCommit?.seal !== undefined) host.send("others", entry.localCommit);
  }

  /** HISTORYs of a quorum are a certificate. */
  #tryCommit(slot: number): void {
    const { log, quorums } = this.context;
    const { view } = this.owner.views;
    const entry = log.at(slot);
    if (entry === undefined || entry.localCommit !== null) return;
    const votes = this.histories.matching(view, slot, entry.history);
    if (votes.length < quorums.quorum) return;
    const { history } = entry;
    const certificate = certificateOf(votes, quorums.quorum);
    this.#store({ view, slot, history, named: null, votes: certificate });
    this.#localCommit(entry, null);
  }

  // LOCAL-COMMITs.

  /** Why a LOCAL-COMMIT changes nothing. */
  refuseLocalCommit(message: LocalCommitMessage): Refusal | null {
    if (message.replica === this.context.self) return null;
    if (message.slot <= this.owner.normal.committed) {
      return "not admitted: local commit of a slot that is committed";
    }
    return this.localCommits.isNew(message) ? null : "not admitted: local commit that was counted";
  }

  onLocalCommit(message: LocalCommitMessage): void {
    const { host, self, log, quorums } = this.context;
    const refusal = this.refuseLocalCommit(message);
    if (refusal !== null) return host.drop(refusal);
    const { view, slot, history } = message;
    if (message.replica === self) {
      const entry = log.at(slot);
      if (entry !== undefined && view === this.owner.views.view && equal(entry.history, history)) {
        if (entry.localCommit !== null) entry.localCommit = message;
      }
      for (const client of this.#owed.take(slot)) host.send(client, message);
    }
    if (slot <= this.owner.normal.committed || !this.localCommits.add(message)) return;
    const votes = this.matching(message);
    if (votes.length < quorums.quorum) return;
    const commits = certificateOf(votes, quorums.quorum);
    this.#onProven({ view, slot, history, commits });
  }

  /** LOCAL-COMMITs that count together: those of one view. */
  protected matching({ view, slot, history }: LocalCommitMessage): LocalCommitMessage[] {
    return this.localCommits.matching(view, slot, history);
  }

  /** Why a COMMITTED changes nothing, or proves nothing. */
  refuseCommitted({ certificate }: CommittedMessage): Refusal | null {
    if (certificate.slot <= this.owner.normal.committed) {
      return "not admitted: committed history that is known";
    }
    return hasSigners(certificate.commits, this.context.quorums.quorum)
      ? null
      : "not admitted: committed history without a quorum";
  }

  onCommitted(message: CommittedMessage): void {
    const refusal = this.refuseCommitted(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    coverageMark("zyzzyva: a commit is learnt from another replica");
    const { certificate, digests } = message;
    this.#onProven(certificate);
    const first = certificate.slot - digests.length;
    const history = first < this.context.log.low ? undefined : this.context.log.digestAt(first);
    if (history === undefined || first > this.owner.normal.committed) return;
    const chain = new Chain(first, history, digests);
    const { slot } = certificate;
    if (chain.passes(slot, certificate.history)) this.owner.adoption.follow({ chain, slot });
  }

  #onProven(certificate: CommittedCertificate): void {
    if (certificate.slot > (this.#awaited?.slot ?? 0)) this.#awaited = certificate;
    this.follow();
    if (this.#awaited === null) return;
    this.owner.catchUp.wake();
    this.owner.holes.watch();
  }

  /** Commits what is known to be committed elsewhere, once it is executed here. */
  follow(): void {
    const certificate = this.#awaited;
    if (certificate === null) return;
    const { normal } = this.owner;
    if (certificate.slot <= normal.committed) this.#awaited = null;
    else if (this.context.log.passes(certificate.slot, certificate.history)) {
      this.#awaited = null;
      this.#committed = certificate;
      normal.commit(certificate.slot);
      this.localCommits.forget(certificate.slot);
      if (this.#urgent > normal.committed) this.#urge();
    }
  }

  /** What is known to be committed and is not in this replica's history. */
  get awaited(): Point | null {
    return this.#awaited;
  }

  /** A slot of the active view that a quorum has executed, as a certificate shows; or 0. */
  get executedByOthers(): number {
    const { view } = this.owner.views;
    const slotOf = (point: Point | null) => (point?.view === view ? point.slot : 0);
    return Math.max(slotOf(this.#early), slotOf(this.#awaited));
  }

  /** A view begins here: certificates of earlier ones are nothing. */
  onEntered(): void {
    this.#certificate = null;
    this.#early = null;
    this.#wanted = null;
    this.#owed.clear();
    this.follow();
    if (this.#lags) this.request();
  }

  /** What was executed has become less, or is another history. */
  onRolledBack(): void {
    this.#early = null;
  }
}
