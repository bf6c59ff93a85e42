// What a replica runs, asked of its process: beside all protocols, so that whoever asks learns it
// whatever the replica runs.
//
// INQUIRY    6 | nonce (8) | zeros, INQUIRY_LENGTH bytes in all
// ANSWER     7 | nonce (8) | text
//
// They travel as parts of messages do, so only a host that has proven its address is answered. An
// answer is no longer than its inquiry, because replicas prove no addresses: who forges theirs
// would have them flooded by each other.

import type { Address } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { EMPTY, type Bytes, type Reader } from "../wire.ts";
import { PROVER_ID, type ProofPort } from "./proof.ts";

export const INQUIRY = 6;
export const ANSWER = 7;
export const NONCE_LENGTH = 8;
/** Below the payload of any network's packet. */
const INQUIRY_LENGTH = 1000;
/** The longest text. */
export const TEXT_MAX = INQUIRY_LENGTH - NONCE_LENGTH - 1;
const PADDING = new Uint8Array(TEXT_MAX);

/** Gets the text of an answer, valid during the call, with the nonce of what it answers. */
export type OnAnswer = (from: Address, nonce: Bytes, text: Bytes) => void;

/** Both sides. */
export class Inquiries {
  readonly #port: ProofPort;
  #text: Bytes = EMPTY;
  #onAnswer: OnAnswer | null = null;

  constructor(port: ProofPort) {
    this.#port = port;
  }

  /** From here on inquiries are answered so; before, and with an empty text, they are not. */
  answerWith(text: Bytes): void {
    assert(text.length <= TEXT_MAX, "a text that no answer has room for");
    this.#text = text;
  }

  /** From here on answers go there. */
  listen(onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer;
  }

  /** Asks a replica; the answer, if one comes, has the same nonce. */
  ask(to: Address, nonce: Bytes): void {
    assert(nonce.length === NONCE_LENGTH, "a nonce of another length");
    this.#send(PROVER_ID, to, INQUIRY, nonce, PADDING);
  }

  receive(kind: number, destination: number, from: Address, input: Reader): void {
    const room = input.remaining - NONCE_LENGTH;
    const nonce = input.bytes(NONCE_LENGTH);
    if (room < 0) this.#port.drop("malformed inquiry");
    else if (kind === ANSWER) this.#onAnswer?.(from, nonce, input.bytes(room));
    else if (room < this.#text.length) this.#port.drop("inquiry shorter than its answer");
    else if (this.#text.length > 0) this.#send(destination, from, ANSWER, nonce, this.#text);
  }

  #send(source: number, to: Address, kind: number, nonce: Bytes, text: Bytes): void {
    const out = this.#port.beginPacket();
    out.u8(kind);
    out.bytes(nonce);
    out.bytes(text);
    this.#port.send(source, to, true);
  }
}
