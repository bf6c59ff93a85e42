// What a view hears: one session of one sequencer, and which slot its first message has.

import type { Reader, Writer } from "../../wire.ts";
import { decodeNumber } from "../kit/crash-start-messages.ts";
import type { Stamp } from "../kit/sequencing-messages.ts";

/** The message with the number `first` has the slot `base`, those after it the slots after it. */
export interface Stream {
  /** The view whose leader opened it. */
  readonly session: number;
  /** The life of the sequencer that stamps in it. */
  readonly incarnation: number;
  /** Which sequencer that is. */
  readonly index: number;
  readonly first: number;
  readonly base: number;
}

export function slotOf({ first, base }: Stream, number: number): number {
  return base + number - first;
}

export function numberOf({ first, base }: Stream, slot: number): number {
  return first + slot - base;
}

/** Whether a sequencer stamped it in this session and life. */
export function isOf(stream: Pick<Stream, "session" | "incarnation">, stamp: Stamp): boolean {
  return stamp.session === stream.session && stamp.incarnation === stream.incarnation;
}

export function encodeStream(stream: Stream, out: Writer): void {
  out.u53(stream.session);
  out.u53(stream.incarnation);
  out.u8(stream.index);
  out.u53(stream.first);
  out.u53(stream.base);
}

export function decodeStream(input: Reader): Stream {
  const session = decodeNumber(input);
  const incarnation = input.u53();
  const index = input.u8();
  const first = decodeNumber(input);
  return { session, incarnation, index, first, base: decodeNumber(input) };
}
