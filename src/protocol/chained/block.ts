// Blocks: what replicas vote for. A block's parent is the block that its justify certifies.

import type { Bytes } from "../../actor.ts";
import { bytesOf, latin1, type Reader, type Writer } from "../../wire.ts";
import { decodeBatch, encodeBatch, type Batch } from "../kit/batch.ts";
import { digestOf } from "../kit/digest.ts";
import { decodeQc, encodeQc, type Qc } from "./certificate.ts";

export interface Block {
  readonly view: number;
  readonly justify: Qc;
  readonly batch: Batch;
  /** Covers view, justify's view and block, and the batch's digest; no signature. */
  readonly hash: Bytes;
}

export function makeBlock(view: number, justify: Qc, batch: Batch): Block {
  const hash = digestOf(
    bytesOf((out) => {
      out.u53(view);
      out.u53(justify.view);
      out.bytes(justify.block);
      out.bytes(batch.digest);
    }),
  );
  return { view, justify, batch, hash };
}

export function encodeBlock(block: Block, out: Writer): void {
  out.u53(block.view);
  encodeQc(block.justify, out);
  encodeBatch(block.batch, out);
}

/** Poisons the reader if the block is malformed. */
export function decodeBlock(input: Reader): Block {
  const view = input.u53();
  const justify = decodeQc(input);
  const batch = decodeBatch(input);
  if (view <= justify.view) input.poison();
  return makeBlock(view, justify, batch);
}

/** A Map's key for a digest: a character a byte. */
export function keyOf(hash: Bytes): string {
  return latin1(hash);
}
