// A whole cluster of executables on this machine, in a private directory: what demo, bench and the
// tests of real processes start.

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { codeOf, describeErrno } from "../base/errno.ts";
import { INTERRUPTED, reasonOf, RunError, UsageError } from "../base/errors.ts";
import { log } from "../base/logger.ts";
import { tryReplacing } from "../base/replace-file.ts";
import { readJson } from "../cli/json-file.ts";
import { failOutputs } from "../cli/output-file.ts";
import { writeKeyPairs } from "../crypto/keys.ts";
import type { ReplicaRecord } from "../evaluation/replica-record.ts";
import { loadingTexts } from "../process/chosen-workload.ts";
import { usableCpus } from "../process/cpus.ts";
import { lacks } from "../process/start-lines.ts";
import { onStopSignal } from "../base/interruption.ts";
import { protocols, smallestCluster } from "../protocol/index.ts";
import { SEQUENCER } from "../protocol/kit/sequencer.ts";
import { behindPrefix, writeBehind } from "./behind-switch.ts";
import { Child } from "./child.ts";
import { freePorts } from "./free-ports.ts";
import { planRoles, type RolePlan, type RoleProcess } from "./role-plan.ts";

/** Where the executables lie. */
const ROOT = resolve(import.meta.dir, "../..");
const SWITCH = join(ROOT, "src/bin/udp-switch.ts");

/** Of -w, for help texts: what processes have that a cluster starts. */
export const WORKERS_DEFAULT =
  "default: none where processes outnumber the CPUs, else the CPUs less one";

export interface ClusterOptions {
  readonly mode: string;
  readonly transport: "dpdk" | "udp";
  /**
   * Tolerated faults, if the mode tolerates any; the cluster has the fewest replicas that it needs
   * for them.
   */
  readonly f: number;
  /** More arguments for replicas, clients and the fabric, which has the replicas' --mtu. */
  readonly replicaArgs: readonly string[];
  readonly clientArgs: readonly string[];
  readonly fabricArgs: readonly string[];
  readonly clientPorts: number;
  /** Joins an only replica and an only client process by one memif instead of a fabric. */
  readonly link: boolean;
  /** How many sequencers there are, and what the first one is, as of planRoles. */
  readonly sequencers?: number;
  readonly sequencer?: "fabric" | "process";
  /** What to run instead of ./replica and ./client, with its arguments. */
  readonly commands?: { readonly [name in "replica" | "client"]?: readonly string[] };
  readonly impostor?: Impostor;
  /** Whether processes publish how far they are, and the fabric takes other rates meanwhile. */
  readonly watched?: boolean;
  /** A file of the network to put between all processes. */
  readonly network?: string | null;
  /** Over UDP: where processes run, if not all on this host. */
  readonly hosts?: ClusterHosts;
  /**
   * Over UDP: arguments of a switch through which all traffic goes; without them there is
   * none, unless there is a network.
   */
  readonly switchArgs?: (dir: string) => readonly string[];
}

/** Hosts of a cluster's processes. */
export interface ClusterHosts {
  /** IPv4 address and port. */
  replicaAddress(index: number): string;
  /** What a command begins with that is to run there. */
  on(host: `replica${number}` | "client"): readonly string[];
}

/** What to run instead of ./replica as one replica, for a cluster in the directory `dir`. */
export interface Impostor {
  readonly index: number;
  command(dir: string): readonly string[];
}

/**
 * Builds the executables, and with "--bundle" their archive, as far as something changed; the exit
 * status of the build.
 */
export function buildExecutables(...options: readonly "--bundle"[]): number {
  const command = [join(ROOT, "build.ts"), ...options];
  const built = spawnSync(process.execPath, command, { stdio: "inherit" });
  return built.status ?? 1;
}

/** Those that `stop` has yet to clean up behind. */
const running = new Set<Cluster>();

/**
 * From here on a signal stops all clusters before it ends this process; `keep` writes what was
 * measured until then, and files that nothing was written to say that the run was interrupted.
 */
export function stopClustersOnSignal(keep: () => void = () => {}): void {
  onStopSignal("first", async () => {
    await Promise.all([...running].map((cluster) => cluster.stop()));
    try {
      keep();
    } catch (error) {
      log.error(reasonOf(error));
    }
    failOutputs({ failure: "interrupted", interrupted: true });
    process.exit(INTERRUPTED);
  });
}

export class Cluster {
  /**
   * Private to this cluster: sockets, configuration, whatever its processes leave; removed by
   * `stop`.
   */
  readonly dir: string;
  readonly n: number;
  readonly replicas: Child[] = [];
  /** Processes of roles beside replica and client, as the plan has them. */
  readonly #others: Child[] = [];
  #fabric: Child | null = null;
  readonly #clients: Child[] = [];
  /** Replicas and sequencers that were killed. */
  readonly #killed = new Set<Child>();
  readonly #options: ClusterOptions;
  readonly #prefix: string;
  /** Over UDP: arguments of the switch between the processes; null: there is none. */
  readonly #switch: readonly string[] | null;
  readonly #roles: RolePlan;
  readonly #instance: string;

  private constructor(
    options: ClusterOptions,
    dir: string,
    n: number,
    prefix: string,
    roles: RolePlan,
  ) {
    this.#options = options;
    this.#switch = switchArguments(options, dir);
    this.dir = dir;
    this.n = n;
    this.#prefix = prefix;
    this.#roles = roles;
    this.#instance = `run-${crypto.randomUUID()}`;
  }

  /**
   * Starts fabric and replicas and waits until all run. Throws UsageError or RunError; nothing is
   * left then.
   */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const protocol = protocols.get(options.mode);
    if (protocol === undefined) {
      throw new UsageError(`--mode ${options.mode}: expected ${[...protocols.keys()].join(", ")}`);
    }
    const { n, f } = smallestCluster(protocol, options.f);
    const dir = privateDirectory();
    const prefix = join(dir, "cluster");
    const roles = planRoles(protocol, options);
    const cluster = new Cluster(options, dir, n, prefix, roles);
    running.add(cluster);
    try {
      await writeConfig(prefix, options, { n, f, roles: roles.all });
      if (protocol.signed) writeKeyPairs(prefix, n);
      if (cluster.#switch !== null) await writeBehind(prefix, n, protocol.signed);
      await cluster.#startAll();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** What a replica told when it stopped; throws RunError if it did not stop by itself. */
  replicaRecord(index: number): ReplicaRecord {
    const path = this.#recordPath(index);
    if (!existsSync(path)) throw new RunError(`replica ${index} was killed and left no result`);
    return readJson(path);
  }

  /** How processes ended that nobody ended on purpose; a line each. */
  endings(): readonly string[] {
    const fabric = this.#fabric === null ? [] : [this.#fabric];
    const all = [...this.replicas, ...this.#others, ...fabric];
    return all.flatMap((child) => (this.#killed.has(child) ? [] : (child.ending ?? [])));
  }

  /** Waits until all replicas take part: protocols may begin by asking each other. */
  async takesPart(): Promise<void> {
    for (const replica of this.replicas) {
      const lacking = lacks(replica.output);
      if (lacking !== null) await replica.printed(lacking);
    }
  }

  /** Ends a replica as a power cut would. */
  async kill(index: number): Promise<void> {
    const replica = this.replicas[index];
    if (replica === undefined) return;
    this.#killed.add(replica);
    replica.signal("SIGKILL");
    await replica.ended();
  }

  /** Where processes of a watched cluster publish how far they are, replicas or clients. */
  censusPath(of: "replica" | "client", index: number): string {
    return join(this.dir, `${of}-${index}.census`);
  }

  /** Where the fabric of a watched cluster reads its rates; null: there is none. */
  get controlPath(): string | null {
    return this.#options.transport === "udp" ? null : join(this.dir, "fabric.control");
  }

  /** Stops all replicas, which write their results. */
  async stopReplicas(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
  }

  /** Starts a replica again, empty, and returns once it runs. */
  async restart(index: number): Promise<void> {
    this.replicas[index] = this.#spawnReplica(index);
    await this.replicas[index]?.printed("replica ");
  }

  /** Starts a client process; `show` lets it print to the terminal. */
  client(args: readonly string[], show: boolean): Child {
    const port = this.#clients.length % Math.max(1, this.#options.clientPorts);
    const join =
      this.#options.transport === "udp" || this.#linked
        ? this.#joinArgs()
        : [...this.#joinArgs(), "--fabric-port", String(port)];
    // Nothing else tells of what lies between over UDP.
    const { network = null, transport } = this.#options;
    const told = network !== null && transport === "udp" ? ["--network", network] : [];
    const census = this.#censusArgs("client", this.#clients.length);
    const own = [...this.#options.clientArgs, ...told, ...census, ...args];
    const there = this.#options.hosts?.on("client") ?? [];
    const command = [...there, ...this.#command("client"), ...join, ...this.#workers(own), ...own];
    const child = new Child("client", command, this.dir, show);
    this.#clients.push(child);
    return child;
  }

  /** Stops every process and removes the directory. */
  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.stop()));
    await this.stopReplicas();
    await Promise.all(this.#others.map((other) => other.stop()));
    await this.#fabric?.stop();
    running.delete(this);
    rmSync(this.dir, { recursive: true, force: true });
  }

  get #linked(): boolean {
    const { transport, link, clientPorts, network = null } = this.#options;
    if (network !== null) return false;
    const alone = this.n === 1 && clientPorts === 1 && this.#roles.all.length === 0;
    return link && transport === "dpdk" && alone;
  }

  async #startAll(): Promise<void> {
    if (this.#switch !== null) {
      const command = [process.execPath, SWITCH, "-c", this.#prefix, ...this.#switch];
      const behind = ["--behind", behindPrefix(this.#prefix)];
      this.#fabric = new Child("udp-switch", [...command, ...behind], this.dir, false);
      await this.#fabric.printed("udp-switch of");
    }
    if (this.#options.transport === "dpdk" && !this.#linked) {
      // Processes of other roles come behind the clients.
      const count = this.#options.clientPorts + this.#roles.spawned.length;
      const ports = ["--client-ports", String(count)];
      const sequencer = this.#roles.inFabric ? ["--sequencer"] : [];
      const command = [
        join(ROOT, "fabric"),
        "-c",
        this.#prefix,
        "--dir",
        this.dir,
        ...ports,
        ...sequencer,
        ...networkArguments(this.#options),
        ...mtuArguments(this.#options),
        ...this.#options.fabricArgs,
        ...(this.#options.watched === true ? ["--control", `${this.controlPath}`] : []),
      ];
      this.#fabric = new Child("fabric", command, this.dir, false);
      await this.#fabric.printed("fabric of");
    }
    for (let i = 0; i < this.n; i++) this.replicas.push(this.#spawnReplica(i));
    this.#others.push(...this.#roles.spawned.map((one, i) => this.#spawnRole(one, i)));
    for (const replica of this.replicas) {
      let told: string | undefined;
      await replica.printed("replica ", undefined, () => {
        const line = loadingTexts(replica.output).at(-1);
        if (line === undefined || line === told) return false;
        told = line;
        log.info(`${replica.name} ${line}`);
        return true;
      });
    }
    for (const other of this.#others) await other.printed(" runs ");
  }

  /** The sequencer of this index, as a process of its own. */
  sequencer(index: number): Child | undefined {
    return this.#others[this.#placeOf(index)];
  }

  /** Ends a sequencer as a power cut would. */
  async killSequencer(index: number): Promise<void> {
    const child = this.sequencer(index);
    if (child === undefined) return;
    this.#killed.add(child);
    child.signal("SIGKILL");
    await child.ended();
  }

  /** Starts a sequencer again, closed, and returns once it runs. */
  async restartSequencer(index: number): Promise<void> {
    const place = this.#placeOf(index);
    const one = this.#roles.spawned[place];
    if (one === undefined) return;
    const child = this.#spawnRole(one, place);
    this.#others[place] = child;
    await child.printed(" runs ");
  }

  #placeOf(sequencer: number): number {
    return this.#roles.spawned.findIndex(
      ({ role, index }) => role === SEQUENCER && index === sequencer,
    );
  }

  /** A process of a role, the `number`-th of all of them. */
  #spawnRole({ role, index }: RoleProcess, number: number): Child {
    const { clientPorts, transport, replicaArgs } = this.#options;
    const port = transport === "udp" ? [] : ["--fabric-port", String(clientPorts + number)];
    const own = [...this.#workers(replicaArgs), ...replicaArgs];
    const id = ["--role", role, "-i", String(index), ...port];
    const command = [...this.#command("replica"), ...id, ...this.#joinArgs(), ...own];
    return new Child(`${role} ${index}`, command, this.dir, false);
  }

  #spawnReplica(index: number): Child {
    const census = this.#censusArgs("replica", index);
    const id = ["-i", String(index), "--json", this.#recordPath(index), ...census];
    const { replicaArgs } = this.#options;
    const own = [...this.#workers(replicaArgs), ...replicaArgs];
    const { impostor: other } = this.#options;
    const impostor = other?.index === index ? other.command(this.dir) : undefined;
    const prefix = this.#switch === null ? this.#prefix : behindPrefix(this.#prefix, index);
    const runs = this.#command("replica", { prefix, impostor });
    const there = this.#options.hosts?.on(`replica${index}`) ?? [];
    const command = [...there, ...runs, ...id, ...this.#joinArgs(), ...own];
    return new Child(`replica ${index}`, command, this.dir, false);
  }

  /**
   * As WORKERS_DEFAULT says. Where there are more processes than processors, threads of their own
   * for signatures would only take turns with the thread that waits for them.
   */
  #workers(args: readonly string[]): readonly string[] {
    const told = args.some((word) => /^(-w|--workers)/.test(word));
    const requests = args.some((word, i) => /^--request-auth(=|$)/.test(word) && signs(args, i));
    const signed = protocols.get(this.#options.mode)?.signed === true || requests;
    return told || !signed || this.n < usableCpus() ? [] : ["-w", "0"];
  }

  #command(
    executable: "replica" | "client",
    other: { readonly prefix?: string; readonly impostor?: readonly string[] | undefined } = {},
  ): readonly string[] {
    const { mode, commands } = this.#options;
    const { prefix = this.#prefix, impostor } = other;
    const command = impostor ?? commands?.[executable] ?? [join(ROOT, executable)];
    return [...command, "-m", mode, "-c", prefix, "--instance", this.#instance];
  }

  #censusArgs(of: "replica" | "client", index: number): readonly string[] {
    return this.#options.watched === true ? ["--census", this.censusPath(of, index)] : [];
  }

  #recordPath(index: number): string {
    return join(this.dir, `replica-${index}.json`);
  }

  #joinArgs(): readonly string[] {
    if (this.#options.transport === "udp") return [];
    return [this.#linked ? "--link" : "--fabric", this.dir];
  }
}

/** Whether `--request-auth`, which stands there, says that clients sign. */
function signs(args: readonly string[], at: number): boolean {
  return args[at]?.endsWith("=sign") === true || args[at + 1] === "sign";
}

function switchArguments(options: ClusterOptions, dir: string): readonly string[] | null {
  const { switchArgs, transport } = options;
  const network = transport === "udp" ? networkArguments(options) : [];
  if (switchArgs === undefined && network.length === 0) return null;
  return [...network, ...(switchArgs?.(dir) ?? [])];
}

/** What replicas are told of packets, which a fabric has to know as well. */
function mtuArguments({ replicaArgs }: ClusterOptions): readonly string[] {
  return replicaArgs.filter((word) => word.startsWith("--mtu="));
}

function networkArguments({ network = null }: ClusterOptions): readonly string[] {
  return network === null ? [] : ["--network", network];
}

/** Where sockets, keys and results of the cluster's processes lie. Throws UsageError. */
function privateDirectory(): string {
  let dir: string | null = null;
  try {
    dir = mkdtempSync(join(tmpdir(), "oskr-"));
    chmodSync(dir, 0o700);
    tryReplacing(join(dir, "any"));
    return dir;
  } catch (error) {
    if (dir !== null) rmSync(dir, { recursive: true, force: true });
    const code = codeOf(error);
    if (code === null) throw error;
    throw new UsageError(
      `${tmpdir()}: no temporary directory there: ${describeErrno(code)}; TMPDIR names another`,
    );
  }
}

async function writeConfig(
  prefix: string,
  options: ClusterOptions,
  {
    n,
    f,
    roles,
  }: { readonly n: number; readonly f: number; readonly roles: readonly RoleProcess[] },
): Promise<void> {
  const count = n + roles.length;
  const hex = (i: number): string => i.toString(16).padStart(2, "0");
  const { hosts } = options;
  const here = (port: number, i: number): string =>
    i < n && hosts !== undefined ? `${hosts.replicaAddress(i)}%0` : `127.0.0.1:${port}%0`;
  const addresses =
    options.transport === "udp"
      ? (await freePorts(count)).map(here)
      : Array.from({ length: count }, (_, i) => `12:34:56:00:00:${hex(i)}%0`);
  const lines = [
    `f ${f}`,
    ...addresses.slice(0, n).map((address) => `replica ${address}`),
    ...roles.map(({ role }, i) => `role ${role} ${addresses[n + i]}`),
  ];
  if (options.transport === "dpdk" && n > 1) lines.push("multicast 01:00:5e:00:00:01%255");
  writeFileSync(`${prefix}.config`, `${lines.join("\n")}\n`);
}
