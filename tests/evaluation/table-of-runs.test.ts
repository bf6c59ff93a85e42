// Shows that the table of a sweep has a row for all loads of one setting, at the best of them.

import { expect, test } from "bun:test";
import type { Point } from "../../src/evaluation/run.ts";
import { rowsOf } from "../../src/evaluation/table-of-runs.ts";
import { protocols } from "../../src/protocol/index.ts";
import { recordOf, runOf } from "../support/records.ts";

const ALL: Partial<Point> = { batch: 100, adaptive: true };

/** Two runs of one point, of these throughputs, whose latencies are 10 us for each client. */
function twice(changes: Partial<Point>, throughputs: readonly [number, number]) {
  const point = { mode: "pbft", ...ALL, ...changes };
  const { mode, clients = 1, signature = "batch" } = point;
  const requestAuth = point.extras?.["requestAuth"] === "sign" ? "sign" : "none";
  return throughputs.map((throughput, repetition) =>
    runOf(
      point,
      repetition,
      recordOf([10 * clients], { mode, throughput, signature, requestAuth }),
    ),
  );
}

test("a row has the median at the best load, and the median latency of one client", () => {
  const [row, ...others] = rowsOf(
    [
      ...twice({ clients: 1 }, [500, 700]),
      ...twice({ clients: 64 }, [9000, 1000]),
      ...twice({ clients: 256 }, [6000, 6000]),
    ],
    protocols,
  );
  expect(others).toEqual([]);
  expect(row).toMatchObject({
    ...{ mode: "pbft", batch: "adaptive", signature: "batch", requestAuth: "none", clients: 256 },
    throughput: { median: 6000, min: 6000, max: 6000 },
    latency: { median: 10, min: 10, max: 10 },
  });
});

test("rows stand in the order of the protocols, what is as usual first, sizes last", () => {
  const clients = 256;
  const runs = [
    ...twice({ clients, opSize: 4096 }, [1, 1]),
    ...twice({ clients, extras: { replySize: 4096 } }, [2, 2]),
    ...twice({ clients, extras: { requestAuth: "sign" } }, [3, 3]),
    ...twice({ clients, signature: "hybrid" }, [4, 4]),
    ...twice({ clients, fault: "silent" }, [5, 5]),
    ...twice({ clients, adaptive: false }, [6, 6]),
    ...twice({ clients }, [7, 7]),
    ...twice({ clients, mode: "unreplicated", f: 0, batch: 1, adaptive: false }, [8, 8]),
  ];
  const rows = rowsOf(runs, protocols);
  expect(rows.map(({ throughput }) => throughput.median)).toEqual([8, 7, 6, 5, 4, 3, 1, 2]);
  expect(rows.map(({ batch }) => batch)).toEqual([
    ...["-", "adaptive", "100", "adaptive, one silent"],
    ...["adaptive", "adaptive", "adaptive", "adaptive"],
  ]);
  // One client's batches are of one operation, and where it did not run nothing is said of it.
  expect(rows.map(({ latency }) => latency)).not.toContainEqual(expect.anything());
});

test("what the table has no column for is left out", () => {
  const clients = 16;
  const runs = [
    ...twice({ clients, rate: 5000 }, [1, 1]),
    ...twice({ clients, fault: "loss", lossRate: 0.05 }, [2, 2]),
    ...twice({ clients, extras: { leader: "rotate" } }, [3, 3]),
  ];
  expect(rowsOf(runs, protocols)).toEqual([]);
});
