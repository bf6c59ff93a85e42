// A snapshot goes from replica to replica in pieces, each of which is checked against a manifest,
// which is checked against the certificate of a checkpoint: a piece that a Byzantine replica made
// up is found at once.

import type { Address, Bytes, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { equal, manyBytesOf, Reader } from "../../wire.ts";
import type { StableCheckpoint, StateMessage } from "./messages.ts";
import { DIGEST_LENGTH, digestOf } from "./digest.ts";
import { PeerRotation } from "./peers.ts";

/** Bytes of a piece: some tens of packets. */
export const PIECE_LENGTH = 32 * 1024;
/** Pieces asked for and not here yet. */
const ASKED_MAX = 8;
/** The number of the manifest; the pieces of the state have those from 1. */
const MANIFEST = 0;

/** A state with its pieces, their manifest, and the manifest's digest: what a CHECKPOINT signs. */
export class Snapshot {
  readonly digest: Bytes;
  readonly #state: Bytes;
  readonly #manifest: Bytes;

  private constructor(state: Bytes, manifest: Bytes) {
    this.#state = state;
    this.#manifest = manifest;
    this.digest = digestOf(manifest);
  }

  static of(state: Bytes): Snapshot {
    const manifest = manyBytesOf((out) => {
      out.u53(state.length);
      for (let at = 0; at < state.length; at += PIECE_LENGTH) {
        out.bytes(digestOf(state.subarray(at, at + PIECE_LENGTH)));
      }
    });
    return new Snapshot(state, manifest);
  }

  /** The manifest (0) or a piece of the state (from 1); null if there is none of that number. */
  piece(number: number): Bytes | null {
    if (number === MANIFEST) return this.#manifest;
    const at = (number - 1) * PIECE_LENGTH;
    return at < this.#state.length ? this.#state.subarray(at, at + PIECE_LENGTH) : null;
  }
}

/** What is known of the state that is being fetched, once its manifest is here. */
interface Assembly {
  readonly state: Bytes;
  readonly digests: readonly Bytes[];
  /** Pieces that are here, by index from 0. */
  readonly have: boolean[];
  missing: number;
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
  receive(from: Address, message: StateMessage): Bytes | null | false {
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
      return assembly.state;
    }
    this.#askMore();
    return null;
  }

  #open(target: StableCheckpoint, manifest: Bytes): boolean {
    if (!equal(digestOf(manifest), target.digest)) return false;
    const input = new Reader(manifest);
    const length = input.u53();
    const count = Math.ceil(length / PIECE_LENGTH);
    const digests: Bytes[] = [];
    for (let i = 0; i < count && input.ok; i++) digests.push(input.bytes(DIGEST_LENGTH));
    assert(input.done, "a quorum signed a manifest that is malformed");
    const state = new Uint8Array(length);
    const have = new Array<boolean>(count).fill(false);
    this.#assembly = { state, digests, have, missing: count };
    return true;
  }

  #fill({ piece, bytes }: StateMessage): boolean {
    const assembly = this.#assembly;
    const digest = assembly?.digests[piece - 1];
    if (assembly === null || digest === undefined || !equal(digestOf(bytes), digest)) return false;
    assembly.state.set(bytes, (piece - 1) * PIECE_LENGTH);
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
