// The messages of Rounds, the protocol that the simulator's judges are tried on.

import {
  NO_PROOFS,
  type Address,
  type Bytes,
  type Codec,
  type Proof,
  type Sealed,
} from "../../../src/actor.ts";
import { decodeBatch, encodeBatch, type Batch } from "../../../src/protocol/kit/batch.ts";
import { DIGEST_LENGTH } from "../../../src/protocol/kit/digest.ts";
import {
  certificateProofs,
  decodeCertificate,
  encodeCertificate,
  type Certificate,
} from "../../../src/protocol/kit/quorum.ts";
import {
  decodeOutcome,
  decodeRequest,
  encodeOutcome,
  encodeRequest,
  type Outcome,
  type Request,
} from "../../../src/protocol/kit/request.ts";
import { bytesOf, MESSAGE_MAX, type Reader, type Writer } from "../../../src/wire.ts";

/** A batch that a quorum voted for in a view: proof that no other was decided before. */
export interface Lock {
  readonly view: number;
  readonly batch: Batch;
  readonly certificate: Certificate;
}

export interface RequestMessage extends Sealed {
  readonly kind: "request";
  readonly client: Address;
  readonly request: Request;
}
export interface ReplyMessage extends Sealed {
  readonly kind: "reply";
  readonly replica: number;
  readonly digest: Bytes;
  readonly outcome: Outcome;
}
export interface ProposeMessage extends Sealed {
  readonly kind: "propose";
  readonly replica: number;
  readonly height: number;
  readonly view: number;
  readonly batch: Batch;
  /** That of the lock that it proposes again. */
  readonly justifyView: number;
  readonly justify: Certificate;
}
export interface VoteMessage extends Sealed {
  readonly kind: "vote";
  readonly replica: number;
  /** 1 for a vote that makes a lock, 2 for one that decides. */
  readonly phase: number;
  readonly height: number;
  readonly view: number;
  readonly digest: Bytes;
}
export interface TimeoutMessage extends Sealed {
  readonly kind: "timeout";
  readonly replica: number;
  readonly height: number;
  /** The view that it wants to enter. */
  readonly view: number;
  readonly lock: Lock | null;
}
export interface StatusMessage extends Sealed {
  readonly kind: "status";
  readonly height: number;
  readonly view: number;
}
export interface DecisionMessage extends Sealed {
  readonly kind: "decision";
  readonly height: number;
  readonly decided: Lock;
}
export interface SnapshotMessage extends Sealed {
  readonly kind: "snapshot";
  readonly replica: number;
  readonly height: number;
  readonly state: Bytes;
}
export interface RecoverMessage extends Sealed {
  readonly kind: "recover";
  readonly replica: number;
  readonly nonce: number;
}
export interface AnswerMessage extends Sealed {
  readonly kind: "answer";
  readonly replica: number;
  readonly nonce: number;
  readonly height: number;
  /** 0 starting, 1 recovering, 2 neither, 3 neither and it began together with whoever asks. */
  readonly phase: number;
  /** The answerer's own nonce. */
  readonly own: number;
}

export type Message =
  | RequestMessage
  | ReplyMessage
  | ProposeMessage
  | VoteMessage
  | TimeoutMessage
  | StatusMessage
  | DecisionMessage
  | SnapshotMessage
  | RecoverMessage
  | AnswerMessage;

const KINDS = [
  "request",
  "reply",
  "propose",
  "vote",
  "timeout",
  "status",
  "decision",
  "snapshot",
  "recover",
  "answer",
] as const;

function writeVote(vote: Omit<VoteMessage, "kind" | "seal">, out: Writer): void {
  out.u8(KINDS.indexOf("vote"));
  out.u8(vote.replica);
  out.u8(vote.phase);
  out.u53(vote.height);
  out.u53(vote.view);
  out.bytes(vote.digest);
}

function writeLock(lock: Lock, out: Writer): void {
  out.u53(lock.view);
  encodeBatch(lock.batch, out);
  encodeCertificate(lock.certificate, out);
}

function readLock(input: Reader): Lock {
  return { view: input.u53(), batch: decodeBatch(input), certificate: decodeCertificate(input) };
}

function votesOf(
  certificate: Certificate,
  vote: { phase: number; height: number; view: number; digest: Bytes },
): Proof[] {
  return certificateProofs(certificate, (replica) =>
    bytesOf((out) => writeVote({ replica, ...vote }, out)),
  );
}

/** What a stranger checks of a lock or a decision. */
export function lockProofs(lock: Lock, phase: number, height: number): Proof[] {
  const { view, batch } = lock;
  return votesOf(lock.certificate, { phase, height, view, digest: batch.digest });
}

function encode(message: Message, out: Writer): void {
  if (message.kind === "vote") {
    writeVote(message, out);
    out.seal(message.seal);
    return;
  }
  out.u8(KINDS.indexOf(message.kind));
  switch (message.kind) {
    case "request":
      out.address(message.client);
      encodeRequest(message.request, out);
      return;
    case "status":
      out.u53(message.height);
      out.u53(message.view);
      return;
    case "decision":
      out.u53(message.height);
      writeLock(message.decided, out);
      return;
    default:
      out.u8(message.replica);
      encodeSigned(message, out);
      out.seal(message.seal);
  }
}

type SignedMessage = Exclude<
  Message,
  RequestMessage | StatusMessage | DecisionMessage | VoteMessage
>;

function encodeSigned(message: SignedMessage, out: Writer): void {
  switch (message.kind) {
    case "reply":
      out.bytes(message.digest);
      encodeOutcome(message.outcome, out);
      return;
    case "propose":
      out.u53(message.height);
      out.u53(message.view);
      encodeBatch(message.batch, out);
      out.u53(message.justifyView);
      encodeCertificate(message.justify, out);
      return;
    case "timeout":
      out.u53(message.height);
      out.u53(message.view);
      out.flag(message.lock !== null);
      if (message.lock !== null) writeLock(message.lock, out);
      return;
    case "snapshot":
      out.u53(message.height);
      out.blob(message.state);
      return;
    case "recover":
      out.u53(message.nonce);
      return;
    case "answer":
      out.u53(message.nonce);
      out.u53(message.height);
      out.u8(message.phase);
      out.u53(message.own);
  }
}

function decode(input: Reader): Message | null {
  const start = input.position;
  const kind = KINDS[input.u8()];
  if (kind === undefined) return null;
  const message =
    kind === "request" || kind === "status" || kind === "decision"
      ? decodeUnsigned(kind, input)
      : decodeSigned(kind, input, start);
  return input.done ? message : null;
}

function decodeUnsigned(kind: "request" | "status" | "decision", input: Reader): Message {
  switch (kind) {
    case "request":
      return { kind, client: input.address(), request: decodeRequest(input) };
    case "status":
      return { kind, height: input.u53(), view: input.u53() };
    case "decision":
      return { kind, height: input.u53(), decided: readLock(input) };
  }
}

function decodeSigned(kind: SignedMessage["kind"] | "vote", input: Reader, start: number): Message {
  const replica = input.u8();
  const seal = () => input.seal(replica, start);
  switch (kind) {
    case "reply": {
      const digest = input.bytes(DIGEST_LENGTH);
      const outcome = decodeOutcome(input);
      return { kind, replica, digest, outcome, seal: seal() };
    }
    case "propose": {
      const height = input.u53();
      const view = input.u53();
      const batch = decodeBatch(input);
      const justifyView = input.u53();
      const justify = decodeCertificate(input);
      return { kind, replica, height, view, batch, justifyView, justify, seal: seal() };
    }
    case "vote": {
      const phase = input.u8();
      const height = input.u53();
      const view = input.u53();
      const digest = input.bytes(DIGEST_LENGTH);
      return { kind, replica, phase, height, view, digest, seal: seal() };
    }
    case "timeout": {
      const height = input.u53();
      const view = input.u53();
      const lock = input.flag() ? readLock(input) : null;
      return { kind, replica, height, view, lock, seal: seal() };
    }
    case "snapshot": {
      const height = input.u53();
      const state = input.blob(MESSAGE_MAX);
      return { kind, replica, height, state, seal: seal() };
    }
    case "recover":
      return { kind, replica, nonce: input.u53(), seal: seal() };
    case "answer": {
      const nonce = input.u53();
      const height = input.u53();
      const phase = input.u8();
      return { kind, replica, nonce, height, phase, own: input.u53(), seal: seal() };
    }
  }
}

function proofs(message: Message): readonly Proof[] {
  if (message.kind === "decision") return lockProofs(message.decided, 2, message.height);
  if (message.seal === undefined) return NO_PROOFS;
  if (message.kind === "propose") {
    const { height, justifyView: view, batch } = message;
    const vote = { phase: 1, height, view, digest: batch.digest };
    return [message.seal, ...votesOf(message.justify, vote)];
  }
  if (message.kind === "timeout" && message.lock !== null) {
    return [message.seal, ...lockProofs(message.lock, 1, message.height)];
  }
  return [message.seal];
}

export const codec: Codec<Message> = { encode, decode, proofs };
