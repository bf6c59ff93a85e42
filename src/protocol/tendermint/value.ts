// What is proposed and decided at a height: a batch, and the round in which it was proposed first.

import type { Bytes } from "../../actor.ts";
import { bytesOf, type Reader, type Writer } from "../../wire.ts";
import { decodeBatch, encodeBatch, type Batch } from "../kit/batch.ts";
import { digestOf, NO_DIGEST } from "../kit/digest.ts";

/** What a vote for no value has in the place of a digest. */
export const NIL: Bytes = NO_DIGEST;

export interface Value {
  /** The round of its height in which it was proposed first. */
  readonly origin: number;
  readonly batch: Batch;
  /** Covers height, origin and the batch's digest. */
  readonly digest: Bytes;
}

export function makeValue(height: number, origin: number, batch: Batch): Value {
  // Asked for first, because it may be computed now, which is no part of these bytes.
  const named = batch.digest;
  const digest = digestOf(
    bytesOf((out) => {
      out.u53(height);
      out.u53(origin);
      out.bytes(named);
    }),
  );
  return { origin, batch, digest };
}

/** Without the height, which its message names. */
export function encodeValue({ origin, batch }: Value, out: Writer): void {
  out.u53(origin);
  encodeBatch(batch, out);
}

/** Poisons the reader if it is malformed. */
export function decodeValue(height: number, input: Reader): Value {
  const origin = input.u53();
  return makeValue(height, origin, decodeBatch(input));
}
