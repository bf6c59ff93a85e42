import { expect, test } from "bun:test";
import { failuresOf, subjectOf } from "oskr/simulation";
import { ChainReplica } from "./chain-replica.ts";
import { chain } from "./chain.ts";
import type { UpdateMessage } from "./message.ts";

const subject = subjectOf("chain", chain);

test.each([
  ["short", 60],
  ["codec", 2],
  ["fuzz", 2],
] as const)(
  "passes seeds of kind %s",
  (kind, count) => {
    expect(failuresOf(subject, { kind, count })).toEqual([]);
  },
  60_000,
);

test("the simulator convicts one that takes any later update for the next one", () => {
  class SkipsGaps extends ChainReplica {
    protected override isNext(update: UpdateMessage): boolean {
      return update.position > this.position;
    }
  }
  const mutant = subjectOf("skips-gaps", {
    ...chain,
    replica: (self, config, host, app) => new SkipsGaps(self, config, host, app),
  });
  expect(failuresOf(mutant, { kind: "short", count: 60 })).not.toEqual([]);
}, 60_000);
