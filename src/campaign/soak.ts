// Seeds that nobody ran before, for hours; or the full figures of docs/testing.md.

import { resolve } from "node:path";
import { UsageError } from "../base/errors.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { registered } from "../simulation/subjects.ts";
import { usableCpus } from "../process/cpus.ts";
import { findSubject } from "./mutants.ts";
import { print } from "../base/logger.ts";

export const SOAK: Command = {
  name: "npm run soak --",
  description: "Runs new seeds of every protocol for hours",
  args: {
    "ci-figures": { type: "boolean", description: "Run the full figures of docs/testing.md once" },
    hours: { type: "string", default: "8", description: "How long" },
    protocol: { type: "string", alias: "p", description: "One protocol (default: all)" },
    seed: { type: "string", description: "The first seed (default: drawn)" },
    jobs: { type: "string", alias: "j", description: "Processes (default: one a CPU)" },
  },
};

/** Seeds of a kind at a time: enough for processes that need seconds until they are fast. */
const ROUND = 2000;

/** Runs `simulate` again and again; the exit status. Throws UsageError. */
export async function soak(options: Options): Promise<number> {
  const jobs = options.text("jobs") === undefined ? usableCpus() : options.integer("jobs", 1, 256);
  const script = resolve(import.meta.dir, "../bin/simulate.ts");
  const name = options.text("protocol");
  if (options.flag("ci-figures")) {
    const unused = ["hours", "seed"].find((name) => options.given.has(name));
    if (unused !== undefined) {
      throw new UsageError(`--${unused}: goes without --ci-figures, which runs all once`);
    }
    const only = name === undefined ? [] : ["-p", name];
    return run([script, "--profile", "figures", "-j", `${jobs}`, ...only]);
  }
  const hours = options.decimal("hours", 0, 10_000);
  const subjects = name === undefined ? [...registered.values()] : [findSubject(name, {})];
  const drawn = Math.floor(Math.random() * 2 ** 40);
  let seed = options.text("seed") === undefined ? drawn : options.integer("seed", 0, 2 ** 48);
  const end = Date.now() + hours * 3_600_000;
  let rounds = 0;
  let failed = 0;
  while (Date.now() < end) {
    for (const subject of subjects) {
      for (const kind of subject.kinds) {
        const seeds = ["--seed", `${seed}`, "--seeds", `${ROUND}`, "-j", `${jobs}`];
        const status = await run([script, "-p", subject.name, "--kind", kind, ...seeds]);
        rounds++;
        if (status !== 0) failed++;
      }
    }
    seed += ROUND;
  }
  print(`${rounds - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function run(args: readonly string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, ...args], { stdout: "inherit", stderr: "inherit" });
  return child.exited;
}
