// A cluster that runs, as its page shows it: what its processes publish, what is done to it, and
// what followed.

import { reasonOf } from "../base/errors.ts";
import type { PublishedClients, PublishedReplica } from "../process/census-page.ts";
import { FabricController, refuseControl, type FabricControl } from "../process/fabric-control.ts";
import {
  REPLICA_ACTIONS,
  type LiveAction,
  type LiveNetwork,
  type LiveReplica,
  type LiveSample,
  type LiveState,
  type ReplicaState,
} from "./live-data.ts";
import { LiveTimeline } from "./live-timeline.ts";

/** Samples that are kept for whoever comes later: some minutes. */
const SAMPLES_MAX = 1200;

/** What can be done to replicas. */
export interface Hands {
  signal(index: number, signal: "SIGSTOP" | "SIGCONT"): void;
  kill(index: number): Promise<void>;
  restart(index: number): Promise<void>;
}

/** A cluster of which a page tells. */
export interface WatchedCluster {
  /** The protocol; the empty string while that is not known. */
  readonly mode: string;
  readonly n: number;
  readonly f: number;
  readonly clientProcesses: number;
  /** Why a replica does not run; null if it does. */
  endingOf(index: number): string | null;
  /** What a process that runs has published last, times by the clock of this machine. */
  replicaCensus(index: number): PublishedReplica | null;
  clientCensus(index: number): PublishedClients | null;
  /** Null: it is only watched. */
  readonly hands: Hands | null;
  /** The file that its fabric reads; null: none does. */
  readonly controlPath: string | null;
}

export interface LiveClusterOptions {
  readonly cluster: WatchedCluster;
  readonly native: { oskr_monotonic_ns(): number };
}

/** One process's census before the last one, of which rates are made. */
interface Before<T> {
  readonly last: T;
  readonly rate: number;
}

export class LiveCluster {
  readonly samples: LiveSample[] = [];
  /** How many samples there were before the first that is kept. */
  skipped = 0;
  readonly #options: LiveClusterOptions;
  readonly #startMs: number;
  readonly #timeline = new LiveTimeline();
  readonly #states: ReplicaState[];
  readonly #replicas: (Before<PublishedReplica> | null)[];
  readonly #clients: (Before<PublishedClients> | null)[];
  readonly #controller: FabricController | null;
  #network: LiveNetwork = { drop: 0, delayUs: 0 };

  /** Throws UsageError. */
  constructor(options: LiveClusterOptions) {
    const { cluster, native } = options;
    this.#options = options;
    this.#startMs = native.oskr_monotonic_ns() / 1e6;
    this.#states = Array.from({ length: cluster.n }, (_, i) =>
      cluster.endingOf(i) === null ? "up" : "down",
    );
    this.#replicas = Array.from({ length: cluster.n }, () => null);
    this.#clients = Array.from({ length: cluster.clientProcesses }, () => null);
    const { controlPath } = cluster;
    this.#controller = controlPath === null ? null : new FabricController(controlPath);
  }

  get #nowMs(): number {
    return this.#options.native.oskr_monotonic_ns() / 1e6 - this.#startMs;
  }

  get state(): LiveState {
    const { mode, f, hands } = this.#options.cluster;
    const clients = this.#clients.flatMap((one) => (one === null ? [] : [one.last]));
    return {
      ...{ mode, f, nowMs: this.#nowMs, readOnly: hands === null },
      replicas: this.#states.map((state, index) => this.#replica(state, index)),
      completed: clients.reduce((sum, { completed }) => sum + completed, 0),
      inFlight: clients.reduce((sum, { inFlight }) => sum + inFlight, 0),
      network: this.#controller === null ? null : this.#network,
      events: this.#timeline.events,
    };
  }

  /** Reads what processes published since, and what that says. */
  look(): void {
    const { cluster } = this.#options;
    for (const index of this.#states.keys()) {
      this.#lookAt(index);
      const found = cluster.replicaCensus(index);
      if (found === null) continue;
      this.#replicas[index] = followed(this.#replicas[index] ?? null, found, "cpuMs");
    }
    for (const index of this.#clients.keys()) {
      const found = cluster.clientCensus(index);
      if (found === null) continue;
      this.#clients[index] = followed(this.#clients[index] ?? null, found, "completed");
    }
    this.#sample();
    const { nowMs, replicas, completed } = this.state;
    const gaps = this.#clients.flatMap((one) => one?.last.gaps ?? []);
    const own = gaps.map(({ fromMs, toMs }) => ({
      fromMs: fromMs - this.#startMs,
      toMs: toMs - this.#startMs,
    }));
    this.#timeline.looks({ nowMs, replicas, completed, gaps: own });
  }

  /** Whether a replica runs still, or again where others start it. */
  #lookAt(index: number): void {
    const { cluster } = this.#options;
    const state = this.#states[index];
    const ending = cluster.endingOf(index);
    if (ending !== null && state !== "restarting") this.#goesDown(index, ending);
    if (ending !== null || state !== "down" || cluster.hands !== null) return;
    this.#states[index] = "up";
    this.#timeline.happens(this.#nowMs, `replica ${index} runs`);
  }

  /** Does it, or says why not. */
  async act(action: LiveAction): Promise<string | null> {
    const { hands } = this.#options.cluster;
    if (hands === null) return "this cluster is only watched";
    if (action.action === "network") return this.#set(action.network);
    const { replica: index } = action;
    const state = this.#states[index];
    if (state === undefined) return `there is no replica ${index}`;
    if (state === "restarting") return `replica ${index} is being started again`;
    if (action.action === "restart") return this.#restart(index, state, hands);
    if (state === "down") return `replica ${index} is down`;
    if (action.action === "kill") return this.#kill(index, hands);
    const stops = action.action === "stop";
    if (stops === (state === "stopped")) {
      return `replica ${index} ${stops ? "stands still already" : "was not stopped"}`;
    }
    this.#does(index, stops ? "stopped" : "continued");
    hands.signal(index, stops ? "SIGSTOP" : "SIGCONT");
    this.#states[index] = stops ? "stopped" : "up";
    return null;
  }

  #does(index: number, what: string): void {
    const runs = this.#states[index] === "up";
    const leads = runs && this.#replica("up", index).census?.leads === true ? ", which leads," : "";
    this.#timeline.does(this.#nowMs, `replica ${index}${leads} ${what}`);
  }

  async #kill(index: number, hands: Hands): Promise<null> {
    this.#does(index, "killed");
    this.#states[index] = "down";
    await hands.kill(index);
    return null;
  }

  async #restart(index: number, state: ReplicaState, hands: Hands): Promise<string | null> {
    this.#does(index, "started again, with an empty memory");
    this.#states[index] = "restarting";
    this.#replicas[index] = null;
    try {
      if (state !== "down") await hands.kill(index);
      this.#timeline.restarts(this.#nowMs, index);
      await hands.restart(index);
      this.#states[index] = "up";
      return null;
    } catch (error) {
      const reason = `replica ${index} did not start: ${reasonOf(error)}`;
      this.#goesDown(index, reason);
      return reason;
    }
  }

  #goesDown(index: number, reason: string): void {
    if (this.#states[index] === "down") return;
    this.#states[index] = "down";
    this.#timeline.happens(this.#nowMs, reason);
  }

  #set(network: FabricControl): string | null {
    if (this.#controller === null) return "no fabric is between these processes";
    const wrong = refuseControl(network);
    if (wrong !== null) return wrong;
    const { drop, delayUs } = network;
    this.#controller.set({ drop, delayUs });
    this.#network = { drop, delayUs };
    const loses = `the fabric loses ${Number((100 * drop).toFixed(3))} % of all frames`;
    const text = `${loses} and delays them by ${delayUs / 1000} ms`;
    this.#timeline.does(this.#nowMs, text);
    return null;
  }

  #replica(state: ReplicaState, index: number): LiveReplica {
    const found = this.#replicas[index] ?? null;
    if (found === null) return { state, census: null };
    const { last, rate } = found;
    const { view, leader, committed, executed, phase, recovered, residentBytes, cpuMs } = last;
    const views = this.#replicas.map((one) => one?.last.view ?? -1);
    const leads = leader === index && view === Math.max(...views);
    const process = { residentBytes, cpuMs, cpuShare: rate };
    const dropped = Object.entries(last.dropped);
    return {
      state,
      census: { view, leader, leads, committed, executed, phase, recovered, ...process, dropped },
    };
  }

  #sample(): void {
    const clients = this.#clients.flatMap((one) => (one === null ? [] : [one]));
    if (clients.length === 0) return;
    const throughput = 1000 * clients.reduce((sum, { rate }) => sum + rate, 0);
    const latencies = clients.map(({ last }) => last.latency);
    const worst = (name: "p50Us" | "p99Us"): number =>
      Math.max(...latencies.map((one) => one[name]));
    this.samples.push({
      ...{ atMs: this.#nowMs, throughput, p50Us: worst("p50Us"), p99Us: worst("p99Us") },
    });
    if (this.samples.length <= SAMPLES_MAX) return;
    this.samples.shift();
    this.skipped++;
  }
}

/** What came last, with how fast a count of it grows by the millisecond. */
function followed<T extends { readonly pid: number; readonly atMs: number }>(
  before: Before<T> | null,
  last: T,
  count: keyof T,
): Before<T> {
  if (before === null || before.last.pid !== last.pid) return { last, rate: 0 };
  const tookMs = last.atMs - before.last.atMs;
  if (tookMs <= 0) return before;
  return { last, rate: (Number(last[count]) - Number(before.last[count])) / tookMs };
}

/** An action, as it came in JSON; or what is wrong with it. */
export function readAction(value: unknown): LiveAction | string {
  if (typeof value !== "object" || value === null || !("action" in value)) {
    return "expected an object with 'action'";
  }
  if (value.action === "network") {
    const network = "network" in value ? value.network : null;
    const wrong = refuseControl(network);
    return wrong ?? { action: "network", network: network as LiveNetwork };
  }
  const action = REPLICA_ACTIONS.find((name) => name === value.action);
  if (action === undefined) return `action: expected ${[...REPLICA_ACTIONS, "network"].join(", ")}`;
  const replica = "replica" in value ? value.replica : null;
  if (typeof replica !== "number" || !Number.isSafeInteger(replica) || replica < 0) {
    return "replica: expected a number";
  }
  return { action, replica };
}
