// Requests that a replica knows and that are not executed yet: what a primary proposes, what a
// backup relays, and what view timers run for.

import type { Address, Signer } from "../../actor.ts";
import { EMPTY, equal } from "../../wire.ts";
import { KEY_OVERHEAD, REQUEST_OVERHEAD } from "./batch.ts";
import { isOpen, sameRequest, waitingName, type Request } from "./request.ts";
import { NOWHERE } from "./sessions.ts";
import { relayerOf, Shares, type Holder } from "./shares.ts";

/** Most requests that wait; more are dropped, and their clients try again. */
export const PENDING_MAX = 65_536;

/** Bytes of all that wait, each with its overhead; what is over falls to the greatest holder. */
export const PENDING_BYTES_MAX = 32 * 1024 * 1024;
/** Memory that a request takes beside its operation, about. */
export const ENTRY_BYTES = 256;

/**
 * Opens of one host that wait: anybody can send any number, and opens have a ration
 * (open-ration.ts), so that they would wait until the leader is suspected. A newer one displaces
 * the oldest, so that all replicas know the same ones, and none waits so long that backups relay
 * it; its client asks again.
 */
export const OPENS_MAX = 256;

/** Of what one replica relayed. */
export const RELAYED_MAX = 4096;
export const RELAYED_BYTES_MAX = 8 * 1024 * 1024;

/** Where a request came from: its client, an abandoned block, or the replica that relayed it. */
export type Source = "client" | "block" | Signer;

export interface PendingRequest {
  request: Request;
  /** Where its client was heard from last, or for an `open` first. */
  client: Address;
  readonly sinceMs: number;
  /** When it was queued for a batch. */
  queuedMs: number;
  /** Executed, displaced, or in a batch: the queue skips it. */
  done: boolean;
  /** When it was passed on to whoever orders, or -Infinity. */
  relayedMs: number;
  readonly source: Source;
  /** Whose share of the bound it takes, and how much of it. */
  readonly holder: Holder;
  readonly bytes: number;
}

/** Bytes that it takes of a batch, at most. */
export function batchBytesOf({ bytes, request: { key, seal } }: PendingRequest): number {
  const keyed = key === undefined ? 0 : KEY_OVERHEAD;
  return bytes - ENTRY_BYTES - (seal?.length ?? 0) + REQUEST_OVERHEAD + keyed;
}

const FORGOTTEN: Request = { session: 0, tag: 0, number: 0, op: EMPTY };

/**
 * One request a session, and each `open`, in the order of arrival. Which session a request claims
 * to be of is all that counts here: a request that is executed as "no session" is done as well.
 * Relayed requests are kept apart, because a Byzantine replica can relay any number, which must run
 * no view timer; the client's own copy of one takes its place.
 */
export class Pending {
  readonly #own = new Map<number | string, PendingRequest>();
  readonly #relayed = new Map<number | string, PendingRequest>();
  readonly #alive: (request: Request) => boolean;
  readonly #sourceOf: (client: Address) => Holder;
  /** How many of each replica that relayed any. */
  readonly #relays = new Shares();
  readonly #shares = new Shares();
  /** Opens that clients sent, by host, oldest first. */
  readonly #opens = new Map<Holder, Set<PendingRequest>>();
  #operations = 0;

  /** `alive` says whether a request's session exists, `sourceOf` which host a client is at. */
  constructor(alive: (request: Request) => boolean, sourceOf: (client: Address) => Holder) {
    this.#alive = alive;
    this.#sourceOf = sourceOf;
  }

  get size(): number {
    return this.#own.size + this.#relayed.size;
  }
  /** How many are no opens. */
  get operations(): number {
    return this.#operations;
  }
  get bytes(): number {
    return this.#shares.total;
  }
  /** How many were not relayed. */
  get ownSize(): number {
    return this.#own.size;
  }

  /** What waits of the request's session, which may be an earlier or a later request. */
  find(request: Request): PendingRequest | undefined {
    return this.#find(this.nameOf(request));
  }

  /** Those that are not executed, oldest first, and then those that were relayed. */
  *values(): Iterable<PendingRequest> {
    yield* this.#own.values();
    yield* this.#relayed.values();
  }

  /** Since when the oldest waits that was not relayed; Infinity when there is none. */
  get oldestMs(): number {
    for (const entry of this.#own.values()) return entry.sinceMs;
    return Infinity;
  }

  /**
   * Takes in a request, unless it or a later one of its session waits already, or there is no room,
   * or too many wait that the same replica relayed: then null. One whose session exists displaces
   * one with a wrong tag, never the other way round; one that a client sent takes the place of its
   * relayed copy. Where there is no room who holds most makes some for those that hold less.
   */
  add(
    request: Request,
    client: Address,
    nowMs: number,
    source: Source = "client",
  ): PendingRequest | null {
    const key = this.nameOf(request);
    const known = this.#find(key);
    if (known !== undefined && !this.#displaces(request, known, source)) {
      if (source === "client") heardAgain(known, request, client);
      return null;
    }
    const bytes = ENTRY_BYTES + request.op.length + (request.seal?.length ?? 0);
    const relayed = typeof source === "number";
    const holder = relayed ? relayerOf(source) : this.#sourceOf(client);
    if (relayed && !this.#mayRelay(source, bytes)) return null;
    if (!this.#makeRoom(holder, bytes, known)) return null;
    const placed = known?.done === true && sameRequest(known.request, request);
    if (known !== undefined) this.#remove(key, known);
    if (relayed) this.#relays.add(holder, 1);
    this.#shares.add(holder, bytes);
    const entry = {
      request,
      client,
      sinceMs: nowMs,
      queuedMs: nowMs,
      done: placed,
      relayedMs: -Infinity,
      source,
      holder,
      bytes,
    };
    if (!isOpen(request)) this.#operations++;
    else if (source === "client") this.#addOpen(entry);
    (typeof source === "number" ? this.#relayed : this.#own).set(key, entry);
    return placed ? null : entry;
  }

  #mayRelay(source: Signer, bytes: number): boolean {
    const holder = relayerOf(source);
    if (this.#relays.of(holder) >= RELAYED_MAX) return false;
    return this.#shares.of(holder) + bytes <= RELAYED_BYTES_MAX;
  }

  /** Has the greatest holder lose its oldest until so many bytes fit, in the place of `known`. */
  #makeRoom(holder: Holder, bytes: number, known: PendingRequest | undefined): boolean {
    const size = known === undefined ? PENDING_MAX : PENDING_MAX + 1;
    const bytesMax = PENDING_BYTES_MAX + (known?.bytes ?? 0) - bytes;
    while (this.size >= size || this.#shares.total > bytesMax) {
      const greatest = this.#shares.greatest();
      if (greatest === undefined || this.#shares.of(holder) + bytes > this.#shares.of(greatest)) {
        return false;
      }
      if (!this.#evictOf(greatest, known)) return false;
    }
    return true;
  }

  #evictOf(holder: Holder, kept: PendingRequest | undefined): boolean {
    for (const entry of this.values()) {
      if (entry.holder !== holder || entry === kept) continue;
      this.#displace(entry);
      return true;
    }
    return false;
  }

  /** Whether the request is to take the place of the one that is known of its session. */
  #displaces(request: Request, known: PendingRequest, source: Source): boolean {
    if (known.request.tag !== request.tag) return this.#alive(request);
    if (request.number !== known.request.number) return request.number > known.request.number;
    return source === "client" && typeof known.source === "number";
  }

  /**
   * Forgets what waits if this request, or an earlier one of its session, does; where its client
   * was heard asking for it, or NOWHERE.
   */
  executed(request: Request): Address {
    if (this.size === 0) return NOWHERE;
    const key = this.nameOf(request);
    const entry = this.#find(key);
    if (entry === undefined || entry.request.tag !== request.tag) return NOWHERE;
    if (entry.request.number > request.number) return NOWHERE;
    this.#remove(key, entry);
    const heard = entry.source === "client" && entry.request.number === request.number;
    return heard && sameOperation(entry.request, request) ? entry.client : NOWHERE;
  }

  /** What can wait once. */
  protected nameOf(request: Request): number | string {
    return waitingName(request);
  }

  #find(key: number | string): PendingRequest | undefined {
    const own = this.#own.get(key);
    return own !== undefined || this.#relayed.size === 0 ? own : this.#relayed.get(key);
  }

  #addOpen(entry: PendingRequest): void {
    const { holder } = entry;
    const opens = this.#opens.get(holder);
    if (opens === undefined) {
      this.#opens.set(holder, new Set([entry]));
      return;
    }
    opens.add(entry);
    if (opens.size > OPENS_MAX) for (const oldest of opens) return this.#displace(oldest);
  }

  #forgetOpen(entry: PendingRequest): void {
    const opens = this.#opens.get(entry.holder);
    opens?.delete(entry);
    if (opens?.size === 0) this.#opens.delete(entry.holder);
  }

  /** Forgets what the queue has still. */
  #displace(entry: PendingRequest): void {
    this.#remove(this.nameOf(entry.request), entry);
    entry.request = FORGOTTEN;
  }

  #remove(key: number | string, entry: PendingRequest): void {
    const { source } = entry;
    entry.done = true;
    this.#shares.add(entry.holder, -entry.bytes);
    if (!isOpen(entry.request)) this.#operations--;
    else if (source === "client") this.#forgetOpen(entry);
    if (typeof source !== "number") {
      this.#own.delete(key);
      return;
    }
    this.#relayed.delete(key);
    this.#relays.add(entry.holder, -1);
  }
}

/**
 * A client may ask again from elsewhere. An `open` stays that of the address where it was heard
 * first, because whoever has seen its nonce could send it again.
 */
function heardAgain(known: PendingRequest, request: Request, client: Address): void {
  if (isOpen(request) || !sameRequest(known.request, request)) return;
  if (sameOperation(known.request, request)) known.client = client;
}

function sameOperation(a: Request, b: Request): boolean {
  return a === b || equal(a.op, b.op);
}
