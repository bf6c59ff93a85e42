// The messages of an ordered network: what a sequencer stamps, and how replicas open one (Li et
// al., "Just Say NO to Paxos Overhead", OSDI '16, section 3.3). Their kinds and their fixed parts
// are the same in every protocol, because a fabric may be the sequencer (csrc/dpdk/sequencer.h).

import type { Sealed } from "../../actor.ts";
import type { Reader, Writer } from "../../wire.ts";
import { decodeBatch, encodeBatch, EMPTY_BATCH, makeBatch, type Batch } from "./batch.ts";
import { DIGEST_LENGTH } from "./digest.ts";
import { isOpen, type Request } from "./request.ts";
import { NOWHERE } from "./sessions.ts";

const SEQUENCED = 240;
const PROBE = 241;
const ALIVE = 242;
const OPEN_SESSION = 243;
const SESSION_OPENED = 244;
const SEQUENCER_HELLO = 245;

/** Of a codec: clients send what is to be stamped, and sequencers are no replicas. */
export const SEQUENCING_KINDS: readonly number[] = [
  ...[SEQUENCED, PROBE, ALIVE, OPEN_SESSION, SESSION_OPENED, SEQUENCER_HELLO],
];

/**
 * Most bytes of a message that is stamped, so that it fits one packet of every transport: what goes
 * in parts is put together late, and what one sequencer stamped overtakes it.
 */
export const SEQUENCED_MAX = 1400;
/** Kind, session, incarnation, number, length of the authenticator, whether it is a reference. */
const HEADER_LENGTH = 1 + 8 + 8 + 8 + 2 + 1;
/** Bytes of a batch beside its requests. */
const BATCH_LENGTH = 4 + 4;
/** Bytes of a request beside its operation, its client's address included; those of a source. */
const REQUEST_LENGTH = 8 + 4 + 8 + 4 + 8;
const SOURCE_LENGTH = 4;
/** Bytes for requests in a message that is stamped. */
export const STAMPED_BYTES_MAX = SEQUENCED_MAX - HEADER_LENGTH - BATCH_LENGTH;
/** Most requests in one. */
export const STAMPED_REQUESTS_MAX = Math.floor(STAMPED_BYTES_MAX / REQUEST_LENGTH);

/**
 * A place in an order that no two messages have: within a session numbers rise by one from 1, and a
 * sequencer that starts anew has another incarnation. All zeros before it is stamped.
 */
export interface Stamp {
  readonly session: number;
  /** 48 random bits of this life of the sequencer. */
  readonly incarnation: number;
  readonly number: number;
}

/** From a client, or a replica that passes a request on, to a sequencer; from that to replicas. */
export interface SequencedMessage extends Sealed {
  readonly kind: "sequenced";
  readonly stamp: Stamp;
  /** Whether the only request has, in place of its operation, the SHA-256 of that. */
  readonly reference: boolean;
  readonly batch: Batch;
}

/** A replica asks a sequencer whether it is there. */
export interface ProbeMessage extends Sealed {
  readonly kind: "probe";
}

/** The answer: its session, null while it is closed, and the number of the last stamp. */
export interface AliveMessage extends Sealed {
  readonly kind: "alive";
  readonly incarnation: number;
  readonly session: number | null;
  readonly number: number;
}

/** Has the sequencer of this incarnation begin a session, if it has none as high. */
export interface OpenSessionMessage extends Sealed {
  readonly kind: "openSession";
  readonly session: number;
  readonly incarnation: number;
}

/** The answer: the next stamp of the session has the number `first`. */
export interface SessionOpenedMessage extends Sealed {
  readonly kind: "sessionOpened";
  readonly session: number;
  readonly incarnation: number;
  readonly first: number;
}

/** A sequencer that is closed says so to all replicas. */
export interface SequencerHelloMessage extends Sealed {
  readonly kind: "sequencerHello";
  readonly incarnation: number;
}

export type SequencingMessage =
  | SequencedMessage
  | ProbeMessage
  | AliveMessage
  | OpenSessionMessage
  | SessionOpenedMessage
  | SequencerHelloMessage;

const UNSTAMPED: Stamp = { session: 0, incarnation: 0, number: 0 };

/** What a client sends to a sequencer, or a replica for it: then with the client's address. */
export function unsequenced(
  request: Request,
  { client = NOWHERE, reference = false }: { client?: number; reference?: boolean } = {},
): SequencedMessage {
  const batch = makeBatch([request], [client]);
  return { kind: "sequenced", stamp: UNSTAMPED, reference, batch };
}

/** Whether a request can be stamped as it is; of a larger one the reference is. */
export function fitsStamp(request: Request): boolean {
  return stampedBytes(request) <= STAMPED_BYTES_MAX;
}

/** Bytes of a request in a message that is stamped, and of its client's address. */
export function stampedBytes(request: Request): number {
  return REQUEST_LENGTH + request.op.length + (isOpen(request) ? SOURCE_LENGTH : 0);
}

/** Whether the message is one of an ordered network, by its kind. */
export function isSequencing(message: { readonly kind: string }): message is SequencingMessage {
  switch (message.kind) {
    case "sequenced":
    case "probe":
    case "alive":
    case "openSession":
    case "sessionOpened":
    case "sequencerHello":
      return true;
    default:
      return false;
  }
}

export function encodeSequencing(message: SequencingMessage, out: Writer): void {
  switch (message.kind) {
    case "sequenced": {
      const { stamp, reference, batch } = message;
      out.u8(SEQUENCED);
      out.u53(stamp.session);
      out.u53(stamp.incarnation);
      out.u53(stamp.number);
      out.u16(0);
      out.flag(reference);
      encodeBatch(batch, out);
      return;
    }
    case "probe":
      return encodeState(PROBE, 0, null, 0, out);
    case "alive":
      return encodeState(ALIVE, message.incarnation, message.session, message.number, out);
    case "openSession":
      return encodeState(OPEN_SESSION, message.incarnation, message.session, 0, out);
    case "sessionOpened":
      return encodeState(SESSION_OPENED, message.incarnation, message.session, message.first, out);
    case "sequencerHello":
      return encodeState(SEQUENCER_HELLO, message.incarnation, null, 0, out);
  }
}

/** One form for all, so that a fabric answers in place. */
function encodeState(
  kind: number,
  incarnation: number,
  session: number | null,
  number: number,
  out: Writer,
): void {
  out.u8(kind);
  out.u53(incarnation);
  out.flag(session !== null);
  out.u53(session ?? 0);
  out.u53(number);
}

/** The message of this kind; null if there is none. Poisons the reader if it is malformed. */
export function decodeSequencing(kind: number, input: Reader): SequencingMessage | null {
  if (kind === SEQUENCED) return decodeSequenced(input);
  if (kind < SEQUENCED || kind > SEQUENCER_HELLO) return null;
  const incarnation = input.u53();
  const open = input.flag();
  const session = input.u53();
  const number = input.u53();
  // What the kind does not use is 0, so that a message has one form.
  const uses = USES.get(kind);
  const unused =
    (uses?.incarnation !== true && incarnation !== 0) ||
    (!open && session !== 0) ||
    (uses?.number !== true && number !== 0) ||
    (uses?.open !== undefined && uses.open !== open);
  if (unused) input.poison();
  switch (kind) {
    case PROBE:
      return { kind: "probe" };
    case ALIVE:
      return { kind: "alive", incarnation, session: open ? session : null, number };
    case OPEN_SESSION:
      return { kind: "openSession", session, incarnation };
    case SESSION_OPENED:
      return { kind: "sessionOpened", session, incarnation, first: number };
    default:
      return { kind: "sequencerHello", incarnation };
  }
}

interface Uses {
  readonly incarnation: boolean;
  /** Whether it has a session; undefined: it may. */
  readonly open?: boolean;
  readonly number: boolean;
}

const USES: ReadonlyMap<number, Uses> = new Map<number, Uses>([
  [PROBE, { incarnation: false, open: false, number: false }],
  [ALIVE, { incarnation: true, number: true }],
  [OPEN_SESSION, { incarnation: true, open: true, number: false }],
  [SESSION_OPENED, { incarnation: true, open: true, number: true }],
  [SEQUENCER_HELLO, { incarnation: true, open: false, number: false }],
]);

function decodeSequenced(input: Reader): SequencedMessage {
  const session = input.u53();
  const incarnation = input.u53();
  const number = input.u53();
  // No sequencer that crashes and never lies authenticates what it stamps.
  if (input.u16() !== 0) input.poison();
  const reference = input.flag();
  const batch = input.ok ? decodeBatch(input) : EMPTY_BATCH;
  const [request] = batch.requests;
  const refers =
    batch.requests.length === 1 &&
    request !== undefined &&
    !isOpen(request) &&
    request.op.length === DIGEST_LENGTH;
  if (batch.requests.length === 0 || (reference && !refers)) input.poison();
  return { kind: "sequenced", stamp: { session, incarnation, number }, reference, batch };
}
