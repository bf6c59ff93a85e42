// Replicas and clients in memory: one replica fed by hand, or a cluster over a network that
// delivers in order unless a test says otherwise. Messages pass through the codec; signatures are
// taken to hold.

import type { Address, App, Bytes, Host, Refusal, Target } from "../../src/actor.ts";
import { KvApp, encodeKvOperation } from "../../src/app/kv.ts";
import { PROTOCOL_DEFAULTS, type ProtocolConfig } from "../../src/protocol-config.ts";
import { countDrop, type Drops } from "../../src/driver.ts";
import { makeBatch } from "../../src/protocol/kit/batch.ts";
import type { StableCheckpoint } from "../../src/protocol/kit/messages.ts";
import { makeBlock, type Block } from "../../src/protocol/hotstuff/block.ts";
import {
  hotstuff,
  HotStuffReplica,
  type Message,
  type Parts,
} from "../../src/protocol/hotstuff/index.ts";
import { codec } from "../../src/protocol/hotstuff/message.ts";
import { GENESIS_QC, type Qc, type Tc } from "../../src/protocol/hotstuff/certificate.ts";
import type { Certificate } from "../../src/protocol/kit/quorum.ts";
import type { Request } from "../../src/protocol/kit/request.ts";
import { BLOCK_MIN, EMPTY, Reader, Writer } from "../../src/wire.ts";

type Timer = "view" | "flush" | "fetch" | "recover" | "retry";

export const FAKE_BLOCK: Bytes = new Uint8Array(BLOCK_MIN);
const BOOK = {
  intern: (_high: number, low: number) => low,
  write: (address: Address, view: DataView, at: number) => view.setUint32(at + 4, address),
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

/** The message as another process decodes it: signed, if it is of a kind that is. */
export function carried(message: Message, from: Address): Message {
  const out = new Writer(new Uint8Array(65_536), BOOK).reset(0, 65_536);
  codec.encode(message, out);
  const { sealAt } = out;
  const bytes = out.copy();
  const parts =
    sealAt < 0 ? [bytes] : [bytes.subarray(0, sealAt), FAKE_BLOCK, bytes.subarray(sealAt)];
  const packet = new Uint8Array(Buffer.concat(parts));
  const decoded = codec.decode(new Reader(packet, BOOK));
  if (decoded === null) throw new Error(`${message.kind} of ${from} is malformed`);
  return decoded;
}

export interface Sent {
  readonly to: Target;
  readonly message: Message;
}

/** A host that keeps what is sent, and timers. */
export class FakeHost implements Host<Message, Timer> {
  clockMs = 0;
  readonly drops: Drops = new Map();
  readonly sent: Sent[] = [];
  readonly timers = new Map<Timer, number>();
  #random = 1;

  readonly #startMs: number;

  constructor(seed = 1, startMs = 0) {
    this.#random = seed;
    this.#startMs = startMs;
    this.clockMs = startMs;
  }
  get now(): number {
    return this.clockMs - this.#startMs;
  }
  random(bound: number): number {
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) >>> 0;
    return (this.#random >>> 8) % bound;
  }
  send(to: Target, message: Message): void {
    this.sent.push({ to, message });
  }
  setTimer(timer: Timer, delayMs: number): void {
    this.timers.set(timer, this.clockMs + delayMs);
  }
  clearTimer(timer: Timer): void {
    this.timers.delete(timer);
  }
  drop(reason: Refusal): void {
    countDrop(this.drops, reason);
  }
  /** What was sent since the last call. */
  take(): Sent[] {
    return this.sent.splice(0);
  }
  /** What was sent since the last call, of one kind. */
  takeKind<K extends Message["kind"]>(kind: K): (Message & { kind: K })[] {
    const found = this.take().filter(({ message }) => message.kind === kind);
    return found.map(({ message }) => message as Message & { kind: K });
  }
}

export function certificate(signers: readonly number[]): Certificate {
  return { signers, blocks: signers.map(() => FAKE_BLOCK) };
}

export function qc(block: Block, signers: readonly number[] = [0, 1, 2]): Qc {
  return { view: block.view, block: block.hash, votes: certificate(signers) };
}

export function tc(view: number, signers: readonly number[] = [0, 1, 2]): Tc {
  return { view, votes: certificate(signers) };
}

const CLIENT = 100;

export function openRequest(number: number): Request {
  const op = new Uint8Array(13).fill(number);
  return { session: 0, tag: new DataView(op.buffer).getUint32(0), number: 0, op };
}

/** A block with `requests` on what `justify` certifies. */
export function block(view: number, justify: Qc = GENESIS_QC, requests: Request[] = []): Block {
  const clients = requests.map(() => CLIENT);
  return makeBlock(view, justify, makeBatch(requests, clients));
}

/** One replica that has started, as all said that they were starting. */
export class Solo {
  readonly host: FakeHost;
  readonly replica: HotStuffReplica;
  readonly config: ProtocolConfig;

  constructor(
    self = 0,
    changes: Partial<ProtocolConfig> = {},
    {
      started = true,
      app = new KvApp(),
      parts = {},
    }: { started?: boolean; app?: App; parts?: Partial<Parts> } = {},
  ) {
    this.config = configOf(changes);
    this.host = new FakeHost(self + 1);
    this.replica = new HotStuffReplica(self, this.config, this.host, app, parts);
    if (!started) return;
    for (let i = 0; i < this.config.n; i++) if (i !== self) this.answer(i, true);
    if (!this.running) throw new Error("it should run");
    this.host.take();
  }

  receive(from: Address, message: Message): void {
    const arrived = carried(message, from);
    if (this.replica.refuse(from, arrived) !== null) return;
    this.replica.receive(from, arrived);
    this.replica.assertInvariants();
  }

  /** Another replica answers that it is starting, or that it runs in the first view. */
  answer(replica: number, starting: boolean): void {
    const recover = this.host.sent.find(({ message }) => message.kind === "recover")?.message;
    if (recover?.kind !== "recover") throw new Error("it asks first");
    const { nonce, replica: to } = recover;
    const own = starting ? new Uint8Array(16).fill(replica) : null;
    const position = starting ? null : { highQc: GENESIS_QC, tc: null };
    this.receive(replica, { kind: "answer", replica, to, nonce, starting, own, position });
  }

  /** The proposal of the view's leader. */
  propose(proposed: Block, timeout: Tc | null = null): void {
    const replica = this.config.leader(proposed.view);
    this.receive(replica, { kind: "propose", replica, block: proposed, tc: timeout });
  }

  vote(replica: number, voted: Block, late = false): void {
    const { view, hash: digest } = voted;
    this.receive(replica, { kind: "vote", replica, view, digest, late });
  }

  timeOut(replica: number, view: number, highQc: Qc = GENESIS_QC, entry: Tc | null = null): void {
    const message = { kind: "timeout", replica, view, digest: EMPTY, highQc, tc: entry } as const;
    this.receive(replica, message);
  }

  /** The views of the votes sent since the last call. */
  voted(): number[] {
    return this.host.takeKind("vote").map(({ view }) => view);
  }

  get running(): boolean {
    return this.replica.start.running;
  }
  get committed(): number {
    return this.replica.census().committed;
  }
  get view(): number {
    return this.replica.census().view;
  }
}

interface Member {
  readonly host: FakeHost;
  readonly actor: ReturnType<typeof hotstuff.client> | HotStuffReplica;
  up: boolean;
}

/** A network that says what it does with a message: deliver it, or lose it. */
export type Filter = (from: number, to: number, message: Message) => boolean;

/** Replicas 0..n-1 and clients, in virtual time; every message takes a millisecond. */
export class Cluster {
  readonly config: ProtocolConfig;
  readonly members = new Map<number, Member>();
  readonly apps: KvApp[] = [];
  filter: Filter = () => true;
  now = 0;
  readonly #flying: { atMs: number; from: number; to: number; message: Message }[] = [];

  constructor(changes: Partial<ProtocolConfig> = {}) {
    this.config = configOf(changes);
    for (let i = 0; i < this.config.n; i++) this.start(i);
  }

  /** Starts, or starts anew, a replica without any memory. */
  start(self: number): void {
    const host = new FakeHost(self + 1 + this.now, this.now);
    const app = new KvApp();
    this.apps[self] = app;
    const actor = new HotStuffReplica(self, this.config, host, app);
    this.members.set(self, { host, actor, up: true });
    this.#collect(self);
  }

  client(id: number): ReturnType<typeof hotstuff.client> {
    const host = new FakeHost(id, this.now);
    const actor = hotstuff.client(this.config, host);
    this.members.set(id, { host, actor, up: true });
    return actor;
  }

  replica(i: number): HotStuffReplica {
    return this.members.get(i)?.actor as HotStuffReplica;
  }

  stop(id: number): void {
    const member = this.members.get(id);
    if (member !== undefined) member.up = false;
  }

  /** Has the client ask; gives a box that holds the result once it is there. */
  invoke(id: number, op: Bytes): { result: Bytes | null | undefined } {
    const member = this.members.get(id);
    const box: { result: Bytes | null | undefined } = { result: undefined };
    const client = member?.actor as ReturnType<typeof hotstuff.client>;
    client.invoke(op, (result) => (box.result = result));
    this.#collect(id);
    return box;
  }

  /** Runs until `until` holds; false if it does not within `withinMs` of virtual time. */
  run(until: () => boolean, withinMs = 10_000): boolean {
    const endMs = this.now + withinMs;
    while (!until()) {
      if (!this.#step(endMs)) return false;
    }
    return true;
  }

  /** Lets virtual time pass. */
  pass(ms: number): void {
    const endMs = this.now + ms;
    while (this.#step(endMs));
    this.now = endMs;
  }

  #step(endMs: number): boolean {
    const next = this.#flying[0];
    let timer: { id: number; name: Timer; atMs: number } | null = null;
    for (const [id, { host, up }] of this.members) {
      if (!up) continue;
      for (const [name, atMs] of host.timers) {
        if (timer === null || atMs < timer.atMs) timer = { id, name, atMs };
      }
    }
    const atMs = Math.min(next?.atMs ?? Infinity, timer?.atMs ?? Infinity);
    if (atMs === Infinity || atMs > endMs) return false;
    this.now = Math.max(this.now, atMs);
    for (const { host } of this.members.values()) host.clockMs = this.now;
    if (next !== undefined && next.atMs === atMs) {
      this.#flying.shift();
      this.#deliver(next.from, next.to, next.message);
    } else if (timer !== null) {
      const member = this.members.get(timer.id);
      member?.host.timers.delete(timer.name);
      member?.actor.timeout(timer.name as never);
      this.#collect(timer.id);
    }
    return true;
  }

  #deliver(from: number, to: number, message: Message): void {
    const member = this.members.get(to);
    if (member === undefined || !member.up) return;
    if (from !== to && !this.filter(from, to, message)) return;
    const actor = member.actor as HotStuffReplica;
    if (from === to || actor.refuse(from, message) === null) actor.receive(from, message);
    if (actor instanceof HotStuffReplica) actor.assertInvariants();
    this.#collect(to);
  }

  #collect(from: number): void {
    const member = this.members.get(from);
    if (member === undefined) return;
    for (const { to, message } of member.host.take()) {
      const everyone = Array.from({ length: this.config.n }, (_, i) => i);
      const targets = typeof to === "number" ? [to] : everyone;
      for (const target of targets) {
        if (target === from && to !== "all") continue;
        const atMs = this.now + 1;
        this.#flying.push({ atMs, from, to: target, message: carried(message, from) });
      }
    }
  }
}

export function put(key: string, value: string): Bytes {
  return encodeKvOperation({ kind: "put", key: Buffer.from(key), value: Buffer.from(value) });
}

/** A stable checkpoint as three replicas would have signed it. */
export function stable(slot: number, digest: Bytes): StableCheckpoint {
  return { slot, digest, certificate: certificate([0, 1, 2]) };
}
