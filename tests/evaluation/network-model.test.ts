// The networks that predictions are made for: data files, checked when they are read.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  longestRoundTripMs,
  oneWayUs,
  pathBetween,
  readNetwork,
  readPlacedNetwork,
  viewTimeoutOver,
} from "../../src/evaluation/network-model.ts";

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
    ["a site twice", { ...valid, sites: ["a", "a"] }, "'sites' has 'a' twice"],
    ["an hour away", { ...valid, roundTripMs: valid.roundTripMs.map(() => [0, 4e6]) }, "must have"],
    ["jitter into the past", { ...valid, jitterMs: -1 }, "'jitterMs' must be one of milliseconds"],
    ["a loss too many", { ...valid, loss: 2 }, "'loss' must be one of shares from 0 to 1 for all"],
    ["a loss of one row", { ...valid, loss: [[0, 0.1]] }, "'loss' must be one of shares"],
    ["nowhere", { ...valid, replicas: ["a", "c"] }, "'replicas': 'c' is not one of 'sites'"],
    ["no place", { ...valid, clients: [] }, "'clients' must be a list of names of sites"],
  ])("%s", (_what, value, problem) => {
    expect(() => read(JSON.stringify(value))).toThrow(problem);
  });

  test("what is not JSON, or not there", () => {
    expect(() => read("{")).toThrow("x.json: ");
    expect(() => readNetwork(join(folder, "gone.json"))).toThrow("no such file");
  });
});

describe("a network with processes in it", () => {
  const dir = mkdtempSync(join(tmpdir(), "oskr-placed-"));
  afterAll(() => rmSync(dir, { recursive: true }));
  const sites = ["a", "b", "c"];
  const roundTripMs = [
    [0, 10, 40],
    [14, 0, 20],
    [40, 20, 0],
  ];
  const base = { name: "x", description: "x", source: "x", assumed: "x", sites, roundTripMs };

  function placed(more: object, n = 4, clientProcesses = Infinity) {
    const path = join(dir, "x.json");
    writeFileSync(path, JSON.stringify({ ...base, bandwidthGbps: 1, ...more }));
    return readPlacedNetwork(path, n, clientProcesses);
  }

  test("deals replicas and client processes over its sites, or as it says", () => {
    const dealt = placed({});
    expect(dealt.replicas).toEqual([0, 1, 2, 0]);
    expect(dealt.setting).toMatchObject({ replicas: ["a", "b", "c", "a"], clients: sites });
    expect(dealt.setting.sha256).toMatch(/^[0-9a-f]{64}$/);
    const told = placed({ replicas: ["c", "b", "b", "a", "a"], clients: ["b"] });
    expect(told.setting).toMatchObject({ replicas: ["c", "b", "b", "a"], clients: ["b"] });
    expect(told.clients).toEqual([1]);
    expect(told.setting.sha256).not.toBe(dealt.setting.sha256);
  });

  test("one with places for fewer replicas is refused", () => {
    const few = { replicas: ["a", "b", "c"] };
    expect(() => placed(few)).toThrow("x.json: 'replicas' has sites for 3, the cluster has 4");
    expect(placed(few, 3).replicas).toEqual([0, 1, 2]);
  });

  test("has one path for each pair, alike both ways unless it says", () => {
    const loss = [
      [0, 0.1, 0],
      [0.2, 0, 0],
      [0, 0, 0],
    ];
    const { model } = placed({ loss, jitterMs: 2 });
    expect(pathBetween(model, 0, 1)).toEqual({ delayMs: 6, jitterMs: 2, loss: 0.1 });
    expect(pathBetween(model, 1, 0)).toEqual({ delayMs: 6, jitterMs: 2, loss: 0.2 });
    expect(pathBetween(placed({}).model, 2, 2)).toEqual({ delayMs: 0, jitterMs: 0, loss: 0 });
  });

  test("a view timeout has time for eight of the longest round trips that are in use", () => {
    expect(viewTimeoutOver(placed({}), 500)).toBe(500);
    expect(viewTimeoutOver(placed({}), 100)).toBe(400);
    expect(viewTimeoutOver(placed({ jitterMs: 30 }), 500)).toBe(800);
    const near = { replicas: ["a", "b", "a", "b"] };
    expect(longestRoundTripMs(placed(near))).toBe(40);
    expect(longestRoundTripMs(placed(near, 4, 1))).toBe(12);
  });
});
