// Retransmission: who does not get on says where it is, and the others send what it lacks (Castro
// and Liskov, TOCS '02).

import type { Address } from "../../actor.ts";
import { Backoff } from "../kit/backoff.ts";
import type { Recovery } from "../kit/recovery.ts";
import { Checkpointing } from "./checkpoint.ts";
import type { CommittedMessage, StatusMessage } from "./message.ts";
import type { Ordering } from "./normal.ts";

/**
 * The first and the last interval of STATUS while something waits, in view timeouts; the last if
 * nothing does.
 */
const FIRST_INTERVAL = 1 / 8;
const LAST_INTERVAL = 1 / 2;
const IDLE_INTERVAL = 1;
/** A replica's STATUS is answered no sooner after its last, in view timeouts. */
const ANSWER_PAUSE = 1 / 16;
/** Slots sent in answer to one STATUS, those that the sender needs first. */
const SLOTS_MAX = 16;

export abstract class Retransmission extends Checkpointing {
  readonly #backoff: Backoff;
  #idle = true;
  #executedBefore = 0;
  /** Whether it executed since the last tick what others had to send: more may be missing. */
  #helped = false;
  readonly #answeredMs: number[];

  constructor(...parameters: ConstructorParameters<typeof Ordering>) {
    super(...parameters);
    const { viewTimeoutMs, n } = this.config;
    this.#backoff = new Backoff(FIRST_INTERVAL * viewTimeoutMs, LAST_INTERVAL * viewTimeoutMs);
    this.#answeredMs = new Array<number>(n).fill(-Infinity);
  }

  protected abstract get phase(): Recovery<unknown>["phase"];

  protected override awake(): void {
    if (!this.#idle) return;
    this.#idle = false;
    this.#backoff.reset();
    this.host.setTimer("tick", this.#backoff.next());
  }

  protected onTick(): void {
    this.executes = this.executed > this.#executedBefore;
    this.#executedBefore = this.executed;
    const helped = this.#helped;
    this.#helped = false;
    if (!this.executes) {
      if (this.transfer.target !== null && !this.receives) this.transfer.retry();
      for (const slot of this.log.known()) {
        slot.fetching = false;
        this.vote(slot);
      }
      this.execute();
      this.fetchViewChanges();
    }
    if ((!this.executes || helped) && this.phase !== "starting") this.#sendStatus();
    this.receives = false;
    this.#idle = !helped && !this.#waits();
    if (this.executes) this.#backoff.reset();
    const idleMs = IDLE_INTERVAL * this.config.viewTimeoutMs;
    this.host.setTimer("tick", this.#idle ? idleMs : this.#backoff.next());
  }

  protected override onCommitted(message: CommittedMessage): void {
    const before = this.executed;
    super.onCommitted(message);
    if (this.executed === before) return;
    this.#helped = true;
    this.awake();
  }

  #waits(): boolean {
    if (!this.active || this.transfer.target !== null || this.phase !== "done") return true;
    return this.oldestMs() < Infinity || this.checkpoints.latest.slot > this.executed;
  }

  #sendStatus(): void {
    const { view, active, executed } = this;
    this.host.send("others", { kind: "status", view, active, stable: this.log.low, executed });
  }

  protected onStatus(from: Address, status: StatusMessage): void {
    const { now } = this.host;
    const lastMs = this.#answeredMs[from];
    if (lastMs === undefined || from === this.self) return;
    if (now - lastMs < ANSWER_PAUSE * this.config.viewTimeoutMs) return;
    this.#answeredMs[from] = now;
    this.#sendCheckpoints(from, status);
    this.#sendView(from, status);
    this.#sendSlots(from, status);
  }

  #sendCheckpoints(from: Address, { stable: low }: StatusMessage): void {
    const { stable } = this.checkpoints;
    if (stable.slot > low) this.host.send(from, { kind: "stable", checkpoint: stable });
    for (const vote of this.checkpoints.votesOf(this.self, low)) this.host.send(from, vote);
  }

  #sendView(from: Address, { view, active }: StatusMessage): void {
    if (view > this.view || (view === this.view && active)) return;
    const message = this.active ? this.newView : this.ownViewChange();
    if (message?.seal !== undefined) this.host.send(from, message);
  }

  #sendSlots(from: Address, { view, active, executed }: StatusMessage): void {
    const first = Math.max(executed, this.log.low) + 1;
    const last = Math.min(first + SLOTS_MAX - 1, this.log.high);
    for (let number = first; number <= last; number++) {
      const slot = this.log.get(number);
      if (slot === undefined) continue;
      const certificate = slot.committed;
      const batch = certificate === null ? undefined : slot.batch(certificate.digest);
      if (certificate !== null && batch !== undefined) {
        this.host.send(from, { kind: "committed", certificate, batch });
        continue;
      }
      if (!active || !this.active || view !== this.view) continue;
      const proposal = slot.proposal(view);
      if (proposal?.replica === this.self && proposal.seal !== undefined) {
        const known = slot.batch(proposal.digest) ?? null;
        this.host.send(from, { ...proposal, batch: proposal.batch ?? known });
      }
      for (const vote of [slot.prepares.of(this.self), slot.commits.of(this.self)]) {
        if (vote?.view === view) this.host.send(from, vote);
      }
    }
  }
}
