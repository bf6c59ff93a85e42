// A switch for UDP between replicas and clients of one machine, which loses, delays, reorders,
// repeats and alters datagrams. Others know a replica by a socket of the switch; what arrives there
// is passed on to where the replica is, from the socket by which it knows the sender: that of
// another replica, or one that the switch has for each client.

import type { Bytes } from "../actor.ts";
import { Heap } from "../base/heap.ts";
import { Random } from "../base/seeded-random.ts";
import type { NativeLibrary } from "../ffi/native.ts";
import { DatagramSocket, type Endpoint } from "../transport/datagram-socket.ts";

/** Client sockets at a time; what comes from others is dropped. */
const CLIENTS_MAX = 256;
/** How long a datagram is held back so that others overtake it, besides twice the delay. */
const HOLD_MS = 1;
/** Datagrams under way; beyond, the newest is lost. */
const WAITING_MAX = 65_536;
/** Who a client is, where replicas have their index. */
export const CLIENT = 255;

export interface SwitchFaults {
  /** Shares of datagrams, 0 to 1. */
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** One bit of the datagram is flipped. */
  readonly corrupt: number;
  readonly delayMs: number;
  readonly seed: number;
}

export interface SwitchOptions {
  readonly library: NativeLibrary;
  /** Where others send what is for a replica, by index. */
  readonly front: readonly Endpoint[];
  /** Where the replica is. */
  readonly behind: readonly Endpoint[];
  readonly faults: SwitchFaults;
  /** Sees what arrives, before any fault. */
  readonly onDatagram?: (from: number, to: number, bytes: Bytes) => void;
}

/** A socket of the switch, and who is reached by sending from it. */
interface Port {
  readonly socket: DatagramSocket;
  /** The process for which this socket stands in. */
  readonly of: Endpoint;
  /** The replica's index, or CLIENT. */
  readonly who: number;
}

interface Waiting {
  readonly dueMs: number;
  readonly order: number;
  readonly from: Port;
  readonly to: Port;
  readonly bytes: Bytes;
}

export interface SwitchCounts {
  forwarded: number;
  dropped: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
  /** From or for nobody that the switch knows. */
  strayed: number;
}

export class UdpSwitch {
  readonly counts: SwitchCounts = {
    ...{ forwarded: 0, dropped: 0, duplicated: 0, reordered: 0, corrupted: 0, strayed: 0 },
  };
  readonly #library: NativeLibrary;
  readonly #replicas: readonly Port[];
  readonly #clients: Port[] = [];
  readonly #byEndpoint = new Map<number, Port>();
  readonly #faults: SwitchFaults;
  readonly #dice: Random;
  readonly #onDatagram: SwitchOptions["onDatagram"];
  readonly #waiting = new Heap<Waiting>(
    (a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order),
  );
  #order = 0;
  #nowMs = 0;

  /** Binds a socket for each replica. Throws UsageError. */
  constructor({ library, front, behind, faults, onDatagram }: SwitchOptions) {
    this.#library = library;
    this.#faults = faults;
    this.#dice = new Random(faults.seed, "switch");
    this.#onDatagram = onDatagram;
    this.#replicas = behind.map((of, who) => {
      const at = front[who] ?? { ip: of.ip, port: 0 };
      return { socket: new DatagramSocket(library, at), of, who };
    });
    for (const port of this.#replicas) this.#byEndpoint.set(keyOf(port.of.ip, port.of.port), port);
  }

  /** Where others send what is for a replica. */
  get front(): readonly Endpoint[] {
    return this.#replicas.map(({ socket }) => socket.endpoint);
  }

  /** Forwards what came and what is due; returns how much that was. */
  poll(nowMs: number): number {
    this.#nowMs = nowMs;
    let done = this.#release();
    for (const to of this.#replicas) {
      done += to.socket.receive((bytes, ip, port) =>
        this.#arrive(this.#sender(ip, port), to, bytes),
      );
    }
    for (const to of this.#clients) {
      done += to.socket.receive((bytes, ip, port) => {
        const from = this.#byEndpoint.get(keyOf(ip, port));
        this.#arrive(from?.who === CLIENT ? undefined : from, to, bytes);
      });
    }
    for (const { socket } of this.#replicas) socket.flush();
    for (const { socket } of this.#clients) socket.flush();
    return done;
  }

  /** Sends bytes to a replica as if another had sent them, past all faults. */
  inject(from: number, to: number, bytes: Bytes): void {
    const source = this.#replicas[from];
    const destination = this.#replicas[to];
    if (source !== undefined && destination !== undefined) {
      source.socket.send(bytes, destination.of);
    }
  }

  close(): void {
    for (const { socket } of [...this.#replicas, ...this.#clients]) socket.close();
  }

  /** The port by which others know who sends from there; undefined if there is no room for it. */
  #sender(ip: number, port: number): Port | undefined {
    const key = keyOf(ip, port);
    const known = this.#byEndpoint.get(key);
    if (known !== undefined) return known;
    if (this.#clients.length >= CLIENTS_MAX) return undefined;
    const socket = new DatagramSocket(this.#library, { ip, port: 0 });
    const client = { socket, of: { ip, port }, who: CLIENT };
    this.#clients.push(client);
    this.#byEndpoint.set(key, client);
    return client;
  }

  #arrive(from: Port | undefined, to: Port, bytes: Bytes): void {
    if (from === undefined) {
      this.counts.strayed++;
      return;
    }
    this.#onDatagram?.(from.who, to.who, bytes);
    const { drop, duplicate, delayMs, reorder } = this.#faults;
    if (this.#happens(drop)) {
      this.counts.dropped++;
      return;
    }
    const twice = this.#happens(duplicate);
    if (twice) this.counts.duplicated++;
    for (let copy = 0; copy < (twice ? 2 : 1); copy++) {
      let dueMs = this.#nowMs + delayMs;
      if (this.#happens(reorder)) {
        this.counts.reordered++;
        dueMs += (this.#dice.u32() / 2 ** 32) * (HOLD_MS + 2 * delayMs);
      }
      if (dueMs === this.#nowMs) this.#forward(from, to, bytes);
      else if (this.#waiting.length >= WAITING_MAX) this.counts.dropped++;
      else {
        const order = this.#order++;
        this.#waiting.push({ dueMs, order, from, to, bytes: bytes.slice() });
      }
    }
  }

  #forward(from: Port, to: Port, bytes: Bytes): void {
    this.counts.forwarded++;
    const sent = from.socket.send(bytes, to.of);
    if (!this.#happens(this.#faults.corrupt)) return;
    this.counts.corrupted++;
    const bit = this.#dice.int(8 * sent.length);
    sent[bit >> 3] = (sent[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  }

  #release(): number {
    let count = 0;
    for (;;) {
      const head = this.#waiting.peek();
      if (head === undefined || head.dueMs > this.#nowMs) return count;
      this.#waiting.pop();
      this.#forward(head.from, head.to, head.bytes);
      count++;
    }
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#dice.chance(probability);
  }
}

function keyOf(ip: number, port: number): number {
  return ip * 65_536 + port;
}
