// The sessions of clients with the result that each got last: what makes an operation execute at
// most once. Part of the replicated state, so that eviction is the same at every replica. Hosts
// have equal shares: those with most give way (session-owners.ts).

import type { Address, Bytes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { EMPTY, latin1, type Reader, type Writer } from "../../wire.ts";
import { DIGEST_LENGTH } from "./digest.ts";
import { NONCE_LENGTH, RESULT_MAX, tagOf } from "./request.ts";
import { SessionOwners, type Owner } from "./session-owners.ts";

const NO_DIGEST: Bytes = new Uint8Array(DIGEST_LENGTH);

/** No address. */
export const NOWHERE: Address = -1;

export class Session {
  /** The log position of its `open`. */
  readonly id: number;
  readonly tag: number;
  readonly nonce: Bytes;
  readonly owner: Owner<Session>;
  /** The log position of its last execution, which may be that of its `open`. */
  stamp: number;
  /**
   * The number of the last operation executed, 0 before the first, and its result; null if that was
   * dropped to make room.
   */
  number = 0;
  result: Bytes | null = EMPTY;
  /** Of that operation: binds the cached result to it, so that no other operation gets it. */
  digest = NO_DIGEST;
  /**
   * Where this replica itself heard the `open`, and, if its client was heard elsewhere since, where
   * that was last; NOWHERE if it was not. Not part of the replicated state.
   */
  home = NOWHERE;
  away = NOWHERE;
  /** When a repeated request was answered last, at home and elsewhere. */
  answeredMs = -Infinity;
  answeredAwayMs = -Infinity;

  constructor(nonce: Bytes, id: number, owner: Owner<Session>, stamp: number) {
    this.id = id;
    this.tag = tagOf(nonce);
    this.nonce = nonce;
    this.owner = owner;
    this.stamp = stamp;
  }
}

/** Bytes of a session in a snapshot, beside its result. */
const SESSION_LENGTH = 8 + NONCE_LENGTH + 4 + 8 + 8 + DIGEST_LENGTH + 1 + 4;

export class Sessions {
  readonly #max: number;
  readonly #bytesMax: number;
  /** Bytes that each session could have of the bound. */
  readonly #share: number;
  /** Only results longer than the share have to be known, because the others fit in any case. */
  readonly #owners = new SessionOwners<Session>();
  /** In the order of their ids, which is that in which they were opened. */
  readonly #byId = new Map<number, Session>();
  readonly #byNonce = new Map<string, Session>();
  #bytes = 0;

  /**
   * Keeps at most `max` sessions with at most `bytesMax` bytes of results. A session that is one
   * too many evicts the least recently executed of the source that has the most; bytes that are too
   * many cost the source with the most of them its largest results, so that a host with many
   * sessions or large results never costs others theirs.
   */
  constructor(max: number, bytesMax: number) {
    this.#max = max;
    this.#bytesMax = bytesMax;
    this.#share = Math.floor(bytesMax / max);
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

  /** Opens a session of this source at log position `id`, which evicts one if need be. */
  open(nonce: Bytes, id: number, source: number): Session {
    const session = this.#add(nonce, id, source, id);
    while (this.#byId.size > this.#max) this.#evict();
    return session;
  }

  /** Records the last operation of a session, executed at `position`, with its result. */
  executed(session: Session, position: number, number: number, digest: Bytes, result: Bytes): void {
    this.#drop(session);
    session.number = number;
    session.digest = digest;
    session.stamp = position;
    this.#keep(session, result);
    while (this.#bytes > this.#bytesMax) {
      const largest = this.#owners.largest();
      if (largest === undefined) return;
      this.#drop(largest);
    }
  }

  /** Bytes of what `snapshot` writes, at most. */
  get snapshotLength(): number {
    return 4 + this.size * SESSION_LENGTH + this.bytes;
  }

  /** Canonical: in the order of ids. */
  snapshot(out: Writer): void {
    out.u32(this.#byId.size);
    for (const session of this.#byId.values()) {
      out.u53(session.id);
      out.bytes(session.nonce);
      out.u32(session.owner.source);
      out.u53(session.stamp);
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
    this.#owners.clear();
    this.#bytes = 0;
    const count = input.u32();
    if (count > this.#max) input.poison();
    const kept: { readonly session: Session; readonly result: Bytes }[] = [];
    let lastId = 0;
    for (let i = 0; i < count && input.ok; i++) {
      const id = input.u53();
      const nonce = input.bytes(NONCE_LENGTH);
      const source = input.u32();
      const stamp = input.u53();
      const number = input.u53();
      const digest = input.bytes(DIGEST_LENGTH);
      const result = input.flag() ? input.blob(RESULT_MAX) : null;
      if (id <= lastId || stamp < id || this.#byNonce.has(latin1(nonce))) input.poison();
      if (!input.ok) return;
      lastId = id;
      const session = this.#add(nonce, id, source, stamp);
      session.number = number;
      session.digest = digest;
      session.result = null;
      if (result !== null) kept.push({ session, result });
      const before = known.get(latin1(nonce));
      session.home = before?.home ?? NOWHERE;
      session.away = before?.away ?? NOWHERE;
    }
    // Owners know the order in which they were executed by that in which they are kept.
    kept.sort((a, b) => a.session.stamp - b.session.stamp);
    for (const { session, result } of kept) this.#keep(session, result);
  }

  #add(nonce: Bytes, id: number, source: number, stamp: number): Session {
    const session = new Session(nonce, id, this.#owners.of(source), stamp);
    this.#owners.add(session);
    this.#byId.set(id, session);
    this.#byNonce.set(latin1(nonce), session);
    return session;
  }

  #evict(): void {
    const session = this.#owners.takeVictim();
    assert(session !== undefined, "every session has an owner");
    this.#drop(session);
    this.#byId.delete(session.id);
    this.#byNonce.delete(latin1(session.nonce));
  }

  #keep(session: Session, result: Bytes): void {
    session.result = result;
    this.#bytes += result.length;
    if (result.length > this.#share) this.#owners.keep(session, result.length);
  }

  #drop(session: Session): void {
    const { result } = session;
    if (result === null) return;
    session.result = null;
    this.#bytes -= result.length;
    if (result.length > this.#share) this.#owners.drop(session, result.length);
  }
}
