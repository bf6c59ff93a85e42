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
  const { view: justifyView, block: parent } = justify;
  const hash = hashOf({ view, justifyView, parent, digest: batch.digest });
  return { view, justify, batch, hash };
}

/** What a block's hash covers. */
export interface BlockHead {
  readonly view: number;
  readonly justifyView: number;
  readonly parent: Bytes;
  /** Of its batch. */
  readonly digest: Bytes;
}

export function hashOf({ view, justifyView, parent, digest }: BlockHead): Bytes {
  return digestOf(
    bytesOf((out) => {
      out.u53(view);
      out.u53(justifyView);
      out.bytes(parent);
      out.bytes(digest);
    }),
  );
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
