// What proves that histories were spoken for, committed, and begun with in a view: signers and
// signature blocks over statements that follow from what is claimed.

import type { Bytes, Proof, Sealed, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { bytesOf, equal, type Reader, type Writer } from "../../wire.ts";
import { DIGEST_LENGTH, digestOf, NO_DIGEST } from "../kit/digest.ts";
import { PROTOCOL_KINDS } from "../kit/messages.ts";
import {
  certificateProofs,
  decodeCertificate,
  encodeCertificate,
  NO_CERTIFICATE,
  type Certificate,
} from "../kit/quorum.ts";

export const ORDER_REQ = PROTOCOL_KINDS;
export const SPEC_REPLY = PROTOCOL_KINDS + 1;
export const HISTORY = PROTOCOL_KINDS + 2;
export const LOCAL_COMMIT = PROTOCOL_KINDS + 3;
export const VIEW_CONFIRM = PROTOCOL_KINDS + 4;
export const VIEW_CHANGE = PROTOCOL_KINDS + 5;

/** The history digest before the first slot. */
export const NO_HISTORY = NO_DIGEST;

/** The digest of a history that goes on with a batch: neither view nor signer enters it. */
export function extended(history: Bytes, digest: Bytes): Bytes {
  return digestOf(
    bytesOf((out) => {
      out.bytes(history);
      out.bytes(digest);
    }),
  );
}

/** A history: what was ordered up to a slot, by its digest, as it is told in a view. */
export interface Point {
  readonly view: number;
  readonly slot: number;
  readonly history: Bytes;
}

export function samePoint(a: Point, b: Point): boolean {
  return a.view === b.view && a.slot === b.slot && equal(a.history, b.history);
}

/** A replica's word for a history: HISTORY, LOCAL-COMMIT or VIEW-CONFIRM. */
export interface PointVote extends Sealed, Point {
  readonly replica: Signer;
}

/** What a SPEC-REPLY says beside where it is: a request, and the digest of its outcome. */
export interface Named {
  readonly session: number;
  readonly tag: number;
  readonly number: number;
  /** Of the operation. */
  readonly digest: Bytes;
  readonly outcomeDigest: Bytes;
}

/** That a quorum executed this history; votes: who says so, or null where nobody has to show it. */
export interface CommitClaim extends Point {
  readonly named: Named | null;
  readonly votes: Certificate | null;
}

/** CC: a quorum executed this history, by their SPEC-REPLYs to one request or their HISTORYs. */
export interface CommitCertificate extends CommitClaim {
  readonly votes: Certificate;
}

/** VCert: a quorum confirmed what the view begins with; view 0 begins with nothing. */
export interface ViewCertificate extends Point {
  readonly confirms: Certificate;
}

export const FIRST_VIEW: ViewCertificate = {
  ...{ view: 0, slot: 0, history: NO_HISTORY },
  confirms: NO_CERTIFICATE,
};

/** LOCAL-COMMITs of a quorum: every later view begins with this history. */
export interface CommittedCertificate extends Point {
  readonly commits: Certificate;
}

/** The signed part of a VIEW-CHANGE: proves that its replica left all views before this one. */
export interface ViewChangeHeader {
  readonly replica: Signer;
  readonly view: number;
  /** Of the body. */
  readonly digest: Bytes;
  readonly block: Bytes;
}

/** The certificate for a claim. */
export function shown({ view, slot, history, named, votes }: CommitClaim): CommitCertificate {
  assert(votes !== null, "what nobody shows is passed on to nobody");
  return { view, slot, history, named, votes };
}

// What is signed.

/** The signed part of an ORDER-REQ. */
export function signedOrder(
  replica: Signer,
  { view, slot, history }: Point,
  digest: Bytes,
  out: Writer,
): void {
  out.u8(ORDER_REQ);
  out.u8(replica);
  out.u53(view);
  out.u53(slot);
  out.bytes(digest);
  out.bytes(history);
}

/** The signed part of a SPEC-REPLY. */
export function signedSpecReply(replica: Signer, point: Point, named: Named, out: Writer): void {
  out.u8(SPEC_REPLY);
  out.u8(replica);
  // First what a client looks at before it decodes the rest.
  encodeNamed(named, out);
  encodePoint(point, out);
}

export function signedPoint(kind: number, replica: Signer, point: Point, out: Writer): void {
  out.u8(kind);
  out.u8(replica);
  encodePoint(point, out);
}

export function signedViewChange(replica: Signer, view: number, digest: Bytes, out: Writer): void {
  out.u8(VIEW_CHANGE);
  out.u8(replica);
  out.u53(view);
  out.bytes(digest);
}

function pointProofs(kind: number, certificate: Certificate, point: Point): Proof[] {
  return certificateProofs(certificate, (signer) =>
    bytesOf((out) => signedPoint(kind, signer, point, out)),
  );
}

export function commitProofs(certificate: CommitCertificate): Proof[] {
  const { named, votes } = certificate;
  if (named === null) return pointProofs(HISTORY, votes, certificate);
  return certificateProofs(votes, (signer) =>
    bytesOf((out) => signedSpecReply(signer, certificate, named, out)),
  );
}

export function viewProofs(certificate: ViewCertificate): Proof[] {
  return pointProofs(VIEW_CONFIRM, certificate.confirms, certificate);
}

export function committedProofs(certificate: CommittedCertificate): Proof[] {
  return pointProofs(LOCAL_COMMIT, certificate.commits, certificate);
}

export function headerProof({ replica, view, digest, block }: ViewChangeHeader): Proof {
  const signed = bytesOf((out) => signedViewChange(replica, view, digest, out));
  return { signer: replica, signed, signature: block };
}

// The wire forms; what decodes poisons the reader if it is malformed.

export function encodePoint({ view, slot, history }: Point, out: Writer): void {
  out.u53(view);
  out.u53(slot);
  out.bytes(history);
}

export function decodePoint(input: Reader): Point {
  const view = input.u53();
  const slot = input.u53();
  return { view, slot, history: input.bytes(DIGEST_LENGTH) };
}

export function encodeNamed(named: Named, out: Writer): void {
  out.u53(named.session);
  out.u32(named.tag);
  out.u53(named.number);
  out.bytes(named.digest);
  out.bytes(named.outcomeDigest);
}

export function decodeNamed(input: Reader): Named {
  const session = input.u53();
  const tag = input.u32();
  const number = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  return { session, tag, number, digest, outcomeDigest: input.bytes(DIGEST_LENGTH) };
}

export function encodeCommitCertificate(certificate: CommitCertificate, out: Writer): void {
  encodePoint(certificate, out);
  out.flag(certificate.named !== null);
  if (certificate.named !== null) encodeNamed(certificate.named, out);
  encodeCertificate(certificate.votes, out);
}

export function decodeCommitCertificate(input: Reader): CommitCertificate {
  const point = decodePoint(input);
  const named = input.flag() ? decodeNamed(input) : null;
  return { ...point, named, votes: decodeCertificate(input) };
}

export function encodeViewCertificate(certificate: ViewCertificate, out: Writer): void {
  encodePoint(certificate, out);
  encodeCertificate(certificate.confirms, out);
}

export function decodeViewCertificate(input: Reader): ViewCertificate {
  return { ...decodePoint(input), confirms: decodeCertificate(input) };
}

export function encodeCommittedCertificate(certificate: CommittedCertificate, out: Writer): void {
  encodePoint(certificate, out);
  encodeCertificate(certificate.commits, out);
}

export function decodeCommittedCertificate(input: Reader): CommittedCertificate {
  return { ...decodePoint(input), commits: decodeCertificate(input) };
}

export function encodeHeader(header: ViewChangeHeader, out: Writer): void {
  out.u8(header.replica);
  out.u53(header.view);
  out.bytes(header.digest);
  out.bytes(header.block);
}

export function decodeHeader(input: Reader): ViewChangeHeader {
  const replica = input.u8();
  const view = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  return { replica, view, digest, block: input.block() };
}
