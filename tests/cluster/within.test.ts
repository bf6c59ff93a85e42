// Shows how a wait ends that is bounded: by what it waits for, by a signal, or by its limit.

import { expect, test } from "bun:test";
import { RunError } from "../../src/base/errors.ts";
import { within } from "../../src/cluster/within.ts";

const LONG_MS = 600_000;
const never = new Promise<never>(() => {});

test("what comes in time is the result, be it a failure", async () => {
  const limit = { limitMs: LONG_MS, late: "late", signal: null };
  expect(await within(Promise.resolve(7), limit)).toBe(7);
  const failing = within(Promise.reject(new Error("broken")), limit);
  await expect(failing).rejects.toThrow("broken");
});

test("a signal ends it with its reason, also one that came before", async () => {
  const controller = new AbortController();
  const limit = { limitMs: LONG_MS, late: "late", signal: controller.signal };
  const waiting = within(never, limit);
  controller.abort(new Error("interrupted"));
  await expect(waiting).rejects.toThrow("interrupted");
  await expect(within(never, limit)).rejects.toThrow("interrupted");
});

test("the limit ends it with a RunError that says what is late", async () => {
  const waiting = within(never, { limitMs: 1, late: "the clients hang", signal: null });
  await expect(waiting).rejects.toThrow(new RunError("the clients hang"));
});
