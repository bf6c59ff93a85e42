// The codec of all processes, with an eye on what correct ones send: it decodes, and its signatures
// hold wherever it arrives.

import type { Codec, Proof, Sealed } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Reader } from "../wire.ts";
import type { PacketContent } from "./packet-content.ts";
import { isOfPacket } from "./simulated-transport.ts";
import type { Packet } from "./simulated-packet.ts";
import type { Process } from "./process.ts";

export class CodecMonitor {
  readonly #codec: Codec<Sealed>;
  readonly #cold: boolean;
  readonly #fail: (what: string) => void;
  /** The packet being delivered came unaltered from a correct process. */
  #genuine = false;
  /** What is in it if it is a whole message. */
  #content: PacketContent | null = null;
  readonly #genuineProofs = new WeakSet<readonly Proof[]>();

  /** `cold` as in WorldOptions. */
  constructor(codec: Codec<Sealed>, cold: boolean, fail: (what: string) => void) {
    this.#codec = codec;
    this.#cold = cold;
    this.#fail = fail;
  }

  /** The packet is delivered next. */
  arrives(from: Process, packet: Packet): void {
    this.#genuine = packet.intact && !from.byzantine && !packet.part;
    this.#content = packet.part || this.#cold ? null : packet.content;
  }

  /** Whether these are of a message that a correct process sent. */
  isGenuine(proofs: readonly Proof[]): boolean {
    return this.#genuineProofs.has(proofs);
  }

  codecOf(process: Process): Codec<Sealed> {
    const codec = this.#codec;
    let genuine: Sealed | null = null;
    return {
      encode: (message, out) => codec.encode(message, out),
      decode: (input) => {
        genuine = null;
        // Of bodies that came, or of parts: no packet is this message.
        if (!isOfPacket(input)) return codec.decode(input);
        const message = this.#decode(input);
        genuine = this.#genuine ? message : null;
        if (this.#genuine && message === null) {
          this.#fail(`codec: ${process.name} cannot decode a message of a correct process`);
        }
        return message;
      },
      proofs: (message, signs = false) => {
        const proofs = this.#proofs(message, signs);
        if (message === genuine && proofs.length > 0) this.#genuineProofs.add(proofs);
        return proofs;
      },
      ...(codec.openKinds === undefined ? {} : { openKinds: codec.openKinds }),
      ...(codec.bodyIn === undefined ? {} : { bodyIn: codec.bodyIn }),
      ...(codec.bare === undefined ? {} : { bare: codec.bare }),
    };
  }

  /**
   * The first receiver decodes a message without addresses for all, because no actor writes to
   * messages; cold runs show that.
   */
  #decode(input: Reader): Sealed | null {
    const content = this.#content;
    if (content === null) return this.#codec.decode(input);
    assert(input.remaining === content.bytes.length, "decoded is what is being delivered");
    if (content.decoded !== undefined) return content.decoded;
    const message = this.#codec.decode(input);
    if (!input.namesAddresses) content.decoded = message;
    return message;
  }

  /** Requests are signed for all processes of a world, or for none. */
  #proofs(message: Sealed, signs: boolean): readonly Proof[] {
    const content = this.#content;
    if (content === null || content.decoded !== message) return this.#codec.proofs(message, signs);
    return (content.proofs ??= this.#codec.proofs(message, signs));
  }
}
