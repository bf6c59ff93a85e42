// How a replica that has lost its memory finds out what it must know before it may vote again
// (docs/guarantees.md, X14).

import type { Bytes, Proof, Sealed, Signer } from "../../actor.ts";
import { equal, latin1, type Reader, type Writer } from "../../wire.ts";
import { RECOVERY_NONCE_LENGTH, type RecoverMessage } from "./messages.ts";
import { drawNonce } from "./nonce.ts";
import type { Quorums } from "./quorum.ts";

/** View timeouts in which one replica's RECOVERs are pending work once. */
const WORK_PAUSE_TIMEOUTS = 10;
/** Starts of one replica that are work within that time. */
const WORKS_MAX = 4;

/**
 * A signed answer to a RECOVER, of a replica that runs. P says where the protocol is, with the
 * proof of it.
 */
export interface AnswerMessage<P> extends Sealed {
  readonly kind: "answer";
  readonly replica: Signer;
  readonly to: Signer;
  /** Of the RECOVER that it answers. */
  readonly nonce: Bytes;
  readonly position: P;
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
  encodePosition(message.position, out);
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
  const position = decodePosition(input);
  const seal: Proof = input.seal(replica, start);
  return { kind: "answer", replica, to, nonce, position, seal };
}

/** What a replica asks when it has lost its memory, and whose questions it takes up. */
export class Recovery<P> {
  readonly nonce: Bytes;
  readonly #quorums: Quorums;
  readonly #self: Signer;
  readonly #positions = new Map<Signer, P>();
  /** When RECOVERs of a replica were taken as work, by nonce. */
  readonly #workedMs = new Map<Signer, Map<string, number>>();

  constructor(quorums: Quorums, self: Signer, random: (bound: number) => number) {
    this.#quorums = quorums;
    this.#self = self;
    this.nonce = drawNonce(RECOVERY_NONCE_LENGTH, random);
  }

  /** Where the others are, by replica, as far as they answered. */
  get positions(): ReadonlyMap<Signer, P> {
    return this.#positions;
  }
  /** Replicas that have not answered yet. */
  get missing(): readonly Signer[] {
    const all = Array.from({ length: this.#quorums.n }, (_, i) => i);
    return all.filter((i) => i !== this.#self && !this.#positions.has(i));
  }
  /** Whether enough have answered: of so many n - 2f are correct, and one was in each quorum. */
  get located(): boolean {
    const { n, f } = this.#quorums;
    return this.#positions.size >= n - f;
  }

  recoverMessage(): RecoverMessage {
    return { kind: "recover", replica: this.#self, nonce: this.nonce };
  }

  /** Answers a RECOVER with where this replica is. */
  answer({ replica, nonce }: RecoverMessage, position: P): AnswerMessage<P> {
    return { kind: "answer", replica: this.#self, to: replica, nonce, position };
  }

  /**
   * Whether a RECOVER is to be taken as work now: rate-limited, so that a Byzantine replica cannot
   * keep the cluster busy, by nonce, so that one of an earlier start that is sent again does not
   * use up the turn of the present one.
   */
  takeWork(message: RecoverMessage, nowMs: number, viewTimeoutMs: number): boolean {
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
    if (message.to !== this.#self || !this.isOwn(message.nonce)) return false;
    if (message.replica >= this.#quorums.n || message.replica === this.#self) return false;
    this.#positions.set(message.replica, message.position);
    return true;
  }

  /** An answer to an earlier question says nothing about now. */
  protected isOwn(nonce: Bytes): boolean {
    return equal(nonce, this.nonce);
  }
}
