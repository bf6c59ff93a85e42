// Shows which signals end a program (those of a terminal, but not its end where nohup was asked),
// and that whatever fails because of one is told as an interruption.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stopSignals } from "../../src/base/interruption.ts";

const SOURCES = new URL("../../src", import.meta.url).pathname;

const status = (ignored: string) =>
  `Name:\tbun\nSigBlk:\t0000\nSigIgn:\t${ignored}\nSigCgt:\t0001\n`;

test("a terminal that is closed ends a program like its keys, unless nohup ignores that", () => {
  const all = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  expect(stopSignals(status("0000000000001000"))).toEqual([...all]);
  expect(stopSignals(status("0000000000001001"))).toEqual(["SIGINT", "SIGTERM"]);
});

test("as the kernel tells it of a process", async () => {
  const file = new URL("../../src/base/interruption.ts", import.meta.url).pathname;
  const script = `import { stopSignals } from "${file}"; console.log(stopSignals().join(" "));`;
  const said = async (trap: string) => {
    const command = ["sh", "-c", `${trap} exec "$0" -e "$1"`, process.execPath, script];
    return (await Bun.spawn(command, { stdout: "pipe" }).stdout.text()).trim();
  };
  expect(await said("")).toBe("SIGINT SIGTERM SIGHUP");
  expect(await said("trap '' HUP;")).toBe("SIGINT SIGTERM");
});

describe("what failed because a signal came", () => {
  const dir = mkdtempSync(join(tmpdir(), "oskr-interruption-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** A program that a signal ends in the way of `body`: its status, messages and output file. */
  async function ended(body: string) {
    const json = join(dir, "out.json");
    writeFileSync(json, "of an earlier run");
    const script = `
      import { RunError } from "${SOURCES}/base/errors.ts";
      import { runMain } from "${SOURCES}/cli/command-line.ts";
      import { OutputFile } from "${SOURCES}/cli/output-file.ts";
      import { onStopSignal } from "${SOURCES}/base/interruption.ts";
      await runMain("test", async () => {
        new OutputFile("json", ${JSON.stringify(json)});
        ${body}
      });`;
    const program = Bun.spawn([process.execPath, "-e", script], { stderr: "pipe" });
    const err = await program.stderr.text();
    return { status: await program.exited, err, told: readFileSync(json, "utf8") };
  }
  const SIGNAL = `process.kill(process.pid, "SIGHUP");`;

  test.each([
    ["throws", `throw new RunError("replica 0 ended by SIGHUP");`],
    ["ends with a status of its own", "return 1;"],
  ])("is an interruption, if it %s", async (_, failure) => {
    const { status, err, told } = await ended(
      `onStopSignal("first", () => {}); ${SIGNAL} ${failure}`,
    );
    expect({ status, err }).toEqual({ status: 130, err: "" });
    expect(JSON.parse(told)).toEqual({ failure: "interrupted", interrupted: true });
  });

  test("waits for what the signal began", async () => {
    const { err, told } = await ended(`
      const { promise, resolve } = Promise.withResolvers();
      onStopSignal("first", () => promise.then(() => void process.stderr.write("done\\n")));
      setTimeout(resolve, 50);
      ${SIGNAL} throw new RunError("ended");`);
    expect(err).toBe("done\n");
    expect(JSON.parse(told)).toEqual({ failure: "interrupted", interrupted: true });
  });

  test("without one it is a failure", async () => {
    const { status, err, told } = await ended(`
      onStopSignal("first", () => {}); throw new RunError("replica 0 ended by SIGHUP");`);
    expect({ status, err }).toEqual({ status: 1, err: "test: replica 0 ended by SIGHUP\n" });
    expect(JSON.parse(told)).toEqual({ failure: "replica 0 ended by SIGHUP" });
  });
});
