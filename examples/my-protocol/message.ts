// What chain replication adds to the messages that all protocols share.

import {
  codecOf,
  decodeRequest,
  encodeRequest,
  NO_PROOFS,
  PROTOCOL_KINDS,
  type Address,
  type Codec,
  type CommonMessage,
  type Request,
  type Sealed,
} from "oskr";

/** Down the chain: this request is the one at this position, and that client waits for it. */
export interface UpdateMessage extends Sealed {
  readonly kind: "update";
  readonly position: number;
  readonly client: Address;
  readonly request: Request;
}

/** Up the chain: the tail has executed everything up to this position. */
export interface AckMessage extends Sealed {
  readonly kind: "ack";
  readonly position: number;
}

export type Message = CommonMessage | UpdateMessage | AckMessage;

const UPDATE = PROTOCOL_KINDS;
const ACK = PROTOCOL_KINDS + 1;

export const codec: Codec<Message> = codecOf<UpdateMessage | AckMessage>(
  {
    encode(message, out) {
      out.u8(message.kind === "ack" ? ACK : UPDATE);
      out.u53(message.position);
      if (message.kind === "ack") return;
      out.address(message.client);
      encodeRequest(message.request, out);
    },

    decode(kind, input) {
      if (kind !== UPDATE && kind !== ACK) return null;
      const position = input.u53();
      if (kind === ACK) return { kind: "ack", position };
      const client = input.address();
      return { kind: "update", position, client, request: decodeRequest(input) };
    },

    proofs: () => NO_PROOFS,
  },
  { signed: false },
);
