// A run as text: one line for each message that arrives, timer that fires and fault that strikes.

import type { Sealed, AnyProtocol } from "../actor.ts";
import { describe, stampOf } from "./judge.ts";
import { unreadOf, type PacketContent } from "./packet-content.ts";
import { isProof, type Packet } from "./simulated-packet.ts";
import type { Process } from "./process.ts";
import type { Observer } from "./observer.ts";

/** Longest text of a message in a line. */
const MESSAGE_WIDTH = 110;

export class Trace implements Observer {
  readonly #protocol: AnyProtocol;
  readonly #keep: number;
  #lines: string[] = [];

  /** Keeps the last `keep` lines. */
  constructor(protocol: AnyProtocol, keep: number) {
    this.#protocol = protocol;
    this.#keep = keep;
  }

  arrived(atUs: number, from: Process, to: Process, packet: Packet): void {
    if (isProof(packet)) return;
    const how = packet.intact ? "" : " (corrupted)";
    const what = packet.part ? "a part of a message" : messageText(this.#protocol, packet.content);
    this.#add(atUs, `${from.name.padStart(4)} -> ${to.name.padEnd(4)} ${what}${how}`);
  }

  happened(atUs: number, process: Process, what: string): void {
    this.#add(atUs, `${process.name.padStart(4)}         ${what}`);
  }

  get lines(): readonly string[] {
    return this.#lines.slice(-this.#keep);
  }

  #add(atUs: number, text: string): void {
    this.#lines.push(`${(atUs / 1000).toFixed(3).padStart(10)}  ${text}`);
    if (this.#lines.length > 2 * this.#keep) this.#lines = this.#lines.slice(-this.#keep);
  }
}

/** A message in one line: its kind, then its fields, long ones shortened. */
export function messageText(protocol: AnyProtocol, content: PacketContent): string {
  const message = content.read(protocol);
  if (message === null) return `${unreadOf(content)} (${content.bytes.length} bytes)`;
  return shorten(fieldsText(message), MESSAGE_WIDTH);
}

function fieldsText(message: Sealed): string {
  const words: string[] = [];
  for (const [name, value] of Object.entries(message)) {
    if (name === "seal") continue;
    if (name === "kind") words.unshift(String(value));
    else words.push(`${name}=${valueText(value)}`);
  }
  return words.join(" ");
}

function valueText(value: unknown): string {
  if (value instanceof Uint8Array) {
    if (stampOf(value) >= 0) return describe(value);
    const hex = Buffer.from(value.buffer, value.byteOffset, Math.min(4, value.length));
    return value.length === 0 ? "-" : hex.toString("hex");
  }
  if (Array.isArray(value)) return `[${value.map(valueText).join(",")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const fields = Object.entries(value).filter(([name]) => name !== "seal" && name !== "bytes");
  return `{${fields.map(([name, field]) => `${name}=${valueText(field)}`).join(" ")}}`;
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
