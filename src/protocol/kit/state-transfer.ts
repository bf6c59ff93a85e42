// A snapshot goes from replica to replica in pieces, each of which is checked against a manifest,
// which is checked against the certificate of a checkpoint: a piece that a Byzantine replica made
// up is found at once.

import type { Address, Bytes, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { EMPTY, equal, manyBytesOf, Reader } from "../../wire.ts";
import type { StableCheckpoint, StateMessage } from "./messages.ts";
import { DIGEST_LENGTH, digestOf } from "./digest.ts";
import { PeerRotation } from "./peers.ts";

/** Bytes of a piece, at most: some tens of packets. */
export const PIECE_LENGTH = 32 * 1024;
/** Pieces asked for and not here yet. */
const ASKED_MAX = 8;
/** The number of the manifest; the pieces of the state have those from 1. */
const MANIFEST = 0;

/** A part of a state, or of a part PIECE_LENGTH bytes or its end. */
interface Chunk {
  /** The part's index. */
  readonly part: number;
  /** Where it begins there. */
  readonly at: number;
  readonly length: number;
}

/** The digests of a part's chunks, one behind the other. */
export function chunkDigests(part: Bytes): Bytes {
  if (part.length <= PIECE_LENGTH) return digestOf(part);
  const digests = new Uint8Array(DIGEST_LENGTH * Math.ceil(part.length / PIECE_LENGTH));
  for (let i = 0; i * PIECE_LENGTH < part.length; i++) {
    const chunk = part.subarray(i * PIECE_LENGTH, (i + 1) * PIECE_LENGTH);
    digests.set(digestOf(chunk), i * DIGEST_LENGTH);
  }
  return digests;
}

/** The chunks of parts of these lengths in pieces, each as many in a row as there is room for. */
function piecesOf(lengths: readonly number[]): readonly (readonly Chunk[])[] {
  const pieces: Chunk[][] = [];
  let room = 0;
  for (const [part, length] of lengths.entries()) {
    for (let at = 0; at === 0 || at < length; at += PIECE_LENGTH) {
      const chunk = { part, at, length: Math.min(PIECE_LENGTH, length - at) };
      const last = pieces.at(-1);
      if (last !== undefined && chunk.length <= room) last.push(chunk);
      else pieces.push([chunk]);
      room = (last !== undefined && chunk.length <= room ? room : PIECE_LENGTH) - chunk.length;
    }
  }
  return pieces;
}

/**
 * A state in parts, their manifest, and the manifest's digest: what a CHECKPOINT signs. What
 * several states have in common is there once, and hashed once.
 */
export class Snapshot {
  readonly digest: Bytes;
  readonly #parts: readonly Bytes[];
  readonly #manifest: Bytes;
  #pieces: readonly (readonly Chunk[])[] | null = null;

  private constructor(parts: readonly Bytes[], manifest: Bytes) {
    this.#parts = parts;
    this.#manifest = manifest;
    this.digest = digestOf(manifest);
  }

  /** `digests` knows those of parts that were in a state before, and learns the others. */
  static of(parts: readonly Bytes[], digests: WeakMap<Bytes, Bytes>): Snapshot {
    const manifest = manyBytesOf(
      (out) => {
        out.u32(parts.length);
        for (const part of parts) {
          let known = digests.get(part);
          if (known === undefined) digests.set(part, (known = chunkDigests(part)));
          out.u32(part.length);
          out.bytes(known);
        }
      },
      4 + parts.length * (4 + DIGEST_LENGTH),
    );
    return new Snapshot(parts, manifest);
  }

  /** The manifest (0) or a piece of the state (from 1); null if there is none of that number. */
  piece(number: number): Bytes | null {
    if (number === MANIFEST) return this.#manifest;
    this.#pieces ??= piecesOf(this.#parts.map(({ length }) => length));
    const chunks = this.#pieces[number - 1];
    if (chunks === undefined) return null;
    return manyBytesOf((out) => {
      for (const { part, at, length } of chunks) {
        out.bytes(this.#parts[part]?.subarray(at, at + length) ?? EMPTY);
      }
    }, PIECE_LENGTH);
  }
}

/** What is known of the state that is being fetched, once its manifest is here. */
interface Assembly {
  readonly parts: readonly Bytes[];
  /** Of each part's chunks. */
  readonly digests: readonly Bytes[];
  readonly pieces: readonly (readonly Chunk[])[];
  /** Pieces that are here, by index from 0. */
  readonly have: boolean[];
  missing: number;
}

/** What a manifest that a quorum signed tells. */
function assemblyOf(manifest: Bytes): Assembly {
  const input = new Reader(manifest);
  const parts: Bytes[] = [];
  const digests: Bytes[] = [];
  for (let count = input.u32(); count > 0 && input.ok; count--) {
    const length = input.u32();
    parts.push(new Uint8Array(length));
    digests.push(input.bytes(DIGEST_LENGTH * Math.max(1, Math.ceil(length / PIECE_LENGTH))));
  }
  assert(input.done, "a quorum signed a manifest that is malformed");
  const pieces = piecesOf(parts.map(({ length }) => length));
  const have = pieces.map(() => false);
  return { parts, digests, pieces, have, missing: pieces.length };
}

/** Copies a piece into the parts that it is of; false if it is not that which was signed. */
function fill({ parts, digests }: Assembly, chunks: readonly Chunk[], bytes: Bytes): boolean {
  let from = 0;
  for (const { part, at, length } of chunks) {
    const signed = digests[part]?.subarray((at / PIECE_LENGTH) * DIGEST_LENGTH);
    const chunk = bytes.subarray(from, from + length);
    if (signed === undefined || chunk.length !== length) return false;
    if (!equal(digestOf(chunk), signed.subarray(0, DIGEST_LENGTH))) return false;
    parts[part]?.set(chunk, at);
    from += length;
  }
  return from === bytes.length;
}

/** Fetches one state at a time, from all other replicas in turn. */
export class StateTransfer {
  readonly #n: number;
  readonly #ask: (peer: Address, slot: number, piece: number) => void;
  #target: StableCheckpoint | null = null;
  #assembly: Assembly | null = null;
  /** By piece asked for, the peer that was asked. */
  readonly #asked = new Map<number, Address>();
  readonly #peers: PeerRotation;

  constructor(self: Signer, n: number, ask: (peer: Address, slot: number, piece: number) => void) {
    this.#n = n;
    this.#ask = ask;
    this.#peers = new PeerRotation(self, n);
  }

  /** The checkpoint whose state is being fetched. */
  get target(): StableCheckpoint | null {
    return this.#target;
  }

  /** Begins to fetch the state of a proven checkpoint; leaves off any other. */
  start(target: StableCheckpoint): void {
    this.#target = target;
    this.#assembly = null;
    this.#asked.clear();
    this.#askMore();
  }

  stop(): void {
    this.#target = null;
    this.#assembly = null;
    this.#asked.clear();
  }

  /** Asks again, other replicas, for what did not come since the last time. */
  retry(): void {
    for (const piece of this.#asked.keys()) this.#askFor(piece);
    this.#askMore();
  }

  /**
   * Takes a piece: the whole state, checked, with the last one; null if more are missing; false if
   * it was not asked for or is wrong, which changes nothing.
   */
  receive(from: Address, message: StateMessage): readonly Bytes[] | null | false {
    const target = this.#target;
    if (target === null || message.slot !== target.slot) return false;
    const peer = this.#asked.get(message.piece);
    if (peer === undefined) return false;
    const right =
      message.piece === MANIFEST ? this.#open(target, message.bytes) : this.#fill(message);
    if (!right) {
      if (from === peer) this.#askFor(message.piece);
      return false;
    }
    this.#asked.delete(message.piece);
    const assembly = this.#assembly;
    if (assembly !== null && assembly.missing === 0) {
      this.stop();
      return assembly.parts;
    }
    this.#askMore();
    return null;
  }

  #open(target: StableCheckpoint, manifest: Bytes): boolean {
    if (!equal(digestOf(manifest), target.digest)) return false;
    this.#assembly = assemblyOf(manifest);
    return true;
  }

  #fill({ piece, bytes }: StateMessage): boolean {
    const assembly = this.#assembly;
    const chunks = assembly?.pieces[piece - 1];
    if (assembly === null || chunks === undefined || !fill(assembly, chunks, bytes)) return false;
    assembly.have[piece - 1] = true;
    assembly.missing--;
    return true;
  }

  #askMore(): void {
    if (this.#target === null) return;
    if (this.#assembly === null) {
      if (!this.#asked.has(MANIFEST)) this.#askFor(MANIFEST);
      return;
    }
    for (const [index, have] of this.#assembly.have.entries()) {
      if (this.#asked.size >= ASKED_MAX) return;
      if (!have && !this.#asked.has(index + 1)) this.#askFor(index + 1);
    }
  }

  #askFor(piece: number): void {
    if (this.#target === null || this.#n === 1) return;
    const peer = this.#peers.next();
    this.#asked.set(piece, peer);
    this.#ask(peer, this.#target.slot, piece);
  }
}
