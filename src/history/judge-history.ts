// Whether a history is linearizable, and what is wrong if it is not.

import { byKey, checkKey, type Verdict } from "../simulation/linearizability.ts";
import { checkGroup, groupsOf, readsOnly } from "../simulation/store-model.ts";
import { latin1 } from "../wire.ts";
import type { AnyRecord, History, HistoryRecord } from "./key-history.ts";
import type { StoreHistoryRecord } from "./store-history.ts";

/** Where a history stops being linearizable. */
export interface Violation {
  /** Empty where the whole store is searched. */
  readonly key: string;
  /** Without its answer all is in order; with it, nothing is. */
  readonly culprit: AnyRecord;
  /** What was asked before that answer came, in the order of invocation, the culprit left out. */
  readonly before: readonly AnyRecord[];
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly keys: number;
  /** Keys on which the search gave up. */
  readonly undecided: readonly string[];
  /** Of the first key that has one. */
  readonly violation: Violation | null;
}

/** What is searched by itself. */
interface Group<T extends AnyRecord> {
  readonly key: string;
  readonly records: readonly T[];
}

/** How such a history is searched. */
interface Checker<T extends AnyRecord> {
  check(records: readonly T[]): Verdict;
  readsOnly(record: T): boolean;
}

/** Judges key by key, or the whole store where there are scans, each by at most so many steps. */
export function judgeHistory(history: History, stepsMax: number): Judgement {
  const { records, store = [], initial } = history;
  if (store.length > 0) {
    const keys = new Set(store.map(({ input }) => latin1(input.key))).size;
    const groups = groupsOf(store).map((some) => ({ key: nameOf(some), records: some }));
    const check = (some: readonly StoreHistoryRecord[]) => checkGroup(some, stepsMax);
    return { ...judgeGroups(groups, { check, readsOnly: ({ input }) => readsOnly(input) }), keys };
  }
  const groups = [...byKey(records)].map(([key, some]) => ({ key, records: some }));
  return judgeGroups(groups, {
    check: (some: readonly HistoryRecord[]) => checkKey(some, initial, stepsMax),
    readsOnly: ({ input }) => input.kind === "get",
  });
}

/** The key that a group is of, empty for the whole store. */
function nameOf(group: readonly StoreHistoryRecord[]): string {
  if (group.some(({ input }) => input.kind === "scan")) return "";
  const [first] = group;
  return first === undefined ? "" : latin1(first.input.key);
}

function judgeGroups<T extends AnyRecord>(
  groups: readonly Group<T>[],
  checker: Checker<T>,
): Judgement {
  const undecided: string[] = [];
  const keys = groups.length;
  for (const { key, records } of groups) {
    const verdict = checker.check(records);
    if (verdict === "unknown") undecided.push(key);
    if (verdict !== "not linearizable") continue;
    return { verdict, keys, undecided, violation: violationOf({ key, records }, checker) };
  }
  const verdict = undecided.length > 0 ? "unknown" : "linearizable";
  return { verdict, keys, undecided, violation: null };
}

/** Bisects for the first answer with which no order is left. */
function violationOf<T extends AnyRecord>(
  { key, records }: Group<T>,
  checker: Checker<T>,
): Violation | null {
  const returns = records
    .filter(({ returned }) => returned !== Infinity)
    .toSorted((a, b) => a.returned - b.returned);
  let [low, high] = [0, returns.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const until = returns[middle]?.returned ?? 0;
    const wrong = checker.check(prefixOf(records, until, checker)) === "not linearizable";
    if (wrong) high = middle;
    else low = middle + 1;
  }
  const culprit = returns[low];
  if (culprit === undefined) return null;
  const before = records.filter((one) => one !== culprit && one.invoked < culprit.returned);
  return { key, culprit, before };
}

/** What was known at that time: later answers have not come, and such reads constrain nothing. */
function prefixOf<T extends AnyRecord>(
  records: readonly T[],
  until: number,
  checker: Checker<T>,
): readonly T[] {
  return records.flatMap((record) => {
    if (record.invoked > until) return [];
    if (record.returned <= until) return [record];
    if (checker.readsOnly(record)) return [];
    return [{ ...record, output: null, returned: Infinity }];
  });
}
