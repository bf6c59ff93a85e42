// The sessions of clients with the result that each got last: what makes an operation execute at
// most once. Part of the replicated state, so that eviction is the same at every replica. Hosts
// have equal shares: those with most give way (session-owners.ts).

import { CLIENT_KEY_LENGTH } from "../../base/client-key.ts";
import type { Address, Bytes, Part, Snapshot, State } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { Buckets } from "../../base/buckets.ts";
import { ownOf } from "../../base/copies.ts";
import { giveLarge, keepLarge } from "../../base/large-buffers.ts";
import { EMPTY, equal, latin1, Reader } from "../../wire.ts";
import { DIGEST_LENGTH, digestOf, NO_DIGEST } from "./digest.ts";
import { manyBytesOf } from "./many-bytes.ts";
import { NONCE_LENGTH, RESULT_MAX, tagOf } from "./request.ts";
import { SessionOwners, type Owner } from "./session-owners.ts";

/** No address. */
export const NOWHERE: Address = -1;

export class Session {
  /** The log position of its `open`. */
  readonly id: number;
  readonly tag: number;
  readonly nonce: Bytes;
  /** Of its client, where clients sign. */
  readonly key: Bytes | undefined;
  owner: Owner<Session>;
  /** That of its place in a snapshot. */
  readonly hash: number;
  /** The log position of its last execution, which may be that of its `open`. */
  stamp: number;
  /**
   * The number of the last operation executed, 0 before the first, and the bytes of its result that
   * count; null if that was dropped to make room.
   */
  number = 0;
  length: number | null = 0;
  /**
   * The result, if it is here: not if it was dropped, or is long and this replica has the state
   * from others, because checkpoints have the digest of a long one alone.
   */
  result: Bytes | null = EMPTY;
  #resultDigest: Bytes | null = null;
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
  /** Whether this replica gave the digest of the last result, and did not give the result since. */
  owed = false;

  constructor(
    nonce: Bytes,
    key: Bytes | undefined,
    id: number,
    owner: Owner<Session>,
    stamp: number,
  ) {
    this.id = id;
    this.key = key;
    this.tag = tagOf(nonce);
    this.nonce = nonce;
    this.owner = owner;
    this.hash = hashOf(id);
    this.stamp = stamp;
  }

  /** Of the result that counts, whether or not it is here; it is made once. */
  get resultDigest(): Bytes {
    const digest = this.#resultDigest ?? digestOf(this.result ?? EMPTY);
    this.#resultDigest = digest;
    return digest;
  }

  /**
   * From now on the result of its last operation has so many bytes, null if it was dropped; one
   * that is not here has this digest.
   */
  holds(length: number | null, result: Bytes | null, digest: Bytes | null): void {
    this.length = length;
    this.result = result;
    this.#resultDigest = digest;
  }
}

/** A session as it was before it changed. */
export interface SessionBefore extends Readonly<
  Pick<Session, "stamp" | "number" | "length" | "result" | "digest">
> {
  readonly session: Session;
  /** Whether it was open. */
  readonly open: boolean;
  /** Of a result that was not here. */
  readonly resultDigest: Bytes | null;
}

/** Bytes of a session in a snapshot, beside its result. */
const SESSION_LENGTH = 8 + NONCE_LENGTH + 4 + 8 + 8 + DIGEST_LENGTH + 1 + 4;
/** Whether it has the result, or its digest; and a key. */
const KEPT = 1;
const KEYED = 2;
/** Sessions in a part of a snapshot, on average. */
const PART_SESSIONS = 64;
/** Log positions whose sessions are in one part: those that are opened together change together. */
const PART_POSITIONS = 256;
/**
 * The largest result that checkpoints have. Of a larger one they have the digest, because as many
 * as are kept would be hashed, and kept once more by each checkpoint; a replica that has the state
 * from others can tell a client the digest alone.
 */
export const INLINE_MAX = 4096;

function hashOf(id: number): number {
  const hash = Math.imul(Math.floor(id / PART_POSITIONS), 0x9e3779b1);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export class Sessions {
  readonly #max: number;
  readonly #bytesMax: number;
  /** Bytes that each session could have of the bound. */
  readonly #share: number;
  /** Only results longer than the share have to be known, because the others fit in any case. */
  readonly #owners = new SessionOwners<Session>();
  readonly #byId = new Map<number, Session>();
  readonly #byNonce = new Map<string, Session>();
  readonly #parts = new Buckets<Session>(partOf);
  #bytes = 0;
  /** Where is noted what `undo` needs, oldest first; null: nowhere. */
  journal: SessionBefore[] | null = null;

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
  open(nonce: Bytes, id: number, source: number, key?: Bytes): Session {
    const session = this.#add(nonce, key, id, source, id);
    while (this.#byId.size > this.#max) this.#evict();
    this.#parts.resize(this.#partsFor());
    return session;
  }

  /** Records the last operation of a session, executed at `position`, with its result. */
  executed(session: Session, position: number, number: number, digest: Bytes, result: Bytes): void {
    this.#parts.touch(session);
    this.#note(session, true);
    this.#drop(session);
    session.number = number;
    session.digest = digest;
    session.stamp = position;
    this.#keep(session, ownOf(this.journal === null ? keepLarge(result) : result));
    while (this.#bytes > this.#bytesMax) {
      const largest = this.#owners.largest();
      if (largest === undefined) return;
      this.#parts.touch(largest);
      this.#note(largest, true);
      this.#drop(largest);
    }
  }

  /** Becomes what it was before these changes, the last ones, as they were noted in the journal. */
  undo(changes: readonly SessionBefore[]): void {
    for (const change of changes.toReversed()) {
      const { session, open, stamp, number, digest } = change;
      if (this.#byId.get(session.id) !== session) this.#enter(session);
      else if (open) this.#parts.touch(session);
      else this.#leave(session);
      session.stamp = stamp;
      session.number = number;
      session.holds(change.length, change.result, change.resultDigest);
      session.digest = digest;
    }
    this.#parts.resize(this.#partsFor());
    this.#owners.clear();
    this.#bytes = 0;
    // Owners know the order in which they were executed by that in which they are kept.
    const all = [...this.#byId.values()].sort((a, b) => a.stamp - b.stamp);
    for (const session of all) {
      session.owner = this.#owners.of(session.owner.source);
      this.#owners.add(session);
      this.#count(session);
    }
  }

  /** Canonical: sessions by their ids, with their results, or the digests of large ones. */
  snapshot(): Snapshot {
    return this.#parts.snapshot();
  }

  /**
   * Becomes this state, with the addresses that were known of sessions; false, with an undefined
   * content, if it is malformed.
   */
  restore(state: State): boolean {
    const read: ReadSession[] = [];
    for (let i = 0; i < state.count; i++) {
      if (!readPart(state.part(i), read) || read.length > this.#max) return false;
    }
    const known = new Map(this.#byNonce);
    for (const session of known.values()) this.#parts.remove(session);
    this.#byId.clear();
    this.#byNonce.clear();
    this.#owners.clear();
    this.#bytes = 0;
    read.sort((a, b) => a.id - b.id);
    for (const { id, nonce, key, source, stamp, number, digest } of read) {
      if (stamp < id || this.#byId.has(id) || this.#byNonce.has(latin1(nonce))) return false;
      const session = this.#add(nonce, key, id, source, stamp);
      session.number = number;
      session.digest = digest;
      session.holds(null, null, null);
      const before = known.get(latin1(nonce));
      session.home = before?.home ?? NOWHERE;
      session.away = before?.away ?? NOWHERE;
    }
    // Owners know the order in which they were executed by that in which they are kept.
    read.sort((a, b) => a.stamp - b.stamp);
    for (const { id, nonce, number, length, result, resultDigest } of read) {
      const session = this.#byId.get(id);
      if (session === undefined) continue;
      const own = resultDigest === null ? undefined : known.get(latin1(nonce));
      const knows = own?.number === number && equal(own.resultDigest, resultDigest ?? EMPTY);
      session.holds(length, knows ? own.result : result, resultDigest);
      this.#count(session);
    }
    this.#parts.resize(state.count);
    this.#parts.restored();
    return this.#partsFor() === state.count;
  }

  /** How many parts there are for the sessions that there are. */
  #partsFor(): number {
    return Math.max(1, Math.ceil(this.size / PART_SESSIONS));
  }

  #add(nonce: Bytes, key: Bytes | undefined, id: number, source: number, stamp: number): Session {
    const session = new Session(nonce, key, id, this.#owners.of(source), stamp);
    this.#note(session, false);
    this.#owners.add(session);
    this.#enter(session);
    return session;
  }

  #evict(): void {
    const session = this.#owners.takeVictim();
    assert(session !== undefined, "every session has an owner");
    this.#note(session, true);
    this.#leave(session);
    this.#drop(session);
  }

  #enter(session: Session): void {
    this.#parts.add(session);
    this.#byId.set(session.id, session);
    this.#byNonce.set(latin1(session.nonce), session);
  }

  #leave(session: Session): void {
    this.#parts.remove(session);
    this.#byId.delete(session.id);
    this.#byNonce.delete(latin1(session.nonce));
  }

  #note(session: Session, open: boolean): void {
    if (this.journal === null) return;
    const { stamp, number, length, result, digest } = session;
    const resultDigest = result === null ? session.resultDigest : null;
    this.journal.push({ session, open, stamp, number, length, result, digest, resultDigest });
  }

  #keep(session: Session, result: Bytes): void {
    session.holds(result.length, result, null);
    this.#count(session);
  }

  #count(session: Session): void {
    const { length } = session;
    if (length === null) return;
    this.#bytes += length;
    if (length > this.#share) this.#owners.keep(session, length);
  }

  #drop(session: Session): void {
    const { length, result } = session;
    if (length === null) return;
    if (result !== null && this.journal === null) giveLarge(result);
    session.holds(null, null, null);
    this.#bytes -= length;
    if (length > this.#share) this.#owners.drop(session, length);
  }
}

/** A session as it stands in a snapshot. */
interface ReadSession {
  readonly id: number;
  readonly nonce: Bytes;
  readonly key: Bytes | undefined;
  readonly source: number;
  readonly stamp: number;
  readonly number: number;
  readonly digest: Bytes;
  readonly length: number | null;
  /** Null if it was dropped, or is large: then there is its digest. */
  readonly result: Bytes | null;
  readonly resultDigest: Bytes | null;
}

/** These sessions in the order of their ids. */
function partOf(sessions: readonly Session[]): Part {
  if (sessions.length === 0) return [];
  const sorted = sessions.toSorted((a, b) => a.id - b.id);
  let size = 4 + sorted.length * SESSION_LENGTH;
  for (const { length, key } of sorted) {
    size += (key?.length ?? 0) + (isInline(length) ? (length ?? 0) : DIGEST_LENGTH);
  }
  const part = manyBytesOf((out) => {
    out.u32(sorted.length);
    for (const session of sorted) {
      const { length } = session;
      out.u53(session.id);
      out.bytes(session.nonce);
      out.u32(session.owner.source);
      out.u53(session.stamp);
      out.u53(session.number);
      out.bytes(session.digest);
      out.u8((length === null ? 0 : KEPT) | (session.key === undefined ? 0 : KEYED));
      out.u32(length ?? 0);
      if (!isInline(length)) out.bytes(session.resultDigest);
      else if (session.result !== null) out.bytes(session.result);
      if (session.key !== undefined) out.bytes(session.key);
    }
  }, size);
  return [part];
}

/** Whether a snapshot has the result, or that it was dropped, rather than its digest. */
function isInline(length: number | null): boolean {
  return (length ?? 0) <= INLINE_MAX;
}

/** Adds what a part holds; false if it is malformed. */
function readPart(part: Part, read: ReadSession[]): boolean {
  if (part.length === 0) return true;
  const input = new Reader(part[0] ?? EMPTY);
  for (let count = input.u32(); count > 0 && input.ok; count--) {
    const id = input.u53();
    const nonce = input.bytes(NONCE_LENGTH);
    const source = input.u32();
    const stamp = input.u53();
    const number = input.u53();
    const digest = input.bytes(DIGEST_LENGTH);
    const flags = input.u8();
    if (flags > (KEPT | KEYED)) input.poison();
    const kept = (flags & KEPT) !== 0;
    const length = input.u32();
    if (length > RESULT_MAX || (!kept && length > 0)) input.poison();
    const result = isInline(length) ? input.bytes(length) : null;
    const resultDigest = result === null ? input.bytes(DIGEST_LENGTH) : null;
    const key = (flags & KEYED) === 0 ? undefined : input.bytes(CLIENT_KEY_LENGTH);
    read.push({
      ...{ id, nonce, key, source, stamp, number, digest, resultDigest },
      ...(kept ? { length, result } : { length: null, result: null }),
    });
  }
  return input.done && part.length === 1;
}
