// Shows which signals end a program: those of a terminal, but not its end where nohup was asked.

import { expect, test } from "bun:test";
import { stopSignals } from "../../src/process/signals.ts";

const status = (ignored: string) =>
  `Name:\tbun\nSigBlk:\t0000\nSigIgn:\t${ignored}\nSigCgt:\t0001\n`;

test("a terminal that is closed ends a program like its keys, unless nohup ignores that", () => {
  const all = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  expect(stopSignals(status("0000000000001000"))).toEqual([...all]);
  expect(stopSignals(status("0000000000001001"))).toEqual(["SIGINT", "SIGTERM"]);
});

test("as the kernel tells it of a process", async () => {
  const file = new URL("../../src/process/signals.ts", import.meta.url).pathname;
  const script = `import { stopSignals } from "${file}"; console.log(stopSignals().join(" "));`;
  const said = async (trap: string) => {
    const command = ["sh", "-c", `${trap} exec "$0" -e "$1"`, process.execPath, script];
    return (await Bun.spawn(command, { stdout: "pipe" }).stdout.text()).trim();
  };
  expect(await said("")).toBe("SIGINT SIGTERM SIGHUP");
  expect(await said("trap '' HUP;")).toBe("SIGINT SIGTERM");
});
