// HotStuff's messages and their wire form. What replicated protocols share is in kit/messages.ts.

import {
  NO_PROOFS,
  type Bytes,
  type Codec,
  type Proof,
  type Sealed,
  type Signer,
} from "../../actor.ts";
import { EMPTY, type Reader, type Writer } from "../../wire.ts";
import { decodeBatch, encodeProposed, NO_BATCHES } from "../kit/batch.ts";
import { codecOf } from "../kit/codec.ts";
import { PROTOCOL_KINDS, type CommonMessage } from "../kit/messages.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import { NO_CERTIFICATE, decodeCertificate, encodeCertificate, type Vote } from "../kit/quorum.ts";
import { equal } from "../../wire.ts";
import { decodeAnswer, encodeAnswer, type AnswerMessage } from "../kit/recovery.ts";
import {
  decodeBlock,
  decodeHead,
  encodeBlock,
  encodeHead,
  hashOf,
  makeBlock,
  type Block,
} from "./block.ts";
import {
  decodeQc,
  decodeTc,
  encodeQc,
  encodeTc,
  encodeTimeoutBody,
  encodeVoteBody,
  GENESIS_HASH,
  GENESIS_QC,
  qcProofs,
  signersOf,
  tcProofs,
  TIMEOUT,
  VOTE,
  type Qc,
  type Tc,
} from "./certificate.ts";

const PROPOSE = PROTOCOL_KINDS + 2;
const ENTRY = PROTOCOL_KINDS + 3;
const FETCH = PROTOCOL_KINDS + 4;
const BLOCK = PROTOCOL_KINDS + 5;
const ANSWER = PROTOCOL_KINDS + 6;

/** The leader's block for a view. Its signature covers what the block's hash covers. */
export interface ProposeMessage extends Sealed {
  readonly kind: "propose";
  readonly replica: Signer;
  readonly block: Block;
  /** What let the leader into the view, if that was no QC of the view before. */
  readonly tc: Tc | null;
}

export interface VoteMessage extends Vote {
  readonly kind: "vote";
  /**
   * Sent to all, because the next leader made no QC of it in time. The signature leaves this out.
   */
  readonly late: boolean;
}

/**
 * The sender gives up its view. It signs the view and that of its highest QC; the certificates
 * speak for themselves.
 */
export interface TimeoutMessage extends Vote {
  readonly kind: "timeout";
  readonly highQc: Qc;
  /** What let it into the view, if that was no QC. */
  readonly tc: Tc | null;
}

/** Where a replica is: its highest QC, and the TC that let it into its view if that is higher. */
export interface Position {
  readonly highQc: Qc;
  readonly tc: Tc | null;
}

/** To a replica that is behind. */
export interface EntryMessage extends Sealed, Position {
  readonly kind: "entry";
}

/**
 * Asks for a block that is certified, and for its ancestors down to what the sender has executed.
 */
export interface FetchMessage extends Sealed {
  readonly kind: "fetch";
  readonly block: Bytes;
  /** Of the last block that the sender has executed. */
  readonly view: number;
  readonly height: number;
}

export interface BlockMessage extends Sealed {
  readonly kind: "block";
  readonly block: Block;
  /** Its parent follows. */
  readonly more: boolean;
}

type OwnMessage =
  | ProposeMessage
  | VoteMessage
  | TimeoutMessage
  | EntryMessage
  | FetchMessage
  | BlockMessage
  | AnswerMessage<Position>;
export type Message = CommonMessage | OwnMessage;

export const codec: Codec<Message> = codecOf<OwnMessage>({
  encode(message, out) {
    switch (message.kind) {
      case "propose":
        encodePropose(message, out);
        return;
      case "vote":
        encodeVoteBody(message.replica, message.view, message.digest, out);
        out.seal(message.seal);
        out.flag(message.late);
        return;
      case "timeout":
        encodeTimeoutBody(message.replica, message.view, message.highQc.view, out);
        out.seal(message.seal);
        encodePosition(message, out);
        return;
      case "entry":
        out.u8(ENTRY);
        encodePosition(message, out);
        return;
      case "fetch":
        out.u8(FETCH);
        out.bytes(message.block);
        out.u53(message.view);
        out.u53(message.height);
        return;
      case "block":
        out.u8(BLOCK);
        encodeBlock(message.block, out);
        out.flag(message.more);
        return;
      case "answer":
        encodeAnswer(ANSWER, message, encodePosition, out);
    }
  },

  decode: decodeOwn,

  batches: (message) =>
    message.kind === "propose" || message.kind === "block" ? [message.block.batch] : NO_BATCHES,

  proofs(message) {
    switch (message.kind) {
      case "propose":
        return [...qcProofs(message.block.justify), ...tcProofs(message.tc)];
      case "timeout":
      case "entry":
        return positionProofs(message);
      case "block":
        return qcProofs(message.block.justify);
      case "answer":
        return positionProofs(message.position);
      default:
        return NO_PROOFS;
    }
  },
});

/** Every signature that vouches for a position. */
export function positionProofs({ highQc, tc }: Position): readonly Proof[] {
  return [...qcProofs(highQc), ...tcProofs(tc)];
}

function decodeOwn(kind: number, input: Reader, start: number): OwnMessage | null {
  switch (kind) {
    case PROPOSE:
      return decodePropose(input, start);
    case VOTE: {
      const replica = input.u8();
      const view = input.u53();
      const digest = input.bytes(DIGEST_LENGTH);
      const seal = input.seal(replica, start);
      return { kind: "vote", replica, view, digest, late: input.flag(), seal };
    }
    case TIMEOUT: {
      const replica = input.u8();
      const view = input.u53();
      const qcView = input.u53();
      const seal = input.seal(replica, start);
      const position = decodePosition(input);
      if (position.highQc.view !== qcView || qcView >= view) input.poison();
      return { kind: "timeout", replica, view, digest: EMPTY, ...position, seal };
    }
    case ENTRY:
      return { kind: "entry", ...decodePosition(input) };
    case FETCH: {
      const block = input.bytes(DIGEST_LENGTH);
      return { kind: "fetch", block, view: input.u53(), height: input.u53() };
    }
    case BLOCK:
      return { kind: "block", block: decodeBlock(input), more: input.flag() };
    case ANSWER:
      return decodeAnswer(input, start, decodePosition);
    default:
      return null;
  }
}

/** The signed part is the view of the TC and what the hash covers; votes, batch and TC follow. */
function encodePropose({ block, tc, seal }: ProposeMessage, out: Writer): void {
  const { view, author, justify, batch } = block;
  out.u8(PROPOSE);
  out.u53(tc?.view ?? 0);
  const { view: justifyView, block: parent } = justify;
  const voters = signersOf(justify);
  encodeHead({ view, author, justifyView, parent, voters, digest: batch.digest }, out);
  out.seal(seal);
  if (justify.view > 0) encodeCertificate(justify.votes, out);
  encodeProposed(batch, out);
  encodeTc(tc, out);
}

/** What a proposal says before its batch. */
export interface Proposed {
  readonly replica: Signer;
  readonly view: number;
  readonly justifyView: number;
  readonly parent: Bytes;
  /** The view of its TC; 0: it has none. */
  readonly tcView: number;
  readonly hash: Bytes;
}

/** That of a message that is not decoded; null if it is no proposal. */
export function proposedIn(input: Reader): Proposed | null {
  if (input.u8() !== PROPOSE) return null;
  const tcView = input.u53();
  const head = decodeHead(input);
  const { author: replica, view, justifyView, parent } = head;
  return input.ok ? { replica, view, justifyView, parent, tcView, hash: hashOf(head) } : null;
}

export function proposedOf({ replica, block, tc }: ProposeMessage): Proposed {
  const { view, justify, hash } = block;
  const tcView = tc?.view ?? 0;
  return { replica, view, justifyView: justify.view, parent: justify.block, tcView, hash };
}

function decodePropose(input: Reader, start: number): ProposeMessage {
  const tcView = input.u53();
  const { view, author, justifyView, parent, voters, digest } = decodeHead(input);
  const seal = input.seal(author, start);
  const votes = justifyView > 0 ? decodeCertificate(input) : NO_CERTIFICATE;
  const batch = decodeBatch(input);
  const tc = decodeTc(input);
  const genesis = justifyView === 0;
  if (genesis && !equal(parent, GENESIS_HASH)) input.poison();
  if (view <= justifyView || !equal(batch.digest, digest)) input.poison();
  if (tcView !== (tc?.view ?? 0)) input.poison();
  const justify = genesis ? GENESIS_QC : { view: justifyView, block: parent, votes };
  const signers = signersOf(justify);
  if (signers.length !== voters.length || signers.some((signer, i) => signer !== voters[i])) {
    input.poison();
  }
  const block = makeBlock(view, author, justify, batch);
  return { kind: "propose", replica: author, block, tc, seal };
}

function encodePosition({ highQc, tc }: Position, out: Writer): void {
  encodeQc(highQc, out);
  encodeTc(tc, out);
}

function decodePosition(input: Reader): Position {
  return { highQc: decodeQc(input), tc: decodeTc(input) };
}
