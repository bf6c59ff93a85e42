// Seeds of a protocol in the simulated world, over several processes.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { assert } from "../base/assert.ts";
import { UsageError } from "../base/errors.ts";
import { parseCommand, type Command, type Options } from "../cli/command-line.ts";
import { REQUEST_AUTHS, SIGNATURE_KINDS, type RequestAuth } from "../protocol-config.ts";
import type { RunOptions } from "../simulation/run-seed.ts";
import { runAny } from "../simulation/runner.ts";
import { maySign } from "../simulation/drawn-requests.ts";
import type { Changes } from "../simulation/seed-plan.ts";
import { KINDS, type Kind, type Subject } from "../simulation/subject.ts";
import { Trace } from "../simulation/trace.ts";
import { usableCpus } from "../process/cpus.ts";
import {
  missedMarks,
  runRange,
  summary,
  totalsToJson,
  type CampaignOptions,
  type Totals,
} from "./campaign.ts";
import { convict, findSubject, loadAll, type Loaded } from "./mutants.ts";
import { replayPlay } from "./play-command.ts";
import { runProfile } from "./run-rows.ts";
import { RunPages } from "./run-pages.ts";
import { changeable, readFaultNames, replayCommand, shrink, type Shrunk } from "./shrink.ts";
import { runJobs, serve, splitRange, Workers } from "./workers.ts";
import { print } from "../base/logger.ts";

const SEED_MAX = 2 ** 49;
/** Failing seeds that are shrunk and shown as a trace. */
const SHRUNK_MAX = 3;

const SIMULATE: Command = {
  name: "npm run simulate --",
  description: "Runs a protocol under faults in virtual time and judges it",
  args: {
    protocol: { type: "string", alias: "p", description: "Its name, as for -m" },
    kind: { type: "enum", options: [...KINDS], default: "short", description: "Kind of seeds" },
    seeds: { type: "string", description: "Seeds to run (default 1000; 1 with --seed)" },
    seed: { type: "string", description: "The first seed; alone: that one seed" },
    stride: { type: "string", default: "1", description: "Take every so many-th seed" },
    jobs: { type: "string", alias: "j", description: "Processes (default: one a CPU)" },
    without: { type: "string", description: "Faults to leave out, separated by commas" },
    operations: { type: "string", description: "Operations before GST" },
    clients: { type: "string", description: "Clients" },
    tail: { type: "string", description: "Operations of each client after GST (default 10)" },
    "request-auth": {
      type: "enum",
      options: [...REQUEST_AUTHS],
      description: "Whether clients sign in all seeds (default: as each seed draws)",
    },
    signature: {
      type: "enum",
      options: [...SIGNATURE_KINDS],
      description: "How replicas sign in all seeds (default: as each seed draws)",
    },
    chart: { type: "string", default: "40", description: "Lines of a failure's message chart" },
    html: {
      type: "string",
      description: "Write the run as a page to this file, or those of failing seeds to a directory",
    },
    play: {
      type: "string",
      description: "A run of the playground: its link, or what follows the # of that",
    },
    load: { type: "string", description: "A module with further subjects and mutants" },
    convict: { type: "boolean", description: "The protocol is a mutant: it must be found" },
    profile: {
      type: "enum",
      options: ["ci", "figures"],
      description:
        "All mutants and protocols, or those of --protocol: " +
        "of docs/testing.md's figures what --minutes allow, or all",
    },
    minutes: { type: "string", description: "With --profile ci: time for all of it (default 10)" },
    worker: { type: "boolean", description: "Run what the process that started this one asks" },
  },
};

interface Campaign extends CampaignOptions {
  readonly first: number;
  readonly count: number;
  readonly stride: number;
  readonly load: string;
  readonly loaded: Loaded;
  readonly traceLines: number;
  /** Null: none are written. */
  readonly pages: RunPages | null;
}

async function readCampaign(options: Options): Promise<Campaign> {
  const load = options.text("load") ?? "";
  const loaded = await loadModule(load);
  const subject = findSubject(options.textOf("protocol"), loaded);
  const kind = options.textOf("kind") as Kind;
  if (!subject.kinds.includes(kind)) {
    throw new UsageError(`--kind ${kind}: ${subject.name} has ${subject.kinds.join(", ")}`);
  }
  const optional = (name: string, min: number, max: number) =>
    options.text(name) === undefined ? undefined : options.integer(name, min, max);
  const seed = optional("seed", 0, SEED_MAX);
  const count = optional("seeds", 1, 1e9) ?? (seed === undefined ? 1000 : 1);
  const stride = options.integer("stride", 1, 1e6);
  refuseUnused(options, kind);
  // Workers are told of seeds by their number, be it one.
  const alone = seed !== undefined && !options.given.has("seeds");
  const only = alone ? { subject, kind, seed } : null;
  const names = options.text("without");
  const without = names === undefined ? undefined : readFaultNames(names, only);
  const operations = optional("operations", 0, 1e6);
  const clients = optional("clients", 1, 64);
  const tail = optional("tail", 0, 1e6);
  const requestAuth = readRequestAuth(options, subject);
  const signature = SIGNATURE_KINDS.find((kind) => kind === options.text("signature"));
  const changes: Changes = { without, operations, clients, tail, requestAuth, signature };
  const traceLines = options.integer("chart", 0, 1e6);
  const pages = openPages(options, kind, count > 1, load);
  const range = { first: seed ?? 0, count, stride };
  return { subject, kind, changes, ...range, load, loaded, traceLines, pages };
}

/** Where pages go. Throws UsageError. */
function openPages(options: Options, kind: Kind, several: boolean, load: string): RunPages | null {
  const path = options.text("html");
  if (path === undefined) return null;
  if (kind === "codec") throw new UsageError("--html: seeds of kind codec are packets, not runs");
  return new RunPages(path, several && !options.flag("convict"), load);
}

/** What all seeds have; undefined: each its own. Throws UsageError. */
function readRequestAuth(options: Options, subject: Subject): RequestAuth | undefined {
  const requestAuth = options.text("request-auth") as RequestAuth | undefined;
  if (requestAuth !== "sign" || maySign(subject.protocol)) return requestAuth;
  throw new UsageError(`--request-auth sign: clients of ${subject.name} do not sign`);
}

/** What changes a seed's plan. */
const CHANGES = ["without", "operations", "clients", "tail", "request-auth", "signature"];
/** What a mutant decides itself. */
const OF_SEEDS = ["seeds", "seed", "stride", "chart", ...CHANGES];

/** Throws UsageError for an option that would be ignored. */
function refuseUnused(options: Options, kind: Kind): void {
  const given = (names: readonly string[]): string | undefined =>
    names.find((name) => options.given.has(name));
  const planned = changeable(kind) ? undefined : given(CHANGES);
  if (planned !== undefined) {
    throw new UsageError(`--${planned}: seeds of kind ${kind} have no plan that it could change`);
  }
  const decided = options.flag("convict") ? given(OF_SEEDS) : undefined;
  if (decided !== undefined) {
    throw new UsageError(`--${decided}: goes without --convict, where the mutant says its seeds`);
  }
}

/** Throws UsageError for an option that a profile decides itself. */
function refuseBesideProfile(options: Options): void {
  const names = ["kind", "load", "convict", "html", ...OF_SEEDS];
  const decided = names.find((name) => options.given.has(name));
  if (decided !== undefined) {
    throw new UsageError(`--${decided}: goes without --profile, which says what runs`);
  }
}

/** Throws UsageError for an option that a play decides itself. */
async function playOne(options: Options, text: string): Promise<number> {
  const names = ["protocol", "kind", "convict", ...OF_SEEDS.filter((name) => name !== "chart")];
  const decided = names.find((name) => options.given.has(name));
  if (decided !== undefined) {
    throw new UsageError(`--${decided}: goes without --play, whose text says all of it`);
  }
  const load = options.text("load") ?? "";
  const loaded = await loadModule(load);
  const traceLines = options.integer("chart", 0, 1e6);
  return replayPlay({ text, loaded, load, traceLines, html: options.text("html") });
}

/** A module, or all of tests/mutants for "all". */
async function loadModule(path: string): Promise<Loaded> {
  if (path === "") return {};
  if (path === "all") return loadAll();
  const found = resolve(path);
  if (!existsSync(found)) throw new UsageError(`--load ${path}: no such file`);
  const loaded = (await import(found)) as Loaded;
  if (loaded.subjects === undefined && loaded.mutants === undefined) {
    throw new UsageError(`--load ${path}: exports neither subjects nor mutants`);
  }
  return loaded;
}

const CI_MINUTES = 10;

/** What the arguments ask for; the exit status. Throws UsageError. */
export async function simulate(argv: readonly string[]): Promise<number> {
  const options = await parseCommand(SIMULATE, argv);
  if (options === null) return 0;
  const jobs = options.text("jobs") === undefined ? usableCpus() : options.integer("jobs", 1, 256);
  if (options.flag("worker")) {
    await serve(answer);
    return 0;
  }
  const profile = options.text("profile");
  const budgeted = options.text("minutes") !== undefined;
  if (budgeted && profile !== "ci") throw new UsageError("--minutes: goes with --profile ci");
  if (profile !== undefined) refuseBesideProfile(options);
  if (profile !== undefined) {
    const name = options.text("protocol");
    const only = name === undefined ? null : findSubject(name, {});
    const allowed = budgeted ? options.decimal("minutes", 0, 10_000) : CI_MINUTES;
    return runProfile({ only, minutes: profile === "ci" ? allowed : null, jobs });
  }
  const text = options.text("play");
  if (text !== undefined) return playOne(options, text);
  const campaign = await readCampaign(options);
  if (options.flag("convict")) return convictOne(campaign);
  const parts = splitRange(campaign, jobs);
  if (parts.length === 1) return conclude(campaign, runRange(campaign, campaign));
  const workers = new Workers(jobs);
  const commands = parts.map((range) => ({ args: rangeArgs(argv, range), due: true }));
  let totals: Totals;
  try {
    const more = () => true;
    totals = await runJobs(workers, commands, "", { seeds: campaign.count, jobs, more });
  } finally {
    workers.close();
  }
  return conclude(campaign, totals);
}

/** A part of a campaign, or a mutant, for the process that asked for it: one line of JSON. */
async function answer(args: readonly string[]): Promise<string> {
  const options = await parseCommand(SIMULATE, args);
  assert(options !== null, "nobody asks a worker for help");
  const campaign = await readCampaign(options);
  if (options.flag("convict")) {
    const { found, what } = tryMutant(campaign);
    return JSON.stringify({ found, what });
  }
  return totalsToJson(runRange(campaign, campaign));
}

/** The same command for a part of the seeds. */
function rangeArgs(
  argv: readonly string[],
  { first, count, stride }: { first: number; count: number; stride: number },
): string[] {
  const kept: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const name = argv[i]?.split("=")[0] ?? "";
    if (["--seed", "--seeds", "--stride", "--jobs", "-j", "--html"].includes(name)) {
      if (argv[i] === name) i++;
      continue;
    }
    kept.push(argv[i] ?? "");
  }
  const range = ["--seed", `${first}`, "--seeds", `${count}`, "--stride", `${stride}`];
  return [...kept, ...range];
}

/** Whether a mutant is found, by what should find it. */
function tryMutant({ subject, loaded }: Campaign): {
  readonly found: boolean;
  readonly what: string;
  /** What fails; null if nothing does. */
  readonly failing: RunOptions | null;
} {
  const mutant = loaded.mutants?.find((candidate) => candidate.subject.name === subject.name);
  if (mutant === undefined) throw new UsageError(`--convict: ${subject.name} is no mutant`);
  const { report, what: violated, seeds, expected } = convict(mutant);
  const owed = mutant.convictedBy.join(" or ");
  const what =
    report === null
      ? `was not found by ${mutant.within} seeds of kind ${mutant.kind}, which owe it`
      : `seed ${report.seed} (${seeds} tried): ${violated?.split("\n")[0]}; owed by ${owed}`;
  const { kind } = mutant;
  const failing = report === null ? null : { subject, kind, seed: report.seed };
  return { found: expected, what, failing };
}

async function convictOne(campaign: Campaign): Promise<number> {
  const { found, what, failing } = tryMutant(campaign);
  print(`${campaign.subject.name}: ${what}`);
  if (failing !== null) await campaign.pages?.write(failing, shrink(failing));
  print(`${found ? 1 : 0} passed, ${found ? 0 : 1} failed`);
  return found ? 0 : 1;
}

async function conclude(campaign: Campaign, totals: Totals): Promise<number> {
  const { subject, kind, count, first, changes, pages } = campaign;
  for (const [i, { seed, what }] of totals.failures.entries()) {
    const options = { subject, kind, seed, changes };
    const explained = i < SHRUNK_MAX ? explain(campaign, seed, what) : null;
    if (i >= SHRUNK_MAX) print(`seed ${seed}: ${what.split("\n")[0]}`);
    await pages?.write(options, explained ?? shrink(options));
  }
  if (count === 1 && totals.failed === 0) {
    const options = { subject, kind, seed: first, changes };
    print(`seed ${first}: trace hash ${runAny(options).traceHash}`);
    await pages?.write(options, null);
  }
  for (const line of summary(subject, kind, totals)) print(line);
  const missed = missedMarks(subject, kind, totals);
  return totals.failed > 0 || missed.length > 0 ? 1 : 0;
}

/**
 * A failure: what, how to see it again, and what happened last, in the smallest run that shows it,
 * which it returns; null if the seed passes.
 */
function explain(campaign: Campaign, seed: number, what: string): Shrunk | null {
  const { subject, kind, changes, load } = campaign;
  const options = { subject, kind, seed, changes };
  print(`\nseed ${seed}: ${what}`);
  print(`  replay: ${replayCommand(options, changes, load)}`);
  const shrunk = shrink(options);
  if (shrunk === null) return null;
  print(`  trace hash ${shrunk.first.traceHash}`);
  const observer = new Trace(subject.protocol, campaign.traceLines);
  const report = runAny({ ...options, changes: shrunk.changes, observer });
  print(`  shrunk in ${shrunk.runs} runs: ${replayCommand(options, shrunk.changes, load)}`);
  print(`  trace hash ${report.traceHash}: ${report.failures[0] ?? "passes when observed"}`);
  for (const line of observer.lines) print(`  ${line}`);
  print("");
  return shrunk;
}
