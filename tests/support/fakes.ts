// Drivers that do what the test says, and an actor that writes down what it is told, for tests of
// Node.

import { expect } from "bun:test";
import { NO_PROOFS, UNNEEDED, type Actor, type Address, type Codec } from "../../src/actor.ts";
import type { Admission, Proof, Refusal, Sealed } from "../../src/actor.ts";
import type { Call, Clock, Drops, RefusesPart, Stage, Transport } from "../../src/driver.ts";
import { BLOCK_MIN, MESSAGE_MAX, Reader, Writer } from "../../src/wire.ts";

export interface Message extends Sealed {
  readonly text: string;
  readonly signed: boolean;
  /** Bytes after the seal. */
  readonly tail: number;
}

export function plain(text: string): Message {
  return { text, signed: false, tail: 0 };
}
export function signed(text: string, tail = 0): Message {
  return { text, signed: true, tail };
}

export const codec: Codec<Message> = {
  encode({ text, signed, tail, seal }, out) {
    out.u8(signed ? 1 : 0);
    out.blob(Buffer.from(text));
    if (signed) out.seal(seal);
    out.blob(new Uint8Array(tail).fill(text.charCodeAt(0)));
  },
  decode(input) {
    const start = input.position;
    const isSigned = input.u8() === 1;
    const text = Buffer.from(input.blob(100)).toString();
    const seal = isSigned ? input.seal(0, start) : undefined;
    const tail = input.blob(MESSAGE_MAX).length;
    return input.done ? { text, signed: isSigned, tail, seal } : null;
  },
  proofs: ({ seal }) => (seal === undefined ? NO_PROOFS : [seal]),
  bare: ({ text, ...message }) => ({ ...message, text: `bare ${text}`, seal: undefined }),
};

/** A block with a text in it. */
export function blockOf(text: string): Uint8Array {
  const block = new Uint8Array(BLOCK_MIN);
  block.set(Buffer.from(text).subarray(0, 60), 5);
  return block;
}

/** Keeps what leaves, as the messages that arrive at the other end. */
export class FakeTransport implements Transport {
  readonly payloadMax = 1000;
  readonly group: Address | null;
  readonly drops: Drops = new Map();
  readonly sizes = [];
  readonly left: { readonly to: Address | readonly Address[]; readonly text: string }[] = [];
  readonly packets: Uint8Array[] = [];
  listener: ((from: Address, input: Reader) => void) | null = null;
  refuses: RefusesPart = () => null;
  readonly #writer = new Writer(new Uint8Array(1000));

  constructor(group: Address | null = null) {
    this.group = group;
  }
  listen(_id: number, deliver: (from: Address, input: Reader) => void, refuses: RefusesPart): void {
    this.listener = deliver;
    this.refuses = refuses;
  }
  begin(): Writer {
    return this.#writer.reset(0, 1000);
  }
  transmit(to: Address | readonly Address[]): void {
    const packet = this.#writer.copy();
    const message = codec.decode(new Reader(packet));
    this.packets.push(packet);
    this.left.push({ to, text: message?.text ?? "malformed" });
  }
  sourceOf(address: Address): number {
    return 1 + address;
  }
  poll(): number {
    return 0;
  }
  close(): void {}

  /** A message comes in, signed by its sender if it is to be. */
  arrive(from: Address, message: Message): void {
    const out = new Writer(new Uint8Array(1000));
    const seal: Proof = { signer: 0, signed: new Uint8Array(0), signature: blockOf(message.text) };
    codec.encode(message.signed ? { ...message, seal } : message, out);
    this.bytes(from, out.copy());
  }
  bytes(from: Address, bytes: Uint8Array): void {
    this.listener?.(from, new Reader(bytes));
  }
}

function textOf(proofs: readonly Proof[]): string {
  return Buffer.from(proofs[0]!.signed.subarray(5)).toString();
}

/** Signs and checks when the test says so. */
export class FakeStage implements Stage {
  readonly counts = { signed: 0, roots: 0, verified: 0, cached: 0 };
  readonly signed: Uint8Array[] = [];
  readonly signing: (() => void)[] = [];
  /** By the text that is checked. */
  readonly checking = new Map<string, (valid: boolean) => void>();
  /** Texts whose check is known at once. */
  readonly cached = new Map<string, boolean>();
  /** Texts whose check was doubted. */
  readonly doubted: string[] = [];

  /** Runs that were signed and checked for, as the node named them. */
  readonly runs: (Uint8Array | null)[] = [];

  runDomain(name: Uint8Array): Uint8Array {
    return name;
  }
  sign(signed: Uint8Array, run: Uint8Array | null, done: (block: Uint8Array) => void): void {
    this.signed.push(signed.slice());
    this.runs.push(run);
    this.signing.push(() => {
      const block = blockOf(`${signed.length}`);
      done(block);
      block.fill(0);
    });
  }
  verify(
    proofs: readonly Proof[],
    run: Uint8Array | null,
    done: (valid: boolean) => void,
    doubted?: boolean,
  ): void {
    this.runs.push(run);
    const text = textOf(proofs);
    const known = this.cached.get(text);
    if (doubted === true) this.doubted.push(text);
    if (known !== undefined) done(known);
    else this.checking.set(text, done);
  }
  knows(proofs: readonly Proof[]): boolean {
    return proofs.length === 0 || this.cached.get(textOf(proofs)) === true;
  }
  runJob(): boolean {
    return false;
  }
  poll(): number {
    return 0;
  }
  close(): void {}

  finish(text: string, valid = true): void {
    const done = this.checking.get(text);
    this.checking.delete(text);
    expect({ text, checking: done !== undefined }).toEqual({ text, checking: true });
    done?.(valid);
  }
}

export class FakeClock implements Clock {
  now = 1_000_000;
  calls: { at: number; fire: (() => void) | null }[] = [];
  /** How often it was asked to call. */
  asked = 0;

  after(delayMs: number, fire: () => void): Call {
    const call: { at: number; fire: (() => void) | null } = { at: this.now + delayMs, fire };
    const again = (ms: number): void => {
      call.at = this.now + ms;
      this.asked++;
      this.calls.push(call);
    };
    again(delayMs);
    return { cancel: () => (call.fire = null), again };
  }
  update(): void {}
  poll(): number {
    const due = this.calls.filter((call) => call.at <= this.now);
    this.calls = this.calls.filter((call) => call.at > this.now);
    for (const call of due) call.fire?.();
    return due.length;
  }
  advance(byMs: number): void {
    this.now += byMs;
    this.poll();
  }
  get waiting(): number {
    return this.calls.filter(({ fire }) => fire !== null).length;
  }
}

/** Why a RecordingActor drops what it was told to refuse. */
export const REFUSAL: Refusal = "not admitted: the test refuses";

export class RecordingActor implements Actor<Message, string> {
  readonly received: string[] = [];
  readonly fired: string[] = [];
  readonly asked: string[] = [];
  readonly refused = new Set<string>();
  readonly unneeded = new Set<string>();
  onReceive: (text: string) => void = () => {};
  onTimeout: (timer: string) => void = () => {};

  receive(from: Address, { text }: Message): void {
    this.received.push(`${from}:${text}`);
    this.onReceive(text);
  }
  timeout(timer: string): void {
    this.fired.push(timer);
    this.onTimeout(timer);
  }
  refuse(_from: Address, { text }: Message): Admission {
    this.asked.push(text);
    if (this.unneeded.has(text)) return UNNEEDED;
    return this.refused.has(text) ? REFUSAL : null;
  }
}
