// npm run bench -- WHAT: measurements, each a command of its own.

import { UsageError } from "../base/errors.ts";
import { BENCH_CRYPTO, benchCrypto } from "../bench/crypto.ts";
import { BENCH_ECHO, benchEcho } from "../bench/echo.ts";
import { BENCH_PAGES, benchPages } from "../bench/pages.ts";
import { BENCH_REPORT, benchReport } from "../bench/report.ts";
import { BENCH_SCALE, benchScale } from "../bench/scale.ts";
import { BENCH_STORES, benchStores } from "../bench/stores.ts";
import { BENCH_SWEEP, benchSweep } from "../bench/sweep.ts";
import { BENCH_TABLE, benchTable } from "../bench/table.ts";
import { parseCommand, runMain, type Command, type Options } from "../cli/command-line.ts";
import { namesAndTexts } from "../cli/help.ts";

interface Bench {
  readonly command: Command;
  readonly run: (options: Options) => Promise<number>;
}

const BENCHES = new Map<string, Bench>([
  ["crypto", { command: BENCH_CRYPTO, run: benchCrypto }],
  ["echo", { command: BENCH_ECHO, run: benchEcho }],
  ["pages", { command: BENCH_PAGES, run: benchPages }],
  ["report", { command: BENCH_REPORT, run: benchReport }],
  ["scale", { command: BENCH_SCALE, run: benchScale }],
  ["stores", { command: BENCH_STORES, run: benchStores }],
  ["sweep", { command: BENCH_SWEEP, run: benchSweep }],
  ["table", { command: BENCH_TABLE, run: benchTable }],
]);

/** What -h shows if nothing is named. */
const ALL: Command = {
  name: "npm run bench -- WHAT",
  description: "Measurements, each a command of its own; WHAT -h shows its options",
  args: {},
  notes: namesAndTexts(
    "WHAT",
    [...BENCHES].map(([name, { command }]) => [name, command.description]),
  ),
};

async function main(): Promise<number> {
  const [name, ...rest] = process.argv.slice(2);
  if (name?.startsWith("-") === true) {
    await parseCommand(ALL, [name, ...rest]);
    if (["-h", "--help", "--version"].includes(name)) return 0;
  }
  const bench = name === undefined ? undefined : BENCHES.get(name);
  if (bench === undefined) {
    const names = [...BENCHES.keys()].join(", ");
    const what = name === undefined ? "" : `'${name}': `;
    throw new UsageError(`${what}expected ${names}; then its options, or -h`);
  }
  const options = await parseCommand(bench.command, rest);
  if (options === null) return 0;
  return bench.run(options);
}

await runMain("bench", main);
