// Shows that a directory has one writer at a time, and that one which was killed does not keep it.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../src/base/errors.ts";
import { lockDirectory } from "../../src/base/writer-lock.ts";

let dir = "";
let path = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "oskr-lock-"));
  path = join(dir, "writer.lock");
});
afterEach(() => rmSync(dir, { recursive: true }));

test("while one writes no other may, not even of the same process; then it may", () => {
  const first = lockDirectory(dir);
  expect(() => lockDirectory(dir)).toThrow(UsageError);
  expect(() => lockDirectory(dir)).toThrow(
    `${dir}: process ${process.pid} writes there; use another directory, or wait for it`,
  );
  first.release();
  expect(existsSync(path)).toBe(false);
  lockDirectory(dir).release();
});

test("a writer that was killed is replaced, though another process has its id by now", async () => {
  const dead = Bun.spawn(["sleep", "600"]);
  const lock = lockDirectory(dir, dead.pid);
  const written = readFileSync(path, "utf8");
  expect(() => lockDirectory(dir)).toThrow(`process ${dead.pid} writes there`);
  dead.kill("SIGKILL");
  await dead.exited;
  lockDirectory(dir).release();
  // This process has been running for longer, or shorter.
  const own = { ...JSON.parse(written), pid: process.pid, began: "1" };
  writeFileSync(path, JSON.stringify(own));
  lockDirectory(dir).release();
  lock.release();
});

test("a writer on another machine is not judged, nor a file that is no lock", () => {
  writeFileSync(path, JSON.stringify({ host: `not-${hostname()}`, pid: 1, began: "5" }));
  expect(() => lockDirectory(dir)).toThrow(
    `process 1 of not-${hostname()} writes there; use another directory, or wait for it (if it has ended, remove ${path})`,
  );
  for (const text of ["", "{}", '{"host": 1}']) {
    writeFileSync(path, text);
    expect(() => lockDirectory(dir)).toThrow(
      `${path}: not the lock of a writer; remove it if nobody writes there`,
    );
  }
});
