// Shows what the programs say to those who use them: help, one line for every mistake, results of
// real runs, and clean ends when interrupted. All run from source.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatPrivateKey, generateKeyPair, keyPath, writeKeyPair } from "../src/crypto/keys.ts";
import { buildLibraries } from "./support/libraries.ts";
import { freePorts, Program, program, ROOT, run } from "./support/programs.ts";

const missing = buildLibraries();
if (missing !== null) console.log(`skipped tests of programs: ${missing}`);

const SECONDS = 1000;

/** Made before any test is, since their tables name files in it. */
const dir = mkdtempSync(join(tmpdir(), "oskr-cli-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A file in the directory; returns its path without `.config`. */
function config(name: string, ...lines: readonly string[]): string {
  writeFileSync(join(dir, `${name}.config`), `${lines.join("\n")}\n`);
  return join(dir, name);
}

const mac = (last: string) => `replica 12:34:56:aa:aa:${last}%0`;
const one = config("one", "f 0", mac("00"));
const quad = config("quad", "f 1", ...["00", "01", "02", "03"].map(mac));
const three = config("three", "f 1", ...["00", "01", "02"].map(mac));
const broken = config("broken", "f 1", mac("00"), "replica somewhere");
const udp = config("udp", "f 0", "replica 127.0.0.1:1%0");
const keyed = config("keyed", "f 1", ...["00", "01", "02", "03"].map(mac));
const twins = config("twins", "f 1", ...["00", "01", "02", "03"].map(mac));
const curve = config("curve", "f 1", ...["00", "01", "02", "03"].map(mac));
/**
 * NIST P-256, by openssl ecparam -genkey -noout -name prime256v1 | openssl pkcs8 -topk8 -nocrypt.
 */
const P256 = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAQEBAQEBAQEBAQEB
AQEBAQEBAQEBAQEBAQEBAQEBAQGhRANCAARv8DuUkkHOHa3UNRm5YOCoWNtmqM8y
hcJdqhwrEZTIsKXtqZm9nZFtGqnRYbtiZxAWMU5Z6TDnhYkWzf3rV4LF
-----END PRIVATE KEY-----
`;

beforeAll(() => {
  for (let i = 0; i < 3; i++) writeKeyPair(keyPath(keyed, i), generateKeyPair());
  const pair = generateKeyPair();
  for (let i = 0; i < 4; i++) {
    writeFileSync(keyPath(twins, i), formatPrivateKey(i < 2 ? pair : generateKeyPair()));
    writeFileSync(keyPath(curve, i), i === 2 ? P256 : formatPrivateKey(generateKeyPair()));
  }
  mkdirSync(join(dir, "a,b"));
  mkdirSync(join(dir, "long".repeat(30)));
  mkdirSync(join(dir, "folder.config"));
  writeFileSync(join(dir, "link.sock"), "no socket");
});

const replica = (prefix: string, ...more: readonly string[]) => [
  ...["-m", "unreplicated", "-c", prefix, "-i", "0", ...more],
];
const client = (prefix: string, ...more: readonly string[]) => [
  ...["-m", "unreplicated", "-c", prefix, ...more],
];
const fabric = (prefix: string, ...more: readonly string[]) => [
  "-c",
  prefix,
  "--dir",
  dir,
  ...more,
];
const help = "; -h shows the options";
const whole = (min: number, max: number) => `expected a whole number from ${min} to ${max}`;

/** Program, arguments, and the line it says. */
const mistakes: readonly (readonly [string, readonly string[], string])[] = [
  ["replica", [], `--mode is required${help}`],
  ["replica", ["-m", "unreplicated"], `--config is required${help}`],
  ["replica", client(one), `--id is required${help}`],
  ["client", ["-c", one], `--mode is required${help}`],
  ["fabric", ["-c", one], `--dir is required${help}`],
  ["replica", replica(one, "--bogus"), `Unknown option '--bogus'${help}`],
  ["client", client(one, "-x"), `Unknown option '-x'${help}`],
  ["replica", replica(one, "--no-adaptive"), `Unknown option '--no-adaptive'${help}`],
  ["replica", replica(one, "--adaptive=1"), `Option '--adaptive' does not take an argument${help}`],
  ["replica", replica(one, "-w"), `Option '-w, --workers <value>' argument missing${help}`],
  [
    ...["replica", replica(one, "extra")],
    "unexpected 'extra': options start with - (and go after -- when npm runs the command)",
  ] as const,
  ["replica", replica(one, "-i", "1"), "-i was given twice"],
  ["client", client(one, "--mode", "unreplicated"), "--mode was given twice"],
  [
    ...["replica", ["-m", "paxos", "-c", one, "-i", "0"]],
    "--mode paxos: expected unreplicated, unreplicated-signed, pbft, hotstuff",
  ] as const,
  ["replica", replica(one, "-a", "sql"), "--app sql: expected null, kv"],
  ["replica", replica(one, "--signature", "all"), "--signature all: expected each, batch"],
  ["replica", replica(one, "--idle", "wait"), "--idle wait: expected busy, yield, park, sleep"],
  ["replica", replica(one, "--view-timeout", "0"), `--view-timeout 0: ${whole(1, 3_600_000)}`],
  ["replica", replica(one, "-b", "1e3"), `--batch 1e3: ${whole(1, 65_536)}`],
  ["replica", replica(one, "--batch=-1"), `--batch -1: ${whole(1, 65_536)}`],
  ["client", client(one, "-t", "0"), `--clients 0: ${whole(1, 32_768)}`],
  ["client", client(one, "-t", "32769"), `--clients 32769: ${whole(1, 32_768)}`],
  ["client", client(one, "-d", "soon"), "--seconds soon: expected a number from 0.1 to 1000000"],
  ["client", client(one, "-d", "0"), "--seconds 0: expected a number from 0.1 to 1000000"],
  ["client", client(one, "--rate=-1"), "--rate -1: expected a number from 0 to 100000000"],
  [
    ...["client", client(one, "--rate", "5", "--think", "1")],
    "--think and --rate exclude each other",
  ] as const,
  ["client", client(one, "--op-size", "1.5"), `--op-size 1.5: ${whole(0, 1_048_576)}`],
  ["replica", replica(udp, "--drop", "2"), "--drop 2: expected a number from 0 to 1"],
  ["fabric", fabric(one, "--drop", "0,1"), "--drop 0,1: expected a number from 0 to 1"],
  ["fabric", fabric(one, "--client-ports", "0"), `--client-ports 0: ${whole(1, 32)}`],
  [
    ...["replica", ["-m", "unreplicated", "-c", one, "-i", "1"]],
    `--id 1: ${one}.config has replicas 0 to 0 for unreplicated`,
  ] as const,
  [
    ...["replica", ["-m", "pbft", "-c", quad, "-i", "4"]],
    `--id 4: ${quad}.config has replicas 0 to 3 for pbft`,
  ] as const,
  ["replica", ["-m", "unreplicated", "-c", one, "-i", "x"], `--id x: ${whole(0, 1_000_000)}`],
  [
    ...["replica", replica(join(dir, "none"))],
    `${dir}/none.config: no such file; -c takes its name without .config`,
  ] as const,
  [
    ...["client", client(broken)],
    `${broken}.config:3: 'somewhere' is no address; expected 12:34:56:aa:aa:aa%0 or ` +
      "10.0.0.1:5000%0, id at most 32767",
  ] as const,
  [
    ...["client", ["-m", "pbft", "-c", three]],
    `${three}.config: pbft with f 1 needs 4 replicas, not 3`,
  ] as const,
  [
    ...["replica", ["-m", "unreplicated-signed", "-c", one, "-i", "0"]],
    `${one}-0.pem: no such file; npm run keygen -- PREFIX N writes keys`,
  ] as const,
  [
    ...["client", ["-m", "pbft", "-c", keyed]],
    `${keyed}-3.pem: no such file; npm run keygen -- PREFIX N writes keys`,
  ] as const,
  [
    ...["replica", ["-m", "pbft", "-c", twins, "-i", "0"]],
    `${twins}-1.pem is the same key as ${twins}-0.pem`,
  ] as const,
  [
    ...["replica", ["-m", "pbft", "-c", curve, "-i", "0"]],
    `${curve}-2.pem: a key of another curve; expected secp256k1`,
  ] as const,
  ["replica", replica(one, "--mask", "xyz"), "--mask xyz: expected hexadecimal digits"],
  ["replica", replica(one, "--mask", "0"), "--mask 0: no CPU"],
  [
    "replica",
    replica(one, "--link", dir, "--fabric", dir),
    "--link and --fabric exclude each other",
  ],
  ["replica", replica(udp, "--link", dir), "--link needs replicas with MAC addresses"],
  ["client", client(udp, "--fabric", dir), "--fabric needs replicas with MAC addresses"],
  ["replica", replica(udp, "--port", "1"), "--port needs replicas with MAC addresses"],
  ["fabric", fabric(udp), `${udp}.config: the fabric needs MAC addresses`],
  ["replica", replica(one, "--link", `${dir}/none`), `${dir}/none: no such directory`],
  ["replica", replica(one, "--link", dir), `${dir}/link.sock: exists and is no socket`],
  [
    ...["client", client(one, "--link", `${dir}/a,b`)],
    `${dir}/a,b/link.sock: a socket's path cannot have a comma`,
  ] as const,
  [
    ...["client", client(one, "--link", `${dir}/${"long".repeat(30)}`)],
    `${dir}/${"long".repeat(30)}/link.sock: longer than a socket's path may be (107 bytes)`,
  ] as const,
  ["replica", replica(one, "--json", `${dir}/none/x`), `--json ${dir}/none/x: no such directory`],
  ["client", client(one, "--json", dir), `--json ${dir}: expected the name of a file`],
  ["client", client(one, "--history", ""), "--history : expected the name of a file"],
  ["fabric", fabric(one, "--json", `${dir}/none/x`), `--json ${dir}/none/x: no such directory`],
  ["demo", ["--json", `${dir}/none/x`], `--json ${dir}/none/x: no such directory`],
  [
    ...["demo", ["--mode", "paxos"]],
    "--mode paxos: expected unreplicated, unreplicated-signed, pbft, hotstuff",
  ] as const,
  [
    ...["demo", ["--client-processes", "3", "--clients", "2"]],
    "--client-processes 3: more than --clients 2",
  ] as const,
  [
    ...["demo", ["udp"]],
    "unexpected 'udp': options start with - (and go after -- when npm runs the command)",
  ] as const,
];

/** A status, nothing on standard output, and one line that begins with the program's name. */
async function refuses(name: string, args: readonly string[]): Promise<string> {
  const { status, out, err } = await run(name, args);
  const line = expect.stringMatching(new RegExp(`^${name}: [^\\n]+\\n$`));
  expect({ status, out, err }).toEqual({ status: 2, out: "", err: line });
  return err.slice(name.length + 2, -1);
}

describe.skipIf(missing !== null)("mistakes", () => {
  for (const [name, args, line] of mistakes) {
    test.concurrent(
      `${name} ${args.join(" ").replaceAll(dir, "DIR")}`,
      async () => expect(await refuses(name, args)).toBe(line),
      60 * SECONDS,
    );
  }

  test.concurrent(
    "a mask with a CPU that is not there names it and those that are",
    async () => {
      const mask = `8${"0".repeat(255)}`;
      const said = await refuses("replica", replica(udp, "--mask", mask));
      expect(said).toStartWith(`--mask ${mask}: CPU 1023 cannot be used here; there are 0`);
    },
    60 * SECONDS,
  );

  test.concurrent(
    "a configuration that cannot be read is named",
    async () => {
      const said = await refuses("client", client(join(dir, "folder")));
      expect(said).toStartWith(`${dir}/folder.config: `);
    },
    60 * SECONDS,
  );

  test.concurrent(
    "a port that is taken is named",
    async () => {
      const [port = 0] = await freePorts(1);
      const taken = config("taken", "f 0", `replica 127.0.0.1:${port}%0`);
      const first = program("replica", replica(taken));
      await first.printed("replica 0 of 1");
      const said = await refuses("replica", replica(taken));
      expect(said).toStartWith(`UDP 127.0.0.1:${port} cannot be bound`);
      first.signal("SIGTERM");
      expect((await first.ended()).status).toBe(0);
    },
    60 * SECONDS,
  );

  test.concurrent(
    "libraries that are not there are named, with what to do",
    async () => {
      const root = join(dir, "bundle");
      mkdirSync(root);
      for (const name of ["src", "package.json"]) {
        cpSync(join(ROOT, name), join(root, name), { recursive: true });
      }
      symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
      const ended = await run("replica", replica(udp), { root, cwd: root });
      const line = "replica: target/dpdk/liboskr_native.so is missing; run: npm run build\n";
      expect(ended).toEqual({ status: 2, out: "", err: line });
      mkdirSync(join(root, "target/dpdk"), { recursive: true });
      const native = "target/dpdk/liboskr_native.so";
      symlinkSync(join(ROOT, native), join(root, native));
      const other = await run("replica", replica(one, "--link", dir + "/a"), { root, cwd: root });
      expect(other.err).toBe(`replica: ${dir}/a: no such directory\n`);
      mkdirSync(join(dir, "a"));
      const third = await run("replica", replica(one, "--link", dir + "/a"), { root, cwd: root });
      expect(third).toEqual({ status: 2, out: "", err: line.replace("native", "dpdk") });
    },
    60 * SECONDS,
  );

  test.concurrent.skipIf(process.geteuid?.() === 0)(
    "a result that cannot be written is refused before anything starts (root can write all)",
    async () => {
      const file = join(dir, "read-only.json");
      writeFileSync(file, "");
      chmodSync(file, 0o400);
      const said = await refuses("client", client(udp, "--json", file));
      expect(said).toBe(`--json ${file}: cannot be written`);
    },
    60 * SECONDS,
  );
});

describe.skipIf(missing !== null)("running", () => {
  test.concurrent(
    "a client whose replica is not there says so after five seconds",
    async () => {
      const begun = performance.now();
      const { status, out, err } = await run("client", client(udp));
      expect({ status, err }).toEqual({
        status: 1,
        err: "client: no reply from replica 0 in 5 s\n",
      });
      expect(out).not.toContain("latency");
      expect(performance.now() - begun).toBeGreaterThan(4 * SECONDS);
    },
    60 * SECONDS,
  );

  test.concurrent(
    "a client alone on a memif link says so",
    async () => {
      mkdirSync(join(dir, "alone"));
      const where = { env: { RUNTIME_DIRECTORY: dir } };
      const ended = await run("client", client(one, "--link", join(dir, "alone")), where);
      const line = "client: no link in 5 s: nobody is at the other end of the port\n";
      expect(ended).toEqual({ status: 1, out: "", err: line });
    },
    60 * SECONDS,
  );

  test.concurrent(
    "a client that may not wait for five seconds says how long it did",
    async () => {
      const { status, err } = await run("client", client(udp, "-d", "0.2", "--warm", "0"));
      expect(status).toBe(1);
      expect(err).toMatch(/^client: no reply from replica 0 in [\d.]+ s\n$/);
      expect(err).not.toContain("in 5 s");
    },
    60 * SECONDS,
  );

  interface Case {
    readonly name: string;
    readonly mode: string;
    readonly transport: string;
    readonly more: readonly string[];
    readonly expected: object;
  }
  const unsigned = { signature: "none", crypto: "none", workers: 0 };
  const cases: readonly Case[] = [
    {
      ...{ name: "UDP", mode: "unreplicated", transport: "udp", more: [] },
      expected: { ...unsigned, app: "null", workload: "fixed", replySize: 0 },
    },
    {
      ...{ name: "UDP with kv", mode: "unreplicated", transport: "udp" },
      more: ["-a", "kv", "--idle", "sleep"],
      expected: { ...unsigned, app: "kv", workload: "kv", idle: "sleep" },
    },
    {
      ...{ name: "a memif link", mode: "unreplicated", transport: "memif", more: ["-b", "7"] },
      expected: { ...unsigned, app: "null", batch: 7, adaptive: false, idle: "park" },
    },
    {
      ...{ name: "a memif link, signed", mode: "unreplicated-signed", transport: "memif" },
      more: ["--signature", "each", "--crypto", "native", "-w", "2", "--instance", "x"],
      expected: { signature: "each", crypto: "native", workers: 2 },
    },
    {
      ...{ name: "UDP, signed by noble", mode: "unreplicated-signed", transport: "udp" },
      more: ["--crypto", "noble"],
      expected: { signature: "batch", crypto: "noble" },
    },
  ];

  for (const [index, { name, mode, transport, more, expected }] of cases.entries()) {
    test.concurrent(
      `a real run over ${name} writes complete records, and both end cleanly`,
      async () => {
        const [port = 0] = await freePorts(1);
        const address = transport === "udp" ? `replica 127.0.0.1:${port}%0` : mac("00");
        const prefix = config(`run-${index}`, "f 0", address);
        writeKeyPair(keyPath(prefix, 0), generateKeyPair());
        const link = join(dir, `l${index}`);
        mkdirSync(link);
        const where = { env: { RUNTIME_DIRECTORY: link, TMPDIR: link } };
        const shared = ["-m", mode, "-c", prefix, ...more];
        if (transport === "memif") shared.push("--link", link);
        const files = { replica: join(link, "replica.json"), client: join(link, "client.json") };
        const server = program("replica", [...shared, "-i", "0", "--json", files.replica], where);
        await server.printed(`replica 0 of 1 runs ${mode} on ${transport}`);
        // Long enough for a machine that does many other things at the same time.
        const time = ["-t", "5", "-d", "2", "--warm", "0.1"];
        const asked = await run("client", [...shared, ...time, "--json", files.client], where);
        expect({ status: asked.status, err: asked.err }).toEqual({ status: 0, err: "" });
        expect(asked.out).toContain("operations a second");
        server.signal("SIGINT");
        const served = await server.ended();
        expect({ status: served.status, err: served.err }).toEqual({ status: 0, err: "" });

        const record = JSON.parse(readFileSync(files.client, "utf8"));
        expect(Object.keys(record)).toEqual(expect.arrayContaining(RECORD_KEYS));
        expect(Object.keys(record.latency)).toEqual(LATENCY_KEYS);
        expect(record).toMatchObject({
          ...{ mode, transport, n: 1, f: 0, clients: 5, opSize: 0, warmSeconds: 0.1 },
          ...expected,
        });
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
        expect(result.executed).toBeGreaterThanOrEqual(record.operations);
        expect(result.residentBytes).toBeGreaterThan(10e6);
        expect(result.residentBytes).toBeLessThan(1e9);
        expect(result.dropped).toBeObject();
        expect(served.out).toContain(`executed ${result.executed} requests; dropped `);
      },
      60 * SECONDS,
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
    ...["throughput", "latency", "retransmissions", "dropped", "host", "versions"],
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
      const server = program("replica", replica(one, "--fabric", work), where);
      await server.printed("replica 0 of 1");
      const asking = program("client", client(one, "--fabric", work, "--warm", "0"), where);
      await asking.printed("operations a second");
      asking.signal("SIGINT");
      const asked = await asking.ended();
      expect({ status: asked.status, err: asked.err }).toEqual({ status: 130, err: "" });
      expect(asked.out).toContain("latency (us)");
      for (const one of [server, middle]) {
        one.signal("SIGTERM");
        const { status, err } = await one.ended();
        expect({ status, err }).toEqual({ status: 0, err: "" });
      }
      const ports = JSON.parse(readFileSync(json, "utf8"));
      expect(ports).toMatchObject([{ port: "replica 0" }, { port: "client 0" }]);
      expect(ports[0].frames.received).toBeGreaterThan(0);
      expect(existsSync(join(work, "replica-0.sock"))).toBe(false);
    },
    60 * SECONDS,
  );

  test.concurrent(
    "what nobody asked for is counted and shown at the end, and disturbs nothing",
    async () => {
      const [port = 0] = await freePorts(1);
      const prefix = config("garbage", "f 0", `replica 127.0.0.1:${port}%0`);
      const json = join(dir, "garbage.json");
      const server = program("replica", replica(prefix, "--json", json));
      await server.printed("replica 0 of 1");
      const socket = await Bun.udpSocket({});
      const packets = [
        ...[Uint8Array.of(), Uint8Array.of(9, 0, 0, 0), new Uint8Array(3)],
        ...[Uint8Array.of(0, 5, 5, 0, 1), Uint8Array.of(0, 0, 0, 0, 99, 99), new Uint8Array(1400)],
        ...[Uint8Array.of(0, 0x80, 0x80, 0, 1), Uint8Array.of(1, 0, 0, 0, 0, 1, 2)],
      ];
      for (const packet of packets) socket.send(packet, port, "127.0.0.1");
      socket.close();
      const asked = await run("client", client(prefix, "-d", "2", "--warm", "0"));
      expect(asked.status).toBe(0);
      server.signal("SIGTERM");
      const { status, out } = await server.ended();
      expect(status).toBe(0);
      expect(JSON.parse(readFileSync(json, "utf8")).dropped).toEqual({
        ...{ "malformed packet": 3, "unknown id": 1, malformed: 2 },
        ...{ "malformed ids": 1, "malformed fragment": 1 },
      });
      expect(out).toMatch(/dropped .*3 malformed packet/);
    },
    60 * SECONDS,
  );

  test.concurrent(
    "a second signal ends a program at once, though it never reads the first",
    async () => {
      const script = [
        `import { loadNative } from "${ROOT}/src/ffi/native.ts";`,
        `import { stopWord } from "${ROOT}/src/bin/process.ts";`,
        "stopWord(loadNative());",
        'console.log("ready");',
        "for (;;);",
      ];
      writeFileSync(join(dir, "deaf.ts"), script.join("\n"));
      const deaf = new Program([process.execPath, join(dir, "deaf.ts")]);
      await deaf.printed("ready");
      deaf.signal("SIGTERM");
      // One that comes within a tenth of a second counts as the first one sent twice.
      const again = setInterval(() => deaf.signal("SIGINT"), 10);
      const { status, err } = await deaf.ended();
      clearInterval(again);
      expect({ status, err }).toEqual({ status: 130, err: "" });
    },
    60 * SECONDS,
  );
});
