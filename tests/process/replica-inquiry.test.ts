// Shows how a client's process asks replicas what they run: again until all told, with a nonce for
// each, not waiting long for one that is down; and that what comes late is judged as well.

import { beforeEach, expect, test } from "bun:test";
import type { Address, Bytes } from "../../src/actor.ts";
import { formatReplicaSetting, type ReplicaSetting } from "../../src/evaluation/replica-setting.ts";
import { formatRoleSetting } from "../../src/evaluation/role-setting.ts";
import { ReplicaInquiry } from "../../src/process/replica-inquiry.ts";
import type { OnAnswer } from "../../src/transport/inquiry.ts";
import { FakeClock } from "../support/fakes.ts";
import { SEQUENCER_SETTING, SETTING } from "../support/records.ts";

let clock: FakeClock;
let asked: { readonly to: Address; readonly nonce: Bytes }[];
let drops: string[];
let answer: OnAnswer;
let inquiry: ReplicaInquiry;
const nonces = new Map<Address, Bytes>();

beforeEach(() => {
  inquiry = begin();
});

function begin(others?: readonly Address[]): ReplicaInquiry {
  clock = new FakeClock();
  asked = [];
  drops = [];
  let state = 0;
  const begun = new ReplicaInquiry({
    inquiries: {
      ask: (to, nonce) => {
        asked.push({ to, nonce });
        nonces.set(to, nonce);
      },
      listen: (onAnswer) => (answer = onAnswer),
    },
    ...{
      clock,
      n: 4,
      f: 1,
      random: (bound) => state++ % bound,
      drop: (reason) => drops.push(reason),
    },
    ...(others !== undefined && { others }),
  });
  clock.poll();
  return begun;
}

function tell(replica: Address, more: Partial<ReplicaSetting> = {}): void {
  const text = formatReplicaSetting({ ...SETTING, ...more });
  answer(replica, nonces.get(replica)!, new TextEncoder().encode(text));
}
const asksOf = (): readonly Address[] => asked.splice(0).map(({ to }) => to);

test("all are asked, and those that told nothing again, until all have told", () => {
  expect(asksOf()).toEqual([0, 1, 2, 3]);
  tell(1);
  clock.advance(20);
  expect(asksOf()).toEqual([0, 2, 3]);
  for (const replica of [0, 2]) tell(replica);
  for (let ms = 0; ms < 10_000; ms += 10) clock.advance(10);
  const later = asksOf();
  expect(new Set(later)).toEqual(new Set([3]));
  // Twice a second in the long run.
  expect(later.length).toBeGreaterThan(19);
  expect(later.length).toBeLessThan(30);
  tell(3);
  clock.advance(500);
  expect(asksOf()).toEqual([]);
  expect(clock.waiting).toBe(0);
  expect(inquiry.told).toEqual([SETTING, SETTING, SETTING, SETTING]);
});

test("clients wait for all, a little for the last f, and a second where more are down", () => {
  expect(inquiry.waits).toBe(true);
  for (const replica of [0, 1]) tell(replica);
  clock.advance(900);
  expect(inquiry.waits).toBe(true);
  tell(2);
  expect(inquiry.waits).toBe(true);
  clock.advance(99);
  expect(inquiry.waits).toBe(true);
  clock.advance(1);
  expect(inquiry.waits).toBe(false);
});

test("clients wait no longer once all told, and no longer than a second", () => {
  for (const replica of [0, 1, 2, 3]) tell(replica);
  expect(inquiry.waits).toBe(false);
});

test("clients wait no longer than a second for those that are down", () => {
  clock.advance(999);
  expect(inquiry.waits).toBe(true);
  clock.advance(1);
  expect(inquiry.waits).toBe(false);
});

test("an answer of nobody, in another's name, or malformed, is none", () => {
  const nonce = nonces.get(0)!;
  expect(new Set([...nonces.values()].map(String)).size).toBe(4);
  const text = new TextEncoder().encode(formatReplicaSetting(SETTING));
  answer(1, nonce, text);
  answer(4, nonce, text);
  answer(0, nonce.subarray(1), text);
  answer(0, nonce, new TextEncoder().encode("{}"));
  expect(inquiry.told).toEqual([null, null, null, null]);
  expect(drops).toEqual([
    ...["answer to no inquiry", "answer to no inquiry", "answer to no inquiry"],
    "malformed answer to an inquiry",
  ]);
  answer(0, nonce, text);
  tell(0, { app: "kv" });
  expect(inquiry.told[0]).toEqual(SETTING);
});

test("FW8 sequencers are asked as well, until they tell; nobody waits for them", () => {
  inquiry = begin([4, 5]);
  expect(asksOf()).toEqual([0, 1, 2, 3, 4, 5]);
  for (const replica of [0, 1, 2, 3]) tell(replica);
  expect(inquiry.waits).toBe(false);
  clock.advance(20);
  expect(asksOf()).toEqual([4, 5]);
  const text = new TextEncoder().encode(formatRoleSetting(SEQUENCER_SETTING));
  answer(5, nonces.get(5)!, new TextEncoder().encode(formatReplicaSetting(SETTING)));
  expect(drops).toEqual(["malformed answer to an inquiry"]);
  answer(5, nonces.get(5)!, text);
  expect([...inquiry.toldByOthers]).toEqual([[5, SEQUENCER_SETTING]]);
  clock.advance(40);
  expect(asksOf()).toEqual([4]);
  answer(4, nonces.get(4)!, text);
  clock.advance(500);
  expect([asksOf(), clock.waiting]).toEqual([[], 0]);
});

test("what contradicts the clients is told at once and late, as are differences", () => {
  tell(0, { batch: 100 });
  inquiry.settle(SETTING, new Set(["batch"]));
  expect([inquiry.refusal, inquiry.warnings()]).toEqual([null, []]);
  expect(inquiry.doubt).toBe("replica 0 has --batch 100, this client has --batch 1");
  tell(1);
  expect(inquiry.refusal).toBeNull();
  expect(inquiry.warnings()).toEqual(["replicas differ: --batch 100 (0), --batch 1 (1)"]);
  expect(inquiry.warnings()).toEqual([]);
  tell(2, { batch: 100 });
  expect(inquiry.refusal).toBe("replicas 0, 2 have --batch 100, this client has --batch 1");
});

test("what was not given and is told late changes the record alone, but for the application", () => {
  const begun = inquiry.settle(SETTING, new Set());
  expect(begun).toEqual(SETTING);
  for (const replica of [0, 1]) tell(replica, { batch: 100, viewTimeoutMs: 900 });
  expect(inquiry.refusal).toBeNull();
  expect(inquiry.settled).toEqual({ ...SETTING, batch: 100, viewTimeoutMs: 900 });
  for (const replica of [2, 3]) tell(replica, { app: "kv" });
  // Half of them as the clients think.
  expect(inquiry.refusal).toBeNull();
});

test("clients that began to ask something else than replicas run are told so late", () => {
  inquiry.settle(SETTING, new Set());
  tell(0, { app: "kv" });
  expect(inquiry.refusal).toBeNull();
  tell(1, { app: "kv" });
  expect(inquiry.refusal).toBe("replicas 0, 1 have --app kv, this client has --app null");
});

test("what was not given is taken from replicas", () => {
  for (const replica of [0, 1, 2]) tell(replica, { batch: 100, app: "kv" });
  expect(inquiry.settle(SETTING, new Set())).toEqual({ ...SETTING, batch: 100, app: "kv" });
  expect(inquiry.refusal).toBeNull();
  tell(3, { batch: 100, app: "kv" });
  expect([inquiry.refusal, inquiry.doubt, inquiry.warnings()]).toEqual([null, null, []]);
});
