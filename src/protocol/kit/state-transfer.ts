// A state goes from replica to replica by what differs: who lags walks the tree from the root that
// a checkpoint names (state-assembly.ts), and asks several others at once. A checkpoint that it
// turns to meanwhile is not begun from nothing, and who sends what is not in the tree is left.

import type { Address, Bytes, Signer, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { keyOf, StateAssembly, type Own, type Wanted } from "./state-assembly.ts";
import { PIECES_MAX, type PieceId, type StateMessage } from "./messages.ts";

/** Questions that are not answered yet, of all replicas together. */
const ASKED_MAX = 16;
/**
 * Answers to later questions of the same replica after which one, or its answer, is lost rather
 * than late: TCP's duplicate acknowledgements, RFC 5681, of which there may be only few here.
 */
const OVERTAKEN_MAX = 2;

/** What is fetched: the state after a slot that has this digest. */
export interface Target {
  readonly slot: number;
  readonly digest: Bytes;
}

interface Question {
  readonly peer: Address;
  readonly waiting: Map<string, Wanted>;
  /** Answers of the same replica to what it was asked later. */
  overtaken: number;
  /** Whether it was asked before what did not come was asked for again the last time. */
  old: boolean;
}

export interface StateTransferOptions {
  readonly self: Signer;
  readonly n: number;
  /** This replica's own state. */
  readonly own: Own;
  readonly ask: (peer: Address, slot: number, pieces: readonly PieceId[]) => void;
  /** Tests hand in another one. */
  readonly assembly?: (own: Own) => StateAssembly;
}

/** Fetches one state at a time, from all other replicas. */
export class StateTransfer {
  readonly #options: StateTransferOptions;
  readonly #peers: readonly Address[];
  readonly #peerMax: number;
  #target: Target | null = null;
  #assembly: StateAssembly | null = null;
  readonly #questions = new Set<Question>();
  readonly #askedBy = new Map<string, Question>();
  /** Those that sent what was wrong; not for good, because addresses can be forged. */
  readonly #left = new Set<Address>();
  /** Those that do not keep the state that is being fetched. */
  readonly #gone = new Set<Address>();
  /** Those that did not answer: each level of a tree would wait for them once more. */
  readonly #silent = new Set<Address>();
  /** Whether a piece was of use since what did not come was asked for again. */
  #gained = false;
  #turn = 0;
  #fetchedBytes = 0;

  constructor(options: StateTransferOptions) {
    this.#options = options;
    const { self, n } = options;
    this.#peers = Array.from({ length: n - 1 }, (_, i) => (self + 1 + i) % n);
    this.#peerMax = Math.ceil(ASKED_MAX / Math.max(1, n - 1));
  }

  get target(): Target | null {
    return this.#target;
  }
  /** Bytes of all pieces that were of use. */
  get fetchedBytes(): number {
    return this.#fetchedBytes;
  }
  /** Whether a replica that was asked does not keep the state any more. */
  get stale(): boolean {
    return this.#gone.size > 0;
  }

  get sizes(): Sizes {
    return [{ name: "transfer.questions", size: this.#questions.size, max: ASKED_MAX }];
  }

  /** Begins to fetch a state, or turns to another one and keeps what came. */
  start(target: Target): void {
    const { own, assembly } = this.#options;
    if (this.#target !== null) coverageMark("state transfer: a later checkpoint is followed");
    this.#target = { slot: target.slot, digest: target.digest };
    this.#gained = false;
    this.#assembly ??= assembly?.(own) ?? new StateAssembly(own);
    this.#forget();
    this.#gone.clear();
    this.#assembly.aim(target.digest);
    this.#askMore();
  }

  stop(): void {
    this.#target = null;
    this.#assembly = null;
    this.#forget();
    this.#gone.clear();
    this.#left.clear();
    this.#silent.clear();
  }

  /**
   * Asks again, other replicas, for what did not come: what was not there the last time has its
   * time left while anything comes.
   */
  retry(): void {
    for (const question of [...this.#questions]) {
      if (question.old || !this.#gained) {
        this.#silent.add(question.peer);
        this.#takeBack(question);
      } else {
        question.old = true;
      }
    }
    this.#gained = false;
    this.#gone.clear();
    this.#askMore();
  }

  /** A replica that was asked does not keep the state; whether no other one does either. */
  unavailable(peer: Address): boolean {
    const asked = [...this.#questions].filter((question) => question.peer === peer);
    if (asked.length === 0) return false;
    this.#gone.add(peer);
    for (const question of asked) this.#takeBack(question);
    this.#askMore();
    return this.#peers.every((other) => this.#gone.has(other) || this.#left.has(other));
  }

  /**
   * Takes pieces: whether they were of use. Those that were not asked for, or are wrong, change
   * nothing but whom to ask.
   */
  receive(from: Address, { slot, pieces }: StateMessage): boolean {
    const assembly = this.#assembly;
    if (assembly === null || slot !== this.#target?.slot) return false;
    let useful = false;
    const answered = new Set<Question>();
    for (const { id, bytes } of pieces) {
      const key = keyOf(id);
      const question = this.#askedBy.get(key);
      if (question === undefined) continue;
      if (!assembly.take(id, bytes)) {
        if (from === question.peer) this.#leave(from);
        break;
      }
      useful = true;
      this.#fetchedBytes += bytes.length;
      question.waiting.delete(key);
      this.#askedBy.delete(key);
      if (from === question.peer) answered.add(question);
    }
    // An answer has as much as there was room for.
    for (const question of answered) {
      this.#silent.delete(from);
      this.#takeBackOvertaken(question);
      this.#takeBack(question);
    }
    if (useful) this.#gained = true;
    this.#askMore();
    return useful;
  }

  /** The whole state, checked, if it is here: the fetching ends. */
  take(): ReturnType<StateAssembly["finish"]> | null {
    if (this.#assembly?.complete !== true) return null;
    const version = this.#assembly.finish();
    this.stop();
    return version;
  }

  #leave(peer: Address): void {
    coverageMark("state transfer: a replica that sends wrong parts is left");
    this.#left.add(peer);
    if (this.#left.size === this.#peers.length) this.#left.clear();
    for (const question of [...this.#questions]) {
      if (question.peer === peer) this.#takeBack(question);
    }
  }

  /** What it waits for is to be asked for again. */
  #takeBack(question: Question): void {
    this.#questions.delete(question);
    for (const [key, wanted] of question.waiting) {
      this.#askedBy.delete(key);
      this.#assembly?.again(wanted);
    }
  }

  /** Has what a replica was asked before an answered question asked for again, if it is lost. */
  #takeBackOvertaken(answered: Question): void {
    for (const question of [...this.#questions]) {
      if (question === answered) return;
      if (question.peer !== answered.peer || ++question.overtaken < OVERTAKEN_MAX) continue;
      coverageMark("state transfer: a question that later ones overtook is asked again");
      this.#takeBack(question);
    }
  }

  #forget(): void {
    this.#questions.clear();
    this.#askedBy.clear();
  }

  #askMore(): void {
    while (this.#target !== null && this.#questions.size < ASKED_MAX) {
      const peer = this.#nextPeer();
      const first = peer === null ? undefined : this.#assembly?.next();
      if (peer === null || first === undefined) return;
      const waiting = new Map([[keyOf(first.id), first]]);
      while (waiting.size < PIECES_MAX) {
        const wanted = this.#assembly?.next();
        if (wanted === undefined) break;
        waiting.set(keyOf(wanted.id), wanted);
      }
      const question = { peer, waiting, overtaken: 0, old: false };
      this.#questions.add(question);
      for (const key of waiting.keys()) this.#askedBy.set(key, question);
      this.#options.ask(
        peer,
        this.#target.slot,
        [...waiting.values()].map(({ id }) => id),
      );
    }
  }

  /** The next one in turn that has not been asked enough; null if there is none. */
  #nextPeer(): Address | null {
    const useful = this.#peers.filter((peer) => !this.#left.has(peer) && !this.#gone.has(peer));
    // Where none that is of use answers, all are asked again.
    if (useful.every((peer) => this.#silent.has(peer))) this.#silent.clear();
    for (let i = 0; i < this.#peers.length; i++) {
      const peer = this.#peers[(this.#turn + i) % this.#peers.length] ?? 0;
      if (!useful.includes(peer) || this.#silent.has(peer)) continue;
      let asked = 0;
      for (const question of this.#questions) if (question.peer === peer) asked++;
      if (asked >= this.#peerMax) continue;
      this.#turn = (this.#turn + i + 1) % this.#peers.length;
      return peer;
    }
    return null;
  }
}
