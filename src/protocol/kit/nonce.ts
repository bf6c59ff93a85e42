import type { Bytes } from "../../actor.ts";

/** So many random bytes; `random` gives a uniform integer below its argument. */
export function drawNonce(length: number, random: (bound: number) => number): Bytes {
  const nonce = new Uint8Array(length);
  for (let i = 0; i < length; i++) nonce[i] = random(256);
  return nonce;
}
