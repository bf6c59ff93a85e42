// Shows that what is published in a page is read whole or not at all, and that no other file is
// written to by way of one.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../src/base/errors.ts";
import { PUBLISHED_MAX, readSharedPage, SharedPage } from "../../src/process/shared-page.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-page-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("the last text is read, of whatever length", () => {
  const path = join(dir, "texts");
  expect(readSharedPage(path)).toBeNull();
  const page = new SharedPage(path);
  expect(readSharedPage(path)).toBeNull();
  for (const text of ["ä long one", "short", "x".repeat(PUBLISHED_MAX)]) {
    page.publish(text);
    expect(readSharedPage(path)).toBe(text);
  }
  expect(() => page.publish("x".repeat(PUBLISHED_MAX + 1))).toThrow("fits a page");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("another process that takes the page finds what is there", () => {
  const path = join(dir, "again");
  new SharedPage(path).publish("before");
  const second = new SharedPage(path);
  expect(readSharedPage(path)).toBe("before");
  second.publish("after");
  expect(readSharedPage(path)).toBe("after");
});

test("what is half of one text and half of another is none", () => {
  const path = join(dir, "torn");
  new SharedPage(path).publish("a text of some length");
  const bytes = readFileSync(path);
  bytes[12] = (bytes[12] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  expect(readSharedPage(path)).toBeNull();
  writeFileSync(path, bytes.subarray(0, 5));
  expect(readSharedPage(path)).toBeNull();
});

test("a link to another file is refused", () => {
  const other = join(dir, "other");
  writeFileSync(other, "precious");
  symlinkSync(other, join(dir, "link"));
  expect(() => new SharedPage(join(dir, "link"))).toThrow(UsageError);
  expect(readFileSync(other, "utf8")).toBe("precious");
  expect(() => new SharedPage(join(dir, "no", "such"))).toThrow("cannot be opened");
});
