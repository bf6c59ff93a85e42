// Tells senders which of their messages are complete, several at a time: they keep the others, and
// send new ones unasked for as much as was received.

import type { Address } from "../actor.ts";
import type { Call, Clock } from "../driver.ts";
import { RECEIPT, type FragmentPort, type ShareBook } from "./fragment-format.ts";

/** What waits for company leaves after so long, or as so many messages, or bytes of them. */
const DELAY_MS = 2;
const NUMBERS_MAX = 32;
const BYTES_MAX = 64 * 1024;
/** Hosts for which receipts wait at a time. */
const HOSTS_MAX = 64;

/** Of messages from one host for one id. */
interface Batch {
  readonly destination: number;
  readonly to: Address;
  readonly numbers: number[];
  bytes: number;
}

export class Receipts {
  readonly #port: FragmentPort;
  readonly #book: ShareBook;
  readonly #clock: Clock;
  readonly #batches = new Map<number, Batch>();
  #call: Call | null = null;
  #waiting = false;

  constructor(port: FragmentPort, book: ShareBook, clock: Clock) {
    this.#port = port;
    this.#book = book;
    this.#clock = clock;
  }

  /** A message of `bytes` that came from there is complete. */
  add(destination: number, from: Address, number: number, bytes: number): void {
    const host = this.#book.hostOf(from);
    let batch = this.#batches.get(host);
    if (batch !== undefined && batch.destination !== destination) {
      this.#send(host, batch);
      batch = undefined;
    }
    if (batch === undefined) {
      if (this.#batches.size >= HOSTS_MAX) this.#sendAll();
      batch = { destination, to: from, numbers: [], bytes: 0 };
      this.#batches.set(host, batch);
    }
    // Many fragments of one message may come once more.
    if (batch.numbers.at(-1) === number) return;
    batch.numbers.push(number);
    batch.bytes += bytes;
    if (batch.numbers.length >= NUMBERS_MAX || batch.bytes >= BYTES_MAX) this.#send(host, batch);
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    if (this.#call !== null) {
      this.#call.again(DELAY_MS);
      return;
    }
    this.#call = this.#clock.after(DELAY_MS, () => {
      this.#waiting = false;
      this.#sendAll();
    });
  }

  #sendAll(): void {
    for (const [host, batch] of this.#batches) this.#send(host, batch);
  }

  #send(host: number, { destination, to, numbers }: Batch): void {
    this.#batches.delete(host);
    const out = this.#port.beginPacket();
    out.u8(RECEIPT);
    for (const number of numbers) out.u53(number);
    this.#port.sendPart(destination, to);
  }
}
