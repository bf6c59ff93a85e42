// What a stranger attacks with: two hosts on the network and nobody's key. One receives like any
// other; the other is a victim in whose name packets are sent, and only counts what it gets.

import type { Address, Bytes, Codec, Proof, Sealed } from "../actor.ts";
import { systemRandom } from "../base/system-random.ts";
import type { DeployConfig } from "../config.ts";
import { loadNative, type NativeLibrary } from "../ffi/native.ts";
import { RealClock } from "../process/real-clock.ts";
import { UdpTransport } from "../transport/udp.ts";
import { BLOCK_MIN, EMPTY, type Reader, type Writer } from "../wire.ts";

/** Bytes of a datagram before its payload: what it holds, and two ids. */
const DATAGRAM_HEADER = 4;

/** Packets and bytes, of datagrams' contents. */
export interface Traffic {
  packets: number;
  bytes: number;
}

/** A host of the attacker's: a transport that counts, and sends parts that belong to no message. */
export class AttackingHost extends UdpTransport {
  readonly outgoing: Traffic = { packets: 0, bytes: 0 };
  readonly incoming: Traffic = { packets: 0, bytes: 0 };
  readonly #answers: boolean;
  /** Sees the parts of large messages that arrive. */
  onPart: (from: Address, part: Reader) => void = () => {};

  /** At this IPv4 address; one that does not answer takes nothing in but for counting. */
  constructor(
    deploy: DeployConfig,
    library: NativeLibrary,
    clock: RealClock,
    host: Bytes,
    answers: boolean,
  ) {
    super({
      replicas: deploy.replicas,
      multicast: null,
      // One that does not answer proves its address to nobody.
      member: !answers,
      clock,
      random: systemRandom,
      library,
      local: Uint8Array.of(...host, 0, 0),
    });
    this.#answers = answers;
  }

  /** Addresses of hosts that nobody has. */
  invent(count: number): readonly Address[] {
    return Array.from({ length: count }, (_, i) => this.book.intern(0x0a00_0000 + i, 0x1000_0001));
  }

  /** Sends what `write` writes to replicas, as a message. */
  message(id: number, to: readonly Address[], write: (out: Writer) => void): void {
    const out = this.begin(id);
    write(out);
    this.#count(out.length * to.length, to.length);
    this.transmit(to);
  }

  /** Sends what `write` writes to a replica, as a part of a message. */
  part(id: number, to: Address, write: (out: Writer) => void): void {
    const out = this.beginPacket();
    write(out);
    this.#count(out.length, 1);
    this.sendPacket(id, to, true);
  }

  protected override receivePacket(
    destination: number,
    high: number,
    low16: number,
    source: number,
    part: boolean,
    input: Reader,
  ): void {
    this.incoming.packets++;
    this.incoming.bytes += DATAGRAM_HEADER + input.remaining;
    if (!this.#answers) return;
    if (part) {
      const start = input.position;
      const end = start + input.remaining;
      this.onPart(this.book.find(high, low16, source), input);
      input.reset(start, end);
    }
    super.receivePacket(destination, high, low16, source, part, input);
  }

  #count(bytes: number, packets: number): void {
    this.outgoing.packets += packets;
    this.outgoing.bytes += DATAGRAM_HEADER * packets + bytes;
  }
}

/** A signature that holds for nothing. */
export function forgedSeal(signer: number): Proof {
  const signature = new Uint8Array(BLOCK_MIN);
  for (let i = 5; i < signature.length; i++) signature[i] = systemRandom(256);
  return { signer, signed: EMPTY, signature };
}

export class Arms {
  readonly mode: string;
  readonly n: number;
  readonly codec: Codec<Sealed>;
  readonly native = loadNative();
  readonly clock = new RealClock();
  readonly own: AttackingHost;
  readonly victims: AttackingHost[] = [];
  readonly #deploy: DeployConfig;
  readonly #host: Bytes;
  readonly #replicas: readonly Address[];

  /** At `host`, an IPv4 address; hosts in whose name packets are sent have the next ones. */
  constructor(mode: string, codec: Codec<Sealed>, deploy: DeployConfig, host: Bytes) {
    this.mode = mode;
    this.codec = codec;
    this.n = deploy.replicas.length;
    this.#deploy = deploy;
    this.#replicas = deploy.replicas.map((_, i) => i);
    this.#host = host;
    this.own = new AttackingHost(deploy, this.native, this.clock, host, true);
  }

  /** UDP ports of replicas. */
  get replicaPorts(): readonly number[] {
    return this.#deploy.replicas.map(({ host }) => ((host[4] ?? 0) << 8) | (host[5] ?? 0));
  }

  /** Another host in whose name packets are sent. */
  victim(): AttackingHost {
    const host = this.#host.slice();
    host[3] = (host[3] ?? 0) + 1 + this.victims.length;
    const victim = new AttackingHost(this.#deploy, this.native, this.clock, host, false);
    this.victims.push(victim);
    return victim;
  }

  /** Sends a message of the protocol to each replica, from an id of a host. */
  toAll(host: AttackingHost, id: number, message: Sealed): void {
    host.message(id, this.#replicas, (out) => this.codec.encode(message, out));
  }

  to(host: AttackingHost, id: number, to: Address, message: Sealed): void {
    host.message(id, [to], (out) => this.codec.encode(message, out));
  }

  /** Receives, and sends what waits; returns how much there was. */
  poll(): number {
    return this.victims.reduce((sum, victim) => sum + victim.poll(), this.own.poll());
  }

  close(): void {
    for (const host of [this.own, ...this.victims]) host.close();
  }
}

export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Sends one round, and more of them on and on. */
export type Send = (round: number) => void;

export interface Stranger {
  /** Rounds a second at --rate 1. */
  readonly perSecond: number;
  /** Gets what it needs, then says how a round is sent. */
  prepare(arms: Arms, ready: (send: Send) => void): void;
}
