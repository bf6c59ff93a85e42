// Views: entered by a quorum or timeout certificate only, given up by TIMEOUT. After DiemBFT v4 and
// Jolteon (Gelashvili et al., arXiv 2106.10362, sections 3 and 4).

import type { Address, Host, Signer } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { EMPTY } from "../../wire.ts";
import { Votes, type Quorums } from "../kit/quorum.ts";
import type { Message, Position, TimeoutMessage } from "./message.ts";
import { tcOf, type Qc, type Tc } from "./certificate.ts";

export type Timer = "view" | "flush" | "fetch" | "recover";

/** The longest view timer, in view timeouts. */
const TIMER_MAX = 16;
/** In a tenure of many views: how long a request may wait for its leader, in view timeouts. */
const PATIENCE = 4;

/** What the pacemaker asks of the replica whose views it keeps. */
export interface PacemakerOwner {
  readonly highQc: Qc;
  /** Whether something is known that should be committed and is not. */
  readonly pending: boolean;
  /** Since when the oldest request waits; Infinity if none does. */
  readonly oldestMs: number;
  /** Whether it may sign a TIMEOUT: not while it recovers. */
  readonly running: boolean;
  onEntered(): void;
  /** The view is being given up: nothing may be voted for in it any more. */
  onGivenUp(view: number): void;
}

export class Pacemaker {
  readonly #self: Signer;
  readonly #config: ProtocolConfig;
  readonly #quorums: Quorums;
  readonly #host: Host<Message, Timer>;
  readonly #owner: PacemakerOwner;
  readonly #timeouts: Votes<TimeoutMessage>;
  #view = 1;
  /** What let this replica into its view; null: the QC of the view before. */
  #tc: Tc | null = null;
  /** Views left by timeout since the last commit. */
  #doublings = 0;
  #armed = false;
  /** Whether the TIMEOUT of this view has been sent. */
  #givenUp = false;
  /** Whether this view's leader failed to make the QC that let this replica in. */
  #suspect = false;
  /** When the leader's tenure began, as far as this replica knows. */
  #tenureMs = 0;

  constructor(
    self: Signer,
    config: ProtocolConfig,
    quorums: Quorums,
    host: Host<Message, Timer>,
    owner: PacemakerOwner,
  ) {
    this.#self = self;
    this.#config = config;
    this.#quorums = quorums;
    this.#host = host;
    this.#owner = owner;
    this.#timeouts = new Votes(quorums.n);
  }

  get view(): number {
    return this.#view;
  }
  get tc(): Tc | null {
    return this.#tc;
  }
  get timerMs(): number {
    return this.#config.viewTimeoutMs * Math.min(2 ** this.#doublings, TIMER_MAX);
  }
  /** What proves to others that this view was entered. */
  get position(): Position {
    return { highQc: this.#owner.highQc, tc: this.#tc };
  }
  get sizes(): readonly { readonly name: string; readonly size: number; readonly max: number }[] {
    return [{ name: "timeouts", size: this.#timeouts.size, max: this.#quorums.n }];
  }

  /** The view that a TC of `view` lets in. */
  after(view: number): number {
    return viewAfter(this.#config, view);
  }

  /** How many TIMEOUTs of one view make a certificate. */
  protected get tcQuorum(): number {
    return this.#quorums.quorum;
  }

  /** The leader of a view proposes: it lives, and gets the time that leaders get. */
  onLeader(view: number): void {
    if (view !== this.#view || !this.#suspect) return;
    this.#suspect = false;
    if (this.#armed && !this.#givenUp) this.#host.setTimer("view", this.timerMs);
  }

  /** Learns a QC that is proven. */
  onQc(qc: Qc): void {
    if (qc.view >= this.#view) this.#enter(qc.view + 1, null);
  }

  /** Learns a TC that is proven. */
  onTc(tc: Tc | null): void {
    if (tc === null) return;
    const view = this.after(tc.view);
    if (view <= this.#view) return;
    this.#doublings++;
    this.#enter(view, tc);
  }

  /** Counts a TIMEOUT, whose certificates were learnt already. */
  onTimeout(from: Address, message: TimeoutMessage): void {
    const { position } = this;
    const behind = message.view < this.#view || message.highQc.view < position.highQc.view;
    if (behind && from < this.#quorums.n && from !== this.#self) {
      coverageMark("hotstuff: a replica that is behind is shown the way");
      this.#host.send(from, { kind: "entry", ...position });
    }
    if (message.view < this.#view) return;
    this.#timeouts.add(message);
    if (this.#later() >= this.#quorums.weak && !this.#givenUp) {
      coverageMark("hotstuff: joins f + 1 that time out");
      this.giveUp();
    }
    const matching = this.#timeouts.matching(message.view, EMPTY);
    if (matching.length >= this.tcQuorum) this.onTc(tcOf(matching, this.tcQuorum));
  }

  /** Starts or stops the timer, as there is something pending or not. */
  watch(): void {
    const { pending } = this.#owner;
    if (pending === this.#armed || this.#givenUp) return;
    this.#armed = pending;
    if (pending) this.#host.setTimer("view", this.timerMs);
    else this.#host.clearTimer("view");
  }

  /** Something was executed: timers are short again, the one that runs included. */
  onCommitted(): void {
    if (this.#doublings === 0) return;
    this.#doublings = 0;
    if (this.#armed && !this.#givenUp && !this.#suspect) {
      this.#host.setTimer("view", this.timerMs);
    }
  }

  /** The view's timer went off: gives the view up, or says so again. */
  onTimer(): void {
    this.#armed = false;
    if (this.#owner.pending || this.#givenUp) this.giveUp();
  }

  /** Sends TIMEOUT, again until the view is left. */
  giveUp(): void {
    this.#armed = true;
    this.#host.setTimer("view", this.#config.viewTimeoutMs / 2);
    if (!this.#owner.running) return;
    this.#givenUp = true;
    this.#owner.onGivenUp(this.#view);
    this.#host.send("all", {
      kind: "timeout",
      replica: this.#self,
      view: this.#view,
      digest: EMPTY,
      ...this.position,
    });
  }

  /** Signers whose latest TIMEOUT is for this view or a later one. */
  #later(): number {
    let count = 0;
    for (let signer = 0; signer < this.#quorums.n; signer++) {
      const timeout = this.#timeouts.of(signer);
      if (timeout !== undefined && timeout.view >= this.#view) count++;
    }
    return count;
  }

  #enter(view: number, tc: Tc | null): void {
    const { leader } = this.#config;
    if (leader(view) !== leader(this.#view)) this.#tenureMs = this.#host.now;
    // Votes that were sent to all when the view was given up: whoever leads now did not use those
    // it got.
    this.#suspect = this.#givenUp && tc === null;
    this.#view = view;
    this.#tc = tc;
    this.#givenUp = false;
    const { pending } = this.#owner;
    const shortMs = this.#config.viewTimeoutMs / 2;
    if (pending) this.#host.setTimer("view", this.#suspect ? shortMs : this.timerMs);
    else if (this.#armed) this.#host.clearTimer("view");
    this.#armed = pending;
    this.#owner.onEntered();
    if (this.#view === view && this.#overdue()) {
      coverageMark("hotstuff: a leader that keeps requests waiting is left");
      this.giveUp();
    }
  }

  /**
   * Whether a request waits that this leader could have served long ago, although its views go on.
   */
  #overdue(): boolean {
    const { tenure = 1, viewTimeoutMs } = this.#config;
    if (tenure === 1) return false;
    const sinceMs = Math.max(this.#owner.oldestMs, this.#tenureMs);
    return this.#host.now - sinceMs > PATIENCE * viewTimeoutMs;
  }
}

/** The view that a TC of `view` lets in: the first one of the next tenure. */
export function viewAfter({ tenure = 1 }: ProtocolConfig, view: number): number {
  return (Math.floor(view / tenure) + 1) * tenure;
}
