// npm run bench -- WHAT: measurements, each a command of its own.

import { UsageError } from "../usage-error.ts";
import { BENCH_CRYPTO, benchCrypto } from "./bench-crypto.ts";
import { BENCH_ECHO, benchEcho } from "./bench-echo.ts";
import { buildExecutables, stopClustersOnSignal } from "./cluster.ts";
import { parseCommand, runMain, type Command, type Options } from "./options.ts";
import { followParent } from "./process.ts";

interface Bench {
  readonly command: Command;
  readonly run: (options: Options) => Promise<number>;
}

const BENCHES = new Map<string, Bench>([
  ["crypto", { command: BENCH_CRYPTO, run: benchCrypto }],
  ["echo", { command: BENCH_ECHO, run: benchEcho }],
]);

async function main(): Promise<number> {
  const [name, ...rest] = process.argv.slice(2);
  const bench = name === undefined ? undefined : BENCHES.get(name);
  if (bench === undefined) {
    const names = [...BENCHES.keys()].join(", ");
    throw new UsageError(`'${name ?? ""}': expected ${names}; then its options, or -h`);
  }
  const options = await parseCommand(bench.command, rest);
  if (options === null) return 0;
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  stopClustersOnSignal();
  return bench.run(options);
}

await runMain("bench", main);
