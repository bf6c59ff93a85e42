// npm run bench -- scale: what an operation costs as the number of replicas grows, what a cost
// model makes of it, and how far that is from real runs. docs/scaling.md explains it.

import { statSync } from "node:fs";
import { join } from "node:path";
import type { ArgsDef } from "citty";
import { InterruptedError, UsageError } from "../base/errors.ts";
import { openDirectory, replaceFile } from "../base/replace-file.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { protocolArgs, readProtocolOptions } from "../cli/protocol-options.ts";
import { chooseNetwork, networkFile, type ChosenNetwork } from "../cluster/chosen-network.ts";
import { buildExecutables, stopClustersOnSignal } from "../cluster/cluster.ts";
import type { SignatureKind } from "../protocol-config.ts";
import { describeHost, versions } from "../evaluation/record.ts";
import { followParent, stopFlag } from "../process/signals.ts";
import { loadNative } from "../ffi/native.ts";
import { usableCpus } from "../process/cpus.ts";
import { protocols, smallestCluster, toleratedFaults } from "../protocol/index.ts";
import { messageUs, sharedCosts } from "../scaling/machine-costs.ts";
import { countOperations, type CountOptions } from "../scaling/count.ts";
import { scaleFigures } from "../scaling/figures.ts";
import { readNetwork, type NetworkModel } from "../evaluation/network-model.ts";
import {
  compare,
  compareSignatures,
  formatChecks,
  formatCounts,
  formatPredictions,
  predict,
  predictColocated,
  type Check,
  type PredictionOptions,
  type ScaleRow,
} from "../scaling/predictions.ts";
import { measureRun, type RealRun } from "../scaling/real-run.ts";
import type { Subject } from "../simulation/subject.ts";
import { registered } from "../simulation/subjects.ts";
import { log, print } from "../base/logger.ts";

const ARGS = {
  n: {
    type: "string",
    default: "4,7,10,16,31,61,100",
    valueHint: "LIST",
    description:
      "Numbers of replicas; a protocol has the smallest cluster that tolerates as many faults",
  },
  protocol: {
    type: "string",
    valueHint: "LIST",
    description: "Protocols (default: all)",
  },
  signature: {
    type: "string",
    default: "each,batch",
    valueHint: "LIST",
    description: "Signature kinds: each, batch",
  },
  batch: {
    type: "string",
    alias: "b",
    default: "100",
    valueHint: "N",
    description: "Operations in every batch or block",
  },
  batches: {
    type: "string",
    default: "8",
    valueHint: "N",
    description: "Batches to count for each configuration",
  },
  "op-size": {
    type: "string",
    default: "0",
    valueHint: "BYTES",
    description: "Bytes of an operation",
  },
  multicast: {
    type: "boolean",
    default: false,
    description: "Count a message to all replicas as one packet that the network copies",
  },
  ...protocolArgs(protocols),
  workers: {
    type: "string",
    alias: "w",
    valueHint: "N",
    description: "Signature threads of each process (default: the CPUs less one, at least 1)",
  },
  network: {
    type: "string",
    default: "lan,wan",
    valueHint: "LIST",
    description: "Networks to predict for: names of docs/networks/, or files like those",
  },
  real: {
    type: "string",
    default: "4,7,10",
    valueHint: "LIST",
    description: "Numbers of replicas to run for real on this machine",
  },
  "real-network": {
    type: "string",
    default: "wan",
    valueHint: "LIST",
    description: "Networks to put between the real processes too, each as --network; none: none",
  },
  "no-real": { type: "boolean", default: false, description: "Run nothing for real" },
  seconds: {
    type: "string",
    default: "2",
    valueHint: "SECONDS",
    description: "How long to measure in each real run",
  },
  out: { type: "string", valueHint: "DIR", description: "Write charts there, as SVG files" },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write everything as one JSON object; -: to standard output",
  },
} as const satisfies ArgsDef;

export const BENCH_SCALE: Command = {
  name: "npm run bench -- scale",
  description:
    "Messages, bytes and signatures of an operation against the number of replicas, counted in " +
    "the simulator; what a cost model predicts from them, and how far off it is on this machine",
  args: ARGS,
};

/** Small ids less that of the group, which a replica's must not be (SMALL_ID_MAX of config.ts). */
const REPLICAS_MAX = 124;
/** Length of one measurement of costs. */
const COST_SECONDS = 0.5;

interface Setting {
  readonly subjects: readonly Subject[];
  readonly kinds: readonly SignatureKind[];
  readonly sizes: readonly number[];
  readonly realSizes: readonly number[];
  readonly networks: readonly NetworkModel[];
  /** Names or files of those between real processes; null: none lies between. */
  readonly realNetworks: readonly (string | null)[];
  readonly counting: Pick<
    CountOptions,
    "batch" | "batches" | "opSize" | "protocolOptions" | "multicast"
  >;
  readonly workers: number;
  readonly seconds: number;
}

/** Counts, predicts, runs; prints tables and writes files. Throws UsageError and RunError. */
export async function benchScale(options: Options): Promise<number> {
  const setting = readSetting(options);
  const json = options.output("json");
  const out = outputFolder(options);
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  print("costs of this machine, in microseconds on one core:");
  const costs = measureCosts(setting);
  const rows: ScaleRow[] = [];
  const keep = (more: object): void => json?.writeJson(recordOf(setting, costs, rows, more));
  // While the simulator counts, nobody would hear a signal that this process handles otherwise.
  const stopped = stopFlag(loadNative());
  for (const subject of setting.subjects) {
    for (const f of faultsOf(subject, setting.sizes)) {
      for (const kind of kindsOf(subject, setting)) {
        if (stopped()) {
          keep({ interrupted: true });
          throw new InterruptedError();
        }
        const counts = count(subject, f, kind, setting);
        const prices = pricesOf(costs, subject, setting);
        const predictions = setting.networks.map((network) => predict(counts, network, prices));
        rows.push({ counts, predictions });
        log.info(`counted ${subject.name}, n ${counts.n}, ${kind}`);
      }
    }
  }
  print(`\ncounted in the simulator, ${describe(setting)}:\n${formatCounts(rows)}`);
  print(`\npredicted, a machine for each replica:\n${formatPredictions(rows)}`);
  const checks: Check[] = [];
  stopClustersOnSignal(() => keep({ checks, interrupted: true }));
  await checkAll(setting, costs, checks);
  if (checks.length > 0) {
    const where = `${usableCpus()} processors of this machine`;
    print(`\nreplicas, clients and fabric on ${where}:\n${formatChecks(checks)}`);
  }
  if (out !== undefined) await writeFigures(out, rows);
  keep({ checks });
  return 0;
}

/** What --json writes. */
function recordOf(
  { networks, workers, counting }: Setting,
  costs: ProtocolCosts,
  rows: readonly ScaleRow[],
  more: object,
): object {
  const options = Object.fromEntries(counting.protocolOptions);
  const settings = { ...counting, options, workers, networks };
  const about = { host: describeHost(), versions: versions() };
  return { ...settings, costs: Object.fromEntries(costs), rows, ...more, ...about };
}

type ProtocolCosts = ReadonlyMap<string, PredictionOptions["costs"]>;

function measureCosts({ subjects, counting }: Setting): ProtocolCosts {
  const shared = sharedCosts(COST_SECONDS);
  const us = (value: number): string => value.toFixed(2);
  print(
    `  signature made ${us(shared.signUs)}, checked ${us(shared.verifyUs)}; ` +
      `message in a tree made ${us(shared.leafUs)}, checked ${us(shared.climbUs)}; ` +
      `packet sent or received ${us(shared.packetUs)}`,
  );
  return new Map(
    subjects.map((subject) => {
      const costs = { ...shared, messageUs: messageUs({ subject, ...counting }, COST_SECONDS) };
      print(`  ${subject.name}: message sent or handled ${us(costs.messageUs)}`);
      return [subject.name, costs];
    }),
  );
}

function pricesOf(costs: ProtocolCosts, subject: Subject, setting: Setting): PredictionOptions {
  const own = costs.get(subject.name);
  if (own === undefined) throw new UsageError(`${subject.name} has no costs`);
  return { costs: own, workers: setting.workers, protocol: subject.protocol };
}

function count(
  subject: Subject,
  f: number,
  signature: SignatureKind,
  { counting }: Setting,
  changes: Partial<CountOptions> = {},
) {
  return countOperations({ subject, f, signature, ...counting, ...changes });
}

/** Adds to `checks` what the model says of this machine, beside what executables do on it. */
async function checkAll(setting: Setting, costs: ProtocolCosts, checks: Check[]): Promise<void> {
  for (const subject of setting.subjects) {
    for (const f of faultsOf(subject, setting.realSizes)) {
      for (const kind of kindsOf(subject, setting)) {
        for (const name of setting.realNetworks) {
          const network = name === null ? null : networkFor(name, subject, f);
          const prices = pricesOf(costs, subject, setting);
          const checked = await check({ subject, f, signature: kind, network }, setting, prices);
          checks.push(checked);
          const where = name === null ? "" : `, ${name}`;
          log.info(`ran ${subject.name}, n ${checked.counts.n}, ${kind}${where}`);
        }
      }
    }
  }
}

function networkFor(name: string, { name: mode }: Subject, f: number): ChosenNetwork {
  return chooseNetwork(name, { mode, f, clientProcesses: 1 });
}

async function check(
  {
    subject,
    f,
    signature,
    network,
  }: {
    readonly subject: Subject;
    readonly f: number;
    readonly signature: SignatureKind;
    readonly network: ChosenNetwork | null;
  },
  setting: Setting,
  prices: PredictionOptions,
): Promise<Check> {
  // The fabric copies multicast packets.
  const counts = count(subject, f, signature, setting, { multicast: true });
  const single = count(subject, f, signature, setting, { multicast: true, batch: 1 });
  const cores = usableCpus();
  const predicted = predictColocated(counts, single, cores, prices, network?.network.model);
  const { workers, seconds, counting } = setting;
  // Those that other protocols have are not for this one.
  const own = [...counting.protocolOptions].filter(([name]) => subject.protocol.options?.has(name));
  const run: RealRun = {
    ...{ mode: subject.name, f: counts.f, signature, batch: counting.batch },
    ...{
      clients: counts.clients,
      protocolOptions: new Map(own),
      opSize: counting.opSize,
      workers,
      seconds,
      network,
    },
  };
  const loaded = await measureRun(run);
  const alone = await measureRun({ ...run, batch: 1, clients: 1 });
  const { latencyUs, demands } = predicted;
  return {
    counts,
    network: network?.network.setting.name ?? null,
    cores,
    signatures: compareSignatures(counts, loaded.replicas),
    throughput: compare(predicted.throughput, loaded.record.throughput),
    demands,
    latencyUs: latencyUs === null ? null : compare(latencyUs, alone.record.latency.p50),
  };
}

async function writeFigures(out: string, rows: readonly ScaleRow[]): Promise<void> {
  const figures = await scaleFigures(rows);
  for (const { name, wide } of figures) replaceFile(join(out, `${name}.svg`), wide);
  print(`\n${figures.length} charts in ${out}`);
}

function describe({ counting }: Setting): string {
  const { batch, opSize, multicast, protocolOptions } = counting;
  const packets = multicast ? "multicast" : "a packet for each receiver";
  const given = [...protocolOptions].map(([name, value]) => `, ${name} ${value}`).join("");
  return `batches of ${batch}, operations of ${opSize} bytes, ${packets}${given}`;
}

// What the options ask for.

function readSetting(options: Options): Setting {
  const names = options.text("protocol");
  const modes = names === undefined ? [...protocols.keys()] : list("protocol", names.toLowerCase());
  const subjects = modes.map((mode) => {
    const subject = registered.get(mode);
    if (subject !== undefined) return subject;
    throw new UsageError(`--protocol ${mode}: there are ${[...registered.keys()].join(", ")}`);
  });
  const real = options.flag("no-real") ? [] : sizes(options, "real", subjects);
  const cpus = usableCpus();
  const realNetworks = realNetworksOf(options);
  for (const name of realNetworks) {
    for (const subject of name === null ? [] : subjects) {
      for (const f of faultsOf(subject, real)) networkFor(name ?? "", subject, f);
    }
  }
  return {
    subjects,
    kinds: list("signature", options.textOf("signature")).map(signatureKind),
    sizes: sizes(options, "n", subjects),
    realSizes: real,
    realNetworks,
    networks: list("network", options.textOf("network")).map((name) => {
      return readNetwork(networkFile(name));
    }),
    counting: {
      batch: options.integer("batch", 1, 1000),
      batches: options.integer("batches", 1, 100),
      opSize: options.integer("op-size", 0, 64 * 1024),
      protocolOptions: readProtocolOptions(options, protocols, modes),
      multicast: options.flag("multicast"),
    },
    workers:
      options.text("workers") === undefined
        ? Math.max(1, cpus - 1)
        : options.integer("workers", 1, 256),
    seconds: options.decimal("seconds", 0.2, 600),
  };
}

/** None first, then those that --real-network lists. */
function realNetworksOf(options: Options): readonly (string | null)[] {
  const text = options.textOf("real-network");
  return [null, ...(text === "none" ? [] : list("real-network", text))];
}

function signatureKind(name: string): SignatureKind {
  // What one-time signatures cost, no model knows yet.
  if (name === "each" || name === "batch") return name;
  throw new UsageError(`--signature ${name}: expected each, batch or both`);
}

/** What an option lists. Throws UsageError for what is there twice. */
function list(option: string, text: string): string[] {
  const words = text.split(",").map((word) => word.trim());
  const again = words.find((word, i) => words.indexOf(word) !== i);
  if (again !== undefined) throw new UsageError(`--${option}: ${again} was given twice`);
  return words;
}

/** Sizes with which every protocol tolerates a fault, unless it never does. */
function sizes(options: Options, name: string, subjects: readonly Subject[]): readonly number[] {
  const least = Math.max(...subjects.map(({ protocol }) => smallestCluster(protocol, 1).n));
  return list(name, options.textOf(name)).map((word) => {
    const n = Number(word);
    if (/^\d{1,3}$/.test(word) && n >= least && n <= REPLICAS_MAX) return n;
    throw new UsageError(
      `--${name} ${word}: expected a whole number from ${least} to ${REPLICAS_MAX}`,
    );
  });
}

/** The faults that a protocol tolerates with so many replicas, each number once. */
function faultsOf({ protocol }: Subject, wanted: readonly number[]): readonly number[] {
  return [...new Set(wanted.map((n) => toleratedFaults(protocol, n)))];
}

/** Where nobody signs, one kind stands for both. */
function kindsOf({ protocol }: Subject, { kinds }: Setting): readonly SignatureKind[] {
  return protocol.signed ? kinds : kinds.slice(0, 1);
}

function outputFolder(options: Options): string | undefined {
  const out = options.text("out");
  if (out === undefined) return undefined;
  const there = statSync(out, { throwIfNoEntry: false });
  if (out === "" || (there !== undefined && !there.isDirectory())) {
    throw new UsageError(`--out ${out}: expected the name of a directory`);
  }
  openDirectory(out);
  return out;
}
