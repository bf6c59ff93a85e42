// Who proposes in a round, and when a replica votes against a proposer that serves too little.

import type { Bytes, Signer } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { bytesOf, Reader } from "../../wire.ts";
import type { Context } from "../kit/context.ts";
import { ServiceLevel } from "../kit/service-level.ts";
import type { Message } from "./message.ts";

/** How long a request may wait under one proposer, in view timeouts. */
const PROPOSER_TIMEOUTS = 4;

/** In view timeouts: when a proposer has been told of a request that it seems not to have heard. */
const TOLD_AFTER = 3 / 8;

type ProposersContext = Pick<Context<Message, never>, "self" | "config" | "pool" | "service"> & {
  readonly host: { readonly now: number };
};

/**
 * It alone writes the turn, which is a part of the replicated state. With a tenure of one the turn
 * is the height. In longer ones it moves by the rounds that a value had to wait to be proposed: a
 * proposer that failed is met once, and not at each height.
 */
export class Proposers {
  readonly #context: ProposersContext;
  readonly #level: ServiceLevel;
  readonly #tenure: number;
  #turn: number;
  #movedMs = 0;

  constructor(context: ProposersContext) {
    this.#context = context;
    this.#level = new ServiceLevel(context.config, TOLD_AFTER);
    this.#tenure = context.config.tenure ?? 1;
    this.#turn = this.rotates ? 1 : 0;
  }

  /** Whether each height has another proposer. */
  get rotates(): boolean {
    return this.#tenure === 1;
  }
  /** That of the present height. */
  get turn(): number {
    return this.#turn;
  }
  /** A view of the configuration, the leader of which proposes first at the present height. */
  get view(): number {
    return this.#turn * this.#tenure;
  }

  /** Who proposes in a round of the present height. */
  of(round: number): Signer {
    return this.#context.config.leader((this.#turn + round) * this.#tenure);
  }

  /** The present height is decided, with a value that was proposed first in round `origin`. */
  onDecided(origin: number): void {
    if (this.rotates) this.#turn++;
    else if (origin > 0) this.#move(this.#turn + origin);
  }

  /** A state that is installed has the turn of the height after it, and then these bytes. */
  install(head: Bytes): Bytes | null {
    const input = new Reader(head);
    const turn = input.u53();
    if (!input.ok) return null;
    this.#move(turn);
    return input.bytes(input.remaining);
  }

  /** What of a state is not the executor's, before what is. */
  stateWith(own: Bytes): Bytes {
    return bytesOf((out) => {
      out.u53(this.#turn);
      out.bytes(own);
    });
  }

  #move(turn: number): void {
    const { host, service } = this.#context;
    this.#turn = turn;
    this.#movedMs = host.now;
    this.#level.begin(this.of(0), host.now, service.ordered);
  }

  /** So many requests wait here, perhaps others than before. */
  countWaiting(): void {
    const { pool, host } = this.#context;
    if (pool.ownSize !== this.#level.waiting) this.#level.wait(pool.ownSize, host.now);
  }

  /** Compares what the proposer serves with what others did. */
  judge(): void {
    const { host, service } = this.#context;
    if (!this.rotates) this.#level.judge(host.now, service.ordered);
  }

  /**
   * Whether this replica votes against what the first proposer of a height proposes: it leaves a
   * request out, or serves less than others did, for as long as the turn does not move.
   */
  get suspects(): boolean {
    const { config, pool, host, self } = this.#context;
    if (this.rotates || this.of(0) === self) return false;
    const sinceMs = Math.max(pool.oldestMs, this.#movedMs);
    if (host.now - sinceMs > PROPOSER_TIMEOUTS * config.viewTimeoutMs) {
      coverageMark("tendermint: a censoring proposer is left");
      return true;
    }
    if (this.#level.slow) coverageMark("tendermint: a slow proposer is left");
    return this.#level.slow;
  }
}
