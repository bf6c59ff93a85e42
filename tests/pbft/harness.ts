// Replicas in memory, on a network that delivers in order what a test does not drop. Messages pass
// through the codec, and signatures, a hash here, are checked as the Node checks them.

import type { Address, App, Bytes, Host, Proof, Refusal, Signer, Target } from "../../src/actor.ts";
import { KvApp } from "../../src/app/kv.ts";
import { PROTOCOL_DEFAULTS, type ProtocolConfig } from "../../src/protocol-config.ts";
import { countDrop, type Drops } from "../../src/driver.ts";
import type { ReplyMessage } from "../../src/protocol/kit/messages.ts";
import { digestOf } from "../../src/protocol/kit/digest.ts";
import { codec, type Message } from "../../src/protocol/pbft/message.ts";
import type { Timer } from "../../src/protocol/pbft/context.ts";
import { PbftReplica, type Parts } from "../../src/protocol/pbft/replica.ts";
import type { Request } from "../../src/protocol/kit/request.ts";
import { BLOCK_MIN, bytesOf, equal, MESSAGE_MAX, Reader, Writer } from "../../src/wire.ts";

/** The address of the first client; replicas have theirs below. */
export const CLIENT = 100;

const BOOK = {
  intern: (_high: number, low: number) => low,
  write: (address: Address, view: DataView, at: number) => {
    view.setUint32(at, 0);
    view.setUint32(at + 4, address);
  },
};

export function configOf(changes: Partial<ProtocolConfig> = {}): ProtocolConfig {
  const n = changes.n ?? 4;
  return {
    ...PROTOCOL_DEFAULTS,
    n,
    f: Math.floor((n - 1) / 3),
    leader: (view) => view % n,
    viewTimeoutMs: 100,
    checkpointInterval: 4,
    ...changes,
  };
}

function blockOf(signer: Signer, signed: Bytes): Bytes {
  const block = new Uint8Array(BLOCK_MIN);
  block.set(digestOf(Buffer.concat([Uint8Array.of(signer), signed])), 5);
  return block;
}

export function holds({ signer, signed, signature }: Proof): boolean {
  return equal(signature, blockOf(signer, signed));
}

/** The packet of a message that `signer` signs, if it is of a kind that is signed. */
export function packetOf(message: Message, signer: Signer): Bytes {
  const out = new Writer(new Uint8Array(65_536), BOOK, MESSAGE_MAX).reset(0, 65_536);
  codec.encode(message, out);
  const { sealAt } = out;
  const bytes = out.copy();
  if (sealAt < 0) return bytes;
  const signed = bytes.subarray(0, sealAt);
  return Buffer.concat([signed, blockOf(signer, signed), bytes.subarray(sealAt)]);
}

export function decoded(packet: Bytes): Message | null {
  return codec.decode(new Reader(packet, BOOK));
}

/** The message as its receiver gets it, signed by its `replica`. */
export function sealed<M extends Message>(message: M): M {
  const signer = "replica" in message ? message.replica : 0;
  const received = decoded(packetOf(message, signer));
  if (received === null) throw new Error(`${message.kind} has no wire form`);
  return received as M;
}

export interface Sent {
  readonly from: number;
  readonly to: Target;
  readonly message: Message;
}

/** Keeps what is sent, and timers. */
export class FakeHost implements Host<Message, Timer | "retry"> {
  now = 0;
  readonly drops: Drops = new Map();
  readonly sent: Sent[] = [];
  readonly timers = new Map<Timer | "retry", number>();
  readonly #self: number;
  #random: number;

  constructor(self: number, incarnation = 0) {
    this.#self = self;
    this.#random = self + 1000 * incarnation;
  }
  random(bound: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * bound);
  }
  send(to: Target, message: Message): void {
    this.sent.push({ from: this.#self, to, message });
  }
  setTimer(timer: Timer | "retry", delayMs: number): void {
    this.timers.set(timer, this.now + delayMs);
  }
  clearTimer(timer: Timer | "retry"): void {
    this.timers.delete(timer);
  }
  drop(reason: Refusal): void {
    countDrop(this.drops, reason);
  }
}

interface Packet {
  readonly from: number;
  readonly to: number;
  readonly packet: Bytes;
  /** It loops back. */
  readonly own: boolean;
}

export class Cluster {
  readonly config: ProtocolConfig;
  readonly hosts: FakeHost[] = [];
  readonly replicas: PbftReplica[] = [];
  readonly down = new Set<number>();
  readonly replies: ReplyMessage[] = [];
  /** Everything that was sent, in order. */
  readonly trace: Sent[] = [];
  forged = 0;
  /** What the network loses. */
  drops: (from: number, to: number, message: Message) => boolean = () => false;
  nowMs = 0;
  #incarnation = 0;
  readonly #app: () => App;
  readonly #parts: Partial<Parts>;
  readonly #inFlight: Packet[] = [];

  /** All replicas have begun, unless `begin` is false. */
  constructor(
    changes: Partial<ProtocolConfig> = {},
    {
      begin = true,
      app = () => new KvApp(),
      parts = {},
    }: { begin?: boolean; app?: () => App; parts?: Partial<Parts> } = {},
  ) {
    this.#parts = parts;
    this.config = configOf(changes);
    this.#app = app;
    for (let i = 0; i < this.config.n; i++) this.start(i);
    if (begin) this.advance(1);
  }

  get n(): number {
    return this.config.n;
  }

  /** Starts a replica without a memory. */
  start(i: number): void {
    const host = new FakeHost(i, this.#incarnation++);
    host.now = this.nowMs;
    this.hosts[i] = host;
    this.replicas[i] = new PbftReplica(i, this.config, host, this.#app(), this.#parts);
    this.down.delete(i);
  }

  replica(i: number): PbftReplica {
    return this.replicas[i]!;
  }

  /** What a replica's parts know. */
  state(i: number) {
    const { views, normal, timer, start, sync, context } = this.replica(i);
    const { log, executor } = context;
    return {
      view: views.view,
      active: views.active,
      executed: normal.executed,
      nextSlot: normal.nextSlot,
      timeoutMs: timer.lengthMs,
      missing: start.missing,
      checkpoints: sync.checkpoints,
      log,
      low: log.low,
      position: executor.position,
      digest: Buffer.from(digestOf(executor.snapshot())).toString("hex"),
    };
  }

  /** Delivers what was sent, and what that has sent, until nothing is left. */
  settle(): void {
    for (let turns = 0; turns < 200_000; turns++) {
      this.#collect();
      const next = this.#inFlight.shift();
      if (next === undefined) return;
      this.#deliver(next);
    }
    throw new Error("the cluster never settles");
  }

  /** Time passes: timers fire in their order, and all is delivered at once. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    this.settle();
    for (;;) {
      let due: { host: number; timer: Timer; atMs: number } | null = null;
      for (const [host, { timers }] of this.hosts.entries()) {
        if (this.down.has(host)) continue;
        for (const [timer, atMs] of timers) {
          if (timer === "retry") continue;
          if (atMs <= endMs && (due === null || atMs < due.atMs)) due = { host, timer, atMs };
        }
      }
      if (due === null) break;
      this.#setTime(Math.max(this.nowMs, due.atMs));
      this.hosts[due.host]?.timers.delete(due.timer);
      this.replica(due.host).timeout(due.timer);
      this.replica(due.host).assertInvariants();
      this.settle();
    }
    this.#setTime(endMs);
  }

  /** A message from outside: from a client, or from a replica that the test plays. */
  inject(from: number, to: number, message: Message, signer?: Signer): void {
    const by = signer ?? ("replica" in message ? message.replica : from);
    this.#inFlight.push({ from, to, packet: packetOf(message, by), own: false });
  }

  /** A client's request to some replicas, all unless told. */
  request(request: Request, to = this.replicas.map((_, i) => i), client = CLIENT): void {
    for (const i of to) this.inject(client, i, { kind: "request", request });
    this.settle();
  }

  /** Opens a session by way of the given replicas; its request maker counts numbers up. */
  open(client = CLIENT, to?: number[]): (op: Bytes) => Request {
    const op = new Uint8Array(13).fill(client);
    const tag = new DataView(op.buffer).getUint32(0);
    this.request({ session: 0, tag, number: 0, op }, to, client);
    const outcome = this.replies.findLast((reply) => reply.session === 0)?.outcome;
    if (outcome?.status !== "opened") throw new Error("the session did not open");
    const { session } = outcome;
    let number = 0;
    return (operation) => ({ session, tag, number: ++number, op: operation });
  }

  /** Results that replicas sent for a request, by replica. */
  results(request: Request): Map<number, Bytes> {
    const found = new Map<number, Bytes>();
    for (const { replica, session, number, outcome } of this.replies) {
      if (session !== request.session || number !== request.number) continue;
      if (outcome.status === "done") found.set(replica, outcome.result);
    }
    return found;
  }

  sent<K extends Message["kind"]>(kind: K, from?: number): (Message & { kind: K })[] {
    const found = this.trace.filter(
      (sent) => sent.message.kind === kind && (from === undefined || sent.from === from),
    );
    return found.map(({ message }) => message as Message & { kind: K });
  }

  #collect(): void {
    for (const [from, host] of this.hosts.entries()) {
      for (const sent of host.sent.splice(0)) {
        if (this.down.has(from)) continue;
        this.trace.push(sent);
        const packet = packetOf(sent.message, from);
        if (typeof sent.to === "number") {
          this.#inFlight.push({ from, to: sent.to, packet, own: false });
          continue;
        }
        for (let to = 0; to < this.n; to++) {
          if (to === from && sent.to === "others") continue;
          this.#inFlight.push({ from, to, packet, own: to === from });
        }
      }
    }
  }

  #deliver({ from, to, packet, own }: Packet): void {
    const message = decoded(packet);
    if (message === null) throw new Error(`${from} sent what cannot be decoded`);
    if (to >= CLIENT) {
      if (message.kind === "reply") this.replies.push(message);
      return;
    }
    const replica = this.replicas[to];
    if (replica === undefined || this.down.has(to)) return;
    if (!own) {
      if (this.drops(from, to, message) || replica.refuse(from, message) !== null) return;
      if (!codec.proofs(message).every(holds)) {
        this.forged++;
        return;
      }
    }
    replica.receive(from, message);
    replica.assertInvariants();
  }

  #setTime(ms: number): void {
    this.nowMs = ms;
    for (const host of this.hosts) host.now = ms;
  }
}

export function bytes(text: string): Bytes {
  return new Uint8Array(Buffer.from(text));
}

/** An `open` that is like no other. */
export function openOf(number: number): Request {
  const op = bytesOf((out) => {
    out.u32(number);
    out.bytes(new Uint8Array(9));
  });
  return { session: 0, tag: number, number: 0, op };
}
