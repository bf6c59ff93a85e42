// What proves that a slot was prepared or committed, and that a view was reached: signers and
// signature blocks over statements that follow from what is claimed.

import type { Bytes, Proof, Signer } from "../../actor.ts";
import { bytesOf, type Reader, type Writer } from "../../wire.ts";
import { PROTOCOL_KINDS } from "../kit/messages.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import {
  certificateProofs,
  decodeCertificate,
  encodeCertificate,
  type Certificate,
} from "../kit/quorum.ts";

export const PRE_PREPARE = PROTOCOL_KINDS;
export const PREPARE = PROTOCOL_KINDS + 1;
export const COMMIT = PROTOCOL_KINDS + 2;
export const VIEW_CHANGE = PROTOCOL_KINDS + 3;

/** The signed part of PRE-PREPARE, PREPARE and COMMIT. */
export function signedVote(
  kind: number,
  replica: Signer,
  view: number,
  slot: number,
  digest: Bytes,
  out: Writer,
): void {
  out.u8(kind);
  out.u8(replica);
  out.u53(view);
  out.u53(slot);
  out.bytes(digest);
}

function voteBytes(kind: number, replica: Signer, claim: Claim): Bytes {
  return bytesOf((out) => signedVote(kind, replica, claim.view, claim.slot, claim.digest, out));
}

interface Claim {
  readonly slot: number;
  readonly view: number;
  readonly digest: Bytes;
}

/** The primary's PRE-PREPARE and the PREPAREs of q - 1 backups. */
export interface PreparedCertificate extends Claim {
  readonly primary: Signer;
  /** The block of the PRE-PREPARE. */
  readonly block: Bytes;
  readonly prepares: Certificate;
}

/** The COMMITs of q replicas. */
export interface CommitCertificate extends Claim {
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

export function signedViewChange(replica: Signer, view: number, digest: Bytes, out: Writer): void {
  out.u8(VIEW_CHANGE);
  out.u8(replica);
  out.u53(view);
  out.bytes(digest);
}

export function preparedProofs(certificate: PreparedCertificate): Proof[] {
  const { primary, block, prepares } = certificate;
  return [
    { signer: primary, signed: voteBytes(PRE_PREPARE, primary, certificate), signature: block },
    ...certificateProofs(prepares, (signer) => voteBytes(PREPARE, signer, certificate)),
  ];
}

export function commitProofs(certificate: CommitCertificate): Proof[] {
  return certificateProofs(certificate.commits, (signer) => voteBytes(COMMIT, signer, certificate));
}

export function headerProof({ replica, view, digest, block }: ViewChangeHeader): Proof {
  const signed = bytesOf((out) => signedViewChange(replica, view, digest, out));
  return { signer: replica, signed, signature: block };
}

export function encodePrepared(certificate: PreparedCertificate, out: Writer): void {
  encodeClaim(certificate, out);
  out.u8(certificate.primary);
  out.bytes(certificate.block);
  encodeCertificate(certificate.prepares, out);
}

/** This and the next ones poison the reader if it is malformed. */
export function decodePrepared(input: Reader): PreparedCertificate {
  const claim = decodeClaim(input);
  const primary = input.u8();
  return { ...claim, primary, block: input.block(), prepares: decodeCertificate(input) };
}

export function encodeCommitted(certificate: CommitCertificate, out: Writer): void {
  encodeClaim(certificate, out);
  encodeCertificate(certificate.commits, out);
}

export function decodeCommitted(input: Reader): CommitCertificate {
  const claim = decodeClaim(input);
  return { ...claim, commits: decodeCertificate(input) };
}

export function encodeHeader(
  { replica, view, digest, block }: ViewChangeHeader,
  out: Writer,
): void {
  out.u8(replica);
  out.u53(view);
  out.bytes(digest);
  out.bytes(block);
}

export function decodeHeader(input: Reader): ViewChangeHeader {
  const replica = input.u8();
  const view = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  return { replica, view, digest, block: input.block() };
}

function encodeClaim({ slot, view, digest }: Claim, out: Writer): void {
  out.u53(slot);
  out.u53(view);
  out.bytes(digest);
}

function decodeClaim(input: Reader): Claim {
  const slot = input.u53();
  const view = input.u53();
  return { slot, view, digest: input.bytes(DIGEST_LENGTH) };
}
