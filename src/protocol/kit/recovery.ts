// How a replica that has lost its memory finds out what it must know before it may vote again
// (docs/guarantees.md, X14).

import type { Bytes, Proof, Sealed, Signer } from "../../actor.ts";
import { equal, latin1, type Reader, type Writer } from "../../wire.ts";
import { RECOVERY_NONCE_LENGTH, type RecoverMessage } from "./messages.ts";
import { drawNonce } from "./nonce.ts";
import { AnswerLimit } from "./peers.ts";
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

export interface RecoveryOptions {
  readonly quorums: Quorums;
  readonly self: Signer;
  readonly random: (bound: number) => number;
  readonly viewTimeoutMs: number;
}

/** What a replica asks when it has lost its memory, and whose questions it takes up. */
export class Recovery<P> {
  readonly nonce: Bytes;
  readonly #quorums: Quorums;
  readonly #self: Signer;
  readonly #positions = new Map<Signer, P>();
  /** RECOVERs that are taken as work. */
  readonly #works: AnswerLimit;

  constructor({ quorums, self, random, viewTimeoutMs }: RecoveryOptions) {
    this.#quorums = quorums;
    this.#self = self;
    this.#works = new AnswerLimit({
      n: quorums.n,
      pauseMs: WORK_PAUSE_TIMEOUTS * viewTimeoutMs,
      answersMax: WORKS_MAX,
    });
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
   * Whether a RECOVER may be taken as work now: rate-limited, so that a Byzantine replica cannot
   * keep the cluster busy, by nonce, so that those of earlier starts that are sent again do not use
   * up the turn of the present one.
   */
  mayWork({ replica, nonce }: RecoverMessage, nowMs: number): boolean {
    return this.#works.allows(replica, latin1(nonce), nowMs);
  }

  /** Whether it is taken as work. */
  takeWork(message: RecoverMessage, nowMs: number): boolean {
    if (!this.mayWork(message, nowMs)) return false;
    this.#works.spend(message.replica, latin1(message.nonce), nowMs);
    return true;
  }

  /** Whether the message answers this replica's question. */
  awaits({ replica, to, nonce }: AnswerMessage<P>): boolean {
    if (to !== this.#self || !this.isOwn(nonce)) return false;
    return replica < this.#quorums.n && replica !== this.#self;
  }

  /**
   * Takes an answer to this replica's question, whose position the caller has checked; false if it
   * answers another one.
   */
  onAnswer(message: AnswerMessage<P>): boolean {
    if (!this.awaits(message)) return false;
    this.#positions.set(message.replica, message.position);
    return true;
  }

  /** An answer to an earlier question says nothing about now. */
  protected isOwn(nonce: Bytes): boolean {
    return equal(nonce, this.nonce);
  }
}
