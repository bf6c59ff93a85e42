// Messages larger than a packet: cut into fragments by the sender, put together by the receiver,
// which asks for what is missing (all-or-nothing fragments cannot live with loss: 1 MiB is 724
// packets).
//
// A fragment:  0 | number (8) | index (2) | count (2) | length (4) | data
// A request:   1 | number (8) | bitmap of missing indexes
// All fragments of a message but the last fill a packet; numbers rise with each message.

import type { Address, Bytes } from "../actor.ts";
import type { Clock } from "../driver.ts";
import { Queue } from "../base/queue.ts";
import { EMPTY, MESSAGE_MAX, Reader, type AddressBook, type Writer } from "../wire.ts";

const FRAGMENT_HEADER = 1 + 8 + 2 + 2 + 4;
/** Fragments that one message takes its turn with, before the next one's turn. */
const TURN = 8;
/** Large messages that a sender keeps for requests, and the most bytes of them. */
const KEPT_MAX = 64;
const KEPT_BYTES_MAX = 64 * 1024 * 1024;
/** Messages under way to receivers; beyond, the newest is dropped. */
const JOBS_MAX = 1024;
/** Incomplete messages of one sender; beyond, the oldest is dropped. */
const ASSEMBLIES_MAX = 4;
/** Senders remembered, with the numbers that each completed last. */
const SENDERS_MAX = 1024;
const COMPLETED_MAX = 64;
/** Memory held for incomplete messages from addresses that are not replicas, in bytes. */
const STRANGER_BYTES_MAX = 64 * 1024 * 1024;
/** Memory held for a fragment that is missing. */
const PART_BYTES = 8;
/** A request follows when nothing came for this long; the delay doubles each time. */
const REQUEST_DELAY_MS = 20;
const REQUESTS_MAX = 8;

/** What Fragments needs of its transport. */
export interface FragmentPort {
  /** Largest payload of a packet. */
  payloadMax(): number;
  /** The next outgoing packet's payload. */
  beginPacket(): Writer;
  /** Sends what was begun as a part of a message. */
  sendPart(source: number, to: Address): void;
  /** A message is complete. */
  deliver(destination: number, from: Address, input: Reader): void;
  drop(reason: string): void;
}

interface Kept {
  readonly source: number;
  readonly to: readonly Address[];
  readonly message: Bytes;
}

interface Job {
  readonly source: number;
  readonly to: Address;
  readonly number: number;
  readonly message: Bytes;
  /** Fragment indexes to send, or null for all. */
  readonly indexes: readonly number[] | null;
  next: number;
}

interface Assembly {
  readonly from: Address;
  readonly number: number;
  readonly destination: number;
  readonly length: number;
  readonly parts: (Bytes | null)[];
  missing: number;
  /** Bytes of memory. */
  held: number;
  heardMs: number;
  requests: number;
}

interface Sender {
  readonly assemblies: Map<number, Assembly>;
  /** A ring of the numbers completed last. */
  readonly completed: number[];
  completedAt: number;
}

export class Fragments {
  readonly #port: FragmentPort;
  readonly #clock: Clock;
  readonly #replicas: number;
  readonly #group: Address | null;
  readonly #jobs = new Queue<Job>();
  readonly #kept = new Map<number, Kept>();
  #keptBytes = 0;
  #number: number;
  readonly #senders = new Map<Address, Sender>();
  #strangerBytes = 0;
  #checking = false;
  /** Where messages are put together: as large as the largest so far, a power of two. */
  #assembled: Bytes = EMPTY;
  #reader: Reader;
  readonly #book: AddressBook;

  /**
   * Numbers begin at `firstNumber`, so that a restarted sender is not taken for its former self.
   * Behind the group's address come those from which its members, the replicas, ask for what was
   * sent to it.
   */
  constructor(
    port: FragmentPort,
    book: AddressBook,
    clock: Clock,
    replicas: number,
    group: Address | null,
    firstNumber: number,
  ) {
    this.#port = port;
    this.#book = book;
    this.#reader = new Reader(EMPTY, book);
    this.#clock = clock;
    this.#replicas = replicas;
    this.#group = group;
    this.#number = firstNumber;
  }

  /** Takes the message over; `pump` sends it. */
  transmit(source: number, to: readonly Address[], message: Bytes): void {
    const number = this.#number++;
    this.#kept.set(number, { source, to, message });
    this.#keptBytes += message.length;
    for (const [oldest, kept] of this.#kept) {
      if (this.#kept.size <= KEPT_MAX && this.#keptBytes <= KEPT_BYTES_MAX) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= kept.message.length;
    }
    for (const address of to) {
      this.#enqueue({ source, to: address, number, message, indexes: null, next: 0 });
    }
  }

  /** Sends at most `budget` packets; returns how many. */
  pump(budget: number): number {
    let sent = 0;
    while (sent < budget) {
      const job = this.#jobs.shift();
      if (job === undefined) break;
      const chunk = this.#port.payloadMax() - FRAGMENT_HEADER;
      const count = Math.ceil(job.message.length / chunk);
      const end = job.indexes === null ? count : job.indexes.length;
      for (let turn = 0; turn < TURN && sent < budget && job.next < end; turn++) {
        const at = job.next++;
        this.#sendFragment(job, job.indexes === null ? at : (job.indexes[at] ?? 0), count, chunk);
        sent++;
      }
      if (job.next < end) this.#jobs.push(job);
    }
    return sent;
  }

  /** A packet that is part of a message, or asks for one. */
  receive(destination: number, from: Address, input: Reader): void {
    const kind = input.u8();
    const number = input.u53();
    if (kind === 0) this.#onFragment(destination, from, number, input);
    else if (kind === 1) this.#onRequest(from, number, input);
    else this.#port.drop("malformed fragment");
  }

  #enqueue(job: Job): void {
    if (this.#jobs.length >= JOBS_MAX) this.#port.drop("too many large messages");
    else this.#jobs.push(job);
  }

  #sendFragment(job: Job, index: number, count: number, chunk: number): void {
    const out = this.#port.beginPacket();
    out.u8(0);
    out.u53(job.number);
    out.u16(index);
    out.u16(count);
    out.u32(job.message.length);
    out.bytes(job.message.subarray(index * chunk, (index + 1) * chunk));
    this.#port.sendPart(job.source, job.to);
  }

  #onRequest(from: Address, number: number, input: Reader): void {
    const kept = this.#kept.get(number);
    const bitmap = input.bytes(input.remaining);
    if (kept === undefined || !this.#wasSent(kept.to, from)) {
      this.#port.drop("unknown fragments requested");
      return;
    }
    const chunk = this.#port.payloadMax() - FRAGMENT_HEADER;
    const count = Math.ceil(kept.message.length / chunk);
    const indexes: number[] = [];
    for (const [at, byte] of bitmap.entries()) {
      for (let bit = 0; bit < 8; bit++) {
        if ((byte & (1 << bit)) !== 0 && at * 8 + bit < count) indexes.push(at * 8 + bit);
      }
    }
    const { source, message } = kept;
    this.#enqueue({ source, to: from, number, message, indexes, next: 0 });
  }

  /** Whoever was not sent a message has nothing to ask for. */
  #wasSent(to: readonly Address[], from: Address): boolean {
    if (to.includes(from)) return true;
    const group = this.#group;
    return group !== null && from > group && from <= group + this.#replicas && to.includes(group);
  }

  #onFragment(destination: number, from: Address, number: number, input: Reader): void {
    const index = input.u16();
    const count = input.u16();
    const length = input.u32();
    const size = input.remaining;
    const chunk = this.#port.payloadMax() - FRAGMENT_HEADER;
    const expected = index + 1 < count ? chunk : length - chunk * (count - 1);
    if (
      !input.ok ||
      count < 2 ||
      index >= count ||
      length > MESSAGE_MAX ||
      count !== Math.ceil(length / chunk) ||
      size !== expected
    ) {
      this.#port.drop("malformed fragment");
      return;
    }
    const sender = this.#sender(from);
    if (sender.completed.includes(number)) return;
    let assembly = sender.assemblies.get(number);
    if (assembly === undefined) {
      if (!this.#mayHold(from, PART_BYTES * count)) return;
      assembly = this.#open(sender, { from, number, destination, length, count });
    }
    const { parts } = assembly;
    if (assembly.length !== length || assembly.destination !== destination) {
      this.#port.drop("malformed fragment");
      return;
    }
    if (parts[index] !== null || !this.#mayHold(from, size)) return;
    parts[index] = input.bytes(size);
    this.#hold(assembly, size);
    assembly.missing--;
    assembly.heardMs = this.#clock.now;
    assembly.requests = 0;
    if (assembly.missing === 0) this.#complete(sender, assembly);
  }

  /** Whether there is room for so many bytes more of this sender's; counted if there is not. */
  #mayHold(from: Address, bytes: number): boolean {
    if (from < this.#replicas || this.#strangerBytes + bytes <= STRANGER_BYTES_MAX) return true;
    this.#port.drop("too many fragments");
    return false;
  }

  #hold(assembly: Assembly, bytes: number): void {
    assembly.held += bytes;
    if (assembly.from >= this.#replicas) this.#strangerBytes += bytes;
  }

  #sender(from: Address): Sender {
    let sender = this.#senders.get(from);
    if (sender === undefined) {
      sender = { assemblies: new Map(), completed: [], completedAt: 0 };
      this.#senders.set(from, sender);
      const oldest = this.#senders.size > SENDERS_MAX ? this.#oldestStranger() : undefined;
      if (oldest !== undefined) {
        for (const assembly of this.#senders.get(oldest)?.assemblies.values() ?? []) {
          this.#abandon(assembly);
        }
        this.#senders.delete(oldest);
      }
    }
    return sender;
  }

  #oldestStranger(): Address | undefined {
    for (const address of this.#senders.keys()) if (address >= this.#replicas) return address;
    return undefined;
  }

  #open(
    sender: Sender,
    of: { from: Address; number: number; destination: number; length: number; count: number },
  ): Assembly {
    if (sender.assemblies.size >= ASSEMBLIES_MAX) {
      const [oldest] = sender.assemblies.values();
      if (oldest !== undefined) this.#abandon(oldest);
    }
    const { from, number, destination, length, count } = of;
    const parts = new Array<Bytes | null>(count).fill(null);
    const heardMs = this.#clock.now;
    const assembly: Assembly = {
      from,
      number,
      destination,
      length,
      parts,
      missing: count,
      held: 0,
      heardMs,
      requests: 0,
    };
    this.#hold(assembly, PART_BYTES * count);
    sender.assemblies.set(number, assembly);
    this.#scheduleCheck();
    return assembly;
  }

  #abandon(assembly: Assembly): void {
    this.#close(assembly);
    this.#port.drop("incomplete message");
  }

  #close(assembly: Assembly): void {
    this.#hold(assembly, -assembly.held);
    this.#senders.get(assembly.from)?.assemblies.delete(assembly.number);
  }

  #complete(sender: Sender, assembly: Assembly): void {
    this.#close(assembly);
    sender.completed[sender.completedAt] = assembly.number;
    sender.completedAt = (sender.completedAt + 1) % COMPLETED_MAX;
    if (this.#assembled.length < assembly.length) {
      this.#assembled = new Uint8Array(2 ** Math.ceil(Math.log2(assembly.length)));
      this.#reader = new Reader(this.#assembled, this.#book);
    }
    let at = 0;
    for (const part of assembly.parts) {
      if (part === null) continue;
      this.#assembled.set(part, at);
      at += part.length;
    }
    this.#port.deliver(assembly.destination, assembly.from, this.#reader.reset(0, at));
  }

  #scheduleCheck(): void {
    if (this.#checking) return;
    this.#checking = true;
    this.#clock.after(REQUEST_DELAY_MS, () => {
      this.#checking = false;
      this.#checkAll();
    });
  }

  /** Asks for what is missing of every message of which nothing came for a while. */
  #checkAll(): void {
    let open = 0;
    for (const sender of this.#senders.values()) {
      for (const assembly of sender.assemblies.values()) {
        const silentMs = this.#clock.now - assembly.heardMs;
        if (silentMs >= REQUEST_DELAY_MS * 2 ** assembly.requests) {
          if (assembly.requests >= REQUESTS_MAX) {
            this.#abandon(assembly);
            continue;
          }
          assembly.requests++;
          this.#request(assembly);
        }
        open++;
      }
    }
    if (open > 0) this.#scheduleCheck();
  }

  #request(assembly: Assembly): void {
    const bitmap = new Uint8Array(Math.ceil(assembly.parts.length / 8));
    for (const [index, part] of assembly.parts.entries()) {
      if (part === null) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
    }
    const out = this.#port.beginPacket();
    out.u8(1);
    out.u53(assembly.number);
    out.bytes(bitmap);
    this.#port.sendPart(assembly.destination, assembly.from);
  }
}
