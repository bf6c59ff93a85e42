// What a sender knows of messages that leave in fragments, and of their receivers.

import type { Address, Bytes } from "../actor.ts";
import { LinkedList, type Linked } from "../base/linked-list.ts";
import { Queue } from "../base/queue.ts";
import { RoundTrip } from "./round-trip.ts";

/** No receiver is called silent before: receipts wait for company, and repair is not its task. */
const SILENT_MIN_MS = 50;

const NOBODY: readonly Flow[] = [];
const NOTHING: readonly number[] = [];

/** A message that was sent. */
export interface Outgoing {
  readonly owner: Outbox;
  readonly source: number;
  readonly to: readonly Address[];
  readonly number: number;
  /** Empty once it was dropped. */
  message: Bytes;
  readonly length: number;
  /** How many fragments it has. */
  readonly count: number;
  readonly sentMs: number;
  /** One for each receiver, of the group for each member. */
  readonly flows: Flow[];
  /** Receivers without a receipt, and flows of which not all is sent. */
  undone: number;
  unsent: number;
  /** Whether it is only kept, for grants. */
  idle: boolean;
}

/** A message on its way to one receiver, or to the group. */
export interface Flow extends Linked<Flow> {
  readonly outgoing: Outgoing;
  readonly to: Address;
  readonly peer: Peer;
  /** Whose turn it takes. */
  readonly outbox: Outbox;
  /** Those of the members, if it is to the group. */
  members: readonly Flow[];
  /** For a member: that to the group, which sends everything for the first time. */
  readonly spread: Flow | null;
  /** The first fragment that was not sent; those below `limit` are granted. */
  next: number;
  limit: number;
  round: number;
  /** Indexes to send once more, of which the first `resendAt` were. */
  resends: readonly number[];
  resendAt: number;
  /** Bytes of its peer's window. */
  used: number;
  /** When something was sent first and last, or negative; when its receiver told of it last. */
  firstMs: number;
  sentMs: number;
  heardMs: number;
  probes: number;
  /** Whether its receiver has it all, or it was dropped; whether it was given up until it asks. */
  done: boolean;
  left: boolean;
  /** Whether it is among its outbox's flows; among those of which not all is sent. */
  queued: boolean;
  counted: boolean;
  /** Fragments that were asked for once more lately: falls by what may be in a second. */
  resent: number;
  resentMs: number;
  /** When it is looked at next, whether its receiver answers. */
  dueMs: number;
}

/** A host that messages go to; or the group. */
export interface Peer {
  readonly host: number;
  readonly roundTrip: RoundTrip;
  /** Bytes that were sent unasked and not yet received or granted more. */
  used: number;
  /** Those with fragments to send unasked, in the order in which they were sent. */
  readonly fresh: Queue<Flow>;
  /** Those that it has not received. */
  readonly flows: LinkedList<Flow>;
  heardMs: number;
  probedMs: number;
  /** Whether it was silent for too long, and when it was heard again. */
  deaf: boolean;
  backMs: number;
}

/** What goes to one host; to strangers' hosts of one IPv4 address together. */
export interface Outbox {
  readonly share: number;
  bytes: number;
  readonly messages: Map<number, Outgoing>;
  /** Bytes of those that are only kept, and how many they are. */
  idle: number;
  idleBytes: number;
  /** Flows of which something may be sent. */
  readonly ready: Queue<Flow>;
  /** Flows of which not all is sent, and how many of them each stranger has. */
  unsent: number;
  readonly waiting: Map<Address, number>;
  /** Whether it is in the rotation. */
  queued: boolean;
  /** Bytes that may leave, and when they were counted. */
  tokens: number;
  countedMs: number;
}

export function newPeer(host: number): Peer {
  return {
    ...{ host, roundTrip: new RoundTrip(SILENT_MIN_MS), used: 0, fresh: new Queue() },
    ...{
      flows: new LinkedList(),
      heardMs: -Infinity,
      probedMs: -Infinity,
      deaf: false,
      backMs: -Infinity,
    },
  };
}

export function newOutbox(share: number, tokens: number, nowMs: number): Outbox {
  return {
    ...{ share, bytes: 0, messages: new Map(), idle: 0, idleBytes: 0, ready: new Queue() },
    ...{ unsent: 0, waiting: new Map(), queued: false, tokens, countedMs: nowMs },
  };
}

export function newFlow(
  outgoing: Outgoing,
  to: Address,
  peer: Peer,
  outbox: Outbox,
  spread: Flow | null,
): Flow {
  return {
    outgoing,
    to,
    peer,
    outbox,
    members: NOBODY,
    spread,
    next: spread === null ? 0 : outgoing.count,
    limit: 0,
    round: 0,
    resends: NOTHING,
    resendAt: 0,
    used: 0,
    firstMs: -1,
    sentMs: -1,
    heardMs: -1,
    probes: 0,
    done: false,
    left: false,
    queued: false,
    counted: false,
    resent: 0,
    resentMs: outgoing.sentMs,
    dueMs: 0,
    before: null,
    after: null,
  };
}

/** Whether not all of it was sent once, so that it is under way. */
export function isUnsent({ next, outgoing, done, left }: Flow): boolean {
  return next < outgoing.count && !done && !left;
}
