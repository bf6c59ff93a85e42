// The side of a client's process that proves its address to every configured host: when it starts,
// when it is challenged, and again and again, because a replica that restarts has forgotten it and
// may answer requests that it heard of from other replicas.

import type { Address, Bytes } from "../actor.ts";
import type { Clock } from "../driver.ts";
import type { Reader, Writer } from "../wire.ts";
import { COOKIE_LENGTH, HELLO, PROOF, PROVER_ID, sendProof, type ProofPort } from "./proof.ts";

/**
 * When a HELLO that was not answered is repeated; the delay doubles up to the largest one, which is
 * short because a protocol may have replicas answer clients that send to others only.
 */
const RETRY_MS = 10;
const RETRY_MAX_MS = 40;
/** How often all are greeted. */
const PERIOD_MS = 1500;
/** Messages to a host that has not welcomed this one are kept: bytes of all, and for how long. */
const KEPT_BYTES_MAX = 256 * 1024;
const KEPT_MS = 500;
const OVERHEAD_BYTES = 64;
/** Large messages wait so long for a welcome. */
const HOLD_MS = 500;
/** Challenges of one host that are answered in a window of time. */
const CHALLENGES_MAX = 8;
const WINDOW_MS = 10;
const ZEROS = new Uint8Array(COOKIE_LENGTH);

interface Kept {
  readonly source: number;
  readonly bytes: Bytes;
  readonly sentMs: number;
}

/** A configured host. */
interface Peer {
  readonly address: Address;
  welcome: boolean;
  /** Anything ever came from it. */
  heard: boolean;
  sinceMs: number;
  /** What was sent to it since. */
  kept: Kept[];
  keptBytes: number;
  windowMs: number;
  challenges: number;
}

export interface ProverOptions {
  readonly port: ProofPort;
  readonly clock: Clock;
  /** Configured hosts are the addresses 0 to `peers` - 1, replicas the first of them. */
  readonly peers: number;
  readonly replicas: number;
  readonly group: Address | null;
  /** Has large messages go on that waited for a welcome. */
  readonly pump: () => void;
}

export class Prover {
  readonly #port: ProofPort;
  readonly #clock: Clock;
  readonly #replicas: number;
  readonly #group: Address | null;
  readonly #pump: () => void;
  readonly #peers: readonly Peer[];
  /** Peers that have not welcomed this process. */
  #unwelcome: number;
  #delayMs = RETRY_MS;
  #greetedAllMs = -Infinity;
  #tick: { cancel(): void };

  constructor({ port, clock, peers, replicas, group, pump }: ProverOptions) {
    this.#port = port;
    this.#clock = clock;
    this.#replicas = replicas;
    this.#group = group;
    this.#pump = pump;
    this.#peers = Array.from({ length: peers }, (_, address) => ({
      ...{ address, welcome: false, heard: false, sinceMs: clock.now, kept: [], keptBytes: 0 },
      ...{ windowMs: -Infinity, challenges: 0 },
    }));
    this.#unwelcome = peers;
    this.#tick = clock.after(0, () => this.#greet());
  }

  /** Whether any peer has not welcomed this process, so that `heard` and `keep` matter. */
  get waits(): boolean {
    return this.#unwelcome > 0;
  }

  /** Peers from which nothing ever came. */
  get silent(): readonly Address[] {
    return this.#peers.filter(({ heard }) => !heard).map(({ address }) => address);
  }

  /** Bytes kept for one peer, at most. */
  get sizes(): { readonly name: string; readonly size: number; readonly max: number }[] {
    const size = this.#peers.reduce((most, peer) => Math.max(most, peer.keptBytes), 0);
    return [{ name: "transport.bytes kept for a challenge", size, max: KEPT_BYTES_MAX }];
  }

  /** Something other than a challenge came: the peer sends here, so it has welcomed this host. */
  heard(from: Address): void {
    const peer = this.#peerOf(from);
    if (peer === undefined || peer.welcome) return;
    peer.heard = true;
    peer.welcome = true;
    this.#unwelcome--;
    forget(peer);
    this.#pump();
  }

  /** Keeps a message that is about to leave for those that may not deliver it. */
  keep(source: number, to: readonly Address[], message: Writer): void {
    let copy: Bytes | null = null;
    for (const peer of this.#peers) {
      const inGroup = peer.address < this.#replicas && this.#group !== null;
      const goes = to.includes(peer.address) || (inGroup && to.includes(this.#group ?? 0));
      if (peer.welcome || !goes) continue;
      const bytes = message.length + OVERHEAD_BYTES;
      if (peer.keptBytes + bytes > KEPT_BYTES_MAX) continue;
      copy ??= message.copy();
      peer.kept.push({ source, bytes: copy, sentMs: this.#clock.now });
      peer.keptBytes += bytes;
    }
  }

  /** Whether parts of a large message may leave for this address. */
  mayLeave(to: Address): boolean {
    if (this.#unwelcome === 0) return true;
    if (to === this.#group) {
      return this.#peers.every((peer) => peer.address >= this.#replicas || this.#isReady(peer));
    }
    const peer = this.#peers[to];
    return peer === undefined || this.#isReady(peer);
  }

  /** Replicas may have been sent to by the group's address, and then answer with its id. */
  #peerOf(from: Address): Peer | undefined {
    const group = this.#group;
    if (group === null || from <= group) return this.#peers[from];
    return from <= group + this.#replicas ? this.#peers[from - group - 1] : undefined;
  }

  #isReady({ welcome, sinceMs }: Peer): boolean {
    return welcome || this.#clock.now - sinceMs >= HOLD_MS;
  }

  /** Answers a challenge, and repeats what was sent and may not have been delivered. */
  onChallenge(from: Address, input: Reader): void {
    const peer = this.#peerOf(from);
    const cookie = input.bytes(COOKIE_LENGTH);
    if (peer === undefined || !input.done) {
      this.#port.drop("malformed fragment");
      return;
    }
    peer.heard = true;
    const { now } = this.#clock;
    if (now - peer.windowMs >= WINDOW_MS) {
      peer.windowMs = now;
      peer.challenges = 0;
    }
    if (++peer.challenges > CHALLENGES_MAX) {
      this.#port.drop("too many challenges");
      return;
    }
    if (peer.welcome) {
      peer.welcome = false;
      peer.sinceMs = now;
      this.#unwelcome++;
      this.#schedule(RETRY_MS);
    }
    // Otherwise messages would join a datagram that is ahead of the proof.
    this.#port.flush();
    sendProof(this.#port, PROVER_ID, peer.address, PROOF, cookie);
    const { kept } = peer;
    forget(peer);
    for (const { source, bytes, sentMs } of kept) {
      if (now - sentMs > KEPT_MS) continue;
      const out = this.#port.beginPacket();
      out.bytes(bytes);
      this.#port.send(source, peer.address, false);
    }
  }

  /** Greets those that have not answered, and all of them once a period. */
  #greet(): void {
    const { now } = this.#clock;
    const all = now - this.#greetedAllMs >= PERIOD_MS;
    if (all) this.#greetedAllMs = now;
    for (const peer of this.#peers) {
      if (!all && peer.welcome) continue;
      sendProof(this.#port, PROVER_ID, peer.address, HELLO, ZEROS);
      const newest = peer.kept.at(-1);
      if (newest !== undefined && now - newest.sentMs > KEPT_MS) forget(peer);
    }
    // At least a millisecond: a rounding error would have it called again at the same time.
    const leftMs = Math.max(1, this.#greetedAllMs + PERIOD_MS - now);
    const retryMs = Math.min(2 * this.#delayMs, RETRY_MAX_MS);
    this.#schedule(this.waits ? Math.min(retryMs, leftMs) : leftMs);
    this.#pump();
  }

  #schedule(delayMs: number): void {
    this.#delayMs = delayMs;
    this.#tick.cancel();
    this.#tick = this.#clock.after(delayMs, () => this.#greet());
  }
}

function forget(peer: Peer): void {
  peer.kept = [];
  peer.keptBytes = 0;
}
