// How a campaign's time is divided among its rows, by a clock that the test moves.

import { expect, test } from "bun:test";
import { Budget } from "../../src/campaign/budget.ts";
import { MARKS_SEEDS_MIN } from "../../src/campaign/campaign.ts";
import { rowsOf, rowsOfAll, type Row } from "../../src/campaign/rows.ts";
import { partsOf } from "../../src/campaign/run-rows.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { simulate } from "../support/simulate-command.ts";

/** How long each share lasts, in seconds, if it takes all of its time, or as much as `takes` says. */
function lasting(minutes: number, weights: readonly number[], takes: readonly number[] = []) {
  let ms = 1000;
  const sum = weights.reduce((a, b) => a + b, 0);
  const budget = new Budget(minutes, sum, () => ms);
  return weights.map((weight, i) => {
    const begun = ms;
    const more = budget.share(weight);
    const limit = takes[i] ?? Infinity;
    while (more() && ms - begun < limit * 1000) ms += 100;
    if (limit !== Infinity) ms = Math.max(ms, begun + limit * 1000);
    return Math.round((ms - begun) / 1000);
  });
}

test("time is divided by weight", () => {
  expect(lasting(1, [1, 2, 3])).toEqual([10, 20, 30]);
});

test("what a share leaves is divided among those that follow", () => {
  expect(lasting(1, [1, 1, 1], [0])).toEqual([0, 30, 30]);
});

test("a share that has to take longer takes it from those that follow", () => {
  expect(lasting(1, [1, 1, 1], [40])).toEqual([40, 10, 10]);
  expect(lasting(1, [1, 1, 1], [100])).toEqual([100, 0, 0]);
});

test("a row's parts are all of its seeds, each once and in order", () => {
  const row: Row = {
    ...{ protocol: "pbft", kind: "twins", first: 7, count: 25, stride: 12 },
    ...{ part: 10, least: 20, min: 20, weight: 1 },
  };
  const seeds = [...partsOf(row)].flatMap(({ first, count, stride }) =>
    Array.from({ length: count }, (_, i) => first + i * stride),
  );
  expect(seeds).toEqual(Array.from({ length: 25 }, (_, i) => 7 + 12 * i));
});

test("every protocol has the kinds that it can have, each with a least and a full number of seeds", () => {
  for (const subject of registered.values()) {
    const rows = rowsOf(subject, 1, true);
    expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(subject.kinds));
    for (const { kind, least, min, count, part, weight } of rows) {
      const bounded = 0 < least && least <= min && min <= count;
      expect([kind, bounded && part > 0 && weight > 0]).toEqual([kind, true]);
    }
  }
});

test("every mark is asked of a protocol, and of those that share all of theirs only the first", () => {
  const short = rowsOfAll(registered.values(), 1).filter(({ row }) => row.kind === "short");
  const owing = short
    .filter(({ row }) => row.min === MARKS_SEEDS_MIN)
    .map(({ subject }) => subject);
  const marksOf = ({ protocol }: (typeof owing)[number]) => protocol.simulation?.marks?.short ?? [];
  const all = [...registered.values()].flatMap(marksOf);
  expect(new Set(owing.flatMap(marksOf))).toEqual(new Set(all));
  const names = owing.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(["pbft", "hotstuff", "vr", "nopaxos", "tendermint"]),
  );
  expect(names).not.toContain("jolteon");
});

test("--minutes without a campaign that it bounds is refused", async () => {
  const { status, stderr } = await simulate("--protocol pbft --minutes 3");
  expect({ status, stderr: stderr.trim() }).toEqual({
    status: 2,
    stderr: "simulate: --minutes: goes with --profile ci",
  });
});
