// How replicas that start agree on a fresh name for their run, or learn that of the run that there
// is (docs/guarantees.md, X15). One agreement in attempts, with locks and two votes, among lives
// that have no memory: a life takes part only for a list that has its own nonce, so that nothing
// signed before it started can matter to it.

import type { Bytes, Refusal, Signer } from "../../actor.ts";
import { EMPTY, equal } from "../../wire.ts";
import {
  isMember,
  isProven,
  isWholeList,
  listOf,
  nameOf,
  votesFor,
  NONCE_LENGTH,
  type ConfirmMessage,
  type LifeMessage,
  type ListCertificate,
  type ListMessage,
  type NamingMessage,
  type NextMessage,
  type ReadyMessage,
  type StartMessage,
} from "./naming-messages.ts";
import { drawNonce } from "./nonce.ts";
import type { NamingOptions } from "./naming-options.ts";
import { certificateOf } from "./quorum.ts";
import { StartTurns } from "./start-turns.ts";

/** How often START and NEXT are sent again, in view timeouts; all other times are multiples. */
export const NAMING_TICK = 1 / 2;
/** How long a life waits for all others before n - f of them suffice, in view timeouts. */
const START_WAIT_TIMEOUTS = 4;
/** View timeouts of the first attempt, and how often later ones are twice as long. */
const ATTEMPT_TIMEOUTS = 2;
const DOUBLINGS_MAX = 4;
/** From then on any list will do, and a lock holds for the attempt after its own only. */
const LOCKS_END = DOUBLINGS_MAX + 2;
export class Naming {
  readonly #options: NamingOptions;
  /** What is answered. */
  readonly #turns: StartTurns;
  /** This life's. */
  readonly nonce: Bytes;
  /** Of the run that it is in, for ever; null: it has none yet. */
  #name: Bytes | null = null;
  /** The READYs that it began with, for members that missed them. */
  #ready: ListCertificate | null = null;
  /** Lives that answered this one as nameless, itself included, and runs of those that run. */
  readonly #lives: (Bytes | undefined)[];
  readonly #runs = new Map<Signer, Bytes>();
  /** The nonce that answers must name: this life's, or in a run that of the latest question. */
  #question: Bytes;
  /** How often it asked, and the latest asking that each replica has answered. */
  #asked = 0;
  readonly #answered: number[];
  #attempt = 0;
  #attemptAtMs = 0;
  /** Since when a leader could have proposed in this attempt; Infinity: not yet. */
  #openMs = Infinity;
  /** The last attempt in which it confirmed, or gave that up by a lock. */
  #confirmedIn = -1;
  #list: ListMessage | null = null;
  #proposed: ListMessage | null = null;
  #lock: { readonly attempt: number; readonly name: Bytes } | null = null;
  #highest: ListCertificate | null = null;
  readonly #confirms: (ConfirmMessage | undefined)[];
  readonly #readies: (ReadyMessage | undefined)[];
  readonly #wishes: number[];

  constructor(options: NamingOptions) {
    this.#options = options;
    const { self, n } = options;
    this.#turns = new StartTurns(options);
    this.#answered = new Array<number>(n).fill(0);
    this.nonce = this.drawNonce(self);
    this.#question = this.nonce;
    this.#lives = new Array<Bytes | undefined>(n).fill(undefined);
    this.#lives[self] = this.nonce;
    this.#confirms = new Array<ConfirmMessage | undefined>(n).fill(undefined);
    this.#readies = new Array<ReadyMessage | undefined>(n).fill(undefined);
    this.#wishes = new Array<number>(n).fill(0);
  }

  get name(): Bytes | null {
    return this.#name;
  }
  /** Replicas that have not answered. */
  get missing(): readonly Signer[] {
    const all = Array.from({ length: this.#options.n }, (_, i) => i);
    return all.filter((i) => this.#lives[i] === undefined && !this.#runs.has(i));
  }

  /** Is in this run from the start, without asking anybody. */
  enter(name: Bytes): void {
    this.#name = name;
  }

  /** Every half view timeout, from the start until it has a name: asks, and asks again. */
  tick(): void {
    const { host, viewTimeoutMs } = this.#options;
    this.#asked++;
    host.send("others", this.#start());
    this.#repeat();
    this.#propose();
    const doublings = Math.min(this.#attempt, DOUBLINGS_MAX);
    const lastsMs = ATTEMPT_TIMEOUTS * viewTimeoutMs * 2 ** doublings;
    if (host.now - this.#openMs >= lastsMs) this.#wish(this.#attempt + 1);
  }

  /** Asks anew, in a run, which run the others are in. */
  askAnew(): void {
    const { host, self } = this.#options;
    this.#question = this.drawNonce(self);
    this.#asked++;
    this.#runs.clear();
    host.send("others", this.#start());
  }

  #start(): StartMessage {
    const { self } = this.#options;
    const runs = this.#name !== null;
    return { kind: "start", replica: self, nonce: this.#question, asked: this.#asked, runs };
  }

  /** Why the message changes nothing; asked before its signatures are checked. */
  refuse(message: NamingMessage, running: boolean): Refusal | null {
    const { n, self, host } = this.#options;
    const { replica } = message;
    if (replica >= n) return "not admitted: of no replica";
    if (message.kind === "start") {
      if (replica === self) return "not admitted: own start";
      if (this.#name !== null && !running) return "not admitted: start while this one recovers";
      return this.#turns.refuse(message, host.now);
    }
    if (message.kind === "life") return this.#refuseLife(message);
    if (this.#name !== null) return "not admitted: the run has its name";
    switch (message.kind) {
      case "list":
        return this.#refuseList(message);
      case "confirm":
        return this.#awaits(message) ? null : "not admitted: confirm that does not count";
      case "ready":
        return this.#refuseReady(message);
      case "next":
        return this.#refuseNext(message);
    }
  }

  receive(message: NamingMessage, running: boolean): void {
    const refusal = this.refuse(message, running);
    if (refusal !== null) return this.#options.host.drop(refusal);
    switch (message.kind) {
      case "start":
        return this.#onStart(message);
      case "life":
        return this.#onLife(message);
      case "list":
        return this.#onList(message);
      case "confirm":
        this.#confirms[message.replica] = message;
        return this.#countConfirms();
      case "ready":
        return this.#onReady(message);
      case "next":
        return this.#onNext(message);
    }
  }

  /**
   * Of each replica one CONFIRM of this attempt is kept, of its list once that is known: any other
   * may be one of an earlier run, which somebody recorded, and would stand in the way. Whoever sent
   * one too early sends it again.
   */
  #awaits({ replica, attempt, name }: ConfirmMessage): boolean {
    if (attempt !== this.#attempt) return false;
    if (this.#list !== null && !equal(name, nameOf(this.#list.lives))) return false;
    const known = this.#confirms[replica];
    return known === undefined || known.attempt !== attempt || !equal(known.name, name);
  }

  // Who is there.

  #onStart(message: StartMessage): void {
    const { replica, nonce, asked, runs } = message;
    const { host, self } = this.#options;
    this.#turns.spend(message, host.now);
    const name = this.#name;
    const where =
      name === null
        ? ({ kind: "nameless", own: this.nonce } as const)
        : ({ kind: "runs", name } as const);
    // A life that is news is asked at once: the start waits for its answer.
    const known = this.#lives[replica];
    if (name === null && !runs && (known === undefined || !equal(known, nonce))) {
      host.send(replica, this.#start());
    }
    const ready = this.#ready !== null && isMember(this.#ready.lives, replica, nonce);
    const shown = ready ? this.#ready : null;
    const life = { kind: "life", replica: self, to: replica, nonce, asked, where } as const;
    host.send(replica, { ...life, ready: shown });
  }

  #refuseLife(message: LifeMessage): Refusal | null {
    const { replica, to, nonce, asked, where, ready } = message;
    const { self } = this.#options;
    if (to !== self || replica === self) return "not admitted: answer to another replica";
    if (!this.isOwn(nonce) || asked > this.#asked) {
      return "not admitted: answer to another question";
    }
    if (ready !== null) {
      if (this.#name !== null) return "not admitted: the run has its name";
      return this.isCertificate(ready) ? null : "not admitted: answer with a proof of nothing";
    }
    const run = this.#runs.get(replica);
    if (where.kind === "runs") {
      return equal(run ?? EMPTY, where.name) ? "not admitted: answer that is known" : null;
    }
    if (this.#name !== null) return "not admitted: answer of one that is in no run";
    // Else what a life answered that is no more, sent again, would hide the one that is there now.
    const latest = this.#answered[replica] ?? 0;
    if (asked < latest) return "not admitted: answer that is older than another";
    // That it was nameless in a life that has begun since is older news.
    const known = equal(this.#lives[replica] ?? EMPTY, where.own);
    const old = known && (run !== undefined || asked === latest);
    return old ? "not admitted: answer that is known" : null;
  }

  /** An answer to an earlier life says nothing about now. */
  protected isOwn(nonce: Bytes): boolean {
    return equal(nonce, this.#question);
  }

  #onLife({ replica, asked, where, ready }: LifeMessage): void {
    if (ready !== null) return this.#begin(ready);
    if (where.kind === "runs") return this.#onRun(replica, where.name);
    this.#answered[replica] = asked;
    this.#runs.delete(replica);
    this.#lives[replica] = where.own;
    this.#propose();
  }

  #onRun(replica: Signer, name: Bytes): void {
    this.#runs.set(replica, name);
    let count = 0;
    for (const other of this.#runs.values()) if (equal(other, name)) count++;
    if (count < this.learnsFrom) return;
    if (this.#name === null) this.learn(name);
    else this.#options.owner.onNews(name);
  }

  /** How many must say that they run: left over from a dead run, and lying, may be 2f. */
  protected get learnsFrom(): number {
    return this.votesMin;
  }
  /** Members of a list, votes of a certificate. */
  protected get votesMin(): number {
    return this.#options.n - this.#options.f;
  }

  // Attempts.

  /** Whether a leader could propose in this attempt, as far as this life knows. */
  #mayPropose(): boolean {
    const { host, n, viewTimeoutMs } = this.#options;
    const waitMs = this.#attempt === 0 ? 0 : NAMING_TICK * viewTimeoutMs;
    if (host.now - this.#attemptAtMs < waitMs) return false;
    if (this.#highest !== null && this.#holds(this.#highest)) return true;
    const known = n - this.#lives.filter((life) => life === undefined).length;
    const waited = host.now >= START_WAIT_TIMEOUTS * viewTimeoutMs;
    return known === n || (waited && known >= this.votesMin);
  }

  #propose(): void {
    if (this.#name !== null || !this.#mayPropose()) return;
    const { host, n, self } = this.#options;
    this.#openMs = Math.min(this.#openMs, host.now);
    if (this.#attempt % n !== self || this.#proposed !== null) return;
    const confirmed = this.#highest !== null && this.#holds(this.#highest) ? this.#highest : null;
    const lives = confirmed?.lives ?? listOf(this.#lives);
    this.#proposed = { kind: "list", replica: self, attempt: this.#attempt, lives, confirmed };
    host.send("all", this.#proposed);
  }

  /** Why a list is not confirmed. */
  #refuseList({ replica, attempt, lives, confirmed }: ListMessage): Refusal | null {
    if (attempt !== this.#attempt || replica !== attempt % this.#options.n) {
      return "not admitted: list of another attempt";
    }
    if (this.#confirmedIn >= attempt || !this.isList(lives)) {
      return "not admitted: list that cannot be confirmed";
    }
    if (confirmed !== null) {
      const older = confirmed.attempt < attempt && equal(confirmed.lives, lives);
      if (!older || !this.isCertificate(confirmed)) {
        return "not admitted: list with another's certificate";
      }
    }
    const name = nameOf(lives);
    const lock = this.#lock !== null && this.#holds(this.#lock) ? this.#lock : null;
    if (!this.mayConfirm(lock, name, confirmed)) return "not admitted: list against a lock";
    const bound = confirmed !== null || (lock !== null && equal(lock.name, name));
    if (bound || attempt >= LOCKS_END || !this.#lacks(lives)) return null;
    return "not admitted: list without one that is there";
  }

  #onList(message: ListMessage): void {
    const { attempt, lives, confirmed } = message;
    const name = nameOf(lives);
    if (confirmed !== null) this.#certified(confirmed);
    this.#confirmedIn = attempt;
    this.#list = message;
    const { self, host } = this.#options;
    host.send("all", { kind: "confirm", replica: self, attempt, name });
    this.onConfirmed(lives);
    this.#countConfirms();
  }

  /**
   * Whether what was certified in an attempt still binds. A Byzantine leader can have one life
   * locked on a list without another that is there, who then cannot confirm it, and each time that
   * it leads: all others would wait for ever. Whoever has begun meanwhile has shown the others by
   * now; and if it could not, its run has too few for a quorum, because a life is in one run.
   */
  #holds({ attempt }: { readonly attempt: number }): boolean {
    return this.#attempt < LOCKS_END || attempt + 1 >= this.#attempt;
  }

  /**
   * Whether a life is not listed that this one knows. A Byzantine leader that leaves one out, and
   * then falls silent, leaves a run with too few to commit, and to be learnt of. One that tells
   * each life another nonce would have all lists refused: so this ends with the first attempts.
   */
  #lacks(lives: Bytes): boolean {
    const isMissing = (life: Bytes | undefined, i: Signer): boolean =>
      life !== undefined && !this.#runs.has(i) && !isMember(lives, i, life);
    return this.#lives.some(isMissing);
  }

  /** Only what was certified since may replace what this life is locked on. */
  protected mayConfirm(
    lock: { readonly attempt: number; readonly name: Bytes } | null,
    name: Bytes,
    confirmed: ListCertificate | null,
  ): boolean {
    if (lock === null || equal(lock.name, name)) return true;
    return confirmed !== null && confirmed.attempt >= lock.attempt;
  }

  /** For mutants, which begin here. */
  protected onConfirmed(_lives: Bytes): void {}

  /** Whether it lists enough lives, and this one in its place. */
  protected isList(lives: Bytes): boolean {
    const { n, self } = this.#options;
    return isWholeList(lives, n, this.votesMin) && isMember(lives, self, this.nonce);
  }

  /** Whether enough members voted, and this life is one. */
  protected isCertificate(certificate: ListCertificate): boolean {
    return this.isList(certificate.lives) && isProven(certificate, this.#options.n, this.votesMin);
  }

  #countConfirms(): void {
    const list = this.#list;
    if (list === null || list.attempt !== this.#attempt) return;
    const { attempt, lives } = list;
    const votes = votesFor(this.#confirms, attempt, lives);
    if (votes.length < this.votesMin) return;
    this.#certified({ attempt, lives, votes: certificateOf(votes, this.votesMin) });
  }

  /** Locks on what is certified in this attempt. */
  #certified(certificate: ListCertificate): void {
    const { attempt, lives } = certificate;
    const name = nameOf(lives);
    if (attempt > (this.#highest?.attempt ?? -1)) this.#highest = certificate;
    if (attempt !== this.#attempt || this.#lockAttempt >= attempt) return;
    this.#lock = { attempt, name };
    this.#confirmedIn = Math.max(this.#confirmedIn, attempt);
    this.onLocked(certificate);
    const { self, host } = this.#options;
    host.send("all", { kind: "ready", replica: self, attempt, name, confirmed: certificate });
  }

  /** For mutants, which begin here. */
  protected onLocked(_certificate: ListCertificate): void {}

  #refuseReady({ replica, attempt, name, confirmed }: ReadyMessage): Refusal | null {
    if (attempt <= (this.#readies[replica]?.attempt ?? -1)) return "not admitted: ready again";
    const fits = confirmed.attempt === attempt && equal(nameOf(confirmed.lives), name);
    if (fits && this.isCertificate(confirmed)) return null;
    return "not admitted: ready without its certificate";
  }

  #onReady(message: ReadyMessage): void {
    const { attempt, confirmed } = message;
    this.#readies[message.replica] = message;
    this.#certified(confirmed);
    const { lives } = confirmed;
    const votes = votesFor(this.#readies, attempt, lives);
    if (votes.length < this.votesMin) return;
    this.#begin({ attempt, lives, votes: certificateOf(votes, this.votesMin) });
  }

  /** A life that this one has not heard may have signed its NEXTs in an earlier run. */
  protected countsWish({ replica, nonce }: NextMessage): boolean {
    const life = this.#lives[replica];
    return life !== undefined && equal(life, nonce);
  }

  /** A correct life's certificate may be of a list without this one, which then has the wish. */
  #refuseNext(message: NextMessage): Refusal | null {
    const { replica, attempt, confirmed } = message;
    if (!this.countsWish(message)) return "not admitted: next of an unknown life";
    if (confirmed !== null && !isProven(confirmed, this.#options.n, this.votesMin)) {
      return "not admitted: next with a proof of nothing";
    }
    if (attempt > (this.#wishes[replica] ?? 0)) return null;
    if (confirmed !== null && this.isCertificate(confirmed)) {
      const locks = confirmed.attempt === this.#attempt && confirmed.attempt > this.#lockAttempt;
      if (locks || confirmed.attempt > (this.#highest?.attempt ?? -1)) return null;
    }
    return "not admitted: next that is known";
  }

  get #lockAttempt(): number {
    return this.#lock?.attempt ?? -1;
  }

  #onNext({ replica, attempt, confirmed }: NextMessage): void {
    if (confirmed !== null && this.isCertificate(confirmed)) this.#certified(confirmed);
    if (attempt <= (this.#wishes[replica] ?? 0)) return;
    this.#wishes[replica] = attempt;
    this.#countWishes();
    this.#propose();
  }

  #countWishes(): void {
    const { n, f, self } = this.#options;
    const highest = this.#wishes.toSorted((a, b) => b - a);
    const some = highest[f] ?? 0;
    if (some > (this.#wishes[self] ?? 0)) this.#wish(some);
    const most = highest[n - f - 1] ?? 0;
    if (most > this.#attempt) this.#enterAttempt(most);
  }

  #wish(attempt: number): void {
    const { self, host } = this.#options;
    const wished = Math.max(attempt, this.#wishes[self] ?? 0);
    const confirmed = this.#highest;
    const { nonce } = this;
    this.#wishes[self] = wished;
    host.send("others", { kind: "next", replica: self, nonce, attempt: wished, confirmed });
    this.#countWishes();
  }

  #enterAttempt(attempt: number): void {
    this.#attempt = attempt;
    this.#attemptAtMs = this.#options.host.now;
    this.#openMs = Infinity;
    this.#list = null;
    this.#proposed = null;
  }

  /** What was lost on its way goes once more. */
  #repeat(): void {
    const { host, self } = this.#options;
    if (this.#proposed !== null) host.send("others", this.#proposed);
    for (const own of [this.#confirms[self], this.#readies[self]]) {
      if (own?.attempt === this.#attempt) host.send("others", own);
    }
  }

  // How it ends.

  #begin(ready: ListCertificate): void {
    this.#ready = ready;
    this.beginIn(nameOf(ready.lives));
  }

  protected beginIn(name: Bytes): void {
    if (this.#name !== null) return;
    this.#name = name;
    this.#options.owner.onBegin(name);
  }

  protected learn(name: Bytes): void {
    this.#name = name;
    this.#options.owner.onLearn(name);
  }

  /** A fresh nonce, of a life or of a question of this replica. */
  protected drawNonce(_self: Signer): Bytes {
    return drawNonce(NONCE_LENGTH, (bound) => this.#options.host.random(bound));
  }
}
