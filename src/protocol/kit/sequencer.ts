// The sequencer of an ordered network (Li et al., "Just Say NO to Paxos Overhead", OSDI '16,
// section 3.3): it gives every message a place in one order, and keeps nothing of it.

import type { Address, Host, RoleActor, RoleCensus, RoleFactory } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { TIMER_SLACK_MS } from "./backoff.ts";
import { makeBatch, REQUEST_OVERHEAD, type Batch } from "./batch.ts";
import { Batcher } from "./batcher.ts";
import { ENTRY_BYTES, PENDING_BYTES_MAX, PENDING_MAX, type PendingRequest } from "./pending.ts";
import { isOpen, type Request } from "./request.ts";
import {
  STAMPED_BYTES_MAX,
  STAMPED_REQUESTS_MAX,
  stampedBytes,
  type OpenSessionMessage,
  type SequencedMessage,
  type SequencingMessage,
} from "./sequencing-messages.ts";

type Timer = "hello" | "flush";
type SequencerHost = Host<SequencingMessage, Timer>;

/** The role of sequencers: a line `role sequencer ADDRESS` of the configuration each. */
export const SEQUENCER = "sequencer";
/** Most sequencers of a cluster. */
export const SEQUENCERS_MAX = 8;

/** Bits of an incarnation. */
export const INCARNATION_BITS = 48;
/** How often a closed sequencer says that it is there, in view timeouts. */
const HELLO_PERIOD = 1 / 4;
/**
 * A sequencer does not know how many requests clients have under way, so that only a full batch, or
 * the flush delay, has one leave.
 */
const UNKNOWN = { size: Infinity, operations: Infinity };

/** The addresses of a cluster's sequencers, in their order; none of protocols without. */
export function sequencersOf({ roles }: ProtocolConfig): readonly Address[] {
  return roles?.get(SEQUENCER) ?? [];
}

/** For `roles` of a protocol over an ordered network. */
export const sequencer: RoleFactory<SequencingMessage, Timer> = (_index, config, host) =>
  new Sequencer(config, host);

/**
 * Stamps what clients send once a replica has opened a session, and is closed again when it starts
 * anew: nobody can tell then which numbers it gave away.
 */
export class Sequencer implements RoleActor<SequencingMessage, Timer> {
  readonly #host: SequencerHost;
  readonly #config: ProtocolConfig;
  readonly #batcher: Batcher;
  readonly #incarnation: number;
  readonly #batchMax: number;
  readonly #helloMs: number;
  /** Null: closed. */
  #session: number | null = null;
  /** Of the last stamp of the session. */
  #number = 0;
  #queuedBytes = 0;

  constructor(config: ProtocolConfig, host: SequencerHost) {
    this.#host = host;
    this.#config = config;
    const batchMax = Math.min(config.batchMax, STAMPED_REQUESTS_MAX);
    const batchBytesMax = Math.min(config.batchBytesMax, STAMPED_BYTES_MAX);
    this.#batcher = new Batcher({ ...config, batchMax, batchBytesMax, adaptive: false });
    this.#batchMax = batchMax;
    this.#incarnation = host.random(2 ** INCARNATION_BITS);
    this.#helloMs = HELLO_PERIOD * config.viewTimeoutMs;
    host.setTimer("hello", 0);
  }

  receive(from: Address, message: SequencingMessage): void {
    switch (message.kind) {
      case "sequenced":
        return this.#onSequenced(from, message);
      case "probe":
        return this.#onProbe(from);
      case "openSession":
        return this.#onOpenSession(from, message);
      default:
        return this.#host.drop("not admitted: not for a sequencer");
    }
  }

  timeout(timer: Timer): void {
    if (timer === "flush") return this.#flush();
    if (this.#session !== null) return;
    this.#host.send("all", { kind: "sequencerHello", incarnation: this.#incarnation });
    this.#host.setTimer("hello", this.#helloMs);
  }

  census(): RoleCensus {
    const queued = this.#batcher.length;
    return {
      serves: this.#session !== null,
      sizes: [
        { name: "sequencer.queued", size: queued, max: PENDING_MAX },
        { name: "sequencer.queued bytes", size: this.#queuedBytes, max: PENDING_BYTES_MAX },
      ],
    };
  }

  #onSequenced(from: Address, { batch, reference }: SequencedMessage): void {
    if (this.#session === null) {
      return this.#host.drop("not admitted: the sequencer is closed");
    }
    const replica = from < this.#config.n;
    for (const [i, request] of batch.requests.entries()) {
      // A replica says whose request it passes on, a client sends its own.
      const client = replica ? (batch.clients.at(i) ?? from) : from;
      const told = replica ? (request.source ?? 0) : 0;
      const source = told === 0 ? this.#host.sourceOf(client) : told;
      this.#take(isOpen(request) ? { ...request, source } : request, client, reference);
    }
    this.#flushOrWait();
  }

  #take(request: Request, client: Address, reference: boolean): void {
    const { now } = this.#host;
    // The batch of a reference has nothing else: the mark is the message's.
    if (reference) return this.#stamp(makeBatch([request], [client]), true);
    // What a batch counts it as (batchBytesOf) is what the message has of it.
    const bytes = ENTRY_BYTES + stampedBytes(request) - REQUEST_OVERHEAD;
    if (this.#batcher.length >= PENDING_MAX || this.#queuedBytes + bytes > PENDING_BYTES_MAX) {
      return this.#host.drop("not admitted: the sequencer's queue is full");
    }
    this.#queuedBytes += bytes;
    this.#batcher.push(entryOf(request, client, bytes, now), now);
  }

  /**
   * Has full batches leave, and the rest when it is due; with `adaptive` once nothing else comes
   * in.
   */
  #flushOrWait(): void {
    const { adaptive } = this.#config;
    if (!adaptive || this.#batcher.length >= this.#batchMax) this.#flush();
    if (adaptive && this.#batcher.length > 0) this.#host.setTimer("flush", 0);
  }

  #flush(): void {
    const { now } = this.#host;
    const { adaptive } = this.#config;
    for (;;) {
      const dueMs = this.#batcher.dueMs(now, UNKNOWN);
      if (dueMs === Infinity) return;
      if (!adaptive && dueMs - now > TIMER_SLACK_MS) {
        return this.#host.setTimer("flush", dueMs - now);
      }
      const taken = this.#batcher.take(now);
      if (taken.length === 0) return;
      for (const { bytes } of taken) this.#queuedBytes -= bytes;
      const requests = taken.map(({ request }) => request);
      this.#stamp(
        makeBatch(
          requests,
          taken.map(({ client }) => client),
        ),
        false,
      );
    }
  }

  #stamp(batch: Batch, reference: boolean): void {
    const session = this.#session;
    if (session === null) return;
    const stamp = { session, incarnation: this.#incarnation, number: this.nextNumber() };
    this.#host.send("all", { kind: "sequenced", stamp, reference, batch });
  }

  /** That of the next stamp. */
  protected nextNumber(): number {
    return ++this.#number;
  }

  #onProbe(from: Address): void {
    if (from >= this.#config.n) return this.#host.drop("not admitted: not from a replica");
    const [incarnation, session, number] = [this.#incarnation, this.#session, this.#number];
    this.#host.send(from, { kind: "alive", incarnation, session, number });
  }

  #onOpenSession(from: Address, { session, incarnation }: OpenSessionMessage): void {
    if (from >= this.#config.n) return this.#host.drop("not admitted: not from a replica");
    if (!this.isOwn(incarnation)) {
      coverageMark("sequencer: refuses to open for an earlier life");
      return this.#host.drop("not admitted: to open another life of the sequencer");
    }
    if (this.#session !== null && session < this.#session) {
      return this.#host.drop("not admitted: to open an earlier session");
    }
    if (this.#session === null || session > this.#session) {
      this.#session = session;
      this.#number = 0;
    }
    const first = this.#number + 1;
    this.#host.send(from, {
      kind: "sessionOpened",
      session,
      incarnation: this.#incarnation,
      first,
    });
  }

  /** Whether an OPEN means this life. */
  protected isOwn(incarnation: number): boolean {
    return incarnation === this.#incarnation;
  }
}

function entryOf(request: Request, client: Address, bytes: number, nowMs: number): PendingRequest {
  return {
    ...{ request, client, sinceMs: nowMs, queuedMs: nowMs, done: false, relayedMs: -Infinity },
    ...{ source: "client", holder: 0, bytes },
  };
}
