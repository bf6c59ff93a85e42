// Shows which processes of a machine are counted that poll beside one.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { idleIn, memifPollers, udpPollers } from "../../src/process/crowd.ts";

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
  expect([1, 2, 6].map((least) => memifPollers(dir, least))).toEqual([2, 2, 6]);
  rmSync(dir, { recursive: true });
  expect(memifPollers(dir, 2)).toBe(2);
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

test("who may have a processor finds out how to wait, who shares one parks", () => {
  const idle = (pollers: number, processors: number) => idleIn({ pollers, processors });
  expect([idle(2, 2), idle(1, 4), idle(3, 2), idle(6, 2)]).toEqual([
    "auto",
    "auto",
    "park",
    "park",
  ]);
});
