// One attack on one cluster, and the honest load beside it.

import { INTERRUPTED, RunError } from "../base/errors.ts";
import type { Child } from "../cluster/child.ts";
import { Cluster } from "../cluster/cluster.ts";
import { residentBytes } from "../evaluation/record.ts";
import type { ReplicaRecord } from "../evaluation/replica-record.ts";
import { served } from "../faults/trial.ts";
import type { Measured } from "./losses.ts";
import { processorSeconds, takenShare, type Usage } from "./processor-time.ts";
import { Progress } from "./progress.ts";
import type { StrangerRecord } from "./stranger.ts";
import { impostorOf, strangerRecord, summon, unleash, type DuelSettings } from "./summon.ts";

/** How long an attack goes on unmeasured, because processes compile what they did not do before. */
const SETTLE_MS = 2000;
/** After which the cluster has to have recovered. */
const RECOVERY_MS = 1000;
const SAMPLE_MS = 100;
const MIB = 1024 * 1024;

/** A replica that behaves until the attack begins, and not from then on. */
export interface Byzantine {
  readonly index: number;
  /** In tests/byzantine/tricks.ts. */
  readonly trick: string;
  /** How long the others have to do something about it, before they are measured. */
  readonly graceMs: number;
}

/** What one attack is made of. */
export interface Duel {
  /** In strangers.ts; null: nobody attacks. */
  readonly stranger: string | null;
  readonly app: "null" | "kv";
  /** More options of replicas, and of the honest clients. */
  readonly replicaArgs?: readonly string[];
  readonly clientArgs?: readonly string[];
  /** A Byzantine replica, which is not judged itself. */
  readonly byzantine?: Byzantine;
}

/** `memoryMib` is how much the largest replica grew, whoever was attacked. */
export async function fight(duel: Duel, settings: DuelSettings): Promise<Measured> {
  const { mode, seconds, hosts } = settings;
  const cluster = await Cluster.start({
    ...(hosts === undefined ? {} : { hosts }),
    ...{ mode, transport: "udp", f: 1, link: false, clientPorts: 1, fabricArgs: [] },
    replicaArgs: ["-a", duel.app, "-b", "100", ...(duel.replicaArgs ?? [])],
    clientArgs: ["-a", duel.app],
    ...(duel.byzantine === undefined ? {} : { impostor: impostorOf(duel.byzantine) }),
  });
  const honest = cluster.replicas.filter((_, i) => i !== duel.byzantine?.index);
  const memory = new Memory(honest);
  const byzantine = cluster.replicas.filter((replica) => !honest.includes(replica));
  try {
    await cluster.takesPart();
    const lasting = ["-t", "64", "-d", "1000", "--warm", "0", ...(duel.clientArgs ?? [])];
    const client = cluster.client(lasting, false);
    await served(client);
    const progress = new Progress(client);
    await progress.level();
    const calmMs = performance.now();
    const sides = { honest: [...honest, client], attackers: byzantine };
    const calm = new Meter(sides);
    await Bun.sleep(seconds * 1000);
    memory.mark();
    const calmUsage = calm.usage();
    const foughtMs = performance.now();
    const attack =
      duel.byzantine === undefined
        ? await fightStranger(cluster, duel, settings, sides)
        : await fightByzantine(cluster, duel.byzantine, settings, sides);
    const endMs = performance.now();
    // What a Byzantine replica does has no end.
    const lasts = duel.byzantine !== undefined;
    if (!lasts) await Bun.sleep(RECOVERY_MS + seconds * 1000);
    const overMs = performance.now();
    progress.stop();
    const ended = await endings(client, honest);
    await cluster.stopReplicas();
    const records = cluster.replicas.flatMap((replica, i) =>
      honest.includes(replica) && replica.status === 0 ? [cluster.replicaRecord(i)] : [],
    );
    const during = progress.mean(attack.beginMs, endMs);
    const before = progress.mean(calmMs, foughtMs);
    return {
      before,
      during,
      taken: takenShare(calmUsage, attack.used, before === 0 ? 1 : during / before),
      after: lasts ? during : progress.mean(endMs + RECOVERY_MS, overMs),
      leaderChanges: Math.max(...records.map(({ leaderChanges }) => leaderChanges)),
      memoryMib: memory.grownMib,
      amplification: attack.amplification,
      ended: [...ended, ...laggards(records)],
    };
  } finally {
    memory.stop();
    await cluster.stop();
  }
}

/** What was seen of an attack itself. */
interface Fought {
  readonly beginMs: number;
  readonly used: Usage;
  readonly amplification: number | null;
}

/** Gives the sign, and measures once the others had their time. */
async function fightByzantine(
  cluster: Cluster,
  { graceMs }: Byzantine,
  { seconds }: DuelSettings,
  sides: Sides,
): Promise<Fought> {
  unleash(cluster);
  await Bun.sleep(Math.max(graceMs, SETTLE_MS));
  const beginMs = performance.now();
  const meter = new Meter(sides);
  await Bun.sleep(seconds * 1000);
  return { beginMs, used: meter.usage(), amplification: null };
}

/** The attack from when it begins, until it ends. */
async function fightStranger(
  cluster: Cluster,
  { stranger }: Duel,
  settings: DuelSettings,
  sides: Sides,
): Promise<Fought> {
  if (stranger === null) {
    const beginMs = performance.now();
    const meter = new Meter(sides);
    await Bun.sleep(settings.seconds * 1000);
    return { beginMs, used: meter.usage(), amplification: null };
  }
  const lasts = settings.seconds + SETTLE_MS / 1000;
  const child = await summon(cluster, stranger, { ...settings, seconds: lasts });
  try {
    await Bun.sleep(SETTLE_MS);
    const beginMs = performance.now();
    const meter = new Meter(sides);
    if ((await child.ended()) !== 0) throw new RunError(`stranger: ${child.errors.trim()}`);
    const record = strangerRecord(cluster);
    const attacker = (record.processorSeconds * settings.seconds) / lasts;
    const used = { ...meter.usage(), attacker };
    return { beginMs, used, amplification: amplificationOf(record) };
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
  const sayings = replicas.flatMap(({ ending }) => ending ?? []);
  client.signal("SIGINT");
  const status = await client.ended();
  const well = status === 0 || status === INTERRUPTED;
  return well ? sayings : [...sayings, `clients: ${lastLine(client.errors)}`];
}

/** Replicas that executed less than half of what another did. */
function laggards(records: readonly ReplicaRecord[]): readonly string[] {
  const most = Math.max(...records.map(({ executed }) => executed));
  const behind = records.filter(({ executed }) => executed < most / 2);
  return behind.map(({ replica, executed }) => `replica ${replica} is at ${executed} of ${most}`);
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

/** Whose processor time is compared. */
interface Sides {
  readonly honest: readonly Child[];
  readonly attackers: readonly Child[];
}

/** The processor time that both sides use from when it is made; those that ended use no more. */
class Meter {
  readonly #sides: Sides;
  readonly #beginMs = performance.now();
  readonly #begin: Pick<Usage, "honest" | "attacker">;

  constructor(sides: Sides) {
    this.#sides = sides;
    this.#begin = this.#now();
  }

  usage(): Usage {
    const { honest, attacker } = this.#now();
    return {
      seconds: (performance.now() - this.#beginMs) / 1000,
      honest: honest - this.#begin.honest,
      attacker: attacker - this.#begin.attacker,
    };
  }

  #now(): Pick<Usage, "honest" | "attacker"> {
    const { honest, attackers } = this.#sides;
    return { honest: secondsOf(honest), attacker: secondsOf(attackers) };
  }
}

const secondsOf = (children: readonly Child[]): number =>
  processorSeconds(children.flatMap(({ pid, status }) => (status === null ? [pid] : [])));

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
