// Shows what a process takes for granted of its protocol where the command line says nothing.

import { expect, test } from "bun:test";
import { parseOptions } from "../../src/cli/command-line.ts";
import { REPLICA } from "../../src/cli/definitions.ts";
import { readSetting } from "../../src/process/setting.ts";
import { ConfigDirectory } from "../support/configurations.ts";

const lines = [1, 2, 3, 4].map((i) => `replica 127.0.0.1:${i}%0`);
const configs = new ConfigDirectory();
const four = configs.config("four", "f 1", ...lines);
const three = configs.config(
  ...(["three", "f 1", ...lines.slice(0, 3), "role sequencer 127.0.0.1:9%0"] as const),
);

function intervalOf(mode: string, prefix: string, ...words: readonly string[]): number {
  const options = parseOptions(REPLICA, ["-m", mode, "-c", prefix, "-i", "0", ...words]);
  return readSetting(options).config.checkpointInterval;
}

test("N14 slots between checkpoints are more where one is a request and not a batch", () => {
  expect(intervalOf("vr", three)).toBe(128);
  expect(intervalOf("pbft", four)).toBe(128);
  expect(intervalOf("nopaxos", three)).toBe(2048);
  expect(intervalOf("nopaxos", three, "--checkpoint", "64")).toBe(64);
  expect(intervalOf("nopaxos", three, "--checkpoint", "2048")).toBe(2048);
  expect(() => intervalOf("nopaxos", three, "--checkpoint", "2049")).toThrow("1 to 2048");
  expect(() => intervalOf("pbft", four, "--checkpoint", "1025")).toThrow("1 to 1024");
});
