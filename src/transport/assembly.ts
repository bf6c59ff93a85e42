// A message of which fragments came, and the host that sends it.

import type { Address } from "../actor.ts";
import { LinkedList, type Linked } from "../base/linked-list.ts";
import { RoundTrip } from "./round-trip.ts";

/** Numbers of messages of one host that are known to be complete. */
const COMPLETED_MAX = 256;
/** What is told apart of the number and the length of a message whose number another one has. */
const NUMBERS = 2 ** 29;
const LENGTHS = 2 ** 23;

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
  /**
   * By number, and of a number that several claim the others by `otherKey`: whoever forges a source
   * claims numbers in its name, and must not keep it from sending them.
   */
  readonly assemblies: Map<number, Assembly>;
  /** The same, that of which nothing came for longest first. */
  readonly silence: LinkedList<Assembly>;
  /** The newest COMPLETED_MAX, with the length that each had last. */
  readonly completed: Map<number, number>;
  /** How soon it answers requests: measured of configured hosts only. */
  readonly trip: RoundTrip;
}

export interface Assembly extends Linked<Assembly> {
  /** By which its holder has it. */
  readonly key: number;
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
    completed: new Map(),
    trip: new RoundTrip(),
  };
}

export function newAssembly(holder: Holder, header: Header, nowMs: number): Assembly {
  const { from, number, destination, length, count } = header;
  return {
    key: holder.assemblies.has(number) ? otherKey(header) : number,
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

/** The message of which this is a part, if something came of it. */
export function assemblyOf({ assemblies }: Holder, header: Header): Assembly | undefined {
  const first = assemblies.get(header.number);
  if (first !== undefined && fits(first, header)) return first;
  const other = assemblies.get(otherKey(header));
  return other !== undefined && fits(other, header) ? other : undefined;
}

/** Whether there can be another message of this number. */
export function mayOpen({ assemblies }: Holder, header: Header): boolean {
  return !assemblies.has(header.number) || !assemblies.has(otherKey(header));
}

/** Of a message whose number another one has: below zero, and seldom that of a third. */
function otherKey({ number, length }: Header): number {
  return -1 - ((number % NUMBERS) * LENGTHS + (length % LENGTHS));
}

/** What comes of this message from now on is dropped. */
export function remember({ completed }: Holder, { number, length }: Header): void {
  completed.delete(number);
  completed.set(number, length);
  if (completed.size <= COMPLETED_MAX) return;
  const [first] = completed.keys();
  if (first !== undefined) completed.delete(first);
}

function fits(assembly: Assembly, header: Header): boolean {
  const { from, number, destination, length } = assembly;
  if (from !== header.from || number !== header.number) return false;
  return destination === header.destination && length === header.length;
}
