// Sequencers among real processes: the fabric stamps, or processes of their own do, over memif and
// UDP; another one takes over from one that is killed.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { ClientProcesses } from "../../src/cluster/client-processes.ts";
import { Cluster, type ClusterOptions } from "../../src/cluster/cluster.ts";
import { planRoles } from "../../src/cluster/role-plan.ts";
import { sequencerFor } from "../../src/evaluation/sequencer-choice.ts";
import { OPEN } from "../../src/process/role-process.ts";
import { protocols } from "../../src/protocol/index.ts";
import { ordered, registerOrdered } from "../support/ordered.ts";
import { ConfigDirectory } from "../support/configurations.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { program, Program, ROOT } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const BATCHES = {
  ...({ transport: "dpdk", sequencer: "process" } as const),
  replicaArgs: ["-b", "8"],
};
const bin = (name: string): readonly string[] => [
  ...[process.execPath, join(ROOT, "tests/support/ticketed-program.ts"), name],
];

test("FW11 operations beyond a packet are stamped by a process, because the fabric drops their parts", () => {
  expect([0, 1024, 1200].map(sequencerFor)).toEqual(["fabric", "fabric", "fabric"]);
  expect([1400, 4096].map(sequencerFor)).toEqual(["process", "process"]);
});

test("FW8 a cluster has as many sequencers as are asked for, the first of which may be the fabric", () => {
  const plan = (choice: Parameters<typeof planRoles>[1]) => {
    const { all, spawned, inFabric } = planRoles(ordered, choice);
    return [all.length, spawned.map(({ index }) => index), inFabric];
  };
  expect(plan({ transport: "udp" })).toEqual([1, [0], false]);
  expect(plan({ transport: "dpdk" })).toEqual([1, [], true]);
  expect(plan({ transport: "dpdk", sequencers: 3 })).toEqual([3, [1, 2], true]);
  expect(plan({ transport: "dpdk", sequencer: "process" })).toEqual([1, [0], false]);
  const { roles = new Map() } = ordered;
  expect(planRoles({ roles }, { transport: "dpdk" }).inFabric).toBe(false);
});

describeUnless(libraries())("sequencers", () => {
  let unregister = (): void => {};
  beforeAll(() => {
    unregister = registerOrdered(protocols);
    const built = Bun.spawnSync([process.execPath, "build.ts"], { cwd: ROOT });
    expect(built.exitCode).toBe(0);
  }, PATIENCE_MS);
  afterAll(() => unregister());

  const clusterOf = (options: Partial<ClusterOptions>) =>
    Cluster.start({
      ...{ mode: "ordered", transport: "udp", f: 1, link: true, clientPorts: 1 },
      ...{ replicaArgs: [], clientArgs: [], fabricArgs: [] },
      commands: { replica: bin("replica"), client: bin("client") },
      ...options,
    });
  const measured = (cluster: Cluster, seconds: string) => {
    const load = { clients: 3, clientProcesses: 1, rate: 0 };
    const time = ["--seconds", seconds, "--warm", "0.1"];
    return new ClientProcesses(cluster, load, time, false).result();
  };

  test.each([
    ["UDP", { transport: "udp" }],
    ["memif, a process", { transport: "dpdk", sequencer: "process" }],
    ["memif, the fabric itself", { transport: "dpdk" }],
    ["memif, batches", BATCHES],
  ] satisfies readonly (readonly [string, Partial<ClusterOptions>])[])(
    "FW11 stamp over %s",
    async (_, options) => {
      const cluster = await clusterOf(options);
      try {
        const record = await measured(cluster, "0.5");
        expect(record).toMatchObject({ mode: "ordered", n: 1, clients: 3 });
        expect(record.operations).toBeGreaterThan(0);
        expect(record.fabric?.sequencer ?? false).toBe(
          options.transport === "dpdk" && !("sequencer" in options),
        );
        const batch = options === BATCHES ? 8 : 1;
        expect(record.roles).toEqual({
          sequencer: [
            record.fabric?.sequencer === true
              ? { kind: "fabric" }
              : expect.objectContaining({ kind: "process", role: "sequencer", index: 0, batch }),
          ],
        });
        expect(cluster.endings()).toEqual([]);
      } finally {
        await cluster.stop();
      }
    },
    PATIENCE_MS,
  );

  test(
    "FW8 one that was killed starts closed, and is opened when the other one dies",
    async () => {
      const args = ["--view-timeout", "100"];
      const cluster = await clusterOf({ sequencers: 2, replicaArgs: args, clientArgs: args });
      try {
        const opened = Promise.race([0, 1].map((i) => cluster.sequencer(i)?.printed(OPEN)));
        await opened;
        const first = [0, 1].find((i) => cluster.sequencer(i)?.output.includes(OPEN)) ?? 0;
        const other = 1 - first;
        await cluster.killSequencer(first);
        await cluster.sequencer(other)?.printed(OPEN);
        await cluster.restartSequencer(first);
        expect((await measured(cluster, "0.3")).operations).toBeGreaterThan(0);
        expect(cluster.sequencer(first)?.output).not.toContain(OPEN);
        await cluster.killSequencer(other);
        await cluster.sequencer(first)?.printed(OPEN);
        expect((await measured(cluster, "0.3")).operations).toBeGreaterThan(0);
      } finally {
        await cluster.stop();
      }
    },
    PATIENCE_MS,
  );

  test(
    "FW8 what a configuration says of them that cannot be is told in one line",
    async () => {
      const configs = new ConfigDirectory();
      const many = Array.from({ length: 9 }, (_, i) => `role sequencer 127.0.0.1:${i + 2}%0`);
      const large = configs.config(
        "large",
        "f 0",
        "replica 127.0.0.1:1%0",
        "role sequencer 127.0.0.1:2%128",
      );
      const nine = configs.config("nine", "f 0", "replica 127.0.0.1:1%0", ...many);
      const none = configs.config("none", "f 0", "replica 12:34:56:00:00:00%0");
      const run = async (command: readonly string[], ...args: readonly string[]) => {
        const { status, err } = await new Program([...command, ...args]).ended();
        expect(status).toBe(2);
        return err.replace(/\S*\/(\w+\.config)/, "$1");
      };
      expect([
        await run(bin("replica"), "-m", "ordered", "-c", large, "-i", "0"),
        await run(bin("replica"), "-m", "ordered", "-c", nine, "-i", "0"),
      ]).toEqual([
        "replica: large.config:3: 127.0.0.1:2%128: the id of a sequencer is at most 127\n",
        "replica: nine.config: 9 sequencers; at most 8\n",
      ]);
      const fabric = await program("fabric", [
        "-c",
        none,
        "--dir",
        "/nowhere",
        "--sequencer",
      ]).ended();
      expect(fabric.status).toBe(2);
      expect(fabric.err.replace(/\S*\/(\w+\.config)/, "$1")).toBe(
        "fabric: --sequencer: none.config has no line 'role sequencer ADDRESS'\n",
      );
    },
    PATIENCE_MS,
  );
});
