// The messages by which replicas that crash, and forget, start and recover: each protocol says what
// an answer tells of where it is.

import type { Bytes, Sealed } from "../../actor.ts";
import { EMPTY, type Reader, type Writer } from "../../wire.ts";
import { RECOVERY_NONCE_LENGTH } from "./messages.ts";

/** No view, slot or number of a life that is ever reached is as large. */
const NUMBER_MAX = 2 ** 48;

/** Nothing to renew: a leader tells a replica of another number than its own. */
export const NO_NONCE: Bytes = new Uint8Array(RECOVERY_NONCE_LENGTH);

/**
 * A life that is in no view asks where the others are: for the `asked`-th time. Its number is 0
 * until it has one.
 */
export interface AskMessage extends Sealed {
  readonly kind: "ask";
  readonly nonce: Bytes;
  readonly asked: number;
  readonly number: number;
  readonly vector: readonly number[];
}

/** Answers a life that has no number yet: the sender is starting as well, in this life. */
export interface StartingMessage extends Sealed {
  readonly kind: "starting";
  readonly nonce: Bytes;
  readonly asked: number;
  readonly life: Bytes;
}

/** Answers an ASK, of a replica that runs. */
export interface AnswerMessage<P> extends Sealed {
  readonly kind: "answer";
  readonly nonce: Bytes;
  /** As in the ASK. */
  readonly number: number;
  /** By replica, the lives with which it began at genesis, or EMPTY; none if it has recovered. */
  readonly founders: readonly Bytes[];
  /** Whether it has executed anything. */
  readonly active: boolean;
  readonly vector: readonly number[];
  /** Null while it changes views, and to a life that has no number yet. */
  readonly position: P | null;
}

/** A replica that runs takes this number, which an earlier life of it wrote and did not use. */
export interface RenewMessage extends Sealed {
  readonly kind: "renew";
  readonly nonce: Bytes;
  readonly number: number;
  readonly vector: readonly number[];
}

export interface RenewedMessage extends Sealed {
  readonly kind: "renewed";
  readonly nonce: Bytes;
  readonly number: number;
  readonly vector: readonly number[];
}

export type StartMessage<P> =
  AskMessage | StartingMessage | AnswerMessage<P> | RenewMessage | RenewedMessage;

/** Their kinds are `first` and those after it. */
export function encodeStart<P>(
  first: number,
  message: StartMessage<P>,
  encodePosition: (position: P, out: Writer) => void,
  out: Writer,
): void {
  switch (message.kind) {
    case "ask":
      out.u8(first);
      out.bytes(message.nonce);
      out.u32(message.asked);
      out.u53(message.number);
      encodeVector(message.vector, out);
      return;
    case "starting":
      out.u8(first + 1);
      out.bytes(message.nonce);
      out.u32(message.asked);
      out.bytes(message.life);
      return;
    case "answer": {
      const { position } = message;
      out.u8(first + 2);
      out.bytes(message.nonce);
      out.u53(message.number);
      out.u8(message.founders.length);
      for (const life of message.founders) {
        out.flag(life.length > 0);
        out.bytes(life);
      }
      out.flag(message.active);
      encodeVector(message.vector, out);
      out.flag(position !== null);
      if (position !== null) encodePosition(position, out);
      return;
    }
    case "renew":
    case "renewed":
      out.u8(message.kind === "renew" ? first + 3 : first + 4);
      out.bytes(message.nonce);
      out.u53(message.number);
      encodeVector(message.vector, out);
  }
}

/** The message of the kind `first + offset`; poisons the reader if it is malformed. */
export function decodeStart<P>(
  offset: number,
  decodePosition: (input: Reader) => P,
  input: Reader,
): StartMessage<P> | null {
  switch (offset) {
    case 0: {
      const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
      const asked = input.u32();
      const own = decodeNumber(input);
      return { kind: "ask", nonce, asked, number: own, vector: decodeVector(input) };
    }
    case 1: {
      const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
      const asked = input.u32();
      return { kind: "starting", nonce, asked, life: input.bytes(RECOVERY_NONCE_LENGTH) };
    }
    case 2: {
      const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
      const own = decodeNumber(input);
      const founders = decodeFounders(input);
      const active = input.flag();
      const vector = decodeVector(input);
      const position = input.flag() ? decodePosition(input) : null;
      return { kind: "answer", nonce, number: own, founders, active, vector, position };
    }
    case 3:
    case 4: {
      const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
      const own = decodeNumber(input);
      const vector = decodeVector(input);
      return { kind: offset === 3 ? "renew" : "renewed", nonce, number: own, vector };
    }
    default:
      return null;
  }
}

function decodeFounders(input: Reader): Bytes[] {
  const founders: Bytes[] = [];
  const count = input.u8();
  for (let i = 0; i < count && input.ok; i++) {
    founders.push(input.flag() ? input.bytes(RECOVERY_NONCE_LENGTH) : EMPTY);
  }
  return founders;
}

/** A view, a slot or the number of a life; poisons the reader if none is ever as large. */
export function decodeNumber(input: Reader): number {
  const value = input.u53();
  if (value >= NUMBER_MAX) input.poison();
  return value;
}

export function encodeVector(vector: readonly number[], out: Writer): void {
  out.u8(vector.length);
  for (const own of vector) out.u53(own);
}

export function decodeVector(input: Reader): number[] {
  const vector: number[] = [];
  const count = input.u8();
  for (let i = 0; i < count && input.ok; i++) vector.push(decodeNumber(input));
  return vector;
}
