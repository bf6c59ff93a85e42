// The workload that the options of a replica or client name, and who loads what it needs.

import { gcAndSweep } from "bun:jsc";
import type { App } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import { log } from "../base/logger.ts";
import type { Options } from "../cli/command-line.ts";
import type { YcsbSetting } from "../evaluation/record.ts";
import type { Loading, Share } from "../workload/asker.ts";
import { chooseWorkload, type WorkloadChoice } from "../workload/index.ts";
import type { YcsbProperties } from "../workload/ycsb-properties.ts";

/** What a store holds where nobody loaded anything. */
export const NOTHING_LOADED = "nothing";

/** Who loads records: a default is the first. */
export const LOADERS = ["replicas", "clients", "none"] as const satisfies YcsbSetting["load"][];

/** Throws UsageError for what there is not, and for what the application cannot do. */
export function readWorkload(options: Options, app: string): WorkloadChoice {
  return chooseWorkload(options.text("workload"), options.all("property"), app);
}

/** Throws UsageError where clients of several processes would load the same records. */
export function refuseLoad(options: Options, processes: number, choice: WorkloadChoice): void {
  if (choice.ycsb === null && options.given.has("load")) {
    throw new UsageError(`--load: goes with a workload of YCSB, and ${choice.name} is none`);
  }
  if (ycsbSetting(options, choice)?.load !== "clients" || processes === 1) return;
  throw new UsageError("--load clients: goes with one process of clients, which loads all records");
}

/** Which of how many processes `--share` says that this is; throws UsageError. */
export function readShare(options: Options): Share {
  const text = options.textOf("share");
  const [, index, count] = /^(\d{1,3})\/(\d{1,3})$/.exec(text) ?? [];
  const share = { index: Number(index), count: Number(count) };
  if (share.index < share.count) return share;
  throw new UsageError(`--share ${text}: expected I/N, with I from 0 and below N`);
}

/** What the record says of it; null: it is none of YCSB. */
export function ycsbSetting(options: Options, { ycsb }: WorkloadChoice): YcsbSetting | null {
  if (ycsb === null) return null;
  const load = LOADERS.find((one) => one === options.text("load")) ?? LOADERS[0];
  return { load, properties: { ...ycsb } };
}

/** What replicas load, in words that are the same for the same records; or that it is nothing. */
export function loadedByReplicas(options: Options, choice: WorkloadChoice): string {
  const { ycsb } = choice;
  if (ycsb === null || ycsbSetting(options, choice)?.load !== "replicas") return NOTHING_LOADED;
  const digest = new Bun.SHA256().update(JSON.stringify(contentOf(ycsb))).digest("hex");
  return `${ycsb.insertcount} records (${digest.slice(0, DIGEST_DIGITS)})`;
}

const DIGEST_DIGITS = 8;

/** Properties that records depend on. */
function contentOf(of: YcsbProperties): readonly (string | number | boolean)[] {
  return [
    ...[of.insertstart, of.insertcount, of.insertorder, of.zeropadding],
    ...[of.fieldcount, of.fieldlength, of.minfieldlength, of.fieldlengthdistribution],
    ...[of.fieldnameprefix, of.dataintegrity],
    ...(of.fieldlengthhistogram === "" ? [] : [of.fieldlengthhistogram]),
  ];
}

/** How often a long loading says how far it is. */
const TELL_MS = 1000;

/** Bytes of operations that are loaded until what they left behind is collected. */
export const LOADED_MAX = 64 * 1024 * 1024;

/**
 * Puts the records into an application, as if clients had. Has garbage collected meanwhile, because
 * the engine waits until there is as much of it as of what was loaded.
 */
export function loadInto(
  app: App,
  { count, operation }: Loading,
  collect: () => void = gcAndSweep,
): void {
  if (count > 0) app.expect?.(operation(0), count);
  let toldMs = performance.now();
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const op = operation(i);
    app.execute(op);
    app.commit(1);
    bytes += op.length;
    if (bytes > LOADED_MAX) {
      bytes = 0;
      collect();
    }
    if ((i & 1023) !== 0 || performance.now() - toldMs < TELL_MS) continue;
    toldMs = performance.now();
    log.info(loadingText(i, count));
  }
}

/** All that `loadingText` gave and that stands in what a process printed. */
export function loadingTexts(output: string): readonly string[] {
  return output.match(/loaded [\d,]+ of [\d,]+ records, \d+ %/g) ?? [];
}

/** How far a loading is. */
export function loadingText(done: number, count: number): string {
  const percent = Math.floor((100 * done) / count);
  const [some, all] = [done, count].map((value) => value.toLocaleString("en-US"));
  return `loaded ${some} of ${all} records, ${percent} %`;
}
