// What a program is told besides its options.

import { expect, test } from "bun:test";
import { refuseEnvironment } from "../../src/cli/command-line.ts";

test("root does not run with options that the environment brings to Bun", () => {
  expect(refuseEnvironment({ BUN_OPTIONS: "--preload ./x.ts" }, true)).toContain("unset it");
  expect(refuseEnvironment({ BUN_OPTIONS: "--preload ./x.ts" }, false)).toBe(null);
  expect(refuseEnvironment({ BUN_OPTIONS: "", HOME: "/root" }, true)).toBe(null);
  expect(refuseEnvironment({}, true)).toBe(null);
});
