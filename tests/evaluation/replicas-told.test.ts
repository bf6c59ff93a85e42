// Shows what a client makes of the settings that replicas told: it takes what it was not given from
// them, refuses what contradicts it, and says where they differ; up to f of them may lie.

import { describe, expect, test } from "bun:test";
import {
  formatReplicaSetting,
  parseReplicaSetting,
  type ReplicaSetting,
} from "../../src/evaluation/replica-setting.ts";
import {
  contradiction,
  differences,
  ownOfReplicas,
  settle,
  type SharedSetting,
  type Told,
} from "../../src/evaluation/replicas-told.ts";
import { TEXT_MAX } from "../../src/transport/inquiry.ts";
import { SETTING } from "../support/records.ts";

/** Four replicas, each with what it has otherwise; null: it told nothing. */
function told(...changes: readonly (Partial<ReplicaSetting> | null)[]): Told {
  return Array.from({ length: 4 }, (_, i) => {
    const change = changes[i];
    return change === null ? null : { ...SETTING, ...change };
  });
}
const NONE = new Set<string>();
const kv = { app: "kv" };

describe("a client takes from replicas what it was not given", () => {
  const others: Partial<ReplicaSetting> = {
    ...{ app: "kv", batch: 100, adaptive: true, signature: "each", checkpoint: 64 },
    ...{ replySize: 9, batchBytes: 4096, viewTimeoutMs: 2000, options: { "slow-leader": "keep" } },
  };

  test("all of it", () => {
    const settled = settle(SETTING, NONE, told(others, others, null, {}));
    expect(settled).toEqual({ ...SETTING, ...others });
    expect(contradiction(told(others, others, null, {}), settled)).toBeNull();
  });

  test("nothing that f of them tell, nor where nobody tells anything", () => {
    expect(settle(SETTING, NONE, told(others, null, null, null))).toEqual(SETTING);
    expect(settle(SETTING, NONE, told(null, null, null, null))).toEqual(SETTING);
  });

  test("nothing that it was given, which is refused then", () => {
    const all = told(others, others, others, others);
    const given = [
      ...["app", "batch", "batch-bytes", "adaptive", "signature", "checkpoint"],
      ...["reply-size", "view-timeout", "slow-leader"],
    ];
    expect(settle(SETTING, new Set(given), all)).toEqual(SETTING);
    const lines = given.map((name) => contradiction(all, settle(SETTING, new Set([name]), all)));
    const who = "replicas 0, 1, 2, 3 have";
    expect(lines).toEqual([
      `${who} --app kv, this client has --app null`,
      `${who} --batch 100, this client has --batch 1`,
      `${who} --batch-bytes 4096, this client has --batch-bytes 1048576`,
      `${who} --adaptive, this client has no --adaptive`,
      `${who} --signature each, this client has --signature batch`,
      `${who} --checkpoint 64, this client has --checkpoint 128`,
      `${who} --reply-size 9, this client has --reply-size 0`,
      `${who} --view-timeout 2000, this client has --view-timeout 500`,
      `${who} --slow-leader keep, this client has --slow-leader leave`,
    ]);
  });
});

describe("a contradiction", () => {
  test.each<readonly [Partial<SharedSetting>, string]>([
    [{ mode: "hotstuff", cluster: "f" }, "--mode pbft, this client has --mode hotstuff"],
    [{ n: 7, f: 2, cluster: "f" }, "4 replicas, this client has 7 replicas"],
    [{ f: 0, cluster: "f" }, "f 1, this client has f 0"],
    [{ cluster: "f" }, "other keys or another --instance than this client"],
    [{ options: { leader: "rotate" } }, "no --leader, this client has --leader rotate"],
  ])("of %j", (own, line) => {
    expect(contradiction(told(), { ...SETTING, ...own })).toBe(`replicas 0, 1, 2, 3 have ${line}`);
  });

  test("takes f + 1 replicas, who are not outweighed", () => {
    expect(contradiction(told({}, kv, null, null), SETTING)).toBeNull();
    expect(contradiction(told(kv, null, null, null), SETTING)).toBeNull();
    expect(contradiction(told(kv, null, null, null), SETTING, 1)).not.toBeNull();
    expect(contradiction(told(kv, kv, {}, null), SETTING)).not.toBeNull();
    // Half of them as asked for: that is a difference.
    expect(contradiction(told(kv, kv, {}, {}), SETTING)).toBeNull();
  });

  test("of one replica that is trusted takes that one", () => {
    const alone = { ...SETTING, n: 1, f: 0 };
    expect(contradiction([{ ...alone, ...kv }], alone)).toBe(
      "replica 0 has --app kv, this client has --app null",
    );
  });
});

test("what replicas have for themselves is told as most have it, of the client only without them", () => {
  const client = { crypto: "noble", workers: 9, idle: "sleep", lossRate: 0.9 } as const;
  const { crypto, workers, idle, lossRate } = SETTING;
  const usual = { crypto, workers, idle, lossRate };
  expect(ownOfReplicas(told(null, null, null, null), 1, client)).toEqual(client);
  expect(ownOfReplicas(told(null, {}, {}, { workers: 2 }), 1, client)).toEqual(usual);
  const busy = { idle: "busy", lossRate: 0.1 };
  expect(ownOfReplicas(told(busy, busy, busy, {}), 1, client)).toEqual({ ...usual, ...busy });
  // None of which f + 1 agree: the first one's.
  const all = told({ workers: 0 }, { workers: 2 }, { workers: 3 }, { workers: 4 });
  expect(ownOfReplicas(all, 1, client)).toEqual({ ...usual, workers: 0 });
});

test("differences among replicas are told, each field with who has what", () => {
  expect(differences(told({}, null, { mask: "3" }, {}))).toEqual([]);
  expect(differences(told(null, null, null, null))).toEqual([]);
  const rotating = { workers: 2, idle: "busy", lossRate: 0.1, profiled: true };
  expect(differences(told(kv, null, {}, { ...kv, ...rotating }))).toEqual([
    "replicas differ: --app kv (0, 3), --app null (2)",
    "replicas differ: --workers 1 (0, 2), --workers 2 (3)",
    "replicas differ: --idle park (0, 2), --idle busy (3)",
    "replicas differ: no --profile (0, 2), --profile (3)",
    "replicas differ: --drop 0 (0, 2), --drop 0.1 (3)",
  ]);
  const newer = { versions: { oskr: "3", bun: "1" } };
  expect(differences(told({}, newer, {}, {}))).toEqual([
    "replicas differ: version oskr 2, Bun 1 (0, 2, 3), version oskr 3, Bun 1 (1)",
  ]);
});

describe("the text of a setting", () => {
  test("is read as it was, and fits an answer", () => {
    const longest: ReplicaSetting = {
      ...{ ...SETTING, mode: "unreplicated-signed", mask: "f".repeat(256), batch: 65_536 },
      ...{ batchBytes: 1_048_576, replySize: 1_048_576 },
      ...{ options: { leader: "reputation", requests: "broadcast", "slow-leader": "leave" } },
      checkpoint: 1024,
      ...{ n: 256, f: 85, viewTimeoutMs: 3_600_000, lossRate: 0.123456789 },
      versions: { oskr: "100.100.100-rc.100", bun: "100.100.100" },
    };
    expect(parseReplicaSetting(formatReplicaSetting(longest))).toEqual(longest);
    expect(formatReplicaSetting(longest).length).toBeLessThanOrEqual(TEXT_MAX);
  });

  test.each([
    ["no JSON", "{"],
    ["a part missing", JSON.stringify({ ...SETTING, app: undefined })],
    ["a part of another kind", JSON.stringify({ ...SETTING, n: "4" })],
    ["an option that is none", JSON.stringify({ ...SETTING, options: { leader: 1 } })],
    ["what would move the cursor", JSON.stringify({ ...SETTING, app: "\u001b[2J" })],
    ["the same, raw", formatReplicaSetting(SETTING).replace("null", "\u001b[2J")],
  ])("is refused with %s", (_, text) => {
    expect(parseReplicaSetting(text)).toEqual({ wrong: expect.any(String) });
  });
});
