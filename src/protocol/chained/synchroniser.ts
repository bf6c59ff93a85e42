// Fetches blocks that are certified and not here, each by its hash, from any replica that has it.

import type { Address, Bytes, Host, Signer, Sizes } from "../../actor.ts";
import { lengthOf } from "../kit/batch.ts";
import { ASKED_TOO_MUCH, PeerRotation, type AnswerRate } from "../kit/peers.ts";
import { keyOf } from "./block.ts";
import type { Message } from "./message.ts";
import type { ChainContext, Timer } from "./context.ts";
import type { Tree } from "./log.ts";

/** Blocks that are missing at a time; the one of the lowest view makes room. */
const MISSING_MAX = 64;
/** Blocks sent for one FETCH, and after how many bytes of requests no more of them are. */
const ANSWER_BLOCKS = 16;
const ANSWER_BYTES = 512 * 1024;

interface Missing {
  readonly hash: Bytes;
  readonly view: number;
}

export class Synchroniser {
  readonly #self: Signer;
  readonly #n: number;
  readonly #host: Host<Message, Timer>;
  readonly #tree: Tree;
  readonly #answers: AnswerRate;
  readonly #missing = new Map<string, Missing>();
  readonly #peers: PeerRotation;

  constructor({ self, config, host, tree, answers }: ChainContext) {
    this.#self = self;
    this.#n = config.n;
    this.#host = host;
    this.#tree = tree;
    this.#answers = answers;
    this.#peers = new PeerRotation(self, config.n);
  }

  get sizes(): Sizes {
    return [{ name: "blocks.missing", size: this.#missing.size, max: MISSING_MAX }];
  }

  get idle(): boolean {
    return this.#missing.size === 0;
  }

  isMissing(key: string): boolean {
    return this.#missing.has(key);
  }

  /** Asks for a certified block; for one that is `expected` only if it is not here in a while. */
  fetchBlock(
    hash: Bytes,
    view: number,
    from: Address,
    { expected }: { readonly expected: boolean },
  ): void {
    const key = keyOf(hash);
    if (view <= this.#tree.root.view || this.#missing.has(key)) return;
    this.#missing.set(key, { hash, view });
    if (this.#missing.size > MISSING_MAX) this.#dropLowest();
    if (!expected)
      this.#ask(hash, from < this.#n && from !== this.#self ? from : this.#peers.next());
  }

  onArrived(key: string): void {
    this.#missing.delete(key);
  }

  /** Asks again, other replicas. */
  retry(): void {
    for (const [key, { hash, view }] of this.#missing) {
      if (view <= this.#tree.root.view) this.#missing.delete(key);
      else this.#ask(hash, this.#peers.next());
    }
  }

  /**
   * Sends a block with ancestors that the other replica lacks, unless it asked too much; false when
   * some that it lacks are not kept here any more, or the block is unknown.
   */
  answer(to: Address, hash: Bytes, view: number): boolean {
    const answers = this.#answers;
    const { now } = this.#host;
    let key = keyOf(hash);
    let bytes = 0;
    const question = `block ${key}`;
    if (!answers.allows(to, question, now)) {
      this.#host.drop(ASKED_TOO_MUCH);
      return true;
    }
    for (let count = 1; count <= ANSWER_BLOCKS; count++) {
      const block = this.#tree.get(key)?.block ?? this.#tree.waiting(key);
      if (block === undefined) return false;
      if (count === 1) answers.begin(to, question, now);
      bytes += lengthOf(block.batch);
      answers.charge(to, lengthOf(block.batch));
      const room = bytes <= ANSWER_BYTES && answers.hasRoom(to, now);
      const last = count === ANSWER_BLOCKS || !room;
      const more = !last && block.justify.view > view;
      key = keyOf(block.justify.block);
      const parent = this.#tree.get(key)?.block ?? this.#tree.waiting(key);
      this.#host.send(to, { kind: "block", block, more: more && parent !== undefined });
      if (!more) return true;
    }
    return true;
  }

  #ask(block: Bytes, to: Address): void {
    const { view, height } = this.#tree.root;
    this.#host.send(to, { kind: "fetch", block, view, height });
  }

  #dropLowest(): void {
    let lowest = "";
    let lowestView = Infinity;
    for (const [key, { view }] of this.#missing) {
      if (view >= lowestView) continue;
      lowest = key;
      lowestView = view;
    }
    this.#missing.delete(lowest);
  }
}
