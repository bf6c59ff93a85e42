// Shows that a protocol may have processes of a third kind: the simulator and the executables start
// them, and all know their addresses.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Cluster } from "../../src/cluster/cluster.ts";
import { ClientProcesses } from "../../src/cluster/client-processes.ts";
import { protocols } from "../../src/protocol/index.ts";
import { runAny } from "../../src/simulation/runner.ts";
import { subjectOf, type Kind } from "../../src/simulation/subject.ts";
import { ConfigDirectory } from "../support/configurations.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { Program, program, ROOT } from "../support/programs.ts";
import { registerTicketed, ticketed } from "../support/ticketed.ts";
import { PATIENCE_MS } from "../support/patience.ts";

describe("a protocol with a sequencer", () => {
  const subject = subjectOf("ticketed", ticketed);

  test.each([
    ["short", 100],
    ["deep", 10],
    ["codec", 5],
    ["fuzz", 3],
  ] satisfies readonly (readonly [Kind, number])[])(
    "passes seeds of kind %s in the simulator",
    (kind, count) => {
      for (let seed = 0; seed < count; seed++) {
        const { failures } = runAny({ subject, kind, seed });
        expect({ seed, failures }).toEqual({ seed, failures: [] });
      }
    },
    PATIENCE_MS,
  );

  test("needs it: without, nothing is ever answered", () => {
    const silent = new Map(
      [...(ticketed.roles ?? [])].map(([role, make]) => [
        role,
        (...[index, config, host]: Parameters<typeof make>) => ({
          ...{ timeout: () => {}, receive: () => {} },
          census: () => make(index, config, host).census(),
        }),
      ]),
    );
    const { failures } = runAny({
      subject: subjectOf("silent", { ...ticketed, roles: silent }),
      ...{ kind: "short", seed: 1 },
    });
    expect(failures).toHaveLength(1);
    expect(failures[0]).toStartWith("liveness: ");
  });

  test("has its queues judged", () => {
    const full = new Map(
      [...(ticketed.roles ?? [])].map(([role, make]) => [
        role,
        (...[index, config, host]: Parameters<typeof make>) => {
          const actor = make(index, config, host);
          actor.census = () => ({ sizes: [{ name: "tickets", size: 2, max: 1 }] });
          return actor;
        },
      ]),
    );
    const { failures } = runAny({
      subject: subjectOf("full", { ...ticketed, roles: full }),
      ...{ kind: "short", seed: 1 },
    });
    expect(failures[0]).toStartWith("bounded: s0's tickets holds 2, at most 1");
  });
});

describeUnless(libraries())("processes of a role", () => {
  const bin = (name: string): readonly string[] => [
    ...[process.execPath, join(ROOT, "tests/support/ticketed-program.ts"), name],
  ];
  const commands = { replica: bin("replica"), client: bin("client") };
  let unregister = (): void => {};

  beforeAll(() => {
    unregister = registerTicketed(protocols);
    const built = Bun.spawnSync([process.execPath, "build.ts"], { cwd: ROOT });
    expect(built.exitCode).toBe(0);
  }, PATIENCE_MS);
  afterAll(() => unregister());

  test.each(["udp", "dpdk"] as const)(
    "serve clients over %s",
    async (transport) => {
      const cluster = await Cluster.start({
        ...{ mode: "ticketed", transport, f: 1, link: true, clientPorts: 1, commands },
        ...{ replicaArgs: [], clientArgs: [], fabricArgs: [] },
      });
      try {
        const load = { clients: 3, clientProcesses: 1, rate: 0 };
        const time = ["--seconds", "0.5", "--warm", "0.1"];
        const record = await new ClientProcesses(cluster, load, time, false).result();
        expect(record).toMatchObject({ mode: "ticketed", n: 1, clients: 3 });
        expect(record.operations).toBeGreaterThan(0);
      } finally {
        await cluster.stop();
      }
    },
    PATIENCE_MS,
  );

  test("have addresses in the configuration, or that is told in one line", async () => {
    const configs = new ConfigDirectory();
    const run = async (lines: readonly string[], ...more: readonly string[]): Promise<string> => {
      const prefix = configs.config("x", "f 0", "replica 127.0.0.1:1%0", ...lines);
      const args = ["-m", "ticketed", "-c", prefix, ...more];
      const { status, err } = await new Program([...commands.replica, ...args]).ended();
      expect(status).toBe(2);
      return err.replaceAll(prefix, "x");
    };
    const role = ["--role", "sequencer", "-i", "1"];
    expect([
      await run([], "-i", "0"),
      await run(["role sequencer 127.0.0.1:2%0"], ...role),
      await run(["role sequencer 12:34:56:00:00:00%0"], ...role),
      await run([], "--role", "clerk", "-i", "0"),
    ]).toEqual([
      "replica: x.config: ticketed needs a line 'role sequencer ADDRESS'\n",
      "replica: --id 1: x.config has sequencer 0 to 0\n",
      "replica: x.config: MAC and IPv4 addresses cannot be mixed\n",
      "replica: --role clerk: expected sequencer\n",
    ]);
  });

  test("are none of protocols without roles, in one line", async () => {
    const path = new ConfigDirectory().config("roleless", "f 0", "replica 127.0.0.1:1%0");
    const args = ["-m", "unreplicated", "-c", path, "-i", "0", "--role", "sequencer"];
    const ended = await program("replica", args).ended();
    expect(ended).toEqual({
      ...{ status: 2, out: "" },
      err: "replica: --role sequencer: unreplicated has no such process\n",
    });
  });
});
