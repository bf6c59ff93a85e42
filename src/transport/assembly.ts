// A message of which fragments came, and the host that sends it.

import type { Address } from "../actor.ts";
import { LinkedList, type Linked } from "../base/linked-list.ts";
import { RoundTrip } from "./round-trip.ts";

/** Numbers of messages of one host that are known to be complete. */
const COMPLETED_MAX = 256;

/** Memory that some hosts share. */
export interface Pool {
  readonly max: number;
  bytes: number;
}

/** A host that sends fragments. */
export interface Holder {
  readonly share: number;
  readonly pool: Pool;
  bytes: number;
  /** By number. */
  readonly assemblies: Map<number, Assembly>;
  /** The same, that of which nothing came for longest first. */
  readonly silence: LinkedList<Assembly>;
  /** The newest COMPLETED_MAX. */
  readonly completed: Set<number>;
  /** How soon it answers requests: measured of configured hosts only. */
  readonly trip: RoundTrip;
}

export interface Assembly extends Linked<Assembly> {
  readonly holder: Holder;
  readonly from: Address;
  readonly number: number;
  readonly destination: number;
  readonly length: number;
  readonly count: number;
  /** Slots of what came, by index: memory grows with that, not with what was announced. */
  readonly parts: Map<number, number>;
  /** Bytes of memory. */
  bytes: number;
  /** Bytes of fragments that came, and of requests that left. */
  came: number;
  asked: number;
  readonly openedMs: number;
  heardMs: number;
  /** Since something came. */
  requests: number;
  /** The first fragment that is missing. */
  missing: number;
  /** Fragments before this one have left their sender, which is configured, or else are zero. */
  left: number;
  /** Since when one of these is known to be missing; Infinity: none is. */
  gapMs: number;
  /** The latest request, and the first one of which nothing came; Infinity: none is under way. */
  askedMs: number;
  firstAskedMs: number;
  /** Fragments before this one were asked for. */
  askedBelow: number;
}

export interface Header {
  readonly from: Address;
  readonly number: number;
  readonly destination: number;
  readonly length: number;
  readonly count: number;
}

export function newHolder(share: number, pool: Pool): Holder {
  return {
    share,
    pool,
    bytes: 0,
    assemblies: new Map(),
    silence: new LinkedList(),
    completed: new Set(),
    trip: new RoundTrip(),
  };
}

export function newAssembly(holder: Holder, header: Header, nowMs: number): Assembly {
  const { from, number, destination, length, count } = header;
  return {
    holder,
    from,
    number,
    destination,
    length,
    count,
    parts: new Map(),
    bytes: 0,
    came: 0,
    asked: 0,
    openedMs: nowMs,
    heardMs: nowMs,
    requests: 0,
    missing: 0,
    left: 0,
    gapMs: Infinity,
    askedMs: -Infinity,
    firstAskedMs: Infinity,
    askedBelow: 0,
    before: null,
    after: null,
  };
}

/**
 * When what is missing is asked for: if it is known to have left, once it is late by a round trip
 * and was not asked for just now, else after a silence.
 */
export function dueMs(assembly: Assembly): number {
  const { gapMs, askedMs, requests, holder } = assembly;
  const { trip } = holder;
  const gapDueMs = Math.max(gapMs + trip.meanMs, askedMs + trip.lateMs(requests));
  return Math.min(gapDueMs, silentMs(assembly));
}

/** When nothing has come for so long that the end is lost as well. */
export function silentMs({ heardMs, requests, holder }: Assembly): number {
  return heardMs + holder.trip.lateMs(requests);
}

/** What comes of this message from now on is dropped. */
export function remember({ completed }: Holder, number: number): void {
  completed.add(number);
  if (completed.size <= COMPLETED_MAX) return;
  const [first] = completed;
  if (first !== undefined) completed.delete(first);
}

export function fits(assembly: Assembly, { from, destination, length }: Header): boolean {
  const { from: sender, destination: receiver, length: whole } = assembly;
  return sender === from && receiver === destination && whole === length;
}
