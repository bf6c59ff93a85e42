// What replicas sent each other, kept to be sent again: an attacker that reads the network has it.

import { existsSync } from "node:fs";
import type { Bytes } from "../actor.ts";
import { Random } from "../base/seeded-random.ts";
import { IDS_LENGTH } from "../transport/packet.ts";
import { CLIENT, type UdpSwitch } from "./udp-switch.ts";

const MESSAGE = 0;
const JOINED = 2;
/** The kind of a message behind what the datagram holds, and the ids. */
const KIND_AT = 1 + IDS_LENGTH;
const BYTES_MAX = 256 * 1024 * 1024;
/** How often it is looked whether to begin. */
const LOOK_MS = 20;
/** Messages in one turn. */
const TURN_MAX = 64;

export interface RecordingOptions {
  /** Its appearance is the sign to begin. */
  readonly path: string;
  /** First bytes of the messages that are kept; null: all are. */
  readonly kinds: readonly number[] | null;
  readonly perSecond: number;
}

interface Entry {
  readonly from: number;
  readonly bytes: Bytes;
}

export class Recording {
  replayed = 0;
  readonly #options: RecordingOptions;
  readonly #entries: Entry[] = [];
  #order: readonly Entry[] | null = null;
  #bytes = 0;
  #beginMs = Infinity;
  #lookedMs = 0;

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  /** Keeps the messages of a datagram, as far as there is room. */
  readonly add = (from: number, to: number, datagram: Bytes): void => {
    if (from === CLIENT || to === CLIENT || this.#order !== null) return;
    for (const bytes of messagesIn(datagram)) {
      const kind = bytes[0] === MESSAGE ? (bytes[KIND_AT] ?? -1) : -1;
      const wanted = this.#options.kinds?.includes(kind) ?? true;
      if (!wanted || this.#bytes + bytes.length > BYTES_MAX) continue;
      this.#bytes += bytes.length;
      this.#entries.push({ from, bytes: bytes.slice() });
    }
  };

  /** Sends again what is due, to all replicas, in random order and without end. */
  replay(nowMs: number, hub: Pick<UdpSwitch, "inject">, replicas: number): number {
    if (this.#order === null) {
      if (nowMs - this.#lookedMs < LOOK_MS) return 0;
      this.#lookedMs = nowMs;
      if (!existsSync(this.#options.path)) return 0;
      this.#order = new Random(1, "replay").shuffle(this.#entries);
      this.#beginMs = nowMs;
    }
    const due = ((nowMs - this.#beginMs) / 1000) * this.#options.perSecond;
    let count = 0;
    for (; this.replayed < due && count < TURN_MAX; count++, this.replayed++) {
      const entry = this.#order[this.replayed % this.#order.length];
      if (entry === undefined) return 0;
      for (let to = 0; to < replicas; to++) {
        if (to !== entry.from) hub.inject(entry.from, to, entry.bytes);
      }
    }
    return count;
  }
}

/** The messages of a datagram, each as a datagram of its own; parts of messages as they are. */
export function messagesIn(datagram: Bytes): readonly Bytes[] {
  if (datagram[0] !== JOINED) return [datagram];
  const count = datagram.at(-1) ?? 0;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const lengths = datagram.length - 1 - 2 * count;
  const messages: Bytes[] = [];
  let at = 1;
  for (let i = 0; i < count; i++) {
    const length = lengths < 1 ? 0 : view.getUint16(lengths + 2 * i);
    if (length === 0 || at + length > lengths) return [];
    messages.push(Uint8Array.of(MESSAGE, ...datagram.subarray(at, at + length)));
    at += length;
  }
  return messages;
}
