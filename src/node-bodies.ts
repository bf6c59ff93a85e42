// A Node's side of bodies that travel apart from proposals: where they leave and come, what drives
// them, and how messages that are about them begin.

import type {
  Address,
  Bodies,
  BodiesHost,
  BodiesMaker,
  Bytes,
  Codec,
  Sizes,
  Target,
} from "./actor.ts";
import { isOfBodies, NAMED } from "./base/body-form.ts";
import { countDrop, type Call, type Clock, type Drops, type Transport } from "./driver.ts";
import type { Reader, Writer } from "./wire.ts";

interface NodeBodiesOptions<M> {
  /** The id that its node sends from. */
  readonly id: number;
  readonly codec: Codec<M>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly drops: Drops;
  /** Goes on with a message that is whole now. */
  readonly deliver: (from: Address, message: Reader) => void;
}

export class NodeBodies<M> {
  readonly #options: NodeBodiesOptions<M>;
  readonly #bodies: Bodies;
  #call: Call | null = null;

  constructor(make: BodiesMaker, options: NodeBodiesOptions<M>) {
    this.#options = options;
    this.#bodies = make(this.#host());
  }

  get sizes(): Sizes {
    return this.#bodies.sizes;
  }

  /** Whether a message is about bodies, by its first byte. */
  isOf(kind: number): boolean {
    return isOfBodies(kind);
  }

  /** Has the codec say where bodies stand in what it writes next. */
  begin(to: Target, out: Writer): void {
    if (typeof to !== "number") out.bodies = [];
  }

  /** What the message that was written leaves as, if it has bodies that go apart; else null. */
  name({ bodies, sealAt }: Writer, written: () => Bytes): Bytes | null {
    // What is signed names no bodies, but a digest of all.
    const behind = bodies?.filter(({ at }) => at >= sealAt) ?? [];
    return behind.length === 0 ? null : this.#bodies.name(written(), behind);
  }

  /** Writes that in the place of the message. */
  write(named: Bytes): void {
    const out = this.#options.transport.begin(this.#options.id);
    out.u8(NAMED);
    out.bytes(named);
  }

  /** Keeps the body of a request that its actor got. */
  hear(from: Address, message: M): void {
    const { codec, transport } = this.#options;
    const body = codec.bodyIn?.(message) ?? null;
    if (body !== null) this.#bodies.hear(body, transport.sourceOf(from));
  }

  take(from: Address, input: Reader): void {
    this.#bodies.take(from, input);
  }

  stop(): void {
    this.#call?.cancel();
    this.#call = null;
    this.#bodies.clear();
  }

  #host(): BodiesHost {
    const { id, clock, transport, drops, deliver } = this.#options;
    return {
      get now() {
        return clock.now;
      },
      setTimer: (delayMs) => {
        this.#call?.cancel();
        this.#call = clock.after(delayMs, () => {
          this.#call = null;
          this.#bodies.timeout();
        });
      },
      send(to, write) {
        write(transport.begin(id));
        transport.transmit(to);
      },
      deliver,
      drop: (reason) => countDrop(drops, reason),
    };
  }
}
