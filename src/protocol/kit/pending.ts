// Requests that a replica knows and that are not executed yet: what a primary proposes, what a
// backup relays, and what view timers run for.

import type { Address, Signer } from "../../actor.ts";
import { latin1 } from "../../wire.ts";
import { isOpen, type Request } from "./request.ts";

/** Most requests that wait; more are dropped, and their clients try again. */
export const PENDING_MAX = 65_536;

/** Of what one replica relayed. */
export const RELAYED_MAX = 4096;

/** Who sent a request: its client, a replica that relayed it, or nobody: an abandoned block. */
export type Source = "client" | "block" | Signer;

export interface PendingRequest {
  readonly request: Request;
  /** Where its client was heard from last. */
  client: Address;
  readonly sinceMs: number;
  /** When it was queued for a batch. */
  queuedMs: number;
  /** Executed, displaced, or in a batch: the queue skips it. */
  done: boolean;
  readonly source: Source;
}

/**
 * One request a session, and each `open`, in the order of arrival. Which session a request claims
 * to be of is all that counts here: a request that is executed as "no session" is done as well.
 */
export class Pending {
  readonly #entries = new Map<number | string, PendingRequest>();
  readonly #alive: (request: Request) => boolean;
  /** How many of each replica that relayed any. */
  readonly #relayed = new Map<Signer, number>();

  /** `alive` says whether a request's session exists. */
  constructor(alive: (request: Request) => boolean) {
    this.#alive = alive;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What waits of the request's session, which may be an earlier or a later request. */
  find(request: Request): PendingRequest | undefined {
    return this.#entries.get(keyOf(request));
  }

  /** Those that are not executed, oldest first. */
  values(): Iterable<PendingRequest> {
    return this.#entries.values();
  }

  /** Since when the oldest waits; Infinity when there is none. */
  get oldestMs(): number {
    for (const entry of this.#entries.values()) return entry.sinceMs;
    return Infinity;
  }

  /**
   * Takes in a request, unless it or a later one of its session waits already, or too many do, or
   * too many that the same replica relayed: then null. One whose session exists displaces one with
   * a wrong tag, never the other way round.
   */
  add(
    request: Request,
    client: Address,
    nowMs: number,
    source: Source = "client",
  ): PendingRequest | null {
    const key = keyOf(request);
    const known = this.#entries.get(key);
    if (known !== undefined) {
      const same = known.request.tag === request.tag;
      if (same && known.request.number === request.number) known.client = client;
      const displaces = same ? request.number > known.request.number : this.#alive(request);
      if (!displaces) return null;
      this.#remove(key, known);
    } else if (this.#entries.size >= PENDING_MAX) {
      return null;
    }
    if (typeof source === "number") {
      const count = this.#relayed.get(source) ?? 0;
      if (count >= RELAYED_MAX) return null;
      this.#relayed.set(source, count + 1);
    }
    const entry = { request, client, sinceMs: nowMs, queuedMs: nowMs, done: false, source };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Forgets what waits if this request, or an earlier one of its session, does. */
  executed(request: Request): void {
    if (this.#entries.size === 0) return;
    const key = keyOf(request);
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.request.tag !== request.tag) return;
    if (entry.request.number > request.number) return;
    this.#remove(key, entry);
  }

  #remove(key: number | string, entry: PendingRequest): void {
    const { source } = entry;
    entry.done = true;
    this.#entries.delete(key);
    if (typeof source === "number") {
      this.#relayed.set(source, (this.#relayed.get(source) ?? 0) - 1);
    }
  }
}

function keyOf(request: Request): number | string {
  if (!isOpen(request)) return request.session;
  return latin1(request.op);
}
