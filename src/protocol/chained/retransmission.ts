// Proposals and votes once more while their view lasts: packets are lost more often than leaders,
// and a view without two of its votes, or their proposals, would last as long as that of a leader
// that failed.

import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import type { Block } from "./block.ts";
import type { ChainContext } from "./context.ts";
import type { ProposeMessage, VoteMessage } from "./message.ts";

/** After how many view timeouts a proposal is sent again at first; the delay doubles. */
const FIRST = 1 / 16;
/** The pause between two answers to a proposal that came again, in view timeouts. */
const VOTE_PAUSE = 1 / 32;

/** What it has to know of its replica. */
export interface RetransmissionOwner {
  readonly view: number;
  /** Whether anything waits for this view to end. */
  readonly pending: boolean;
}

export class Retransmission {
  readonly #context: ChainContext;
  readonly #owner: RetransmissionOwner;
  #proposal: ProposeMessage | null = null;
  #delayMs = 0;
  #armed = false;
  #votedMs = -Infinity;

  constructor(context: ChainContext, owner: RetransmissionOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** This replica has proposed. */
  onProposed(proposal: ProposeMessage): void {
    this.#proposal = proposal;
    this.#delayMs = FIRST * this.#context.config.viewTimeoutMs;
    this.#armed = false;
    this.arm();
  }

  /** Something waits, perhaps for a view that was quiet so far. */
  arm(): void {
    if (this.#armed || !this.#lasts) return;
    this.#armed = true;
    this.#context.host.setTimer("repeat", this.#delayMs);
  }

  /** Sends the proposal again if there is no QC of its view here, and somebody waits for it. */
  onTimer(): void {
    this.#armed = false;
    if (this.#proposal === null || !this.#lasts || !this.#owner.pending) return;
    coverageMark("chained: a proposal is sent again");
    this.#context.host.send("others", this.#proposal);
    this.#delayMs *= 2;
    this.arm();
  }

  /** Whether the view that this replica proposed in last is not over. */
  get #lasts(): boolean {
    return this.#proposal?.block.view === this.#owner.view;
  }

  /** This replica has sent its vote. */
  onVoted(): void {
    this.#votedMs = this.#context.host.now;
  }

  /** Whether the vote for a proposal that came again is to be sent again. */
  wants(vote: VoteMessage | null, { view, hash }: Pick<Block, "view" | "hash">): boolean {
    const { host, config } = this.#context;
    if (vote === null || vote.view !== view || view !== this.#owner.view) return false;
    if (!equal(vote.digest, hash)) return false;
    return host.now - this.#votedMs >= VOTE_PAUSE * config.viewTimeoutMs;
  }
}
