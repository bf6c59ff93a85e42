// The messages of Viewstamped Replication and their wire form. Nobody signs: who sent a message is
// where it came from.

import { NO_PROOFS, type Bytes, type Codec, type Sealed } from "../../actor.ts";
import type { Reader, Writer } from "../../wire.ts";
import { decodeBatch, encodeBatch, encodeProposed, NO_BATCHES, type Batch } from "../kit/batch.ts";
import { codecOf } from "../kit/codec.ts";
import {
  decodeNumber,
  decodeStart,
  decodeVector,
  encodeStart,
  encodeVector,
  type StartMessage,
} from "../kit/crash-start-messages.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import { LOG_BATCHES_MAX, type GetLogMessage, type LogMessage } from "../kit/log-fetch.ts";
import { PROTOCOL_KINDS, type CommonMessage } from "../kit/messages.ts";

const PREPARE = PROTOCOL_KINDS;
const PREPARE_OK = PROTOCOL_KINDS + 1;
const COMMIT = PROTOCOL_KINDS + 2;
const WISH = PROTOCOL_KINDS + 3;
const DO_VIEW_CHANGE = PROTOCOL_KINDS + 4;
const START_VIEW = PROTOCOL_KINDS + 5;
const GET_LOG = PROTOCOL_KINDS + 6;
const LOG = PROTOCOL_KINDS + 7;
const STATUS = PROTOCOL_KINDS + 8;
/** And those after it: what a start asks and answers. */
const START = PROTOCOL_KINDS + 9;

/** A batch for the slot, and the last slot that the sender knows to be committed. */
export interface PrepareMessage extends Sealed {
  readonly kind: "prepare";
  readonly view: number;
  readonly slot: number;
  readonly committed: number;
  readonly batch: Batch;
}

/** The sender has all slots of the view's log up to this one. */
export interface PrepareOkMessage extends Sealed {
  readonly kind: "prepareOk";
  readonly view: number;
  readonly slot: number;
}

export interface CommitMessage extends Sealed {
  readonly kind: "commit";
  readonly view: number;
  readonly committed: number;
}

/** The sender is in a view, or on the way to it, and would go on to the wanted one. */
export interface WishMessage extends Sealed {
  readonly kind: "wish";
  readonly wanted: number;
  readonly view: number;
}

/**
 * The sender takes part in no view before this one any more. Its log is that of view `lastNormal`,
 * up to `op`, of which slots up to `committed` are executed.
 */
export interface DoViewChangeMessage extends Sealed {
  readonly kind: "doViewChange";
  readonly view: number;
  readonly lastNormal: number;
  readonly op: number;
  readonly committed: number;
  readonly vector: readonly number[];
}

/** The view began with the log of `lastNormal` up to `op`: the same in every copy. */
export interface StartViewMessage extends Sealed {
  readonly kind: "startView";
  readonly view: number;
  readonly lastNormal: number;
  readonly op: number;
  readonly committed: number;
}

/** Where the sender is: others send what it lacks. */
export interface StatusMessage extends Sealed {
  readonly kind: "status";
  readonly view: number;
  /** Whether it is in that view. */
  readonly normal: boolean;
  readonly op: number;
  readonly executed: number;
  /** Its last checkpoint. */
  readonly slot: number;
  readonly digest: Bytes;
}

/** Where a replica in normal status is. */
export interface Position {
  readonly view: number;
  readonly op: number;
  readonly committed: number;
}

type OwnMessage =
  | PrepareMessage
  | PrepareOkMessage
  | CommitMessage
  | WishMessage
  | DoViewChangeMessage
  | StartViewMessage
  | GetLogMessage
  | LogMessage
  | StatusMessage
  | StartMessage<Position>;
export type Message = CommonMessage | OwnMessage;

export const codec: Codec<Message> = codecOf<OwnMessage>(
  { encode, decode, proofs: () => NO_PROOFS, batches: batchesIn },
  { signed: false },
);

function batchesIn(message: OwnMessage): readonly Batch[] {
  if (message.kind === "prepare") return [message.batch];
  return message.kind === "log" ? message.batches : NO_BATCHES;
}

function encode(message: OwnMessage, out: Writer): void {
  switch (message.kind) {
    case "prepare":
      out.u8(PREPARE);
      out.u53(message.view);
      out.u53(message.slot);
      out.u53(message.committed);
      encodeProposed(message.batch, out);
      return;
    case "prepareOk":
      out.u8(PREPARE_OK);
      out.u53(message.view);
      out.u53(message.slot);
      return;
    case "commit":
      out.u8(COMMIT);
      out.u53(message.view);
      out.u53(message.committed);
      return;
    case "log":
      out.u8(LOG);
      out.u53(message.lastNormal);
      out.u53(message.from);
      out.u53(message.committed);
      out.u8(message.batches.length);
      for (const batch of message.batches) encodeBatch(batch, out);
      return;
    case "wish":
      out.u8(WISH);
      out.u53(message.wanted);
      out.u53(message.view);
      return;
    case "doViewChange":
    case "startView":
    case "getLog":
    case "status":
      return encodeMove(message, out);
    default:
      encodeStart(START, message, encodePosition, out);
  }
}

type MoveMessage = DoViewChangeMessage | StartViewMessage | GetLogMessage | StatusMessage;

function encodeMove(message: MoveMessage, out: Writer): void {
  switch (message.kind) {
    case "doViewChange":
      out.u8(DO_VIEW_CHANGE);
      out.u53(message.view);
      out.u53(message.lastNormal);
      out.u53(message.op);
      out.u53(message.committed);
      encodeVector(message.vector, out);
      return;
    case "startView":
      out.u8(START_VIEW);
      out.u53(message.view);
      out.u53(message.lastNormal);
      out.u53(message.op);
      out.u53(message.committed);
      return;
    case "getLog":
      out.u8(GET_LOG);
      out.u53(message.lastNormal);
      out.u53(message.from);
      return;
    case "status":
      out.u8(STATUS);
      out.u53(message.view);
      out.flag(message.normal);
      out.u53(message.op);
      out.u53(message.executed);
      out.u53(message.slot);
      out.bytes(message.digest);
  }
}

function encodePosition({ view, op, committed }: Position, out: Writer): void {
  out.u53(view);
  out.u53(op);
  out.u53(committed);
}

function decodePosition(input: Reader): Position {
  return { view: decodeNumber(input), op: decodeNumber(input), committed: decodeNumber(input) };
}

function decode(kind: number, input: Reader): OwnMessage | null {
  switch (kind) {
    case PREPARE: {
      const view = decodeNumber(input);
      const slot = decodeNumber(input);
      const committed = decodeNumber(input);
      return { kind: "prepare", view, slot, committed, batch: decodeBatch(input) };
    }
    case PREPARE_OK:
      return { kind: "prepareOk", view: decodeNumber(input), slot: decodeNumber(input) };
    case COMMIT:
      return { kind: "commit", view: decodeNumber(input), committed: decodeNumber(input) };
    case LOG:
      return decodeLog(input);
    case WISH:
      return { kind: "wish", wanted: decodeNumber(input), view: decodeNumber(input) };
    case DO_VIEW_CHANGE: {
      const view = decodeNumber(input);
      const lastNormal = decodeNumber(input);
      const op = decodeNumber(input);
      const committed = decodeNumber(input);
      const vector = decodeVector(input);
      return { kind: "doViewChange", view, lastNormal, op, committed, vector };
    }
    case START_VIEW: {
      const view = decodeNumber(input);
      const lastNormal = decodeNumber(input);
      const op = decodeNumber(input);
      return { kind: "startView", view, lastNormal, op, committed: decodeNumber(input) };
    }
    case GET_LOG:
      return { kind: "getLog", lastNormal: decodeNumber(input), from: decodeNumber(input) };
    case STATUS:
      return decodeStatus(input);
    default:
      return decodeStart(kind - START, decodePosition, input);
  }
}

function decodeLog(input: Reader): LogMessage {
  const lastNormal = decodeNumber(input);
  const from = decodeNumber(input);
  const committed = decodeNumber(input);
  const count = input.u8();
  if (count > LOG_BATCHES_MAX) input.poison();
  const batches: Batch[] = [];
  for (let i = 0; i < count && input.ok; i++) batches.push(decodeBatch(input));
  return { kind: "log", lastNormal, from, committed, batches };
}

function decodeStatus(input: Reader): StatusMessage {
  const view = decodeNumber(input);
  const normal = input.flag();
  const op = decodeNumber(input);
  const executed = decodeNumber(input);
  const slot = decodeNumber(input);
  return { kind: "status", view, normal, op, executed, slot, digest: input.bytes(DIGEST_LENGTH) };
}
