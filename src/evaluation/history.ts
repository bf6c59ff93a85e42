// What clients asked and were told, and when: for the linearizability checker.

import type { Bytes } from "../actor.ts";

/** One operation of one client. A client has one at a time. */
export interface HistoryEntry {
  readonly client: number;
  /** Hexadecimal. */
  readonly op: string;
  /**
   * Hexadecimal; null when the operation never returned, or its session was lost: it may have
   * happened or not.
   */
  result: string | null;
  /**
   * Milliseconds of the machine's monotonic clock, so that histories of several processes go
   * together.
   */
  readonly invokedMs: number;
  returnedMs: number | null;
}

/** Records in memory, for a file of one JSON array. */
export class HistoryWriter {
  readonly entries: HistoryEntry[] = [];
  /** The operation in flight of each client. */
  readonly #open = new Map<number, HistoryEntry>();
  readonly #readMs: () => number;

  /**
   * `readMs` reads the machine's monotonic clock itself. Another clock and what it is behind would
   * not do: a process that loses its processor between looking at the one and at the other is wrong
   * by as much in all its times, and what it was told seems to come before what others asked.
   */
  constructor(readMs: () => number) {
    this.#readMs = readMs;
  }

  /** Before the operation is sent. */
  invoked(client: number, op: Bytes): void {
    const invokedMs = this.#readMs();
    const entry = { client, op: hex(op), result: null, invokedMs, returnedMs: null };
    this.entries.push(entry);
    this.#open.set(client, entry);
  }

  /**
   * Not at the time of the turn, which may be before the operation was executed: to a checker it
   * would have come before what others asked meanwhile.
   */
  returned(client: number, result: Bytes | null): void {
    const entry = this.#open.get(client);
    this.#open.delete(client);
    if (entry === undefined || result === null) return;
    entry.result = hex(result);
    entry.returnedMs = this.#readMs();
  }

  /** What is written at the end. */
  get text(): string {
    return formatHistory(this.entries);
  }
}

/** The text of a file. */
export function formatHistory(entries: readonly HistoryEntry[]): string {
  return `${JSON.stringify(entries)}\n`;
}

/** Those of several processes as one, in which every client has a number of its own. */
export function mergeHistories(histories: readonly (readonly HistoryEntry[])[]): HistoryEntry[] {
  let next = 0;
  const all: HistoryEntry[] = [];
  for (const history of histories) {
    const first = next;
    for (const entry of history) {
      const client = first + entry.client;
      all.push({ ...entry, client });
      next = Math.max(next, client + 1);
    }
  }
  return all;
}

function hex(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
