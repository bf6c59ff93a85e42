// A cluster without faults and judges that counts what operations cost: the real Node, codec and
// signature blocks, full batches, one view, closed-loop clients of one process.
//
// What is counted is the difference of two runs from one seed, one of them longer: start, opening
// of sessions and the end, in which the pipeline runs dry, are in both and cancel out.

import type { Address, Bytes, Client, Host, Replica, RoleActor, Sealed, Target } from "../actor.ts";
import { NullApp } from "../app/null.ts";
import { assert } from "../base/assert.ts";
import { Random } from "../base/seeded-random.ts";
import type { SignatureKind } from "../protocol-config.ts";
import { countDrop } from "../driver.ts";
import { Node } from "../node.ts";
import { defaultsOf, type OptionValues, type ProtocolConfig } from "../protocol-config.ts";
import { configured, rolesOf, smallestCluster } from "../protocol/index.ts";
import { BATCH_BYTES_MAX } from "../protocol/kit/batch.ts";
import { Network, type NetworkOptions } from "../simulation/network.ts";
import { isProof, type Packet, PAYLOAD_MAX } from "../simulation/simulated-packet.ts";
import { Process } from "../simulation/process.ts";
import { Scheduler } from "../simulation/scheduler.ts";
import { NO_FAULTS, type NetworkPlan } from "../simulation/seed-plan.ts";
import { SimulatedClock } from "../simulation/simulated-clock.ts";
import { SimulatedKeys } from "../simulation/simulated-keys.ts";
import { SimulatedStage } from "../simulation/simulated-stage.ts";
import {
  GROUP_ADDRESS,
  simulatedAddress,
  SimulatedTransport,
} from "../simulation/simulated-transport.ts";
import type { Subject } from "../simulation/subject.ts";
import type { Reader } from "../wire.ts";
import { tallyOf, type Counts, type Tally } from "./counts.ts";

export interface CountOptions {
  readonly subject: Subject;
  /** Faults to be tolerated; there are as many replicas as that takes. */
  readonly f: number;
  readonly signature: SignatureKind;
  readonly batch: number;
  /** Batches to count. */
  readonly batches: number;
  readonly multicast: boolean;
  /** Of the protocol; the defaults of those that are not given. */
  readonly protocolOptions: OptionValues;
  /** Bytes of an operation. */
  readonly opSize: number;
}

/** Batches' worth of clients: more than a pipeline has under way, so that all are full. */
const CLIENT_BATCHES = 6;
/**
 * From the start of one batch's worth of clients to the next: they would stay in step otherwise,
 * and replicas sign for all of them at once.
 */
const START_GAP_US = 100;
/** Sessions that are opened at a time: replicas keep no more waiting of one host. */
const OPENING_MAX = 256;
const OPENING_PAUSE_US = 500_000;
/** No timer of a protocol runs out in so long a view timeout; flush timers do, of a batch. */
const VIEW_TIMEOUT_MS = 3_600_000;
/** When nothing happens for so long, only those timers are left. */
const QUIET_US = 1_000_000;
/** Microseconds; a signature takes up to the first, a check up to the second, even odds. */
const SIGN_MAX_US = 80;
const CHECK_MAX_US = 100;
const DELAY_MIN_US = 20;
const DELAY_MAX_US = 30;
/** Ethernet header and ids before the payload, count of padding after it; the shortest frame. */
const FRAME_OVERHEAD = 14 + 3 + 1;
const FRAME_MIN = 60;
const SEED = 1;

const QUIET_NETWORK: NetworkPlan = {
  delayMinUs: DELAY_MIN_US,
  delayMaxUs: DELAY_MAX_US,
  lateUs: 0,
  ordered: true,
  ...NO_FAULTS,
};

/** Counts what an operation costs. Takes time in proportion to its messages. */
export function countOperations(options: CountOptions): Counts {
  const { subject, batch, batches } = options;
  const clients = CLIENT_BATCHES * batch;
  const short = new CountedCluster(options, clients);
  const long = new CountedCluster(options, clients);
  short.run(clients);
  const operations = batches * batch;
  long.run(clients + operations);

  const { n, f } = long.config;
  const fixed = long.config.tenure !== 1;
  const share = (of: (cluster: CountedCluster) => Tally): Tally => {
    const [more, less] = [of(long), of(short)];
    return tallyOf((key) => (more[key] - less[key]) / operations);
  };
  const replicas = Array.from({ length: n }, (_, i) => share((cluster) => cluster.replica(i)));
  const first = long.config.leader(0);
  const followers = fixed && n > 1 ? replicas.filter((_, i) => i !== first) : replicas;
  const mean = tallyOf((key) => sumOf(followers, key) / followers.length);
  const client = share((cluster) => cluster.client);
  const roles = share((cluster) => cluster.roles);
  return {
    mode: subject.name,
    n,
    f,
    signature: options.signature,
    batch,
    multicast: options.multicast && n > 1,
    fixedLeader: fixed,
    opSize: options.opSize,
    operations,
    clients,
    leader: fixed ? (replicas[first] ?? mean) : mean,
    follower: mean,
    client,
    total: tallyOf((key) => sumOf([...replicas, client, roles], key)),
    kinds: kindsOf(long.kinds, short.kinds, operations),
  };
}

function sumOf(tallies: readonly Tally[], key: keyof Tally): number {
  return tallies.reduce((sum, tally) => sum + tally[key], 0);
}

function kindsOf(
  more: ReadonlyMap<string, number>,
  less: ReadonlyMap<string, number>,
  operations: number,
): { readonly [kind: string]: number } {
  const kinds: { [kind: string]: number } = {};
  for (const [kind, count] of more) {
    const counted = count - (less.get(kind) ?? 0);
    if (counted !== 0) kinds[kind] = counted / operations;
  }
  return kinds;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A party's process with what it did. */
class Party {
  readonly process: Process;
  readonly tally: Mutable<Tally> = tallyOf(() => 0);
  stage: SimulatedStage | null = null;

  constructor(process: Process) {
    this.process = process;
  }

  get counted(): Tally {
    const counts = this.stage?.counts ?? { signed: 0, roots: 0, verified: 0, cached: 0 };
    return { ...this.tally, ...counts };
  }
}

/** Counts packets where they leave and where they will arrive: none is lost. */
class CountingNetwork extends Network {
  readonly #parties: readonly Party[];
  readonly #replicas: number;

  constructor(options: NetworkOptions, parties: readonly Party[], replicas: number) {
    super(options);
    this.#parties = parties;
    this.#replicas = replicas;
  }

  override send(from: Process, packet: Packet): void {
    if (isProof(packet)) {
      // Proofs of addresses are sent by the clock, not by operations.
      super.send(from, packet);
      return;
    }
    const bytes = Math.max(FRAME_MIN, FRAME_OVERHEAD + packet.content.bytes.length);
    const sender = this.#parties[from.host];
    assert(sender !== undefined, "every process is a party");
    sender.tally.packetsOut++;
    sender.tally.bytesOut += bytes;
    if (packet.group) {
      for (let host = 0; host < this.#replicas; host++) {
        if (host !== from.host) this.#arrives(host, bytes);
      }
    } else this.#arrives(packet.toHost, bytes);
    super.send(from, packet);
  }

  #arrives(host: number, bytes: number): void {
    const receiver = this.#parties[host];
    assert(receiver !== undefined, "every host has a party");
    receiver.tally.packetsIn++;
    receiver.tally.bytesIn += bytes;
  }
}

/** Counts messages that come in whole. */
class CountingTransport extends SimulatedTransport {
  readonly #tally: Mutable<Tally>;

  constructor(
    tally: Mutable<Tally>,
    ...parameters: ConstructorParameters<typeof SimulatedTransport>
  ) {
    super(...parameters);
    this.#tally = tally;
  }

  override listen(id: number, deliver: (from: Address, input: Reader) => void): void {
    super.listen(id, (from, input) => {
      this.#tally.received++;
      deliver(from, input);
    });
  }
}

function isRunning(replica: Replica<Sealed, string>): boolean {
  const { phase = "running" } = replica.census();
  return phase === "running";
}

class CountedCluster {
  readonly config: ProtocolConfig;
  /** Messages by kind, once for each receiver. */
  readonly kinds = new Map<string, number>();
  readonly #options: CountOptions;
  readonly #scheduler = new Scheduler();
  readonly #random = new Random(SEED, "count");
  readonly #keys: SimulatedKeys;
  readonly #network: CountingNetwork;
  /** The replicas, then the process of all clients, then those of other roles. */
  readonly #parties: Party[];
  readonly #roles: RoleActor<Sealed, string>[] = [];
  readonly #clients: readonly Client<Sealed, string>[];
  #left = 0;
  #completed = 0;

  constructor(options: CountOptions, clients: number) {
    const { subject, batch } = options;
    const { n, f } = smallestCluster(subject.protocol, options.f);
    this.#options = options;
    const roles = rolesOf(subject.protocol, n);
    const others = [...roles].flatMap(([role, addresses]) => addresses.map(() => role));
    const config: ProtocolConfig = {
      ...defaultsOf(subject.protocol),
      ...(roles.size === 0 ? {} : { roles }),
      n,
      f,
      leader: (view) => view % n,
      batchMax: batch,
      batchBytesMax: BATCH_BYTES_MAX,
      viewTimeoutMs: VIEW_TIMEOUT_MS,
    };
    this.config = configured(subject.protocol, config, options.protocolOptions);
    this.#keys = new SimulatedKeys(this.#random.stream("keys").u32(), n);
    this.#parties = Array.from({ length: n + 1 + others.length }, (_, i) => {
      const name = i < n ? `r${i}` : (others[i - n - 1] ?? "clients");
      return new Party(new Process(this.#scheduler, i, i, name));
    });
    this.#network = new CountingNetwork(this.#networkOptions(n), this.#parties, n);
    for (const [i, party] of this.#parties.entries()) this.#open(party, i < n ? i : null);
    for (const [k, role] of others.entries()) this.#addRole(role, k);
    for (let i = 0; i < n; i++) this.#addReplica(i);
    this.#clients = Array.from({ length: clients }, (_, id) => this.#addClient(id));
  }

  replica(index: number): Tally {
    return this.#party(index).counted;
  }

  get client(): Tally {
    return this.#party(this.config.n).counted;
  }

  /** What processes of other roles did, together. */
  get roles(): Tally {
    const tallies = this.#parties.slice(this.config.n + 1).map(({ counted }) => counted);
    return tallyOf((key) => sumOf(tallies, key));
  }

  /**
   * Has the clients open their sessions and complete so many operations, and runs until nothing is
   * under way.
   */
  run(operations: number): void {
    const clients = this.#clients.length;
    // Replicas that start hear nobody else, and some ask more than once.
    while (!this.#haveAllBegun()) {
      assert(this.#scheduler.step(Infinity), "without faults every replica begins");
    }
    this.#settle();
    // Opens apart, because they share batches with operations otherwise.
    for (let from = 0; from < clients; from += OPENING_MAX) {
      if (from > 0) this.#pause();
      this.#begin(this.#clients.slice(from, from + OPENING_MAX), 0);
    }
    assert(this.#completed === clients, "without faults every session is opened");
    this.#begin(this.#clients, operations - clients);
    assert(this.#completed === clients + operations, "without faults every operation completes");
  }

  /** Each of these completes an operation, and some as many more as `left`; until all is quiet. */
  #begin(clients: readonly Client<Sealed, string>[], left: number): void {
    this.#left = left;
    const { process } = this.#party(this.config.n);
    for (const [i, client] of clients.entries()) {
      const delayUs = Math.floor(i / this.#options.batch) * START_GAP_US;
      this.#scheduler.after(process, delayUs, () => this.#issue(client));
    }
    this.#settle();
  }

  /** Lets some time pass, because opens have a ration while operations are executed. */
  #pause(): void {
    this.#scheduler.after(null, OPENING_PAUSE_US, () => {});
    this.#settle();
  }

  #haveAllBegun(): boolean {
    if (this.#roles.some((role) => role.census().serves === false)) return false;
    return this.#parties.every(({ process }) =>
      process.hosted.every(({ replica }) => replica === null || isRunning(replica)),
    );
  }

  #settle(): void {
    while (this.#scheduler.step(this.#scheduler.nowUs + QUIET_US));
  }

  #party(index: number): Party {
    return this.#parties[index] ?? assert.fail("the index of a party");
  }

  #networkOptions(n: number): NetworkOptions {
    return {
      scheduler: this.#scheduler,
      random: this.#random.stream("network"),
      plan: QUIET_NETWORK,
      gstUs: () => Infinity,
      boundUs: DELAY_MAX_US,
      at: (host) => this.#parties.slice(host, host + 1).map(({ process }) => process),
      replicas: () => this.#parties.slice(0, n).map(({ process }) => process),
      passes: () => true,
      filter: null,
      tamper: null,
    };
  }

  /** Gives a process its transport and its stage, which all its clients share. */
  #open(party: Party, self: number | null): void {
    const { process, tally } = party;
    const { signature, multicast } = this.#options;
    const { n } = this.config;
    const random = this.#random.stream(process.name);
    process.up = true;
    process.transport = new CountingTransport(tally, this.#network, process, PAYLOAD_MAX, {
      replicas: Array.from({ length: n }, (_, i) => simulatedAddress(i, i)),
      multicast: multicast && n > 1 ? GROUP_ADDRESS : null,
      member: self !== null,
      configured: self !== null || process.host > n,
      others: this.#parties.slice(n + 1).map((_, k) => simulatedAddress(n + 1 + k, 0)),
      clock: this.#clock(process),
      random: (bound) => random.int(bound),
    });
    party.stage = new SimulatedStage({
      scheduler: this.#scheduler,
      owner: process,
      random: random.stream("stage"),
      keys: this.#keys,
      kind: signature,
      self,
      signUs: () => SIGN_MAX_US,
      verifyUs: () => CHECK_MAX_US,
      judged: (_proofs, _run, valid) => assert(valid, "without faults every signature holds"),
    });
  }

  #clock(process: Process): SimulatedClock {
    return new SimulatedClock(this.#scheduler, process, 1, 0);
  }

  #node(party: Party, id: number, self: number | null): Node<Sealed, string> {
    const { process, stage } = party;
    const { transport } = process;
    assert(transport !== null && stage !== null, "the process is up");
    const random = this.#random.stream(`${process.name} ${id}`);
    return new Node<Sealed, string>({
      id,
      self,
      n: this.config.n,
      codec: this.#options.subject.protocol.codec,
      transport,
      stage,
      clock: this.#clock(process),
      random: (bound) => random.int(bound),
    });
  }

  #addReplica(index: number): void {
    const party = this.#party(index);
    const node = this.#node(party, index, index);
    const host = this.#counting(party, node, this.config.n - 1);
    const replica = this.#options.subject.protocol.replica(index, this.config, host, new NullApp());
    party.process.hosted.push({ node, replica, client: null });
    node.start(replica);
  }

  #addRole(role: string, k: number): void {
    const make = this.#options.subject.protocol.roles?.get(role);
    assert(make !== undefined, "a role has its processes");
    const party = this.#party(this.config.n + 1 + k);
    const node = this.#node(party, 0, null);
    const actor = make(0, this.config, this.#counting(party, node, this.config.n));
    party.process.hosted.push({ node, replica: null, client: null });
    this.#roles.push(actor);
    node.start(actor);
  }

  #addClient(id: number): Client<Sealed, string> {
    const party = this.#party(this.config.n);
    const node = this.#node(party, id, null);
    const host = this.#counting(party, node, this.config.n);
    const client = this.#options.subject.protocol.client(this.config, host);
    party.process.hosted.push({ node, replica: null, client });
    node.start(client);
    return client;
  }

  /** The host, with what is sent counted; a message to all has so many receivers. */
  #counting({ tally }: Party, host: Host<Sealed, string>, receivers: number): Host<Sealed, string> {
    const { kinds } = this;
    return {
      get now() {
        return host.now;
      },
      random: (bound) => host.random(bound),
      send: (to: Target, message: Sealed) => {
        const copies = typeof to === "number" ? 1 : receivers;
        tally.sends++;
        tally.messages += copies;
        countDrop(kinds, kindOf(message), copies);
        host.send(to, message);
      },
      setTimer: (timer, delayMs) => host.setTimer(timer, delayMs),
      clearTimer: (timer) => host.clearTimer(timer),
      sourceOf: (address) => host.sourceOf(address),
      drop: (reason) => host.drop(reason),
      enterRun: (name) => host.enterRun(name),
    };
  }

  #issue(client: Client<Sealed, string>): void {
    const op: Bytes = new Uint8Array(this.#options.opSize);
    client.invoke(op, (result) => {
      assert(result !== null, "without faults no session is lost");
      this.#completed++;
      if (this.#left === 0) return;
      this.#left--;
      this.#issue(client);
    });
  }
}

function kindOf(message: Sealed): string {
  return "kind" in message && typeof message.kind === "string" ? message.kind : "other";
}
