// Shows that what the kernel refuses is told by its name, with what to do.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { codeOf, describeErrno, errnoName, refusalOf } from "../../src/base/errno.ts";

test("errors have their names, whichever sign they come with", () => {
  expect(errnoName(constants.errno.EADDRINUSE)).toBe("EADDRINUSE");
  expect(errnoName(-constants.errno.EAGAIN)).toBe("EAGAIN");
  expect(errnoName(99_999)).toBe("errno 99999");
});

test("those that users meet say what helps", () => {
  expect(describeErrno("ENOSPC")).toBe("no space left: free some, or name another place (ENOSPC)");
  expect(describeErrno(-constants.errno.EPERM)).toBe(
    "not permitted: it takes root, or a capability (EPERM)",
  );
  expect(describeErrno("EXDEV")).toBe("EXDEV");
});

test("what was thrown by something else is none", () => {
  let thrown: unknown = null;
  try {
    readFileSync("/none/x");
  } catch (error) {
    thrown = error;
  }
  expect(codeOf(thrown)).toBe("ENOENT");
  expect(refusalOf(thrown)).toBe("/none/x: no such file or directory (ENOENT)");
  expect(refusalOf(new TypeError("no"))).toBeNull();
  expect(refusalOf(Object.assign(new Error("no"), { code: "ERR_INVALID_ARG_TYPE" }))).toBeNull();
});

test("memory that ran out is told so, of buffers and of SQLite", () => {
  const database = new Database(":memory:");
  database.run("CREATE TABLE rows (value BLOB)");
  database.run("PRAGMA max_page_count = 4");
  const failures = [
    () => database.run("INSERT INTO rows VALUES (zeroblob(100000))"),
    () => new Uint8Array(2 ** 46),
  ];
  for (const fails of failures) {
    let thrown: unknown = null;
    try {
      fails();
    } catch (error) {
      thrown = error;
    }
    expect(refusalOf(thrown)).toStartWith("memory ran out: ");
  }
  expect(refusalOf(new RangeError("no"))).toBeNull();
});

test("no message has the bare number of an error", () => {
  const root = join(import.meta.dir, "../..");
  const bare = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: root })]
    .filter((path) => !path.startsWith("src/dpdk/") && path !== "src/base/errno.ts")
    .filter((path) => /errno \$\{/.test(readFileSync(join(root, path), "utf8")));
  expect(bare).toEqual([]);
});
