// A switch for UDP between replicas and clients of one machine, which loses, delays, reorders,
// repeats and alters datagrams, and can have the latencies and bandwidths of a network.
//
// Others know a replica by a socket of the switch; what arrives there is passed on to where the
// replica is, from the socket by which it knows the sender: that of another replica, or one that
// the switch has for each client.

import type { Bytes } from "../actor.ts";
import { Heap } from "../base/heap.ts";
import { Random } from "../base/seeded-random.ts";
import { pathBetween, type NetworkPath, type PlacedNetwork } from "../evaluation/network-model.ts";
import type { NativeLibrary } from "../ffi/native.ts";
import { DatagramSocket, type Endpoint } from "../transport/datagram-socket.ts";

/** Client sockets at a time; what comes from others is dropped. */
const CLIENTS_MAX = 256;
/** How long a datagram is held back so that others overtake it, besides twice the delay. */
const HOLD_MS = 1;
/** How long a datagram may wait for its link, at either end: what a router's buffer holds. */
const LINK_QUEUE_MS = 50;
/** What a link carries beside a datagram: headers of UDP, IP and Ethernet, preamble and gap. */
const DATAGRAM_EXTRA = 66;
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
  /** What lies between the processes; clients are placed in the order in which they are heard. */
  readonly network?: PlacedNetwork | null;
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
  readonly link: Link;
}

/** Of a process to the network that lies between. */
interface Link {
  /** The index of its site. */
  readonly site: number;
  /** When the last bit of what was given to it is through, from the process and to it. */
  sentMs: number;
  arrivedMs: number;
  /** When the latest datagram to each other process is there: later ones do not overtake it. */
  readonly latestMs: Map<Link, number>;
}

function linkAt(site: number): Link {
  return { site, sentMs: 0, arrivedMs: 0, latestMs: new Map() };
}

interface Waiting {
  readonly dueMs: number;
  readonly order: number;
  readonly from: Port;
  readonly to: Port;
  readonly bytes: Bytes;
  /** Whether the link to whom it is for has carried it, so that only its last bit is waited for. */
  readonly carried: boolean;
}

export interface SwitchCounts {
  forwarded: number;
  dropped: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
  /** Their link was too far behind. */
  congested: number;
  /** From or for nobody that the switch knows. */
  strayed: number;
}

export class UdpSwitch {
  readonly counts: SwitchCounts = {
    ...{ forwarded: 0, dropped: 0, duplicated: 0, reordered: 0, corrupted: 0, congested: 0 },
    strayed: 0,
  };
  readonly #library: NativeLibrary;
  readonly #replicas: readonly Port[];
  readonly #clients: Port[] = [];
  readonly #byEndpoint = new Map<number, Port>();
  readonly #faults: SwitchFaults;
  readonly #network: PlacedNetwork | null;
  /** By site from, then site to; none without a network. */
  readonly #paths: readonly (readonly NetworkPath[])[];
  readonly #dice: Random;
  readonly #onDatagram: SwitchOptions["onDatagram"];
  readonly #waiting = new Heap<Waiting>(
    (a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order),
  );
  #order = 0;
  #nowMs = 0;

  /** Binds a socket for each replica. Throws UsageError. */
  constructor({ library, front, behind, faults, network = null, onDatagram }: SwitchOptions) {
    this.#library = library;
    this.#faults = faults;
    this.#network = network;
    this.#paths = pathsOf(network);
    this.#dice = new Random(faults.seed, "switch");
    this.#onDatagram = onDatagram;
    this.#replicas = behind.map((of, who) => {
      const at = front[who] ?? { ip: of.ip, port: 0 };
      const link = linkAt(network?.replicas[who] ?? 0);
      return { socket: new DatagramSocket(library, at), of, who, link };
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
    const sites = this.#network?.clients ?? [0];
    const link = linkAt(sites[this.#clients.length % sites.length] ?? 0);
    const client = { socket, of: { ip, port }, who: CLIENT, link };
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
    const sentMs = this.#carry(from.link, "sentMs", this.#nowMs, bytes);
    if (sentMs === null) return;
    const path = this.#paths[from.link.site]?.[to.link.site] ?? NO_PATH;
    if (this.#happens(drop) || this.#happens(path.loss)) {
      this.counts.dropped++;
      return;
    }
    const twice = this.#happens(duplicate);
    if (twice) this.counts.duplicated++;
    for (let copy = 0; copy < (twice ? 2 : 1); copy++) {
      let dueMs = this.#pathMs(path, from.link, to.link, sentMs) + delayMs;
      if (this.#happens(reorder)) {
        this.counts.reordered++;
        dueMs += (this.#dice.u32() / 2 ** 32) * (HOLD_MS + 2 * delayMs);
      }
      const order = this.#order++;
      const carried = this.#network === null;
      if (carried && dueMs === this.#nowMs) this.#forward(from, to, bytes);
      else this.#wait({ dueMs, order, from, to, bytes: bytes.slice(), carried });
    }
  }

  #wait(waiting: Waiting): void {
    if (this.#waiting.length >= WAITING_MAX) this.counts.dropped++;
    else this.#waiting.push(waiting);
  }

  /**
   * When the link of a process is through with what is at its beginning at `atMs`; null if too much
   * waits for it.
   */
  #carry(link: Link, way: "sentMs" | "arrivedMs", atMs: number, bytes: Bytes): number | null {
    if (this.#network === null) return atMs;
    const startMs = Math.max(atMs, link[way]);
    if (startMs - atMs > LINK_QUEUE_MS) {
      this.counts.congested++;
      return null;
    }
    const { bandwidthGbps } = this.#network.model;
    link[way] = startMs + (8 * (bytes.length + DATAGRAM_EXTRA)) / (bandwidthGbps * 1e6);
    return link[way];
  }

  /** When what left its sender's link at `sentMs` is at the link of whom it is for. */
  #pathMs({ delayMs, jitterMs }: NetworkPath, from: Link, to: Link, sentMs: number): number {
    if (jitterMs === 0) return sentMs + delayMs;
    const dueMs = sentMs + delayMs + (this.#dice.u32() / 2 ** 32) * jitterMs;
    const latestMs = Math.max(dueMs, from.latestMs.get(to) ?? 0);
    from.latestMs.set(to, latestMs);
    return latestMs;
  }

  /** What is at the link of whom it is for waits until that is through with it. */
  #land(waiting: Waiting): void {
    const { dueMs: atMs, from, to, bytes, carried } = waiting;
    if (carried) return this.#forward(from, to, bytes);
    // Even if that is by now, because others may be due before.
    const dueMs = this.#carry(to.link, "arrivedMs", atMs, bytes);
    if (dueMs !== null) this.#wait({ ...waiting, dueMs, carried: true });
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
      this.#land(head);
      count++;
    }
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#dice.chance(probability);
  }
}

const NO_PATH: NetworkPath = { delayMs: 0, jitterMs: 0, loss: 0 };

function pathsOf(network: PlacedNetwork | null): readonly (readonly NetworkPath[])[] {
  if (network === null) return [];
  const { model } = network;
  return model.sites.map((_, from) => model.sites.map((_, to) => pathBetween(model, from, to)));
}

function keyOf(ip: number, port: number): number {
  return ip * 65_536 + port;
}
