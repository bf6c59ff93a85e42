// npm run bench -- echo: the unreplicated replica against a loop in C that answers the same client,
// in alternating runs, so that what the machine does otherwise hits both alike.

import { resolve } from "node:path";
import type { ArgsDef } from "citty";
import type { Command, Options } from "../cli/command-line.ts";
import { MTU_ARG } from "../cli/definitions.ts";
import { ClientProcesses } from "../cluster/client-processes.ts";
import { buildExecutables, Cluster, stopClustersOnSignal } from "../cluster/cluster.ts";
import { readMtu } from "../process/setting.ts";
import { followParent } from "../process/signals.ts";
import { median } from "../evaluation/median.ts";
import { OP_SIZE_MAX } from "../evaluation/point.ts";
import type { ResultRecord } from "../evaluation/record.ts";
import { print } from "../base/logger.ts";
import { MTU_DEFAULT } from "../transport/mtu.ts";

const ARGS = {
  pairs: {
    type: "string",
    default: "5",
    valueHint: "N",
    description: "Pairs of runs on one memif; through the fabric there are 9 for every 5",
  },
  seconds: {
    type: "string",
    default: "2",
    valueHint: "SECONDS",
    description: "How long to measure in each run",
  },
  "op-size": {
    type: "string",
    default: "0",
    valueHint: "BYTES",
    description: "Bytes of an operation; more than a packet holds come in parts",
  },
  mtu: MTU_ARG,
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write medians and ratios as one JSON object; -: to standard output",
  },
} as const satisfies ArgsDef;

export const BENCH_ECHO: Command = {
  name: "npm run bench -- echo",
  description: "The unreplicated replica against an echo loop in C",
  args: ARGS,
};

interface Comparison {
  readonly name: string;
  readonly link: boolean;
  readonly clients: number;
  readonly opSize: number;
  readonly mtu: number;
  readonly pairs: number;
  readonly measure: (record: ResultRecord) => number;
}

interface Compared {
  readonly oskr: number;
  readonly c: number;
  /** Median of the ratios of the pairs. */
  readonly ratio: number;
}

const C_LOOP = [process.execPath, resolve(import.meta.dir, "../bin/echo.ts")];

export async function benchEcho(options: Options): Promise<number> {
  const pairs = options.integer("pairs", 1, 99);
  const seconds = options.decimal("seconds", 0.2, 600);
  const opSize = options.integer("op-size", 0, OP_SIZE_MAX);
  const mtu = readMtu(options, { transport: "dpdk" });
  const json = options.output("json");
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  stopClustersOnSignal();
  const long = mtu === MTU_DEFAULT ? "" : `, MTU ${mtu}`;
  const sized = (opSize === 0 ? "" : `, operations of ${opSize} bytes`) + long;
  const sizes = { opSize, mtu };
  const throughput = (record: ResultRecord): number => record.throughput;
  const p50 = (record: ResultRecord): number => record.latency.p50;
  const memif = await compare(seconds, {
    name: `one memif, 256 clients${sized}, operations a second`,
    link: true,
    clients: 256,
    ...sizes,
    pairs,
    measure: throughput,
  });
  const latency = await compare(seconds, {
    name: `one memif, one client${sized}, median latency in us`,
    link: true,
    clients: 1,
    ...sizes,
    pairs,
    measure: p50,
  });
  const fabric = await compare(seconds, {
    name: `through the fabric, 64 clients${sized}, operations a second`,
    link: false,
    clients: 64,
    ...sizes,
    pairs: Math.ceil((pairs * 9) / 5),
    measure: throughput,
  });
  const result = {
    ...sizes,
    ratio: memif.ratio,
    ratioLatency: latency.ratio,
    ratioFabric: fabric.ratio,
    memif,
    latency,
    fabric,
  };
  json?.writeJson(result);
  return 0;
}

async function compare(seconds: number, comparison: Comparison): Promise<Compared> {
  const oskr: number[] = [];
  const c: number[] = [];
  const ratios: number[] = [];
  for (let pair = 0; pair < comparison.pairs; pair++) {
    const ours = await measure(seconds, comparison, undefined);
    const theirs = await measure(seconds, comparison, C_LOOP);
    oskr.push(ours);
    c.push(theirs);
    ratios.push(ours / theirs);
    print(
      `  ${comparison.name}: pair ${pair + 1} of ${comparison.pairs}: ` +
        `oskr ${round(ours)}, C ${round(theirs)}, ratio ${(ours / theirs).toFixed(2)}`,
    );
  }
  const compared = { oskr: median(oskr), c: median(c), ratio: median(ratios) };
  print(
    `${comparison.name}: oskr ${round(compared.oskr)}, C ${round(compared.c)}, ` +
      `ratio ${compared.ratio.toFixed(2)} (medians of ${comparison.pairs} pairs)`,
  );
  return compared;
}

function round(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 2 : 0 });
}

async function measure(
  seconds: number,
  { link, clients, opSize, mtu, measure: of }: Comparison,
  replica: readonly string[] | undefined,
): Promise<number> {
  const cluster = await Cluster.start({
    mode: "unreplicated",
    transport: "dpdk",
    f: 1,
    link,
    clientPorts: 1,
    replicaArgs: [`--mtu=${mtu}`],
    clientArgs: [`--mtu=${mtu}`],
    fabricArgs: [],
    ...(replica === undefined ? {} : { commands: { replica } }),
  });
  try {
    const load = { clients, clientProcesses: 1, rate: 0 };
    const time = ["--seconds", String(seconds), "--warm", "1", "--op-size", String(opSize)];
    return of(await new ClientProcesses(cluster, load, time, false).result());
  } finally {
    await cluster.stop();
  }
}
