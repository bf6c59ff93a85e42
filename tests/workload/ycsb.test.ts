// Shows what YCSB's workloads ask of a store, and what they make of its answers.

import { describe, expect, test } from "bun:test";
import { BtreeApp } from "../../src/app/btree.ts";
import { decodeRecordOperation } from "../../src/app/record-operation.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { chooseWorkload, WORKLOADS } from "../../src/workload/index.ts";
import type { Share, Tally } from "../../src/workload/asker.ts";
import { InsertedKeys, YcsbWorkload } from "../../src/workload/ycsb.ts";
import { parseProperties, readProperties, STANDARD } from "../../src/workload/ycsb-properties.ts";
import { expectedValue } from "../../src/workload/ycsb-records.ts";
import { stateIn } from "../support/states.ts";

/** What the files of YCSB 0.17 say, without their comments. */
const FILES: { readonly [name: string]: string } = {
  A: "readproportion=0.5\nupdateproportion=0.5\nscanproportion=0\ninsertproportion=0\n\nrequestdistribution=zipfian\n",
  B: "readproportion=0.95\nupdateproportion=0.05\nscanproportion=0\ninsertproportion=0\n\nrequestdistribution=zipfian\n",
  C: "readproportion=1\nupdateproportion=0\nscanproportion=0\ninsertproportion=0\n\nrequestdistribution=zipfian\n",
  D: "readproportion=0.95\nupdateproportion=0\nscanproportion=0\ninsertproportion=0.05\n\nrequestdistribution=latest\n",
  E: "readproportion=0\nupdateproportion=0\nscanproportion=0.95\ninsertproportion=0.05\n\nrequestdistribution=zipfian\n\nmaxscanlength=100\n\nscanlengthdistribution=uniform\n",
  F: "readproportion=0.5\nupdateproportion=0\nscanproportion=0\ninsertproportion=0\nreadmodifywriteproportion=0.5\n\nrequestdistribution=zipfian\n",
};
const HEAD =
  "# Yahoo! Cloud System Benchmark\nrecordcount=1000\noperationcount=1000\n" +
  "workload=site.ycsb.workloads.CoreWorkload\n\nreadallfields=true\n\n";

const ALONE: Share = { index: 0, count: 1 };

function random(name: string): (bound: number) => number {
  const dice = new Random(3, name);
  return (bound) => dice.int(bound);
}

function workloadOf(name: string, properties: readonly string[] = [], share = ALONE): YcsbWorkload {
  const { ycsb } = chooseWorkload(name, properties, "btree");
  if (ycsb === null) throw new Error(`${name} is none of YCSB`);
  return new YcsbWorkload(ycsb, { opSize: 0, random: random(name), share });
}

/** Counts what is told. */
class Counts implements Tally {
  readonly kinds = new Map<string, number>();
  readonly statuses = new Map<string, number>();
  readonly rows = new Map<string, number>();
  readonly lasted: number[] = [];

  record(kind: string, status: string, startedMs: number, nowMs: number): void {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (kind === "READ-MODIFY-WRITE") this.lasted.push(nowMs - startedMs);
  }

  verified(status: string): void {
    this.rows.set(status, (this.rows.get(status) ?? 0) + 1);
  }
}

function loaded(workload: YcsbWorkload): BtreeApp {
  const app = new BtreeApp();
  for (let i = 0; i < workload.loading.count; i++) app.execute(workload.loading.operation(i));
  return app;
}

/** Asks by turns of several clients, whose operations take ten milliseconds each. */
function run(workload: YcsbWorkload, app: BtreeApp, clients: number, count: number): Counts {
  const counts = new Counts();
  const askers = Array.from({ length: clients }, () => workload.asker(counts));
  const open: { asker: (typeof askers)[number]; op: Uint8Array; startedMs: number }[] = [];
  for (let i = 0; i < count; i++) {
    const asker = askers[i % clients]!;
    open.push({ asker, op: asker.next(), startedMs: 10 * i });
    if (open.length < clients && i < count - 1) continue;
    for (const { asker, op, startedMs } of open.splice(0).reverse()) {
      let [next, fromMs]: [Uint8Array | null, number] = [op, startedMs];
      while (next !== null) {
        next = asker.answered?.(app.execute(next), fromMs, fromMs + 10) ?? null;
        fromMs += 10;
      }
    }
  }
  return counts;
}

describe("the workloads of YCSB", () => {
  test("are what its files say", () => {
    expect([...STANDARD.keys()]).toEqual(Object.keys(FILES));
    for (const [name, own] of STANDARD) {
      const file = parseProperties(HEAD + FILES[name], name);
      expect(readProperties(own, name)).toEqual(readProperties(file, name));
    }
  });

  test.each([...STANDARD.keys()])("%s asks in its proportions, and everything is there", (name) => {
    const workload = workloadOf(`ycsb:${name}`);
    const { properties } = workload;
    const total = 4000;
    const { kinds, statuses, lasted } = run(workload, loaded(workload), 8, total);
    expect([...statuses.keys()]).toEqual(["OK"]);
    const both = kinds.get("READ-MODIFY-WRITE") ?? 0;
    const own = [
      [(kinds.get("READ") ?? 0) - both, properties.readproportion],
      [(kinds.get("UPDATE") ?? 0) - both, properties.updateproportion],
      [kinds.get("INSERT") ?? 0, properties.insertproportion],
      [kinds.get("SCAN") ?? 0, properties.scanproportion],
      [both, properties.readmodifywriteproportion],
    ] as const;
    for (const [count, share] of own) {
      // Four standard deviations.
      const room = 4 * Math.sqrt(total * share * (1 - share));
      expect(Math.abs(count - total * share)).toBeLessThanOrEqual(room);
    }
    // Both parts of it, one after the other.
    expect(new Set(lasted)).toEqual(new Set(both > 0 ? [20] : []));
  });

  test.each(["uniform", "hotspot", "exponential", "sequential", "latest", "zipfian"])(
    "with keys that are %s all are there, loaded or inserted",
    (distribution) => {
      const chosen = ["insertproportion=0.3", `requestdistribution=${distribution}`];
      const workload = workloadOf("ycsb:A", [...chosen, "recordcount=50"]);
      const { statuses } = run(workload, loaded(workload), 5, 1000);
      expect([...statuses.keys()]).toEqual(["OK"]);
    },
  );

  test("checks values, and finds one that is not as it was written", () => {
    for (const name of ["ycsb:A", "ycsb:E", "ycsb:F"]) {
      const chosen = ["dataintegrity=true", "recordcount=20", "fieldlength=40"];
      const workload = workloadOf(name, chosen);
      const app = loaded(workload);
      expect([...run(workload, app, 3, 300).rows.keys()]).toEqual(["OK"]);
      const other = workloadOf(name, [...chosen, "fieldnameprefix=other"]);
      expect([...run(other, app, 3, 50).rows.keys()]).toContain("UNEXPECTED_STATE");
    }
    const reads = workloadOf("ycsb:C", ["dataintegrity=true"]);
    expect([...run(reads, new BtreeApp(), 1, 1).rows]).toEqual([["ERROR", 1]]);
  });

  test("reads and writes one field, or all of them, as it is told", () => {
    for (const [all, fields] of [
      ["true", 10],
      ["false", 1],
    ] as const) {
      const workload = workloadOf("ycsb:A", [`readallfields=${all}`, `writeallfields=${all}`]);
      const asker = workload.asker(new Counts());
      const kinds = new Set<string>();
      for (let i = 0; i < 50; i++) {
        const operation = decodeRecordOperation(asker.next());
        if (operation?.kind === "read") expect(operation.field === null).toBe(all === "true");
        if (operation?.kind === "update") expect(operation.fields).toHaveLength(fields);
        kinds.add(operation?.kind ?? "none");
      }
      expect(kinds).toEqual(new Set(["read", "update"]));
    }
  });

  test("loads the same records wherever, of lengths as told", () => {
    const chosen = ["fieldlengthdistribution=uniform", "fieldcount=3", "recordcount=200"];
    const [one, two] = [workloadOf("ycsb:A", chosen), workloadOf("ycsb:A", chosen)];
    const backwards = new BtreeApp();
    for (let i = 199; i >= 0; i--) backwards.execute(two.loading.operation(i));
    expect(stateIn(backwards)).toEqual(stateIn(loaded(one)));
    const lengths = new Set<number>();
    for (let i = 0; i < 200; i++) lengths.add(one.loading.operation(i).length);
    expect(lengths.size).toBeGreaterThan(20);
  });

  test("several processes insert records of their own", () => {
    const numbers = [0, 1, 2].flatMap((index) => {
      const keys = new InsertedKeys(100, { index, count: 3 });
      return Array.from({ length: 5 }, () => keys.numberOf(keys.take()));
    });
    expect(numbers.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 15 }, (_, i) => 100 + i),
    );
  });

  test("a record counts as there when all before it are", () => {
    const keys = new InsertedKeys(10, ALONE);
    const [a, b, c] = [keys.take(), keys.take(), keys.take()];
    keys.acknowledge(c);
    keys.acknowledge(a);
    expect(keys.last).toBe(10);
    keys.acknowledge(b);
    expect(keys.last).toBe(12);
  });

  test("values that are checked are those of the original", () => {
    const properties = readProperties(new Map([["fieldlength", "30"]]), "x");
    // In Java: "user1:field0".hashCode() is -1105266268.
    const hash = [..."user1:field0"].reduce(
      (sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0,
      0,
    );
    expect(expectedValue("user1", 0, properties).slice(0, 23)).toBe(
      `user1:field0:${hash}`.slice(0, 23),
    );
    expect(expectedValue("user1", 0, properties)).toHaveLength(30);
  });
});

describe("what is refused", () => {
  test.each([
    [["nope=1"], "ycsb:A: nope: no such property; there are recordcount, "],
    [["recordcount=0"], "ycsb:A: recordcount 0: expected a whole number from 1 to 2147483647"],
    [["readproportion=2"], "ycsb:A: readproportion 2: expected a number from 0 to 1"],
    [["requestdistribution=x"], "ycsb:A: requestdistribution x: expected uniform, zipfian, "],
    [["readallfields=maybe"], "ycsb:A: readallfields maybe: expected true or false"],
    [["recordcount"], "--property recordcount: expected NAME=VALUE"],
    [["readproportion=0", "updateproportion=0"], "ycsb:A: all proportions are 0"],
    [["insertstart=900", "insertcount=101"], "ycsb:A: insertstart 900 and insertcount 101: more"],
    [["minscanlength=9", "maxscanlength=8"], "ycsb:A: minscanlength 9: more than maxscanlength 8"],
    [
      ["dataintegrity=true", "fieldlengthdistribution=uniform"],
      "ycsb:A: dataintegrity: needs fieldlengthdistribution constant",
    ],
    [["fieldlength=1000000"], "ycsb:A: fieldcount 10 of fieldlength 1000000: a record has "],
    [["measurementtype=histogram"], "ycsb:A: measurementtype: no such property"],
  ])("%p", (properties, line) => {
    expect(() => chooseWorkload("ycsb:A", properties, "kv")).toThrow(line);
  });

  test("workloads that there are not, or that the application cannot have", () => {
    const choose = (name: string, app: string, ...properties: string[]) =>
      chooseWorkload(name, properties, app);
    expect(() => choose("ycsb:G", "kv")).toThrow("--workload ycsb:G: expected fixed, kv, ");
    expect(() => choose("./nowhere", "kv")).toThrow("./nowhere: cannot be read: ");
    expect(() => choose("ycsb:A", "null")).toThrow("the app null keeps no records");
    expect(() => choose("ycsb:E", "kv")).toThrow("scans need an order, which the app kv has not");
    expect(() => choose("kv", "kv", "recordcount=1")).toThrow("--property: goes with a workload");
    for (const name of WORKLOADS) expect(choose(name.toUpperCase(), "btree").name).toBe(name);
  });

  test("property files of other workloads", () => {
    const file = "workload=site.ycsb.workloads.TimeSeriesWorkload\n";
    expect(() => parseProperties(file, "x")).toThrow("x: workload site.ycsb.workloads.TimeSeries");
    // What files say besides changes nothing; comments and continued lines are Java's.
    const text = "! a comment\ntable: usertable\nrecord\\\n  count = 7\nmeasurementtype=histogram";
    expect(parseProperties(text, "x")).toEqual(new Map([["recordcount", "7"]]));
  });
});
