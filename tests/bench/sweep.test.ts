// Shows that bench sweep measures a plan with real processes, once, and says what is wrong with one
// before it starts anything.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { problemsIn } from "../../src/base/logger.ts";
import { resultsDirectory } from "../../src/bench/sweep.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { marked, program, run, until } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const missing = libraries();

let base = "";
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "oskr-sweeps-"));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

function write(name: string, plan: object): string {
  const path = join(base, `${name}.json`);
  writeFileSync(path, JSON.stringify(plan));
  return path;
}

const readLines = (path: string) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

describeUnless(missing)("bench sweep", () => {
  test(
    "runs each point as processes, and on the second call nothing",
    async () => {
      const path = write("tiny", {
        ...{ mode: "unreplicated", seconds: 0.5, warmSeconds: 0.5, repetitions: 1 },
        profile: true,
        groups: [
          { clients: 3, clientProcesses: 2, transport: "udp" },
          { clients: 2, rate: 200 },
          { clients: 1, mode: "pbft", fault: "silent" },
        ],
      });
      const first = await run("bench", ["sweep", path]);
      expect({ status: first.status, err: problemsIn(first.err) }).toEqual({ status: 0, err: [] });
      expect(first.err).toContain("3 points, 3 runs, 3 of them to be done");
      expect(first.err).toMatch(/^3 of 3: .* operations a second$/m);

      expect(first.out).toContain(`report: ${join(base, "tiny", "report.html")}`);
      const file = join(base, "tiny", "runs.jsonl");
      const runs = readLines(file).toSorted((a, b) => b.point.clients - a.point.clients);
      expect(runs).toMatchObject([
        {
          ...{ repetition: 0, point: { clients: 3, transport: "udp", rate: 0 } },
          record: { transport: "udp", clients: 3, clientProcesses: 2, loop: "closed", n: 1 },
          replicas: [{ replica: 0, mode: "unreplicated" }],
        },
        {
          ...{ repetition: 0, point: { clients: 2, transport: "dpdk", rate: 200 } },
          record: { transport: "memif", clients: 2, clientProcesses: 1, loop: "open", rate: 200 },
        },
        {
          ...{ point: { mode: "pbft", fault: "silent" }, record: { n: 4, clients: 1 } },
          // The last one was silenced, and has nothing to tell.
          replicas: [{ replica: 0 }, { replica: 1 }, { replica: 2 }],
        },
      ]);
      for (const { record, replicas } of runs) {
        expect(record.operations).toBeGreaterThan(0);
        const counts = record.distribution.map(([, count]: [number, number]) => count);
        expect(counts.reduce((sum: number, count: number) => sum + count, 0)).toBe(
          record.operations,
        );
        const executed = replicas.map((replica: { executed: number }) => replica.executed);
        expect(Math.max(...executed)).toBeGreaterThanOrEqual(record.operations);
        for (const { profile } of [record, ...replicas]) {
          expect(profile.operations).toBeGreaterThan(0);
        }
      }
      const table = (out: string) => out.slice(out.indexOf("all: "));
      expect(table(first.out)).toContain("Kops/s");

      const second = await run("bench", ["sweep", path]);
      expect({ status: second.status, err: problemsIn(second.err) }).toEqual({
        status: 0,
        err: [],
      });
      expect(second.err).toContain("3 points, 3 runs, 0 of them to be done");
      expect(second.err).not.toContain("operations a second");
      expect(table(second.out)).toBe(table(first.out));
      expect(readLines(file)).toHaveLength(3);
    },
    PATIENCE_MS,
  );

  test(
    "a point that cannot run is told at the end with its reason, and the others are measured",
    async () => {
      const path = write("failing", {
        ...{ mode: "unreplicated", transport: "udp", seconds: 0.2, warmSeconds: 0, repetitions: 1 },
        // A client that loses nearly every packet hears of nobody in the time it has.
        groups: [{ fault: "loss", lossRate: 0.9 }, { clients: 2 }],
      });
      const { status, err } = await run("bench", ["sweep", path]);
      const runs = readLines(join(base, "failing", "runs.jsonl"));
      expect(runs).toHaveLength(2);
      const failed = runs.filter((one) => "failure" in one);
      expect({ status, failures: failed.length }).toEqual({ status: 1, failures: 1 });
      expect(problemsIn(err)).toEqual([
        `bench: failed: unreplicated, udp, 1 client, loss 0.9, repetition 0: ${failed[0].failure}`,
      ]);
      expect(err).toContain(`FAILED: ${failed[0].failure}`);
      expect(failed[0].failure).toStartWith("client: no ");
    },
    PATIENCE_MS,
  );

  test(
    "interrupted it stops in order, keeps what was done, and leaves no process",
    async () => {
      const path = write("long", {
        ...{ mode: "unreplicated", transport: "udp", seconds: 0.2, warmSeconds: 0 },
        repetitions: 500,
      });
      const mark = `OSKR_TEST_MARK=sweep-${crypto.randomUUID()}`;
      const [key = "", value = ""] = mark.split("=");
      const temporary = mkdtempSync(join(base, "tmp-"));
      const sweep = program("bench", ["sweep", path], { env: { [key]: value, TMPDIR: temporary } });
      await sweep.printed("2 of 500, ");
      const other = await run("bench", ["sweep", path]);
      expect({ status: other.status, err: other.err }).toEqual({
        status: 2,
        err: `bench: ${join(base, "long")}: process ${sweep.pid} writes there; use another directory, or wait for it\n`,
      });
      sweep.signal("SIGINT");
      const { status, err } = await sweep.ended();
      expect({ status, err: problemsIn(err) }).toEqual({
        ...{ status: 130 },
        err: ["bench: interrupted: what was done is kept, and the same command goes on"],
      });
      expect(readLines(join(base, "long", "runs.jsonl")).length).toBeGreaterThanOrEqual(2);
      await until("all of its processes ended", () => marked(mark).length === 0);
      expect(readdirSync(temporary)).toEqual([]);
      expect(readdirSync(join(base, "long"))).not.toContain("writer.lock");
    },
    PATIENCE_MS,
  );
});

test("results lie beside the plan, in a directory that cannot be the plan itself", () => {
  expect(resultsDirectory("plans/quick.json", undefined)).toBe("plans/quick");
  expect(resultsDirectory("quick.json", "labs/hosts.ini")).toBe("quick-hosts");
  expect(resultsDirectory("plans/noext", undefined)).toBe("plans/noext-results");
  expect(resultsDirectory("plans/noext", "hosts.ini")).toBe("plans/noext-hosts");
});

describe("refused before anything runs", () => {
  test("an --out that cannot be a directory", async () => {
    const path = write("fine", { mode: "unreplicated" });
    for (const [out, why] of [
      [path, "a file has that name; --out names another"],
      [join(path, "below"), "not a directory (ENOTDIR)"],
    ] as const) {
      const { status, err } = await run("bench", ["sweep", path, "--out", out]);
      expect({ status, err }).toEqual({
        ...{ status: 2, err: `bench: ${out}: cannot be written: ${why}\n` },
      });
    }
  });

  test.each([
    [["sweep"], "FILE is missing"],
    [["sweep", "nowhere.json"], "nowhere.json: cannot be read"],
    [["sweep", "a.json", "b.json"], "unexpected 'b.json'"],
    [["sweep", "a.json", "--bogus"], "Unknown option '--bogus'"],
    [["table", "--seconds", "0"], "--seconds 0: expected a number from 0.1"],
    [["table", "--workers", "x"], "--workers x: expected a whole number"],
    [["table", "--json", "/nowhere/x.json"], "--json /nowhere/x.json: no such directory"],
    [["table", "--from", "/nowhere"], "/nowhere: cannot be read"],
    [["table", "--from", ".", "--seconds", "3"], "--seconds: what --from has was measured before"],
    [["scale", "--n", "4,7,4"], "--n: 4 was given twice"],
    [["scale", "--network", "lan,lan"], "--network: lan was given twice"],
    [["scale", "--protocol", "pbft,PBFT"], "--protocol: pbft was given twice"],
    [["scale", "--protocol", "paxos"], "--protocol paxos: there are unreplicated"],
    [["crypto", "--rounds", "0"], "--rounds 0: expected a whole number"],
    [["report", "a", "b", "--labels", "x,x"], "--labels: x was given twice"],
    [["tables"], "'tables': expected crypto, echo, pages, report, scale, stores, sweep, table"],
  ] as const)("%j", async (args, expected) => {
    const { status, out, err } = await run("bench", args);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toStartWith(`bench: ${expected}`);
    expect(err.trimEnd()).not.toContain("\n");
  });

  test("a plan with a mistake is told by file and key", async () => {
    const path = write("wrong", { mode: "pbft", clients: [] });
    const { status, err } = await run("bench", ["sweep", path]);
    expect({ status, err }).toEqual({
      ...{ status: 2 },
      err: `bench: ${path}: clients: an empty list: a whole number from 1 to 524288\n`,
    });
    expect(readdirSync(base)).not.toContain("wrong");
  });
});
