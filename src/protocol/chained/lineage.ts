// What a block, by its hash and those of its ancestors, says of the replicas that made it: the same
// wherever the block is, a state that was transferred included. Leaders by reputation are a
// function of it (leaders.ts).

import type { Signer } from "../../actor.ts";
import type { Reader, Writer } from "../../wire.ts";
import type { Block } from "./block.ts";
import { signersOf } from "./certificate.ts";

/** A block and its author. */
interface Authored {
  readonly view: number;
  readonly author: Signer;
}

export interface Lineage {
  /** Who signed the QC of its parent, ascending. */
  readonly signers: readonly Signer[];
  /** Itself and the last blocks before it, newest first; none is of genesis. */
  readonly trail: readonly Authored[];
}

export const GENESIS_LINEAGE: Lineage = { signers: [], trail: [] };

/** Blocks in a trail: as many as leaders are told by, of whatever rules. */
export function trailMax(f: number): number {
  return Math.max(f, 3);
}

/** That of a block above a parent with this one; the trail has at most `max` blocks. */
export function lineageOf({ view, author, justify }: Block, parent: Lineage, max: number): Lineage {
  const trail = [{ view, author }, ...parent.trail.slice(0, max - 1)];
  return { signers: signersOf(justify), trail };
}

export function encodeLineage({ signers, trail }: Lineage, out: Writer): void {
  out.u8(signers.length);
  for (const signer of signers) out.u8(signer);
  out.u8(trail.length);
  for (const { view, author } of trail) {
    out.u53(view);
    out.u8(author);
  }
}

/** What is left out of it poisons the reader. */
export function decodeLineage(input: Reader): Lineage {
  const signers = Array.from({ length: input.u8() }, () => input.u8());
  const trail = Array.from({ length: input.u8() }, () => {
    return { view: input.u53(), author: input.u8() };
  });
  return { signers, trail };
}
