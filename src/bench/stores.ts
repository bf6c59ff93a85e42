// npm run bench -- stores: what replicated state costs, in ratios of alternating runs.

import type { ArgsDef } from "citty";
import { assert } from "../base/assert.ts";
import { readNames, type Command, type Options } from "../cli/command-line.ts";
import { namesAndTexts } from "../cli/help.ts";
import { buildExecutables, stopClustersOnSignal } from "../cluster/cluster.ts";
import { decimal, formatThroughput, rate } from "../evaluation/format.ts";
import { median } from "../evaluation/median.ts";
import { describeHost, versions } from "../evaluation/record.ts";
import { followParent } from "../process/signals.ts";
import { protocols, smallestCluster } from "../protocol/index.ts";
import { print } from "../base/logger.ts";
import {
  askAlone,
  loseMemory,
  meanLength,
  runSide,
  standStill,
  type Setting,
  type Shown,
  type Side,
} from "./store-runs.ts";

const ARGS = {
  mode: {
    type: "enum",
    options: [...protocols.keys()].filter((name) => protocols.get(name)?.faults !== "none"),
    alias: "m",
    default: "pbft",
    description: "The protocol",
  },
  only: {
    type: "string",
    valueHint: "NAME[,NAME]",
    description: "These comparisons (default: all)",
  },
  pairs: { type: "string", default: "3", valueHint: "N", description: "Runs of each side" },
  seconds: {
    type: "string",
    alias: "d",
    default: "4",
    valueHint: "SECONDS",
    description: "How long to measure in each run",
  },
  warm: {
    type: "string",
    default: "3",
    valueHint: "SECONDS",
    description: "How long to run before that",
  },
  records: {
    type: "string",
    default: "1000000",
    valueHint: "N",
    description: "Records of the largest states; others have a part of that",
  },
  clients: { type: "string", alias: "t", default: "800", valueHint: "N", description: "Clients" },
  batch: {
    type: "string",
    alias: "b",
    default: "100",
    valueHint: "N",
    description: "Most operations in a batch or block",
  },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write all that was measured as one JSON object; -: to standard output",
  },
} as const satisfies ArgsDef;

interface Asked extends Setting {
  readonly pairs: number;
  readonly records: number;
}

interface Comparison {
  readonly name: string;
  /** For the help text. */
  readonly what: string;
  /** Measures and prints it; what `--json` has of it. */
  readonly run: (asked: Asked) => Promise<object>;
}

/** YCSB over so many records of so many bytes, in fields of 100. */
function ycsb(workload: string, records: number, bytes: number): readonly string[] {
  const fields = [`fieldcount=${bytes / FIELD_BYTES}`, `fieldlength=${FIELD_BYTES}`];
  const properties = [`recordcount=${Math.ceil(records)}`, ...fields];
  return ["-W", workload, ...properties.flatMap((property) => ["-p", property])];
}

const FIELD_BYTES = 100;
/** Slots between checkpoints of which there are as good as none in a run. */
const RARELY = 1024;
const MEBIBYTE = 2 ** 20;

/** Runs both sides in turn; medians, and the median of the ratios of pairs. */
async function compare(
  asked: Asked,
  name: string,
  one: Side,
  otherOf: (shown: Shown) => Side,
): Promise<{ readonly one: Shown[]; readonly other: Shown[]; readonly ratio: number }> {
  const [ones, others]: [Shown[], Shown[]] = [[], []];
  for (let pair = 1; pair <= asked.pairs; pair++) {
    const shown = await runSide(asked, one);
    const second = otherOf(shown);
    const other = await runSide(asked, second);
    ones.push(shown);
    others.push(other);
    const ratio = decimal(shown.throughput / other.throughput, 2);
    const both = `${one.name} ${describe(shown)}; ${second.name} ${describe(other)}`;
    print(`  ${name}: pair ${pair} of ${asked.pairs}: ${both}; ratio ${ratio}`);
  }
  const ratio = median(ones.map((shown, i) => shown.throughput / (others[i]?.throughput ?? NaN)));
  print(`${name}: ratio ${decimal(ratio, 2)} (median of ${asked.pairs})`);
  return { one: ones, other: others, ratio };
}

function describe({ throughput, longestGapMs, residentBytes }: Shown): string {
  const most = `${decimal(residentBytes / MEBIBYTE, 0)} MiB a replica`;
  return `${rate(throughput)} a second, gap ${decimal(longestGapMs, 0)} ms, ${most}`;
}

async function values(asked: Asked): Promise<object> {
  const kv = { name: "kv", client: ["--op-size", "100"], both: ["--app", "kv"] };
  const opSize = meanLength("kv", "kv", 100);
  return compare(asked, "values", kv, ({ replySize }) => ({
    name: "null",
    replica: ["--reply-size", String(Math.round(replySize))],
    client: ["--op-size", String(Math.round(opSize))],
    both: ["--app", "null"],
  }));
}

async function checkpoints(asked: Asked): Promise<object> {
  const both = ["--app", "kv", ...ycsb("ycsb:A", asked.records, FIELD_BYTES)];
  const rarely = ["--checkpoint", String(RARELY)];
  const compared = await compare(asked, "checkpoints", { name: "as usual", both }, () => ({
    name: "rarely",
    both: [...both, ...rarely],
  }));
  const longestGapMs = Math.max(...compared.one.map((shown) => shown.longestGapMs));
  const most = Math.max(...compared.one.map((shown) => shown.residentBytes));
  const memory = most / (asked.records * FIELD_BYTES);
  print(
    `checkpoints: longest gap ${decimal(longestGapMs, 0)} ms; ` +
      `memory of a replica ${decimal(memory, 2)} of the records' bytes`,
  );
  return { ...compared, longestGapMs, memory };
}

async function records(asked: Asked): Promise<object> {
  const side = (count: number): Side => ({
    name: `${decimal(count, 0)} records`,
    both: ["--app", "kv", ...ycsb("ycsb:A", count, 10 * FIELD_BYTES)],
  });
  const few = side(Math.ceil(asked.records / 100));
  return compare(asked, "records", side(asked.records), () => few);
}

/** State of a quarter of the records, of ten fields. */
function quarter({ records: all }: Asked): { readonly side: Side; readonly bytes: number } {
  const both = ["--app", "kv", ...ycsb("ycsb:B", all / 4, 10 * FIELD_BYTES)];
  return { side: { name: "kv", both }, bytes: (all / 4) * 10 * FIELD_BYTES };
}

async function memoryLost(asked: Asked): Promise<object> {
  const { side, bytes } = quarter(asked);
  const recovered = await loseMemory(asked, side);
  const { servesAfterMs, before, during, least, longestGapMs } = recovered;
  const ratio = during / before;
  print(
    `empty: with ${decimal(bytes / 1e6, 0)} MB a replica takes part ` +
      `${decimal(servesAfterMs / 1000, 1)} s after its end; meanwhile the others do ` +
      `${formatThroughput(during)}, ${decimal(ratio, 2)} of before ` +
      `(${decimal(least / before, 2)} in the worst second, gap ${decimal(longestGapMs, 0)} ms)`,
  );
  return { ...recovered, bytes, ratio };
}

async function stoodStill(asked: Asked): Promise<object> {
  const { side, bytes } = quarter(asked);
  const caught = await standStill(asked, side);
  const share = caught.fetchedBytes / bytes;
  print(
    `stopped: a replica that stood still for 5 s fetches ${decimal(share, 3)} of ` +
      `${decimal(bytes / 1e6, 0)} MB; states are ${caught.sameState ? "the same" : "different"}`,
  );
  return { ...caught, bytes, share };
}

async function statements(asked: Asked): Promise<object> {
  const count = Math.ceil(asked.records / 10);
  const words = ycsb("ycsb:A", count, 10 * FIELD_BYTES);
  const side = { name: "sqlite", both: ["--app", "sqlite", ...words] };
  const properties = words.filter((word) => word.includes("="));
  const protocol = protocols.get(asked.mode);
  assert(protocol !== undefined, "the parser knows the modes");
  const replicas = smallestCluster(protocol, 1).n;
  const ratios: number[] = [];
  const pairs: object[] = [];
  for (let pair = 1; pair <= asked.pairs; pair++) {
    const alone = askAlone("sqlite", "ycsb:A", properties, asked.seconds);
    const shown = await runSide(asked, side);
    const ratio = shown.throughput / (alone / replicas);
    ratios.push(ratio);
    pairs.push({ alone, shown, ratio });
    print(
      `  statements: pair ${pair} of ${asked.pairs}: replicated ${describe(shown)}; alone ` +
        `${rate(alone)} a second, by ${replicas} replicas ${rate(alone / replicas)}; ` +
        `ratio ${decimal(ratio, 2)}`,
    );
  }
  const ratio = median(ratios);
  print(`statements: ratio ${decimal(ratio, 2)} (median of ${asked.pairs})`);
  return { pairs, replicas, ratio };
}

const COMPARISONS: readonly Comparison[] = [
  {
    name: "values",
    what: "kv with 1,000 values of 100 bytes, over null operations of the same size",
    run: values,
  },
  {
    name: "checkpoints",
    what: `YCSB A of records of 100 bytes in kv, over a checkpoint in ${RARELY} slots`,
    run: checkpoints,
  },
  {
    name: "records",
    what: "YCSB A of records of 1,000 bytes in kv, over the same with a hundredth of them",
    run: records,
  },
  {
    name: "empty",
    what: "YCSB B of a quarter of these while a replica starts again, empty",
    run: memoryLost,
  },
  {
    name: "stopped",
    what: "what one fetches of such a state that stood still for five seconds",
    run: stoodStill,
  },
  {
    name: "statements",
    what: "YCSB A of a tenth of these in sqlite, over a store alone divided by the replicas",
    run: statements,
  },
];

export const BENCH_STORES: Command = {
  name: "npm run bench -- stores",
  description: "What replicated state costs: large states, checkpoints, state transfer, SQLite",
  args: ARGS,
  notes: namesAndTexts(
    "COMPARISONS",
    COMPARISONS.map(({ name, what }) => [name, what]),
  ),
};

export async function benchStores(options: Options): Promise<number> {
  const known = COMPARISONS.map(({ name }) => name);
  const only = options.text("only");
  const names =
    only === undefined ? known : readNames("--only", only, { what: "comparison", known });
  const asked: Asked = {
    mode: options.textOf("mode"),
    pairs: options.integer("pairs", 1, 99),
    seconds: options.decimal("seconds", 0.2, 600),
    warmSeconds: options.decimal("warm", 0, 600),
    records: options.integer("records", 100, 2_000_000),
    clients: options.integer("clients", 1, 65_536),
    batch: options.integer("batch", 1, 65_535),
  };
  const json = options.output("json");
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  stopClustersOnSignal();
  const results: Record<string, object> = {};
  for (const { name, run } of COMPARISONS) {
    if (names.includes(name)) results[name] = await run(asked);
  }
  json?.writeJson({ ...asked, ...results, host: describeHost(), versions: versions() });
  return 0;
}
