// A message that names bodies instead of having them:
//
//   NAMED | message without them | for each, in order: bytes of the message behind it (4) |
//   length (4) | SHA-256 (32) | how many (2)
//
// Places are counted from the end, because a signature is put in before all of them.

import type { Bytes } from "../../actor.ts";
import { BODY_MIN, type BodyPlace } from "../../base/body-form.ts";
import { EMPTY, latin1, MESSAGE_MAX, type Reader } from "../../wire.ts";
import { BATCH_BYTES_MAX } from "./batch.ts";
import { DIGEST_LENGTH } from "./digest.ts";
import { OPERATION_MAX } from "./request.ts";

/** Bytes of several bodies in a message, at most, and so how many: as a batch has. */
const NAMED_BYTES_MAX = BATCH_BYTES_MAX;
export const NAMED_MAX = NAMED_BYTES_MAX / BODY_MIN;

const ENTRY_LENGTH = 4 + 4 + DIGEST_LENGTH;
const COUNT_LENGTH = 2;

export interface NamedBody {
  /** Where it stands in the message without bodies. */
  readonly at: number;
  readonly length: number;
  readonly digest: Bytes;
  /** The digest as a Map's key. */
  readonly key: string;
}

export interface NamedMessage {
  /** The message without bodies. */
  readonly bare: Bytes;
  readonly bodies: readonly NamedBody[];
  /** Bytes of the whole message. */
  readonly length: number;
}

/** Those of the places of bodies that a message may name: one, or the first within the bounds. */
export function nameable(places: readonly BodyPlace[]): readonly BodyPlace[] {
  let bytes = 0;
  const beyond = places.findIndex(({ body }, i) => {
    bytes += body.length;
    return i > 0 && bytes > NAMED_BYTES_MAX;
  });
  return beyond < 0 ? places : places.slice(0, beyond);
}

/** What stands behind NAMED for a message whose bodies are in these places. */
export function nameBodies(
  whole: Bytes,
  places: readonly BodyPlace[],
  digestIn: (body: Bytes) => Bytes,
): Bytes {
  let cut = 0;
  for (const { body } of places) cut += body.length;
  const bare = whole.length - cut;
  const named = new Uint8Array(bare + ENTRY_LENGTH * places.length + COUNT_LENGTH);
  const view = new DataView(named.buffer);
  let from = 0;
  let to = 0;
  let entry = bare;
  for (const { at, body } of places) {
    named.set(whole.subarray(from, at), to);
    to += at - from;
    from = at + body.length;
    view.setUint32(entry, bare - to);
    view.setUint32(entry + 4, body.length);
    named.set(digestIn(body), entry + 8);
    entry += ENTRY_LENGTH;
  }
  named.set(whole.subarray(from), to);
  view.setUint16(entry, places.length);
  return named;
}

/** Reads what stands behind NAMED; null if it is malformed. */
export function readNamed(input: Reader): NamedMessage | null {
  const start = input.position;
  const end = start + input.remaining;
  input.reset(Math.max(start, end - COUNT_LENGTH), end);
  const count = input.u16();
  const length = end - start - COUNT_LENGTH - ENTRY_LENGTH * count;
  if (count === 0 || count > NAMED_MAX || length <= 0) return null;
  const bare = input.reset(start, end).bytes(length);
  const bodies: NamedBody[] = [];
  let at = 0;
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const behind = input.u32();
    const size = input.u32();
    const digest = input.bytes(DIGEST_LENGTH);
    if (length - behind < at || size < BODY_MIN || size > OPERATION_MAX) return null;
    at = length - behind;
    bytes += size;
    bodies.push({ at, length: size, digest, key: latin1(digest) });
  }
  const many = count > 1 && bytes > NAMED_BYTES_MAX;
  const whole = length + bytes;
  return many || whole > MESSAGE_MAX ? null : { bare, bodies, length: whole };
}

/** The whole message, with these bodies. */
export function wholeOf({ bare, bodies, length }: NamedMessage, found: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(length);
  let from = 0;
  let to = 0;
  for (const [i, { at }] of bodies.entries()) {
    whole.set(bare.subarray(from, at), to);
    to += at - from;
    from = at;
    const body = found[i] ?? EMPTY;
    whole.set(body, to);
    to += body.length;
  }
  whole.set(bare.subarray(from), to);
  return whole;
}
