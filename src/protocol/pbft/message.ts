// PBFT's messages and their wire form. A signed message begins with its kind and its sender; what
// comes after the seal is bound by a digest before it.

import { NO_PROOFS, type Bytes, type Codec, type Sealed, type Signer } from "../../actor.ts";
import { blockMaxOf, type SignatureKind } from "../../protocol-config.ts";
import { bytesOf, equal, MESSAGE_MAX, Reader, type Writer } from "../../wire.ts";
import { decodeBatch, encodeBatch, encodeProposed, NO_BATCHES, type Batch } from "../kit/batch.ts";
import { codecOf } from "../kit/codec.ts";
import {
  decodeStable,
  encodeStable,
  PROTOCOL_KINDS,
  stableProofs,
  type CommonMessage,
  type StableCheckpoint,
} from "../kit/messages.ts";
import { DIGEST_LENGTH, digestOf } from "../kit/digest.ts";
import { decodeAnswer, encodeAnswer, type AnswerMessage } from "../kit/recovery.ts";
import {
  COMMIT,
  commitProofs,
  decodeCommitted,
  decodeHeader,
  decodePrepared,
  encodeCommitted,
  encodeHeader,
  encodePrepared,
  headerProof,
  PRE_PREPARE,
  PREPARE,
  preparedProofs,
  signedViewChange,
  signedVote,
  VIEW_CHANGE,
  type CommitCertificate,
  type PreparedCertificate,
  type ViewChangeHeader,
} from "./certificate.ts";

const NEW_VIEW = PROTOCOL_KINDS + 4;
const COMMITTED = PROTOCOL_KINDS + 5;
const FETCH_VIEW_CHANGE = PROTOCOL_KINDS + 6;
const FETCH_BATCH = PROTOCOL_KINDS + 7;
const BATCH = PROTOCOL_KINDS + 8;
const STATUS = PROTOCOL_KINDS + 9;
const ANSWER = PROTOCOL_KINDS + 10;

/**
 * Most prepared certificates in a VIEW-CHANGE, and slots in a NEW-VIEW: the largest window, of
 * twice the largest checkpoint interval.
 */
export const WINDOW_MAX = 2048;

/**
 * The largest checkpoint interval with which every VIEW-CHANGE, of certificates of a quorum, fits a
 * message.
 */
export function checkpointIntervalMax(
  { quorum }: { readonly quorum: number },
  signature?: SignatureKind,
): number {
  const block = blockMaxOf(signature);
  const signer = 1 + block;
  const claim = 8 + 8 + DIGEST_LENGTH;
  const prepared = claim + 1 + block + 1 + (quorum - 1) * signer;
  const stable = 8 + DIGEST_LENGTH + 1 + quorum * signer;
  const rest = 1 + 1 + 8 + DIGEST_LENGTH + block + 4 + stable + 2;
  return Math.floor((MESSAGE_MAX - rest) / prepared / 2);
}

/** Assigns a slot to a batch; without the batch itself if that was proposed in an earlier view. */
export interface PrePrepareMessage extends Sealed {
  readonly kind: "prePrepare";
  readonly replica: Signer;
  readonly view: number;
  readonly slot: number;
  readonly digest: Bytes;
  readonly batch: Batch | null;
}

export interface PrepareMessage extends Sealed {
  readonly kind: "prepare";
  readonly replica: Signer;
  readonly view: number;
  readonly slot: number;
  readonly digest: Bytes;
}

export interface CommitMessage extends Sealed {
  readonly kind: "commit";
  readonly replica: Signer;
  readonly view: number;
  readonly slot: number;
  readonly digest: Bytes;
}

/** What a VIEW-CHANGE says: C and P. */
export interface ViewChangeBody {
  readonly stable: StableCheckpoint;
  /** In the order of slots. */
  readonly prepared: readonly PreparedCertificate[];
}

export interface ViewChangeMessage extends Sealed, ViewChangeBody {
  readonly kind: "viewChange";
  readonly replica: Signer;
  readonly view: number;
  /** The body's canonical form, and its digest, which is what is signed. */
  readonly body: Bytes;
  readonly digest: Bytes;
}

/** Names a VIEW-CHANGE of the view in question. */
export interface ViewChangeName {
  readonly replica: Signer;
  readonly digest: Bytes;
}

export interface NewViewMessage extends Sealed {
  readonly kind: "newView";
  readonly replica: Signer;
  readonly view: number;
  readonly viewChanges: readonly ViewChangeName[];
  /** O: what is proposed in the slots after `stable`, the latest checkpoint of the VIEW-CHANGEs. */
  readonly stable: number;
  readonly digests: readonly Bytes[];
}

/** Proof that a slot was committed, with its batch. */
export interface CommittedMessage extends Sealed {
  readonly kind: "committed";
  readonly certificate: CommitCertificate;
  readonly batch: Batch;
}

export interface FetchViewChangeMessage extends Sealed {
  readonly kind: "fetchViewChange";
  readonly view: number;
  readonly replica: Signer;
  readonly digest: Bytes;
}

export interface FetchBatchMessage extends Sealed {
  readonly kind: "fetchBatch";
  readonly slot: number;
  readonly digest: Bytes;
}

export interface BatchMessage extends Sealed {
  readonly kind: "batch";
  readonly slot: number;
  readonly batch: Batch;
}

/** Where the sender is: replicas that are further resend what it lacks. */
export interface StatusMessage extends Sealed {
  readonly kind: "status";
  readonly view: number;
  /** Whether it is in that view, or waits for its NEW-VIEW. */
  readonly active: boolean;
  /** Its stable checkpoint, and the last slot that it executed. */
  readonly stable: number;
  readonly executed: number;
}

/** Where a running replica is, for one that recovers. */
export interface Position {
  readonly view: number;
  readonly stable: StableCheckpoint;
  /** VIEW-CHANGEs of f + 1 replicas for view - 1 or later, so that no replica can invent a view. */
  readonly proof: readonly ViewChangeHeader[];
}

type OwnMessage =
  | PrePrepareMessage
  | PrepareMessage
  | CommitMessage
  | ViewChangeMessage
  | NewViewMessage
  | CommittedMessage
  | FetchViewChangeMessage
  | FetchBatchMessage
  | BatchMessage
  | StatusMessage
  | AnswerMessage<Position>;
export type Message = CommonMessage | OwnMessage;

/** A VIEW-CHANGE to be signed. */
export function makeViewChange(
  replica: Signer,
  view: number,
  { stable, prepared }: ViewChangeBody,
): ViewChangeMessage {
  const body = bytesOf((out) => {
    encodeStable(stable, out);
    out.u16(prepared.length);
    for (const certificate of prepared) encodePrepared(certificate, out);
  });
  return { kind: "viewChange", replica, view, stable, prepared, body, digest: digestOf(body) };
}

export const codec: Codec<Message> = codecOf<OwnMessage>({
  encode(message, out) {
    switch (message.kind) {
      case "prePrepare":
        encodeVote(PRE_PREPARE, message, out);
        out.flag(message.batch !== null);
        if (message.batch !== null) encodeProposed(message.batch, out);
        return;
      case "prepare":
        encodeVote(PREPARE, message, out);
        return;
      case "commit":
        encodeVote(COMMIT, message, out);
        return;
      case "viewChange":
        signedViewChange(message.replica, message.view, message.digest, out);
        out.seal(message.seal);
        out.blob(message.body);
        return;
      case "newView":
        encodeNewView(message, out);
        return;
      case "committed":
        out.u8(COMMITTED);
        encodeCommitted(message.certificate, out);
        encodeBatch(message.batch, out);
        return;
      case "fetchViewChange":
        out.u8(FETCH_VIEW_CHANGE);
        out.u53(message.view);
        out.u8(message.replica);
        out.bytes(message.digest);
        return;
      case "fetchBatch":
        out.u8(FETCH_BATCH);
        out.u53(message.slot);
        out.bytes(message.digest);
        return;
      case "batch":
        out.u8(BATCH);
        out.u53(message.slot);
        encodeBatch(message.batch, out);
        return;
      case "status":
        out.u8(STATUS);
        out.u53(message.view);
        out.flag(message.active);
        out.u53(message.stable);
        out.u53(message.executed);
        return;
      case "answer":
        encodeAnswer(ANSWER, message, encodePosition, out);
    }
  },

  decode: decodeOwn,

  batches: (message) =>
    "batch" in message && message.batch !== null ? [message.batch] : NO_BATCHES,

  proofs(message) {
    switch (message.kind) {
      case "viewChange":
        return [...stableProofs(message.stable), ...message.prepared.flatMap(preparedProofs)];
      case "committed":
        return commitProofs(message.certificate);
      case "answer": {
        const { position } = message;
        return [...stableProofs(position.stable), ...position.proof.map(headerProof)];
      }
      default:
        return NO_PROOFS;
    }
  },
});

function decodeOwn(kind: number, input: Reader, start: number): OwnMessage | null {
  switch (kind) {
    case PRE_PREPARE: {
      const { replica, view, slot, digest, seal } = decodeVote("prePrepare", input, start);
      const batch = input.flag() ? decodeBatch(input) : null;
      return { kind: "prePrepare", replica, view, slot, digest, seal, batch };
    }
    case PREPARE:
      return decodeVote("prepare", input, start);
    case COMMIT:
      return decodeVote("commit", input, start);
    case VIEW_CHANGE:
      return decodeViewChange(input, start);
    case NEW_VIEW:
      return decodeNewView(input, start);
    case COMMITTED: {
      const certificate = decodeCommitted(input);
      const batch = decodeBatch(input);
      if (!equal(batch.digest, certificate.digest)) input.poison();
      return { kind: "committed", certificate, batch };
    }
    case FETCH_VIEW_CHANGE: {
      const view = input.u53();
      const replica = input.u8();
      return { kind: "fetchViewChange", view, replica, digest: input.bytes(DIGEST_LENGTH) };
    }
    case FETCH_BATCH:
      return { kind: "fetchBatch", slot: input.u53(), digest: input.bytes(DIGEST_LENGTH) };
    case BATCH:
      return { kind: "batch", slot: input.u53(), batch: decodeBatch(input) };
    case STATUS: {
      const view = input.u53();
      const active = input.flag();
      return { kind: "status", view, active, stable: input.u53(), executed: input.u53() };
    }
    case ANSWER:
      return decodeAnswer(input, start, decodePosition);
    default:
      return null;
  }
}

type VoteFields = Omit<PrepareMessage, "kind">;

function encodeVote(kind: number, message: VoteFields, out: Writer): void {
  signedVote(kind, message.replica, message.view, message.slot, message.digest, out);
  out.seal(message.seal);
}

/** Where a proposal belongs. */
export type Proposed = Pick<PrePrepareMessage, "replica" | "view" | "slot">;

/** That of a message that is not decoded; null if it is no proposal. */
export function proposedIn(input: Reader): Proposed | null {
  if (input.u8() !== PRE_PREPARE) return null;
  const proposed = { replica: input.u8(), view: input.u53(), slot: input.u53() };
  return input.ok ? proposed : null;
}

/** Field by field: spreading one object into another costs as much as reading all of them. */
function decodeVote<K extends string>(kind: K, input: Reader, start: number) {
  const replica = input.u8();
  const view = input.u53();
  const slot = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  return { kind, replica, view, slot, digest, seal: input.seal(replica, start) };
}

function decodeViewChange(input: Reader, start: number): ViewChangeMessage {
  const replica = input.u8();
  const view = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  const seal = input.seal(replica, start);
  const body = input.blob(MESSAGE_MAX);
  const inner = new Reader(body);
  const stable = decodeStable(inner);
  const count = inner.u16();
  if (count > WINDOW_MAX) inner.poison();
  const prepared: PreparedCertificate[] = [];
  for (let i = 0; i < count && inner.ok; i++) prepared.push(decodePrepared(inner));
  if (!inner.done || !equal(digestOf(body), digest)) input.poison();
  return { kind: "viewChange", replica, view, stable, prepared, body, digest, seal };
}

function encodeNewView(message: NewViewMessage, out: Writer): void {
  out.u8(NEW_VIEW);
  out.u8(message.replica);
  out.u53(message.view);
  out.u8(message.viewChanges.length);
  for (const { replica, digest } of message.viewChanges) {
    out.u8(replica);
    out.bytes(digest);
  }
  out.u53(message.stable);
  out.u16(message.digests.length);
  for (const digest of message.digests) out.bytes(digest);
  out.seal(message.seal);
}

function decodeNewView(input: Reader, start: number): NewViewMessage {
  const replica = input.u8();
  const view = input.u53();
  const viewChanges: ViewChangeName[] = [];
  const names = input.u8();
  for (let i = 0; i < names && input.ok; i++) {
    viewChanges.push({ replica: input.u8(), digest: input.bytes(DIGEST_LENGTH) });
  }
  const stable = input.u53();
  const count = input.u16();
  if (count > WINDOW_MAX) input.poison();
  const digests: Bytes[] = [];
  for (let i = 0; i < count && input.ok; i++) digests.push(input.bytes(DIGEST_LENGTH));
  const seal = input.seal(replica, start);
  return { kind: "newView", replica, view, viewChanges, stable, digests, seal };
}

function encodePosition({ view, stable, proof }: Position, out: Writer): void {
  out.u53(view);
  encodeStable(stable, out);
  out.u8(proof.length);
  for (const header of proof) encodeHeader(header, out);
}

function decodePosition(input: Reader): Position {
  const view = input.u53();
  const stable = decodeStable(input);
  const proof: ViewChangeHeader[] = [];
  const count = input.u8();
  for (let i = 0; i < count && input.ok; i++) proof.push(decodeHeader(input));
  return { view, stable, proof };
}
