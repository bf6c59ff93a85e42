// What proves that a quorum prevoted a value, or that one was decided: signers and signature blocks
// over votes that follow from what is claimed.

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

/** First byte of the kinds of messages that certificates are made of; message.ts has the others. */
export const PREVOTE = PROTOCOL_KINDS;
export const PRECOMMIT = PROTOCOL_KINDS + 1;

/** What a vote is for: the value of this digest at this height, in this round. */
export interface Claim {
  readonly height: number;
  readonly round: number;
  readonly digest: Bytes;
}

/** Proof of lock change: q PREVOTEs for one value in one round. */
export interface Polc extends Claim {
  readonly prevotes: Certificate;
}

/** q PRECOMMITs for one value in one round: it is decided at its height. */
export interface Decision extends Claim {
  readonly precommits: Certificate;
}

/** The signed part of PREVOTE and PRECOMMIT. */
export function signedVote(kind: number, replica: Signer, claim: Claim, out: Writer): void {
  out.u8(kind);
  out.u8(replica);
  encodeClaim(claim, out);
}

function votesProofs(kind: number, votes: Certificate, claim: Claim): Proof[] {
  return certificateProofs(votes, (signer) =>
    bytesOf((out) => signedVote(kind, signer, claim, out)),
  );
}

export function polcProofs(polc: Polc): Proof[] {
  return votesProofs(PREVOTE, polc.prevotes, polc);
}

export function decisionProofs(decision: Decision): Proof[] {
  return votesProofs(PRECOMMIT, decision.precommits, decision);
}

function encodeClaim({ height, round, digest }: Claim, out: Writer): void {
  out.u53(height);
  out.u53(round);
  out.bytes(digest);
}

/** This and the next ones poison the reader if it is malformed. */
export function decodeClaim(input: Reader): Claim {
  return { height: input.u53(), round: input.u53(), digest: input.bytes(DIGEST_LENGTH) };
}

export function encodePolc(polc: Polc, out: Writer): void {
  encodeClaim(polc, out);
  encodeCertificate(polc.prevotes, out);
}

export function decodePolc(input: Reader): Polc {
  const { height, round, digest } = decodeClaim(input);
  return { height, round, digest, prevotes: decodeCertificate(input) };
}

export function encodeDecision(decision: Decision, out: Writer): void {
  encodeClaim(decision, out);
  encodeCertificate(decision.precommits, out);
}

export function decodeDecision(input: Reader): Decision {
  const { height, round, digest } = decodeClaim(input);
  return { height, round, digest, precommits: decodeCertificate(input) };
}
