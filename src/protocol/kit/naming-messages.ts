// The messages by which replicas that start agree on the name of their run, or learn it
// (docs/guarantees.md, X15), and their wire form. They are signed for the cluster, because who
// sends them is in no run yet, or answers one that is in none.

import { NO_PROOFS, type Bytes, type Proof, type Sealed, type Signer } from "../../actor.ts";
import { bytesOf, equal, RUNLESS_KINDS_START, type Reader, type Writer } from "../../wire.ts";
import { DIGEST_LENGTH, digestOf } from "./digest.ts";
import {
  certificateProofs,
  decodeCertificate,
  encodeCertificate,
  hasSigners,
  type Certificate,
} from "./quorum.ts";

const START = RUNLESS_KINDS_START;
const LIFE = RUNLESS_KINDS_START + 1;
const LIST = RUNLESS_KINDS_START + 2;
const CONFIRM = RUNLESS_KINDS_START + 3;
const READY = RUNLESS_KINDS_START + 4;
const NEXT = RUNLESS_KINDS_START + 5;

/** Bytes of a life's nonce. */
export const NONCE_LENGTH = 16;
/** Of at most 255 replicas. */
const LIVES_MAX = 255 * NONCE_LENGTH;

/**
 * Proof that n - f members of a list voted for its name in an attempt. A list has the nonce of a
 * life, or zeros, for each replica.
 */
export interface ListCertificate {
  readonly attempt: number;
  readonly lives: Bytes;
  readonly votes: Certificate;
}

/**
 * A life asks all others where they are, for the `asked`-th time; it `runs`, and asks anew, or has
 * no run yet.
 */
export interface StartMessage extends Sealed {
  readonly kind: "start";
  readonly replica: Signer;
  readonly nonce: Bytes;
  readonly asked: number;
  readonly runs: boolean;
}

/** Answers that START: the sender's own life if it is in no run, else the run. */
export interface LifeMessage extends Sealed {
  readonly kind: "life";
  readonly replica: Signer;
  readonly to: Signer;
  readonly nonce: Bytes;
  readonly asked: number;
  readonly where:
    | { readonly kind: "nameless"; readonly own: Bytes }
    | { readonly kind: "runs"; readonly name: Bytes };
  /** Of READYs, if whoever asked is a member: it begins, too. */
  readonly ready: ListCertificate | null;
}

/** The leader of an attempt proposes a list, with CONFIRMs of an earlier one if it has them. */
export interface ListMessage extends Sealed {
  readonly kind: "list";
  readonly replica: Signer;
  readonly attempt: number;
  readonly lives: Bytes;
  readonly confirmed: ListCertificate | null;
}

export interface ConfirmMessage extends Sealed {
  readonly kind: "confirm";
  readonly replica: Signer;
  readonly attempt: number;
  readonly name: Bytes;
}

/** The sender is locked on the name; the certificate is of the same attempt and name. */
export interface ReadyMessage extends Sealed {
  readonly kind: "ready";
  readonly replica: Signer;
  readonly attempt: number;
  readonly name: Bytes;
  readonly confirmed: ListCertificate;
}

/** The life with this nonce wishes that attempt, and shows its highest certificate. */
export interface NextMessage extends Sealed {
  readonly kind: "next";
  readonly replica: Signer;
  readonly nonce: Bytes;
  readonly attempt: number;
  readonly confirmed: ListCertificate | null;
}

export type NamingMessage =
  StartMessage | LifeMessage | ListMessage | ConfirmMessage | ReadyMessage | NextMessage;

/** The name of the run of a list. */
export function nameOf(lives: Bytes): Bytes {
  return digestOf(
    bytesOf((out) => {
      out.blob(PREFIX);
      out.bytes(lives);
    }),
  );
}

/** The list of these lives; zeros stand for none. */
export function listOf(lives: readonly (Bytes | undefined)[]): Bytes {
  const list = new Uint8Array(lives.length * NONCE_LENGTH);
  for (const [i, life] of lives.entries()) if (life !== undefined) list.set(life, i * NONCE_LENGTH);
  return list;
}

/** Whether the list has a life of this replica. */
export function isListed(lives: Bytes, replica: Signer): boolean {
  for (let i = 0; i < NONCE_LENGTH; i++) {
    if ((lives[replica * NONCE_LENGTH + i] ?? 0) !== 0) return true;
  }
  return false;
}

/** Whether that life of this replica is in the list. */
export function isMember(lives: Bytes, replica: Signer, nonce: Bytes): boolean {
  const at = replica * NONCE_LENGTH;
  return equal(lives.subarray(at, at + NONCE_LENGTH), nonce);
}

/** Whether it has a place for each of n replicas, and enough lives. */
export function isWholeList(lives: Bytes, n: number, livesMin: number): boolean {
  return lives.length === n * NONCE_LENGTH && members(lives) >= livesMin;
}

/** Whether enough members voted for a list; that they did sign is checked apart. */
export function isProven({ lives, votes }: ListCertificate, n: number, votesMin: number): boolean {
  if (!isWholeList(lives, n, votesMin) || !hasSigners(votes, votesMin)) return false;
  return votes.signers.every((signer) => isListed(lives, signer));
}

/** How many lives it lists. */
function members(lives: Bytes): number {
  let count = 0;
  for (let i = 0; i * NONCE_LENGTH < lives.length; i++) if (isListed(lives, i)) count++;
  return count;
}

/** Those of these votes that members of the list gave to its name in that attempt. */
export function votesFor<V extends ConfirmMessage | ReadyMessage>(
  votes: readonly (V | undefined)[],
  attempt: number,
  lives: Bytes,
): V[] {
  const name = nameOf(lives);
  return votes.filter(
    (vote): vote is V =>
      vote !== undefined &&
      vote.attempt === attempt &&
      equal(vote.name, name) &&
      isListed(lives, vote.replica),
  );
}

const PREFIX = new Uint8Array(Buffer.from("oskr run"));

/** Whether the message is one of these, by its kind. */
export function isNaming(message: { readonly kind: string }): message is NamingMessage {
  switch (message.kind) {
    case "start":
    case "life":
    case "list":
    case "confirm":
    case "ready":
    case "next":
      return true;
    default:
      return false;
  }
}

export function encodeNaming(message: NamingMessage, out: Writer): void {
  switch (message.kind) {
    case "start":
      out.u8(START);
      out.u8(message.replica);
      out.bytes(message.nonce);
      out.u53(message.asked);
      out.flag(message.runs);
      out.seal(message.seal);
      return;
    case "life":
      encodeLife(message, out);
      return;
    case "list":
      out.u8(LIST);
      out.u8(message.replica);
      out.u53(message.attempt);
      out.blob(message.lives);
      out.seal(message.seal);
      encodeMaybe(message.confirmed, out);
      return;
    case "confirm":
      encodeVote(CONFIRM, message.replica, message.attempt, message.name, out);
      out.seal(message.seal);
      return;
    case "ready":
      encodeVote(READY, message.replica, message.attempt, message.name, out);
      out.seal(message.seal);
      encodeListCertificate(message.confirmed, out);
      return;
    case "next":
      out.u8(NEXT);
      out.u8(message.replica);
      out.bytes(message.nonce);
      out.u53(message.attempt);
      out.seal(message.seal);
      encodeMaybe(message.confirmed, out);
  }
}

/** As decodeCommon. */
export function decodeNaming(kind: number, input: Reader, start: number): NamingMessage | null {
  switch (kind) {
    case START: {
      const replica = input.u8();
      const nonce = input.bytes(NONCE_LENGTH);
      const asked = input.u53();
      const runs = input.flag();
      return { kind: "start", replica, nonce, asked, runs, seal: input.seal(replica, start) };
    }
    case LIFE:
      return decodeLife(input, start);
    case LIST: {
      const replica = input.u8();
      const attempt = input.u53();
      const lives = input.blob(LIVES_MAX);
      const seal = input.seal(replica, start);
      return { kind: "list", replica, attempt, lives, seal, confirmed: decodeMaybe(input) };
    }
    case CONFIRM: {
      const { replica, attempt, name } = decodeVote(input);
      return { kind: "confirm", replica, attempt, name, seal: input.seal(replica, start) };
    }
    case READY: {
      const { replica, attempt, name } = decodeVote(input);
      const seal = input.seal(replica, start);
      const confirmed = decodeListCertificate(input);
      return { kind: "ready", replica, attempt, name, seal, confirmed };
    }
    case NEXT: {
      const replica = input.u8();
      const nonce = input.bytes(NONCE_LENGTH);
      const attempt = input.u53();
      const seal = input.seal(replica, start);
      return { kind: "next", replica, nonce, attempt, seal, confirmed: decodeMaybe(input) };
    }
    default:
      return null;
  }
}

/** Every signature in the message beside its own seal. */
export function namingProofs(message: NamingMessage): readonly Proof[] {
  switch (message.kind) {
    case "life":
      return message.ready === null ? NO_PROOFS : votesProofs(READY, message.ready);
    case "list":
    case "next":
      return message.confirmed === null ? NO_PROOFS : votesProofs(CONFIRM, message.confirmed);
    case "ready":
      return votesProofs(CONFIRM, message.confirmed);
    default:
      return NO_PROOFS;
  }
}

function votesProofs(kind: number, { attempt, lives, votes }: ListCertificate): Proof[] {
  const name = nameOf(lives);
  return certificateProofs(votes, (signer) =>
    bytesOf((out) => encodeVote(kind, signer, attempt, name, out)),
  );
}

function encodeLife(message: LifeMessage, out: Writer): void {
  const { replica, to, nonce, asked, where, ready, seal } = message;
  out.u8(LIFE);
  out.u8(replica);
  out.u8(to);
  out.bytes(nonce);
  out.u53(asked);
  out.flag(where.kind === "runs");
  out.bytes(where.kind === "runs" ? where.name : where.own);
  out.seal(seal);
  encodeMaybe(ready, out);
}

function decodeLife(input: Reader, start: number): LifeMessage {
  const replica = input.u8();
  const to = input.u8();
  const nonce = input.bytes(NONCE_LENGTH);
  const asked = input.u53();
  const where = input.flag()
    ? ({ kind: "runs", name: input.bytes(DIGEST_LENGTH) } as const)
    : ({ kind: "nameless", own: input.bytes(NONCE_LENGTH) } as const);
  const seal = input.seal(replica, start);
  return { kind: "life", replica, to, nonce, asked, where, seal, ready: decodeMaybe(input) };
}

function encodeVote(
  kind: number,
  replica: Signer,
  attempt: number,
  name: Bytes,
  out: Writer,
): void {
  out.u8(kind);
  out.u8(replica);
  out.u53(attempt);
  out.bytes(name);
}

function decodeVote(input: Reader): { replica: Signer; attempt: number; name: Bytes } {
  const replica = input.u8();
  const attempt = input.u53();
  return { replica, attempt, name: input.bytes(DIGEST_LENGTH) };
}

function encodeMaybe(certificate: ListCertificate | null, out: Writer): void {
  out.flag(certificate !== null);
  if (certificate !== null) encodeListCertificate(certificate, out);
}

function decodeMaybe(input: Reader): ListCertificate | null {
  return input.flag() ? decodeListCertificate(input) : null;
}

function encodeListCertificate({ attempt, lives, votes }: ListCertificate, out: Writer): void {
  out.u53(attempt);
  out.blob(lives);
  encodeCertificate(votes, out);
}

function decodeListCertificate(input: Reader): ListCertificate {
  const attempt = input.u53();
  const lives = input.blob(LIVES_MAX);
  return { attempt, lives, votes: decodeCertificate(input) };
}
