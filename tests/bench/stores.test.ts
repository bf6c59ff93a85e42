// Shows that bench stores compares what it says with real processes, and says what it does not know.

import { describe, expect, test } from "bun:test";
import { describeUnless, libraries } from "../support/optional.ts";
import { run } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

describeUnless(libraries())("bench stores", () => {
  test(
    "tells ratios of both sides, of the same sizes, and what replicas had in memory",
    async () => {
      const only = ["--only", "values,statements"];
      const short = ["--pairs", "1", "--seconds", "0.5", "--warm", "0.5"];
      const few = ["--records", "8000", "--clients", "20", "--batch", "10", "--json", "-"];
      const { status, out, err } = await run("bench", ["stores", ...only, ...short, ...few]);
      // Its lines are there, because the standard output has the figures.
      expect({ status, err }).toEqual({ status: 0, err: expect.stringContaining("ratio") });
      const { values, statements } = JSON.parse(out);
      expect(values.ratio).toBe(values.one[0].throughput / values.other[0].throughput);
      expect(values.one[0]).toMatchObject({ longestGapMs: expect.any(Number) });
      expect(values.one[0].residentBytes).toBeGreaterThan(2 ** 20);
      expect(values.other[0].replySize).toBe(Math.round(values.one[0].replySize));
      const [pair] = statements.pairs;
      expect(statements.ratio).toBe(pair.shown.throughput / (pair.alone / statements.replicas));
    },
    PATIENCE_MS,
  );
});

describe("bench stores", () => {
  test("knows what it compares", async () => {
    const { status, out, err } = await run("bench", ["stores", "--only", "values,other"]);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toBe(
      "bench: --only other: no such comparison; there are values, checkpoints, records, empty, " +
        "stopped, statements\n",
    );
  });
});
