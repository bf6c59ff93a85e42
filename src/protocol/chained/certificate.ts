// Quorum and timeout certificates. Their form, a list of signature blocks today, is this file's
// business alone, so that an aggregate signature can replace it.

import type { Bytes, Proof, Signer } from "../../actor.ts";
import { bytesOf, type Reader, type Writer } from "../../wire.ts";
import { PROTOCOL_KINDS } from "../kit/messages.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import {
  certificateOf,
  certificateProofs,
  decodeCertificate,
  encodeCertificate,
  hasSigners,
  NO_CERTIFICATE,
  signaturesIn,
  signersIn,
  type Certificate,
  type Vote,
} from "../kit/quorum.ts";

/**
 * First byte of the two kinds of messages that certificates are made of; message.ts has the others.
 */
export const VOTE = PROTOCOL_KINDS;
export const TIMEOUT = PROTOCOL_KINDS + 1;

/** A quorum voted for `block` in `view`. */
export interface Qc {
  readonly view: number;
  readonly block: Bytes;
  readonly votes: Certificate;
}

/** A quorum gave up `view`. */
export interface Tc {
  readonly view: number;
  readonly votes: Certificate;
  /** The view of the highest QC of each signer when it gave up, in the order of `votes`. */
  readonly qcViews: readonly number[];
}

/** View 0 is genesis, which is certified without votes. */
export const GENESIS_HASH: Bytes = new Uint8Array(DIGEST_LENGTH);
export const GENESIS_QC: Qc = { view: 0, block: GENESIS_HASH, votes: NO_CERTIFICATE };

/** Of votes that are all for this block in this view. */
export function qcOf(votes: readonly Vote[], quorum: number): Qc {
  const [first] = votes;
  if (first === undefined) return GENESIS_QC;
  return { view: first.view, block: first.digest, votes: certificateOf(votes, quorum) };
}

/** Of TIMEOUTs that are all of this view. */
export function tcOf(timeouts: readonly (Vote & { readonly highQc: Qc })[], quorum: number): Tc {
  const qcViews = timeouts.slice(0, quorum).map(({ highQc }) => highQc.view);
  return { view: timeouts[0]?.view ?? 0, votes: certificateOf(timeouts, quorum), qcViews };
}

/** The view of the highest QC that a signer of the TC had. */
export function highestQcView({ qcViews }: Tc): number {
  return Math.max(0, ...qcViews);
}

/** Who signed the QC, ascending. */
export function signersOf({ votes }: Qc): readonly Signer[] {
  return signersIn(votes);
}

/** Whether enough different replicas signed; that they did sign was checked before. */
export function proven({ view, votes }: Qc | Tc, quorum: number): boolean {
  return view === 0 || hasSigners(votes, quorum);
}

export function encodeQc(qc: Qc, out: Writer): void {
  out.u53(qc.view);
  out.bytes(qc.block);
  if (qc.view > 0) encodeCertificate(qc.votes, out);
}

/** Poisons the reader if it is malformed. */
export function decodeQc(input: Reader): Qc {
  const view = input.u53();
  const block = input.bytes(DIGEST_LENGTH);
  if (view > 0) return { view, block, votes: decodeCertificate(input) };
  if (block.some((byte) => byte !== 0)) input.poison();
  return GENESIS_QC;
}

export function encodeTc(tc: Tc | null, out: Writer): void {
  out.flag(tc !== null);
  if (tc === null) return;
  out.u53(tc.view);
  encodeCertificate(tc.votes, out);
  for (const view of tc.qcViews) out.u53(view);
}

/** Poisons the reader if it is malformed. */
export function decodeTc(input: Reader): Tc | null {
  if (!input.flag()) return null;
  const view = input.u53();
  const votes = decodeCertificate(input);
  const qcViews = Array.from({ length: signaturesIn(votes) }, () => input.u53());
  // Who has the QC of a view, or of a later one, is not in that view any more.
  if (qcViews.some((qcView) => qcView >= view)) input.poison();
  if (view === 0) input.poison();
  return { view, votes, qcViews };
}

/** What a vote signs. */
export function encodeVoteBody(signer: Signer, view: number, block: Bytes, out: Writer): void {
  out.u8(VOTE);
  out.u8(signer);
  out.u53(view);
  out.bytes(block);
}

/** What a TIMEOUT signs: the view that it gives up, and that of its highest QC. */
export function encodeTimeoutBody(signer: Signer, view: number, qcView: number, out: Writer): void {
  out.u8(TIMEOUT);
  out.u8(signer);
  out.u53(view);
  out.u53(qcView);
}

/** Every signature in it, with the vote that it is of. */
export function qcProofs({ view, block, votes }: Qc): Proof[] {
  return certificateProofs(votes, (signer) =>
    bytesOf((out) => encodeVoteBody(signer, view, block, out)),
  );
}

/** Every signature in it, with the TIMEOUT that it is of. */
export function tcProofs(tc: Tc | null): Proof[] {
  if (tc === null) return [];
  const { view, votes, qcViews } = tc;
  return certificateProofs(votes, (signer, i) =>
    bytesOf((out) => encodeTimeoutBody(signer, view, qcViews[i] ?? 0, out)),
  );
}
