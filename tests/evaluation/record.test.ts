// Shows what the last lines of a run say of its load: fractions of a rate, and a rate that was not
// reached, where there may be no latency to tell.

import { expect, test } from "bun:test";
import { formatThroughput } from "../../src/evaluation/format.ts";
import { formatRecord, type ResultRecord } from "../../src/evaluation/record.ts";
import { parseRecord } from "../../src/evaluation/result-lines.ts";
import { recordOf, SEQUENCER_SETTING } from "../support/records.ts";

test("a record is of the point that a plan would have asked for, with what is varied seldom", () => {
  const own = { leader: "rotate", "slow-leader": "leave" };
  const client = { ...recordOf([5]).client, mask: "3" };
  const record = recordOf([5], {
    mode: "hotstuff",
    options: own,
    thinkMs: 3,
    client,
    ...{ batchBytes: 4096, replySize: 4 },
  });
  const { point } = parseRecord(JSON.stringify(record), "r.json") ?? {};
  expect(point?.extras).toEqual({
    leader: "rotate",
    thinkMs: 3,
    mask: "3",
    batchBytes: 4096,
    replySize: 4,
  });
  const usual = parseRecord(JSON.stringify(recordOf([5])), "r.json");
  expect(usual?.point).not.toHaveProperty("extras");
});

test("the network that lay between is told in the last line, and makes points of their own", () => {
  const network = { name: "wan", sha256: "00", replicas: ["a"], clients: ["b"] };
  const record = recordOf([5], { network });
  expect(formatRecord(record).split("\n").at(-1)).toContain("udp, network wan, app null");
  expect(formatRecord(recordOf([5]))).not.toContain("network");
  expect(parseRecord(JSON.stringify(record), "r.json")?.point.extras).toEqual({ network: "wan" });
  // One that was written before there were any.
  const { network: _none, ...early } = recordOf([5]);
  expect(parseRecord(JSON.stringify(early), "r.json")?.point).not.toHaveProperty("extras");
});

test("FW8 what stamped is told in the last line, where the protocol has sequencers", () => {
  const told = (...sequencer: NonNullable<ResultRecord["roles"]>[string]) =>
    formatRecord(recordOf([5], { roles: { sequencer } }));
  expect(told({ kind: "fabric" })).toContain(", sequencer: fabric, batch 1, ");
  const batches = { ...SEQUENCER_SETTING, batch: 100 };
  expect(told(batches, null)).toContain(", sequencer: process (batch 100), silent, batch 1, ");
  expect(told({ ...batches, adaptive: true })).toContain("process (batch 100 adaptive), ");
  expect(formatRecord(recordOf([5]))).not.toContain("sequencer");
});

test("FW8 a process that stamps where the fabric would makes points of their own", () => {
  const extras = (transport: string, ...sequencer: NonNullable<ResultRecord["roles"]>[string]) => {
    const usual = { mode: "nopaxos", checkpoint: 2048 };
    const record = recordOf([5], { ...usual, transport, roles: { sequencer } });
    return parseRecord(JSON.stringify(record), "r.json")?.point.extras;
  };
  expect(extras("memif", SEQUENCER_SETTING)).toEqual({ sequencer: "process" });
  expect(extras("memif", { kind: "fabric" })).toBeUndefined();
  expect(extras("udp", SEQUENCER_SETTING)).toBeUndefined();
});

test("Z28 the share of the fast path is told where the protocol has one, and survives the file", () => {
  const record = recordOf([5], { mode: "zyzzyva", fastPath: 0.9876 });
  expect(formatRecord(record)).toContain(", 0 retransmissions, 98.8 % by the fast path");
  expect(formatRecord(recordOf([5]))).not.toContain("fast path");
  expect(parseRecord(JSON.stringify(record), "r.json")?.record.fastPath).toBe(0.9876);
});

test("results are told where there are any, and are no setting of what decides them itself", () => {
  expect(formatRecord(recordOf([5]))).toContain(", 0 byte operations, batch 1, ");
  const results = { app: "kv", workload: "kv", replySize: 512.25, opSize: 4096 };
  expect(formatRecord(recordOf([5], results))).toContain(
    ", 4,096 byte operations, 512 byte results, ",
  );
  const { point } = parseRecord(JSON.stringify(recordOf([5], results)), "r.json") ?? {};
  expect(point?.extras).toBeUndefined();
});

test("throughputs are whole, and have fractions where these are much", () => {
  const shown = [0, 0.04, 0.5, 4.3333, 99.94, 100.4, 123_456.7].map(formatThroughput);
  expect(shown).toEqual(
    ["0", "0.04", "0.5", "4.33", "99.9", "100", "123,457"].map((n) => `${n} operations a second`),
  );
});

test.each([
  [0.5, "0.5"],
  [0.000_25, "0.00025"],
  [1_000_000, "1,000,000"],
  [1234.5, "1,234.5"],
])("an open loop at %d says that rate", (rate, shown) => {
  const lines = formatRecord(recordOf([5], { loop: "open", rate }));
  expect(lines).toContain(`, open loop at ${shown} a second, `);
});

test("a rate that was not reached at all is told, without latencies of nothing", () => {
  const open = { loop: "open", rate: 1e6, unserved: 500_000, throughput: 8200 } as const;
  const [latency = "", last = ""] = formatRecord(recordOf([], open)).split("\n");
  expect(latency).toBe("latency: of none, because no operation that was to be measured completed");
  expect(last).toContain("8,200 operations a second over 1.0 s");
  expect(last).not.toContain("p50");
  expect(last).toEndWith("; the rate was not reached: 500,000 arrivals were never served");
});
