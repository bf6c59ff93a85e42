// Shows that who joins a fabric learns from it what it does to frames, and says so of a file that is
// something else.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseOptions } from "../../src/cli/command-line.ts";
import { FABRIC_SWITCH } from "../../src/cli/definitions.ts";
import { readPlacedNetwork } from "../../src/evaluation/network-model.ts";
import {
  fabricSetting,
  readFabricSetting,
  tellFabricSetting,
} from "../../src/process/fabric-setting.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-fabric-setting-"));
afterAll(() => rmSync(dir, { recursive: true }));

function settingOf(...words: readonly string[]) {
  const required = ["-c", "x", "--dir", dir];
  return fabricSetting(parseOptions(FABRIC_SWITCH, [...required, ...words]), 3, null);
}

test("a fabric tells its setting, the latest one that ran in a directory", () => {
  expect(readFabricSetting(undefined)).toBeNull();
  expect(readFabricSetting(dir)).toBeNull();
  tellFabricSetting(dir, settingOf());
  expect(readFabricSetting(dir)).toEqual({
    ...{ drop: 0, duplicate: 0, reorder: 0, corrupt: 0, delayUs: 0, seed: 1, clientPorts: 3 },
    ...{ mask: null, mtu: 1500 },
  });
  const rough = settingOf("--drop", "0.1", "--delay", "50", "--mask", "2");
  tellFabricSetting(dir, rough);
  expect(readFabricSetting(dir)).toEqual(rough);
  expect(rough).toMatchObject({ drop: 0.1, delayUs: 50, mask: "2" });
});

test("a fabric tells the network that it has", () => {
  const path = join(import.meta.dir, "../../docs/networks/lan.json");
  const options = parseOptions(FABRIC_SWITCH, ["-c", "x", "--dir", dir, "--network", path]);
  tellFabricSetting(dir, fabricSetting(options, 1, readPlacedNetwork(path, 2)));
  const { network } = readFabricSetting(dir) ?? {};
  expect(network).toMatchObject({ name: "lan", replicas: ["Dallas 1", "Dallas 1"] });
});

test.each([
  ["{", "fabric.setting: "],
  ["[]", "fabric.setting: not the setting of a fabric: the line: expected an object"],
  [
    JSON.stringify({ ...settingOf(), network: { name: "x" } }),
    "not the setting of a fabric: network.sha256: expected a string",
  ],
  ['{"drop": "much"}', "not the setting of a fabric: drop: expected a number"],
])("what is no setting is refused: %s", (text, line) => {
  writeFileSync(join(dir, "fabric.setting"), text);
  expect(() => readFabricSetting(dir)).toThrow(line);
});
