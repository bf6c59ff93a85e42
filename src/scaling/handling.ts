// What a message costs a polling thread besides packets and signatures: a whole cluster in this
// process, of the real Node, codec and actors, over memory, with a stage that believes everything.

import type { Address, Bytes, Client, Proof, RoleActor, Sealed, AnyProtocol } from "../actor.ts";
import { NullApp } from "../app/null.ts";
import { assert } from "../base/assert.ts";
import { Queue } from "../base/queue.ts";
import { systemRandom } from "../base/system-random.ts";
import type { WireAddress } from "../config.ts";
import { SIGNATURE_SIZE, singleBlock } from "../crypto/merkle.ts";
import type { Stage } from "../driver.ts";
import { Node } from "../node.ts";
import { RealClock } from "../process/real-clock.ts";
import { defaultsOf, type OptionValues, type ProtocolConfig } from "../protocol-config.ts";
import { configured, rolesOf, smallestCluster } from "../protocol/index.ts";
import { PacketTransport, type PacketTransportOptions } from "../transport/packet.ts";
import { EMPTY, Reader, Writer } from "../wire.ts";

export interface HandlingOptions {
  readonly protocol: AnyProtocol;
  readonly f: number;
  readonly batch: number;
  readonly clients: number;
  readonly protocolOptions: OptionValues;
  readonly seconds: number;
}

/** Before the clock starts: code is compiled, sessions are open. */
const WARM_MS = 500;
/** How often it is given the time to measure in until anything was served. */
const ROUNDS_MAX = 20;
const PAYLOAD_MAX = 1497;
/** Locally administered: the first four bytes of every MAC here. */
const MAC_HIGH = 0x02000000;

interface LoopPacket {
  readonly bytes: Bytes;
  readonly part: boolean;
  readonly from: number;
  readonly fromId: number;
  readonly toId: number;
}

/** Carries packets to other transports of this process, in order. */
class LoopTransport extends PacketTransport {
  readonly payloadMax = PAYLOAD_MAX;
  protected readonly fragmentBurst = Infinity;
  readonly #host: number;
  readonly #peers: readonly LoopTransport[];
  readonly #arrived = new Queue<LoopPacket>();
  readonly #frame = new Uint8Array(PAYLOAD_MAX);
  readonly #writer: Writer;
  readonly #incoming = new Uint8Array(PAYLOAD_MAX);
  readonly #reader: Reader;
  readonly #address = new DataView(new ArrayBuffer(8));
  #sent: Bytes = EMPTY;

  constructor(host: number, peers: readonly LoopTransport[], options: PacketTransportOptions) {
    super(options);
    this.#host = host;
    this.#peers = peers;
    this.#writer = new Writer(this.#frame, this.book);
    this.#reader = new Reader(this.#incoming, this.book);
  }

  poll(): number {
    const count = this.#arrived.length;
    for (let i = 0; i < count; i++) {
      const packet = this.#arrived.shift();
      if (packet === undefined) break;
      const { bytes, part, from, fromId, toId } = packet;
      this.#incoming.set(bytes);
      const input = this.#reader.reset(0, bytes.length);
      this.receivePacket(toId, MAC_HIGH, from, fromId, part, input);
    }
    return count + this.pumpFragments();
  }

  close(): void {
    // Nothing to free.
  }

  protected beginPacket(): Writer {
    return this.#writer.reset(0, PAYLOAD_MAX);
  }

  protected sendPacket(source: number, to: Address, part: boolean): void {
    this.#sent = this.#writer.copy();
    this.repeatPacket(source, to, part);
  }

  protected repeatPacket(source: number, to: Address, part: boolean): void {
    const toId = this.book.writeHost(to, this.#address, 0);
    if (toId < 0) {
      this.countUnsent(toId);
      return;
    }
    const peer = this.#peers[this.#address.getUint16(4)];
    assert(peer !== undefined, "all addresses are those of peers");
    peer.#arrived.push({ bytes: this.#sent, part, from: this.#host, fromId: source, toId });
  }
}

const BLOCK = singleBlock(new Uint8Array(SIGNATURE_SIZE));

/** Signs at once, in the next turn, and finds every signature good. */
class CredulousStage implements Stage {
  readonly counts = { signed: 0, roots: 0, verified: 0, cached: 0 };
  readonly #waiting = new Queue<(block: Bytes) => void>();

  runDomain(name: Bytes): Bytes {
    return name;
  }
  sign(_signed: Bytes, _run: Bytes | null, done: (block: Bytes) => void): void {
    this.#waiting.push(done);
  }
  verify(_proofs: readonly Proof[], _run: Bytes | null, done: (valid: boolean) => void): void {
    done(true);
  }
  knows(_proofs: readonly Proof[]): boolean {
    return true;
  }
  runJob(): boolean {
    return false;
  }
  poll(): number {
    const count = this.#waiting.length;
    for (let i = 0; i < count; i++) this.#waiting.shift()?.(BLOCK);
    return count;
  }
  close(): void {
    // Nothing to free.
  }
}

/** Operations a second of such a cluster, on one thread. */
export function measureHandling(options: HandlingOptions): number {
  const cluster = new LoopCluster(options);
  cluster.run(performance.now() + WARM_MS);
  const before = cluster.completed;
  const startMs = performance.now();
  // A machine that is busy with other things may give it no time at first.
  for (let i = 0; i < ROUNDS_MAX && cluster.completed === before; i++) {
    cluster.run(performance.now() + options.seconds * 1000);
  }
  const seconds = (performance.now() - startMs) / 1000;
  assert(cluster.completed > before, "a cluster in memory serves its clients");
  return (cluster.completed - before) / seconds;
}

class LoopCluster {
  completed = 0;
  readonly #config: ProtocolConfig;
  readonly #options: HandlingOptions;
  readonly #clock = new RealClock();
  readonly #transports: LoopTransport[] = [];
  readonly #stages: CredulousStage[] = [];
  readonly #replicas: Node<Sealed, string>[] = [];
  readonly #clients: Client<Sealed, string>[] = [];
  readonly #roles: RoleActor<Sealed, string>[] = [];
  #issued = false;

  constructor(options: HandlingOptions) {
    const { protocol, batch, clients } = options;
    const { n, f } = smallestCluster(protocol, options.f);
    this.#options = options;
    const leader = (view: number): number => view % n;
    const roles = rolesOf(protocol, n);
    const own = { n, f, leader, batchMax: batch, ...(roles.size === 0 ? {} : { roles }) };
    const config: ProtocolConfig = { ...defaultsOf(protocol), ...own };
    this.#config = configured(protocol, config, options.protocolOptions);
    const others = [...roles].flatMap(([role, addresses]) => addresses.map(() => role));
    for (let host = 0; host <= n + others.length; host++) this.#open(host, n, others.length);
    for (const [k, role] of others.entries()) {
      const node = this.#node(n + 1 + k, n + 1 + k, null);
      const actor = protocol.roles?.get(role)?.(0, this.#config, node);
      assert(actor !== undefined, "a role has its processes");
      node.start(actor);
      this.#roles.push(actor);
    }
    for (let i = 0; i < n; i++) {
      const node = this.#node(i, i, i);
      node.start(protocol.replica(i, this.#config, node, new NullApp()));
      this.#replicas.push(node);
    }
    for (let id = 0; id < clients; id++) {
      const node = this.#node(n, id, null);
      const client = protocol.client(this.#config, node);
      node.start(client);
      this.#clients.push(client);
    }
  }

  /** Turns like those of run-loop.ts, all processes in one; clients begin when replicas have. */
  run(untilMs: number): void {
    for (this.#clock.update(); this.#clock.now < untilMs; this.#clock.update()) {
      let done = 0;
      for (const transport of this.#transports) done += transport.poll();
      for (const stage of this.#stages) done += stage.poll();
      for (const node of this.#replicas) done += node.poll();
      done += this.#clock.poll();
      if (done > 0 || this.#issued || !this.#serves()) continue;
      this.#issued = true;
      for (const client of this.#clients) this.#issue(client);
    }
  }

  #serves(): boolean {
    return this.#roles.every((role) => role.census().serves !== false);
  }

  #open(host: number, n: number, others: number): void {
    const replicas = Array.from({ length: n }, (_, i) => addressOf(i));
    const options: PacketTransportOptions = {
      replicas,
      multicast: null,
      member: host < n,
      configured: host !== n,
      others: Array.from({ length: others }, (_, k) => addressOf(n + 1 + k)),
      clock: this.#clock,
      random: systemRandom,
    };
    this.#transports.push(new LoopTransport(host, this.#transports, options));
    this.#stages.push(new CredulousStage());
  }

  #node(host: number, id: number, self: number | null): Node<Sealed, string> {
    const transport = this.#transports[host];
    const stage = this.#stages[host];
    assert(transport !== undefined && stage !== undefined, "every host has its drivers");
    const { codec } = this.#options.protocol;
    const { n } = this.#config;
    const clock = this.#clock;
    return new Node({ id, self, n, codec, transport, stage, clock, random: systemRandom });
  }

  #issue(client: Client<Sealed, string>): void {
    client.invoke(EMPTY, (result) => {
      assert(result !== null, "no session is lost here");
      this.completed++;
      this.#issue(client);
    });
  }
}

function addressOf(index: number): WireAddress {
  return { kind: "mac", host: Uint8Array.of(2, 0, 0, 0, index >> 8, index & 255), id: index };
}
