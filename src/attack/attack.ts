// npm run attack: every attack on a cluster of its own, a table of what honest clients lost, and a
// last line `N passed, N failed`.

import type { ArgsDef } from "citty";
import { UsageError } from "../base/errors.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { writeJson } from "../cli/json-file.ts";
import { buildExecutables, stopClustersOnSignal } from "../cluster/cluster.ts";
import { alignColumns } from "../evaluation/format.ts";
import { followParent } from "../process/signals.ts";
import { ATTACK_ROWS, type AttackRow } from "./attack-rows.ts";
import { MODES } from "./crafted.ts";
import { fight, type DuelSettings } from "./duel.ts";
import { CI_BOUNDS, judge, MEASURED_HEAD, measuredCells, type Measured } from "./losses.ts";

const ARGS = {
  mode: {
    type: "enum",
    options: [...MODES],
    alias: "m",
    description: "The protocol (default: one after another)",
  },
  only: {
    type: "string",
    valueHint: "NAME[,NAME]",
    description: "These attacks (default: all)",
  },
  seconds: {
    type: "string",
    default: "6",
    valueHint: "SECONDS",
    description: "How long an attack takes, and the time before and after it",
  },
  rate: {
    type: "string",
    default: "1",
    valueHint: "SHARE",
    description: "How much of each attack's own rate",
  },
  ci: {
    type: "boolean",
    default: false,
    description: "Only attacks for CI, judged by what does not depend on speed",
  },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write what was measured",
  },
} as const satisfies ArgsDef;

export const ATTACK: Command = {
  name: "npm run attack --",
  description: "Real processes under attack by strangers and Byzantine replicas",
  args: ARGS,
};

/** One attack, and what came of it. */
interface Verdict {
  readonly mode: string;
  readonly attack: string;
  readonly row: string;
  readonly measured: Measured;
  /** Beyond the bounds; none: it passed. */
  readonly losses: readonly string[];
}

/** What is attacked if nobody is: the measure of memory. */
const UNDISTURBED: AttackRow = {
  ...{ name: "undisturbed", row: "-", what: "nobody attacks", ci: true },
  duel: { stranger: null, app: "null" },
};

/** Builds, attacks as asked for, and prints what was lost. Throws UsageError or RunError. */
export async function attack(options: Options): Promise<number> {
  const rows = readRows(options);
  const only = options.text("mode");
  const modes = only === undefined ? MODES : [only];
  const seconds = options.decimal("seconds", 2, 600);
  const rate = options.decimal("rate", 0, 100);
  const json = options.output("json");
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  stopClustersOnSignal();
  const verdicts: Verdict[] = [];
  for (const mode of modes) {
    const settings = { mode, seconds, rate };
    /** What replicas grow by on their own, by application. */
    const grown = new Map<string, number>();
    for (const row of rows) {
      const { app } = row.duel;
      if (!grown.has(app)) {
        const calm = { ...UNDISTURBED, duel: { ...UNDISTURBED.duel, app } };
        const verdict = await tried(calm, settings, 0, options.flag("ci"));
        grown.set(app, verdict.measured.memoryMib);
      }
      verdicts.push(await tried(row, settings, grown.get(app) ?? 0, options.flag("ci")));
    }
  }
  if (json !== undefined) writeJson(json, verdicts);
  console.log(`\n${tableOf(verdicts)}\n`);
  const failed = verdicts.filter(({ losses }) => losses.length > 0).length;
  console.log(`${verdicts.length - failed} passed, ${failed} failed`);
  return failed === 0 && verdicts.length > 0 ? 0 : 1;
}

/** Throws UsageError for a name that no attack has. */
export function readRows(options: Options): readonly AttackRow[] {
  const ci = options.flag("ci");
  const names = options.text("only")?.split(",");
  const unknown = names?.find((name) => !ATTACK_ROWS.some((row) => row.name === name));
  if (unknown !== undefined) {
    const known = ATTACK_ROWS.map(({ name }) => name).join(", ");
    throw new UsageError(`--only ${unknown}: no such attack; there are ${known}`);
  }
  return ATTACK_ROWS.filter((row) => names?.includes(row.name) ?? (!ci || row.ci));
}

async function tried(
  { name, row, duel, bounds }: AttackRow,
  settings: DuelSettings,
  grownMib: number,
  ci: boolean,
): Promise<Verdict> {
  const { mode } = settings;
  const found = await fight(duel, settings);
  const measured = { ...found, memoryMib: found.memoryMib - grownMib };
  const losses = judge(measured, { ...bounds, ...(ci ? CI_BOUNDS : {}) });
  const cells = MEASURED_HEAD.map((head, i) => `${head} ${measuredCells(measured)[i]}`);
  const verdict = losses.length === 0 ? "ok    " : "FAILED";
  console.log(`${verdict} ${mode} ${name} (${row}): ${[...cells, ...losses].join(", ")}`);
  return { mode, attack: name, row, measured, losses };
}

function tableOf(verdicts: readonly Verdict[]): string {
  const head = ["attack", "row", "protocol", ...MEASURED_HEAD, "verdict"];
  const rows = verdicts.map(({ mode, attack: name, row, measured, losses }) => [
    ...[name, row, mode, ...measuredCells(measured)],
    losses.length === 0 ? "ok" : "FAILED",
  ]);
  return alignColumns([head, ...rows]);
}
