// npm run attack: every attack on a cluster of its own, a table of what honest clients lost, and a
// last line `N passed, N failed`.

import type { ArgsDef } from "citty";
import { RunError, UsageError } from "../base/errors.ts";
import { readNames, type Command, type Options } from "../cli/command-line.ts";
import { namesAndTexts } from "../cli/help.ts";
import { buildExecutables, stopClustersOnSignal } from "../cluster/cluster.ts";
import { alignColumns } from "../evaluation/format.ts";
import { followParent } from "../process/signals.ts";
import { protocols } from "../protocol/index.ts";
import { ATTACK_ROWS, type AttackRow } from "./attack-rows.ts";
import { MODES } from "./crafted.ts";
import { fight, type Duel } from "./duel.ts";
import { lacksNamespaces, Namespaces } from "./namespaces.ts";
import { boundsFor, judge, MEASURED_HEAD, measuredCells, type Measured } from "./losses.ts";
import type { DuelSettings } from "./summon.ts";
import { print } from "../base/logger.ts";

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
  namespaces: {
    type: "boolean",
    default: false,
    description:
      "Every process on a host of its own, over veth; only strangers attack (needs root)",
  },
  ci: {
    type: "boolean",
    default: false,
    description: "Only attacks for CI, judged by what does not depend on speed",
  },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write what was measured as JSON; -: to standard output",
  },
} as const satisfies ArgsDef;

export const ATTACK: Command = {
  name: "npm run attack --",
  description: "Real processes under attack by strangers and Byzantine replicas",
  args: ARGS,
  notes: namesAndTexts(
    "ATTACKS",
    ATTACK_ROWS.map(({ name, what }) => [name, what]),
  ),
};

/** One attack, and what came of it. */
interface Verdict {
  readonly mode: string;
  readonly attack: string;
  readonly row: string;
  /** null: it was judged by other things than what clients and replicas lost. */
  readonly measured: Measured | null;
  /** What was not as it should be; nothing: it passed. */
  readonly losses: readonly string[];
}

/** Of a cluster that tolerates one fault. */
const REPLICAS = 4;

/** What replicas of each application grow by if nobody attacks. */
type Grown = Map<Duel["app"], number>;

/** Builds, attacks as asked for, and prints what was lost. Throws UsageError or RunError. */
export async function attack(options: Options): Promise<number> {
  const rows = readRows(options);
  const only = options.text("mode");
  const modes = only === undefined ? MODES : [only];
  if (options.text("only") !== undefined) refuseUnfit(rows, modes);
  const seconds = options.decimal("seconds", 2, 600);
  const rate = options.decimal("rate", 0, 100);
  const apart = options.flag("namespaces");
  const lack = apart ? lacksNamespaces() : null;
  if (lack !== null) {
    print(`skipped: --namespaces ${lack}`);
    return 0;
  }
  const json = options.output("json");
  const verdicts: Verdict[] = [];
  stopClustersOnSignal(() => json?.writeJson({ interrupted: true, verdicts }));
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  const hosts = apart ? new Namespaces(REPLICAS) : undefined;
  try {
    for (const mode of modes) {
      const grown: Grown = new Map();
      for (const row of rows) {
        if (row.rotating === true && !rotates(mode)) continue;
        if (row.reads === true && process.geteuid?.() !== 0) {
          print(`skipped ${mode} ${row.name}: needs root, for raw sockets`);
          continue;
        }
        const settings = { mode, seconds, rate, hosts };
        const given = { grown, ci: options.flag("ci") };
        verdicts.push(await decided(() => tried(row, settings, given), given.ci));
      }
    }
  } finally {
    hosts?.close();
  }
  json?.writeJson(verdicts);
  print(`\n${tableOf(verdicts)}\n`);
  const failed = verdicts.filter(({ losses }) => losses.length > 0).length;
  print(`${verdicts.length - failed} passed, ${failed} failed`);
  return failed === 0 && verdicts.length > 0 ? 0 : 1;
}

/**
 * What fails is tried twice more, and two of three decide, because others use the machine; in CI,
 * which has less time, the second time decides.
 */
async function decided(trial: () => Promise<Verdict>, ci: boolean): Promise<Verdict> {
  const first = await trial();
  if (first.losses.length === 0) return first;
  const second = await trial();
  if (ci || second.losses.length > 0) return second;
  return await trial();
}

/** Throws UsageError for an attack that was named and that none of the modes can have. */
export function refuseUnfit(rows: readonly AttackRow[], modes: readonly string[]): void {
  if (modes.some(rotates)) return;
  const unfit = rows.find(({ rotating }) => rotating === true);
  if (unfit === undefined) return;
  throw new UsageError(`--only ${unfit.name}: ${modes.join(", ")} has no rotating leaders`);
}

/** Whether leaders of the protocol may rotate. */
function rotates(mode: string): boolean {
  return protocols.get(mode)?.options?.get("leader")?.values.includes("rotate") === true;
}

/** Throws UsageError for a name that no attack has. */
export function readRows(options: Options): readonly AttackRow[] {
  const ci = options.flag("ci");
  const only = options.text("only");
  const known = ATTACK_ROWS.map(({ name }) => name);
  const names =
    only === undefined ? undefined : readNames("--only", only, { what: "attack", known });
  const apart = options.flag("namespaces");
  const fit = ATTACK_ROWS.filter((row) => !apart || isStrangers(row));
  const chosen = fit.filter((row) => names?.includes(row.name) ?? (!ci || row.ci));
  const unfit = names?.find((name) => !chosen.some((row) => row.name === name));
  if (unfit === undefined) return chosen;
  throw new UsageError(`--only ${unfit}: only strangers attack with --namespaces`);
}

/** Whether one host attacks, which hears nothing of others, and no replica is Byzantine. */
function isStrangers({ trial, reads = false }: AttackRow): boolean {
  return "duel" in trial && trial.duel.stranger !== null && !reads;
}

/** Tries an attack; what went wrong with it is a loss. */
async function tried(
  { name, row, trial }: AttackRow,
  settings: DuelSettings,
  { grown, ci }: { readonly grown: Grown; readonly ci: boolean },
): Promise<Verdict> {
  const { mode } = settings;
  const verdict = (measured: Measured | null, saw: string, losses: readonly string[]): Verdict => {
    const word = losses.length === 0 ? "ok    " : "FAILED";
    print(`${word} ${mode} ${name} (${row}): ${[saw, ...losses].join("; ")}`);
    return { mode, attack: name, row, measured, losses };
  };
  try {
    if ("drill" in trial) {
      const checks = await trial.drill(settings);
      const saw = checks.map(({ what, saw: seen }) => `${what}: ${seen}`).join(", ");
      const lost = checks.filter(({ holds }) => !holds).map(({ what }) => `not so: ${what}`);
      return verdict(null, saw, lost);
    }
    const { duel, bounds } = trial;
    const undisturbedMib = await growth(duel.app, settings, grown);
    const found = await fight(duel, settings);
    const measured = { ...found, memoryMib: found.memoryMib - undisturbedMib };
    const cells = measuredCells(measured);
    const saw = MEASURED_HEAD.map((head, i) => `${head} ${cells[i]}`).join(", ");
    const { hasFastPath = false } = protocols.get(mode) ?? {};
    return verdict(measured, saw, judge(measured, boundsFor(bounds, { ci, hasFastPath })));
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    return verdict(null, "it could not be tried", [error.message]);
  }
}

/** How many MiB replicas grow by that nobody attacks, found out once. */
async function growth(app: Duel["app"], settings: DuelSettings, grown: Grown): Promise<number> {
  const known = grown.get(app);
  if (known !== undefined) return known;
  const measured = await fight({ stranger: null, app }, settings);
  const { before, during, memoryMib } = measured;
  const rates = `${Math.round(before)} and ${Math.round(during)} operations a second`;
  print(`       ${settings.mode} undisturbed (${app}): ${rates}, ${Math.round(memoryMib)} MiB`);
  grown.set(app, memoryMib);
  return memoryMib;
}

function tableOf(verdicts: readonly Verdict[]): string {
  const head = ["attack", "row", "protocol", ...MEASURED_HEAD, "verdict"];
  const rows = verdicts.map(({ mode, attack: name, row, measured, losses }) => [
    ...[name, row, mode, ...(measured === null ? NOT_MEASURED : measuredCells(measured))],
    losses.length === 0 ? "ok" : "FAILED",
  ]);
  return alignColumns([head, ...rows]);
}

const NOT_MEASURED = MEASURED_HEAD.map(() => "-");
