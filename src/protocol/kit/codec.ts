// A protocol's codec: its own messages, and those that all protocols share.

import { NO_PROOFS, type Codec, type Proof, type Sealed } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import type { Reader, Writer } from "../../wire.ts";
import {
  decodeCommon,
  encodeCommon,
  isCommon,
  PROTOCOL_KINDS,
  REQUEST,
  stableProofs,
  type CommonMessage,
} from "./messages.ts";
import { batchProofs, NO_BATCHES, type Batch } from "./batch.ts";
import { requestProofs, SIGNED_REQUEST } from "./request-auth.ts";
import { isBody } from "./request.ts";
import { isNaming, namingProofs } from "./naming-messages.ts";

/** What a protocol says of the messages that are its own. */
export interface OwnCodec<M extends Sealed> {
  encode(message: M, out: Writer): void;
  /**
   * The message of this kind, at least PROTOCOL_KINDS, the byte of which was read at `start`; null
   * if there is none. Poisons the reader if it is malformed.
   */
  decode(kind: number, input: Reader, start: number): M | null;
  /** Every signature in the message beside its own seal, and beside those of requests. */
  proofs(message: M): readonly Proof[];
  /** The message without its certificate, of kinds that may need none. */
  bare?(message: M): M;
  /** Batches in the message, each of whose requests is to be signed where clients sign. */
  batches?(message: M): readonly Batch[];
}

type Kind = { readonly kind: string };

/** Clients send nothing else. */
const OPEN_KINDS: ReadonlySet<number> = new Set([REQUEST, SIGNED_REQUEST]);

interface CodecOptions {
  /** Where nobody signs, messages have no seals. */
  readonly signed: boolean;
  /** Kinds that clients send besides, and processes of other roles. */
  readonly open?: readonly number[];
}

export function codecOf<M extends Sealed & Kind>(
  own: OwnCodec<M>,
  { signed, open = [] }: CodecOptions = { signed: true },
): Codec<M | CommonMessage> {
  const others = (message: M | CommonMessage): readonly Proof[] => {
    if (!isCommon(message)) return own.proofs(message);
    if (isNaming(message)) return namingProofs(message);
    return message.kind === "stable" ? stableProofs(message.checkpoint) : NO_PROOFS;
  };
  const ofRequests = (message: M | CommonMessage, signs: boolean): readonly Proof[] => {
    if (!isCommon(message)) {
      const batches = own.batches?.(message) ?? NO_BATCHES;
      if (batches.length === 0) return NO_PROOFS;
      return batches.flatMap((batch) => batchProofs(batch, signs));
    }
    const asks = message.kind === "request" || message.kind === "relay";
    return asks ? requestProofs(message.request, signs) : NO_PROOFS;
  };
  const ofReplicas = (message: M | CommonMessage): readonly Proof[] => {
    if (!signed) return NO_PROOFS;
    const { seal } = message;
    const further = others(message);
    if (seal === undefined) return further;
    return further.length === 0 ? [seal] : [seal, ...further];
  };
  return {
    openKinds: open.length === 0 ? OPEN_KINDS : new Set([...OPEN_KINDS, ...open]),

    bare(message) {
      assert(!isCommon(message) && own.bare !== undefined, "only what may be bare is made so");
      return own.bare(message);
    },

    bodyIn(message) {
      const asks = isCommon(message) && (message.kind === "request" || message.kind === "relay");
      return asks && isBody(message.request.op) ? message.request.op : null;
    },

    encode(message, out) {
      if (isCommon(message)) encodeCommon(message, out, signed);
      else own.encode(message, out);
    },

    decode(input) {
      const start = input.position;
      const kind = input.u8();
      const message =
        kind < PROTOCOL_KINDS
          ? decodeCommon(kind, input, start, signed)
          : own.decode(kind, input, start);
      return input.done ? message : null;
    },

    proofs(message, signs = false) {
      // Most messages are replies.
      if (message.kind === "reply") return message.seal === undefined ? NO_PROOFS : [message.seal];
      // Its own seal comes first: strangers cannot have requests checked in a replica's name.
      const proofs = ofReplicas(message);
      const requests = ofRequests(message, signs);
      if (requests.length === 0) return proofs;
      return proofs.length === 0 ? requests : [...proofs, ...requests];
    },
  };
}
