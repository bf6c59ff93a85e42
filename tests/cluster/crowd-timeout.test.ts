// Replicas that share few processors are given more time.

import { expect, test } from "bun:test";
import { viewTimeoutAmong } from "../../src/cluster/crowd-timeout.ts";

test("three processes on a processor have the usual view timeout, more of them a longer one", () => {
  expect(viewTimeoutAmong(6, 2, 500)).toBe(500);
  expect(viewTimeoutAmong(2, 64, 500)).toBe(500);
  expect(viewTimeoutAmong(9, 2, 500)).toBe(1125);
  expect(viewTimeoutAmong(12, 2, 500)).toBe(2000);
  expect(viewTimeoutAmong(18, 2, 500)).toBe(4500);
  expect(viewTimeoutAmong(18, 6, 500)).toBe(500);
});
