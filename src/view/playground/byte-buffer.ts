// As much of Node's Buffer as the simulator uses, for browsers. The package that bundlers put in
// its place takes no plain Uint8Array where Bun's does, and copies what it compares.

/** Characters that one call turns into a string; more overflow the engine's stack. */
const CHUNK = 8192;

type Encoding = "utf8" | "latin1" | "hex";

export class ByteBuffer extends Uint8Array {
  /** A copy of bytes or of a text, or a view of memory, as a call of Buffer's. */
  static override from(source: unknown, at?: unknown, length?: number): ByteBuffer {
    if (source instanceof ArrayBuffer) return new ByteBuffer(source, Number(at ?? 0), length);
    if (typeof source !== "string") return new ByteBuffer(source as ArrayLike<number>);
    if (at === "latin1") {
      return new ByteBuffer([...source].map((character) => character.charCodeAt(0)));
    }
    if (at === "hex") {
      const pairs = source.match(/../g) ?? [];
      return new ByteBuffer(pairs.map((pair) => Number.parseInt(pair, 16)));
    }
    return new ByteBuffer(new TextEncoder().encode(source));
  }

  static alloc(size: number): ByteBuffer {
    return new ByteBuffer(size);
  }

  static allocUnsafeSlow(size: number): ByteBuffer {
    return new ByteBuffer(size);
  }

  static concat(parts: readonly Uint8Array[]): ByteBuffer {
    const whole = new ByteBuffer(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  static compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1 {
    return compareRanges(a, 0, a.length, b, 0, b.length);
  }

  compare(other: Uint8Array, from = 0, to = other.length, ownFrom = 0, ownTo = this.length) {
    return compareRanges(this, ownFrom, ownTo, other, from, to);
  }

  /** The same memory, as with Buffer, where other arrays give a copy. */
  override slice(from?: number, to?: number): ByteBuffer {
    return this.subarray(from, to) as ByteBuffer;
  }

  /** As much as there is room for. Also called with a plain Uint8Array in place of `this`. */
  copy(target: Uint8Array, at = 0, from = 0, to = this.length): number {
    const count = Math.max(0, Math.min(to, this.length, from + target.length - at) - from);
    const whole = count === this.length;
    target.set(whole ? this : this.subarray(from, from + count), at);
    return count;
  }

  writeUInt32BE(value: number, at: number): number {
    this[at] = value >>> 24;
    this[at + 1] = value >>> 16;
    this[at + 2] = value >>> 8;
    this[at + 3] = value;
    return at + 4;
  }

  /** Also called with a plain Uint8Array in place of `this`. */
  override toString(encoding: Encoding = "utf8"): string {
    if (encoding === "hex") {
      return Array.from(this, (byte) => byte.toString(16).padStart(2, "0")).join("");
    }
    if (encoding === "utf8") return new TextDecoder().decode(this);
    let text = "";
    for (let at = 0; at < this.length; at += CHUNK) {
      text += String.fromCharCode(...this.subarray(at, at + CHUNK));
    }
    return text;
  }
}

function compareRanges(
  a: Uint8Array,
  aFrom: number,
  aTo: number,
  b: Uint8Array,
  bFrom: number,
  bTo: number,
): -1 | 0 | 1 {
  const [aLength, bLength] = [aTo - aFrom, bTo - bFrom];
  const length = Math.min(aLength, bLength);
  for (let i = 0; i < length; i++) {
    const difference = (a[aFrom + i] ?? 0) - (b[bFrom + i] ?? 0);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return aLength === bLength ? 0 : aLength < bLength ? -1 : 1;
}
