// The two messages of the unreplicated protocol, and their wire form.

import { NO_PROOFS, type Bytes, type Codec, type Proof, type Sealed } from "../../actor.ts";
import { EMPTY, type Reader, type Writer } from "../../wire.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import {
  decodeSignedRequest,
  encodeSignedRequest,
  requestProofs,
  SIGNED_REQUEST,
} from "../kit/request-auth.ts";
import {
  decodeOutcome,
  decodeLoneRequest,
  encodeOutcome,
  encodeLoneRequest,
  type Outcome,
  type Request,
} from "../kit/request.ts";

export interface RequestMessage extends Sealed {
  readonly kind: "request";
  readonly request: Request;
}

export interface ReplyMessage extends Sealed {
  readonly kind: "reply";
  readonly session: number;
  readonly tag: number;
  readonly number: number;
  /** Of the request that it answers; empty where replies are not signed. */
  readonly digest: Bytes;
  readonly outcome: Outcome;
}

export type Message = RequestMessage | ReplyMessage;

const REQUEST = 1;
const REPLY = 2;
const OPEN_KINDS: ReadonlySet<number> = new Set([REQUEST, SIGNED_REQUEST]);

/** `signed`: the replica signs its replies. */
export function codec(signed: boolean): Codec<Message> {
  return {
    openKinds: OPEN_KINDS,

    encode(message: Message, out: Writer): void {
      switch (message.kind) {
        case "request":
          if (message.request.key !== undefined) return encodeSignedRequest(message.request, out);
          out.u8(REQUEST);
          encodeLoneRequest(message.request, out);
          return;
        case "reply":
          out.u8(REPLY);
          out.u53(message.session);
          out.u32(message.tag);
          out.u53(message.number);
          if (signed) out.bytes(message.digest);
          encodeOutcome(message.outcome, out);
          if (signed) out.seal(message.seal);
      }
    },

    decode(input: Reader): Message | null {
      const start = input.position;
      const kind = input.u8();
      if (kind === REQUEST) {
        const request = decodeLoneRequest(input);
        return input.done ? { kind: "request", request } : null;
      }
      if (kind === SIGNED_REQUEST) {
        const request = decodeSignedRequest(input);
        return input.done ? { kind: "request", request } : null;
      }
      if (kind !== REPLY) return null;
      const session = input.u53();
      const tag = input.u32();
      const number = input.u53();
      const digest = signed ? input.bytes(DIGEST_LENGTH) : EMPTY;
      const outcome = decodeOutcome(input);
      const seal = signed ? input.seal(0, start) : undefined;
      if (!input.done) return null;
      return { kind: "reply", session, tag, number, digest, outcome, seal };
    },

    proofs(message: Message, signs = false): readonly Proof[] {
      if (message.kind === "request") return requestProofs(message.request, signs);
      return message.seal === undefined ? NO_PROOFS : [message.seal];
    },
  };
}
