// Shows that histories of several client processes become one in which clients are distinct.

import { expect, test } from "bun:test";
import { formatHistory, HistoryWriter, mergeHistories } from "../../src/evaluation/history.ts";
import { EMPTY } from "../../src/wire.ts";

function historyOf(clients: readonly number[]) {
  const writer = new HistoryWriter(() => 2);
  for (const client of clients) writer.invoked(client, Uint8Array.of(client));
  for (const client of clients.slice(1)) writer.returned(client, EMPTY);
  return writer.entries;
}

test("an operation's times are those of the one clock that is read when it is asked and told", () => {
  let nowMs = 107;
  const writer = new HistoryWriter(() => nowMs);
  writer.invoked(0, EMPTY);
  nowMs = 109;
  writer.returned(0, EMPTY);
  expect(writer.entries).toMatchObject([{ invokedMs: 107, returnedMs: 109 }]);
});

test("clients of several histories keep apart, and each its operations", () => {
  const parts = [historyOf([0, 1, 2]), historyOf([]), historyOf([1]), historyOf([0, 1])];
  const merged = mergeHistories(parts);
  expect(merged.map(({ client, op }) => [client, op])).toEqual([
    ...[
      [0, "00"],
      [1, "01"],
      [2, "02"],
    ],
    [4, "01"],
    ...[
      [5, "00"],
      [6, "01"],
    ],
  ]);
  expect(merged.map(({ result }) => result)).toEqual([null, "", "", null, null, ""]);
  expect(JSON.parse(formatHistory(merged))).toEqual(merged);
  // What was recorded is as it was.
  expect(parts[3]?.[0]?.client).toBe(0);
});
