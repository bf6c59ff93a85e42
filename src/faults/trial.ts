// A cluster of real processes, its load, and the checks of what clients saw.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { isOrdered } from "../app/index.ts";
import type { Options } from "../cli/command-line.ts";
import { readJson } from "../cli/json-file.ts";
import { chooseNetwork, type ChosenNetwork } from "../cluster/chosen-network.ts";
import { ClientProcesses } from "../cluster/client-processes.ts";
import type { Child } from "../cluster/child.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { HistoryEntry } from "../evaluation/history.ts";
import type { ResultRecord } from "../evaluation/record.ts";
import { checkClients } from "../history/clients-check.ts";
import { readMtu } from "../process/setting.ts";
import { PROTOCOL_DEFAULTS } from "../protocol-config.ts";
import { protocols } from "../protocol/index.ts";
import { print } from "../base/logger.ts";

const CLIENTS = 10;
/** Client processes at a time. */
const CLIENT_PORTS = 4;
/** Options of every client process: the checked workload, slow enough for the checker. */
const CHECKED = ["-t", String(CLIENTS), "--think", "5", "--warm", "0"];

/** Arguments of one cluster beside the trial's. */
interface MoreArgs {
  /** Instead of the trial's. */
  readonly viewTimeoutMs?: number;
  readonly replicaArgs?: readonly string[];
  readonly clientArgs?: readonly string[];
  /** Sequencers as processes of their own, if there are to be so many. */
  readonly sequencers?: number;
  /** Of the network between the processes: the fabric's, or the UDP switch's. */
  readonly network?: readonly string[];
}

/** What all scenarios of one run have in common, and how many checks passed. */
export class Trial {
  passed = 0;
  failed = 0;
  readonly viewTimeoutMs: number;
  readonly mode: string;
  readonly #app: string;
  readonly #options: Options;
  readonly #network: ChosenNetwork | null;
  /** What all processes are told of packets. */
  readonly #mtu: string;
  #clients = 0;

  constructor(options: Options) {
    this.#options = options;
    this.mode = options.textOf("mode");
    this.#app = options.textOf("app");
    this.#mtu = `--mtu=${readMtu(options, { transport: this.transport })}`;
    const name = options.text("network");
    this.#network =
      name === undefined
        ? null
        : chooseNetwork(name, { mode: this.mode, f: 1, clientProcesses: CLIENT_PORTS });
    const givenMs = options.integer("view-timeout", 10, 60_000);
    const told = this.#network === null || options.given.has("view-timeout");
    this.viewTimeoutMs = told ? givenMs : (this.#network?.viewTimeoutMs ?? givenMs);
  }

  get transport(): "udp" | "dpdk" {
    return this.#options.textOf("transport") === "udp" ? "udp" : "dpdk";
  }

  /** Of replicas that run the store whose histories are judged, or nothing at all. */
  cluster(what: "store" | "null", more: MoreArgs = {}): Promise<Cluster> {
    const { network, sequencers } = more;
    const app = what === "null" ? what : this.#app;
    const auth = ["request-auth", "signature"].flatMap((name) =>
      this.#options.given.has(name) ? [`--${name}`, this.#options.textOf(name)] : [],
    );
    const timeout = ["--view-timeout", String(more.viewTimeoutMs ?? this.viewTimeoutMs)];
    const shared = [...timeout, ...auth];
    return Cluster.start({
      mode: this.mode,
      transport: this.transport,
      network: this.#network?.path ?? null,
      f: 1,
      link: false,
      clientPorts: CLIENT_PORTS,
      ...(sequencers === undefined ? {} : { sequencers, sequencer: "process" }),
      replicaArgs: ["-a", app, this.#mtu, ...shared, ...(more.replicaArgs ?? [])],
      clientArgs: [this.#mtu, ...shared, ...(more.clientArgs ?? [])],
      fabricArgs: more.network ?? [],
      ...(this.transport === "udp" && network !== undefined ? { switchArgs: () => network } : {}),
    });
  }

  /** Whether replicas sign, so that what the network alters is found. */
  get signed(): boolean {
    return protocols.get(this.mode)?.signed === true;
  }

  /** The store, and what is asked of it: scans too, where it has an order. */
  get #asked(): readonly string[] {
    return ["-a", this.#app, "-W", isOrdered(this.#app) ? "scanned" : "contended"];
  }

  /** The share of throughput that a silent backup leaves, at least. */
  get shareWithoutBackup(): number {
    return protocols.get(this.mode)?.timing?.shareWithoutBackup ?? 0.8;
  }
  /** View timeouts until service resumes when the first leader has died. */
  get resumeTimeouts(): number {
    return protocols.get(this.mode)?.timing?.resumeTimeouts ?? 2;
  }
  /** View timeouts until service resumes when the vote of a replica that recovered is needed. */
  get recoveredTimeouts(): number {
    return protocols.get(this.mode)?.timing?.recoveredTimeouts ?? 3;
  }

  check(what: string, holds: boolean, saw: string): void {
    if (holds) this.passed++;
    else this.failed++;
    print(`  ${holds ? "ok    " : "FAILED"} ${what}: ${saw}`);
  }

  /**
   * Starts clients whose history will be judged by `judge`; for so long, or in proportion longer
   * where the view timeout is longer than usual.
   */
  load(cluster: Cluster, usualSeconds: number): Load {
    const longer = Math.max(1, this.viewTimeoutMs / PROTOCOL_DEFAULTS.viewTimeoutMs);
    const seconds = Math.ceil(usualSeconds * longer);
    const path = join(cluster.dir, `load-${this.#clients++}`);
    const files = ["--json", `${path}.json`, "--history", `${path}.history`];
    const child = cluster.client(
      [...CHECKED, ...this.#asked, "-d", String(seconds), ...files],
      false,
    );
    return { child, path };
  }

  /** Waits for the clients of one cluster and judges their histories together; their records. */
  async judge(...loads: readonly Load[]): Promise<readonly ResultRecord[]> {
    const all: HistoryEntry[] = [];
    const records: ResultRecord[] = [];
    for (const [i, { child, path }] of loads.entries()) {
      const status = await child.ended();
      this.check("clients end well", status === 0, child.errors.trim() || `status ${status}`);
      // Clients that completed nothing leave nothing to judge.
      if (!existsSync(`${path}.json`)) continue;
      const entries = readJson<HistoryEntry[]>(`${path}.history`);
      all.push(...entries.map((entry) => ({ ...entry, client: entry.client + i * CLIENTS })));
      records.push(readJson<ResultRecord>(`${path}.json`));
    }
    const { what, holds, saw } = checkClients(all);
    this.check(what, holds, saw);
    return records;
  }

  /** That a throughput is at least so much of what it was. */
  keeps(what: string, after: number, before: number, atLeast: number): void {
    const ratio = after / before;
    this.check(what, ratio >= atLeast, `${ratio.toFixed(2)} of before, at least ${atLeast}`);
  }

  gap(record: ResultRecord | undefined, timeouts: number): void {
    const limitMs = timeouts * this.viewTimeoutMs;
    const gapMs = record?.longestGapMs ?? Infinity;
    const saw = `${gapMs.toFixed(0)} ms of at most ${limitMs}`;
    this.check(`service resumes within ${timeouts} view timeouts`, gapMs <= limitMs, saw);
  }
}

export interface Load {
  readonly child: Child;
  /** Of its files, without their endings. */
  readonly path: string;
}

/** Runs so many clients for so long; throws RunError if they fail. */
export function measure(cluster: Cluster, clients: number, seconds: number): Promise<ResultRecord> {
  const load = { clients, clientProcesses: 1, rate: 0 };
  return new ClientProcesses(cluster, load, ["-d", String(seconds)], false).result();
}

/** Until the first second with operations was reported. */
export async function served(client: Child): Promise<void> {
  await client.printed(/[1-9][0-9,]* operations a second/);
}
