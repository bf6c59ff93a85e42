// A page of memory in which one process publishes a short text, and others read it: a file that is
// mapped, so that publishing costs neither a call of the kernel nor a wait for who reads.

import { closeSync, ftruncateSync, readFileSync } from "node:fs";
import { assert } from "../base/assert.ts";
import { codeOf } from "../base/errno.ts";
import { openOwnFile } from "./own-file.ts";

const PAGE = 4096;
/** The text's length and checksum, 4 bytes each, are before it. */
const HEADER = 8;
/** Bytes of a text, at most. */
export const PUBLISHED_MAX = PAGE - HEADER;

export class SharedPage {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** Makes the file, or takes what is there, of which the text stays. Throws UsageError. */
  constructor(path: string) {
    const file = openOwnFile(path);
    ftruncateSync(file, PAGE);
    this.#bytes = Bun.mmap(`/proc/self/fd/${file}`, { shared: true });
    closeSync(file);
    const { buffer, byteOffset, byteLength } = this.#bytes;
    this.#view = new DataView(buffer, byteOffset, byteLength);
  }

  /** At most PUBLISHED_MAX bytes. */
  publish(text: string): void {
    const bytes = Buffer.from(text);
    assert(bytes.length <= PUBLISHED_MAX, "what is published fits a page");
    this.#view.setUint32(0, bytes.length, true);
    this.#view.setUint32(4, Bun.hash.crc32(bytes), true);
    this.#bytes.set(bytes, HEADER);
  }
}

/** What was published there last; null if nothing was, or if it is being written just now. */
export function readSharedPage(path: string): string | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
  return textOfPage(bytes);
}

/** The text of a copy of such a page; null if there is none, or half of one. */
export function textOfPage(bytes: Buffer): string | null {
  if (bytes.length < HEADER) return null;
  const length = bytes.readUInt32LE(0);
  const text = bytes.subarray(HEADER, HEADER + length);
  // Nobody waits for anybody, so that a text may be half of one and half of another.
  const whole = length > 0 && text.length === length;
  return whole && Bun.hash.crc32(text) === bytes.readUInt32LE(4) ? text.toString() : null;
}
