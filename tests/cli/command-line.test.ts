// What programs read from their command lines, and what they are told besides.

import { expect, test } from "bun:test";
import { parseOptions, readNames, refuseEnvironment } from "../../src/cli/command-line.ts";

test("root does not run with options that the environment brings to Bun", () => {
  expect(refuseEnvironment({ BUN_OPTIONS: "--preload ./x.ts" }, true)).toContain("unset it");
  expect(refuseEnvironment({ BUN_OPTIONS: "--preload ./x.ts" }, false)).toBe(null);
  expect(refuseEnvironment({ BUN_OPTIONS: "", HOME: "/root" }, true)).toBe(null);
  expect(refuseEnvironment({}, true)).toBe(null);
});

const COMMAND = {
  name: "x",
  description: "x",
  args: {
    seconds: { type: "string", alias: "d" },
    json: { type: "string" },
    eal: { type: "string" },
    on: { type: "boolean" },
    n: { type: "positional", valueHint: "N", required: false, default: "1" },
  },
} as const;
const read = (...argv: readonly string[]) => parseOptions(COMMAND, ["7", ...argv]);

test("a negative number is a value, and refused with what is expected", () => {
  const why = "--seconds -5: expected a number from 0 to 10";
  for (const words of [["-d", "-5"], ["-d-5"], ["--seconds", "-5"], ["--seconds=-5"]]) {
    expect(() => read(...words).decimal("seconds", 0, 10)).toThrow(why);
  }
  expect(() => read("-d", "-.5").decimal("seconds", 0, 1)).toThrow("--seconds -.5: expected");
  expect(() => parseOptions(COMMAND, ["-5"]).integer("n", 1, 9)).toThrow(
    "N -5: expected a whole number from 1 to 9",
  );
  expect(() => read("-5")).toThrow("unexpected '-5'");
});

test("values that begin with a dash otherwise are EAL's, or a single one", () => {
  expect(read("--eal", "--vdev=x -5").text("eal")).toBe("--vdev=x -5");
  expect(read("--json", "-").text("json")).toBe("-");
  expect(() => read("--json", "--on")).toThrow(
    "--json: its value is missing; one that begins with - goes behind =",
  );
  expect(read("--json=-x").text("json")).toBe("-x");
});

test("names in a list are known, and there once", () => {
  const known = { what: "fault", known: ["loss", "crash 0"] };
  expect(readNames("--without", "crash 0, loss", known)).toEqual(["crash 0", "loss"]);
  expect(() => readNames("--without", "rain", known)).toThrow(
    "--without rain: no such fault; there are loss, crash 0",
  );
  expect(() => readNames("--without", "loss,loss", known)).toThrow("loss was given twice");
});
