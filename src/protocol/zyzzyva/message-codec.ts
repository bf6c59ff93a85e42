// The wire form of Zyzzyva's messages. A signed message begins with its kind and its sender;
// what comes after the seal is bound by a digest before it.

import { NO_PROOFS, type Bytes, type Codec, type Proof } from "../../actor.ts";
import type { Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { bytesOf, equal, MESSAGE_MAX, Reader, type Writer } from "../../wire.ts";
import { decodeBatch, encodeBatch, encodeProposed, NO_BATCHES, type Batch } from "../kit/batch.ts";
import { codecOf } from "../kit/codec.ts";
import { DIGEST_LENGTH, digestOf } from "../kit/digest.ts";
import { decodeStable, encodeStable, PROTOCOL_KINDS, stableProofs } from "../kit/messages.ts";
import { decodeAnswer, encodeAnswer } from "../kit/recovery.ts";
import { decodeOutcome, encodeOutcome, type Request } from "../kit/request.ts";
import {
  commitProofs,
  committedProofs,
  decodeCommitCertificate,
  decodeCommittedCertificate,
  decodeHeader,
  decodeNamed,
  decodePoint,
  decodeViewCertificate,
  encodeCommitCertificate,
  encodeCommittedCertificate,
  encodeHeader,
  encodeViewCertificate,
  headerProof,
  HISTORY,
  LOCAL_COMMIT,
  ORDER_REQ,
  signedOrder,
  signedPoint,
  signedSpecReply,
  signedViewChange,
  SPEC_REPLY,
  VIEW_CHANGE,
  VIEW_CONFIRM,
  shown,
  viewProofs,
  type ViewChangeHeader,
} from "./certificate.ts";
import type {
  OrderReqMessage,
  SpecReplyMessage,
  CommitMessage,
  HistoryMessage,
  LocalCommitMessage,
  ViewConfirmMessage,
  Order,
  PomMessage,
  Report,
  ViewChangeBody,
  ViewChangeMessage,
  ViewChangeName,
  NewViewMessage,
  StatusMessage,
  Position,
  Message,
  OwnMessage,
} from "./message.ts";

const COMMIT = PROTOCOL_KINDS + 6;
const FILL_HOLE = PROTOCOL_KINDS + 7;
const POM = PROTOCOL_KINDS + 8;
const HATE = PROTOCOL_KINDS + 9;
const NEW_VIEW = PROTOCOL_KINDS + 10;
const ENTERED = PROTOCOL_KINDS + 11;
const COMMITTED = PROTOCOL_KINDS + 12;
const FETCH_VIEW_CHANGE = PROTOCOL_KINDS + 13;
const FETCH_BATCH = PROTOCOL_KINDS + 14;
const BATCH = PROTOCOL_KINDS + 15;
const STATUS = PROTOCOL_KINDS + 16;
const ANSWER = PROTOCOL_KINDS + 17;
const RECOVERED = PROTOCOL_KINDS + 18;

/** Most digests in a VIEW-CHANGE: the largest window, of two of the largest intervals. */
export const WINDOW_MAX = 2048;
/** Bytes of what the digest of a checkpoint is of. */
const RECORD_MAX = 1024;

/** A VIEW-CHANGE to be signed. */
export function makeViewChange(
  replica: Signer,
  view: number,
  { stable, record, report }: ViewChangeBody,
): ViewChangeMessage {
  const body = bytesOf((out) => {
    encodeStable(stable, out);
    out.blob(record);
    out.flag(report !== null);
    if (report !== null) encodeReport(report, out);
  });
  const digest = digestOf(body);
  return { kind: "viewChange", replica, view, stable, record, report, body, digest };
}

/** Whether the bytes begin as a SPEC-REPLY to this request does; decodes no more than that. */
export function beginsSpecReplyTo(request: Request, input: Reader): boolean {
  if (input.u8() !== SPEC_REPLY) return false;
  input.skip(1);
  if (input.u53() !== request.session || input.u32() !== request.tag) return false;
  return input.u53() === request.number && input.ok;
}

/** Where an order belongs. */
export type Ordered = Pick<OrderReqMessage, "replica" | "view" | "slot">;

/** That of a message that is not decoded; null if it is no ORDER-REQ. */
export function orderedIn(input: Reader): Ordered | null {
  if (input.u8() !== ORDER_REQ) return null;
  const ordered = { replica: input.u8(), view: input.u53(), slot: input.u53() };
  return input.ok ? ordered : null;
}

const POINT_KINDS = { history: HISTORY, localCommit: LOCAL_COMMIT, viewConfirm: VIEW_CONFIRM };

export const codec: Codec<Message> = codecOf<OwnMessage>(
  { encode, decode: decodeOwn, proofs: ownProofs, bare, batches: batchesIn },
  { signed: true, open: [COMMIT] },
);

function bare(message: OwnMessage): OwnMessage {
  assert(message.kind === "commit", "everything else is checked");
  return { ...message, votes: null };
}

function batchesIn(message: OwnMessage): readonly Batch[] {
  return "batch" in message ? [message.batch] : NO_BATCHES;
}

function encode(message: OwnMessage, out: Writer): void {
  switch (message.kind) {
    case "orderReq":
      signedOrder(message.replica, message, message.digest, out);
      out.seal(message.seal);
      encodeProposed(message.batch, out);
      return;
    case "specReply":
      signedSpecReply(message.replica, message, message, out);
      out.seal(message.seal);
      out.flag(message.outcome !== null);
      if (message.outcome !== null) encodeOutcome(message.outcome, out);
      return;
    case "commit":
      out.u8(COMMIT);
      encodeCommitCertificate(shown(message), out);
      return;
    case "history":
    case "localCommit":
    case "viewConfirm":
      signedPoint(POINT_KINDS[message.kind], message.replica, message, out);
      out.seal(message.seal);
      return;
    case "viewChange":
      signedViewChange(message.replica, message.view, message.digest, out);
      out.seal(message.seal);
      out.blob(message.body);
      return;
    case "newView":
      encodeNewView(message, out);
      return;
    case "pom":
      encodePom(message, out);
      return;
    default:
      encodeRest(message, out);
  }
}

type RestMessage = Exclude<
  OwnMessage,
  | OrderReqMessage
  | SpecReplyMessage
  | CommitMessage
  | HistoryMessage
  | LocalCommitMessage
  | ViewConfirmMessage
  | ViewChangeMessage
  | NewViewMessage
  | PomMessage
>;

function encodeRest(message: RestMessage, out: Writer): void {
  switch (message.kind) {
    case "fillHole":
      out.u8(FILL_HOLE);
      out.u53(message.view);
      out.u53(message.first);
      out.u53(message.last);
      return;
    case "hate":
      out.u8(HATE);
      out.u8(message.replica);
      out.u53(message.view);
      out.seal(message.seal);
      return;
    case "entered":
      out.u8(ENTERED);
      encodeViewCertificate(message.certificate, out);
      return;
    case "committed":
      out.u8(COMMITTED);
      encodeCommittedCertificate(message.certificate, out);
      encodeDigests(message.digests, out);
      return;
    case "fetchViewChange":
      out.u8(FETCH_VIEW_CHANGE);
      out.u53(message.view);
      out.u8(message.replica);
      out.bytes(message.digest);
      return;
    case "fetchBatch":
      out.u8(FETCH_BATCH);
      out.bytes(message.digest);
      return;
    case "batch":
      out.u8(BATCH);
      encodeBatch(message.batch, out);
      return;
    case "status":
      out.u8(STATUS);
      out.u53(message.view);
      out.flag(message.active);
      out.u53(message.stable);
      out.u53(message.executed);
      out.u53(message.committed);
      return;
    case "answer":
      encodeAnswer(ANSWER, message, encodePosition, out);
      return;
    case "recovered":
      out.u8(RECOVERED);
      out.u8(message.replica);
      out.u53(message.view);
      encodeStable(message.stable, out);
      out.seal(message.seal);
  }
}

function ownProofs(message: OwnMessage): readonly Proof[] {
  switch (message.kind) {
    case "commit":
      return message.votes === null ? NO_PROOFS : commitProofs(shown(message));
    case "pom":
      return pomProofs(message);
    case "viewChange": {
      const { stable, report } = message;
      if (report === null) return stableProofs(stable);
      const { entered, certificate } = report;
      const commit = certificate === null ? NO_PROOFS : commitProofs(certificate);
      return [...stableProofs(stable), ...viewProofs(entered), ...commit];
    }
    case "entered":
      return viewProofs(message.certificate);
    case "committed":
      return committedProofs(message.certificate);
    case "answer": {
      const { stable, entered, proof } = message.position;
      const view = entered === null ? NO_PROOFS : viewProofs(entered);
      return [...stableProofs(stable), ...view, ...proof.map(headerProof)];
    }
    case "recovered":
      return stableProofs(message.stable);
    default:
      return NO_PROOFS;
  }
}

function pomProofs({ primary, view, slot, orders }: PomMessage): Proof[] {
  return orders.map(({ digest, history, block }) => ({
    signer: primary,
    signed: bytesOf((out) => signedOrder(primary, { view, slot, history }, digest, out)),
    signature: block,
  }));
}

function decodeOwn(kind: number, input: Reader, start: number): OwnMessage | null {
  switch (kind) {
    case ORDER_REQ:
      return decodeOrderReq(input, start);
    case SPEC_REPLY:
      return decodeSpecReply(input, start);
    case COMMIT:
      return { kind: "commit", ...decodeCommitCertificate(input) };
    case HISTORY:
      return decodePointVote("history", input, start);
    case LOCAL_COMMIT:
      return decodePointVote("localCommit", input, start);
    case VIEW_CONFIRM:
      return decodePointVote("viewConfirm", input, start);
    case FILL_HOLE:
      return { kind: "fillHole", view: input.u53(), first: input.u53(), last: input.u53() };
    case POM:
      return decodePom(input);
    case HATE: {
      const replica = input.u8();
      const view = input.u53();
      return { kind: "hate", replica, view, seal: input.seal(replica, start) };
    }
    case VIEW_CHANGE:
      return decodeViewChange(input, start);
    case NEW_VIEW:
      return decodeNewView(input, start);
    case ENTERED:
      return { kind: "entered", certificate: decodeViewCertificate(input) };
    case COMMITTED:
      return {
        kind: "committed",
        certificate: decodeCommittedCertificate(input),
        digests: decodeDigests(input),
      };
    case FETCH_VIEW_CHANGE: {
      const view = input.u53();
      const replica = input.u8();
      return { kind: "fetchViewChange", view, replica, digest: input.bytes(DIGEST_LENGTH) };
    }
    case FETCH_BATCH:
      return { kind: "fetchBatch", digest: input.bytes(DIGEST_LENGTH) };
    case BATCH:
      return { kind: "batch", batch: decodeBatch(input) };
    case STATUS:
      return decodeStatus(input);
    case ANSWER:
      return decodeAnswer(input, start, decodePosition);
    case RECOVERED: {
      const replica = input.u8();
      const view = input.u53();
      const stable = decodeStable(input);
      return { kind: "recovered", replica, view, stable, seal: input.seal(replica, start) };
    }
    default:
      return null;
  }
}

function decodeOrderReq(input: Reader, start: number): OrderReqMessage {
  const replica = input.u8();
  const view = input.u53();
  const slot = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  const history = input.bytes(DIGEST_LENGTH);
  const seal = input.seal(replica, start);
  const batch = decodeBatch(input);
  if (input.ok && !equal(batch.digest, digest)) input.poison();
  return { kind: "orderReq", replica, view, slot, digest, history, seal, batch };
}

function decodeSpecReply(input: Reader, start: number): SpecReplyMessage {
  const replica = input.u8();
  const { session, tag, number, digest, outcomeDigest } = decodeNamed(input);
  const { view, slot, history } = decodePoint(input);
  const seal = input.seal(replica, start);
  const outcome = input.flag() ? decodeOutcome(input) : null;
  // No spread: a client decodes four of these for an operation, and it would cost as much again.
  return {
    kind: "specReply",
    replica,
    session,
    tag,
    number,
    digest,
    outcomeDigest,
    view,
    slot,
    history,
    seal,
    outcome,
  };
}

function decodePointVote<K extends string>(kind: K, input: Reader, start: number) {
  const replica = input.u8();
  const view = input.u53();
  const slot = input.u53();
  const history = input.bytes(DIGEST_LENGTH);
  return { kind, replica, view, slot, history, seal: input.seal(replica, start) };
}

function encodePom({ primary, view, slot, orders }: PomMessage, out: Writer): void {
  out.u8(POM);
  out.u8(primary);
  out.u53(view);
  out.u53(slot);
  for (const { digest, history, block } of orders) {
    out.bytes(digest);
    out.bytes(history);
    out.bytes(block);
  }
}

function decodePom(input: Reader): PomMessage {
  const primary = input.u8();
  const view = input.u53();
  const slot = input.u53();
  const order = (): Order => {
    const digest = input.bytes(DIGEST_LENGTH);
    const history = input.bytes(DIGEST_LENGTH);
    return { digest, history, block: input.block() };
  };
  return { kind: "pom", primary, view, slot, orders: [order(), order()] };
}

function encodeReport({ entered, certificate, digests }: Report, out: Writer): void {
  encodeViewCertificate(entered, out);
  out.flag(certificate !== null);
  if (certificate !== null) encodeCommitCertificate(certificate, out);
  encodeDigests(digests, out);
}

function encodeDigests(digests: readonly Bytes[], out: Writer): void {
  out.u16(digests.length);
  for (const digest of digests) out.bytes(digest);
}

function decodeDigests(input: Reader): Bytes[] {
  const count = input.u16();
  if (count > WINDOW_MAX) input.poison();
  const digests: Bytes[] = [];
  for (let i = 0; i < count && input.ok; i++) digests.push(input.bytes(DIGEST_LENGTH));
  return digests;
}

function decodeReport(input: Reader): Report {
  const entered = decodeViewCertificate(input);
  const certificate = input.flag() ? decodeCommitCertificate(input) : null;
  return { entered, certificate, digests: decodeDigests(input) };
}

function decodeViewChange(input: Reader, start: number): ViewChangeMessage {
  const replica = input.u8();
  const view = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  const seal = input.seal(replica, start);
  const body = input.blob(MESSAGE_MAX);
  const inner = new Reader(body);
  const stable = decodeStable(inner);
  const record = inner.blob(RECORD_MAX);
  const report = inner.flag() ? decodeReport(inner) : null;
  if (!inner.done || !equal(digestOf(body), digest)) input.poison();
  return { kind: "viewChange", replica, view, stable, record, report, body, digest, seal };
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
  out.u53(message.slot);
  out.bytes(message.history);
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
  const slot = input.u53();
  const history = input.bytes(DIGEST_LENGTH);
  const seal = input.seal(replica, start);
  return { kind: "newView", replica, view, viewChanges, slot, history, seal };
}

function decodeStatus(input: Reader): StatusMessage {
  const view = input.u53();
  const active = input.flag();
  const stable = input.u53();
  const executed = input.u53();
  return { kind: "status", view, active, stable, executed, committed: input.u53() };
}

function encodePosition({ view, stable, entered, proof }: Position, out: Writer): void {
  out.u53(view);
  encodeStable(stable, out);
  out.flag(entered !== null);
  if (entered !== null) encodeViewCertificate(entered, out);
  out.u8(proof.length);
  for (const header of proof) encodeHeader(header, out);
}

function decodePosition(input: Reader): Position {
  const view = input.u53();
  const stable = decodeStable(input);
  const entered = input.flag() ? decodeViewCertificate(input) : null;
  const proof: ViewChangeHeader[] = [];
  const count = input.u8();
  for (let i = 0; i < count && input.ok; i++) proof.push(decodeHeader(input));
  return { view, stable, entered, proof };
}
