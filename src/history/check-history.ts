// What npm run check-history does: whether what clients recorded is linearizable.

import type { ArgsDef } from "citty";
import { print } from "../base/logger.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { count } from "../evaluation/format.ts";
import { describeRecord, type History } from "./key-history.ts";
import { judgeHistory, type Judgement, type Violation } from "./judge-history.ts";
import { readHistory } from "./read-history.ts";
import { shown } from "./shown.ts";
import { STEPS_MAX } from "../simulation/linearizability.ts";

const ARGS = {
  history: {
    type: "positional",
    valueHint: "FILE",
    description:
      "What client --history wrote, Jepsen's history.edn, or operations of Porcupine as JSON",
  },
  initial: {
    type: "string",
    valueHint: "VALUE",
    description: "What every key holds at first (default: as docs/histories.md says)",
  },
  steps: {
    type: "string",
    default: String(STEPS_MAX),
    valueHint: "N",
    description: "Steps of the search, for each key, after which it gives up",
  },
} as const satisfies ArgsDef;

export const CHECK_HISTORY: Command = {
  name: "npm run check-history --",
  description:
    "Whether a history of registers or of a key-value store is linearizable; ends with status 0 " +
    "if it is, 1 if it is not, 3 if the search gave up",
  args: ARGS,
};

/** The latest operations before an answer that no order explains, which are shown. */
const SHOWN = 10;

/** Prints the verdict; the exit status. Throws UsageError. */
export function checkHistory(options: Options): number {
  const path = options.textOf("history");
  const stepsMax = options.integer("steps", 1, 1e12);
  const read = readHistory(path);
  const history = { ...read, initial: options.text("initial") ?? read.initial };
  const judgement = judgeHistory(history, stepsMax);
  for (const line of linesOf(path, history, judgement)) print(line);
  return { linearizable: 0, "not linearizable": 1, unknown: 3 }[judgement.verdict];
}

function linesOf(path: string, history: History, judgement: Judgement): readonly string[] {
  const { silent, format, unit, store = [] } = history;
  const records = store.length > 0 ? store : history.records;
  const { verdict, keys, undecided, violation } = judgement;
  const clients = new Set(records.map(({ client }) => client)).size;
  const rest = silent === 0 ? "" : `, and ${count(silent)} that constrain nothing`;
  const what =
    `${plural(records.length, "operation")} of ${plural(clients, "client")} on ` +
    `${plural(keys, "key")}${rest} (${format})`;
  return [
    `${path}: ${verdict}: ${what}`,
    ...(violation === null ? [] : violationLines(violation, unit)),
    ...(undecided.length === 0
      ? []
      : [`gave up on ${undecided.map(shown).join(", ")}: --steps allows more`]),
  ];
}

function violationLines(
  { key, culprit, before }: Violation,
  unit: History["unit"],
): readonly string[] {
  const latest = before.slice(-SHOWN);
  const left = before.length - latest.length;
  return [
    `no order of what was asked${key === "" ? "" : ` of ${shown(key)}`} explains this answer:`,
    `  ${describeRecord(culprit, unit)}`,
    `asked before it came${left === 0 ? "" : `, after ${plural(left, "other")}`}:`,
    ...latest.map((record) => `  ${describeRecord(record, unit)}`),
  ];
}

function plural(number: number, what: string): string {
  return `${count(number)} ${what}${number === 1 ? "" : "s"}`;
}
