// Shows which processes of a machine are counted that poll beside one.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memifPollers, udpPollers } from "../../src/process/crowd.ts";

test("those that memif joins in a directory have their doorbells there", () => {
  const dir = mkdtempSync(join(tmpdir(), "oskr-crowd-"));
  for (const name of [
    "fabric.doorbell",
    "replica-0.doorbell",
    "replica-0.sock",
    "fabric.setting",
  ]) {
    writeFileSync(join(dir, name), "");
  }
  expect(memifPollers(dir)).toBe(2);
  rmSync(dir, { recursive: true });
  expect(memifPollers(dir)).toBe(1);
});

test("over UDP they are at the same address, or on the loopback interface", () => {
  const at = (...host: readonly number[]) => ({
    kind: "ipv4" as const,
    host: new Uint8Array(host),
    id: 0,
  });
  const loopback = [at(127, 0, 0, 1, 1, 1), at(127, 0, 0, 1, 1, 2), at(127, 0, 0, 2, 1, 1)];
  expect(udpPollers(loopback, null)).toBe(4);
  const lab = [at(10, 0, 0, 1, 1, 1), at(10, 0, 0, 2, 1, 1), at(10, 0, 0, 1, 1, 2)];
  expect(udpPollers(lab, new Uint8Array([10, 0, 0, 1, 1, 1]))).toBe(3);
  expect(udpPollers(lab, null)).toBe(1);
});
