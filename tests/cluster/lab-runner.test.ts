// Shows what LabRunner makes of a point, and what it tells of a run that failed. Ansible is played
// by a script, which answers from files; deploy/lab.sh has the real one and real hosts.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LabRunner, readLab } from "../../src/cluster/lab-runner.ts";
import type { Point } from "../../src/evaluation/run.ts";

const POINT: Point = {
  mode: "pbft",
  transport: "dpdk",
  f: 1,
  clients: 5,
  clientProcesses: 2,
  rate: 0,
  batch: 10,
  adaptive: false,
  workers: 2,
  signature: "batch",
  app: "null",
  opSize: 0,
  fault: "none",
  lossRate: 0,
};
const SETTINGS = { seconds: 1.5, warmSeconds: 0.2, profile: true };
const NEVER = new AbortController().signal;

/** Writes the arguments to `calls`, then does what the script `<playbook>.sh` says. */
const ANSIBLE = `#!/bin/sh
variables=\${4#@}
playbook=$5
if [ "$playbook" = inventory.yml ]; then
  cp "$LAB_TEST/inventory.json" "$(sed -n 's/.*"oskr_out": "\\(.*\\)".*/\\1/p' "$variables")"
  exit 0
fi
echo "$@" >>"$LAB_TEST/calls"
results=$(sed -n 's/.*"oskr_results": "\\(.*\\)".*/\\1/p' "$variables")
[ ! -f "$LAB_TEST/$playbook.sh" ] || . "$LAB_TEST/$playbook.sh"
`;

let dir = "";
const before = { ...process.env };
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "oskr-lab-"));
  mkdirSync(join(dir, "bin"));
  program("ansible-playbook", ANSIBLE);
  inventory(4, 2);
  process.env["LAB_TEST"] = dir;
  process.env["PATH"] = `${join(dir, "bin")}:${before["PATH"]}`;
});
afterEach(() => {
  process.env["PATH"] = before["PATH"];
  delete process.env["LAB_TEST"];
  rmSync(dir, { recursive: true, force: true });
});

function program(name: string, text: string): void {
  writeFileSync(join(dir, "bin", name), text);
  chmodSync(join(dir, "bin", name), 0o755);
}

/** What inventory.yml writes from here on. */
function inventory(
  replicas: number,
  clients: number,
  address = "12:34:56:aa:aa:0I%0",
  sequencers = 0,
): void {
  const names = (what: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${what}${i}`);
  const listing = {
    replicas: names("r", replicas).map((name, i) => [name, address.replace("I", `${i}`)]),
    sequencers: names("s", sequencers).map((name, i) => [name, `12:34:56:aa:aa:1${i}%0`]),
    clients: names("c", clients),
    ...{ multicast: "", reached: [], ways: [] },
  };
  writeFileSync(join(dir, "inventory.json"), JSON.stringify(listing));
}

/** What run.yml does: hosts write results and logs; then `more`. */
function runScript(replicas: readonly number[], clients: readonly number[], more = ""): void {
  const client = (i: number) => JSON.stringify(record(i));
  const lines = [
    ...replicas.map((i) => put(`r${i}/replica.json`, JSON.stringify({ replica: i }))),
    ...clients.map((i) => put(`c${i}/client.json`, client(i))),
  ];
  writeFileSync(join(dir, "run.yml.sh"), [...lines, more].join("\n"));
}
const put = (path: string, text: string) =>
  `mkdir -p "$(dirname "$results/${path}")"; echo '${text}' >"$results/${path}"`;

function record(i: number) {
  const latency = { min: 1, mean: 2, p50: 2, p90: 3, p99: 3, p999: 3, max: 3 };
  const operations = 100 * (i + 1);
  const none = { clients: 1, clientProcesses: 1, rate: 0, unserved: 0, retransmissions: 0 };
  const counts = {
    throughput: operations,
    replySize: 0,
    longestGapMs: 1,
    inFlight: 1,
    serviceGone: false,
    seconds: 1,
    dropped: {},
    eachSecond: [],
    replicas: [],
    client: { crypto: "native", workers: 1, idle: "park", lossRate: 0 },
    notAdmitted: {},
  };
  return { ...none, ...counts, operations, latency, distribution: [[3, operations]] };
}

const read = (points: readonly Point[] = []) => readLab(join(dir, "hosts.ini"), points);

test("a network is for one machine: hosts have theirs", () => {
  expect(() => read([{ ...POINT, extras: { network: "wan" } }])).toThrow(
    "hosts.ini: network: hosts have their own; it is for one machine",
  );
});
const open = async () => LabRunner.open(read(), join(dir, "logs"), NEVER);

test("the bundle is copied once, and what the playbook is told follows from the point", async () => {
  // Kept, because a run that went well leaves nothing.
  runScript([0, 1, 2, 3], [0, 1], `cp "$variables" "$LAB_TEST/variables.json"`);
  const runner = await open();
  const measured = await runner.run(POINT, SETTINGS, NEVER);
  await runner.close();
  expect(measured.replicas.map(({ replica }) => replica)).toEqual([0, 1, 2, 3]);
  expect(measured.record).toMatchObject({ operations: 300, clientProcesses: 2, throughput: 300 });
  const calls = readFileSync(join(dir, "calls"), "utf8").trim().split("\n");
  expect(calls.map((call) => call.split(" ").at(-1))).toEqual(["copy.yml", "run.yml"]);
  expect(readdirSync(join(dir, "logs")).filter((name) => name.startsWith("run-"))).toEqual([]);
  const told = JSON.parse(readFileSync(join(dir, "variables.json"), "utf8"));
  expect(told).toMatchObject({
    oskr_hosts: ["r0", "r1", "r2", "r3", "c0", "c1"],
    oskr_silent: [],
    oskr_n: 4,
    oskr_f: 1,
    oskr_mode: "pbft",
    oskr_seconds: 2,
  });
  expect(told.oskr_replica_options.join(" ")).toContain("--batch 10 --signature batch --workers 2");
  expect(told.oskr_replica_options).toContain("--profile");
  expect(told.oskr_client_options.map((options: string[]) => options.join(" "))).toEqual([
    expect.stringMatching(
      /--seconds 1.5 --warm 0.2 .*--profile --clients 3 --rate 0 --share 0\/2$/,
    ),
    expect.stringMatching(
      /--seconds 1.5 --warm 0.2 .*--profile --clients 2 --rate 0 --share 1\/2$/,
    ),
  ]);
});

test("a silent replica starts with the others and owes no result", async () => {
  runScript([0, 1, 2], [0], `cp "$variables" "$LAB_TEST/variables.json"`);
  const runner = await open();
  const point: Point = { ...POINT, fault: "silent", clientProcesses: 1 };
  const { replicas } = await runner.run(point, SETTINGS, NEVER);
  expect(replicas).toHaveLength(3);
  const told = JSON.parse(readFileSync(join(dir, "variables.json"), "utf8"));
  expect(told).toMatchObject({ oskr_hosts: ["r0", "r1", "r2", "r3", "c0"], oskr_silent: ["r3"] });
});

test("FW8 sequencers run where the mode has any, with what replicas have, and owe a result", async () => {
  inventory(4, 1, undefined, 2);
  const point: Point = { ...POINT, mode: "nopaxos", clientProcesses: 1 };
  const stamped = [0, 1].map((i) => put(`s${i}/sequencer.json`, JSON.stringify({ index: i })));
  runScript([0, 1, 2], [0], [...stamped, `cp "$variables" "$LAB_TEST/variables.json"`].join("\n"));
  const runner = await open();
  await runner.run(point, SETTINGS, NEVER);
  const told = () => JSON.parse(readFileSync(join(dir, "variables.json"), "utf8"));
  expect(told()).toMatchObject({ oskr_hosts: ["r0", "r1", "r2", "s0", "s1", "c0"], oskr_n: 3 });
  expect(told().oskr_replica_options.join(" ")).toContain("--batch 10");
  runScript([0, 1, 2], [0], `${stamped[0]}\n${put("s1/sequencer.log", "no such port")}`);
  await expect(runner.run(point, SETTINGS, NEVER)).rejects.toThrow(
    "s1: no result; it last said 'no such port' (logs: ",
  );
  runScript([0, 1, 2, 3], [0], `cp "$variables" "$LAB_TEST/variables.json"`);
  await runner.run({ ...POINT, clientProcesses: 1 }, SETTINGS, NEVER);
  expect(told().oskr_hosts).toEqual(["r0", "r1", "r2", "r3", "c0"]);
});

test("an unreplicated mode has the first host and no faults", async () => {
  runScript([0], [0], `cp "$variables" "$LAB_TEST/variables.json"`);
  const runner = await open();
  await runner.run({ ...POINT, mode: "unreplicated", clientProcesses: 1 }, SETTINGS, NEVER);
  const told = JSON.parse(readFileSync(join(dir, "variables.json"), "utf8"));
  expect(told).toMatchObject({ oskr_hosts: ["r0", "c0"], oskr_n: 1, oskr_f: 0 });
});

describe("a run that fails", () => {
  test("names each host without a result and why, and keeps the logs", async () => {
    const unreachable = "echo 'fatal: [r1]: UNREACHABLE! => {}'";
    const said = put("r2/replica.log", "replica: no such port");
    runScript([0, 3], [0], `${unreachable}; ${said}; exit 4`);
    const runner = await open();
    const failed = runner.run(POINT, SETTINGS, NEVER);
    await expect(failed).rejects.toThrow(
      "r1: died or cannot be reached; " +
        "r2: no result; it last said 'replica: no such port'; c1: was not started (logs: ",
    );
    const [kept = ""] = readdirSync(join(dir, "logs")).filter((name) => name.startsWith("run-"));
    expect(existsSync(join(dir, "logs", kept, "r2/replica.log"))).toBe(true);
    expect(readFileSync(join(dir, "logs", kept, "ansible.log"), "utf8")).toContain("UNREACHABLE");
  });

  test("is one even where all results are there", async () => {
    runScript([0, 1, 2, 3], [0, 1], "echo 'fatal: [r0]: FAILED! => disk full'; exit 2");
    const runner = await open();
    await expect(runner.run(POINT, SETTINGS, NEVER)).rejects.toThrow("[r0]: FAILED! => disk full");
  });

  test("is stopped on the hosts when it is interrupted", async () => {
    const controller = new AbortController();
    const started = join(dir, "started");
    writeFileSync(join(dir, "run.yml.sh"), 'echo $$ >"$LAB_TEST/started"; exec sleep 600');
    const runner = await open();
    const running = runner.run(POINT, SETTINGS, controller.signal);
    const written = () => existsSync(started) && readFileSync(started, "utf8").endsWith("\n");
    while (!written()) await Bun.sleep(10);
    controller.abort(new Error("interrupted"));
    await expect(running).rejects.toThrow("interrupted");
    expect(readFileSync(join(dir, "calls"), "utf8").trim()).toEndWith("stop.yml");
    const pid = Number(readFileSync(started, "utf8"));
    expect(() => process.kill(pid, 0)).toThrow();
  });
});

describe("what a lab cannot do is said before anything is started", () => {
  test.each([
    ["no sequencer", { mode: "nopaxos" }, "sequencers need 1 hosts, there are 0"],
    ["too few replicas", { f: 2 }, "replicas need 7 hosts, there are 4"],
    ["too few clients", { clientProcesses: 3 }, "client processes need 3 hosts, there are 2"],
    ["addresses of another transport", { transport: "udp" }, "r0: oskr_address '12:34:56:aa:aa:00"],
  ] as const)("%s", async (_, change, problem) => {
    expect(() => read([POINT, { ...POINT, ...change }])).toThrow(problem);
    const runner = await open();
    await expect(runner.run({ ...POINT, ...change }, SETTINGS, NEVER)).rejects.toThrow(problem);
    expect(readFileSync(join(dir, "calls"), "utf8")).not.toContain("run.yml");
  });

  test("addresses with which no replica can work", () => {
    inventory(4, 2, "12:34:56:aa:aa:aa%I");
    expect(() => read()).toThrow("r0: oskr_address 12:34:56:aa:aa:aa%0: the same MAC address as");
    inventory(4, 2, "0.0.0.0:500I%0");
    expect(() => read()).toThrow("r0: oskr_address 0.0.0.0:5000%0 is the address of no host");
    inventory(4, 2, "");
    expect(() => read()).toThrow("r0: no oskr_address");
  });

  test("hosts that cannot be copied to", async () => {
    writeFileSync(join(dir, "copy.yml.sh"), "echo 'fatal: [r2]: UNREACHABLE! => {}'; exit 4");
    await expect(open()).rejects.toThrow("fatal: [r2]: UNREACHABLE!");
  });

  test("an inventory without hosts", async () => {
    inventory(4, 0);
    await expect(open()).rejects.toThrow("no hosts in [clients]");
    inventory(0, 1);
    await expect(open()).rejects.toThrow("no hosts in [replicas]");
  });

  test("that Ansible is not there", async () => {
    process.env["PATH"] = "/nowhere";
    await expect(open()).rejects.toThrow("needs Ansible; as root: apt-get install ansible-core");
  });
});
