// npm run bench -- crypto: what signatures cost here, and so what bounds a protocol that signs.

import { InterruptedError } from "../base/errors.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { alignColumns, decimal, formatThroughput } from "../evaluation/format.ts";
import { median } from "../evaluation/median.ts";
import { describeHost, versions } from "../evaluation/record.ts";
import { buildExecutables } from "../cluster/cluster.ts";
import { loadNative } from "../ffi/native.ts";
import { allowedCpus, usableCpus } from "../process/cpus.ts";
import { followParent, stopFlag } from "../process/signals.ts";
import {
  blockRates,
  LEAVES,
  nobleRates,
  threadRates,
  type BlockRates,
  type Rates,
} from "../scaling/signatures.ts";
import { oneTimeRates, type OneTimeRates } from "../scaling/one-time-rates.ts";
import { print } from "../base/logger.ts";

export const BENCH_CRYPTO: Command = {
  name: "npm run bench -- crypto",
  description:
    "Signatures made and checked a second: plain ones by one thread and by -w threads at the " +
    "same time, and messages in signature blocks that share a root",
  args: {
    workers: {
      type: "string",
      alias: "w",
      description: "Signature threads, each on a processor of its own (default: all processors)",
    },
    seconds: {
      type: "string",
      default: "0.5",
      description: "Length of one measurement, in seconds",
    },
    rounds: {
      type: "string",
      default: "3",
      description: "Measurements of each, of which the median counts",
    },
    json: { type: "string", description: "Write the figures to this file" },
  },
};

interface Figures {
  readonly workers: number;
  readonly native: { readonly one: Rates; readonly all: Rates; readonly blocks: BlockRates };
  /** Noble has no threads: `-w` changes nothing. */
  readonly oneTime: OneTimeRates;
  readonly noble: { readonly one: Rates; readonly blocks: BlockRates };
  /**
   * Operations a second if each costs one signature and one check, with all threads busy:
   * workers / (time to sign + time to check).
   */
  readonly bound: number;
}

/** Measures, prints the table, and writes the record. Throws UsageError. */
export async function benchCrypto(options: Options): Promise<number> {
  const cpus = allowedCpus();
  const workers =
    options.text("workers") === undefined ? usableCpus() : options.integer("workers", 1, 256);
  const seconds = options.decimal("seconds", 0.01, 600);
  const rounds = options.integer("rounds", 1, 1000);
  const json = options.output("json");
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  const stopped = stopFlag(loadNative());
  const unstopped = <T>(measure: () => T): T => {
    if (stopped()) throw new InterruptedError();
    return measure();
  };
  const repeat = (measure: () => Rates): Rates => medians(() => unstopped(measure), rounds);
  const all = repeat(() => threadRates(workers, cpus, seconds));
  const figures: Figures = {
    workers,
    native: {
      one: repeat(() => threadRates(1, cpus, seconds)),
      all,
      blocks: { leaves: LEAVES, ...repeat(() => blockRates("native", seconds)) },
    },
    oneTime: oneTimeMedians(() => unstopped(() => oneTimeRates(seconds)), rounds),
    noble: {
      one: repeat(() => nobleRates(seconds)),
      blocks: { leaves: LEAVES, ...repeat(() => blockRates("noble", seconds)) },
    },
    bound: 1 / (1 / all.sign + 1 / all.verify),
  };
  printTable(figures);
  if (json !== undefined) {
    json.writeJson({ ...figures, seconds, rounds, host: describeHost(), versions: versions() });
  }
  return 0;
}

/** Of each figure the median of so many measurements. */
function medians(measure: () => Rates, rounds: number): Rates {
  const all = Array.from({ length: rounds }, measure);
  return {
    sign: median(all.map((rates) => rates.sign)),
    verify: median(all.map((rates) => rates.verify)),
  };
}

function oneTimeMedians(measure: () => OneTimeRates, rounds: number): OneTimeRates {
  const all = Array.from({ length: rounds }, measure);
  return {
    keys: median(all.map((rates) => rates.keys)),
    sign: median(all.map((rates) => rates.sign)),
    known: median(all.map((rates) => rates.known)),
    cold: median(all.map((rates) => rates.cold)),
    announced: median(all.map((rates) => rates.announced)),
  };
}

function printTable({ workers, native, oneTime, noble, bound }: Figures): void {
  const us = (rate: number): string => decimal(1e6 / rate, 1);
  const row = (name: string, { sign, verify }: Rates, count = 1): readonly string[] => [
    ...[name, decimal(sign, 0), decimal(verify, 0), us(sign / count), us(verify / count)],
  ];
  const table = alignColumns([
    ["", "made/s", "checked/s", "us to make", "us to check"],
    row("native, one thread", native.one),
    row(`native, ${workers} threads at the same time`, native.all, workers),
    row("noble, the polling thread", noble.one),
    row(`native, blocks of ${LEAVES} messages`, native.blocks),
    row("one-time, root known", { sign: oneTime.sign, verify: oneTime.known }),
    ["one-time, root unknown", "", decimal(oneTime.cold, 0), "", us(oneTime.cold)],
    [
      "one-time keys, announcements",
      ...[oneTime.keys, oneTime.announced].map((rate) => decimal(rate, 0)),
      us(oneTime.keys),
      us(oneTime.announced),
    ],
    row(`noble, blocks of ${LEAVES} messages`, noble.blocks),
  ]);
  print(
    `${table}\n\nBound of ${workers} threads that make and check one plain signature an ` +
      `operation: ${formatThroughput(bound)}`,
  );
}
