// Shows real runs with longer packets than any network has, and that members of a run that do not
// agree on them hear so. All run from source.

import { expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { problemsIn } from "../../src/base/logger.ts";
import { freePorts } from "../../src/cluster/free-ports.ts";
import { clientArgs, ConfigDirectory, macLine, replicaArgs } from "../support/configurations.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { program, run } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const configs = new ConfigDirectory();
const one = configs.config("one", "f 0", macLine("00"));
/** Long enough for a machine that does many other things at the same time. */
const LOAD = ["-t", "5", "-d", "2", "--warm", "3", "--op-size", "5000"];

/** A directory of its own, and the environment of programs there. */
function place(name: string) {
  const dir = join(configs.path, name);
  mkdirSync(dir);
  return { dir, where: { env: { RUNTIME_DIRECTORY: dir, TMPDIR: dir } } };
}

async function udpConfig(name: string): Promise<string> {
  const [port = 0] = await freePorts(1);
  return configs.config(name, "f 0", `replica 127.0.0.1:${port}%0`);
}

describeUnless(libraries())("MTU", () => {
  interface Case {
    readonly name: string;
    readonly mtu: number;
    readonly fabric: boolean;
    readonly udp: boolean;
  }
  const cases: readonly Case[] = [
    { name: "a memif link", mtu: 9000, fabric: false, udp: false },
    { name: "a fabric", mtu: 9000, fabric: true, udp: false },
    { name: "UDP", mtu: 65_535, fabric: false, udp: true },
  ];
  for (const [index, { name, mtu, fabric, udp }] of cases.entries()) {
    test.concurrent(
      `operations of 5,000 bytes go over ${name} with --mtu ${mtu}, which the record tells`,
      async () => {
        const { dir, where } = place(`run-${index}`);
        const prefix = udp ? await udpConfig(`udp-${index}`) : one;
        const network = udp ? [] : [fabric ? "--fabric" : "--link", dir];
        const more = [...network, "--mtu", String(mtu)];
        const counts = join(dir, "fabric.json");
        const forward = ["-c", one, "--dir", dir, "--mtu", String(mtu), "--json", counts];
        const middle = fabric ? program("fabric", forward, where) : null;
        await middle?.printed("fabric of 1 replicas");
        const told = join(dir, "replica.json");
        const server = program("replica", replicaArgs(prefix, ...more, "--json", told), where);
        await server.printed("replica 0 of 1");
        const json = join(dir, "client.json");
        const asked = await run(
          "client",
          clientArgs(prefix, ...more, ...LOAD, "--json", json),
          where,
        );
        expect({ status: asked.status, err: problemsIn(asked.err) }).toEqual({
          status: 0,
          err: [],
        });
        expect(asked.out).toContain(`MTU ${mtu.toLocaleString("en-US")}`);
        const record = JSON.parse(readFileSync(json, "utf8"));
        expect(record).toMatchObject({ mtu, opSize: 5000, replicas: [{ mtu }] });
        expect(record.operations).toBeGreaterThan(0);
        if (fabric) expect(record.fabric).toMatchObject({ mtu });
        for (const process of [server, middle]) {
          process?.signal("SIGTERM");
          const { status, err } = (await process?.ended()) ?? { status: 0, err: "" };
          expect({ status, err: problemsIn(err) }).toEqual({ status: 0, err: [] });
        }
        if (!fabric) return;
        // In parts each would be four packets.
        const [, { frames }] = JSON.parse(readFileSync(counts, "utf8"));
        const { executed } = JSON.parse(readFileSync(told, "utf8"));
        expect(frames.received).toBeLessThan(2 * executed);
      },
      PATIENCE_MS,
    );
  }

  test.concurrent(
    "who joins a fabric with another one is refused in one line",
    async () => {
      const { dir, where } = place("fabric");
      const middle = program("fabric", ["-c", one, "--dir", dir, "--mtu", "9000"], where);
      await middle.printed("fabric of 1 replicas");
      const line = `--mtu 1500: the fabric in ${dir} has 9000`;
      for (const [name, args] of [
        ["replica", replicaArgs(one, "--fabric", dir)],
        ["client", clientArgs(one, "--fabric", dir)],
      ] as const) {
        const { status, err } = await run(name, args, where);
        expect({ status, err: err.includes(line), lines: err.split("\n").length }).toEqual({
          ...{ status: 2, err: true, lines: 2 },
        });
      }
      middle.signal("SIGTERM");
      await middle.ended();
    },
    PATIENCE_MS,
  );

  test.concurrent(
    "a client with another one than the replica is refused in one line",
    async () => {
      const prefix = await udpConfig("differs");
      const server = program("replica", replicaArgs(prefix, "--mtu", "9000"));
      await server.printed("replica 0 of 1");
      for (const [mtu, more] of [
        [1500, []],
        [4000, ["--mtu", "4000"]],
      ] as const) {
        const { status, err } = await run("client", clientArgs(prefix, ...more));
        expect({ status, err }).toEqual({
          ...{ status: 2, err: `client: replica 0 has --mtu 9000, this client has --mtu ${mtu}\n` },
        });
      }
      server.signal("SIGTERM");
      await server.ended();
    },
    PATIENCE_MS,
  );
});
