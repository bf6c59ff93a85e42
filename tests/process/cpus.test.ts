// Shows which processors --mask may name, and how many defaults count on: what the kernel lets a
// process have, not what its mask or the machine say.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { UsageError } from "../../src/base/errors.ts";
import { parseOptions } from "../../src/cli/command-line.ts";
import { REPLICA } from "../../src/cli/definitions.ts";
import { freePorts } from "../../src/cluster/free-ports.ts";
import { cpuQuota, planCpus, type CpuMachine } from "../../src/process/cpus.ts";
import { ConfigDirectory, replicaArgs } from "../support/configurations.ts";
import { cannot, libraries, testUnless } from "../support/optional.ts";
import { Program, ROOT } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

/** Four processors, of which two are set apart, and a machine that refuses all others. */
const ISOLATED: CpuMachine = { allowed: [0, 1], quota: Infinity, pins: (cpu) => cpu < 4 };

function plan(words: readonly string[], machine: CpuMachine = ISOLATED) {
  return planCpus(parseOptions(REPLICA, replicaArgs("x", ...words)), machine);
}

describe("a mask", () => {
  test("may have processors that were set apart, for polling and for signatures", () => {
    expect(plan(["--mask", "c"])).toEqual({ polling: 2, signing: [3], first: 2 });
    expect(plan(["--mask", "6", "-w", "3"])).toEqual({ polling: 1, signing: [2, 2, 2], first: 1 });
  });

  test("has none that the kernel refuses", () => {
    const refused = "--mask 14: CPU 4 cannot be used here; there are 0,1";
    expect(() => plan(["--mask", "14"])).toThrow(UsageError);
    expect(() => plan(["--mask", "14"])).toThrow(refused);
  });

  test("is not needed: then nothing is pinned", () => {
    expect(plan([])).toEqual({ polling: null, signing: [null], first: 0 });
  });
});

describe("signature threads", () => {
  const eight = (quota: number): CpuMachine => ({
    ...{ allowed: Array.from({ length: 8 }, (_, i) => i), quota, pins: () => true },
  });
  const threads = (quota: number, ...words: readonly string[]) =>
    plan(words, eight(quota)).signing.length;

  test("are as many as the quota leaves beside the polling one, unless told", () => {
    expect([Infinity, 8, 3, 2.5, 2, 1, 0.5].map((quota) => threads(quota))).toEqual([
      ...[7, 7, 2, 1, 1, 1, 1],
    ]);
    expect(threads(3, "--mask", "ff")).toBe(2);
    expect(threads(3, "--mask", "3")).toBe(1);
    expect(threads(3, "-w", "7")).toBe(7);
  });
});

describe("the quota of control groups", () => {
  let dir = "";
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "oskr-cpus-"));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  function quota(name: string, files: { readonly [path: string]: string }): number {
    const root = join(dir, name);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return cpuQuota(root);
  }

  test("is the least of the group and those that it is in", () => {
    const files = {
      "proc/self/cgroup": "0::/system.slice/oskr.service\n",
      "sys/fs/cgroup/system.slice/cpu.max": "350000 100000\n",
      "sys/fs/cgroup/system.slice/oskr.service/cpu.max": "max 100000\n",
    };
    expect(quota("nested", files)).toBe(3.5);
    const own = { "sys/fs/cgroup/system.slice/oskr.service/cpu.max": "50000 100000\n" };
    expect(quota("own", { ...files, ...own })).toBe(0.5);
  });

  test("in a container is that of the root that it sees", () => {
    const files = {
      "proc/self/cgroup": "0::/docker/0123\n",
      "sys/fs/cgroup/cpu.max": "200000 100000\n",
    };
    expect(quota("container", files)).toBe(2);
  });

  test("is read of the first version as well", () => {
    const files = {
      "proc/self/cgroup": "5:memory:/a\n4:cpu,cpuacct:/a\n0::/\n",
      "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "150000\n",
      "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
      "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
      "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    };
    expect(quota("first", files)).toBe(1.5);
  });

  test("may be none", () => {
    expect(quota("none", {})).toBe(Infinity);
    expect(quota("max", { "proc/self/cgroup": "0::/\n" })).toBe(Infinity);
  });
});

const configs = new ConfigDirectory();
const two = availableParallelism() > 1 ? null : cannot("needs two processors");

testUnless(libraries() ?? two)(
  "a process that was started on CPU 0 alone pins to CPU 1, since the kernel lets it",
  async () => {
    const [port = 0] = await freePorts(1);
    const udp = configs.config("udp", "f 0", `replica 127.0.0.1:${port}%0`);
    const file = join(ROOT, "src/bin/replica.ts");
    const command = [process.execPath, file, ...replicaArgs(udp, "--mask", "2")];
    const replica = new Program(["taskset", "-c", "0", ...command]);
    await replica.printed("replica 0 of 1");
    const status = readFileSync(`/proc/${replica.pid}/status`, "utf8");
    expect(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1]).toBe("1");
    replica.signal("SIGTERM");
    expect((await replica.ended()).status).toBe(0);
  },
  PATIENCE_MS,
);
