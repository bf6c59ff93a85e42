// The bytes of messages: a Writer that encodes in place, and a Reader that poisons itself on a
// short or malformed read instead of throwing. Integers are big-endian. One object of each per
// transport, over one fixed region, reset to (at, end): no view, slice or closure per packet.

import { assert } from "./base/assert.ts";
import type { BodyPlace } from "./base/body-form.ts";
import { bufferOf, copyOf, copyRange, sliceOf, VIEW_MIN } from "./base/copies.ts";
import type { TreeLeaves } from "./base/hash-tree.ts";
import {
  ONE_TIME_BLOCK,
  ONE_TIME_INDEX_AT,
  ONE_TIME_KEYS,
  ONE_TIME_TAG,
} from "./base/one-time-form.ts";

export type Bytes = Uint8Array;
/**
 * A handle of this process: 0..n-1 are the configured replicas, larger ones were heard from or
 * named in a message.
 */
export type Address = number;
/** A replica's index, 0..n-1, and so the owner of a public key of the configuration. */
export type Signer = number;

/** One signature block, and what was signed without the domain (kind | body). */
export interface Proof {
  readonly signer: Signer;
  readonly signed: Bytes;
  readonly signature: Bytes;
  readonly key?: Bytes;
  /** Of the client with that key: what it signed with one root, whose signature this is. */
  readonly leaves?: TreeLeaves;
}

/** The largest message, in bytes. */
export const MESSAGE_MAX = 4 * 1024 * 1024;
/** Deepest Merkle path in a signature block. */
export const BLOCK_DEPTH_MAX = 10;
/** Bytes of a signature block of depth 0: depth, leaf index, compact signature. */
export const BLOCK_MIN = 1 + 4 + 64;
export const BLOCK_MAX = BLOCK_MIN + 32 * BLOCK_DEPTH_MAX;

/**
 * Kinds of messages, their first byte, that are signed for the cluster and not for one run of it:
 * those by which its replicas and clients find out in which run they are.
 */
export const RUNLESS_KINDS_START = 16;
export const RUNLESS_KINDS_END = 32;

export const EMPTY: Bytes = new Uint8Array(0);

/** Turns the 8-byte wire form of an address (MAC or IPv4:port, then id) into a handle and back. */
export interface AddressBook {
  /** `high` holds the first four bytes, `low` the last four, both unsigned. */
  intern(high: number, low: number): Address;
  /** Writes the eight bytes; an address that was forgotten is written as zeros. */
  write(address: Address, view: DataView, at: number): void;
  /** The book to keep beyond the reading of a message, if that is another one. */
  readonly lasting?: AddressBook | null;
}

/** Addresses in order, as an array has them. */
export interface Addresses {
  readonly length: number;
  at(index: number): Address | undefined;
}

/**
 * Addresses that a message holds in their wire form. Each becomes a handle when it is asked for,
 * not when the message is decoded, because the table of handles is bounded: a stranger's message
 * would displace the addresses of others with those that it invents.
 */
class WireAddresses implements Addresses {
  readonly length: number;
  readonly bytes: Bytes;
  readonly #book: AddressBook;

  constructor(bytes: Bytes, book: AddressBook) {
    this.length = bytes.length / 8;
    this.bytes = bytes;
    this.#book = book;
  }

  at(index: number): Address | undefined {
    if (index >= this.length) return undefined;
    return this.#book.intern(u32At(this.bytes, 8 * index), u32At(this.bytes, 8 * index + 4));
  }
}

/** For bytes that hold no addresses, such as the signed part of a vote. */
const NO_ADDRESSES: AddressBook = {
  intern: () => assert.fail("this reader has no address book"),
  write: () => assert.fail("this writer has no address book"),
};

const TWO_32 = 0x1_0000_0000;
/** Smallest buffer for a message that left its frame. */
const GROWN_MIN = 65_536;

export class Reader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #addresses: AddressBook;
  #at = 0;
  #end: number;
  #ok = true;
  #namesAddresses = false;

  constructor(bytes: Bytes, addresses: AddressBook = NO_ADDRESSES) {
    this.#bytes = bufferOf(bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#addresses = addresses;
    this.#end = bytes.length;
  }

  /** Reads [at, end) of the region from here on. */
  reset(at: number, end: number): this {
    this.#at = at;
    this.#end = end;
    this.#ok = true;
    this.#namesAddresses = false;
    return this;
  }

  /** Whether any address was read since the reset: handles mean something to one process only. */
  get namesAddresses(): boolean {
    return this.#namesAddresses;
  }
  /** False once a read was short or malformed; every later read gives zeros. */
  get ok(): boolean {
    return this.#ok;
  }
  /** Whether all was read and nothing was malformed: what `decode` returns null without. */
  get done(): boolean {
    return this.#ok && this.#at === this.#end;
  }
  /** The offset in the region; `seal` takes the one where the message began. */
  get position(): number {
    return this.#at;
  }
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Marks what was read as malformed; for conditions that the codec checks itself. */
  poison(): void {
    this.#ok = false;
    this.#at = this.#end;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }
  /** A byte that is 0 or 1. */
  flag(): boolean {
    const value = this.u8();
    if (value > 1) this.poison();
    return value === 1;
  }
  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at);
  }
  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at);
  }
  /** An integer below 2^53 in eight bytes: views, slots, sessions, request numbers. */
  u53(): number {
    const at = this.#take(8);
    if (at < 0) return 0;
    const high = this.#view.getUint32(at);
    if (high >= 0x20_0000) {
      this.poison();
      return 0;
    }
    return high * TWO_32 + this.#view.getUint32(at + 4);
  }
  skip(length: number): void {
    this.#take(length);
  }
  /** A copy of the next `length` bytes. */
  bytes(length: number): Bytes {
    if (length === 0) return EMPTY;
    const at = this.#take(length);
    return at < 0 ? EMPTY : copyOf(this.#bytes, at, length);
  }
  /** Copies the next `length` bytes to `at` in `target`. */
  bytesTo(target: Bytes, at: number, length: number): void {
    const from = this.#take(length);
    if (from >= 0) this.#bytes.copy(target, at, from, from + length);
  }
  /** A copy of what was read since this position. */
  since(start: number): Bytes {
    return this.#ok ? copyOf(this.#bytes, start, this.#at - start) : EMPTY;
  }
  /** A copy of bytes behind their 32-bit length, at most `max`. */
  blob(max: number): Bytes {
    const length = this.u32();
    if (length <= max) return this.bytes(length);
    this.poison();
    return EMPTY;
  }
  /** As `blob`, of bytes that nobody writes to: a view unless it is short. */
  sharedBlob(max: number): Bytes {
    const length = this.u32();
    if (length > max) this.poison();
    if (length < VIEW_MIN) return this.bytes(length);
    const at = this.#take(length);
    if (at < 0) return EMPTY;
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + at, length);
  }
  address(): Address {
    const at = this.#take(8);
    this.#namesAddresses = true;
    return at < 0
      ? 0
      : this.#addresses.intern(this.#view.getUint32(at), this.#view.getUint32(at + 4));
  }
  /** `count` addresses, none of which is interned yet. */
  addresses(count: number): Addresses {
    this.#namesAddresses = true;
    return new WireAddresses(this.bytes(8 * count), this.#addresses.lasting ?? this.#addresses);
  }
  /**
   * A copy of a signature block, its shape checked: depth <= 10, index < 2^depth; of a one-time
   * signature index < 128.
   */
  block(): Bytes {
    if (this.#end - this.#at < BLOCK_MIN) {
      this.poison();
      return EMPTY;
    }
    const depth = this.#view.getUint8(this.#at);
    if (depth === ONE_TIME_TAG) {
      if (this.#view.getUint8(this.#at + ONE_TIME_INDEX_AT) >= ONE_TIME_KEYS) this.poison();
      return this.bytes(ONE_TIME_BLOCK);
    }
    if (depth > BLOCK_DEPTH_MAX || this.#view.getUint32(this.#at + 1) >= 2 ** depth) {
      this.poison();
      return EMPTY;
    }
    return this.bytes(BLOCK_MIN + 32 * depth);
  }
  /** The block that ends the signed part, with a copy of what that is: all since `start`. */
  seal(signer: Signer, start: number): Proof {
    const signed = this.since(start);
    return { signer, signed, signature: this.block() };
  }

  /** The book to read other bytes with, later, that name addresses as these do. */
  get book(): AddressBook {
    return this.#addresses.lasting ?? this.#addresses;
  }

  /** Bounds every read: the offset to read at, or -1 (and poisoned) when it is short. */
  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) {
      this.poison();
      return -1;
    }
    this.#at = at + length;
    return at;
  }
}

export class Writer {
  readonly #frame: Bytes;
  readonly #frameView: DataView;
  readonly #addresses: AddressBook;
  #bytes: Bytes;
  #view: DataView;
  #start = 0;
  #at = 0;
  #end: number;
  readonly #max: number;
  #overflow: Bytes = EMPTY;
  #sealAt = -1;
  #large = false;
  #overflowed = false;
  /** Where bodies stand, in order, as the codec of a proposal says; null: nobody asks. */
  bodies: BodyPlace[] | null = null;

  /** Writes at most `max` bytes, beginning in `frame`. */
  constructor(frame: Bytes, addresses: AddressBook = NO_ADDRESSES, max = MESSAGE_MAX) {
    this.#frame = frame;
    this.#max = max;
    this.#frameView = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#addresses = addresses;
    this.#bytes = frame;
    this.#view = this.#frameView;
    this.#end = frame.length;
  }

  /** Writes to [at, end) of the region from here on, and beyond into the overflow buffer. */
  reset(at: number, end: number): this {
    if (this.#large) {
      this.#large = false;
      this.#bytes = this.#frame;
      this.#view = this.#frameView;
    }
    this.#start = at;
    this.#at = at;
    this.#end = end;
    this.#sealAt = -1;
    this.#overflowed = false;
    this.bodies = null;
    return this;
  }

  /** Bytes written since reset. */
  get length(): number {
    return this.#at - this.#start;
  }
  /** Whether the message left its frame, so that it has to go in fragments. */
  get large(): boolean {
    return this.#large;
  }
  /** Whether the message is larger than MESSAGE_MAX; it must not be sent. */
  get overflowed(): boolean {
    return this.#overflowed;
  }
  /** The length of the signed part of a message that is not signed yet, or -1. */
  get sealAt(): number {
    return this.#sealAt;
  }
  /** What was written: valid until the next reset. */
  written(): Bytes {
    return this.#bytes.subarray(this.#start, this.#at);
  }
  /** A copy of what was written. */
  copy(): Bytes {
    return sliceOf(this.#bytes, this.#start, this.#at);
  }

  u8(value: number): void {
    const at = this.#take(1);
    this.#view.setUint8(at, value);
  }
  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }
  u16(value: number): void {
    const at = this.#take(2);
    this.#view.setUint16(at, value);
  }
  u32(value: number): void {
    const at = this.#take(4);
    // The same bytes: setUint32 is a call for values that are no 32-bit integers with a sign.
    this.#view.setInt32(at, value | 0);
  }
  /** An integer below 2^53 in eight bytes. */
  u53(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "u53 out of range");
    const at = this.#take(8);
    this.#view.setInt32(at, value < TWO_32 ? 0 : Math.floor(value / TWO_32));
    this.#view.setInt32(at + 4, value | 0);
  }
  bytes(value: Bytes): void {
    if (value.length === 0) return;
    const at = this.#take(value.length);
    if (this.#overflowed) return;
    this.#bytes.set(value, at);
  }
  /** Those in [from, to), without a view of them. */
  range(value: Bytes, from: number, to: number): void {
    if (from === to) return;
    const at = this.#take(to - from);
    if (!this.#overflowed) copyRange(value, from, to, this.#bytes, at);
  }
  /** Bytes behind their 32-bit length. */
  blob(value: Bytes): void {
    this.u32(value.length);
    this.bytes(value);
  }
  address(value: Address): void {
    const at = this.#take(8);
    this.#addresses.write(value, this.#view, at);
  }
  addresses(values: Addresses): void {
    if (values instanceof WireAddresses) this.bytes(values.bytes);
    else for (let i = 0; i < values.length; i++) this.address(values.at(i) ?? 0);
  }
  /** Ends the signed part: writes its block, or marks the place where the Node puts one. */
  seal(seal: Proof | undefined): void {
    if (seal !== undefined) {
      this.bytes(seal.signature);
      return;
    }
    assert(this.#sealAt < 0, "two parts of one message are unsigned");
    this.#sealAt = this.#at - this.#start;
  }

  #take(length: number): number {
    if (length > this.#end - this.#at) this.#grow(length);
    const at = this.#at;
    this.#at = at + length;
    return at;
  }

  /**
   * Moves what was written out of the frame into a buffer of its own, which doubles up to the
   * maximum. Past that writing starts over, and `overflowed` says so.
   */
  #grow(length: number): void {
    const used = this.length;
    const needed = used + length;
    this.#overflowed ||= needed > this.#max;
    if (this.#overflowed) {
      // What is written from here on goes nowhere, but needs room for an integer.
      if (this.#overflow.length === 0) this.#overflow = new Uint8Array(GROWN_MIN);
    } else if (this.#overflow.length < needed) {
      const size = Math.min(this.#max, 2 ** Math.ceil(Math.log2(Math.max(needed, GROWN_MIN))));
      const grown = new Uint8Array(size);
      grown.set(this.written());
      this.#overflow = grown;
    } else if (!this.#large) {
      this.#overflow.set(this.written());
    }
    this.#bytes = this.#overflow;
    this.#view = new DataView(this.#overflow.buffer);
    this.#large = true;
    this.#start = 0;
    this.#at = this.#overflowed ? 0 : used;
    this.#end = this.#overflow.length;
  }
}

const SCRATCH_LENGTH = 4096;
const scratch = new Writer(new Uint8Array(SCRATCH_LENGTH));
let scratchInUse = false;

/**
 * The bytes that `write` writes, which must not call it in turn: for digests and the signed part of
 * a vote.
 */
export function bytesOf(write: (out: Writer) => void): Bytes {
  assert(!scratchInUse, "bytesOf within bytesOf");
  scratchInUse = true;
  try {
    write(scratch.reset(0, SCRATCH_LENGTH));
    assert(!scratch.overflowed, "more than MESSAGE_MAX bytes");
    return scratch.copy();
  } finally {
    scratchInUse = false;
  }
}

/** The 32-bit integer at `at`; missing bytes are zeros. A DataView would be made for one read. */
export function u32At(bytes: Bytes, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  return (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

/**
 * A string with one character a byte: orders as the bytes do, and works as a Map's key. Buffer's
 * method without a Buffer, which would move a small array's bytes out of the heap.
 */
export function latin1(bytes: Bytes): string {
  return Buffer.prototype.toString.call(bytes, "latin1");
}

/** Longest byte strings that are compared here rather than by a call, which costs more. */
const SHORT = 64;

/** Whether two byte strings are equal. */
export function equal(a: Bytes, b: Bytes): boolean {
  const { length } = a;
  if (length !== b.length) return false;
  if (length > SHORT) return Buffer.compare(a, b) === 0;
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
