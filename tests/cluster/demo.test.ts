// Shows that the demo runs a cluster over both transports, and that however it ends no process and
// no file is left of it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { problemsIn } from "../../src/base/logger.ts";
import type { HistoryEntry } from "../../src/evaluation/history.ts";
import { checkRecorded } from "../../src/simulation/store-model.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { marked, Program, ROOT, run, SERVED, until } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const missing = libraries();

/** Without replication, which needs fewer processes. */
const ALONE = ["--mode", "unreplicated"];

let base = "";

/**
 * `npm run demo -- ...` in a group of its own, with a private TMPDIR and a mark on all of its
 * processes.
 */
function demo(name: string, args: readonly string[]) {
  const mark = `OSKR_TEST_MARK=${name}-${crypto.randomUUID()}`;
  const [key = "", value = ""] = mark.split("=");
  const temporary = mkdtempSync(join(base, `${name}-`));
  const env = { [key]: value, TMPDIR: temporary, NO_UPDATE_NOTIFIER: "1" };
  const npm = new Program(["npm", "run", "--silent", "demo", "--", ...args], { env }, true);
  const nothingLeft = async (): Promise<void> => {
    await until("all of its processes ended", () => marked(mark).length === 0);
    expect(readdirSync(temporary)).toEqual([]);
  };
  return { npm, mark, temporary, nothingLeft };
}

describeUnless(missing)("demo", () => {
  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), "oskr-demo-"));
    // Once, so that the demos below find it done.
    const built = Bun.spawnSync([process.execPath, "build.ts"], { cwd: ROOT });
    expect(built.exitCode).toBe(0);
  }, PATIENCE_MS);
  afterAll(() => rmSync(base, { recursive: true, force: true }));

  test.concurrent.each([
    ["the fabric", ["--clients", "3"], { transport: "memif", mode: "pbft", n: 4, clients: 3 }],
    ["memif link", [...ALONE, "--clients", "3"], { transport: "memif", clients: 3 }],
    [
      "a network",
      [...ALONE, "--network", "lan"],
      { transport: "memif", network: { name: "lan" }, n: 1 },
    ],
    [
      "udp in a network",
      [...ALONE, "--transport", "udp", "--network", "docs/networks/lan.json"],
      { transport: "udp", network: { name: "lan", clients: ["Dallas 1"] }, n: 1 },
    ],
    [
      "udp, quietly",
      [...ALONE, "--transport", "udp", "-a", "kv", "--quiet"],
      { transport: "udp", app: "kv", n: 1 },
    ],
    [
      "signed",
      ["--mode", "Unreplicated-Signed", "--signature", "each", "-w", "1"],
      { mode: "unreplicated-signed", signature: "each", crypto: "native" },
    ],
    [
      "several clients",
      [...ALONE, "--client-processes", "2", "--clients", "5", "--rate", "500"],
      { transport: "memif", clients: 5, clientProcesses: 2, loop: "open", rate: 500 },
    ],
  ] as const)(
    "over %s tells each figure once and writes a record",
    async (name, args, expected) => {
      const json = join(base, `${name}.json`);
      // All at once, so that the first answer may take seconds.
      const time = ["--seconds", "2", "--warm", "5", "--json", json];
      const { npm, nothingLeft } = demo(name.replaceAll(/\W+/g, "-"), [...args, ...time]);
      const { status, out, err } = await npm.ended();
      expect({ status, err: problemsIn(err) }).toEqual({ status: 0, err: [] });
      const [latency = "", summary = ""] = out.trimEnd().split("\n").slice(-2);
      expect(latency).toStartWith("latency (us)");
      expect(summary).toMatch(/^(unreplicated(-signed)?, 1|pbft, 4) replicas, \d clients/);
      expect(out.match(/operations a second, p50/g)).toHaveLength(1);
      const record = JSON.parse(readFileSync(json, "utf8"));
      expect(record).toMatchObject(expected);
      expect(record.operations).toBeGreaterThan(0);
      await nothingLeft();
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "two client processes have one history, in which all clients are distinct, and one file each",
    async () => {
      const path = join(base, "history.json");
      const clients = ["--client-processes", "2", "--clients", "3", "--rate", "200"];
      const files = ["--history", path, "--json", join(base, "of-history.json")];
      const kv = ["-a", "kv", "--workload", "contended", "--seconds", "1", "--warm", "4"];
      const { npm, nothingLeft } = demo("history", [...ALONE, ...clients, ...kv, ...files]);
      const { status, err } = await npm.ended();
      expect({ status, err: problemsIn(err) }).toEqual({ status: 0, err: [] });
      const entries: readonly HistoryEntry[] = JSON.parse(readFileSync(path, "utf8"));
      expect([...new Set(entries.map(({ client }) => client))].sort()).toEqual([0, 1, 2]);
      expect(checkRecorded(entries)).toBe("linearizable");
      await nothingLeft();
      const same = demo("same", [...ALONE, "--history", path, "--json", path]);
      const refused = await same.npm.ended();
      expect(refused.status).toBe(2);
      expect(refused.err).toContain(`--history ${path}: --json ${path} is the same`);
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "with --json - standard output is the record alone",
    async () => {
      const args = [...ALONE, "--seconds", "1", "--warm", "4", "--json", "-"];
      const { npm, nothingLeft } = demo("dash", args);
      const { status, out, err } = await npm.ended();
      expect({ status, err: problemsIn(err) }).toEqual({ status: 0, err: [] });
      expect(JSON.parse(out)).toMatchObject({ mode: "unreplicated", clients: 1 });
      expect(err).toContain("latency (us)");
      expect(err).toContain("operations a second");
      await nothingLeft();
    },
    PATIENCE_MS,
  );

  /** Starts one that would take long, and waits until all of it runs. */
  async function running(name: string, args: readonly string[]) {
    const one = demo(name, [...args, "--seconds", "60"]);
    await one.npm.printed(SERVED);
    const commands = marked(one.mark).join("\n");
    for (const executable of ["replica", "client"]) {
      expect(commands).toContain(join(ROOT, executable));
    }
    expect(readdirSync(one.temporary)).toHaveLength(1);
    return one;
  }

  test.concurrent(
    "interrupted at the terminal it stops in order",
    async () => {
      const json = join(base, "interrupted.json");
      const { npm, nothingLeft } = await running("interrupted", [
        ...ALONE,
        ...["--warm", "0", "--json", json],
      ]);
      process.kill(-npm.pid, "SIGINT");
      const { status, err } = await npm.ended();
      expect(status).not.toBe(0);
      expect(problemsIn(err)).toEqual([]);
      await nothingLeft();
      const record = JSON.parse(readFileSync(json, "utf8"));
      expect(record).toMatchObject({ interrupted: true, mode: "unreplicated", n: 1 });
      expect(record.operations).toBeGreaterThan(0);
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "interrupted while it starts it stops as well, and leaves no earlier record",
    async () => {
      const json = join(base, "early.json");
      for (const signal of ["SIGTERM", "SIGHUP"] as const) {
        writeFileSync(json, "of an earlier run");
        const args = [...ALONE, "--seconds", "60", "--json", json];
        const { npm, temporary, nothingLeft } = demo("early", args);
        await until("it made its directory", () => readdirSync(temporary).length > 0);
        process.kill(-npm.pid, signal);
        await npm.ended();
        await nothingLeft();
        expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({ interrupted: true });
      }
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "when npm is killed it ends too, over UDP and memif",
    async () => {
      for (const args of [ALONE, [...ALONE, "--transport", "udp"]]) {
        const { npm, nothingLeft } = await running("killed", args);
        npm.signal("SIGKILL");
        await npm.ended();
        await nothingLeft();
      }
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "with its replica killed it still stops when it is interrupted",
    async () => {
      const { npm, mark, nothingLeft } = await running("bereft", ALONE);
      const victim = marked(mark).find((line) => line.includes(join(ROOT, "replica")));
      process.kill(Number(victim?.split(" ")[0]), "SIGKILL");
      // The client goes on asking, which is its task.
      process.kill(-npm.pid, "SIGINT");
      await npm.ended();
      await nothingLeft();
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a temporary directory that cannot be made is told in a line, before anything runs",
    async () => {
      const where = { env: { TMPDIR: join(base, "none") } };
      const { status, err } = await run("demo", ALONE, where);
      expect({ status, err: problemsIn(err) }).toEqual({
        status: 2,
        err: [
          `demo: ${join(base, "none")}: no temporary directory there: ` +
            "no such file or directory (ENOENT); TMPDIR names another",
        ],
      });
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a network that it cannot have is told in a line, and nothing runs or stays",
    async () => {
      const path = join(base, "few.json");
      const lan = JSON.parse(readFileSync(join(ROOT, "docs/networks/lan.json"), "utf8"));
      writeFileSync(path, JSON.stringify({ ...lan, replicas: ["Dallas 1"] }));
      const { npm, nothingLeft } = demo("few", ["--network", path]);
      const { status, err } = await npm.ended();
      expect({ status, err: err.trim() }).toEqual({
        status: 2,
        err: `demo: ${path}: 'replicas' has sites for 1, the cluster has 4`,
      });
      await nothingLeft();
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "what a replica or client refuses is told in its line, and nothing runs or stays",
    async () => {
      const { npm, nothingLeft } = demo("refused", [...ALONE, "--clients", "0"]);
      const { status, err } = await npm.ended();
      expect(err.trim().split("\n")).toEqual([
        expect.stringContaining("--clients 0: expected a whole number from 1 to 32768"),
      ]);
      expect(status).toBe(2);
      await nothingLeft();
    },
    PATIENCE_MS,
  );
});
