// One seed has one trace hash: in `bun test`, in a campaign's process and in a compiled executable,
// and whether or not what one process found out is shared with the others.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runAny } from "../../src/simulation/runner.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { simulate } from "../support/simulate-command.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const SEED = 123_457;

let folder = "";
let compiled = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "oskr-simulate-"));
  compiled = join(folder, "simulate");
  const build = ["build", "--compile", "src/bin/simulate.ts", "--outfile", compiled];
  const child = Bun.spawn([process.execPath, ...build], {
    cwd: `${import.meta.dir}/../..`,
    stdout: "ignore",
    stderr: "pipe",
  });
  const errors = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(errors);
}, PATIENCE_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tried: string[] = [];

for (const subject of registered.values()) {
  const { kinds } = subject;
  for (const kind of kinds) {
    test(
      `${subject.name}, kind ${kind}`,
      () => {
        const { traceHash, failures } = runAny({ subject, kind, seed: SEED });
        expect(failures).toEqual([]);
        expect(runAny({ subject, kind, seed: SEED, cold: true }).traceHash).toBe(traceHash);
      },
      PATIENCE_MS,
    );
  }
  // Processes try the kind that was tried least, because each needs a second until it has begun.
  const times = (kind: string) => tried.filter((other) => other === kind).length;
  const kind = kinds.reduce((least, other) => (times(other) < times(least) ? other : least));
  tried.push(kind);
  test(
    `${subject.name}, kind ${kind}, in other processes`,
    async () => {
      const { traceHash } = runAny({ subject, kind, seed: SEED });
      const args = `--protocol ${subject.name} --kind ${kind} --seed ${SEED}`;
      for (const program of [undefined, [compiled]]) {
        const { stdout } = await simulate(args, program);
        expect(stdout).toContain(`seed ${SEED}: trace hash ${traceHash}\n`);
      }
    },
    PATIENCE_MS,
  );
}

test(
  "a campaign over processes adds up to what one process finds",
  async () => {
    const args = "--protocol unreplicated --seeds 200 --kind short";
    const [one, two] = await Promise.all([simulate(`${args} -j 1`), simulate(`${args} -j 2`)]);
    expect(one.stdout).toEndWith("\n200 passed, 0 failed\n");
    expect(two.stdout).toBe(one.stdout);
  },
  PATIENCE_MS,
);

test(
  "bad options are one line and status 2",
  async () => {
    for (const [args, line] of [
      ["--protocol nope", "--protocol nope: there are unreplicated"],
      ["--protocol pbft --kind nope", "--kind nope: expected short, deep"],
      ["--protocol unreplicated --kind twins", "--kind twins: unreplicated has short"],
      ["pbft", "unexpected 'pbft': options start with -"],
      ["", "--protocol is required"],
      ["--protocol pbft --seeds 0", "--seeds 0: expected a whole number"],
      ["--protocol pbft --seeds 9 --without rain", "--without rain: no such fault; there are loss"],
      ["--protocol pbft --seeds 9 --without loss,loss", "--without: loss was given twice"],
      ["--protocol pbft --seed 1 --without crash-3", "--without crash-3: seed 1 has none; it has"],
      [
        "--protocol pbft --kind twins --without loss",
        "--without: seeds of kind twins have no plan",
      ],
      ["--protocol pbft --kind codec --tail 3", "--tail: seeds of kind codec have no plan"],
      ["--protocol nope --profile ci", "--protocol nope: there are unreplicated"],
      ["--kind deep --profile ci", "--kind: goes without --profile"],
      [
        "--load tests/mutants/pbft.ts --protocol pbft-executes-twice --convict --seeds 3",
        "--seeds: ",
      ],
      ["--protocol pbft --load src/base/errors.ts", "--load src/base/errors.ts: exports neither"],
      ["--protocol pbft --load nowhere.ts", "--load nowhere.ts: no such file"],
    ]) {
      const { status, stdout, stderr } = await simulate(args ?? "");
      expect(stderr).toStartWith(`simulate: ${line}`);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
      expect({ args, status, stdout }).toEqual({ args: args ?? "", status: 2, stdout: "" });
    }
  },
  PATIENCE_MS,
);
