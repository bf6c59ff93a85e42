// Whether a history is linearizable, and what is wrong if it is not.

import { byKey, checkKey, type Verdict } from "../simulation/linearizability.ts";
import type { History, HistoryRecord } from "./key-history.ts";

/** Where a history stops being linearizable. */
export interface Violation {
  readonly key: string;
  /** Without its answer all is in order; with it, nothing is. */
  readonly culprit: HistoryRecord;
  /** What was asked before that answer came, in the order of invocation, the culprit left out. */
  readonly before: readonly HistoryRecord[];
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly keys: number;
  /** Keys on which the search gave up. */
  readonly undecided: readonly string[];
  /** Of the first key that has one. */
  readonly violation: Violation | null;
}

/** Judges key by key, each by at most so many steps. */
export function judgeHistory({ records, initial }: History, stepsMax: number): Judgement {
  const keys = byKey(records);
  const undecided: string[] = [];
  for (const [key, some] of keys) {
    const verdict = checkKey(some, initial, stepsMax);
    if (verdict === "unknown") undecided.push(key);
    if (verdict !== "not linearizable") continue;
    const violation = violationOf(key, some, initial, stepsMax);
    return { verdict, keys: keys.size, undecided, violation };
  }
  const verdict = undecided.length > 0 ? "unknown" : "linearizable";
  return { verdict, keys: keys.size, undecided, violation: null };
}

/** Bisects for the first answer with which no order is left. */
function violationOf(
  key: string,
  records: readonly HistoryRecord[],
  initial: string | null,
  stepsMax: number,
): Violation | null {
  const returns = records
    .filter(({ returned }) => returned !== Infinity)
    .toSorted((a, b) => a.returned - b.returned);
  let [low, high] = [0, returns.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const until = returns[middle]?.returned ?? 0;
    const wrong = checkKey(prefixOf(records, until), initial, stepsMax) === "not linearizable";
    if (wrong) high = middle;
    else low = middle + 1;
  }
  const culprit = returns[low];
  if (culprit === undefined) return null;
  const before = records.filter((one) => one !== culprit && one.invoked < culprit.returned);
  return { key, culprit, before };
}

/** What was known at that time: later answers have not come, and such reads constrain nothing. */
function prefixOf(records: readonly HistoryRecord[], until: number): readonly HistoryRecord[] {
  return records.flatMap((record) => {
    if (record.invoked > until) return [];
    if (record.returned <= until) return [record];
    if (record.input.kind === "get") return [];
    return [{ ...record, output: null, returned: Infinity }];
  });
}
