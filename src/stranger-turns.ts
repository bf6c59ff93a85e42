// Whose turn it is among strangers whose messages wait for a check: hosts take turns, whatever
// number of ids they have, and within them senders; a host that sent forgeries comes last of all.

import { DoubtedHosts } from "./base/doubted-hosts.ts";
import { Queue } from "./base/queue.ts";

/** What waits of one sender. */
export interface StrangerQueue {
  /** Its host. */
  readonly source: number;
  readonly waiting: { readonly length: number };
}

interface Host<Q> {
  readonly source: number;
  /** Of which something waits, or is being checked. */
  readonly senders: Set<Q>;
  /** Whose next check may start. */
  readonly ready: Queue<Q>;
  /** It is in the order of turns. */
  listed: boolean;
  messages: number;
  bytes: number;
}

export class StrangerTurns<Q extends StrangerQueue> {
  readonly #hosts = new Map<number, Host<Q>>();
  readonly #order = new Queue<Host<Q>>();
  /** Of hosts that are doubted. */
  readonly #last = new Queue<Host<Q>>();
  readonly #doubts: DoubtedHosts;

  /** From a forgery on a host is doubted until so many checks have held. */
  constructor(doubtedChecks: number) {
    this.#doubts = new DoubtedHosts(doubtedChecks);
  }

  /** Whether it is as it was when it was made, once nothing waits. */
  get asNew(): boolean {
    return this.#doubts.size === 0;
  }

  isDoubted(source: number): boolean {
    return this.#doubts.has(source);
  }

  /** A check of the host has ended. */
  judge(source: number, valid: boolean): void {
    if (valid) this.#doubts.forgive(source);
    else this.#doubts.doubt(source);
  }

  /** A message of the sender waits, or its check begins; of so many bytes. */
  add(queue: Q, bytes: number): void {
    const host = this.#hostOf(queue.source);
    host.senders.add(queue);
    host.messages++;
    host.bytes += bytes;
  }

  /** It does not wait any more. */
  remove({ source }: Q, bytes: number): void {
    const host = this.#hostOf(source);
    host.messages--;
    host.bytes -= bytes;
  }

  /** Nothing of the sender waits, nor is checked. */
  leave(queue: Q): void {
    const host = this.#hosts.get(queue.source);
    host?.senders.delete(queue);
    if (host?.senders.size === 0) this.#hosts.delete(queue.source);
  }

  /** The sender's next check may start when its turn comes. */
  push(queue: Q): void {
    const host = this.#hostOf(queue.source);
    host.senders.add(queue);
    host.ready.push(queue);
    this.#list(host);
  }

  /** Whose check is next. */
  shift(): Q | undefined {
    for (;;) {
      const host = this.#order.shift() ?? this.#last.shift();
      if (host === undefined) return undefined;
      host.listed = false;
      const doubted = this.isDoubted(host.source);
      if (doubted && this.#order.length > 0) {
        this.#list(host);
        continue;
      }
      const queue = host.ready.shift();
      if (host.ready.length > 0) this.#list(host);
      // What waited of it may have given way.
      if (queue !== undefined && queue.waiting.length > 0) return queue;
    }
  }

  /**
   * A sender of the host with most messages, or bytes, of which one is to give way for that host;
   * undefined: no host has more than this one would.
   */
  greatest(source: number, bytes: number, by: "messages" | "bytes"): Q | undefined {
    const own = this.#hosts.get(source);
    let most = by === "messages" ? (own?.messages ?? 0) + 1 : (own?.bytes ?? 0) + bytes;
    let greatest: Host<Q> | undefined;
    for (const host of this.#hosts.values()) {
      if (host[by] <= most) continue;
      greatest = host;
      most = host[by];
    }
    for (const queue of greatest?.senders ?? []) if (queue.waiting.length > 0) return queue;
    return undefined;
  }

  #list(host: Host<Q>): void {
    if (host.listed) return;
    host.listed = true;
    (this.isDoubted(host.source) ? this.#last : this.#order).push(host);
  }

  #hostOf(source: number): Host<Q> {
    let host = this.#hosts.get(source);
    if (host === undefined) {
      const [senders, ready] = [new Set<Q>(), new Queue<Q>()];
      host = { source, senders, ready, listed: false, messages: 0, bytes: 0 };
      this.#hosts.set(source, host);
    }
    return host;
  }
}
