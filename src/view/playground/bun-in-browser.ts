// What the simulator uses of Bun, for browsers: digests, checksums and buffers. A page imports it
// before anything else.

import { sha256 } from "@noble/hashes/sha2.js";
import { ByteBuffer } from "./byte-buffer.ts";

const POLYNOMIAL = 0xedb88320;
const ADLER_MODULUS = 65_521;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * POLYNOMIAL);
  return crc;
});

function crc32(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}

function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % ADLER_MODULUS;
    high = (high + low) % ADLER_MODULUS;
  }
  return ((high << 16) | low) >>> 0;
}

const blank = sha256.create();
/** Used again for every digest, because a new one costs as much as a short digest itself. */
const hasher = blank.clone();

function hashInto(bytes: Uint8Array, out: Uint8Array): Uint8Array {
  blank._cloneInto(hasher).update(bytes).digestInto(out);
  return out;
}

Object.assign(globalThis, {
  Buffer: ByteBuffer,
  Bun: { hash: { crc32, adler32 }, SHA256: { hash: hashInto } },
});
