// How a replica starts where replicas crash and lose their memory, and nobody lies: at genesis with
// others that start, or by recovering what an earlier life of it may have promised
// (docs/guarantees.md, V16 to V18). Nothing is signed, so that runs have no names.

import type { Bytes, Census, Host, Quorums, Refusal, Signer, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { EMPTY, equal } from "../../wire.ts";
import {
  NO_NONCE,
  type AnswerMessage,
  type AskMessage,
  type RenewedMessage,
  type RenewMessage,
  type StartingMessage,
  type StartMessage,
} from "./crash-start-messages.ts";
import type { Incarnations } from "./incarnation.ts";
import { RECOVERY_NONCE_LENGTH } from "./messages.ts";
import { drawNonce } from "./nonce.ts";

/** Pauses between questions, in view timeouts. */
const ASK_PAUSE = 1 / 8;
/** View timeouts after which fewer than all replicas may begin. */
const BEGIN_TIMEOUTS = 4;
/** View timeouts in which the log of the leader that answered has to come, piece after piece. */
const FETCH_TIMEOUTS = 1;
/** View timeouts in which one replica that recovers is work for the others once. */
const WORK_TIMEOUTS = 10;

const NOT_ASKED: Refusal = "not admitted: answer to another question";

/** Another replica that starts as well: the question after which it was heard of, and the last. */
interface Starter {
  readonly life: Bytes;
  readonly first: number;
  last: number;
}

/** An answer of another replica. */
export type Answered<P> = AnswerMessage<P> & { readonly replica: Signer };

interface StartContext<P> {
  readonly self: Signer;
  readonly config: ProtocolConfig;
  readonly quorums: Quorums;
  readonly host: Pick<
    Host<StartMessage<P>, "start">,
    "send" | "setTimer" | "drop" | "now" | "random"
  >;
  readonly incarnations: Incarnations;
}

/** What a start asks of its replica. */
interface CrashStartOwner {
  readonly catchUp: { wake(): void };
  readonly incoming: { readonly active: boolean; stop(): void };
  readonly states: { readonly fetching: boolean };
}

type Phase = "starting" | "recovering" | "running";

/**
 * It alone says what this replica may do, and writes its number. P says where a replica in normal
 * status is.
 */
export abstract class CrashStart<
  P extends { readonly view: number },
  C extends StartContext<P>,
  O extends CrashStartOwner,
> {
  protected readonly context: C;
  protected readonly owner: O;
  readonly #life: Bytes;
  #phase: Phase = "starting";
  /** By replica, the lives with which this one began at genesis; none if it did not. */
  #founders: readonly Bytes[] = [];
  #nonce: Bytes;
  #asked = 0;
  #sinceMs = 0;
  /** When the log that recovery waits for was asked for, or a part of it came. */
  #fetchedMs = 0;
  readonly #starters = new Map<Signer, Starter>();
  /** What running replicas answered the present question. */
  readonly #answers = new Map<Signer, Answered<P>>();
  /** By replica, when it was work last. */
  readonly #workMs: number[];
  /** The number to be taken for the own one, and who knows of it. */
  #renewal: { readonly nonce: Bytes; readonly number: number; known: Set<Signer> } | null = null;

  constructor(context: C, owner: O) {
    this.context = context;
    this.owner = owner;
    this.#life = this.draw();
    this.#nonce = this.draw();
    this.#workMs = new Array<number>(context.config.n).fill(-Infinity);
  }

  get phase(): Phase {
    return this.#phase;
  }
  /** Whether it takes part: it is neither starting nor recovering. */
  get running(): boolean {
    return this.#phase === "running";
  }
  /** For the census. */
  get progress(): Pick<Census, "phase" | "recovered" | "waitsFor"> {
    const phase = this.#phase;
    if (phase === "running")
      return { phase, ...(this.#founders.length === 0 && { recovered: true }) };
    const others = [...Array(this.context.config.n).keys()].filter((i) => i !== this.context.self);
    const heard = (i: Signer): boolean =>
      this.#answers.has(i) || (phase === "starting" && this.#starters.has(i));
    return { phase, waitsFor: others.filter((i) => !heard(i)) };
  }
  get sizes(): Sizes {
    const { n } = this.context.config;
    return [
      { name: "start.answers", size: this.#answers.size, max: n },
      { name: "start.starters", size: this.#starters.size, max: n },
    ];
  }

  /** What no other life has drawn. */
  protected draw(): Bytes {
    return drawNonce(RECOVERY_NONCE_LENGTH, (bound) => this.context.host.random(bound));
  }

  start(): void {
    this.#sinceMs = this.context.host.now;
    this.context.host.setTimer("start", 0);
  }

  /** Asks again, or for another number. */
  onTimer(): void {
    const { host, config } = this.context;
    switch (this.#phase) {
      case "starting":
        this.#ask();
        this.#considerStart();
        break;
      case "recovering":
        this.#watchFetch();
        this.#ask();
        break;
      case "running":
        if (!this.context.incarnations.exceeded) return;
        this.#askRenewal();
    }
    host.setTimer("start", ASK_PAUSE * config.viewTimeoutMs);
  }

  #ask(): void {
    const { host, incarnations } = this.context;
    this.#asked++;
    host.send("others", {
      kind: "ask",
      nonce: this.#nonce,
      asked: this.#asked,
      number: incarnations.own,
      vector: [...incarnations.vector],
    });
  }

  // What others ask.

  onAsk(from: Signer, message: AskMessage): void {
    const { host, incarnations, config } = this.context;
    const { nonce, asked, number, vector } = message;
    if (vector.length !== config.n) return host.drop("not admitted: vector of another size");
    if (this.#phase === "starting" && number === 0) {
      host.send(from, { kind: "starting", nonce, asked, life: this.#life });
      return;
    }
    if (!this.running) return host.drop("not admitted: question while this one recovers");
    incarnations.merge(vector);
    incarnations.learn(from, number);
    if (incarnations.exceeded) this.onExceeded();
    const position = this.positionFor(number);
    if (number === 0 || position !== null) {
      host.send(from, { ...this.#answer(nonce, number), position });
    }
    if (number > 0) this.#work(from);
  }

  #answer(nonce: Bytes, number: number): AnswerMessage<P> {
    const { incarnations } = this.context;
    return {
      kind: "answer",
      ...{ nonce, number },
      founders: this.#founders,
      active: this.active(),
      vector: [...incarnations.vector.with(this.context.self, incarnations.own)],
      position: null,
    };
  }

  /** Whether there is anything here that a cluster which begins anew would lack. */
  protected abstract active(): boolean;

  /** What a life without a number is told of where this replica is: nothing yet. */
  protected positionFor(number: number): P | null {
    return number === 0 ? null : this.position();
  }

  /** Where this replica is, for one that recovers; null while it changes views. */
  protected abstract position(): P | null;

  /** Once in a while, because a replica that recovers asks without end. */
  #work(from: Signer): void {
    const { host, config } = this.context;
    const pauseMs = WORK_TIMEOUTS * config.viewTimeoutMs;
    if (host.now - (this.#workMs[from] ?? 0) < pauseMs) return;
    this.#workMs[from] = host.now;
    this.work(from);
  }

  /**
   * A replica recovers, which needs a normal view that another leads: the leader has to be seen at
   * work, or the view changes.
   */
  protected abstract work(from: Signer): void;

  // Starting.

  onStarting(from: Signer, { nonce, asked, life }: StartingMessage): void {
    const asks = this.#phase === "starting" && equal(nonce, this.#nonce);
    if (!asks || asked > this.#asked) return this.context.host.drop(NOT_ASKED);
    const known = this.#starters.get(from);
    if (known === undefined || !equal(known.life, life)) {
      this.#starters.set(from, { life, first: this.#asked, last: asked });
    } else known.last = Math.max(known.last, asked);
    this.#considerStart();
  }

  #considerStart(): void {
    if (this.#phase !== "starting") return;
    const founders = this.#mayBegin();
    if (founders !== null) return this.#beginWith(founders);
    const { n, f } = this.context.quorums;
    const known = [...this.#answers.values()].some(({ active }) => active) || this.#isLate();
    if (!known || this.#answers.size < n - f) return;
    const answers = [...this.#answers.values()];
    this.#recover(answers);
  }

  #isLate(): boolean {
    const { host, config } = this.context;
    return host.now - this.#sinceMs >= BEGIN_TIMEOUTS * config.viewTimeoutMs;
  }

  /**
   * The lives that this one begins with; null if it may not. So many that start at one time that a
   * cluster which runs would lack more memories than it tolerates; or those with whom another has
   * begun, if it is one of them. It is not enough that the other was starting beside this one: it
   * may have begun with an earlier life of this replica.
   */
  #mayBegin(): readonly Bytes[] | null {
    const { self } = this.context;
    for (const { founders } of this.#answers.values()) {
      if (this.isFounder(founders[self] ?? EMPTY, this.#life)) return founders;
    }
    for (const [replica, { active }] of this.#answers) {
      if (active && !this.#starters.has(replica)) return null;
    }
    const { n, f } = this.context.quorums;
    const needed = (this.#isLate() ? n - f : n) - 1;
    const founders = new Array<Bytes>(n).fill(EMPTY).with(self, this.#life);
    // All of them were starting between the last of the first answers and the first of the last.
    let first = 0;
    let others = 0;
    for (const [replica, starter] of [...this.#starters].sort(([, a], [, b]) => b.last - a.last)) {
      if (starter.last <= Math.max(first, starter.first)) continue;
      first = Math.max(first, starter.first);
      founders[replica] = starter.life;
      others++;
    }
    return others < needed ? null : founders;
  }

  /** Whether another one, which named this life of the replica, began with it. */
  protected isFounder(named: Bytes, life: Bytes): boolean {
    return equal(named, life);
  }

  #beginWith(founders: readonly Bytes[]): void {
    this.#founders = founders;
    this.begin();
  }

  /** The first view, with all the others that begin. */
  protected begin(): void {
    this.run();
  }

  /** Takes part from now on. */
  protected run(): void {
    this.#phase = "running";
    this.#answers.clear();
    this.#starters.clear();
    this.owner.catchUp.wake();
  }

  // Recovering.

  /** Takes a number above those of all earlier lives, and asks again: others will know it. */
  #recover(answers: readonly Answered<P>[]): void {
    const { incarnations, self } = this.context;
    this.#phase = "recovering";
    for (const { vector } of answers) incarnations.merge(vector);
    incarnations.become(incarnations.numberOf(self) + 1);
    this.#starters.clear();
    this.askAnew();
  }

  /** The number has to be known to others before anything that they say counts. */
  protected askAnew(): void {
    this.#answers.clear();
    this.#nonce = this.draw();
    this.owner.incoming.stop();
    this.#ask();
  }

  onAnswer(from: Signer, message: AnswerMessage<P>): void {
    const { host, incarnations, config } = this.context;
    const { nonce, number, vector } = message;
    if (vector.length !== config.n) return host.drop("not admitted: vector of another size");
    if (this.running && equal(nonce, NO_NONCE)) {
      incarnations.merge(vector);
      if (incarnations.exceeded) this.onExceeded();
      return;
    }
    const asks = !this.running && equal(nonce, this.#nonce) && number === incarnations.own;
    if (!asks) return host.drop(NOT_ASKED);
    this.#answers.set(from, { ...message, replica: from });
    if (this.#phase === "starting") this.#considerStart();
    else if (!this.owner.incoming.active) this.considerRecovery();
  }

  /** Goes on with the log of the leader of the highest view, once it is here. */
  protected considerRecovery(): void {
    const { quorums, incarnations, host } = this.context;
    const kept = this.consistent([...this.#answers.values()]);
    if (kept.length < quorums.n - quorums.f) return;
    const view = kept.reduce((most, { position }) => Math.max(most, position?.view ?? 0), 0);
    const source = this.source(kept, view);
    if (source?.position === undefined || source.position === null) return;
    for (const { vector } of kept) incarnations.merge(vector);
    this.#fetchedMs = host.now;
    this.recoverFrom(source.replica, source.position);
  }

  /** Has the log of this leader, as it answered, be fetched; then `run` is called. */
  protected abstract recoverFrom(leader: Signer, position: P): void;

  protected consistent(answers: readonly Answered<P>[]): Answered<P>[] {
    return this.context.incarnations.consistent(answers);
  }

  /** Only the leader is sure to have all that an earlier life of this replica vouched for. */
  protected source(kept: readonly Answered<P>[], view: number): Answered<P> | undefined {
    const leader = this.context.config.leader(view);
    return kept.find(({ replica, position }) => replica === leader && position?.view === view);
  }

  /** Asks anew if the leader that answered does not deliver, or has left its view. */
  #watchFetch(): void {
    const { incoming, states } = this.owner;
    if (!incoming.active && !states.fetching) return;
    const { host, config } = this.context;
    const waitedMs = host.now - this.#fetchedMs;
    if (waitedMs >= FETCH_TIMEOUTS * config.viewTimeoutMs) {
      this.#fetchedMs = host.now;
      this.askAnew();
    }
  }

  /** Something of the log, or of a state, came that it waits for. */
  onFetched(): void {
    this.#fetchedMs = this.context.host.now;
  }

  // A number that an earlier life wrote somewhere and never finished with (V17a).

  /** Another replica counts nothing of what this one says, because it knows of a later number. */
  tellNumber(to: Signer): void {
    const { host, self } = this.context;
    if (to !== self) host.send(to, this.#answer(NO_NONCE, 0));
  }

  onExceeded(): void {
    const { incarnations, self, host } = this.context;
    const number = incarnations.numberOf(self);
    if (!this.running || this.#renewal?.number === number) return;
    this.#renewal = { nonce: this.draw(), number, known: new Set() };
    host.setTimer("start", 0);
  }

  #askRenewal(): void {
    const { incarnations, host } = this.context;
    if (this.#renewal === null) return;
    const { nonce, number } = this.#renewal;
    host.send("others", { kind: "renew", nonce, number, vector: [...incarnations.vector] });
  }

  onRenew(from: Signer, { nonce, number, vector }: RenewMessage): void {
    const { incarnations, host, config } = this.context;
    if (!this.running || vector.length !== config.n) {
      return host.drop("not admitted: renewal while this one recovers");
    }
    incarnations.merge(vector);
    incarnations.learn(from, number);
    host.send(from, { kind: "renewed", nonce, number, vector: [...incarnations.vector] });
  }

  onRenewed(from: Signer, { nonce, number, vector }: RenewedMessage): void {
    const { incarnations, host, quorums } = this.context;
    const renewal = this.#renewal;
    if (!this.running || renewal === null || !equal(nonce, renewal.nonce)) {
      return host.drop(NOT_ASKED);
    }
    incarnations.merge(vector);
    renewal.known.add(from);
    if (renewal.known.size < quorums.quorum - 1 || number !== renewal.number) return;
    coverageMark("crash start: a number is renewed");
    incarnations.become(number);
    this.#renewal = null;
  }
}
