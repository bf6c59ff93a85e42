// Whose turn it is to have fragments sent: hosts of the configuration, then strangers' hosts, which
// have a rate each.

import { Queue } from "../base/queue.ts";
import type { Clock } from "../driver.ts";
import type { FragmentPort } from "./fragment-format.ts";
import { STRANGER_RATE } from "./outgoing-store.ts";
import type { Outbox } from "./outgoing.ts";

/** Fragments that one host takes its turn with, before the next one's turn. */
const TURN = 8;
/** The part of what is sent that configured hosts have to themselves while strangers wait. */
const CONFIGURED_PART = 0.75;
/** How soon hosts that have used up their rate are looked at again. */
const RATE_DELAY_MS = 2;

export class Rotation {
  readonly #port: FragmentPort;
  readonly #clock: Clock;
  /** Sends at most so many fragments of a host's; returns how many. */
  readonly #send: (outbox: Outbox, budget: number) => number;
  readonly #configured = new Queue<Outbox>();
  readonly #strangers = new Queue<Outbox>();
  #waking = false;

  constructor(port: FragmentPort, clock: Clock, send: (outbox: Outbox, budget: number) => number) {
    this.#port = port;
    this.#clock = clock;
    this.#send = send;
  }

  /** A host has something that may be sent. */
  add(outbox: Outbox): void {
    if (outbox.queued) return;
    outbox.queued = true;
    (outbox.share < 0 ? this.#configured : this.#strangers).push(outbox);
  }

  /** Sends at most `budget` packets, those to configured hosts first; returns how many. */
  pump(budget: number): number {
    if (this.#configured.length === 0 && this.#strangers.length === 0) return 0;
    const shared = this.#strangers.length > 0;
    const first = shared ? Math.ceil(budget * CONFIGURED_PART) : budget;
    const sent = this.#pump(this.#configured, first, false);
    return sent + this.#pump(this.#strangers, budget - sent, true);
  }

  #pump(outboxes: Queue<Outbox>, budget: number, limited: boolean): number {
    let sent = 0;
    let skipped = 0;
    while (sent < budget && outboxes.length > skipped) {
      const outbox = outboxes.shift();
      if (outbox === undefined) break;
      const mayLeave = !limited || this.#earn(outbox);
      const some = mayLeave ? this.#send(outbox, Math.min(TURN, budget - sent)) : 0;
      if (limited) outbox.tokens -= some * this.#port.payloadMax();
      if (!mayLeave) this.#scheduleWake();
      sent += some;
      outbox.queued = outbox.ready.length > 0;
      if (outbox.queued) outboxes.push(outbox);
      if (some > 0) skipped = 0;
      else if (outbox.queued) skipped++;
    }
    return sent;
  }

  /** Whether the host has not used up its rate. */
  #earn(outbox: Outbox): boolean {
    const { now } = this.#clock;
    const earned = ((now - outbox.countedMs) * STRANGER_RATE) / 1000;
    outbox.tokens = Math.min(STRANGER_RATE, outbox.tokens + earned);
    outbox.countedMs = now;
    return outbox.tokens > 0;
  }

  #scheduleWake(): void {
    if (this.#waking) return;
    this.#waking = true;
    this.#clock.after(RATE_DELAY_MS, () => {
      this.#waking = false;
      this.#port.pump();
    });
  }
}
