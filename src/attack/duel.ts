// One attack on one cluster, and the honest load beside it.

import { RunError } from "../base/errors.ts";
import { Cluster, type Child, type ClusterOptions } from "../cluster/cluster.ts";
import { residentBytes } from "../evaluation/record.ts";
import { served } from "../faults/trial.ts";
import type { Measured } from "./losses.ts";
import { Progress } from "./progress.ts";
import type { StrangerRecord } from "./stranger.ts";
import { strangerRecord, summon, type DuelSettings } from "./summon.ts";

/** What the honest clients have warmed up in, before they are measured. */
const SETTLE_MS = 2000;
/** After which the cluster has to have recovered. */
const RECOVERY_MS = 1000;
const SAMPLE_MS = 100;
const MIB = 1024 * 1024;

/** What one attack is made of. */
export interface Duel {
  /** In strangers.ts; null: nobody attacks. */
  readonly stranger: string | null;
  readonly app: "null" | "kv";
  /** More options of replicas, and of the honest clients. */
  readonly replicaArgs?: readonly string[];
  readonly clientArgs?: readonly string[];
  /** What runs instead of some replicas, and is not judged by its memory and views. */
  readonly impostors?: ClusterOptions["impostors"];
}

/** `memoryMib` is how much the largest replica grew, whoever was attacked. */
export async function fight(duel: Duel, settings: DuelSettings): Promise<Measured> {
  const { mode, seconds } = settings;
  const cluster = await Cluster.start({
    ...{ mode, transport: "udp", f: 1, link: false, clientPorts: 1, fabricArgs: [] },
    replicaArgs: ["-a", duel.app, "-b", "100", ...(duel.replicaArgs ?? [])],
    clientArgs: ["-a", duel.app],
    ...(duel.impostors === undefined ? {} : { impostors: duel.impostors }),
  });
  const honest = cluster.replicas.filter((_, i) => duel.impostors?.has(i) !== true);
  const memory = new Memory(honest);
  try {
    await cluster.takesPart();
    const lasting = ["-t", "64", "-d", "1000", "--warm", "0", ...(duel.clientArgs ?? [])];
    const client = cluster.client(lasting, false);
    await served(client);
    const progress = new Progress(client);
    await Bun.sleep(SETTLE_MS);
    const calmMs = performance.now();
    await Bun.sleep(seconds * 1000);
    memory.mark();
    const foughtMs = performance.now();
    const attack = await fightStranger(cluster, duel, settings);
    const endMs = performance.now();
    await Bun.sleep(RECOVERY_MS + seconds * 1000);
    const overMs = performance.now();
    progress.stop();
    const ended = await endings(client, honest);
    const leaderChanges = await leaderChangesOf(cluster, duel);
    return {
      before: progress.mean(calmMs, foughtMs),
      during: progress.mean(attack.beginMs, endMs),
      after: progress.mean(endMs + RECOVERY_MS, overMs),
      leaderChanges,
      memoryMib: memory.grownMib,
      amplification: attack.amplification,
      ended,
    };
  } finally {
    memory.stop();
    await cluster.stop();
  }
}

/** The attack from when it begins, until it ends. */
async function fightStranger(
  cluster: Cluster,
  { stranger }: Duel,
  settings: DuelSettings,
): Promise<{ readonly beginMs: number; readonly amplification: number | null }> {
  if (stranger === null) {
    const beginMs = performance.now();
    await Bun.sleep(settings.seconds * 1000);
    return { beginMs, amplification: null };
  }
  const child = await summon(cluster, stranger, settings);
  try {
    const beginMs = performance.now();
    if ((await child.ended()) !== 0) throw new RunError(`stranger: ${child.errors.trim()}`);
    return { beginMs, amplification: amplificationOf(strangerRecord(cluster)) };
  } finally {
    await child.stop();
  }
}

/** The most that a host got for a byte in its name; null where none was forged. */
function amplificationOf({ victims }: StrangerRecord): number | null {
  if (victims.length === 0) return null;
  return Math.max(...victims.map(({ sent, received }) => received.bytes / sent.bytes));
}

/** Stops the load; what ended as it should not. */
async function endings(client: Child, replicas: readonly Child[]): Promise<readonly string[]> {
  const died = replicas.filter(({ status }) => status !== null);
  const sayings = died.map(({ name, errors }) => `${name} ended: ${lastLine(errors)}`);
  client.signal("SIGINT");
  const status = await client.ended();
  const well = status === 0 || status === 130;
  return well ? sayings : [...sayings, `clients: ${lastLine(client.errors)}`];
}

async function leaderChangesOf(cluster: Cluster, { impostors }: Duel): Promise<number> {
  await cluster.stopReplicas();
  let most = 0;
  for (let i = 0; i < cluster.n; i++) {
    if (impostors?.has(i) === true || cluster.replicas[i]?.status !== 0) continue;
    most = Math.max(most, cluster.replicaRecord(i).leaderChanges);
  }
  return most;
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

/** The resident memory of replicas. */
class Memory {
  readonly #replicas: readonly Child[];
  readonly #timer: Timer;
  #marked: readonly number[] = [];
  #most = 0;

  constructor(replicas: readonly Child[]) {
    this.#replicas = replicas;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** From here on growth counts. */
  mark(): void {
    this.#marked = this.#now();
  }

  /** The most that one of them grew. */
  get grownMib(): number {
    return this.#most / MIB;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #now(): readonly number[] {
    return this.#replicas.map(({ pid, status }) => (status === null ? residentBytes(pid) : 0));
  }

  #sample(): void {
    if (this.#marked.length === 0) return;
    for (const [i, bytes] of this.#now().entries()) {
      this.#most = Math.max(this.#most, bytes - (this.#marked[i] ?? 0));
    }
  }
}
