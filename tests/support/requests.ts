// Requests that tests make, whatever the protocol.

import type { Bytes } from "../../src/actor.ts";
import type { Request } from "../../src/protocol/kit/request.ts";
import { bytesOf } from "../../src/wire.ts";

export function bytes(text: string): Bytes {
  return new Uint8Array(Buffer.from(text));
}

/** An `open` that is like no other. */
export function openOf(number: number): Request {
  const op = bytesOf((out) => {
    out.u32(number);
    out.bytes(new Uint8Array(9));
  });
  return { session: 0, tag: number, number: 0, op };
}
