// The networks that predictions are made for: data files, checked when they are read.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { oneWayUs, readNetwork } from "../../src/evaluation/network-model.ts";

const folder = join(import.meta.dir, "../../docs/networks");

describe("the files of docs/networks", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

  test("are a LAN and a WAN", () => expect(files.sort()).toEqual(["lan.json", "wan.json"]));

  test.each(files)("%s is a network that says where its figures are from", (file) => {
    const network = readNetwork(join(folder, file));
    expect(`${network.name}.json`).toBe(file);
    expect(network.source).toContain("https://");
    expect(new Set(network.sites).size).toBe(network.sites.length);
    for (const [i, row] of network.roundTripMs.entries()) {
      for (const [j, there] of row.entries()) {
        const back = network.roundTripMs[j]?.[i] ?? 0;
        // Averages of a month, measured from either end.
        expect(Math.abs(there - back)).toBeLessThanOrEqual(3);
        expect(there).toBeGreaterThan(0);
        expect(oneWayUs(network, i, j)).toBeCloseTo(((there + back) / 4) * 1000, 6);
        if (i !== j) expect(there).toBeGreaterThan(row[i] ?? Infinity);
      }
    }
  });
});

test("a key that there is not, or twice, is refused by its name", () => {
  const path = join(mkdtempSync(join(tmpdir(), "oskr-networks-")), "n.json");
  const text = readFileSync(join(folder, "lan.json"), "utf8");
  writeFileSync(path, text.replace('"name"', '"nmae"'));
  expect(() => readNetwork(path)).toThrow("'nmae': no such key; there are name, description");
  writeFileSync(path, text.replace('"name"', '"sites": [], "name"'));
  expect(() => readNetwork(path)).toThrow('"sites" is there twice in one object');
  rmSync(dirname(path), { recursive: true });
});

describe("a file that is no network is refused", () => {
  const valid = {
    ...{ name: "x", description: "x", source: "x", assumed: "x" },
    sites: ["a", "b"],
    roundTripMs: [
      [0, 1],
      [1, 0],
    ],
    bandwidthGbps: 1,
  };
  const read = (text: string) => {
    const dir = mkdtempSync(join(tmpdir(), "oskr-network-"));
    try {
      const path = join(dir, "x.json");
      writeFileSync(path, text);
      return readNetwork(path);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };

  test("one that is well formed is not", () => expect(read(JSON.stringify(valid))).toEqual(valid));

  test.each([
    ["a list", [], "'name' must be a text"],
    ["null", null, "expected an object"],
    ["no name", { ...valid, name: "" }, "'name' must be a text"],
    ["no source", { ...valid, source: undefined }, "'source' must be a text"],
    ["no sites", { ...valid, sites: [] }, "'sites' must be a list of names"],
    ["sites without names", { ...valid, sites: [1, 2] }, "'sites' must be a list of names"],
    ["a row too few", { ...valid, roundTripMs: [[0, 1]] }, "'roundTripMs' must have"],
    ["a column too few", { ...valid, roundTripMs: [[0], [1]] }, "'roundTripMs' must have"],
    ["time travel", { ...valid, roundTripMs: valid.roundTripMs.map(() => [0, -1]) }, "must have"],
    ["no bandwidth", { ...valid, bandwidthGbps: 0 }, "'bandwidthGbps' must be positive"],
  ])("%s", (_what, value, problem) => {
    expect(() => read(JSON.stringify(value))).toThrow(problem);
  });

  test("what is not JSON, or not there", () => {
    expect(() => read("{")).toThrow("x.json: ");
    expect(() => readNetwork(join(folder, "gone.json"))).toThrow("no such file");
  });
});
