// Shows that files of text are read with and without a byte order mark, and that UTF-16 is named.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../src/base/errors.ts";
import { readText } from "../../src/base/text-file.ts";
import { readDeployConfig } from "../../src/config.ts";
import { readNetwork } from "../../src/evaluation/network-model.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "oskr-text-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
}

const MARK = "\ufeff";
const swapped = (text: string) => Buffer.from(text, "utf16le").swap16();

test("a byte order mark is no part of the text", () => {
  expect(readText(file("a", `${MARK}f 1 # Größe`))).toBe("f 1 # Größe");
  expect(readText(file("b", "f 1"))).toBe("f 1");
  expect(readText(file("c", ""))).toBe("");
});

test("UTF-16 of either order, marked or not, is named with what to do", () => {
  for (const bytes of [
    Buffer.from(`${MARK}f 1`, "utf16le"),
    swapped(`${MARK}f 1`),
    Buffer.from("f 1", "utf16le"),
    swapped("f 1"),
  ]) {
    const path = file("wide", bytes);
    const line = `${path}: UTF-16, and expected is UTF-8: iconv -f UTF-16 -t UTF-8 ${path} >NEW`;
    expect(() => readText(path)).toThrow(new UsageError(line));
  }
});

test("what cannot be read is named", () => {
  expect(() => readText(dir)).toThrow(UsageError);
  expect(() => readText(dir)).toThrow(`${dir}: cannot be read: `);
});

test("configurations and networks are such files", () => {
  const prefix = file("one.config", `${MARK}f 0\nreplica 10.0.0.1:1%0\n`).replace(".config", "");
  expect(readDeployConfig(prefix).replicas).toHaveLength(1);
  file("one.config", Buffer.from("f 0\n", "utf16le"));
  expect(() => readDeployConfig(prefix)).toThrow("one.config: UTF-16");
  const lan = readText(join(import.meta.dir, "../../docs/networks/lan.json"));
  expect(readNetwork(file("lan.json", `${MARK}${lan}`)).name).toBe(JSON.parse(lan).name);
});
