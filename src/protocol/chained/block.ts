// Blocks: what replicas vote for. A block's parent is the block that its justify certifies.

import type { Bytes, Signer } from "../../actor.ts";
import { bytesOf, latin1, type Reader, type Writer } from "../../wire.ts";
import { decodeBatch, encodeBatch, type Batch } from "../kit/batch.ts";
import { DIGEST_LENGTH, digestOf } from "../kit/digest.ts";
import { decodeQc, encodeQc, signersOf, type Qc } from "./certificate.ts";

export interface Block {
  readonly view: number;
  /** The replica that proposed it. */
  readonly author: Signer;
  readonly justify: Qc;
  readonly batch: Batch;
  /**
   * Covers view and author, justify's view, block and signers, and the batch's digest; no
   * signature.
   */
  readonly hash: Bytes;
}

export function makeBlock(view: number, author: Signer, justify: Qc, batch: Batch): Block {
  const { view: justifyView, block: parent } = justify;
  const voters = signersOf(justify);
  const hash = hashOf({ view, author, justifyView, parent, voters, digest: batch.digest });
  return { view, author, justify, batch, hash };
}

/** What a block's hash covers. */
export interface BlockHead {
  readonly view: number;
  readonly author: Signer;
  readonly justifyView: number;
  readonly parent: Bytes;
  /** Who signed the justify, ascending: a block names the same leader everywhere (leaders.ts). */
  readonly voters: readonly Signer[];
  /** Of its batch. */
  readonly digest: Bytes;
}

export function hashOf(head: BlockHead): Bytes {
  return digestOf(bytesOf((out) => encodeHead(head, out)));
}

export function encodeHead(head: BlockHead, out: Writer): void {
  out.u8(head.author);
  out.u53(head.view);
  out.u53(head.justifyView);
  out.bytes(head.parent);
  out.u8(head.voters.length);
  for (const voter of head.voters) out.u8(voter);
  out.bytes(head.digest);
}

export function decodeHead(input: Reader): BlockHead {
  const author = input.u8();
  const view = input.u53();
  const justifyView = input.u53();
  const parent = input.bytes(DIGEST_LENGTH);
  const voters = Array.from({ length: input.u8() }, () => input.u8());
  return { author, view, justifyView, parent, voters, digest: input.bytes(DIGEST_LENGTH) };
}

export function encodeBlock(block: Block, out: Writer): void {
  out.u53(block.view);
  out.u8(block.author);
  encodeQc(block.justify, out);
  encodeBatch(block.batch, out);
}

/** Poisons the reader if the block is malformed. */
export function decodeBlock(input: Reader): Block {
  const view = input.u53();
  const author = input.u8();
  const justify = decodeQc(input);
  const batch = decodeBatch(input);
  if (view <= justify.view) input.poison();
  return makeBlock(view, author, justify, batch);
}

/** A Map's key for a digest: a character a byte. */
export function keyOf(hash: Bytes): string {
  return latin1(hash);
}
