// Starts attackers: the process of a stranger, and replicas that are Byzantine once they are told.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readJson } from "../cli/json-file.ts";
import { Child } from "../cluster/child.ts";
import type { Cluster, Impostor } from "../cluster/cluster.ts";
import type { Namespaces } from "./namespaces.ts";
import { ATTACKS, type StrangerRecord } from "./stranger.ts";

const DOOR = join(import.meta.dir, "../bin/stranger.ts");
const BYZANTINE_DOOR = join(import.meta.dir, "../../tests/byzantine/replica.ts");
const READY_MS = 30_000;

export interface DuelSettings {
  readonly mode: string;
  /** Of the attack. */
  readonly seconds: number;
  /** Of the attack's own rate. */
  readonly rate: number;
  /** Where processes run, if each has a host of its own. */
  readonly hosts?: Namespaces | undefined;
}

const recordPath = (cluster: Cluster): string => join(cluster.dir, "stranger.json");

/** Returns once it attacks. Throws RunError if it cannot. */
export async function summon(
  cluster: Cluster,
  attack: string,
  { mode, seconds, rate, hosts }: DuelSettings,
): Promise<Child> {
  const prefix = join(cluster.dir, "cluster");
  const args = ["-m", mode, "-c", prefix, "--attack", attack, "--json", recordPath(cluster)];
  const length = ["--seconds", String(seconds), "--rate", String(rate)];
  const there = hosts?.on("attacker") ?? [];
  const host = hosts === undefined ? [] : ["--host", hosts.attacker];
  const command = [...there, process.execPath, DOOR, ...args, ...length, ...host];
  const child = new Child("stranger", command, cluster.dir, false);
  await child.printed(ATTACKS, READY_MS);
  return child;
}

/** What the last stranger told when it ended. */
export function strangerRecord(cluster: Cluster): StrangerRecord {
  return readJson(recordPath(cluster));
}

/** The file whose appearance is the sign for a Byzantine replica. */
const signOf = (dir: string): string => join(dir, "byzantine");

/** A replica with a trick of tests/byzantine/tricks.ts. */
export function impostorOf(of: { readonly index: number; readonly trick: string }): Impostor {
  const { index, trick } = of;
  return { index, command: (dir) => [process.execPath, BYZANTINE_DOOR, trick, signOf(dir)] };
}

/** From now on the cluster's impostor plays its trick. */
export function unleash(cluster: Cluster): void {
  writeFileSync(signOf(cluster.dir), "");
}
