// How a replica that starts finds out whether it has lost its memory, and what it must know before
// it may vote again (docs/guarantees.md, X14 and X15).

import type { Bytes, Phase, Proof, Sealed, Signer } from "../../actor.ts";
import { equal, latin1, type Reader, type Writer } from "../../wire.ts";
import { RECOVERY_NONCE_LENGTH, type RecoverMessage } from "./messages.ts";
import type { Quorums } from "./quorum.ts";

/**
 * How long a replica waits for all others before n - f that are starting suffice, in view timeouts.
 */
export const START_WAIT_TIMEOUTS = 4;
/** View timeouts in which one replica's RECOVERs are pending work once. */
const WORK_PAUSE_TIMEOUTS = 10;
/** Starts of one replica that are work within that time. */
const WORKS_MAX = 4;

/** A signed answer to a RECOVER. P says where the protocol is, with the proof of it. */
export interface AnswerMessage<P> extends Sealed {
  readonly kind: "answer";
  readonly replica: Signer;
  readonly to: Signer;
  /** Of the RECOVER that it answers. */
  readonly nonce: Bytes;
  /** The sender had no memory yet when it first heard of this nonce. */
  readonly starting: boolean;
  /** The sender's own nonce if it is starting now, so that it is heard of as well. */
  readonly own: Bytes | null;
  /** null if the sender is starting or recovering itself. */
  readonly position: P | null;
}

export function encodeAnswer<P>(
  kind: number,
  message: AnswerMessage<P>,
  encodePosition: (position: P, out: Writer) => void,
  out: Writer,
): void {
  out.u8(kind);
  out.u8(message.replica);
  out.u8(message.to);
  out.bytes(message.nonce);
  const { starting, own, position } = message;
  out.u8((starting ? 1 : 0) | (own === null ? 0 : 2) | (position === null ? 0 : 4));
  if (own !== null) out.bytes(own);
  if (position !== null) encodePosition(position, out);
  out.seal(message.seal);
}

/** Poisons the reader if the answer is malformed; its kind byte was read at `start`. */
export function decodeAnswer<P>(
  input: Reader,
  start: number,
  decodePosition: (input: Reader) => P,
): AnswerMessage<P> {
  const replica = input.u8();
  const to = input.u8();
  const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
  const flags = input.u8();
  if (flags > 7) input.poison();
  const own = (flags & 2) === 0 ? null : input.bytes(RECOVERY_NONCE_LENGTH);
  const position = (flags & 4) === 0 ? null : decodePosition(input);
  const seal: Proof = input.seal(replica, start);
  return { kind: "answer", replica, to, nonce, starting: (flags & 1) === 1, own, position, seal };
}

export type Verdict = "wait" | "begin" | "recover";

/** One replica's start. What it asks is repeated until `decide` has an answer. */
export class Recovery<P> {
  phase: Phase = "starting";
  readonly nonce: Bytes;
  readonly #quorums: Quorums;
  readonly #self: Signer;
  /** Those that were starting when they heard of our nonce, this replica included. */
  readonly #starting: Set<Signer>;
  /** Where those are that run. */
  readonly #running = new Map<Signer, P>();
  /** Nonces heard of while this replica was starting. */
  readonly #heard = new Map<Signer, Bytes>();
  /** When RECOVERs of a replica were taken as work, by nonce. */
  readonly #workedMs = new Map<Signer, Map<string, number>>();

  constructor(quorums: Quorums, self: Signer, random: (bound: number) => number) {
    this.#quorums = quorums;
    this.#self = self;
    this.#starting = new Set([self]);
    this.nonce = new Uint8Array(RECOVERY_NONCE_LENGTH);
    for (let i = 0; i < this.nonce.length; i++) this.nonce[i] = random(256);
  }

  /** Where the others are, by replica, as far as they answered. */
  get positions(): ReadonlyMap<Signer, P> {
    return this.#running;
  }

  /** Replicas that have not answered yet, or not what helps one that recovers. */
  get missing(): readonly Signer[] {
    const all = Array.from({ length: this.#quorums.n }, (_, i) => i);
    const starting = this.phase === "starting" ? this.#starting : new Set([this.#self]);
    return all.filter((i) => !this.#running.has(i) && !starting.has(i));
  }

  recoverMessage(): RecoverMessage {
    const { nonce, phase } = this;
    return { kind: "recover", replica: this.#self, nonce, starting: phase === "starting" };
  }

  /** Answers a RECOVER; `position` is this replica's if it runs. */
  answer({ replica, nonce }: RecoverMessage, position: P | null): AnswerMessage<P> {
    if (this.phase === "starting") this.#heard.set(replica, nonce);
    const heard = this.#heard.get(replica);
    return {
      kind: "answer",
      replica: this.#self,
      to: replica,
      nonce,
      starting: heard !== undefined && equal(heard, nonce),
      own: this.phase === "starting" ? this.nonce : null,
      position: this.phase === "running" ? position : null,
    };
  }

  /**
   * Whether a RECOVER is to be taken as work now: rate-limited, so that a Byzantine replica cannot
   * keep the cluster busy, by nonce, so that one of an earlier start that is sent again does not
   * use up the turn of the present one.
   */
  takeWork(message: RecoverMessage, nowMs: number, viewTimeoutMs: number): boolean {
    if (message.starting || this.phase !== "running") return false;
    const nonce = latin1(message.nonce);
    const workedMs = this.#workedMs.get(message.replica) ?? new Map<string, number>();
    this.#workedMs.set(message.replica, workedMs);
    const pauseMs = WORK_PAUSE_TIMEOUTS * viewTimeoutMs;
    for (const [known, atMs] of workedMs) if (nowMs - atMs >= pauseMs) workedMs.delete(known);
    if (workedMs.has(nonce) || workedMs.size >= WORKS_MAX) return false;
    workedMs.set(nonce, nowMs);
    return true;
  }

  /**
   * Takes an answer to this replica's question, whose position the caller has checked; false if it
   * answers another one.
   */
  onAnswer(message: AnswerMessage<P>): boolean {
    if (this.phase === "running" || message.to !== this.#self) return false;
    if (message.replica >= this.#quorums.n || message.replica === this.#self) return false;
    if (!this.isOwn(message.nonce)) return false;
    if (this.phase === "starting" && message.own !== null) {
      this.#heard.set(message.replica, message.own);
    }
    if (message.starting) this.#starting.add(message.replica);
    if (message.position !== null) this.#running.set(message.replica, message.position);
    return true;
  }

  /** An answer to an earlier question says nothing about now. */
  protected isOwn(nonce: Bytes): boolean {
    return equal(nonce, this.nonce);
  }

  /**
   * What a starting replica does. To begin at genesis is safe when n - f replicas had no memory
   * after this one had asked: what it may have forgotten cannot have had a quorum. It waits for all
   * of them at first, because a replica left out at the start of a cluster would have to recover.
   */
  decide(waitedMs: number, viewTimeoutMs: number): Verdict {
    const { n, f } = this.#quorums;
    if (this.#starting.size === n) return "begin";
    const enough = this.#starting.size >= n - f;
    let others = 0;
    for (const replica of this.#running.keys()) if (!this.#starting.has(replica)) others++;
    if (others <= f && waitedMs < START_WAIT_TIMEOUTS * viewTimeoutMs) return "wait";
    if (enough) return "begin";
    return this.#running.size >= n - f ? "recover" : "wait";
  }
}
