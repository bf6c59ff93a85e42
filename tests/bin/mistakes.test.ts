// Shows what the programs say to those who make a mistake: one line for each. All run from source.

import { beforeAll, expect, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../../src/cluster/free-ports.ts";
import { formatPrivateKey, generateKeyPair, keyPath, writeKeyPair } from "../../src/crypto/keys.ts";
import { clientArgs, ConfigDirectory, macLine, replicaArgs } from "../support/configurations.ts";
import { describeUnless, libraries, ordinaryUser, testUnless } from "../support/optional.ts";
import { program, ROOT, run } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const missing = libraries();

/** Made before any test is, since their tables name files in it. */
const configs = new ConfigDirectory();
const dir = configs.path;

const one = configs.config("one", "f 0", macLine("00"));
const quad = configs.config("quad", "f 1", ...["00", "01", "02", "03"].map(macLine));
const three = configs.config("three", "f 1", ...["00", "01", "02"].map(macLine));
const broken = configs.config("broken", "f 1", macLine("00"), "replica somewhere");
const sharded = configs.config("sharded", "f 0", macLine("00"), "group", macLine("01"));
const oneMac = configs.config("one-mac", "f 0", macLine("00"), macLine("00").replace("%0", "%1"));
const nobody = configs.config("nobody", "f 0", "replica 0.0.0.0:5000%0");
const roled = configs.config("roled", "f 0", macLine("00"), "role oracle 12:34:56:bb:bb:bb%0");
const udp = configs.config("udp", "f 0", "replica 127.0.0.1:1%0");
const keyed = configs.config("keyed", "f 1", ...["00", "01", "02", "03"].map(macLine));
const twins = configs.config("twins", "f 1", ...["00", "01", "02", "03"].map(macLine));
const curve = configs.config("curve", "f 1", ...["00", "01", "02", "03"].map(macLine));
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
  ["replica", clientArgs(one), `--id is required${help}`],
  ["client", ["-c", one], `--mode is required${help}`],
  ["fabric", ["-c", one], `--dir is required${help}`],
  ["replica", replicaArgs(one, "--bogus"), `Unknown option '--bogus'${help}`],
  ["client", clientArgs(one, "-x"), `Unknown option '-x'${help}`],
  ["replica", replicaArgs(one, "--no-adaptive"), `Unknown option '--no-adaptive'${help}`],
  [
    "replica",
    replicaArgs(one, "--adaptive=1"),
    `Option '--adaptive' does not take an argument${help}`,
  ],
  ["replica", replicaArgs(one, "-w"), `Option '-w, --workers <value>' argument missing${help}`],
  [
    ...["replica", replicaArgs(one, "extra")],
    "unexpected 'extra': options start with - (and go after -- when npm runs the command)",
  ] as const,
  ["replica", replicaArgs(one, "-i", "1"), "-i was given twice"],
  ["client", clientArgs(one, "--mode", "unreplicated"), "--mode was given twice"],
  [
    ...["replica", ["-m", "paxos", "-c", one, "-i", "0"]],
    "--mode paxos: expected unreplicated, unreplicated-signed, pbft, hotstuff, vr, nopaxos, hotstuff2, jolteon, tendermint, streamlet, zyzzyva",
  ] as const,
  ["replica", replicaArgs(one, "-a", "sql"), "--app sql: expected null, kv, btree, sqlite"],
  [
    "replica",
    replicaArgs(one, "--signature", "all"),
    "--signature all: expected each, batch, hybrid",
  ],
  [
    "replica",
    replicaArgs(one, "--idle", "wait"),
    "--idle wait: expected busy, yield, auto, park, sleep",
  ],
  ["replica", replicaArgs(one, "--view-timeout", "0"), `--view-timeout 0: ${whole(1, 3_600_000)}`],
  ["replica", replicaArgs(one, "-b", "1e3"), `--batch 1e3: ${whole(1, 65_536)}`],
  ["replica", replicaArgs(one, "--batch=-1"), `--batch -1: ${whole(1, 65_536)}`],
  [
    "replica",
    replicaArgs(one, "--batch-bytes", "1M"),
    `--batch-bytes 1M: ${whole(1024, 1_048_576)}`,
  ],
  ["replica", replicaArgs(one, "--reply-size", "4M"), `--reply-size 4M: ${whole(0, 1_048_576)}`],
  [
    ...["replica", replicaArgs(one, "-a", "kv", "--reply-size", "4")],
    "--reply-size: kv gives results of its own size",
  ] as const,
  [
    ...["replica", replicaArgs(one, "--batch-bytes", "4096")],
    "--batch-bytes: pbft, hotstuff, vr, nopaxos, hotstuff2, jolteon, tendermint, streamlet, zyzzyva have it, not unreplicated",
  ] as const,
  [
    ...["replica", replicaArgs(one, "--requests", "broadcast")],
    "--requests: pbft, hotstuff, vr, hotstuff2, jolteon, tendermint, streamlet, zyzzyva have it, not unreplicated",
  ] as const,
  [
    ...["replica", replicaArgs(one, "-b", "100")],
    "--batch: pbft, hotstuff, vr, nopaxos, hotstuff2, jolteon, tendermint, streamlet, zyzzyva have it, not unreplicated",
  ] as const,
  [
    ...["client", clientArgs(one, "--signature", "each")],
    "--signature: unreplicated-signed, pbft, hotstuff, hotstuff2, jolteon, tendermint, streamlet, zyzzyva have it, not unreplicated",
  ] as const,
  [
    ...["client", clientArgs(one, "--leader", "rotate")],
    "--leader: hotstuff, hotstuff2, jolteon, tendermint, streamlet have it, not unreplicated",
  ] as const,
  ["client", clientArgs(one, "-t", "0"), `--clients 0: ${whole(1, 32_768)}`],
  ["client", clientArgs(one, "-t", "32769"), `--clients 32769: ${whole(1, 32_768)}`],
  [
    "client",
    clientArgs(one, "-d", "soon"),
    "--seconds soon: expected a number from 0.1 to 1000000",
  ],
  ["client", clientArgs(one, "-d", "-5"), "--seconds -5: expected a number from 0.1 to 1000000"],
  ["client", clientArgs(one, "-d", "0"), "--seconds 0: expected a number from 0.1 to 1000000"],
  ["client", clientArgs(one, "--rate=-1"), "--rate -1: expected a number from 0 to 100000000"],
  [
    ...["client", clientArgs(one, "--rate", "5", "--think", "1")],
    "--think and --rate exclude each other",
  ] as const,
  ["client", clientArgs(one, "--op-size", "1.5"), `--op-size 1.5: ${whole(0, 1_048_576)}`],
  ["replica", replicaArgs(udp, "--drop", "2"), "--drop 2: expected a number from 0 to 1"],
  ["fabric", fabric(one, "--drop", "0,1"), "--drop 0,1: expected a number from 0 to 1"],
  ["replica", replicaArgs(one, "--mtu", "9001"), `--mtu 9001: ${whole(1500, 9000)}`],
  ["client", clientArgs(udp, "--mtu", "65536"), `--mtu 65536: ${whole(1500, 65_535)}`],
  ["fabric", fabric(one, "--mtu", "1499"), `--mtu 1499: ${whole(1500, 9000)}`],
  ["demo", ["--mtu", "9001"], `--mtu 9001: ${whole(1500, 9000)}`],
  ["faults", ["--mtu", "x"], `--mtu x: ${whole(1500, 9000)}`],
  ["bench", ["echo", "--mtu", "9001"], `--mtu 9001: ${whole(1500, 9000)}`],
  ["fabric", fabric(one, "--client-ports", "0"), `--client-ports 0: ${whole(1, 32)}`],
  [
    ...["replica", ["-m", "unreplicated", "-c", one, "-i", "1"]],
    `--id 1: ${one}.config has replicas 0 to 0 for unreplicated`,
  ] as const,
  [
    ...["replica", ["-m", "pbft", "-c", quad, "-i", "4"]],
    `--id 4: ${quad}.config has replicas 0 to 3 for pbft`,
  ] as const,
  [
    ...["replica", ["-m", "pbft", "-c", quad, "-i", "0", "--leader", "rotate"]],
    "--leader: hotstuff, hotstuff2, jolteon, tendermint, streamlet have it, not pbft",
  ] as const,
  ["replica", ["-m", "unreplicated", "-c", one, "-i", "x"], `--id x: ${whole(0, 1_000_000)}`],
  [
    ...["replica", replicaArgs(join(dir, "none"))],
    `${dir}/none.config: no such file; -c takes its name without .config`,
  ] as const,
  [
    ...["client", clientArgs(broken)],
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
    `${curve}-2.pem: a key of the curve prime256v1; expected secp256k1`,
  ] as const,
  ["client", clientArgs(udp, "--fabric-port", "0"), "--fabric-port: goes with --fabric"],
  [
    ...["client", clientArgs(roled)],
    `${roled}.config: role oracle: no such role; there are sequencer`,
  ] as const,
  ["udp-switch", ["-c", udp, "--behind", udp, "--kinds", "1"], "--kinds: goes with --record"],
  [
    ...["udp-switch", ["-c", udp, "--behind", udp, "--record", "x", "--kinds", "1,x"]],
    "--kinds x: expected whole numbers from 0 to 255",
  ] as const,
  ["watch", [], "--inventory: expected the inventory of a lab"],
  [
    "soak",
    ["--ci-figures", "--hours", "1"],
    "--hours: goes without --ci-figures, which runs all once",
  ],
  ["replica", replicaArgs(one, "--mask", "xyz"), "--mask xyz: expected hexadecimal digits"],
  ["replica", replicaArgs(one, "--mask", "0"), "--mask 0: no CPU"],
  [
    "replica",
    replicaArgs(one, "--link", dir, "--fabric", dir),
    "--link and --fabric exclude each other",
  ],
  [
    "replica",
    replicaArgs(sharded),
    `${sharded}.config:3: 'group': there are no shards, one cluster a file; remove the line`,
  ],
  [
    ...["fabric", fabric(oneMac)],
    `${oneMac}.config:3: 12:34:56:aa:aa:00%1: the same MAC address as on line 2; ` +
      "each process needs one of its own",
  ] as const,
  [
    ...["replica", replicaArgs(nobody)],
    `${nobody}.config:2: 0.0.0.0:5000%0 is the address of no host: nobody can send there`,
  ] as const,
  ["replica", replicaArgs(udp, "--link", dir), "--link needs replicas with MAC addresses"],
  ["client", clientArgs(udp, "--fabric", dir), "--fabric needs replicas with MAC addresses"],
  ["replica", replicaArgs(udp, "--port", "1"), "--port needs replicas with MAC addresses"],
  ["fabric", fabric(udp), `${udp}.config: the fabric needs MAC addresses`],
  ["replica", replicaArgs(one, "--link", `${dir}/none`), `${dir}/none: no such directory`],
  ["replica", replicaArgs(one, "--link", dir), `${dir}/link.sock: exists and is no socket`],
  [
    ...["client", clientArgs(one, "--link", `${dir}/a,b`)],
    `${dir}/a,b/link.sock: a socket's path cannot have a comma`,
  ] as const,
  [
    ...["client", clientArgs(one, "--link", `${dir}/${"long".repeat(30)}`)],
    `${dir}/${"long".repeat(30)}/link.sock: longer than a socket's path may be (107 bytes)`,
  ] as const,
  [
    "replica",
    replicaArgs(one, "--json", `${dir}/none/x`),
    `--json ${dir}/none/x: no such directory`,
  ],
  [
    ...["client", clientArgs(one, "--json", "/dev/full")],
    "--json /dev/full: cannot be written: " +
      "no space left: free some, or name another place (ENOSPC)",
  ] as const,
  [
    ...["demo", ["--json", "/dev/null/x"]],
    "--json /dev/null/x: cannot be written: not a directory (ENOTDIR)",
  ] as const,
  [
    ...["client", clientArgs(one, "--json", `${dir}/x`, "--history", `${dir}/x`)],
    `--json ${dir}/x: --history ${dir}/x is the same`,
  ] as const,
  ["client", clientArgs(one, "--json", dir), `--json ${dir}: expected the name of a file`],
  ["client", clientArgs(one, "--history", ""), "--history : expected the name of a file"],
  ["fabric", fabric(one, "--json", `${dir}/none/x`), `--json ${dir}/none/x: no such directory`],
  ["demo", ["--json", `${dir}/none/x`], `--json ${dir}/none/x: no such directory`],
  ["demo", ["-d", "-5"], "--seconds -5: expected a number from 0.1 to 1000000"],
  ["demo", ["-b", "0"], `--batch 0: ${whole(1, 65_536)}`],
  ["demo", ["-m", "unreplicated", "-f", "1"], "--faults: unreplicated tolerates none"],
  ["demo", ["-m", "pbft", "--sequencer", "process"], "--sequencer: pbft has none"],
  [
    ...["demo", ["-m", "nopaxos", "--sequencer", "fabric", "--op-size", "4096"]],
    "--sequencer fabric: stamps single packets; --op-size goes beyond one",
  ] as const,
  ["demo", ["--faults", "21"], `--faults 21: ${whole(1, 20)}`],
  [
    ...["demo", ["--mode", "paxos"]],
    "--mode paxos: expected unreplicated, unreplicated-signed, pbft, hotstuff, vr, nopaxos, hotstuff2, jolteon, tendermint, streamlet, zyzzyva",
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

describeUnless(missing)("mistakes", () => {
  for (const [name, args, line] of mistakes) {
    test.concurrent(
      `${name} ${args.join(" ").replaceAll(dir, "DIR")}`,
      async () => expect(await refuses(name, args)).toBe(line),
      PATIENCE_MS,
    );
  }

  test.concurrent(
    "a mask with a CPU that is not there names it and those that are",
    async () => {
      const mask = `8${"0".repeat(255)}`;
      const said = await refuses("replica", replicaArgs(udp, "--mask", mask));
      expect(said).toStartWith(`--mask ${mask}: CPU 1023 cannot be used here; there are 0`);
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a configuration that cannot be read is named",
    async () => {
      const said = await refuses("client", clientArgs(join(dir, "folder")));
      expect(said).toStartWith(`${dir}/folder.config: `);
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a port that is taken is named",
    async () => {
      const [port = 0] = await freePorts(1);
      const taken = configs.config("taken", "f 0", `replica 127.0.0.1:${port}%0`);
      const first = program("replica", replicaArgs(taken));
      await first.printed("replica 0 of 1");
      const said = await refuses("replica", replicaArgs(taken));
      expect(said).toStartWith(`UDP 127.0.0.1:${port} cannot be bound`);
      first.signal("SIGTERM");
      expect((await first.ended()).status).toBe(0);
    },
    PATIENCE_MS,
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
      const ended = await run("replica", replicaArgs(udp), { root, cwd: root });
      const line = "replica: target/dpdk/liboskr_native.so is missing; run: npm run build\n";
      expect(ended).toEqual({ status: 2, out: "", err: line });
      mkdirSync(join(root, "target/dpdk"), { recursive: true });
      const native = "target/dpdk/liboskr_native.so";
      symlinkSync(join(ROOT, native), join(root, native));
      const other = await run("replica", replicaArgs(one, "--link", dir + "/a"), {
        root,
        cwd: root,
      });
      expect(other.err).toBe(`replica: ${dir}/a: no such directory\n`);
      mkdirSync(join(dir, "a"));
      const third = await run("replica", replicaArgs(one, "--link", dir + "/a"), {
        root,
        cwd: root,
      });
      expect(third).toEqual({ status: 2, out: "", err: line.replace("native", "dpdk") });
    },
    PATIENCE_MS,
  );

  testUnless(ordinaryUser())(
    "a result that cannot be written is refused before anything starts",
    async () => {
      const file = join(dir, "read-only.json");
      writeFileSync(file, "");
      chmodSync(file, 0o400);
      const said = await refuses("client", clientArgs(udp, "--json", file));
      expect(said).toBe(
        `--json ${file}: cannot be written: ` +
          "permission denied: another user, group or mode is needed (EACCES)",
      );
    },
    PATIENCE_MS,
  );
});
