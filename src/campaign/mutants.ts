// Bugs planted on purpose: where they are found, and whether the simulator finds them.

import { existsSync, readdirSync } from "node:fs";
import { UsageError } from "../base/errors.ts";
import type { Subject } from "../simulation/subject.ts";
import { registered } from "../simulation/subjects.ts";
import { twinsScenarios } from "../simulation/twins-scenarios.ts";
import type { Report } from "../simulation/world.ts";
import { judgeSeed } from "./campaign.ts";
import { invariantOf } from "./shrink.ts";

/** A bug planted on purpose, and what has to find it. */
export interface Mutant {
  readonly subject: Subject;
  /** The kind of seeds that owes it. */
  readonly kind: Subject["kinds"][number];
  /** The invariant that convicts it, as failures name it: one of these. */
  readonly convictedBy: readonly string[];
  /**
   * Seeds within which it must be found, from `first` on: 0, or the first guided scenario of Twins.
   */
  readonly within: number;
  readonly first?: number;
  /**
   * Whether another protocol has the same bug in code that both share: a campaign with a budget
   * leaves it out, as the marks that they share.
   */
  readonly again?: boolean;
  /** A seed that convicted it, to try first. */
  readonly known?: number | undefined;
}

/**
 * What a file for `--load` exports: subjects that are not in the registry, mutants, and, by the
 * names of those of all files, seeds that convicted them.
 */
export interface Loaded {
  readonly subjects?: readonly Subject[];
  readonly mutants?: readonly Mutant[];
  readonly KNOWN_SEEDS?: ReadonlyMap<string, number>;
}

/** The subject of that name. Throws UsageError. */
export function findSubject(name: string, loaded: Loaded): Subject {
  const wanted = name.toLowerCase();
  const extra = [...(loaded.subjects ?? []), ...(loaded.mutants ?? []).map((m) => m.subject)];
  const subject = registered.get(wanted) ?? extra.find((candidate) => candidate.name === wanted);
  if (subject !== undefined) return subject;
  const names = [...registered.keys(), ...extra.map((candidate) => candidate.name)];
  throw new UsageError(`--protocol ${name}: there are ${names.join(", ")}`);
}

/**
 * The mutants of all files of tests/mutants; for the campaigns of a checkout, which an executable
 * has none of.
 */
export async function loadAll(): Promise<{ readonly mutants: readonly Mutant[] }> {
  const folder = `${import.meta.dir}/../../tests/mutants`;
  if (!existsSync(folder))
    throw new UsageError(`${folder}: no such folder; run this in a checkout`);
  const mutants: Mutant[] = [];
  const known = new Map<string, number>();
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".ts")) continue;
    const loaded = (await import(`${folder}/${file}`)) as Loaded;
    mutants.push(...(loaded.mutants ?? []));
    for (const [name, seed] of loaded.KNOWN_SEEDS ?? []) known.set(name, seed);
  }
  return {
    mutants: mutants.map((mutant) => ({ ...mutant, known: known.get(mutant.subject.name) })),
  };
}

export interface Conviction {
  /** The first report that fails, and how; null if the mutant was not found. */
  readonly report: Report | null;
  readonly what: string | null;
  readonly seeds: number;
  /** Whether what convicted it is what should. */
  readonly expected: boolean;
}

/**
 * Runs seeds until one fails, at most as many as the mutant allows, and the one that is known
 * before them.
 */
export function convict(mutant: Mutant): Conviction {
  const { subject, kind, convictedBy, within, known } = mutant;
  const first =
    mutant.first ?? (kind === "twins" ? twinsScenarios(subject.protocol).exhaustive : 0);
  const run = (seed: number, seeds: number): Conviction | null => {
    const { report, what } = judgeSeed({ subject, kind, seed });
    if (what === undefined) return null;
    return { report, what, seeds, expected: convictedBy.includes(invariantOf(what)) };
  };
  const again = known === undefined ? null : run(known, 1);
  if (again?.expected) return again;
  for (let i = 0; i < within; i++) {
    const found = run(first + i, i + 1);
    if (found !== null) return found;
  }
  return { report: null, what: null, seeds: within, expected: false };
}
