// Tendermint's messages and their wire form. A signed message begins with its kind and its sender;
// what comes after the seal is bound by a digest before it, or is a certificate.

import { NO_PROOFS, type Bytes, type Codec, type Sealed, type Signer } from "../../actor.ts";
import { equal, type Reader, type Writer } from "../../wire.ts";
import { decodeBatch, encodeProposed, NO_BATCHES } from "../kit/batch.ts";
import { codecOf } from "../kit/codec.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import {
  decodeStable,
  encodeStable,
  PROTOCOL_KINDS,
  stableProofs,
  type CommonMessage,
  type StableCheckpoint,
} from "../kit/messages.ts";
import { decodeCertificate, encodeCertificate } from "../kit/quorum.ts";
import { decodeAnswer, encodeAnswer, type AnswerMessage } from "../kit/recovery.ts";
import {
  decisionProofs,
  decodeClaim,
  decodeDecision,
  decodePolc,
  encodeDecision,
  encodePolc,
  polcProofs,
  PRECOMMIT,
  PREVOTE,
  signedVote,
  type Claim,
  type Decision,
  type Polc,
} from "./certificate.ts";
import { decodeValue, encodeValue, makeValue, type Value } from "./value.ts";

const PROPOSAL = PROTOCOL_KINDS + 2;
const POLC = PROTOCOL_KINDS + 3;
const COMMITTED = PROTOCOL_KINDS + 4;
const STATUS = PROTOCOL_KINDS + 5;
const FETCH_BATCH = PROTOCOL_KINDS + 6;
const BATCH = PROTOCOL_KINDS + 7;
const ANSWER = PROTOCOL_KINDS + 8;

/** Where a proposal belongs, and what it proposes. */
export interface Proposed extends Claim {
  readonly replica: Signer;
}

export interface ProposalMessage extends Sealed, Proposed {
  readonly kind: "proposal";
  /** Of an earlier round, the paper's validRound, which alone is signed; null: a new value. */
  readonly polc: Polc | null;
  readonly value: Value;
}

/** For a value of its round, or for nil, whose digest is all zeros. */
export interface VoteMessage extends Sealed, Claim {
  readonly kind: "prevote" | "precommit";
  readonly replica: Signer;
}

export interface PolcMessage extends Sealed {
  readonly kind: "polc";
  readonly polc: Polc;
}

/** Proof that a height was decided, with its value. */
export interface CommittedMessage extends Sealed {
  readonly kind: "committed";
  readonly decision: Decision;
  readonly value: Value;
}

/** The steps of a round, in their order. */
export type Step = "propose" | "prevote" | "precommit";
const STEPS: readonly Step[] = ["propose", "prevote", "precommit"];

/** Where the sender is: others send what it lacks. */
export interface StatusMessage extends Sealed {
  readonly kind: "status";
  readonly height: number;
  readonly round: number;
  readonly step: Step;
  /** Its stable checkpoint. */
  readonly stable: number;
}

/** Asks for a value of this height. */
export interface FetchBatchMessage extends Sealed {
  readonly kind: "fetchBatch";
  readonly height: number;
  readonly digest: Bytes;
}

export interface BatchMessage extends Sealed {
  readonly kind: "batch";
  readonly height: number;
  readonly value: Value;
}

/** Where a running replica is, for one that recovers. */
export interface Position {
  /** The height that it decides now. */
  readonly height: number;
  readonly stable: StableCheckpoint;
  /** Of the height before, unless that is stable. */
  readonly decision: Decision | null;
}

type OwnMessage =
  | ProposalMessage
  | VoteMessage
  | PolcMessage
  | CommittedMessage
  | StatusMessage
  | FetchBatchMessage
  | BatchMessage
  | AnswerMessage<Position>;
export type Message = CommonMessage | OwnMessage;

export const codec: Codec<Message> = codecOf<OwnMessage>({
  encode(message, out) {
    switch (message.kind) {
      case "prevote":
      case "precommit":
        signedVote(message.kind === "prevote" ? PREVOTE : PRECOMMIT, message.replica, message, out);
        out.seal(message.seal);
        return;
      case "proposal":
        encodeProposal(message, out);
        return;
      case "polc":
        out.u8(POLC);
        encodePolc(message.polc, out);
        return;
      case "committed":
        out.u8(COMMITTED);
        encodeDecision(message.decision, out);
        encodeValue(message.value, out);
        return;
      case "status":
        out.u8(STATUS);
        out.u53(message.height);
        out.u53(message.round);
        out.u8(STEPS.indexOf(message.step));
        out.u53(message.stable);
        return;
      case "fetchBatch":
        out.u8(FETCH_BATCH);
        out.u53(message.height);
        out.bytes(message.digest);
        return;
      case "batch":
        out.u8(BATCH);
        out.u53(message.height);
        encodeValue(message.value, out);
        return;
      case "answer":
        encodeAnswer(ANSWER, message, encodePosition, out);
    }
  },

  decode(kind, input, start) {
    switch (kind) {
      case PREVOTE:
        return decodeVote("prevote", input, start);
      case PRECOMMIT:
        return decodeVote("precommit", input, start);
      case PROPOSAL:
        return decodeProposal(input, start);
      case POLC:
        return { kind: "polc", polc: decodePolc(input) };
      case COMMITTED: {
        const decision = decodeDecision(input);
        const value = decodeValue(decision.height, input);
        if (!equal(value.digest, decision.digest)) input.poison();
        return { kind: "committed", decision, value };
      }
      case STATUS: {
        const height = input.u53();
        const round = input.u53();
        const step = STEPS[input.u8()];
        if (step === undefined) input.poison();
        return { kind: "status", height, round, step: step ?? "propose", stable: input.u53() };
      }
      case FETCH_BATCH:
        return { kind: "fetchBatch", height: input.u53(), digest: input.bytes(DIGEST_LENGTH) };
      case BATCH: {
        const height = input.u53();
        return { kind: "batch", height, value: decodeValue(height, input) };
      }
      case ANSWER:
        return decodeAnswer(input, start, decodePosition);
      default:
        return null;
    }
  },

  batches: (message) => ("value" in message ? [message.value.batch] : NO_BATCHES),

  proofs(message) {
    switch (message.kind) {
      case "proposal":
        return message.polc === null ? NO_PROOFS : polcProofs(message.polc);
      case "polc":
        return polcProofs(message.polc);
      case "committed":
        return decisionProofs(message.decision);
      case "answer": {
        const { stable, decision } = message.position;
        return [...stableProofs(stable), ...(decision === null ? [] : decisionProofs(decision))];
      }
      default:
        return NO_PROOFS;
    }
  },
});

/** What a message that is not decoded proposes; null if it is no proposal. */
export function proposedIn(input: Reader): Proposed | null {
  if (input.u8() !== PROPOSAL) return null;
  const replica = input.u8();
  const { height, round, digest } = decodeClaim(input);
  return input.ok ? { replica, height, round, digest } : null;
}

function decodeVote(kind: VoteMessage["kind"], input: Reader, start: number): VoteMessage {
  const replica = input.u8();
  const { height, round, digest } = decodeClaim(input);
  return { kind, replica, height, round, digest, seal: input.seal(replica, start) };
}

function encodeProposal(message: ProposalMessage, out: Writer): void {
  const { polc, value } = message;
  signedVote(PROPOSAL, message.replica, message, out);
  out.u53(value.origin);
  out.flag(polc !== null);
  if (polc !== null) out.u53(polc.round);
  out.seal(message.seal);
  encodeProposed(value.batch, out);
  if (polc !== null) encodeCertificate(polc.prevotes, out);
}

function decodeProposal(input: Reader, start: number): ProposalMessage {
  const replica = input.u8();
  const { height, round, digest } = decodeClaim(input);
  const origin = input.u53();
  const validRound = input.flag() ? input.u53() : null;
  const seal = input.seal(replica, start);
  const value = makeValue(height, origin, decodeBatch(input));
  if (!equal(value.digest, digest)) input.poison();
  const polc =
    validRound === null
      ? null
      : { height, round: validRound, digest, prevotes: decodeCertificate(input) };
  return { kind: "proposal", replica, height, round, digest, polc, value, seal };
}

function encodePosition({ height, stable, decision }: Position, out: Writer): void {
  out.u53(height);
  encodeStable(stable, out);
  out.flag(decision !== null);
  if (decision !== null) encodeDecision(decision, out);
}

function decodePosition(input: Reader): Position {
  const height = input.u53();
  const stable = decodeStable(input);
  return { height, stable, decision: input.flag() ? decodeDecision(input) : null };
}
