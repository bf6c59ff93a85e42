// The memory of messages that leave in fragments. What is kept for its receivers gives way to what
// is still to be sent; strangers have room of their own, in which the host with most gives way.

import type { Address, Bytes, Sizes } from "../actor.ts";
import type { Clock } from "../driver.ts";
import { EMPTY } from "../wire.ts";
import type { ShareBook } from "./fragment-format.ts";
import { newOutbox, type Outbox, type Outgoing } from "./outgoing.ts";

/** Bytes of messages to hosts of the configuration, and to all others. */
const CONFIGURED_BYTES_MAX = 64 * 1024 * 1024;
const STRANGER_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes of memory that a message needs besides its own. */
const OVERHEAD_BYTES = 512;
/** Bytes of messages kept for a stranger; for how long any is, looked at how often. */
const STRANGER_KEPT_BYTES_MAX = 8 * 1024 * 1024;
const KEPT_MS = 10_000;
const SWEEP_MS = 1000;
/** Bytes a second to a stranger's host, as many of which may leave at once. */
export const STRANGER_RATE = 32 * 1024 * 1024;

export interface OutgoingStoreOptions {
  readonly book: ShareBook;
  readonly clock: Clock;
  readonly firstNumber: number;
  /** Its flows are void. */
  readonly onDrop: (outgoing: Outgoing) => void;
  /** Some were dropped that nobody asked for. */
  readonly onSweep: () => void;
  readonly drop: (reason: string) => void;
}

export class OutgoingStore {
  readonly messages = new Map<number, Outgoing>();
  readonly #options: OutgoingStoreOptions;
  readonly #configured = new Map<number, Outbox>();
  readonly #strangers = new Map<number, Outbox>();
  #configuredBytes = 0;
  #strangerBytes = 0;
  #number: number;
  #sweeping = false;

  constructor(options: OutgoingStoreOptions) {
    this.#options = options;
    this.#number = options.firstNumber;
  }

  get sizes(): Sizes {
    return [
      {
        name: "transport.bytes of large messages",
        size: this.#configuredBytes,
        max: CONFIGURED_BYTES_MAX,
      },
      {
        name: "transport.bytes of large messages to strangers",
        size: this.#strangerBytes,
        max: STRANGER_BYTES_MAX,
      },
    ];
  }

  /** Flows of one host of which not all is sent, at most. */
  get unsent(): number {
    let most = 0;
    for (const outbox of this.#outboxes()) most = Math.max(most, outbox.unsent);
    return most;
  }

  /** Whose turn it is to send to an address. */
  outboxOf(address: Address): Outbox {
    const { book, clock } = this.#options;
    const share = book.shareOf(address);
    const outboxes = share < 0 ? this.#configured : this.#strangers;
    let outbox = outboxes.get(share);
    if (outbox === undefined) {
      outbox = newOutbox(share, STRANGER_RATE, clock.now);
      outboxes.set(share, outbox);
    }
    return outbox;
  }

  /** Takes the message over; null if there is no room. */
  add(source: number, to: readonly Address[], message: Bytes, count: number): Outgoing | null {
    const owner = this.#ownerOf(to);
    const number = this.#number++;
    const { length } = message;
    if (!this.#makeRoom(owner, length + OVERHEAD_BYTES)) return null;
    const sentMs = this.#options.clock.now;
    const outgoing: Outgoing = {
      owner,
      source,
      to,
      number,
      message,
      length,
      count,
      sentMs,
      flows: [],
      undone: 0,
      unsent: 0,
      idle: false,
    };
    this.messages.set(number, outgoing);
    owner.messages.set(number, outgoing);
    this.#hold(owner, length + OVERHEAD_BYTES);
    this.#scheduleSweep();
    return outgoing;
  }

  /** All of it was sent, or something is to be sent again. */
  markIdle(outgoing: Outgoing, idle: boolean): void {
    if (outgoing.idle === idle) return;
    const { owner, length } = outgoing;
    outgoing.idle = idle;
    owner.idle += idle ? 1 : -1;
    owner.idleBytes += idle ? length : -length;
    if (owner.share >= 0 && owner.idleBytes > STRANGER_KEPT_BYTES_MAX) this.#dropIdle(owner);
  }

  /** Forgets a message. */
  drop(outgoing: Outgoing): void {
    const { owner, number, length } = outgoing;
    if (!this.messages.delete(number)) return;
    this.markIdle(outgoing, false);
    owner.messages.delete(number);
    this.#hold(owner, -(length + OVERHEAD_BYTES));
    this.#options.onDrop(outgoing);
    outgoing.message = EMPTY;
  }

  *#outboxes(): Iterable<Outbox> {
    yield* this.#configured.values();
    yield* this.#strangers.values();
  }

  /** Whom a message is charged to: a stranger if any receiver is one. */
  #ownerOf(to: readonly Address[]): Outbox {
    let owner: Outbox | null = null;
    for (const address of to) {
      const outbox = this.outboxOf(address);
      if (outbox.share >= 0) return outbox;
      owner ??= outbox;
    }
    return owner ?? this.outboxOf(0);
  }

  /**
   * Whether there is room for so many bytes more: what is only kept gives way; of strangers' hosts
   * the one with most, with its oldest message, even if that is under way.
   */
  #makeRoom(outbox: Outbox, bytes: number): boolean {
    if (outbox.share < 0) {
      while (this.#configuredBytes + bytes > CONFIGURED_BYTES_MAX) {
        if (!this.#dropKept(outbox)) return false;
      }
      return true;
    }
    while (this.#strangerBytes + bytes > STRANGER_BYTES_MAX) {
      let greatest = outbox;
      for (const other of this.#strangers.values()) {
        if (other.bytes > greatest.bytes) greatest = other;
      }
      if (this.#dropIdle(greatest)) continue;
      const [oldest] = greatest.messages.values();
      if (greatest === outbox || oldest === undefined) return false;
      this.#options.drop("too many large messages");
      this.drop(oldest);
    }
    return true;
  }

  /** Forgets what is only kept for a host of the configuration, its own or another's. */
  #dropKept(outbox: Outbox): boolean {
    if (this.#dropIdle(outbox)) return true;
    for (const other of this.#configured.values()) if (this.#dropIdle(other)) return true;
    return false;
  }

  #hold(outbox: Outbox, bytes: number): void {
    outbox.bytes += bytes;
    if (outbox.share < 0) this.#configuredBytes += bytes;
    else this.#strangerBytes += bytes;
  }

  /** Forgets the oldest message that nothing is under way of; false if there is none. */
  #dropIdle(outbox: Outbox): boolean {
    if (outbox.idle === 0) return false;
    for (const outgoing of outbox.messages.values()) {
      if (!outgoing.idle) continue;
      this.drop(outgoing);
      return true;
    }
    return false;
  }

  /** Forgets messages that their receivers have given up as well, and hosts with none. */
  #scheduleSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const { clock, onSweep } = this.#options;
    clock.after(SWEEP_MS, () => {
      this.#sweeping = false;
      for (const outgoing of this.messages.values()) {
        if (clock.now - outgoing.sentMs < KEPT_MS) break;
        if (outgoing.idle) this.drop(outgoing);
      }
      for (const outboxes of [this.#configured, this.#strangers]) {
        for (const [share, outbox] of outboxes) {
          if (outbox.messages.size === 0 && outbox.unsent === 0 && !outbox.queued)
            outboxes.delete(share);
        }
      }
      onSweep();
      if (this.messages.size > 0) this.#scheduleSweep();
    });
  }
}
