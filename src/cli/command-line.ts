// Command lines: citty has the definitions and the help text, and a strict pass of node:util's
// parseArgs over the same definitions refuses what citty lets through (unknown, repeated, missing,
// malformed).

import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { refusalOf } from "../base/errno.ts";
import { INTERRUPTED, InterruptedError, reasonOf, RunError, UsageError } from "../base/errors.ts";
import { lastProblem, log, nameLog, print, setLoudness, type Loudness } from "../base/logger.ts";
import { interrupted } from "../base/interruption.ts";
import { ALL_ARGS, usage, type Described } from "./help.ts";
import { failOutputs, OutputFile, type Failure } from "./output-file.ts";
import { versionText } from "./version-text.ts";

/** No word of a command line has it. */
const SEPARATOR = "\0";

/** The values given or defaulted, by option name. Numbers are read by `integer` and `decimal`. */
export class Options {
  readonly #values: ReadonlyMap<string, string | boolean>;
  /** Names that stood on the command line. */
  readonly given: ReadonlySet<string>;
  readonly #args: ArgsDef;

  constructor(
    values: ReadonlyMap<string, string | boolean>,
    given: ReadonlySet<string>,
    args: ArgsDef,
  ) {
    this.#values = values;
    this.given = given;
    this.#args = args;
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === "string" ? value : undefined;
  }

  /** Of a positional that takes all that come. */
  list(name: string): readonly string[] {
    return this.textOf(name).split(SEPARATOR);
  }

  /** Of an option that may be given many times; none if it was not. */
  all(name: string): readonly string[] {
    return this.text(name)?.split(SEPARATOR) ?? [];
  }

  /** For options that are required or have a default. */
  textOf(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new UsageError(`--${name} is required`);
    return value;
  }

  flag(name: string): boolean {
    return this.#values.get(name) === true;
  }

  /** A file that will be written at the end. Throws UsageError now if it cannot be. */
  output(name: string): OutputFile | undefined {
    const path = this.text(name);
    return path === undefined ? undefined : new OutputFile(name, path);
  }

  integer(name: string, min: number, max: number): number {
    const text = this.textOf(name);
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < min || value > max) {
      throw new UsageError(
        `${this.#shown(name)} ${text}: expected a whole number from ${min} to ${max}`,
      );
    }
    return value;
  }

  /** A number that may have a fraction. */
  decimal(name: string, min: number, max: number): number {
    const text = this.textOf(name);
    const value = Number(text);
    if (!/^\d{1,12}(\.\d{1,9})?$/.test(text) || value < min || value > max) {
      throw new UsageError(`${this.#shown(name)} ${text}: expected a number from ${min} to ${max}`);
    }
    return value;
  }

  /** As the user knows it. */
  #shown(name: string): string {
    const arg = this.#args[name];
    return arg?.type === "positional" ? (arg.valueHint ?? name) : `--${name}`;
  }
}

/** A program: its options, and what its help says of them. */
export type Command = Described;

/**
 * Names that an option lists, separated by commas; `what` is what they name. Throws UsageError for
 * one that is not among `known`, and for one that is there twice.
 */
export function readNames(
  option: string,
  text: string,
  { what, known }: { readonly what: string; readonly known: readonly string[] },
): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  for (const [i, name] of names.entries()) {
    if (!known.includes(name)) {
      throw new UsageError(`${option} ${name}: no such ${what}; there are ${known.join(", ")}`);
    }
    if (names.indexOf(name) !== i) throw new UsageError(`${option}: ${name} was given twice`);
  }
  return names;
}

/**
 * Reads the arguments of a command. Throws UsageError for what is unknown, repeated, missing or not
 * one of the choices. Null when help or the version was asked for, which is then printed.
 */
export async function parseCommand(
  command: Command,
  argv: readonly string[],
): Promise<Options | null> {
  if (argv.includes("-h") || argv.includes("--help")) {
    print(await usage(command));
    return null;
  }
  if (argv.includes("--version")) {
    print(versionText());
    return null;
  }
  const options = parseOptions(command, argv);
  setLoudness(loudnessOf(options));
  return options;
}

/** Throws UsageError. */
function loudnessOf(options: Options): Loudness {
  const [verbose, quiet] = [options.flag("verbose"), options.flag("quiet")];
  if (verbose && quiet) throw new UsageError("--verbose and --quiet exclude each other");
  return verbose ? "verbose" : quiet ? "quiet" : "usual";
}

export function parseOptions({ args: own }: Command, argv: readonly string[]): Options {
  const args: ArgsDef = { ...own, ...ALL_ARGS };
  const short = new Map<string, string>();
  const definitions: { [name: string]: { type: "string" | "boolean"; short?: string } } = {};
  const positionals: string[] = [];
  for (const [name, arg] of Object.entries(args)) {
    if (arg.type === "positional") {
      positionals.push(name);
      continue;
    }
    const type = arg.type === "boolean" ? "boolean" : "string";
    const alias = "alias" in arg && typeof arg.alias === "string" ? arg.alias : undefined;
    definitions[name] = alias === undefined ? { type } : { type, short: alias };
    if (alias !== undefined) short.set(alias, name);
  }
  const { tokens } = parse(definitions, argv);
  const values = new Map<string, string | boolean>();
  const given = new Set<string>();
  for (const token of tokens) {
    if (token.kind === "positional") {
      const [name] = positionals;
      const arg = name === undefined ? undefined : args[name];
      const many = arg?.type === "positional" && takesMany(arg);
      if (!many) positionals.shift();
      if (name === undefined) {
        throw new UsageError(
          `unexpected '${plainValue(token.value)}': ` +
            "options start with - (and go after -- when npm runs the command)",
        );
      }
      const before = many ? values.get(name) : undefined;
      const value = plainValue(token.value);
      values.set(name, before === undefined ? value : `${before}${SEPARATOR}${value}`);
    }
    if (token.kind !== "option") continue;
    const before = values.get(token.name);
    const again = given.has(token.name);
    const value = token.value === undefined ? true : plainValue(token.value);
    if (again && !takesMany(args[token.name])) {
      throw new UsageError(`${token.rawName} was given twice`);
    }
    given.add(token.name);
    values.set(token.name, again ? `${before}${SEPARATOR}${value}` : value);
  }
  for (const [name, arg] of Object.entries(args)) {
    complete(name, arg, values);
  }
  return new Options(values, given, args);
}

/** Whether it may be given many times. */
function takesMany(arg: ArgsDef[string] | undefined): boolean {
  const hint = arg !== undefined && "valueHint" in arg ? arg.valueHint : undefined;
  return hint?.endsWith("...") === true;
}

function parse(
  options: { [name: string]: { type: "string" | "boolean"; short?: string } },
  argv: readonly string[],
) {
  try {
    return parseArgs({
      args: joinValues(argv),
      options,
      strict: true,
      tokens: true,
      allowPositionals: true,
    });
  } catch (error) {
    const text = reasonOf(error);
    const [, unclear] = /^Option '(--?[\w-]+)' argument is ambiguous/.exec(text) ?? [];
    if (unclear !== undefined) {
      throw new UsageError(
        `${unclear}: its value is missing; one that begins with - goes behind =`,
      );
    }
    // Only the first sentence: the rest explains how to pass positionals that begin with a dash.
    throw new UsageError(`${text.split(/[.\n]/)[0]}; -h shows the options`);
  }
}

/** Before a negative number, which parseArgs would take for an option. */
const NUMBER = "\u0001";

/**
 * Words that begin with a dash and are no options, as parseArgs takes them: EAL arguments, and
 * negative numbers, so that they are refused with what is expected.
 */
function joinValues(argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    const next = argv[i + 1];
    if (word === "--eal" && next !== undefined) {
      joined.push(`${word}=${next}`);
      i++;
    } else {
      joined.push(/^-\.?\d/.test(word) ? `${NUMBER}${word}` : word);
    }
  }
  return joined;
}

/** The word as it was given. */
function plainValue(word: string): string {
  return word.startsWith(NUMBER) ? word.slice(NUMBER.length) : word;
}

function complete(name: string, arg: ArgsDef[string], values: Map<string, string | boolean>): void {
  const value = values.get(name);
  if (value === undefined) {
    if (arg.type === "positional") {
      throw new UsageError(`${arg.valueHint ?? name} is missing; -h shows what is expected`);
    }
    if (arg.required === true) throw new UsageError(`--${name} is required; -h shows the options`);
    if ("default" in arg && arg.default !== undefined)
      values.set(name, arg.default as string | boolean);
    return;
  }
  if (arg.type !== "enum" || typeof value !== "string") return;
  const choices = arg.options ?? [];
  const choice = choices.find((option) => option.toLowerCase() === value.toLowerCase());
  if (choice === undefined) {
    throw new UsageError(`--${name} ${value}: expected ${choices.join(", ")}`);
  }
  values.set(name, choice);
}

/**
 * Why root does not run with these variables; null if it does. Bun reads BUN_OPTIONS in an
 * executable as well: options that the caller's environment brings, such as a module to preload.
 */
export function refuseEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  root: boolean,
): string | null {
  const { BUN_OPTIONS: options = "" } = environment;
  if (!root || options === "") return null;
  return "BUN_OPTIONS is set, which would change what runs as root; unset it";
}

/**
 * Runs a program: a UsageError becomes one line and status 2, what else went wrong outside of it
 * one line and status 1; another error status 1 with its stack, since that one is a bug of ours.
 * Where it fails, its files say so, or are gone.
 */
export async function runMain(name: string, main: () => Promise<number>): Promise<void> {
  let status: number;
  nameLog(name);
  try {
    const refusal = refuseEnvironment(process.env, process.geteuid?.() === 0);
    if (refusal !== null) throw new UsageError(refusal);
    status = await main();
    if (status !== 0 && (await interrupted())) status = INTERRUPTED;
  } catch (error) {
    status = await statusOf(error);
  }
  if (status !== 0) failOutputs(failureOf(status));
  process.exit(status);
}

/** The status that an error ends a program with; tells it. */
async function statusOf(error: unknown): Promise<number> {
  const known = error instanceof UsageError || error instanceof RunError;
  if (known && (await interrupted())) {
    log.debug(`interrupted: ${error.message}`);
    return INTERRUPTED;
  }
  log.error(known ? error.message : (refusalOf(error) ?? error));
  if (error instanceof InterruptedError) return INTERRUPTED;
  return error instanceof UsageError ? 2 : 1;
}

function failureOf(status: number): Failure {
  const failure = lastProblem() ?? `ended with status ${status}`;
  return status === INTERRUPTED ? { failure: "interrupted", interrupted: true } : { failure };
}

/** Runs a program that is one command, with the arguments of this process; see runMain. */
export async function runCommand(
  name: string,
  command: Command,
  run: (options: Options) => number | Promise<number>,
): Promise<void> {
  await runMain(name, async () => {
    const options = await parseCommand(command, process.argv.slice(2));
    return options === null ? 0 : run(options);
  });
}
