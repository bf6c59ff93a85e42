// The messages of NOPaxos and their wire form, beside those of its sequencers. Nobody signs: who
// sent a message is where it came from.

import { NO_PROOFS, type Bytes, type Codec, type Sealed } from "../../actor.ts";
import type { Reader, Writer } from "../../wire.ts";
import { decodeBatch, encodeBatch, type Batch } from "../kit/batch.ts";
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
import { decodeOutcome, encodeOutcome, type Outcome } from "../kit/request.ts";
import {
  decodeSequencing,
  encodeSequencing,
  isSequencing,
  SEQUENCING_KINDS,
  type SequencingMessage,
} from "../kit/sequencing-messages.ts";
import { decodeStream, encodeStream, type Stream } from "./stream.ts";

const SLOT_REPLY = PROTOCOL_KINDS;
const FIND = PROTOCOL_KINDS + 1;
const SLOT = PROTOCOL_KINDS + 2;
const GAP = PROTOCOL_KINDS + 3;
const GAP_OK = PROTOCOL_KINDS + 4;
const SYNC = PROTOCOL_KINDS + 5;
const SYNC_OK = PROTOCOL_KINDS + 6;
const SYNCED = PROTOCOL_KINDS + 7;
const WISH = PROTOCOL_KINDS + 8;
const VIEW_CHANGE = PROTOCOL_KINDS + 9;
const START_VIEW = PROTOCOL_KINDS + 10;
const GET_LOG = PROTOCOL_KINDS + 11;
const LOG = PROTOCOL_KINDS + 12;
const STATUS = PROTOCOL_KINDS + 13;
/** And those after it: what a start asks and answers. */
const START = PROTOCOL_KINDS + 14;

/** The view whose log a replica has that was in none yet. */
export const NO_VIEW = -1;

/** What a leader adds, which alone executes before a slot is committed. */
export interface LeaderReply {
  /** The lives whose replies count beside it. */
  readonly vector: readonly number[];
  /** Of the operation. */
  readonly digest: Bytes;
  readonly outcome: Outcome;
}

/** The sender has this request in that slot of the view. */
export interface SlotReplyMessage extends Sealed {
  readonly kind: "slotReply";
  readonly session: number;
  readonly tag: number;
  readonly number: number;
  readonly view: number;
  readonly slot: number;
  /** The index of the sequencer that the view hears. */
  readonly sequencer: number;
  /** The number of the sender's life. */
  readonly incarnation: number;
  /** Null unless the sender leads the view. */
  readonly leader: LeaderReply | null;
}

/** Asks for slots that did not come. */
export interface FindMessage extends Sealed {
  readonly kind: "find";
  readonly view: number;
  readonly from: number;
  readonly to: number;
}

/** What the sender has in a slot of its view; null: it lacks that as well. */
export interface SlotMessage extends Sealed {
  readonly kind: "slot";
  readonly view: number;
  readonly slot: number;
  readonly batch: Batch | null;
}

/** The leader decides that slots are empty. */
export interface GapMessage extends Sealed {
  readonly kind: "gap";
  readonly view: number;
  readonly from: number;
  readonly to: number;
}

export interface GapOkMessage extends Sealed {
  readonly kind: "gapOk";
  readonly view: number;
  readonly from: number;
  readonly to: number;
}

/** Of the view's slots `from` + 1 to `slot` these are empty. */
export interface SyncMessage extends Sealed {
  readonly kind: "sync";
  readonly view: number;
  readonly from: number;
  readonly slot: number;
  readonly empty: readonly number[];
}

/** The sender's log is the leader's up to this slot. */
export interface SyncOkMessage extends Sealed {
  readonly kind: "syncOk";
  readonly view: number;
  readonly confirmed: number;
}

/** All slots up to this one are committed. */
export interface SyncedMessage extends Sealed {
  readonly kind: "synced";
  readonly view: number;
  readonly slot: number;
}

/** The sender is in a view, or on the way to it, and would go on to the wanted one. */
export interface WishMessage extends Sealed {
  readonly kind: "wish";
  readonly wanted: number;
  readonly view: number;
}

/**
 * The sender takes part in no view before this one any more. Its log is that of view `lastNormal`,
 * up to `op`, committed up to `sync`, with these slots empty above that.
 */
export interface ViewChangeMessage extends Sealed {
  readonly kind: "viewChange";
  readonly view: number;
  readonly lastNormal: number;
  readonly stream: Stream | null;
  readonly op: number;
  readonly sync: number;
  readonly empty: readonly number[];
  /** Whether it heard the sequencer of that session lately. */
  readonly heard: boolean;
  readonly vector: readonly number[];
}

/**
 * The view began with this log, made of those of `lastNormal`, committed up to `sync`, and hears
 * that session: the same in every copy.
 */
export interface StartViewMessage extends Sealed {
  readonly kind: "startView";
  readonly view: number;
  readonly lastNormal: number;
  readonly stream: Stream;
  readonly op: number;
  readonly sync: number;
  readonly empty: readonly number[];
}

/** Where the sender is: others send what it lacks. */
export interface StatusMessage extends Sealed {
  readonly kind: "status";
  readonly view: number;
  /** Whether it is in that view. */
  readonly normal: boolean;
  readonly op: number;
  readonly confirmed: number;
  readonly executed: number;
  /** Its last checkpoint. */
  readonly slot: number;
  readonly digest: Bytes;
}

/** Where a replica in normal status is. */
export interface Position {
  readonly view: number;
  readonly stream: Stream;
  readonly op: number;
  readonly sync: number;
}

type OwnMessage =
  | SlotReplyMessage
  | FindMessage
  | SlotMessage
  | GapMessage
  | GapOkMessage
  | SyncMessage
  | SyncOkMessage
  | SyncedMessage
  | WishMessage
  | ViewChangeMessage
  | StartViewMessage
  | GetLogMessage
  | LogMessage
  | StatusMessage
  | StartMessage<Position>;
export type Message = CommonMessage | SequencingMessage | OwnMessage;

export const codec: Codec<Message> = codecOf<SequencingMessage | OwnMessage>(
  { encode, decode, proofs: () => NO_PROOFS },
  { signed: false, open: SEQUENCING_KINDS },
);

/** Whether the bytes begin as a reply of a slot to this request does; decodes no more than that. */
export function beginsSlotReplyTo(
  { session, tag, number }: Pick<SlotReplyMessage, "session" | "tag" | "number">,
  input: Reader,
): boolean {
  if (input.u8() !== SLOT_REPLY) return false;
  return input.u53() === session && input.u32() === tag && input.u53() === number && input.ok;
}

function encode(message: SequencingMessage | OwnMessage, out: Writer): void {
  if (isSequencing(message)) return encodeSequencing(message, out);
  switch (message.kind) {
    case "slotReply":
      return encodeSlotReply(message, out);
    case "slot":
      out.u8(SLOT);
      out.u53(message.view);
      out.u53(message.slot);
      out.flag(message.batch !== null);
      if (message.batch !== null) encodeBatch(message.batch, out);
      return;
    case "find":
    case "gap":
    case "gapOk":
      out.u8(message.kind === "find" ? FIND : message.kind === "gap" ? GAP : GAP_OK);
      out.u53(message.view);
      out.u53(message.from);
      out.u53(message.to);
      return;
    case "sync":
      out.u8(SYNC);
      out.u53(message.view);
      out.u53(message.from);
      out.u53(message.slot);
      encodeSlots(message.empty, out);
      return;
    case "syncOk":
      out.u8(SYNC_OK);
      out.u53(message.view);
      out.u53(message.confirmed);
      return;
    case "synced":
      out.u8(SYNCED);
      out.u53(message.view);
      out.u53(message.slot);
      return;
    case "wish":
    case "viewChange":
    case "startView":
    case "getLog":
    case "log":
    case "status":
      return encodeMove(message, out);
    default:
      encodeStart(START, message, encodePosition, out);
  }
}

function encodeSlotReply(message: SlotReplyMessage, out: Writer): void {
  const { leader } = message;
  out.u8(SLOT_REPLY);
  out.u53(message.session);
  out.u32(message.tag);
  out.u53(message.number);
  out.u53(message.view);
  out.u53(message.slot);
  out.u8(message.sequencer);
  out.u53(message.incarnation);
  out.flag(leader !== null);
  if (leader === null) return;
  encodeVector(leader.vector, out);
  out.bytes(leader.digest);
  encodeOutcome(leader.outcome, out);
}

type MoveMessage =
  WishMessage | ViewChangeMessage | StartViewMessage | GetLogMessage | LogMessage | StatusMessage;

function encodeMove(message: MoveMessage, out: Writer): void {
  switch (message.kind) {
    case "wish":
      out.u8(WISH);
      out.u53(message.wanted);
      out.u53(message.view);
      return;
    case "viewChange":
    case "startView":
      out.u8(message.kind === "startView" ? START_VIEW : VIEW_CHANGE);
      out.u53(message.view);
      out.u53(message.lastNormal - NO_VIEW);
      out.u53(message.op);
      out.u53(message.sync);
      encodeSlots(message.empty, out);
      if (message.kind === "startView") return encodeStream(message.stream, out);
      out.flag(message.stream !== null);
      if (message.stream !== null) encodeStream(message.stream, out);
      out.flag(message.heard);
      encodeVector(message.vector, out);
      return;
    case "getLog":
      out.u8(GET_LOG);
      out.u53(message.lastNormal - NO_VIEW);
      out.u53(message.from);
      return;
    case "log":
      out.u8(LOG);
      out.u53(message.lastNormal - NO_VIEW);
      out.u53(message.from);
      out.u53(message.committed);
      out.u8(message.batches.length);
      for (const batch of message.batches) encodeBatch(batch, out);
      return;
    case "status":
      out.u8(STATUS);
      out.u53(message.view);
      out.flag(message.normal);
      out.u53(message.op);
      out.u53(message.confirmed);
      out.u53(message.executed);
      out.u53(message.slot);
      out.bytes(message.digest);
  }
}

function encodePosition({ view, stream, op, sync }: Position, out: Writer): void {
  out.u53(view);
  encodeStream(stream, out);
  out.u53(op);
  out.u53(sync);
}

/** Slots in ascending order, as runs of those that follow each other. */
function encodeSlots(slots: readonly number[], out: Writer): void {
  const runs: { first: number; count: number }[] = [];
  for (const slot of slots) {
    const last = runs.at(-1);
    if (last !== undefined && slot === last.first + last.count) last.count++;
    else runs.push({ first: slot, count: 1 });
  }
  out.u32(runs.length);
  for (const { first, count } of runs) {
    out.u53(first);
    out.u32(count);
  }
}

function decode(kind: number, input: Reader): SequencingMessage | OwnMessage | null {
  switch (kind) {
    case SLOT_REPLY:
      return decodeSlotReply(input);
    case SLOT: {
      const view = decodeNumber(input);
      const slot = decodeNumber(input);
      return { kind: "slot", view, slot, batch: input.flag() ? decodeBatch(input) : null };
    }
    case FIND:
    case GAP:
    case GAP_OK: {
      const view = decodeNumber(input);
      const from = decodeNumber(input);
      const name = kind === FIND ? "find" : kind === GAP ? "gap" : "gapOk";
      return { kind: name, view, from, to: decodeNumber(input) };
    }
    case SYNC: {
      const view = decodeNumber(input);
      const from = decodeNumber(input);
      const slot = decodeNumber(input);
      return { kind: "sync", view, from, slot, empty: decodeSlots(input) };
    }
    case SYNC_OK:
      return { kind: "syncOk", view: decodeNumber(input), confirmed: decodeNumber(input) };
    case SYNCED:
      return { kind: "synced", view: decodeNumber(input), slot: decodeNumber(input) };
    default:
      if (kind < START) return decodeMove(kind, input);
      return decodeStart(kind - START, decodePosition, input) ?? decodeSequencing(kind, input);
  }
}

function decodeSlotReply(input: Reader): SlotReplyMessage {
  const session = input.u53();
  const tag = input.u32();
  const number = input.u53();
  const view = decodeNumber(input);
  const slot = decodeNumber(input);
  const sequencer = input.u8();
  const incarnation = decodeNumber(input);
  const leader = input.flag() ? decodeLeaderReply(input) : null;
  // Without a spread, which would cost as much as all that is read.
  const kind = "slotReply";
  return { kind, session, tag, number, view, slot, sequencer, incarnation, leader };
}

function decodeLeaderReply(input: Reader): LeaderReply {
  const vector = decodeVector(input);
  const digest = input.bytes(DIGEST_LENGTH);
  return { vector, digest, outcome: decodeOutcome(input) };
}

function decodeMove(kind: number, input: Reader): MoveMessage | null {
  switch (kind) {
    case WISH:
      return { kind: "wish", wanted: decodeNumber(input), view: decodeNumber(input) };
    case VIEW_CHANGE: {
      const log = decodeLogSummary(input);
      const stream = input.flag() ? decodeStream(input) : null;
      const heard = input.flag();
      return { kind: "viewChange", ...log, stream, heard, vector: decodeVector(input) };
    }
    case START_VIEW:
      return { kind: "startView", ...decodeLogSummary(input), stream: decodeStream(input) };
    case GET_LOG: {
      const lastNormal = decodeNumber(input) + NO_VIEW;
      return { kind: "getLog", lastNormal, from: decodeNumber(input) };
    }
    case LOG: {
      const lastNormal = decodeNumber(input) + NO_VIEW;
      const from = decodeNumber(input);
      const committed = decodeNumber(input);
      const count = input.u8();
      if (count > LOG_BATCHES_MAX) input.poison();
      const batches: Batch[] = [];
      for (let i = 0; i < count && input.ok; i++) batches.push(decodeBatch(input));
      return { kind: "log", lastNormal, from, committed, batches };
    }
    case STATUS:
      return decodeStatus(input);
    default:
      return null;
  }
}

function decodeLogSummary(input: Reader) {
  const view = decodeNumber(input);
  const lastNormal = decodeNumber(input) + NO_VIEW;
  const op = decodeNumber(input);
  const sync = decodeNumber(input);
  return { view, lastNormal, op, sync, empty: decodeSlots(input) };
}

function decodeStatus(input: Reader): StatusMessage {
  const view = decodeNumber(input);
  const normal = input.flag();
  const op = decodeNumber(input);
  const confirmed = decodeNumber(input);
  const executed = decodeNumber(input);
  const slot = decodeNumber(input);
  const digest = input.bytes(DIGEST_LENGTH);
  return { kind: "status", view, normal, op, confirmed, executed, slot, digest };
}

function decodePosition(input: Reader): Position {
  const view = decodeNumber(input);
  const stream = decodeStream(input);
  return { view, stream, op: decodeNumber(input), sync: decodeNumber(input) };
}

/** No window of slots is as large. */
const SLOTS_MAX = 2 ** 20;

/** Poisons the reader if they are more than any window has, or not in one form. */
function decodeSlots(input: Reader): number[] {
  const slots: number[] = [];
  for (let runs = input.u32(); runs > 0 && input.ok; runs--) {
    const first = decodeNumber(input);
    const count = input.u32();
    const adjoins = slots.length > 0 && first <= (slots.at(-1) ?? 0) + 1;
    if (count === 0 || slots.length + count > SLOTS_MAX || adjoins) input.poison();
    for (let i = 0; i < count && input.ok; i++) slots.push(first + i);
  }
  return slots;
}
