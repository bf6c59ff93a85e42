// What programs tell people: messages go to standard error, by one logger for all; results alone go
// to standard output. Both are written at once, because what a stream buffers is lost at exit.

import { writeSync } from "node:fs";
import { createConsola, LogLevels, type LogObject } from "consola/core";
import { assert } from "./assert.ts";
import { codeOf, describeErrno } from "./errno.ts";
import { RunError } from "./errors.ts";

const STDOUT = 1;
const STDERR = 2;
/** How long to wait for a reader whose pipe is full, in milliseconds. */
const FULL_MS = 1;

/** What --quiet and --verbose ask for. */
export type Loudness = "quiet" | "usual" | "verbose";

const LEVELS: { readonly [loudness in Loudness]: number } = {
  quiet: LogLevels.warn,
  usual: LogLevels.info,
  verbose: LogLevels.debug,
};

/** How lines look. */
export interface LineStyle {
  /** Of the program: stands before what went wrong. */
  readonly name: string;
  readonly stamped: boolean;
  readonly coloured: boolean;
}

let style: LineStyle = { name: "oskr", stamped: false, coloured: false };
/** Nobody reads standard error any more. */
let unheard = false;
let results = STDOUT;
/** The first line of the last error that was told. */
let problem: string | null = null;

/** One for all programs: `error`, `warn`, `info`, and `debug` for --verbose. */
export const log = createConsola({
  level: LEVELS.usual,
  // Repeated messages would wait for a timer, which a polling thread never serves.
  throttle: 0,
  reporters: [{ log: report }],
});

/** Whether a terminal shows colours, and its user wants them (no-color.org). */
export function wantsColour(
  terminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const { NO_COLOR: none = "", TERM: kind = "" } = environment;
  return terminal && none === "" && kind !== "dumb";
}

/** Names the program in what goes wrong from now on. */
export function nameLog(name: string): void {
  const coloured = wantsColour(process.stderr.isTTY === true, process.env);
  style = { ...style, name, coloured };
}

export function setLoudness(loudness: Loudness): void {
  log.level = LEVELS[loudness];
}

/** From now on lines begin with the time, for programs that run for long beside others. */
export function stampLog(): void {
  style = { ...style, stamped: true };
}

/** From now on results are messages, because standard output is for what was to go to a file. */
export function freeStandardOutput(): void {
  results = STDERR;
}

/** What an output file has that is standard output. Throws what the kernel refused. */
export function writeStandardOutput(text: string): void {
  writeAll(STDOUT, text);
}

/** What went wrong last, as it was told; null if nothing did. */
export function lastProblem(): string | null {
  return problem;
}

/** A result: text for standard output. Throws RunError if it cannot be written. */
export function print(text: string): void {
  try {
    writeAll(results, `${text}\n`);
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    throw new RunError(`the results cannot be written: ${describeErrno(code)}`);
  }
}

function report(entry: LogObject): void {
  if (entry.type === "error") problem = textOf(entry.args[0]).split("\n")[0] ?? null;
  if (unheard) return;
  try {
    writeAll(STDERR, `${lineOf(entry, style)}\n`);
  } catch (error) {
    // There is nobody left whom this could be told, and a replica goes on without.
    assert(codeOf(error) !== null, String(error));
    unheard = true;
  }
}

/** A message as it is written; an error that is thrown without being foreseen has its stack. */
export function lineOf(
  { type, args, date }: Pick<LogObject, "type" | "args" | "date">,
  { name, stamped, coloured }: LineStyle,
): string {
  const paint = (code: number, text: string): string =>
    coloured ? `\u001b[${code}m${text}\u001b[0m` : text;
  const text = args.map(textOf).join(" ");
  const stamp = stamped ? `${date.toISOString()} ` : "";
  if (type === "error") return `${stamp}${paint(31, `${name}:`)} ${text}`;
  if (type === "warn") return `${stamp}${name}: ${paint(33, "warning:")} ${text}`;
  return `${stamp}${text}`;
}

function textOf(value: unknown): string {
  return value instanceof Error ? (value.stack ?? value.message) : String(value);
}

/** Before a line of a program that stamps its lines. */
export const STAMP = String.raw`(?:\d{4}-\d\d-\d\dT[\d:.]+Z )?`;
/** Warnings and errors begin with who says so, as EAL's do; other messages do not. */
const PROBLEM = new RegExp(`^${STAMP}[A-Za-z][\\w-]*: `);
/** Lines of a stack, and what else a long message goes on with. */
const CONTINUED = /^\s+(?:at |\S+:)/;

/** Of what a program wrote to standard error: the lines of warnings and errors. */
export function problemsIn(text: string): readonly string[] {
  let inside = false;
  return text.split("\n").filter((line) => {
    inside = PROBLEM.test(line) || (inside && CONTINUED.test(line));
    return inside;
  });
}

/** Writes to the end; what the kernel refuses is thrown. */
function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(file, bytes, at);
    } catch (error) {
      // A pipe that does not block, and is full.
      if (codeOf(error) !== "EAGAIN") throw error;
      Bun.sleepSync(FULL_MS);
    }
  }
}
