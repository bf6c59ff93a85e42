// The sender of fragments: large messages under way and, for a while, those that their receivers
// may ask for again. A stranger's question is small and the answer may be large, so that answers to
// strangers have room, a rate and turns of their own, behind what goes to the configured hosts.

import type { Address, Bytes, Sizes } from "../actor.ts";
import { giveLarge } from "../base/large-buffers.ts";
import { Queue } from "../base/queue.ts";
import type { Clock } from "../driver.ts";
import type { Reader } from "../wire.ts";
import {
  FRAGMENT,
  FRAGMENT_HEADER,
  TURN,
  type FragmentOptions,
  type FragmentPort,
  type ShareBook,
} from "./fragment-format.ts";

/** The part of what is sent that configured hosts have to themselves while strangers wait. */
const CONFIGURED_PART = 0.75;
/** Bytes of messages to hosts of the configuration, and to all others. */
const CONFIGURED_BYTES_MAX = 64 * 1024 * 1024;
const STRANGER_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes of memory that a message needs besides its own. */
const OVERHEAD_BYTES = 512;
/** Messages kept for requests, bytes of those to a stranger, for how long, looked at how often. */
const KEPT_MAX = 64;
const STRANGER_KEPT_BYTES_MAX = 4 * 1024 * 1024;
const KEPT_MS = 2000;
const SWEEP_MS = 1000;
/** Messages under way to receivers, and to one stranger; beyond, the newest is dropped. */
const JOBS_MAX = 1024;
const STRANGER_JOBS_MAX = 2;
/**
 * What one receiver may ask for of a message at once, and in each second after that: so many times
 * all its fragments, and some more.
 */
const RESENDS = 2;
const RESENDS_MIN = 8;
/** Bytes a second to a stranger's host, as many of which may leave at once. */
const STRANGER_RATE = 32 * 1024 * 1024;
/**
 * Bytes up to which a message to a stranger leaves its host's rate alone, because what earned it,
 * an operation that was ordered and executed, took longer than a few packets do. Parts that are
 * asked for again were not earned, and count.
 */
const UNCHARGED_BYTES = 16 * 1024;
/** How soon hosts that have used up their rate are looked at again. */
const RATE_DELAY_MS = 2;

/** A message that was sent. */
interface Outgoing {
  readonly owner: Outbox;
  readonly source: number;
  readonly to: readonly Address[];
  readonly number: number;
  readonly message: Bytes;
  readonly sentMs: number;
  /** To whom something is under way, in how many jobs. */
  readonly jobs: Map<Address, number>;
  /** Of these, those that send all of it. */
  readonly whole: Map<Address, Job>;
  /** Fragments that each receiver has asked for lately. */
  readonly resent: Map<Address, Resent>;
  /** Whether it is only kept, for requests. */
  idle: boolean;
  /** Whether it was given up: its jobs are void. */
  dropped: boolean;
}

/** Falls by what may be asked for in a second. */
interface Resent {
  fragments: number;
  countedMs: number;
}

interface Job {
  readonly outgoing: Outgoing;
  readonly to: Address;
  /** Fragment indexes to send, or null for all. */
  readonly indexes: readonly number[] | null;
  next: number;
}

/** What goes to the configured hosts, or to one stranger's host. */
interface Outbox {
  readonly share: number;
  bytes: number;
  readonly messages: Map<number, Outgoing>;
  /** How many of them have no job. */
  idle: number;
  idleBytes: number;
  readonly jobs: Queue<Job>;
  /** Jobs of each address. */
  readonly waiting: Map<Address, number>;
  /** Whether it is in the rotation. */
  queued: boolean;
  /** Bytes that may leave, and when they were counted. */
  tokens: number;
  countedMs: number;
}

const CONFIGURED = -1;

export class FragmentSender {
  readonly #port: FragmentPort;
  readonly #book: ShareBook;
  readonly #clock: Clock;
  readonly #replicas: number;
  readonly #group: Address | null;
  #number: number;
  readonly #messages = new Map<number, Outgoing>();
  readonly #configured: Outbox;
  readonly #strangers = new Map<number, Outbox>();
  #strangerBytes = 0;
  /** Strangers' hosts with jobs, in the order of their turns. */
  readonly #rotation = new Queue<Outbox>();
  #sweeping = false;
  #waking = false;

  constructor({ port, book, clock, replicas, group, firstNumber }: FragmentOptions) {
    this.#port = port;
    this.#book = book;
    this.#clock = clock;
    this.#replicas = replicas;
    this.#group = group;
    this.#number = firstNumber;
    this.#configured = this.#newOutbox(CONFIGURED);
  }

  get sizes(): Sizes {
    let jobs = this.#configured.jobs.length;
    for (const outbox of this.#strangers.values()) jobs = Math.max(jobs, outbox.jobs.length);
    const { bytes } = this.#configured;
    return [
      { name: "transport.bytes of large messages", size: bytes, max: CONFIGURED_BYTES_MAX },
      {
        name: "transport.bytes of large messages to strangers",
        size: this.#strangerBytes,
        max: STRANGER_BYTES_MAX,
      },
      { name: "transport.large messages under way", size: jobs, max: JOBS_MAX },
    ];
  }

  /** Takes the message over; `pump` sends it. */
  transmit(source: number, receivers: readonly Address[], message: Bytes): void {
    const to = this.#apart(receivers);
    const owner = this.#outboxOfAll(to);
    const number = this.#number++;
    if (!this.#makeRoom(owner, message.length + OVERHEAD_BYTES)) {
      this.#port.drop("too many large messages");
      return;
    }
    const outgoing: Outgoing = {
      owner,
      source,
      to,
      number,
      message,
      sentMs: this.#clock.now,
      jobs: new Map(),
      whole: new Map(),
      resent: new Map(),
      idle: false,
      dropped: false,
    };
    this.#messages.set(number, outgoing);
    owner.messages.set(number, outgoing);
    this.#hold(owner, message.length + OVERHEAD_BYTES);
    for (const address of to) {
      const job = { outgoing, to: address, indexes: null, next: 0 };
      if (this.#enqueue(job)) outgoing.whole.set(address, job);
    }
    if (outgoing.jobs.size === 0) this.#drop(outgoing);
    this.#scheduleSweep();
  }

  /**
   * The members of the group one by one while it may not be sent to: one that does not welcome this
   * host, or not for long, would hold up what is for the others.
   */
  #apart(to: readonly Address[]): readonly Address[] {
    const group = this.#group;
    if (group === null || !to.includes(group) || this.#port.mayLeave(group)) return to;
    return Array.from({ length: this.#replicas }, (_, replica) => replica);
  }

  /** Sends at most `budget` packets, those to configured hosts first; returns how many. */
  pump(budget: number): number {
    const { jobs } = this.#configured;
    if (jobs.length === 0 && this.#rotation.length === 0) return 0;
    const first = this.#rotation.length === 0 ? budget : Math.ceil(budget * CONFIGURED_PART);
    let sent = 0;
    let held = 0;
    while (sent < first && jobs.length > held) {
      const to = jobs.peek()?.to ?? 0;
      if (this.#port.mayLeave(to)) {
        sent += this.#turn(this.#configured, first - sent);
        held = 0;
        continue;
      }
      const job = jobs.shift();
      if (job !== undefined) jobs.push(job);
      held++;
    }
    return sent + this.#pumpStrangers(budget - sent);
  }

  /** The rest of a request, behind its number. */
  onRequest(from: Address, number: number, input: Reader): void {
    const outgoing = this.#messages.get(number);
    const bitmap = input.bytes(input.remaining);
    if (outgoing === undefined || !this.#wasSent(outgoing.to, from)) {
      this.#port.drop("unknown fragments requested");
      return;
    }
    const { jobs, whole, message } = outgoing;
    const count = Math.ceil(message.length / this.#chunk);
    const asked: number[] = [];
    for (const [at, byte] of bitmap.entries()) {
      for (let bit = 0; bit < 8; bit++) {
        if ((byte & (1 << bit)) !== 0 && at * 8 + bit < count) asked.push(at * 8 + bit);
      }
    }
    if (asked.length === 0) return;
    const first = whole.get(from) ?? (this.#group === null ? undefined : whole.get(this.#group));
    const indexes = first === undefined ? asked : asked.filter((index) => index < first.next);
    if (indexes.length === 0 || (jobs.get(from) ?? 0) > (whole.has(from) ? 1 : 0)) {
      this.#port.drop("fragments requested that are under way");
      return;
    }
    if (!this.#mayAsk(outgoing, from, indexes.length, RESENDS * count + RESENDS_MIN)) {
      this.#port.drop("fragments requested too often");
      return;
    }
    this.#enqueue({ outgoing, to: from, indexes, next: 0 });
  }

  /** Whether this receiver may ask for so many fragments; charges it for them. */
  #mayAsk({ resent }: Outgoing, from: Address, fragments: number, max: number): boolean {
    const { now } = this.#clock;
    let charged = resent.get(from);
    if (charged === undefined) {
      charged = { fragments: 0, countedMs: now };
      resent.set(from, charged);
    }
    const forgiven = ((now - charged.countedMs) * max) / 1000;
    charged.fragments = Math.max(0, charged.fragments - forgiven);
    charged.countedMs = now;
    if (charged.fragments + fragments > max) return false;
    charged.fragments += fragments;
    return true;
  }

  /** Bytes of a message in a fragment. */
  get #chunk(): number {
    return this.#port.payloadMax() - FRAGMENT_HEADER;
  }

  #newOutbox(share: number): Outbox {
    return {
      share,
      bytes: 0,
      messages: new Map(),
      idle: 0,
      idleBytes: 0,
      jobs: new Queue(),
      waiting: new Map(),
      queued: false,
      tokens: STRANGER_RATE,
      countedMs: this.#clock.now,
    };
  }

  #outboxOf(address: Address): Outbox {
    const share = this.#book.shareOf(address);
    if (share < 0) return this.#configured;
    let outbox = this.#strangers.get(share);
    if (outbox === undefined) {
      outbox = this.#newOutbox(share);
      this.#strangers.set(share, outbox);
    }
    return outbox;
  }

  /** Whom a message is charged to: a stranger if any receiver is one. */
  #outboxOfAll(to: readonly Address[]): Outbox {
    for (const address of to) {
      const outbox = this.#outboxOf(address);
      if (outbox !== this.#configured) return outbox;
    }
    return this.#configured;
  }

  /**
   * Whether there is room for so many bytes more: what is only kept gives way; of strangers' hosts
   * the one with most, with its oldest message, even if that is under way.
   */
  #makeRoom(outbox: Outbox, bytes: number): boolean {
    if (outbox === this.#configured) {
      while (outbox.bytes + bytes > CONFIGURED_BYTES_MAX) {
        if (!this.#dropIdle(outbox)) return false;
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
      this.#port.drop("too many large messages");
      this.#drop(oldest);
    }
    return true;
  }

  #hold(outbox: Outbox, bytes: number): void {
    outbox.bytes += bytes;
    if (outbox !== this.#configured) this.#strangerBytes += bytes;
  }

  /** Forgets the oldest message that nothing is under way of; false if there is none. */
  #dropIdle(outbox: Outbox): boolean {
    if (outbox.idle === 0) return false;
    for (const outgoing of outbox.messages.values()) {
      if (!outgoing.idle) continue;
      this.#drop(outgoing);
      return true;
    }
    return false;
  }

  #markIdle(outgoing: Outgoing, idle: boolean): void {
    if (outgoing.idle === idle) return;
    outgoing.idle = idle;
    outgoing.owner.idle += idle ? 1 : -1;
    outgoing.owner.idleBytes += idle ? outgoing.message.length : -outgoing.message.length;
  }

  #drop(outgoing: Outgoing): void {
    const { owner, number, message } = outgoing;
    this.#markIdle(outgoing, false);
    outgoing.dropped = true;
    this.#messages.delete(number);
    owner.messages.delete(number);
    this.#hold(owner, -(message.length + OVERHEAD_BYTES));
    giveLarge(message);
  }

  /** Whether it may be sent. */
  #enqueue(job: Job): boolean {
    const { outgoing, to } = job;
    const outbox = this.#outboxOf(to);
    const stranger = outbox !== this.#configured;
    const waiting = outbox.waiting.get(to) ?? 0;
    if (stranger && waiting >= STRANGER_JOBS_MAX) {
      this.#port.drop("large messages to a stranger are under way");
      return false;
    }
    if (outbox.jobs.length >= JOBS_MAX) {
      this.#port.drop("too many large messages");
      return false;
    }
    this.#markIdle(outgoing, false);
    outgoing.jobs.set(to, (outgoing.jobs.get(to) ?? 0) + 1);
    outbox.waiting.set(to, waiting + 1);
    outbox.jobs.push(job);
    if (stranger && !outbox.queued) {
      outbox.queued = true;
      this.#rotation.push(outbox);
    }
    return true;
  }

  /** A job is done, or void. */
  #finish(outbox: Outbox, job: Job): void {
    const { outgoing, to, indexes } = job;
    lower(outbox.waiting, to);
    lower(outgoing.jobs, to);
    if (indexes === null) outgoing.whole.delete(to);
    if (outgoing.jobs.size > 0 || outgoing.dropped) return;
    const { owner } = outgoing;
    this.#markIdle(outgoing, true);
    const bytesMax = owner === this.#configured ? CONFIGURED_BYTES_MAX : STRANGER_KEPT_BYTES_MAX;
    if (owner.idle > KEPT_MAX || owner.idleBytes > bytesMax) this.#dropIdle(owner);
  }

  /** Sends some fragments of an outbox's next job; returns how many. */
  #turn(outbox: Outbox, budget: number): number {
    const job = outbox.jobs.shift();
    if (job === undefined) return 0;
    const { outgoing, indexes } = job;
    const chunk = this.#chunk;
    const count = Math.ceil(outgoing.message.length / chunk);
    const end = outgoing.dropped ? 0 : (indexes?.length ?? count);
    let sent = 0;
    while (sent < TURN && sent < budget && job.next < end) {
      const at = job.next++;
      this.#sendFragment(job, indexes === null ? at : (indexes[at] ?? 0), count, chunk);
      sent++;
    }
    if (job.next < end) outbox.jobs.push(job);
    else this.#finish(outbox, job);
    return sent;
  }

  #pumpStrangers(budget: number): number {
    let sent = 0;
    let skipped = 0;
    while (sent < budget && this.#rotation.length > skipped) {
      const outbox = this.#rotation.shift();
      if (outbox === undefined) break;
      const charged = isCharged(outbox.jobs.peek());
      if (!charged || this.#mayLeave(outbox)) {
        const some = this.#turn(outbox, budget - sent);
        if (charged) outbox.tokens -= some * this.#port.payloadMax();
        sent += some;
        skipped = 0;
      } else skipped++;
      if (outbox.jobs.length > 0) this.#rotation.push(outbox);
      else outbox.queued = false;
    }
    if (skipped > 0) this.#scheduleWake();
    return sent;
  }

  /** Whether the outbox has not used up its rate. */
  #mayLeave(outbox: Outbox): boolean {
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

  #sendFragment({ outgoing, to }: Job, index: number, count: number, chunk: number): void {
    const { source, number, message } = outgoing;
    const out = this.#port.beginPacket();
    out.u8(FRAGMENT);
    out.u53(number);
    out.u16(index);
    out.u16(count);
    out.u32(message.length);
    out.range(message, index * chunk, Math.min((index + 1) * chunk, message.length));
    this.#port.sendPart(source, to);
  }

  /** Whoever was not sent a message has nothing to ask for. */
  #wasSent(to: readonly Address[], from: Address): boolean {
    if (to.includes(from)) return true;
    const group = this.#group;
    return group !== null && from > group && from <= group + this.#replicas && to.includes(group);
  }

  /** Forgets messages that their receivers have given up as well, and hosts with none. */
  #scheduleSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.after(SWEEP_MS, () => {
      this.#sweeping = false;
      for (const outgoing of this.#messages.values()) {
        if (this.#clock.now - outgoing.sentMs < KEPT_MS) break;
        if (outgoing.idle) this.#drop(outgoing);
      }
      for (const [share, outbox] of this.#strangers) {
        if (outbox.messages.size === 0 && !outbox.queued) this.#strangers.delete(share);
      }
      if (this.#messages.size > 0) this.#scheduleSweep();
    });
  }
}

function isCharged(job: Job | undefined): boolean {
  if (job === undefined) return false;
  return job.indexes !== null || job.outgoing.message.length > UNCHARGED_BYTES;
}

/** Counts one less, and forgets what is zero. */
function lower(counts: Map<Address, number>, address: Address): void {
  const count = (counts.get(address) ?? 0) - 1;
  if (count > 0) counts.set(address, count);
  else counts.delete(address);
}
