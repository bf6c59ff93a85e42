// Measures points of a plan on the hosts of an Ansible inventory: docs/lab.md.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { RunError, UsageError } from "../base/errors.ts";
import { readJson } from "../cli/json-file.ts";
import { mergeRecords } from "../evaluation/merge.ts";
import type { RunSettings, Measured, PointRunner } from "../evaluation/point-runner.ts";
import { clientArguments, loadArguments, replicaArguments } from "../evaluation/point.ts";
import type { ResultRecord } from "../evaluation/record.ts";
import type { ReplicaRecord } from "../evaluation/replica-record.ts";
import type { Point } from "../evaluation/run.ts";
import { protocols, smallestCluster } from "../protocol/index.ts";
import { SEQUENCER } from "../protocol/kit/sequencer.ts";
import { failuresIn, readInventory, runPlaybook, type Inventory } from "./ansible.ts";
import { judgeAddresses, type LabHost } from "./lab-addresses.ts";
import { log } from "../base/logger.ts";

/** How long the bundle may take to every host, and a run beyond what it measures. */
const COPY_MS = 30 * 60_000;
const OVERHEAD_MS = 5 * 60_000;
const STOP_MS = 2 * 60_000;

/** The hosts of a run, by role. */
interface Cast {
  readonly n: number;
  readonly f: number;
  readonly replicas: readonly LabHost[];
  /** None where the mode has none. */
  readonly sequencers: readonly LabHost[];
  /** Those of the replicas that are killed before the clients start. */
  readonly silent: readonly LabHost[];
  readonly clients: readonly LabHost[];
}

export class LabRunner implements PointRunner {
  readonly #inventory: Inventory;
  readonly #logs: string;

  private constructor(inventory: Inventory, logs: string) {
    this.#inventory = inventory;
    this.#logs = logs;
  }

  /**
   * Copies the bundle to the hosts of an inventory; what is logged and collected of runs that fail
   * stays in the directory `logs`. Throws UsageError or RunError, or the signal's reason.
   */
  static async open(inventory: Inventory, logs: string, signal: AbortSignal): Promise<LabRunner> {
    mkdirSync(logs, { recursive: true });
    const log = join(resolve(logs), "copy.log");
    rmSync(log, { force: true });
    const options = { inventory, variables: {}, log, limitMs: COPY_MS, signal };
    const status = await runPlaybook("copy", options);
    if (status !== 0) throw new RunError([`copying failed: ${log}`, ...failuresIn(log)].join("\n"));
    return new LabRunner(inventory, resolve(logs));
  }

  async run(point: Point, settings: RunSettings, signal: AbortSignal): Promise<Measured> {
    signal.throwIfAborted();
    const cast = castOf(point, this.#inventory);
    const dir = mkdtempSync(join(this.#logs, "run-"));
    const log = join(dir, "ansible.log");
    const inventory = this.#inventory;
    const variables = variablesOf(point, settings, cast, dir);
    const limitMs = 1000 * (settings.seconds + settings.warmSeconds) + OVERHEAD_MS;
    let status: number;
    try {
      status = await runPlaybook("run", { inventory, variables, log, limitMs, signal });
    } catch (error) {
      await this.#stop(dir);
      throw error;
    }
    const replicas = cast.replicas.filter((host) => !cast.silent.includes(host));
    const failures = failuresIn(log);
    const lost = [
      ...replicas.flatMap(({ name }) => lossOf(dir, name, "replica", failures)),
      ...cast.sequencers.flatMap(({ name }) => lossOf(dir, name, "sequencer", failures)),
      ...cast.clients.flatMap(({ name }) => lossOf(dir, name, "client", failures)),
    ];
    if (lost.length > 0 || status !== 0) {
      const why = lost.length > 0 ? lost : failures;
      throw new RunError(`${why.join("; ")} (logs: ${dir})`);
    }
    const record = mergeRecords(
      cast.clients.map(({ name }) => read<ResultRecord>(dir, name, "client")),
    );
    const measured = {
      record,
      replicas: replicas.map(({ name }) => read<ReplicaRecord>(dir, name, "replica")),
    };
    rmSync(dir, { recursive: true });
    return measured;
  }

  async close(): Promise<void> {}

  /** Ends what an interrupted run left on the hosts; a log in its directory tells how. */
  async #stop(dir: string): Promise<void> {
    const inventory = this.#inventory;
    const path = join(dir, "stop.log");
    const options = { inventory, variables: {}, log: path, limitMs: STOP_MS, signal: null };
    const status = await runPlaybook("stop", options);
    if (status !== 0) log.warn(`hosts may still run something: ${path}`);
  }
}

/** Reads an inventory for a plan. Throws UsageError where it has not what the points need. */
export function readLab(path: string, points: readonly Point[]): Inventory {
  const inventory = readInventory(path);
  for (const point of points) castOf(point, inventory);
  return inventory;
}

/** Throws UsageError where the lab has not what the point needs. */
function castOf(point: Point, inventory: Inventory): Cast {
  const { path, replicas, sequencers, clients } = inventory;
  const protocol = protocols.get(point.mode);
  if (protocol === undefined) throw new UsageError(`no protocol '${point.mode}'`);
  if (point.extras?.["network"] !== undefined) {
    throw new UsageError(`${path}: network: hosts have their own; it is for one machine`);
  }
  const sequenced = protocol.sequenced !== undefined;
  const other = [...(protocol.roles?.keys() ?? [])].find((role) => role !== SEQUENCER);
  if (other !== undefined) {
    throw new UsageError(
      `${path}: ${point.mode} needs processes that an inventory has not: ${other}`,
    );
  }
  const { n, f } = smallestCluster(protocol, point.f);
  const need = (what: string, count: number, hosts: readonly LabHost[]): void => {
    if (hosts.length >= count) return;
    throw new UsageError(`${path}: ${what} need ${count} hosts, there are ${hosts.length}`);
  };
  need("replicas", n, replicas);
  need("sequencers", sequenced ? 1 : 0, sequencers);
  need("client processes", point.clientProcesses, clients);
  const members = replicas.slice(0, n);
  const { transport } = judgeAddresses(inventory);
  const [{ name, address } = { name: "", address: "" }] = members;
  if (transport !== point.transport) {
    throw new UsageError(
      `${path}: ${name}: oskr_address '${address}' is not for ${point.transport}`,
    );
  }
  return {
    n,
    f,
    replicas: members,
    sequencers: sequenced ? sequencers : [],
    silent: point.fault === "silent" ? members.slice(-1) : [],
    clients: clients.slice(0, point.clientProcesses),
  };
}

/** The variables of run.yml, by the names of deploy/ansible/roles/oskr/defaults/main.yml. */
function variablesOf(point: Point, settings: RunSettings, cast: Cast, dir: string) {
  const options = clientArguments(point, settings);
  return {
    oskr_hosts: [...cast.replicas, ...cast.sequencers, ...cast.clients].map(({ name }) => name),
    oskr_silent: cast.silent.map(({ name }) => name),
    oskr_n: cast.n,
    oskr_f: cast.f,
    oskr_mode: point.mode,
    oskr_instance: `run-${crypto.randomUUID()}`,
    oskr_replica_options: replicaArguments(point, settings),
    oskr_client_options: cast.clients.map((_, i) => [...options, ...loadArguments(point, i)]),
    oskr_seconds: Math.ceil(settings.seconds + settings.warmSeconds),
    oskr_results: dir,
  };
}

type Program = "replica" | "sequencer" | "client";

function read<T>(dir: string, host: string, program: Program): T {
  return readJson(join(dir, host, `${program}.json`));
}

/** A line if a host's result is missing, from what it logged or Ansible said of it. */
function lossOf(
  dir: string,
  host: string,
  program: Program,
  failures: readonly string[],
): readonly string[] {
  if (existsSync(join(dir, host, `${program}.json`))) return [];
  const log = join(dir, host, `${program}.log`);
  if (existsSync(log)) {
    const last = readFileSync(log, "utf8").trimEnd().split("\n").at(-1);
    return [`${host}: no result; it last said '${last}'`];
  }
  const unreachable = failures.some((line) => line.startsWith(`fatal: [${host}]: UNREACHABLE`));
  return [`${host}: ${unreachable ? "died or cannot be reached" : "was not started"}`];
}
