// What one run of continuous integration, and a longer one, consist of: the table of
// docs/testing.md.

import type { Subject, Kind } from "../simulation/subject.ts";
import { MARKS_SEEDS_MIN } from "./campaign.ts";
import { twinsScenarios } from "../simulation/twins-scenarios.ts";

/** Seeds of one kind of one protocol: every `stride`-th from `first` on. */
export interface Row {
  readonly protocol: string;
  readonly kind: Kind;
  readonly first: number;
  readonly count: number;
  readonly stride: number;
  /** Seeds that a process runs at a time: seconds of work, on a slow machine too. */
  readonly part: number;
  /** Seeds that are run however little time there is. */
  readonly least: number;
  /** Seeds that are run unless the campaign is late: where marks need more. */
  readonly min: number;
  /** Its share of a campaign's time, beside those of other rows. */
  readonly weight: number;
}

/** A kind with the seeds of a full run, and the part and weight of its row. */
type Figures = readonly (readonly [kind: Kind, count: number, part: number, weight: number])[];

/** Where faults are tolerated. */
const TOLERANT: Figures = [
  ["short", 20_000, 25, 8],
  ["deep", 2_000, 5, 4],
  ["adversary", 5_000, 10, 6],
  ["invent", 1_000, 10, 2],
  ["splits", 20_000, 50, 4],
  ["codec", 1_000, 5, 1],
  ["fuzz", 200, 2, 1],
];
/** And where none is. */
const FAULTLESS: Figures = [
  ["short", 5_000, 50, 1],
  ["deep", 500, 10, 1],
  ["codec", 1_000, 10, 0.5],
  ["fuzz", 200, 5, 0.5],
];
const GUIDED = 20_000;
const TWINS_PART = 100;
const TWINS_WEIGHT = 3;
/** Parts that are run however little time there is. */
const PARTS_MIN = 2;

/**
 * The rows of all of them. Short seeds enough for marks are owed by the first that declares a mark,
 * because those that share it share the code that reaches it.
 */
export function rowsOfAll(
  subjects: Iterable<Subject>,
  stride: number,
): { readonly subject: Subject; readonly row: Row }[] {
  const asked = new Set<string>();
  return [...subjects].flatMap((subject) => {
    const marks = subject.protocol.simulation?.marks?.short ?? [];
    const owes = marks.some((name) => !asked.has(name));
    for (const name of marks) asked.add(name);
    return rowsOf(subject, stride, owes).map((row) => ({ subject, row }));
  });
}

/**
 * The rows of a subject, which owes short seeds enough for its marks or not; exhaustive Twins take
 * every `stride`-th scenario.
 */
export function rowsOf(
  { name: protocol, protocol: its, kinds }: Subject,
  stride: number,
  owesMarks: boolean,
): Row[] {
  const figures = (its.faults === "none" ? FAULTLESS : TOLERANT).filter(([kind]) =>
    kinds.includes(kind),
  );
  const rows = figures.map(([kind, count, part, weight]): Row => {
    const least = PARTS_MIN * part;
    const min = kind === "short" && owesMarks ? MARKS_SEEDS_MIN : least;
    return { protocol, kind, first: 0, count, stride: 1, part, least, min, weight };
  });
  if (!kinds.includes("twins")) return rows;
  const all = twinsScenarios(its).exhaustive;
  const twins = {
    protocol,
    kind: "twins",
    part: TWINS_PART,
    least: PARTS_MIN * TWINS_PART,
    min: PARTS_MIN * TWINS_PART,
    weight: TWINS_WEIGHT,
  } as const;
  rows.push({ ...twins, first: 0, count: Math.ceil(all / stride), stride });
  rows.push({ ...twins, first: all, count: GUIDED, stride: 1 });
  return rows;
}
