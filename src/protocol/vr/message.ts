// The messages of Viewstamped Replication and their wire form. Nobody signs: who sent a message is
// where it came from.

import { NO_PROOFS, type Bytes, type Codec, type Sealed } from "../../actor.ts";
import type { Reader, Writer } from "../../wire.ts";
import { decodeBatch, encodeBatch, type Batch } from "../kit/batch.ts";
import { codecOf } from "../kit/codec.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import { PROTOCOL_KINDS, RECOVERY_NONCE_LENGTH, type CommonMessage } from "../kit/messages.ts";

const PREPARE = PROTOCOL_KINDS;
const PREPARE_OK = PROTOCOL_KINDS + 1;
const COMMIT = PROTOCOL_KINDS + 2;
const WISH = PROTOCOL_KINDS + 3;
const DO_VIEW_CHANGE = PROTOCOL_KINDS + 4;
const START_VIEW = PROTOCOL_KINDS + 5;
const GET_LOG = PROTOCOL_KINDS + 6;
const LOG = PROTOCOL_KINDS + 7;
const STATUS = PROTOCOL_KINDS + 8;
const ASK = PROTOCOL_KINDS + 9;
const STARTING = PROTOCOL_KINDS + 10;
const ANSWER = PROTOCOL_KINDS + 11;
const RENEW = PROTOCOL_KINDS + 12;
const RENEWED = PROTOCOL_KINDS + 13;

/** No view, slot or number of a life that is ever reached is as large. */
const NUMBER_MAX = 2 ** 48;

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

/** Asks for slots from `from` on of the log of view `lastNormal`. */
export interface GetLogMessage extends Sealed {
  readonly kind: "getLog";
  readonly lastNormal: number;
  readonly from: number;
}

export interface LogMessage extends Sealed {
  readonly kind: "log";
  readonly lastNormal: number;
  readonly from: number;
  readonly committed: number;
  readonly batches: readonly Batch[];
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

/**
 * A life that is in no view asks where the others are: for the `asked`-th time. Its number is 0
 * until it has one.
 */
export interface AskMessage extends Sealed {
  readonly kind: "ask";
  readonly nonce: Bytes;
  readonly asked: number;
  readonly number: number;
  readonly vector: readonly number[];
}

/** Answers a life that has no number yet: the sender is starting as well, in this life. */
export interface StartingMessage extends Sealed {
  readonly kind: "starting";
  readonly nonce: Bytes;
  readonly asked: number;
  readonly life: Bytes;
}

/** Where a replica in normal status is. */
export interface Position {
  readonly view: number;
  readonly op: number;
  readonly committed: number;
}

/** Answers an ASK, of a replica that runs. */
export interface AnswerMessage extends Sealed {
  readonly kind: "answer";
  readonly nonce: Bytes;
  /** As in the ASK. */
  readonly number: number;
  readonly life: Bytes;
  /** Whether it began at genesis in this life, and whether it has executed anything. */
  readonly genesis: boolean;
  readonly active: boolean;
  readonly vector: readonly number[];
  /** Null while it changes views, and to a life that has no number yet. */
  readonly position: Position | null;
}

/** A replica that runs takes this number, which an earlier life of it wrote and did not use. */
export interface RenewMessage extends Sealed {
  readonly kind: "renew";
  readonly nonce: Bytes;
  readonly number: number;
  readonly vector: readonly number[];
}

export interface RenewedMessage extends Sealed {
  readonly kind: "renewed";
  readonly nonce: Bytes;
  readonly number: number;
  readonly vector: readonly number[];
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
  | AskMessage
  | StartingMessage
  | AnswerMessage
  | RenewMessage
  | RenewedMessage;
export type Message = CommonMessage | OwnMessage;

/** Most batches in a LOG. */
export const LOG_BATCHES_MAX = 64;

/** Nothing to renew: a leader tells a replica of another number than its own. */
export const NO_NONCE: Bytes = new Uint8Array(RECOVERY_NONCE_LENGTH);

export const codec: Codec<Message> = codecOf<OwnMessage>(
  { encode, decode, proofs: () => NO_PROOFS },
  { signed: false },
);

function encode(message: OwnMessage, out: Writer): void {
  switch (message.kind) {
    case "prepare":
      out.u8(PREPARE);
      out.u53(message.view);
      out.u53(message.slot);
      out.u53(message.committed);
      encodeBatch(message.batch, out);
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
      encodeStart(message, out);
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

type AboutStart = AskMessage | StartingMessage | AnswerMessage | RenewMessage | RenewedMessage;

function encodeStart(message: AboutStart, out: Writer): void {
  switch (message.kind) {
    case "ask":
      out.u8(ASK);
      out.bytes(message.nonce);
      out.u32(message.asked);
      out.u53(message.number);
      encodeVector(message.vector, out);
      return;
    case "starting":
      out.u8(STARTING);
      out.bytes(message.nonce);
      out.u32(message.asked);
      out.bytes(message.life);
      return;
    case "answer": {
      const { position } = message;
      out.u8(ANSWER);
      out.bytes(message.nonce);
      out.u53(message.number);
      out.bytes(message.life);
      out.flag(message.genesis);
      out.flag(message.active);
      encodeVector(message.vector, out);
      out.flag(position !== null);
      if (position === null) return;
      out.u53(position.view);
      out.u53(position.op);
      out.u53(position.committed);
      return;
    }
    case "renew":
    case "renewed":
      out.u8(message.kind === "renew" ? RENEW : RENEWED);
      out.bytes(message.nonce);
      out.u53(message.number);
      encodeVector(message.vector, out);
  }
}

function decode(kind: number, input: Reader): OwnMessage | null {
  switch (kind) {
    case PREPARE: {
      const view = number(input);
      const slot = number(input);
      const committed = number(input);
      return { kind: "prepare", view, slot, committed, batch: decodeBatch(input) };
    }
    case PREPARE_OK:
      return { kind: "prepareOk", view: number(input), slot: number(input) };
    case COMMIT:
      return { kind: "commit", view: number(input), committed: number(input) };
    case LOG:
      return decodeLog(input);
    case WISH:
      return { kind: "wish", wanted: number(input), view: number(input) };
    case DO_VIEW_CHANGE: {
      const view = number(input);
      const lastNormal = number(input);
      const op = number(input);
      const committed = number(input);
      const vector = decodeVector(input);
      return { kind: "doViewChange", view, lastNormal, op, committed, vector };
    }
    case START_VIEW: {
      const view = number(input);
      const lastNormal = number(input);
      const op = number(input);
      return { kind: "startView", view, lastNormal, op, committed: number(input) };
    }
    case GET_LOG:
      return { kind: "getLog", lastNormal: number(input), from: number(input) };
    case STATUS:
      return decodeStatus(input);
    default:
      return decodeStart(kind, input);
  }
}

function decodeStart(kind: number, input: Reader): AboutStart | null {
  switch (kind) {
    case ASK: {
      const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
      const asked = input.u32();
      const own = number(input);
      return { kind: "ask", nonce, asked, number: own, vector: decodeVector(input) };
    }
    case STARTING: {
      const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
      const asked = input.u32();
      return { kind: "starting", nonce, asked, life: input.bytes(RECOVERY_NONCE_LENGTH) };
    }
    case ANSWER:
      return decodeAnswer(input);
    case RENEW:
    case RENEWED: {
      const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
      const own = number(input);
      const vector = decodeVector(input);
      return { kind: kind === RENEW ? "renew" : "renewed", nonce, number: own, vector };
    }
    default:
      return null;
  }
}

function decodeLog(input: Reader): LogMessage {
  const lastNormal = number(input);
  const from = number(input);
  const committed = number(input);
  const count = input.u8();
  if (count > LOG_BATCHES_MAX) input.poison();
  const batches: Batch[] = [];
  for (let i = 0; i < count && input.ok; i++) batches.push(decodeBatch(input));
  return { kind: "log", lastNormal, from, committed, batches };
}

function decodeStatus(input: Reader): StatusMessage {
  const view = number(input);
  const normal = input.flag();
  const op = number(input);
  const executed = number(input);
  const slot = number(input);
  return { kind: "status", view, normal, op, executed, slot, digest: input.bytes(DIGEST_LENGTH) };
}

function decodeAnswer(input: Reader): AnswerMessage {
  const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
  const own = number(input);
  const life = input.bytes(RECOVERY_NONCE_LENGTH);
  const genesis = input.flag();
  const active = input.flag();
  const vector = decodeVector(input);
  const position = input.flag()
    ? { view: number(input), op: number(input), committed: number(input) }
    : null;
  return { kind: "answer", nonce, number: own, life, genesis, active, vector, position };
}

/** A view, a slot or the number of a life; poisons the reader if none is ever as large. */
function number(input: Reader): number {
  const value = input.u53();
  if (value >= NUMBER_MAX) input.poison();
  return value;
}

function encodeVector(vector: readonly number[], out: Writer): void {
  out.u8(vector.length);
  for (const own of vector) out.u53(own);
}

function decodeVector(input: Reader): number[] {
  const vector: number[] = [];
  const count = input.u8();
  for (let i = 0; i < count && input.ok; i++) vector.push(number(input));
  return vector;
}
