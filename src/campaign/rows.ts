// What one run of continuous integration, and a longer one, consist of: the table of
// docs/testing.md.

import type { Subject, Kind } from "../simulation/subject.ts";
import { twinsScenarios } from "../simulation/twins-scenarios.ts";

/** Seeds of one kind of one protocol: every `stride`-th from `first` on. */
export interface Row {
  readonly protocol: string;
  readonly kind: Kind;
  readonly first: number;
  readonly count: number;
  readonly stride: number;
}

type Figures = readonly (readonly [Kind, number])[];

/** Seeds of each kind in a full run, where faults are tolerated. */
const TOLERANT: Figures = [
  ["short", 20_000],
  ["deep", 2_000],
  ["adversary", 5_000],
  ["invent", 1_000],
  ["codec", 1_000],
  ["fuzz", 200],
];
/** And where none is. */
const FAULTLESS: Figures = [
  ["short", 5_000],
  ["deep", 500],
  ["codec", 1_000],
  ["fuzz", 200],
];
const GUIDED = 20_000;

/**
 * The rows of a subject, each divided by `divisor`; exhaustive Twins take every `divisor`-th
 * scenario.
 */
export function rowsOf({ name, protocol, kinds }: Subject, divisor: number): Row[] {
  const figures = (protocol.faults === "none" ? FAULTLESS : TOLERANT).filter(([kind]) =>
    kinds.includes(kind),
  );
  const rows = figures.map(([kind, count]): Row => ({
    protocol: name,
    kind,
    first: 0,
    count: Math.ceil(count / divisor),
    stride: 1,
  }));
  if (!kinds.includes("twins")) return rows;
  const all = twinsScenarios(protocol).exhaustive;
  const count = Math.ceil(all / divisor);
  rows.push({ protocol: name, kind: "twins", first: 0, count, stride: divisor });
  rows.push({
    protocol: name,
    kind: "twins",
    first: all,
    count: Math.ceil(GUIDED / divisor),
    stride: 1,
  });
  return rows;
}
