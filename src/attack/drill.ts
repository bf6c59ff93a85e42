// Attacks that are not judged by throughput: on a recovery, on a cluster that was restarted, on the
// bytes on their way.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../wire.ts";
import { Cluster, type ClusterOptions } from "../cluster/cluster.ts";
import { readJson } from "../cli/json-file.ts";
import type { HistoryEntry } from "../evaluation/history.ts";
import { median } from "../evaluation/median.ts";
import { protocols } from "../protocol/index.ts";
import { RECOVERED } from "../process/start-lines.ts";
import type { Sealed } from "../actor.ts";
import { checkClients } from "../history/clients-check.ts";
import { aCheckpoint, aRecover, aStable, craftedFor } from "./crafted.ts";
import { impostorOf, summon, unleash, type DuelSettings } from "./summon.ts";

/** What was looked at, and whether it was as it should be. */
export interface Check {
  readonly what: string;
  readonly holds: boolean;
  readonly saw: string;
}

const VIEW_TIMEOUT_MS = 500;
/** Beyond twice the time of a recovery that nobody disturbs: what a busy machine may add. */
const SLACK_MS = 1000;
const RECOVERY_MAX_MS = 60_000;
const VICTIM = 3;

/** Sessions of clients whose history is checked, slowly enough for the checker. */
const CHECKED = ["-a", "kv", "-W", "contended", "-t", "10", "--think", "5", "--warm", "0"];

export type Drill = (settings: DuelSettings) => Promise<readonly Check[]>;

function clusterOf(
  mode: string,
  switchArgs: (dir: string) => readonly string[],
  more: Pick<ClusterOptions, "impostor"> = {},
): Promise<Cluster> {
  return Cluster.start({
    ...{ mode, transport: "udp", f: 1, link: false, clientPorts: 1, fabricArgs: [], switchArgs },
    replicaArgs: ["-a", "kv", "-b", "100"],
    clientArgs: [],
    ...more,
  });
}

/** The first bytes of messages like these. */
function kindsOf(mode: string, messages: readonly Sealed[]): string {
  const codec = protocols.get(mode)?.codec;
  return messages.map((message) => bytesOf((out) => codec?.encode(message, out))[0]).join(",");
}

/** One recovery waits for a timer more or less than the next: their median tells what they take. */
const RECOVERIES = 3;

/** Milliseconds from the restart of a replica without its memory until it has recovered. */
async function recovery(cluster: Cluster): Promise<number> {
  const ms: number[] = [];
  for (let i = 0; i < RECOVERIES; i++) ms.push(await recoverOnce(cluster));
  return median(ms);
}

async function recoverOnce(cluster: Cluster): Promise<number> {
  await cluster.kill(VICTIM);
  await Bun.sleep(2 * VIEW_TIMEOUT_MS);
  const beginMs = performance.now();
  await cluster.restart(VICTIM);
  await cluster.replicas[VICTIM]?.printed(RECOVERED, RECOVERY_MAX_MS);
  return performance.now() - beginMs;
}

function judgeRecovery(calmMs: number, attackedMs: number): Check {
  return {
    what: "recovery takes at most twice as long",
    holds: attackedMs <= 2 * calmMs + SLACK_MS,
    saw: `${calmMs.toFixed(0)} ms undisturbed, ${attackedMs.toFixed(0)} ms attacked`,
  };
}

/** Fills the state, so that there is something to fetch, and lets clients go on. */
async function loaded(cluster: Cluster, settings: DuelSettings): Promise<void> {
  const filler = await summon(cluster, "filling", { ...settings, seconds: 0, rate: 1 });
  await filler.ended();
  cluster.client(["-a", "kv", "-t", "8", "-d", "1000", "--think", "2"], false);
}

/**
 * Pieces of a state that nobody asked for, of a stranger and of a replica, while another fetches
 * 2 MiB under loss.
 */
export const junkInRecovery: Drill = async (settings) => {
  const impostor = impostorOf({ index: 1, trick: "junk" });
  const cluster = await clusterOf(settings.mode, () => ["--drop", "0.05"], { impostor });
  try {
    await cluster.takesPart();
    await loaded(cluster, settings);
    const calmMs = await recovery(cluster);
    const attacker = await summon(cluster, "state-junk", { ...settings, seconds: 1000 });
    unleash(cluster);
    const attackedMs = await recovery(cluster);
    await attacker.stop();
    return [judgeRecovery(calmMs, attackedMs)];
  } finally {
    await cluster.stop();
  }
};

/** The file whose appearance has the switch replay. */
const signOf = (dir: string): string => join(dir, "replay");

/** What a replica asked at its earlier starts, and where it was then, while it starts again. */
export const replayedRecovery: Drill = async (settings) => {
  const { mode } = settings;
  const kinds = kindsOf(mode, [aRecover(), craftedFor(mode).behind()]);
  const cluster = await clusterOf(mode, (dir) => ["--record", signOf(dir), "--kinds", kinds]);
  try {
    await cluster.takesPart();
    await loaded(cluster, settings);
    const calmMs = await recovery(cluster);
    writeFileSync(signOf(cluster.dir), "");
    const attackedMs = await recovery(cluster);
    return [judgeRecovery(calmMs, attackedMs)];
  } finally {
    await cluster.stop();
  }
};

/**
 * All replicas are restarted without their memory while what they signed before is sent to them
 * again: all of it, or what proves where they were.
 */
export function earlierRun(onlyProofs: boolean): Drill {
  return async (settings) => {
    const { mode, seconds } = settings;
    const proofs = [aCheckpoint(), aStable(), ...craftedFor(mode).positions()];
    const kinds = onlyProofs ? ["--kinds", kindsOf(mode, proofs)] : [];
    const cluster = await clusterOf(mode, (dir) => ["--record", signOf(dir), ...kinds]);
    try {
      await cluster.takesPart();
      const first = cluster.client(["-a", "kv", "-t", "64", "-d", String(seconds)], false);
      await first.ended();
      for (let i = 0; i < cluster.n; i++) await cluster.kill(i);
      writeFileSync(signOf(cluster.dir), "");
      await Promise.all(cluster.replicas.map((_, i) => cluster.restart(i)));
      await cluster.takesPart();
      return await checkedLoad(cluster, seconds);
    } finally {
      await cluster.stop();
    }
  };
}

/** A bit of one datagram in fifty is flipped. */
export const corruption: Drill = async ({ mode, seconds }) => {
  const cluster = await clusterOf(mode, () => ["--corrupt", "0.02"]);
  try {
    await cluster.takesPart();
    return await checkedLoad(cluster, seconds);
  } finally {
    await cluster.stop();
  }
};

/** Clients whose history is checked, and what they saw. */
async function checkedLoad(cluster: Cluster, seconds: number): Promise<readonly Check[]> {
  const history = join(cluster.dir, "history.json");
  const client = cluster.client([...CHECKED, "-d", String(seconds), "--history", history], false);
  const status = await client.ended();
  const entries = existsSync(history) ? readJson<HistoryEntry[]>(history) : [];
  const completed = entries.filter(({ result }) => result !== null).length;
  return [
    { what: "clients end well", holds: status === 0, saw: client.errors.trim() || `${status}` },
    { what: "operations complete", holds: completed > 0, saw: `${completed}` },
    checkClients(entries),
  ];
}
