// How replicas ask each other for bodies (bodies.ts), and their wire form.

import type { Bytes, Sealed } from "../../actor.ts";
import type { Reader, Writer } from "../../wire.ts";
import { BATCH_BYTES_MAX } from "./batch.ts";
import { DIGEST_LENGTH } from "./digest.ts";
import { BODY_MIN, OPERATION_MAX } from "./request.ts";

/** Kinds of messages, among those that protocols share (messages.ts). */
export const FETCH_BODIES = 9;
export const BODIES = 10;

/** Bodies in a question, and in an answer: as many as a batch has. */
const BODIES_MAX = BATCH_BYTES_MAX / BODY_MIN;
/** Bytes of bodies in an answer, but for one that is larger. */
export const BODIES_BYTES_MAX = BATCH_BYTES_MAX;
/** Asks a replica for bodies that its proposals, or those that it took, name. */
export interface FetchBodiesMessage extends Sealed {
  readonly kind: "fetchBodies";
  readonly digests: readonly Bytes[];
}

/** Those that are here, as many as there is room for; who asked checks their digests. */
export interface BodiesMessage extends Sealed {
  readonly kind: "bodies";
  readonly bodies: readonly Bytes[];
}

export function encodeBodyMessage(message: FetchBodiesMessage | BodiesMessage, out: Writer): void {
  if (message.kind === "fetchBodies") {
    out.u8(FETCH_BODIES);
    out.u16(message.digests.length);
    for (const digest of message.digests) out.bytes(digest);
    return;
  }
  out.u8(BODIES);
  out.u16(message.bodies.length);
  for (const body of message.bodies) out.blob(body);
}

/** Poisons the reader if it is malformed. */
export function decodeFetchBodies(input: Reader): FetchBodiesMessage {
  return { kind: "fetchBodies", digests: some(input, () => input.bytes(DIGEST_LENGTH)) };
}

/** As decodeFetchBodies. */
export function decodeBodies(input: Reader): BodiesMessage {
  return { kind: "bodies", bodies: some(input, () => input.blob(OPERATION_MAX)) };
}

/** At most BODIES_MAX of what `decode` reads. */
function some(input: Reader, decode: () => Bytes): Bytes[] {
  const count = input.u16();
  if (count > BODIES_MAX) input.poison();
  const found: Bytes[] = [];
  for (let i = 0; i < count && input.ok; i++) found.push(decode());
  return found;
}
