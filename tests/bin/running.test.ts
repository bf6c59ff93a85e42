// Shows what the programs say to those who use them: results of real runs, and clean ends when
// interrupted. All run from source.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { problemsIn } from "../../src/base/logger.ts";
import { freePorts } from "../../src/cluster/free-ports.ts";
import { generateKeyPair, keyPath, writeKeyPair } from "../../src/crypto/keys.ts";
import { clientArgs, ConfigDirectory, macLine, replicaArgs } from "../support/configurations.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { Program, program, ROOT, run, SERVED } from "../support/programs.ts";
import { usableCpus } from "../../src/process/cpus.ts";
import { PATIENCE_MS } from "../support/patience.ts";

/** What two processes that poll do by default. */
const IDLE_OF_TWO = usableCpus() >= 2 ? "auto" : "park";

const missing = libraries();

const configs = new ConfigDirectory();
const dir = configs.path;
const one = configs.config("one", "f 0", macLine("00"));
const udp = configs.config("udp", "f 0", "replica 127.0.0.1:1%0");

describeUnless(missing)("running", () => {
  test.concurrent(
    "a client whose replica is not there says so after five seconds",
    async () => {
      const begun = performance.now();
      const { status, out, err } = await run("client", clientArgs(udp));
      // On a busy machine it may be a little more.
      const [problem = "", ...others] = problemsIn(err);
      const [, seconds] =
        /^client: no reply from replica 0 in ([\d.]+) s; nothing came from it: /.exec(problem) ??
        [];
      expect({ status, others, late: Number(seconds) >= 5, err }).toEqual({
        ...{ status: 1, others: [], late: true, err },
      });
      expect(out).not.toContain("latency");
      expect(performance.now() - begun).toBeGreaterThan(4000);
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a client alone on a memif link says so",
    async () => {
      mkdirSync(join(dir, "alone"));
      const where = { env: { RUNTIME_DIRECTORY: dir } };
      const json = join(dir, "alone.json");
      writeFileSync(json, "of an earlier run");
      const args = clientArgs(one, "--link", join(dir, "alone"), "--json", json);
      const ended = await run("client", args, where);
      const failure = "no link in 5 s: nobody is at the other end of the port";
      expect(ended).toEqual({ status: 1, out: "", err: `client: ${failure}\n` });
      expect(JSON.parse(readFileSync(json, "utf8"))).toEqual({ failure });
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a client whose end of a port another has says so",
    async () => {
      const link = join(dir, "taken");
      mkdirSync(link);
      const where = { env: { RUNTIME_DIRECTORY: dir } };
      const replica = program("replica", replicaArgs(one, "--link", link), where);
      await replica.printed("replica 0 of 1");
      const first = program("client", clientArgs(one, "--link", link, "-d", "1000"), where);
      await first.printed("operations a second");
      const { status, err } = await run("client", clientArgs(one, "--link", link), where);
      expect({ status, said: err.includes("another process has this end of it") }).toEqual({
        ...{ status: 1, said: true },
      });
      first.signal("SIGKILL");
      replica.signal("SIGTERM");
      await Promise.all([first.ended(), replica.ended()]);
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a client that may not wait for five seconds says how long it did",
    async () => {
      const { status, err } = await run("client", clientArgs(udp, "-d", "0.2", "--warm", "0"));
      expect(status).toBe(1);
      expect(err).toMatch(
        /^client: no reply from replica 0 in [\d.]+ s; nothing came from it: .*\n$/,
      );
      expect(err).not.toContain("in 5 s");
    },
    PATIENCE_MS,
  );

  interface Case {
    readonly name: string;
    readonly mode: string;
    readonly transport: string;
    readonly more: readonly string[];
    readonly replicaMore?: readonly string[];
    readonly expected: object;
  }
  const unsigned = { signature: "none", crypto: "none", workers: 0 };
  const cases: readonly Case[] = [
    {
      ...{ name: "UDP", mode: "unreplicated", transport: "udp", more: [] },
      replicaMore: ["--reply-size", "100"],
      expected: { ...unsigned, app: "null", workload: "fixed", replySize: 100 },
    },
    {
      ...{ name: "UDP with kv", mode: "unreplicated", transport: "udp" },
      more: ["--idle", "sleep"],
      // The client learns it from the replica.
      replicaMore: ["-a", "kv"],
      expected: { ...unsigned, app: "kv", workload: "kv", idle: "sleep" },
    },
    {
      ...{ name: "a memif link", mode: "unreplicated", transport: "memif", more: [] },
      expected: { ...unsigned, app: "null", batch: 1, adaptive: false, idle: IDLE_OF_TWO },
    },
    {
      ...{ name: "a memif link, signed", mode: "unreplicated-signed", transport: "memif" },
      more: ["--signature", "each", "--crypto", "native", "-w", "2", "--instance", "x"],
      expected: { signature: "each", crypto: "native", workers: 2 },
    },
    {
      ...{ name: "UDP, signed by noble", mode: "unreplicated-signed", transport: "udp" },
      more: ["--crypto", "noble"],
      expected: { signature: "batch", crypto: "noble", workers: 0 },
    },
  ];

  for (const [index, one] of cases.entries()) {
    const { name, mode, transport, more, replicaMore = [], expected } = one;
    test.concurrent(
      `a real run over ${name} writes complete records, and both end cleanly`,
      async () => {
        const [port = 0] = await freePorts(1);
        const address = transport === "udp" ? `replica 127.0.0.1:${port}%0` : macLine("00");
        const prefix = configs.config(`run-${index}`, "f 0", address);
        writeKeyPair(keyPath(prefix, 0), generateKeyPair());
        const link = join(dir, `l${index}`);
        mkdirSync(link);
        const where = { env: { RUNTIME_DIRECTORY: link, TMPDIR: link } };
        const shared = ["-m", mode, "-c", prefix, ...more];
        if (transport === "memif") shared.push("--link", link);
        const files = { replica: join(link, "replica.json"), client: join(link, "client.json") };
        const own = ["-i", "0", "--json", files.replica, ...replicaMore];
        const server = program("replica", [...shared, ...own], where);
        await server.printed(`replica 0 of 1 runs ${mode} on ${transport}`);
        // Long enough for a machine that does many other things at the same time.
        const time = ["-t", "5", "-d", "2", "--warm", "2"];
        const asked = await run("client", [...shared, ...time, "--json", files.client], where);
        expect({ status: asked.status, err: problemsIn(asked.err) }).toEqual({
          status: 0,
          err: [],
        });
        expect(asked.out).toContain("operations a second");
        expect(asked.out).not.toContain(" 1 s ");
        server.signal("SIGINT");
        const served = await server.ended();
        expect({ status: served.status, err: problemsIn(served.err) }).toEqual({
          ...{ status: 0, err: [] },
        });
        // Messages of a replica begin with the time.
        expect(served.err).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z replica 0 of 1 runs /);

        const record = JSON.parse(readFileSync(files.client, "utf8"));
        expect(Object.keys(record)).toEqual(expect.arrayContaining(RECORD_KEYS));
        expect(Object.keys(record.latency)).toEqual(LATENCY_KEYS);
        expect(record).toMatchObject({
          ...{ mode, transport, n: 1, f: 0, clients: 5, opSize: 0, warmSeconds: 2 },
          ...expected,
        });
        expect(record).not.toHaveProperty("interrupted");
        expect(record.operations).toBeGreaterThan(0);
        expect(record.throughput).toBeCloseTo(record.operations / record.seconds, 3);
        expect(record.latency.min).toBeGreaterThan(0);
        const inOrder = LATENCY_KEYS.filter((key) => key !== "mean").map(
          (key) => record.latency[key],
        );
        expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
        expect(Object.keys(record.host)).toEqual(["cpu", "cores", "kernel"]);
        expect(record.versions).toMatchObject({ bun: Bun.version });

        const result = JSON.parse(readFileSync(files.replica, "utf8"));
        expect(result).toMatchObject({ mode, replica: 0 });
        expect(record.replicas).toEqual([result.setting]);
        const { app, signature, crypto, workers, idle, batch } = record;
        expect(result.setting).toMatchObject({ app, signature, crypto, workers, idle, batch });
        expect(result.executed).toBeGreaterThanOrEqual(record.operations);
        expect(result.residentBytes).toBeGreaterThan(10e6);
        expect(result.residentBytes).toBeLessThan(1e9);
        const losses = Object.keys({ ...result.dropped, ...record.dropped });
        expect(losses.filter((reason) => reason.startsWith("not admitted"))).toEqual([]);
        expect(result.notAdmitted).toBeObject();
        expect(served.out).toContain(`executed ${result.executed} requests; dropped `);
      },
      PATIENCE_MS,
    );
  }

  const RECORD_KEYS = [
    ...[
      "mode",
      "app",
      "transport",
      "n",
      "f",
      "clients",
      "batch",
      "adaptive",
      "signature",
      "crypto",
    ],
    ...["workers", "idle", "opSize", "replySize", "warmSeconds", "seconds", "operations"],
    ...["throughput", "latency", "retransmissions", "dropped", "notAdmitted", "host", "versions"],
  ];
  const LATENCY_KEYS = ["min", "mean", "p50", "p90", "p99", "p999", "max"];

  test.concurrent(
    "an interrupted client tells what it measured, and a fabric what it forwarded",
    async () => {
      const work = join(dir, "f");
      mkdirSync(work);
      const where = { env: { RUNTIME_DIRECTORY: work, TMPDIR: work } };
      const json = join(work, "fabric.json");
      const middle = program("fabric", ["-c", one, "--dir", work, "--json", json], where);
      await middle.printed("fabric of 1 replicas and 1 clients");
      const server = program("replica", replicaArgs(one, "--fabric", work), where);
      await server.printed("replica 0 of 1");
      const partial = join(work, "client.json");
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        writeFileSync(partial, "of an earlier run");
        const more = ["--fabric", work, "--warm", "0", "--json", partial];
        const asking = program("client", clientArgs(one, ...more), where);
        await asking.printed(SERVED);
        asking.signal(signal);
        const asked = await asking.ended();
        expect({ signal, status: asked.status, err: problemsIn(asked.err) }).toEqual({
          ...{ signal, status: 130, err: [] },
        });
        expect(asked.out).toContain("latency (us)");
        const record = JSON.parse(readFileSync(partial, "utf8"));
        expect(record).toMatchObject({ interrupted: true, clients: 1 });
        expect(record.operations).toBeGreaterThan(0);
      }
      for (const one of [server, middle]) {
        one.signal("SIGTERM");
        const { status, err } = await one.ended();
        expect({ status, err: problemsIn(err) }).toEqual({ status: 0, err: [] });
      }
      const ports = JSON.parse(readFileSync(json, "utf8"));
      expect(ports).toMatchObject([{ port: "replica 0" }, { port: "client 0" }]);
      expect(ports[0].frames.received).toBeGreaterThan(0);
      expect(existsSync(join(work, "replica-0.sock"))).toBe(false);
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a client whose replica dies says that nobody served at the end, and how long, with status 1",
    async () => {
      const [port = 0] = await freePorts(1);
      const prefix = configs.config("dies", "f 0", `replica 127.0.0.1:${port}%0`);
      const json = join(dir, "dies.json");
      const server = program("replica", replicaArgs(prefix));
      await server.printed("replica 0 of 1");
      const time = ["-d", "8", "--warm", "0", "-t", "4", "--think", "5"];
      const asking = program("client", [...clientArgs(prefix, ...time), "--json", json]);
      await asking.printed(SERVED);
      server.signal("SIGKILL");
      const { status, err } = await asking.ended();
      const record = JSON.parse(readFileSync(json, "utf8"));
      expect({ status, gone: record.serviceGone, inFlight: record.inFlight }).toEqual({
        ...{ status: 1, gone: true, inFlight: 4 },
      });
      const said =
        /^client: nobody served at the end: nothing completed in the last ([\d.]+) s of .*$/m;
      const [line = "", seconds] = said.exec(err) ?? [];
      expect(line).toEndWith(" nor in 5 s after them; 4 operations were in flight");
      expect(record.longestGapMs).toBeGreaterThanOrEqual(1000 * Number(seconds) - 50);
      await server.ended();
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "an open loop far beyond what one client can do has a record that says so",
    async () => {
      const [port = 0] = await freePorts(1);
      const prefix = configs.config("beyond", "f 0", `replica 127.0.0.1:${port}%0`);
      const json = join(dir, "beyond.json");
      const server = program("replica", replicaArgs(prefix));
      await server.printed("replica 0 of 1");
      const rate = ["--rate", "1000000", "-d", "1", "--warm", "3", "--json", json];
      const { status, out } = await run("client", clientArgs(prefix, ...rate));
      expect(status).toBe(0);
      expect(out).toContain("; the rate was not reached: ");
      const record = JSON.parse(readFileSync(json, "utf8"));
      expect(record).toMatchObject({ loop: "open", operations: 0, serviceGone: false });
      expect(record.throughput).toBeGreaterThan(0);
      expect(record.unserved).toBeGreaterThan(100_000);
      server.signal("SIGTERM");
      await server.ended();
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a client that was told otherwise than the replica runs is refused, and says in what",
    async () => {
      const [port = 0] = await freePorts(1);
      const prefix = configs.config("otherwise", "f 0", `replica 127.0.0.1:${port}%0`);
      const server = program("replica", replicaArgs(prefix, "-a", "kv", "--instance", "b"));
      await server.printed("replica 0 of 1");
      const asks = (...more: readonly string[]) => run("client", clientArgs(prefix, ...more));
      const told = await asks("-a", "null", "--instance", "b");
      expect(told).toMatchObject({
        status: 2,
        err: "client: replica 0 has --app kv, this client has --app null\n",
      });
      const other = await asks("--instance", "c");
      expect(other).toMatchObject({
        status: 2,
        err: "client: replica 0 has other keys or another --instance than this client\n",
      });
      server.signal("SIGTERM");
      expect((await server.ended()).status).toBe(0);
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "what nobody asked for is counted and shown at the end, and disturbs nothing",
    async () => {
      const [port = 0] = await freePorts(1);
      const prefix = configs.config("garbage", "f 0", `replica 127.0.0.1:${port}%0`);
      const json = join(dir, "garbage.json");
      const server = program("replica", replicaArgs(prefix, "--json", json));
      await server.printed("replica 0 of 1");
      const socket = await Bun.udpSocket({});
      const packets = [
        ...[Uint8Array.of(), Uint8Array.of(9, 0, 0, 0), new Uint8Array(3)],
        ...[Uint8Array.of(0, 5, 5, 0, 1), Uint8Array.of(0, 0, 0, 0, 99, 99), new Uint8Array(1400)],
        ...[Uint8Array.of(0, 0x80, 0x80, 0, 1), Uint8Array.of(1, 0, 0, 0, 0, 1, 2)],
      ];
      for (const packet of packets) socket.send(packet, port, "127.0.0.1");
      socket.close();
      const asked = await run("client", clientArgs(prefix, "-d", "2", "--warm", "0"));
      expect(asked.status).toBe(0);
      server.signal("SIGTERM");
      const { status, out } = await server.ended();
      expect(status).toBe(0);
      // Whole packets of a host that has not proven its address are looked into no further; the
      // client's first ones are of such a host as well.
      const { dropped } = JSON.parse(readFileSync(json, "utf8"));
      expect(dropped).toMatchObject({ "malformed packet": 3, "malformed ids": 1 });
      expect(Object.keys(dropped)).toHaveLength(3);
      expect(dropped["from an unproven address"]).toBeGreaterThanOrEqual(4);
      expect(out).toMatch(/dropped .*3 malformed packet/);
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a second signal ends a program at once, though it never reads the first",
    async () => {
      const script = [
        `import { loadNative } from "${ROOT}/src/ffi/native.ts";`,
        `import { stopWord } from "${ROOT}/src/process/signals.ts";`,
        "stopWord(loadNative());",
        'console.log("ready");',
        "for (;;);",
      ];
      writeFileSync(join(dir, "deaf.ts"), script.join("\n"));
      const deaf = new Program([process.execPath, join(dir, "deaf.ts")]);
      await deaf.printed("ready");
      deaf.signal("SIGTERM");
      // One that comes within half a second counts as the first one sent twice.
      const again = setInterval(() => deaf.signal("SIGINT"), 10);
      const { status, err } = await deaf.ended();
      clearInterval(again);
      expect({ status, err }).toEqual({ status: 130, err: "" });
    },
    PATIENCE_MS,
  );
});
