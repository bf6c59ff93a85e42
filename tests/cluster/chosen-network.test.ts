// Shows which network a program puts between the processes that it starts, and that one which it
// cannot is refused in a line.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chooseNetwork, describeNetwork, networkFile } from "../../src/cluster/chosen-network.ts";
import { networkOf } from "../../src/cluster/local-runner.ts";
import { POINT } from "../support/records.ts";

const CLUSTER = { mode: "pbft", f: 1, clientProcesses: 1 };

test("one of docs/networks/ is named by its name, others by their file", () => {
  expect(existsSync(networkFile("wan"))).toBe(true);
  expect(networkFile("docs/networks/wan.json")).toBe(networkFile("wan"));
  expect(networkFile("/x/y.json")).toBe("/x/y.json");
  expect(() => chooseNetwork("moon", CLUSTER)).toThrow("moon.json: no such file");
});

test("the view timeout has time for the round trips between the cluster's sites", () => {
  const wan = chooseNetwork("wan", CLUSTER);
  expect(wan.viewTimeoutMs).toBe(2300);
  expect(chooseNetwork("wan", { ...CLUSTER, f: 2 }).viewTimeoutMs).toBe(2700);
  expect(chooseNetwork("lan", CLUSTER).viewTimeoutMs).toBe(500);
  expect(describeNetwork(wan, false)).toBe(
    "network wan: replicas at Washington DC, Frankfurt, Tokyo, Sao Paulo; clients at " +
      "Washington DC; round trips up to 283.5 ms; view timeout 2300 ms (--view-timeout)",
  );
  expect(describeNetwork(wan, true)).toEndWith("283.5 ms");
});

test("a point of a plan names its network", () => {
  expect(networkOf(POINT)).toBeNull();
  const point = { ...POINT, extras: { network: "wan" } };
  expect(networkOf(point)?.network.setting.name).toBe("wan");
  expect(() => networkOf({ ...POINT, extras: { network: "./none.json" } })).toThrow("none.json");
});
