// Files of histograms are read as YCSB reads them, and lengths are drawn as it draws them.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeRecordOperation } from "../../src/app/record-operation.ts";
import { histogram } from "../../src/workload/generators.ts";
import { chooseWorkload } from "../../src/workload/index.ts";
import {
  histogramOfLine,
  lineOfHistogram,
  parseHistogram,
} from "../../src/workload/length-histogram.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "oskr-histogram-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(text: string): string {
  const path = join(folder, "hist.txt");
  writeFileSync(path, text);
  return path;
}

const FILE = "BlockSize\t10\n0\t2\n1\t0\n2\t3\n3\t1\n";

test("each number below the sum of all counts gives what the original gives", () => {
  const { width, counts } = parseHistogram(FILE, "hist.txt");
  expect([width, counts]).toEqual([10, [2, 0, 3, 1]]);
  const drawn = Array.from({ length: 6 }, (_, number) =>
    histogram({ width, counts }, () => number / 6 + 1e-9).next(),
  );
  expect(drawn).toEqual([10, 10, 10, 30, 30, 30]);
});

test("a histogram is its line", () => {
  const read = parseHistogram(FILE.replaceAll("\n", "\r\n"), "hist.txt");
  expect(lineOfHistogram(read)).toBe("10: 2 0 3 1");
  expect(histogramOfLine(lineOfHistogram(read))).toEqual(read);
});

test("fields of records have its lengths, the same wherever they are loaded", () => {
  const path = fileOf("BlockSize\t7\n0\t1\n1\t1\n2\t2\n3\t1\n");
  const texts = ["fieldlengthdistribution=histogram", `fieldlengthhistogram=${path}`];
  const lengths = new Set<number>();
  const [one, two] = [1, 2].map(() => chooseWorkload("ycsb:A", texts, "kv"));
  for (let i = 0; i < 100; i++) {
    const op = one?.loading?.operation(i) ?? expect.unreachable();
    expect(two?.loading?.operation(i)).toEqual(op);
    const insert = decodeRecordOperation(op);
    if (insert?.kind !== "insert") throw new Error("records are inserted");
    // Ten fields, each with its length in front of it.
    lengths.add((insert.record.length - 2 - 10 * 4) % 7);
  }
  expect([...lengths]).toEqual([0]);
  expect(one?.ycsb?.fieldlengthhistogram).toBe("7: 1 1 2 1");
});

describe("what is refused", () => {
  test.each([
    ["", "hist.txt:1: expected BlockSize, a tab, and the bytes of a bucket"],
    ["BlockSize\t0\n0\t1\n", "hist.txt:1: expected BlockSize"],
    ["BlockSize\t1\n1\t1\n", "hist.txt:2: expected 0, a tab, and a count"],
    ["BlockSize\t1\n0\t1\n1 2\n", "hist.txt:3: expected 1, a tab, and a count"],
    ["BlockSize\t1\n0\t-1\n", "hist.txt:2: expected 0"],
    ["BlockSize\t1\n0\t0\n", "hist.txt: its counts sum up to 0: expected 1 to 2147483647"],
    ["BlockSize\t1\n0\t2147483648\n", "hist.txt: its counts sum up to 2147483648"],
  ])("%p", (text, line) => {
    expect(() => parseHistogram(text, "hist.txt")).toThrow(line);
  });

  test("a histogram without its distribution, and the distribution without one", () => {
    const choose = (...texts: string[]) => chooseWorkload("ycsb:A", texts, "kv");
    const needs = "ycsb:A: fieldlengthhistogram: goes with fieldlengthdistribution histogram";
    expect(() => choose("fieldlengthdistribution=histogram")).toThrow(needs);
    expect(() => choose(`fieldlengthhistogram=${fileOf(FILE)}`)).toThrow(needs);
    expect(() => choose("fieldlengthhistogram=/nowhere")).toThrow("/nowhere: cannot be read");
    const wide = fileOf("BlockSize\t1000000\n0\t1\n1\t1\n");
    expect(() =>
      choose("fieldlengthdistribution=histogram", `fieldlengthhistogram=${wide}`),
    ).toThrow("fieldcount 10 of fieldlength 1000000: a record has");
  });
});
