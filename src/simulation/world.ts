// The world: processes built from the real Node, codec and actors, a network and a judge, on
// virtual time. One seed, one thread; the same run on every machine.

import type { Bytes, Client, Quorums, Replica, Sealed } from "../actor.ts";
import { apps } from "../app/index.ts";
import { assert } from "../base/assert.ts";
import { listenToMarks } from "../base/coverage-mark.ts";
import { Random } from "../base/seeded-random.ts";
import { INLINE_MAX } from "../protocol/kit/sessions.ts";
import { countDrop, type Drops } from "../driver.ts";
import type { ProtocolConfig } from "../protocol-config.ts";
import { latin1 } from "../wire.ts";
import { Adversary } from "./adversary.ts";
import { CensusCheck, checkCertificates } from "./census.ts";
import { corruptionFilter } from "./corruption.ts";
import { SimulatedClient } from "./clients.ts";
import { CodecMonitor } from "./codec-monitor.ts";
import { Epochs } from "./epochs.ts";
import { EARLIER_CLIENT, JudgedApp, type Issued, type Ledger } from "./judge.ts";
import { livenessUs } from "./liveness.ts";
import { Network } from "./network.ts";
import type { Recording } from "./earlier-run.ts";
import type { Observer, Watch } from "./observer.ts";
import { Process } from "./process.ts";
import type { ReplicaHandle } from "./replica-handle.ts";
import { roleName, startRole, type RoleHandle } from "./role-processes.ts";
import { RunNotes } from "./run-notes.ts";
import { Scheduler } from "./scheduler.ts";
import { mayInvent, type Plan } from "./seed-plan.ts";
import { SimulatedKeys } from "./simulated-keys.ts";
import { SimulatedNodes } from "./simulated-nodes.ts";
import { simulatedAddress } from "./simulated-transport.ts";
import type { Subject } from "./subject.ts";
import { watchedActor } from "./watched-actor.ts";
import { worldConfig } from "./world-config.ts";
import type { WorldOptions } from "./world-options.ts";

/** What a seed's run came to. */
export interface Report {
  readonly protocol: string;
  readonly seed: number;
  readonly kind: Plan["kind"];
  /** Empty: it passed. */
  readonly failures: readonly string[];
  readonly traceHash: string;
  readonly events: number;
  readonly operations: number;
  /** What was done to it, by name, and the marks that it reached. */
  readonly injected: ReadonlyMap<string, number>;
  readonly marks: ReadonlyMap<string, number>;
}

const EVENTS_MAX = 3_000_000;
/** Two seconds of the slowest clock, and the messages of a start. */
const START_MAX_US = 6_000_000;
const START_POLL_US = 10_000;

export class World {
  readonly scheduler = new Scheduler();
  readonly plan: Plan;
  readonly subject: Subject;
  readonly random: Random;
  readonly epochs: Epochs;
  readonly network: Network;
  readonly config: ProtocolConfig;
  readonly #quorums: Quorums;
  readonly replicas: ReplicaHandle[] = [];
  readonly clientProcesses: Process[] = [];
  clients: SimulatedClient[] = [];
  readonly injected: Drops = new Map();
  readonly marks: Drops = new Map();
  readonly failures: string[] = [];
  operationsLeft: number;
  /** When the network becomes quiet. */
  gstUs: number;
  completed = 0;
  readonly observer: Observer | null;
  readonly watch: Watch | null;
  readonly #issued: Issued[] = [];
  #stable = false;
  #started = false;
  readonly #adversary: Adversary | null;
  readonly #hosts: Process[][] = [];
  readonly #nodes: SimulatedNodes;
  /** Processes that are neither replicas nor clients, strangers' included. */
  readonly #others: Process[] = [];
  readonly roles: RoleHandle[] = [];
  readonly keys: SimulatedKeys;
  /** Kept where there is more than one run. */
  readonly notes: RunNotes | null;
  #nextClient: number;
  /** Where strangers keep what arrives; null: nobody does. */
  recording: Recording | null = null;
  readonly #monitor: CodecMonitor;
  /** Certificates that hold. */
  readonly #judged = new WeakSet<object>();

  constructor(given: WorldOptions) {
    const { subject, observer, leader, options, filter, cold = false } = given;
    const { interception = null } = given;
    const plan = interception?.opens(given.plan) ?? given.plan;
    const { earlier, isEarlier = false } = given;
    this.plan = plan;
    this.subject = subject;
    this.observer = observer ?? null;
    this.watch = observer?.watch ?? null;
    this.random = new Random(plan.seed, isEarlier ? "earlier" : "world");
    this.#monitor = new CodecMonitor(subject.protocol.codec, cold, (what) => this.fail(what));
    const secret = new Random(plan.seed, "world").stream("keys").u32();
    this.keys = new SimulatedKeys(secret, plan.n, cold);
    // Requests are of no run: strangers may ask for theirs again, as they may ask for anything.
    this.#nextClient = isEarlier ? EARLIER_CLIENT : 0;
    const several = isEarlier || plan.allRestart !== null;
    this.notes = earlier?.notes ?? (several ? new RunNotes() : null);
    this.operationsLeft = plan.operations;
    this.gstUs = plan.gstUs;
    const speculates = subject.protocol.simulation?.speculates === true;
    const rules = { invents: mayInvent(plan), speculates };
    this.epochs = new Epochs(isEarlier ? "earlier" : "epoch", rules, (what) => this.fail(what));
    const { n, f, clients } = plan;
    const quorums = subject.protocol.quorums(n, f);
    assert(quorums !== null, `a plan with ${n} replicas, too few for ${f} faults`);
    this.#quorums = quorums;
    this.config = worldConfig(subject, plan, { leader, options });
    const roles = this.config.roles ?? new Map<string, readonly number[]>();
    // By hand a replica may become Byzantine later on.
    const lies = plan.byzantine.length > 0 || interception !== null;
    const adversary = lies ? new Adversary(this) : null;
    this.#adversary = adversary;
    this.network = new Network({
      tamper: adversary === null ? null : (from, packet) => adversary.tamper(from, packet),
      ...{ watch: this.watch, interception, scheduler: this.scheduler },
      random: this.random.stream("network"),
      plan: plan.network,
      gstUs: () => this.gstUs,
      boundUs: Math.floor(plan.viewTimeoutMs * 50),
      at: (host) => this.#hosts[host] ?? [],
      replicas: () => this.replicas.map(({ process }) => process),
      passes: corruptionFilter(subject),
      filter: filter ?? null,
      repeats: (from) => plan.sequencersRepeat && this.roles.some((one) => one.process === from),
    });
    this.#nodes = new SimulatedNodes({
      plan,
      watch: this.watch,
      scheduler: this.scheduler,
      random: this.random,
      keys: this.keys,
      stage: subject.stage,
      bodies: subject.bodies,
      notes: this.notes,
      epochs: this.epochs,
      network: this.network,
      monitor: this.#monitor,
      // Behind the hosts of replicas and clients.
      others: [...roles.values()].flat().map((_, i) => simulatedAddress(n + clients + i, 0)),
      gstUs: () => this.gstUs,
      fail: (what) => this.fail(what),
    });
    this.watch?.begins(this);
  }

  /** What is executed now is judged by it. */
  get ledger(): Ledger {
    return this.epochs.ledger;
  }

  /** A client accepts an answer. */
  accept({ process, actor, id }: SimulatedClient, issued: Issued, answer: Bytes): void {
    const node = process.hosted.find(({ client }) => client === actor)?.node;
    const ledger = this.epochs.ledgerOf(node?.run ?? null);
    ledger.accept(`c${id}`, issued, answer);
    const { session = 0 } = actor;
    if (session > 0) ledger.openedBy(`c${id}`, session);
    this.watch?.accepts(process, issued.op);
  }

  /** Records a violation; the run ends after the current event. */
  fail(what: string): void {
    this.failures.push(`${what} (at ${(this.scheduler.nowUs / 1000).toFixed(3)} ms)`);
    this.watch?.fails(what);
  }

  count(what: string): void {
    countDrop(this.injected, what);
  }

  note(process: Process, what: string): void {
    this.observer?.happened(this.scheduler.nowUs, process, what);
  }

  #noting(process: Process): ((what: string) => void) | null {
    return this.observer === null ? null : (what) => this.note(process, what);
  }

  /** Runs until `until` says so, a violation, or `endUs`; true if `until` did. */
  run(endUs: number, until: () => boolean): boolean {
    listenToMarks((name) => countDrop(this.marks, name));
    try {
      while (this.failures.length === 0) {
        if (until()) return true;
        if (this.scheduler.count > EVENTS_MAX) {
          this.fail(`liveness: ${EVENTS_MAX} events without an end`);
          break;
        }
        if (!this.scheduler.step(endUs)) return false;
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.fail(`throw: ${error.stack ?? error.message}`);
    } finally {
      listenToMarks(null);
    }
    return false;
  }

  /** A process for the replica `identity`; twins share an identity, and so a host. */
  addReplica(identity: number): ReplicaHandle {
    const twin = this.replicas.some((handle) => handle.identity === identity);
    const process = this.#addProcess(identity, `r${identity}${twin ? "'" : ""}`);
    const handle: ReplicaHandle = {
      process,
      identity,
      ...{ replica: null, app: null, census: null },
      ...{ everRan: false, gone: false, certified: -1 },
    };
    process.byzantine = this.plan.byzantine.includes(identity);
    this.replicas.push(handle);
    return handle;
  }

  addClientProcess(index: number): Process {
    const process = this.#addProcess(this.plan.n + index, `c${index}`);
    this.clientProcesses.push(process);
    return process;
  }

  /** A process that has no keys, and no actor. */
  addStranger(name: string): Process {
    const process = this.#addOther(name);
    process.byzantine = true;
    return process;
  }

  #addOther(name: string): Process {
    const { n, clients } = this.plan;
    const process = this.#addProcess(n + clients + this.#others.length, name);
    this.#others.push(process);
    return process;
  }

  /** Starts the processes of roles that are neither replica nor client. */
  startRoles(): void {
    for (const [role, addresses] of this.config.roles ?? []) {
      for (const index of addresses.keys()) {
        const process = this.#addOther(roleName(role, index));
        const handle = { process, role, index, actor: null };
        this.roles.push(handle);
        this.startRole(handle);
      }
    }
  }

  /** Starts a process of a role with an empty memory. */
  startRole(handle: RoleHandle): void {
    startRole(this, handle, this.#nodes.make(handle.process, 0, null));
  }

  /** Starts a replica with an empty memory. */
  startReplica(handle: ReplicaHandle): void {
    const { process, identity } = handle;
    const node = this.#nodes.make(process, identity, identity);
    const ledger = process.byzantine ? null : this.ledger;
    const app = this.subject.app?.make() ?? apps.get(this.plan.app)?.();
    assert(app !== undefined, "a plan's application is one of the registry");
    handle.app = new JudgedApp(process.name, app, ledger, (what) => this.fail(what));
    const { protocol } = this.subject;
    const small = process.byzantine && this.plan.tricks.includes("small batches");
    const config = small ? { ...this.config, batchMax: 1 } : this.config;
    const judged = this.watch?.appOf(process, handle.app) ?? handle.app;
    const replica = protocol.replica(identity, config, node, judged);
    handle.replica = replica;
    handle.census = new CensusCheck(process.name, (what) => this.fail(what));
    process.hosted.push({ node, replica, client: null });
    node.start(watchedActor(replica, process, this.#noting(process), this.watch));
    process.onEvent = (self) => {
      this.watch?.looksAt(handle);
      if (!self.byzantine && this.scheduler.count % this.plan.censusEvery === 0) this.look(handle);
    };
    this.note(process, "starts");
  }

  /** Starts `count` clients in a process, each with an identity of its own. */
  startClients(process: Process, count: number): void {
    for (let i = 0; i < count; i++) {
      const id = this.#nextClient++;
      const client = this.startClient(process, i + 1 + (id % 3) * 200);
      this.clients.push(new SimulatedClient(this, process, client, id));
    }
  }

  startClient(process: Process, listensOn: number): Client<Sealed, string> {
    const node = this.#nodes.make(process, listensOn, null);
    const client = this.subject.protocol.client(this.config, node);
    process.hosted.push({ node, replica: null, client });
    node.start(watchedActor(client, process, this.#noting(process), this.watch));
    return client;
  }

  /** Stops a process, which forgets everything. */
  crash(process: Process): void {
    process.crash();
    this.note(process, "crashes");
    for (const handle of this.replicas) {
      if (handle.process !== process) continue;
      // It may not have been looked at since it began to run.
      if (handle.replica?.census().phase === "running") handle.everRan = true;
      handle.replica = null;
      handle.app = null;
      handle.census = null;
    }
    for (const handle of this.roles) if (handle.process === process) handle.actor = null;
    for (const client of this.clients) {
      if (client.process === process && client.current !== null) client.current.waiting = false;
    }
    this.clients = this.clients.filter((client) => client.process !== process);
  }

  /** Stops all replicas, which forget everything: those that start next are a new run. */
  crashAll(): void {
    for (const handle of this.replicas) {
      const run = handle.process.hosted[0]?.node.run ?? null;
      if (run !== null) this.notes?.ended.add(latin1(run));
      this.crash(handle.process);
      handle.everRan = false;
      handle.certified = -1;
    }
    this.#started = false;
    this.epochs.begin();
  }

  pause(process: Process, forUs: number): void {
    process.pausedUntilUs = Math.max(process.pausedUntilUs, this.scheduler.nowUs + forUs);
    this.note(process, `pauses for ${forUs / 1000} ms`);
  }

  /**
   * Whether every correct replica that is not gone for good has begun. Until then Byzantine ones
   * behave: with f of them, a cluster that n - f replicas begin (X15) may be one that the last
   * correct replica can never join.
   */
  get started(): boolean {
    this.#started ||= this.replicas.every(
      ({ everRan, gone, process }) => everRan || gone || process.byzantine,
    );
    return this.#started;
  }

  /** Correct replicas that run. */
  correct(): ReplicaHandle[] {
    return this.replicas.filter(({ process, replica }) => !process.byzantine && replica !== null);
  }

  /** Replicas that the fault budget counts: Byzantine, down, or back and not recovered. */
  faulty(): number {
    const identities = new Set<number>();
    for (const { process, replica, identity } of this.replicas) {
      if (process.byzantine || replica === null || replica.census().phase !== "running") {
        identities.add(identity);
      }
    }
    return identities.size;
  }

  /** Judges a correct replica by what it says of itself. */
  look(handle: ReplicaHandle): void {
    const { replica, census, process } = handle;
    if (replica === null || census === null) return;
    const said = replica.census();
    census.check(said);
    if (said.phase === "running") handle.everRan = true;
    const run = process.hosted[0]?.node.run ?? null;
    if (run !== null) this.epochs.note(run);
    if (run !== null && this.notes?.ended.has(latin1(run)) === true) {
      this.fail(`fresh: ${process.name} is in a run that ended before it started`);
    }
    if (said.phase === "over") this.#startAnew(handle, replica);
    const node = process.hosted[0]?.node;
    if (node !== undefined) census.bounded(node.sizes);
    if (process.transport !== null) census.bounded(process.transport.sizes);
    if (said.committed === handle.certified && this.scheduler.count % 256 !== 0) return;
    handle.certified = said.committed;
    this.lookAtCertificates(handle, this.#judged);
  }

  /** What the process of a replica does whose run is over: it begins a new life. */
  #startAnew(handle: ReplicaHandle, over: Replica<Sealed, string>): void {
    const { process } = handle;
    this.scheduler.after(process, 1, () => {
      if (handle.replica !== over) return;
      this.count("starts anew");
      this.crash(process);
      this.startReplica(handle);
    });
  }

  /** Judges the certificates that a replica holds, but not again those in `judged`. */
  lookAtCertificates(handle: ReplicaHandle, judged: WeakSet<object>, keys = this.keys): void {
    const { replica, process } = handle;
    const certificates = replica?.certificates?.();
    if (certificates === undefined) return;
    const { quorum } = this.#quorums;
    const run = process.hosted[0]?.node.run ?? null;
    const problem = checkCertificates(certificates, quorum, keys, run, judged);
    if (problem !== null) this.fail(`certificates: ${process.name} holds one with ${problem}`);
  }

  issue(issued: Issued, number: number): void {
    this.ledger.issued.set(issued.client * 2 ** 32 + number, issued);
    this.#issued.push(issued);
    this.watch?.asks(issued, number);
    if (this.#stable) this.#expect(issued);
  }

  /** All operations that clients sent. */
  get history(): readonly Issued[] {
    return this.#issued;
  }

  /**
   * From GST on, what is outstanding has to complete. A cluster that has not started yet (X15) gets
   * the time for that first.
   */
  globalStabilisation(): void {
    const { nowUs } = this.scheduler;
    const starting = !this.started;
    if (starting && nowUs < this.gstUs + START_MAX_US) {
      this.scheduler.after(null, START_POLL_US, () => this.globalStabilisation());
      return;
    }
    if (starting) this.fail("liveness: the cluster never started");
    this.#stable = true;
    for (const issued of this.#issued) if (issued.waiting) this.#expect(issued);
  }

  sessionLost(client: SimulatedClient): void {
    this.count("sessions lost");
    const { sessionsMax, byzantine, requestAuth, allRestart, valueMax } = this.plan;
    // A long result is gone once every replica has fetched its state since.
    const mayGo = sessionsMax < 64 || valueMax > INLINE_MAX / 2;
    // Who signs for it keeps it, whatever replicas order.
    const mayBeTaken = byzantine.length > 0 && requestAuth === "none";
    if (mayGo || mayBeTaken || allRestart !== null) return;
    this.fail(`exactly once: the session of c${client.id} was lost although there is room for it`);
  }

  report(): Report {
    const { subject, plan, scheduler } = this;
    for (const [what, count] of this.network.injected) countDrop(this.injected, what, count);
    const { seed, kind } = plan;
    return {
      ...{ protocol: subject.name, seed, kind },
      failures: this.failures,
      ...{ traceHash: scheduler.traceHash, events: scheduler.count },
      operations: this.completed,
      injected: this.injected,
      marks: this.marks,
    };
  }

  #expect(issued: Issued): void {
    const allowedUs = livenessUs(this.plan, this.correct(), this.roles);
    this.scheduler.after(null, allowedUs, () => {
      if (!issued.waiting) return;
      const ms = allowedUs / 1000;
      this.fail(`liveness: an operation of c${issued.client} did not complete within ${ms} ms`);
    });
  }

  #addProcess(host: number, name: string): Process {
    const { replicas, clientProcesses } = this;
    const index = replicas.length + clientProcesses.length + this.#others.length;
    const process = new Process(this.scheduler, index, host, name);
    const there = this.#hosts[host];
    if (there === undefined) this.#hosts[host] = [process];
    else there.push(process);
    this.watch?.adds(process);
    process.onArrival = (to, from, packet) => {
      const taken = (to.byzantine ? this.#adversary?.learn(packet) : null) ?? packet;
      this.recording?.add(packet);
      this.#monitor.arrives(from, taken);
      this.observer?.arrived(this.scheduler.nowUs, from, to, packet);
      return taken;
    };
    return process;
  }
}
