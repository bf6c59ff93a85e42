// What faults and attacks say of the history of their clients.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatHistory, type HistoryEntry } from "../evaluation/history.ts";
import { checkRecorded } from "../simulation/store-model.ts";

export interface ClientsCheck {
  readonly what: string;
  readonly holds: boolean;
  readonly saw: string;
}

/**
 * Whether it is linearizable. One that is not, or of which that cannot be told, stays in a file
 * that is named then, so that what is wrong with it can be found.
 */
export function checkClients(history: readonly HistoryEntry[]): ClientsCheck {
  const verdict = checkRecorded(history);
  const holds = verdict === "linearizable";
  const kept = holds ? "" : `; npm run check-history -- ${keep(history)}`;
  const saw = `${history.length} operations: ${verdict}${kept}`;
  return { what: "history is linearizable", holds, saw };
}

/** The path of a new file that has it. */
function keep(history: readonly HistoryEntry[]): string {
  const path = join(mkdtempSync(join(tmpdir(), "oskr-history-")), "history.json");
  writeFileSync(path, formatHistory(history));
  return path;
}
