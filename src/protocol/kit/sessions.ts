// The sessions of clients with the result that each got last: what makes an operation execute at
// most once. Part of the replicated state, so that eviction is the same at every replica.

import type { Address, Bytes } from "../../actor.ts";
import { EMPTY, latin1, type Reader, type Writer } from "../../wire.ts";
import { DIGEST_LENGTH } from "./digest.ts";
import { NONCE_LENGTH, RESULT_MAX, tagOf } from "./request.ts";

const NO_DIGEST: Bytes = new Uint8Array(DIGEST_LENGTH);

/** No address. */
export const NOWHERE: Address = -1;

export interface Session {
  /** The log position of its `open`. */
  readonly id: number;
  readonly tag: number;
  readonly nonce: Bytes;
  /**
   * The number of the last operation executed, 0 before the first, and its result; null if that was
   * dropped to make room.
   */
  number: number;
  result: Bytes | null;
  /** Of that operation: binds the cached result to it, so that no other operation gets it. */
  digest: Bytes;
  /**
   * Where this replica itself heard the `open`, and, if its client was heard elsewhere since, where
   * that was last; NOWHERE if it was not. Not part of the replicated state.
   */
  home: Address;
  away: Address;
  /** Neighbours in the order of last execution. */
  before: Session | null;
  after: Session | null;
}

/** Classes of results by size, each of those twice as long as the last. */
const CLASSES = 32;

export class Sessions {
  readonly #max: number;
  readonly #bytesMax: number;
  /** Bytes that each session could have of the bound. */
  readonly #share: number;
  /**
   * Sessions whose results are longer than the share, by class, least recently executed first: as
   * long as there is room, nothing else has to be known of results.
   */
  readonly #large: readonly Set<Session>[];
  readonly #byId = new Map<number, Session>();
  readonly #byNonce = new Map<string, Session>();
  #bytes = 0;
  /**
   * Least and most recently executed. A list: setting a Map entry anew on every operation costs a
   * fifth.
   */
  #oldest: Session | null = null;
  #newest: Session | null = null;

  /**
   * Keeps at most `max` sessions with at most `bytesMax` bytes of results. A session that is one
   * too many evicts the least recently executed; bytes that are too many cost the largest results,
   * so that few clients with large results never cost others their sessions.
   */
  constructor(max: number, bytesMax: number) {
    this.#max = max;
    this.#bytesMax = bytesMax;
    this.#share = Math.floor(bytesMax / max);
    this.#large = Array.from({ length: CLASSES }, () => new Set());
  }

  get size(): number {
    return this.#byId.size;
  }
  /** Bytes of cached results. */
  get bytes(): number {
    return this.#bytes;
  }

  get(id: number, tag: number): Session | undefined {
    const session = this.#byId.get(id);
    return session !== undefined && session.tag === tag ? session : undefined;
  }

  /** The session that this nonce opened. */
  opened(nonce: Bytes): Session | undefined {
    return this.#byNonce.get(latin1(nonce));
  }

  /** Opens a session at log position `id`, which evicts the least recently executed if need be. */
  open(nonce: Bytes, id: number): Session {
    const session = this.#add(nonce, id);
    this.#evict();
    return session;
  }

  /** Records the last operation of a session with its result. */
  executed(session: Session, number: number, digest: Bytes, result: Bytes): void {
    this.#drop(session);
    session.number = number;
    session.digest = digest;
    this.#keep(session, result);
    if (session !== this.#newest) {
      this.#unlink(session);
      this.#link(session);
    }
    if (this.#bytes > this.#bytesMax) this.#dropLargest();
  }

  /** Canonical: in the order of last execution. */
  snapshot(out: Writer): void {
    out.u32(this.#byId.size);
    for (let session = this.#oldest; session !== null; session = session.after) {
      out.u53(session.id);
      out.bytes(session.nonce);
      out.u53(session.number);
      out.bytes(session.digest);
      out.flag(session.result !== null);
      if (session.result !== null) out.blob(session.result);
    }
  }

  /**
   * Becomes what `snapshot` wrote, with the addresses that were known of sessions; poisons the
   * reader, and has an undefined content, if that is malformed.
   */
  restore(input: Reader): void {
    const known = new Map(this.#byNonce);
    this.#byId.clear();
    this.#byNonce.clear();
    this.#oldest = null;
    this.#newest = null;
    this.#bytes = 0;
    for (const sessions of this.#large) sessions.clear();
    const count = input.u32();
    if (count > this.#max) input.poison();
    for (let i = 0; i < count && input.ok; i++) {
      const id = input.u53();
      const nonce = input.bytes(NONCE_LENGTH);
      const number = input.u53();
      const digest = input.bytes(DIGEST_LENGTH);
      const result = input.flag() ? input.blob(RESULT_MAX) : null;
      if (this.#byId.has(id) || this.#byNonce.has(latin1(nonce))) input.poison();
      if (!input.ok) return;
      const session = this.#add(nonce, id);
      session.number = number;
      session.digest = digest;
      session.result = null;
      if (result !== null) this.#keep(session, result);
      const before = known.get(latin1(nonce));
      session.home = before?.home ?? NOWHERE;
      session.away = before?.away ?? NOWHERE;
    }
  }

  #add(nonce: Bytes, id: number): Session {
    const tag = tagOf(nonce);
    const session: Session = {
      id,
      tag,
      nonce,
      number: 0,
      result: EMPTY,
      digest: NO_DIGEST,
      home: NOWHERE,
      away: NOWHERE,
      before: null,
      after: null,
    };
    this.#byId.set(id, session);
    this.#byNonce.set(latin1(nonce), session);
    this.#link(session);
    return session;
  }

  #evict(): void {
    while (this.#byId.size > this.#max) {
      const session = this.#oldest;
      if (session === null || session === this.#newest) return;
      this.#drop(session);
      this.#unlink(session);
      this.#byId.delete(session.id);
      this.#byNonce.delete(latin1(session.nonce));
    }
  }

  /** Drops results of the largest class that there are, until the rest fits. */
  #dropLargest(): void {
    for (let size = CLASSES - 1; size >= 0; size--) {
      for (const session of this.#large[size] ?? []) {
        if (this.#bytes <= this.#bytesMax) return;
        this.#drop(session);
      }
    }
  }

  #keep(session: Session, result: Bytes): void {
    session.result = result;
    this.#bytes += result.length;
    if (result.length > this.#share) this.#large[classOf(result)]?.add(session);
  }

  #drop(session: Session): void {
    const { result } = session;
    if (result === null) return;
    session.result = null;
    this.#bytes -= result.length;
    if (result.length > this.#share) this.#large[classOf(result)]?.delete(session);
  }

  #link(session: Session): void {
    session.before = this.#newest;
    session.after = null;
    if (this.#newest === null) this.#oldest = session;
    else this.#newest.after = session;
    this.#newest = session;
  }

  #unlink(session: Session): void {
    if (session.before === null) this.#oldest = session.after;
    else session.before.after = session.after;
    if (session.after === null) this.#newest = session.before;
    else session.after.before = session.before;
  }
}

/** Results of 2^(class - 1) to 2^class - 1 bytes. */
function classOf(result: Bytes): number {
  return Math.min(CLASSES - 1, 32 - Math.clz32(result.length));
}
