// Actors of any protocol in memory and virtual time: a cluster on a network that delivers in order
// what a test does not drop, or one replica that a test feeds by hand. Messages pass through the
// codec, signatures are checked as the Node checks them, and a replica's invariants after all that
// it does.

import type { Address, App, Bytes, Client, Host } from "../../src/actor.ts";
import type { Protocol, Replica, RoleActor, Signer, Target } from "../../src/actor.ts";
import { KvApp } from "../../src/app/kv.ts";
import { PROTOCOL_DEFAULTS, type ProtocolConfig } from "../../src/protocol-config.ts";
import { FakeHost } from "./fake-host.ts";
import { Packets, signerOf, type Kinded, type OfKind } from "./packets.ts";

/** A protocol whose replicas a test looks into. */
export interface Tested<M, T extends string, R extends Replica<M, T>> extends Protocol<M, T> {
  replica(self: Signer, config: ProtocolConfig, host: Host<M, T>, app: App): R;
}

/** Four replicas with short view timeouts and checkpoint intervals, unless `changes` differ. */
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

/** Events without a pause after which nobody believes in an end. */
const TURNS_MAX = 200_000;

/** A message on its way, or arrived. */
export interface Carried<M> {
  readonly from: Address;
  readonly to: Address;
  readonly message: M;
}

interface Flying {
  readonly from: Address;
  readonly to: Address;
  readonly packet: Bytes;
  /** It loops back. */
  readonly own: boolean;
}

/** What a client's operation came to: `undefined` until it is known. */
export interface Invoked {
  result: Bytes | null | undefined;
}

/** Replicas 0..n-1, and clients with larger addresses: actors, or played by the test. */
export class Cluster<M extends Kinded, T extends string, R extends Replica<M, T>> {
  readonly config: ProtocolConfig;
  readonly packets: Packets<M>;
  readonly replicas: R[] = [];
  readonly hosts = new Map<Address, FakeHost<M, T>>();
  /** Everything that was sent by those that were up, in order. */
  readonly trace: { readonly from: Address; readonly to: Target; readonly message: M }[] = [];
  /** What arrived where there is no actor. */
  readonly heard: Carried<M>[] = [];
  /** Messages with a signature that did not hold. */
  forged = 0;
  /** What the network loses, of all that does not loop back. */
  drops: (from: Address, to: Address, message: M) => boolean = () => false;
  nowMs = 0;
  readonly #protocol: Tested<M, T, R>;
  readonly #app: () => App;
  readonly #clients = new Map<Address, Client<M, T>>();
  /** Processes of other roles, by the addresses that the configuration gives them. */
  readonly #roles = new Map<Address, RoleActor<M, T>>();
  readonly #down = new Set<Address>();
  readonly #flying: Flying[] = [];
  #incarnation = 0;
  #turns = 0;

  /** All replicas start; they have begun, unless `begin` is false. */
  constructor(
    protocol: Tested<M, T, R>,
    changes: Partial<ProtocolConfig> = {},
    {
      begin = true,
      app = () => new KvApp(),
    }: { readonly begin?: boolean; readonly app?: () => App } = {},
  ) {
    this.#protocol = protocol;
    this.packets = new Packets(protocol.codec);
    this.config = configOf(changes);
    this.#app = app;
    for (const address of [...(this.config.roles?.values() ?? [])].flat()) this.startRole(address);
    for (let i = 0; i < this.config.n; i++) this.start(i);
    if (begin) this.advance(1);
  }

  /** Starts a replica without a memory, whether it ran before or not. */
  start(i: Signer): void {
    const host = this.#newHost(i);
    this.replicas[i] = this.#protocol.replica(i, this.config, host, this.#app());
    this.#down.delete(i);
  }

  /** Starts a process of another role, at its address, without a memory. */
  startRole(address: Address): void {
    for (const [role, addresses] of this.config.roles ?? []) {
      const index = addresses.indexOf(address);
      const make = this.#protocol.roles?.get(role);
      if (index < 0 || make === undefined) continue;
      this.#roles.set(address, make(index, this.config, this.#newHost(address)));
      this.#down.delete(address);
    }
  }

  /** From now on nothing reaches it, and nothing leaves it. */
  stop(id: Address): void {
    this.#collect();
    this.#down.add(id);
  }

  client(id: Address): Client<M, T> {
    const client = this.#protocol.client(this.config, this.#newHost(id));
    this.#clients.set(id, client);
    return client;
  }

  replica(i: Signer): R {
    const replica = this.replicas[i];
    if (replica === undefined) throw new Error(`there is no replica ${i}`);
    return replica;
  }

  host(id: Address): FakeHost<M, T> {
    const host = this.hosts.get(id);
    if (host === undefined) throw new Error(`there is no actor ${id}`);
    return host;
  }

  /** Has the client ask; gives what holds the result once it is there. */
  invoke(id: Address, op: Bytes): Invoked {
    const invoked: Invoked = { result: undefined };
    const client = this.#clients.get(id) ?? this.client(id);
    client.invoke(op, (result) => (invoked.result = result));
    return invoked;
  }

  /**
   * A message from outside: from a client or a replica that the test plays. The replica that it
   * names as its sender has signed it, unless another `signer` has.
   */
  inject(from: Address, to: Address, message: M, signer = signerOf(message, from)): void {
    const packet = this.packets.packetOf(message, signer);
    this.#flying.push({ from, to, packet, own: false });
  }

  /** Delivers what was sent, and what that has sent, until nothing is left. */
  settle(): void {
    this.#turns = 0;
    while (this.#deliverNext());
  }

  /** Time passes: timers go off in their order, and all is delivered at once. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.#step(endMs));
    this.#setTime(endMs);
  }

  /** Time passes until the condition holds: false if it does not within `withinMs`. */
  runUntil(condition: () => boolean, withinMs = 10_000): boolean {
    const endMs = this.nowMs + withinMs;
    while (!condition()) if (!this.#step(endMs)) return false;
    return true;
  }

  /** What was sent of one kind, by all or one of them. */
  sent<K extends M["kind"]>(kind: K, by?: Address): OfKind<M, K>[] {
    const found = this.trace.filter(
      ({ from, message }) => message.kind === kind && (by === undefined || from === by),
    );
    return found.map(({ message }) => message as OfKind<M, K>);
  }

  #newHost(id: Address): FakeHost<M, T> {
    const host = new FakeHost<M, T>(id + 1000 * this.#incarnation++, this.nowMs);
    this.hosts.set(id, host);
    return host;
  }

  #step(endMs: number): boolean {
    if (this.#deliverNext()) return true;
    const due = this.#nextTimer();
    if (due === null || due.atMs > endMs) return false;
    if (due.atMs > this.nowMs) this.#turns = 0;
    this.#setTime(Math.max(this.nowMs, due.atMs));
    this.host(due.id).timers.delete(due.timer);
    if (due.id >= this.config.n) {
      (this.#clients.get(due.id) ?? this.#roles.get(due.id))?.timeout(due.timer);
      return true;
    }
    const replica = this.replica(due.id);
    replica.timeout(due.timer);
    replica.assertInvariants?.();
    return true;
  }

  /** Of timers that go off at one time the first that was set by the first host. */
  #nextTimer(): { id: Address; timer: T; atMs: number } | null {
    let due: { id: Address; timer: T; atMs: number } | null = null;
    for (const [id, { timers }] of this.hosts) {
      if (this.#down.has(id)) continue;
      for (const [timer, atMs] of timers) {
        if (due === null || atMs < due.atMs) due = { id, timer, atMs };
      }
    }
    return due;
  }

  /** False if nothing is on its way. */
  #deliverNext(): boolean {
    this.#collect();
    const next = this.#flying.shift();
    if (next === undefined) return false;
    if (++this.#turns > TURNS_MAX) throw new Error("the cluster never settles");
    this.#deliver(next);
    return true;
  }

  #collect(): void {
    for (const [from, host] of this.hosts) {
      if (host.sent.length === 0) continue;
      const sent = host.take();
      if (this.#down.has(from)) continue;
      for (const { to, message } of sent) {
        this.trace.push({ from, to, message });
        const packet = this.packets.packetOf(message, from);
        if (typeof to === "number") {
          // No network delivers to the sender.
          if (to !== from) this.#flying.push({ from, to, packet, own: false });
          continue;
        }
        for (let replica = 0; replica < this.config.n; replica++) {
          const own = replica === from;
          if (!own || to === "all") this.#flying.push({ from, to: replica, packet, own });
        }
      }
    }
  }

  #deliver({ from, to, packet, own }: Flying): void {
    const message = this.packets.decoded(packet);
    if (message === null) throw new Error(`${from} sent what cannot be decoded`);
    if (this.#down.has(to) || (!own && this.drops(from, to, message))) return;
    const replica = this.replicas[to];
    const actor = replica ?? this.#clients.get(to) ?? this.#roles.get(to);
    if (actor === undefined) {
      this.heard.push({ from, to, message });
      return;
    }
    const taken = own ? message : this.packets.taken(actor, from, message);
    if (taken === null) return;
    if (!own && !this.packets.genuine(taken)) {
      this.forged++;
      return;
    }
    actor.receive(from, taken);
    replica?.assertInvariants?.();
  }

  #setTime(ms: number): void {
    this.nowMs = ms;
    for (const host of this.hosts.values()) host.clockMs = ms;
  }
}

/** One replica that a test feeds by hand; nothing loops back. */
export class Solo<M extends Kinded, T extends string, R extends Replica<M, T>> {
  readonly config: ProtocolConfig;
  readonly packets: Packets<M>;
  readonly host: FakeHost<M, T>;
  readonly replica: R;

  constructor(
    protocol: Tested<M, T, R>,
    self: Signer,
    changes: Partial<ProtocolConfig> = {},
    app: App = new KvApp(),
  ) {
    this.config = configOf(changes);
    this.packets = new Packets(protocol.codec);
    this.host = new FakeHost(self);
    this.replica = protocol.replica(self, this.config, this.host, app);
  }

  /**
   * The message, which the replica signed that it names as its sender. Throws if another signature
   * in it does not hold.
   */
  receive(from: Address, message: M): void {
    const arrived = this.packets.carried(message, from);
    const taken = this.packets.taken(this.replica, from, arrived);
    if (taken === null) return;
    if (!this.packets.genuine(taken)) throw new Error(`${message.kind} is forged`);
    this.replica.receive(from, taken);
    this.replica.assertInvariants?.();
  }

  timeout(timer: T): void {
    this.host.timers.delete(timer);
    this.replica.timeout(timer);
    this.replica.assertInvariants?.();
  }
}
