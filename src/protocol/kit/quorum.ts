// Quorums of all protocols; votes and certificates of the Byzantine ones. Signers are those that
// the Node verified.

import type { Bytes, Proof, Quorums, Sealed, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { EMPTY, equal, type Reader, type Writer } from "../../wire.ts";

export type { Quorums } from "../../actor.ts";

/** The quorums of n replicas of which f may be Byzantine; null if n < 3f + 1. */
export function byzantineQuorums(n: number, f: number): Quorums | null {
  return n < 3 * f + 1 ? null : { n, f, quorum: Math.ceil((n + f + 1) / 2), weak: f + 1 };
}

/** The quorums of a configuration, whose size was checked at the start. */
export function quorumsOf({ n, f }: { readonly n: number; readonly f: number }): Quorums {
  return byzantineQuorums(n, f) ?? assert.fail("fewer than 3f + 1 replicas");
}

/** The quorums of n replicas of which f may crash; null if n < 2f + 1. */
export function crashQuorums(n: number, f: number): Quorums | null {
  return n < 2 * f + 1 ? null : { n, f, quorum: Math.floor(n / 2) + 1, weak: 1 };
}

/** Those of a configuration where nobody lies: any two have a replica in common. */
export function majorityOf({ n, f }: { readonly n: number; readonly f: number }): Quorums {
  return crashQuorums(n, f) ?? assert.fail("fewer than 2f + 1 replicas");
}

/** A signed statement about a digest. */
interface Statement extends Sealed {
  readonly replica: Signer;
  readonly digest: Bytes;
}

/** A signed statement about a digest in a view. */
export interface Vote extends Statement {
  readonly view: number;
}

/**
 * The votes of one kind on one slot, of which a subclass says in which view, or round, each is. Of
 * each signer it keeps the one of the highest view, which is the only one that still matters if the
 * signer is correct: so its size is bounded, and a Byzantine signer displaces its own vote only.
 */
export abstract class LatestVotes<V extends Statement> {
  readonly #bySigner: (V | undefined)[];

  constructor(n: number) {
    this.#bySigner = new Array<V | undefined>(n).fill(undefined);
  }

  /** The view, or round, that a vote is of. */
  protected abstract viewOf(vote: V): number;

  of(signer: Signer): V | undefined {
    return this.#bySigner[signer];
  }

  /** Whether a vote of this signer and view would change anything. */
  isNew(signer: Signer, view: number): boolean {
    const vote = this.#bySigner[signer];
    return vote === undefined || this.viewOf(vote) < view;
  }

  /** False if the signer has voted in that view, or a later one, already. */
  add(vote: V): boolean {
    const { replica } = vote;
    if (replica >= this.#bySigner.length || !this.isNew(replica, this.viewOf(vote))) return false;
    this.#bySigner[replica] = vote;
    return true;
  }

  /**
   * The signers' votes for this digest in this view, in the order of signers, without those of
   * `except`.
   */
  matching(view: number, digest: Bytes, except = -1): V[] {
    const found: V[] = [];
    for (const vote of this.#bySigner) {
      if (vote === undefined || this.viewOf(vote) !== view || vote.replica === except) continue;
      if (equal(vote.digest, digest)) found.push(vote);
    }
    return found;
  }

  /** How many signers' votes are of this view or a later one, whatever they are for. */
  countFrom(view: number): number {
    let count = 0;
    for (const vote of this.#bySigner) {
      if (vote !== undefined && this.viewOf(vote) >= view) count++;
    }
    return count;
  }

  get size(): number {
    let size = 0;
    for (const vote of this.#bySigner) if (vote !== undefined) size++;
    return size;
  }
}

/** Votes that name their view. */
export class Votes<V extends Vote> extends LatestVotes<V> {
  protected viewOf({ view }: V): number {
    return view;
  }
}

/**
 * The signers of a statement, and their signature blocks. The statement gives what each signed.
 */
export interface Certificate {
  readonly signers: readonly Signer[];
  readonly blocks: readonly Bytes[];
}

export const NO_CERTIFICATE: Certificate = { signers: [], blocks: [] };

/** Of the first `count` votes, all of which are for one statement and have their seals. */
export function certificateOf(votes: readonly Sealed[], count: number): Certificate {
  const signers: Signer[] = [];
  const blocks: Bytes[] = [];
  for (const { seal } of votes) {
    if (signers.length === count) break;
    assert(seal !== undefined, "a vote without a signature was counted");
    signers.push(seal.signer);
    blocks.push(seal.signature);
  }
  return { signers, blocks };
}

/**
 * Whether `count` replicas signed, all of them distinct. Nobody makes certificates of more, which
 * would have more signatures checked than anything depends on.
 */
export function hasSigners({ signers }: Certificate, count: number): boolean {
  return signers.length === count && signers.every((signer, i) => signers.indexOf(signer) === i);
}

/**
 * Every signature with what it signs: `signed` gives the statement as this signer, number i of the
 * certificate, made it.
 */
export function certificateProofs(
  { signers, blocks }: Certificate,
  signed: (signer: Signer, i: number) => Bytes,
): Proof[] {
  return signers.map((signer, i) => ({
    signer,
    signed: signed(signer, i),
    signature: blocks[i] ?? EMPTY,
  }));
}

/** How many signatures it has, be they of different signers or not. */
export function signaturesIn({ signers }: Certificate): number {
  return signers.length;
}

/** Who signed, ascending. */
export function signersIn({ signers }: Certificate): readonly Signer[] {
  return [...signers].sort((one, other) => one - other);
}

export function encodeCertificate({ signers, blocks }: Certificate, out: Writer): void {
  out.u8(signers.length);
  for (const [i, signer] of signers.entries()) {
    out.u8(signer);
    out.bytes(blocks[i] ?? EMPTY);
  }
}

/** At most 255 signatures; poisons the reader if it is malformed. */
export function decodeCertificate(input: Reader): Certificate {
  const count = input.u8();
  const signers: Signer[] = [];
  const blocks: Bytes[] = [];
  for (let i = 0; i < count && input.ok; i++) {
    signers.push(input.u8());
    blocks.push(input.block());
  }
  return { signers, blocks };
}
