// Messages larger than a packet: cut into fragments by the sender, put together by the receiver,
// which asks for what is missing (all-or-nothing fragments cannot live with loss: 1 MiB is 724
// packets).

import type { Address, Sizes } from "../actor.ts";
import type { Reader } from "../wire.ts";
import { FragmentAssembler } from "./fragment-assembler.ts";
import { FRAGMENT, REQUEST, type FragmentOptions, type FragmentPort } from "./fragment-format.ts";
import { FragmentSender } from "./fragment-sender.ts";

export class Fragments {
  readonly #sender: FragmentSender;
  readonly #assembler: FragmentAssembler;
  readonly #port: FragmentPort;

  constructor(options: FragmentOptions) {
    this.#port = options.port;
    this.#sender = new FragmentSender(options);
    this.#assembler = new FragmentAssembler(options);
  }

  /** Takes the message over; `pump` sends it. */
  transmit(source: number, to: readonly Address[], message: Uint8Array): void {
    this.#sender.transmit(source, to, message);
  }

  /** Sends at most `budget` packets; returns how many. */
  pump(budget: number): number {
    return this.#sender.pump(budget);
  }

  /** A packet that is part of a message, or asks for one, behind its kind. */
  receive(kind: number, destination: number, from: Address, input: Reader): void {
    const number = input.u53();
    if (kind === FRAGMENT) this.#assembler.receive(destination, from, number, input);
    else if (kind === REQUEST) this.#sender.onRequest(from, number, input);
    else this.#port.drop("malformed fragment");
  }

  /** Bytes held, with their maxima. */
  get sizes(): Sizes {
    return [...this.#sender.sizes, ...this.#assembler.sizes];
  }
}
