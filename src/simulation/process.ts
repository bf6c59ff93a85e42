// A process of the world: one host's clock, transport, stage and node, with its actor. It crashes
// into nothing and is built anew.

import type { Client, Replica, Sealed } from "../actor.ts";
import type { Transport } from "../driver.ts";
import type { Node } from "../node.ts";
import type { Packet } from "./simulated-packet.ts";
import type { Owner, Scheduler } from "./scheduler.ts";

/** An actor with the node that it runs on. */
export interface Hosted {
  readonly node: Node<Sealed, string>;
  readonly replica: Replica<Sealed, string> | null;
  readonly client: Client<Sealed, string> | null;
}

/** A transport that the network hands what has arrived. */
interface ReceivingTransport extends Transport {
  arrive(packet: Packet): void;
}

export class Process implements Owner {
  readonly index: number;
  /** Twins have one. */
  readonly host: number;
  readonly name: string;
  incarnation = 0;
  pausedUntilUs = 0;
  up = false;
  byzantine = false;
  transport: ReceivingTransport | null = null;
  hosted: Hosted[] = [];
  /** Told after each of its events. */
  onEvent: ((process: Process) => void) | null = null;
  /** Told of what arrives; gives what is delivered. */
  onArrival: ((process: Process, from: Process, packet: Packet) => Packet) | null = null;
  readonly #scheduler: Scheduler;
  #polling = false;

  constructor(scheduler: Scheduler, index: number, host: number, name: string) {
    this.#scheduler = scheduler;
    this.index = index;
    this.host = host;
    this.name = name;
  }

  /** Forgets everything; what was due never happens. */
  crash(): void {
    this.incarnation++;
    this.up = false;
    this.transport = null;
    this.hosted = [];
    this.#polling = false;
    this.pausedUntilUs = 0;
  }

  /** Has its nodes polled in a later turn. */
  pollSoon(): void {
    if (this.#polling) return;
    this.#polling = true;
    this.#scheduler.after(this, 1, () => {
      this.#polling = false;
      let count = 0;
      for (const { node } of this.hosted) count += node.poll();
      this.#scheduler.note(this.index, count);
    });
  }

  arrive(from: Process, packet: Packet): void {
    const { transport } = this;
    if (transport === null) return;
    this.#scheduler.note(packet.fromHost, packet.content.crc);
    transport.arrive(this.onArrival?.(this, from, packet) ?? packet);
  }

  afterEvent(): void {
    this.onEvent?.(this);
  }
}
