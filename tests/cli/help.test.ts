// Shows that help has every option in a group, says whose it is, and is there in every program.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { CLIENT, FABRIC_SWITCH, GROUPS, REPLICA, WHOSE } from "../../src/cli/definitions.ts";
import { ALL_ARGS, usage, type Described } from "../../src/cli/help.ts";
import { DEMO } from "../../src/cluster/demo.ts";
import { Program, ROOT, run } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const COMMAND: Described = {
  name: "x",
  description: "Does x",
  args: {
    first: { type: "string", valueHint: "N", default: "1", description: "Which" },
    mine: { type: "string", valueHint: "N", default: "2", description: "What (default: y)" },
    json: { type: "string", valueHint: "FILE", description: "Write it" },
    plan: { type: "positional", valueHint: "PLAN", description: "A plan" },
  },
  groups: [{ heading: "OUTPUT", names: ["json", "absent"] }],
  whose: new Map([
    ["first", "client"],
    ["mine", "replicas"],
    ["json", "each its own"],
  ]),
  notes: "NOTES\n\n  a    b",
};

describe("help", () => {
  test("is in groups, and says whose an option is", async () =>
    expect(await usage(COMMAND)).toMatchInlineSnapshot(`
      "Does x (x)

      USAGE x [OPTIONS] <PLAN>

      ARGUMENTS

        PLAN=<PLAN>    A plan (Required)

      OPTIONS

        --first=<N>    Which [client] (Default: 1)
         --mine=<N>    What (default: y) [replicas] (Default: 2)

      OUTPUT

        --json=<FILE>    Write it [both, each its own]

      MESSAGES

        --verbose    Say more of what is done, on standard error
          --quiet    Say nothing there but warnings and errors

      HELP

        -h, --help    Show this text
         --version    Show versions, of the build and of DPDK too

      [replicas]: theirs; they tell clients, and a client that is given it refuses to run against another.
      [client]: the clients'. [both]: the same for replicas and clients, unless each has its own.

      NOTES

        a    b"
    `));

  test("has no default of what replicas tell", async () => {
    const text = await usage({ ...COMMAND, told: true });
    expect(text).toContain("--mine=<N>    What [replicas] (default: what they tell)\n");
    expect(text).toContain("--first=<N>    Which [client] (Default: 1)\n");
  });

  test.each([REPLICA, CLIENT, DEMO, FABRIC_SWITCH])("of $name has all options", async (command) => {
    const { args, groups } = command;
    const whose: ReadonlyMap<string, unknown> = "whose" in command ? command.whose : new Map();
    const grouped = groups.flatMap(({ names }) => names);
    const names = Object.keys(args).sort();
    expect(names.filter((name) => !grouped.includes(name))).toEqual([]);
    if ("whose" in command) {
      // The file that the demo writes is its own, as is the page that it serves.
      const open = names.filter((name) => !whose.has(name));
      expect(open).toEqual(command === DEMO ? ["json", "watch", "watch-on"] : []);
    }
    const text = await usage(command);
    for (const name of [...names, ...Object.keys(ALL_ARGS)]) {
      expect(text.split(new RegExp(`--${name}(?:=<[^>]*>)?    `))).toHaveLength(2);
    }
  });

  test("names no option that there is not", () => {
    const all = [REPLICA, CLIENT, DEMO].flatMap(({ args }) => Object.keys(args));
    const role = ["role"];
    for (const name of [...GROUPS.flatMap(({ names }) => names), ...WHOSE.keys()]) {
      expect([...all, ...role]).toContain(name);
    }
  });
});

describe("every program", () => {
  const programs = readdirSync(join(ROOT, "src/bin")).map((file) => file.replace(/\.ts$/, ""));
  test(
    "has help and versions",
    async () => {
      for (const name of programs) {
        const help = await run(name, ["-h"]);
        expect({ name, status: help.status, err: help.err }).toEqual({ name, status: 0, err: "" });
        expect({ name, out: help.out }).toEqual({
          ...{
            name,
            out: expect.stringMatching(/^USAGE [\s\S]*^ +-h, --help {4}Show this text$/m),
          },
        });
        const version = await run(name, ["--version"]);
        expect(version).toEqual({
          ...{ status: 0, err: "" },
          out: expect.stringMatching(/^oskr .*, .*\nBun .*, (?:no )?DPDK .*\n$/),
        });
        expect(version.out).toStartWith(`oskr ${packageJson.version}, run from its sources\n`);
      }
      expect(programs.length).toBeGreaterThan(10);
    },
    PATIENCE_MS,
  );

  test("so has every script", async () => {
    for (const script of ["lab.sh", "namespaces.sh"]) {
      const help = await new Program(["sh", join(ROOT, "deploy", script), "--help"]).ended();
      expect(help).toEqual({
        status: 0,
        err: "",
        out: expect.stringContaining(`deploy/${script} [`),
      });
    }
  });
});
