// Shows that --without takes every fault that a plan has, and no other name.

import { expect, test } from "bun:test";
import { faultNames, readFaultNames } from "../../src/campaign/shrink.ts";
import { drawPlan } from "../../src/simulation/seed-plan.ts";
import { registered } from "../../src/simulation/subjects.ts";

const [pbft] = [...registered.values()].filter(({ byzantine }) => byzantine);
if (pbft === undefined) throw new Error("no protocol tolerates Byzantine replicas");

test("every fault of every plan may be left out, of its seed and of many", () => {
  for (const kind of ["short", "deep", "adversary"] as const) {
    for (let seed = 0; seed < 300; seed++) {
      const names = faultNames(drawPlan(pbft, kind, seed));
      const text = names.join(",");
      expect(readFaultNames(text, { subject: pbft, kind, seed })).toEqual(names);
      expect(readFaultNames(text, null)).toEqual(names);
    }
  }
});

test("what no seed has, or the seed has not, or what is there twice, is refused", () => {
  expect(() => readFaultNames("rain", null)).toThrow("--without rain: no such fault; there are");
  expect(() => readFaultNames("crash-9", null)).toThrow("--without crash-9: no such fault");
  expect(() => readFaultNames("", null)).toThrow("--without : no such fault");
  expect(() => readFaultNames("loss, loss", null)).toThrow("--without: loss was given twice");
  const seeds = Array.from({ length: 100 }, (_, seed) => seed);
  const quiet = seeds.find((seed) => drawPlan(pbft, "short", seed).faults.length === 0) ?? -1;
  const only = { subject: pbft, kind: "short", seed: quiet } as const;
  expect(() => readFaultNames("crash-0", only)).toThrow(`crash-0: seed ${quiet} has none; it has`);
  expect(readFaultNames("loss", only)).toEqual(["loss"]);
});
