// What a receiver knows of messages that are on their way to it in fragments, and of their senders.

import type { Address } from "../actor.ts";
import { LinkedList, type Linked } from "../base/linked-list.ts";
import type { Queue } from "../base/queue.ts";
import { RoundTrip } from "./round-trip.ts";

/** No fragment is called late before: threads that poll are descheduled on shared processors. */
const LATE_MIN_MS = 2;

/** Memory that some hosts share. */
export interface Pool {
  readonly max: number;
  bytes: number;
}

/** What may be granted to hosts that share it. */
export interface Budget {
  /** Fragments granted, or asked for once more, that did not come yet. */
  granted: number;
  /** Hosts with messages that wait for grants, in the order of their turns. */
  readonly hosts: Queue<Holder>;
  /** Whether something waits for room, and fragments that have come since. */
  blocked: boolean;
  freed: number;
}

/** A host that sends fragments. */
export interface Holder {
  readonly share: number;
  readonly pool: Pool;
  readonly budget: Budget;
  readonly roundTrip: RoundTrip;
  bytes: number;
  granted: number;
  /** By number. */
  readonly assemblies: Map<number, Assembly>;
  /** The same, that of which nothing came for longest first. */
  readonly silence: LinkedList<Assembly>;
  /** Those of which not all is granted, the oldest first. */
  readonly waiting: LinkedList<Turn>;
  /** Whether it is among its budget's hosts. */
  queued: boolean;
  /** Messages with a single fragment that were asked for, and when. */
  claims: number;
  claimsMs: number;
  /** The newest messages that are complete. */
  readonly completed: Set<number>;
}

/** A message's place among those that wait for grants. */
export interface Turn extends Linked<Turn> {
  readonly assembly: Assembly;
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
  /** Bytes of fragments that came, and of grants that left. */
  came: number;
  asked: number;
  readonly openedMs: number;
  heardMs: number;
  closed: boolean;
  /** How many fragments come unasked, and which may come: those below `limit`. */
  readonly unasked: number;
  limit: number;
  /** Of its host's granted fragments. */
  granted: number;
  turn: Turn | null;
  /** All fragments below `base` are here, none from `edge` on. */
  base: number;
  edge: number;
  /** Indexes that are being asked for once more, and the edge when that began. */
  repairAt: number;
  repairEnd: number;
  repairMs: number;
  seen: number;
  /** How often it was silent for too long in a row, and when that was found last. */
  tries: number;
  triedMs: number;
  /** The last grant; that whose answer is measured, sent at `timedMs`, or negative. */
  round: number;
  timedRound: number;
  timedMs: number;
  /** When it is looked at next. */
  dueMs: number;
}

export function newHolder(share: number, pool: Pool, budget: Budget): Holder {
  return {
    ...{ share, pool, budget, roundTrip: new RoundTrip(LATE_MIN_MS), bytes: 0, granted: 0 },
    ...{ assemblies: new Map(), silence: new LinkedList(), waiting: new LinkedList() },
    ...{ queued: false, claims: 0, claimsMs: -Infinity, completed: new Set() },
  };
}

/** What the header of a message's first fragment says of it. */
export interface Header {
  readonly from: Address;
  readonly number: number;
  readonly destination: number;
  readonly length: number;
  readonly count: number;
}

export function newAssembly(
  holder: Holder,
  { from, number, destination, length, count }: Header,
  unasked: number,
  nowMs: number,
): Assembly {
  const first = Math.min(count, unasked);
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
    closed: false,
    unasked: first,
    limit: first,
    granted: 0,
    turn: null,
    base: 0,
    edge: 0,
    repairAt: 0,
    repairEnd: 0,
    repairMs: nowMs,
    seen: 0,
    tries: 0,
    triedMs: nowMs,
    round: 0,
    timedRound: 0,
    timedMs: -1,
    dueMs: 0,
    before: null,
    after: null,
  };
}
