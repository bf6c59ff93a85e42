// A history of clients that is not linearizable stays in a file, which the check names.

import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { KvApp } from "../../src/app/kv.ts";
import { encodeKvOperation } from "../../src/app/operation.ts";
import { HistoryWriter } from "../../src/evaluation/history.ts";
import { checkClients } from "../../src/history/clients-check.ts";
import { judgeHistory } from "../../src/history/judge-history.ts";
import { readHistory } from "../../src/history/read-history.ts";
import { STEPS_MAX } from "../../src/simulation/linearizability.ts";

const KEY = Uint8Array.of(1);

/** A client of a store that puts and gets, and at the end is told of nothing once more. */
function historyOf(lie: boolean) {
  let nowMs = 0;
  const app = new KvApp();
  const writer = new HistoryWriter(() => nowMs++);
  const get = encodeKvOperation({ kind: "get", key: KEY });
  const absent = app.execute(get).slice();
  for (const op of [encodeKvOperation({ kind: "put", key: KEY, value: KEY }), get]) {
    writer.invoked(0, op);
    writer.returned(0, app.execute(op));
  }
  writer.invoked(0, get);
  writer.returned(0, lie ? absent : app.execute(get));
  return writer.entries;
}

test("a history that holds is told of alone; one that does not is kept and shows why", () => {
  expect(checkClients(historyOf(false))).toEqual({
    ...{ what: "history is linearizable", holds: true },
    saw: "3 operations: linearizable",
  });
  const { holds, saw } = checkClients(historyOf(true));
  expect(holds).toBe(false);
  expect(saw).toStartWith("3 operations: not linearizable; npm run check-history -- ");
  const path = saw.slice(saw.lastIndexOf(" ") + 1);
  try {
    const { violation } = judgeHistory(readHistory(path), STEPS_MAX);
    expect(violation?.culprit).toMatchObject({ client: "0", invoked: 4, output: { saw: null } });
  } finally {
    rmSync(dirname(path), { recursive: true });
  }
});
