// Shows that src/ffi/dpdk.ts has the layout of csrc/oskr_dpdk.h and csrc/oskr_fabric.h, by using
// all of it.

import { dlopen, FFIType } from "bun:ffi";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findLibrary, loadFailure, requireLibrary } from "../../src/ffi/library.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { PROGRAM_MS } from "../support/patience.ts";

const missing = libraries();

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "oskr-ffi-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function child(...args: readonly string[]) {
  const script = join(import.meta.dir, "../support/dpdk-child.ts");
  const env = { ...process.env, RUNTIME_DIRECTORY: directory };
  const ran = Bun.spawnSync([process.execPath, script, ...args], { env, timeout: PROGRAM_MS });
  expect(ran.stderr.toString()).toBe("");
  return JSON.parse(ran.stdout.toString());
}

/** What loading it as a library with one function more comes to. */
function loadedAsNewer(path: string): string {
  try {
    dlopen(path, { oskr_newer: { args: [], returns: FFIType.i32 } });
    return "loaded";
  } catch (error) {
    return loadFailure(path, error).message;
  }
}

describeUnless(missing)("a library of another version", () => {
  test("is called so where it lacks a function, and what is no library is not", () => {
    for (const file of ["liboskr_dpdk.so", "liboskr_native.so"]) {
      const path = requireLibrary(file);
      const said = loadedAsNewer(path);
      expect(said).toStartWith(`${path}: is of another version: Symbol "oskr_newer" not found`);
      expect(said).toEndWith("; run: npm run build");
    }
    const junk = join(directory, "junk.so");
    writeFileSync(junk, "junk");
    expect(loadedAsNewer(junk)).toStartWith(`${junk}: cannot be loaded: `);
  });
});

describeUnless(missing)("oskr_dpdk", () => {
  test("carries every length through a ring", () => {
    const { statistics, ...seen } = child("ring");
    expect(seen).toEqual({
      ports: 1,
      linkUp: 1,
      stopped: 0,
      outOfRange: -22,
      headerSize: 17,
      sameFrames: true,
      frames: 1497,
      clockRuns: true,
    });
    const none = { missed: 0, errors: 0, foreign: 0, malformed: 0, unsent: 0 };
    expect(statistics).toMatchObject({ received: 1497, sent: 1497, ...none });
  });

  test("forwards through a fabric of two ports", () => {
    const seen = child("fabric", directory);
    expect(seen).toMatchObject({
      ...{ ports: 4, toReplica: 1, toClient: 1, toGroup: 1, toNobody: 0, dropped: 0, twice: 2 },
      counts: [
        { received: 1, sent: 4, unknown: 0, dropped: 1, duplicated: 1 },
        { received: 5, sent: 1, unknown: 1, dropped: 0, duplicated: 0 },
      ],
    });
    const idle = { malformed: 0, full: 0, down: 0, reordered: 0 };
    for (const counts of seen.counts) expect(counts).toMatchObject(idle);
  });

  test.each([
    ["--bogus", "unrecognized option '--bogus'"],
    ["--vdev=net_nonsense0", "net_nonsense0"],
  ])("refuses %s in one line", (argument, reason) => {
    const { result, said } = child("refused", argument);
    expect(result).toBeLessThan(0);
    expect(said).toContain(reason);
    expect(said).not.toContain("\n");
  });
});

describe("finding a library", () => {
  test("a missing one is a line that says what to do", () => {
    expect(() => requireLibrary("libnowhere.so")).toThrow(
      "target/dpdk/libnowhere.so is missing; run: npm run build",
    );
  });

  test("root loads nothing from the directory it is started in, others do", () => {
    mkdirSync(join(directory, "target/dpdk"), { recursive: true });
    const path = join(directory, "target/dpdk/libmine.so");
    writeFileSync(path, "");
    const before = process.cwd();
    process.chdir(directory);
    try {
      expect(findLibrary("libmine.so")).toBe(process.geteuid?.() === 0 ? null : path);
    } finally {
      process.chdir(before);
    }
  });
});
