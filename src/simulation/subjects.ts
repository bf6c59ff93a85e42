// The registry's protocols as the simulator tries them, with what it has to know of each.

import { existsSync, readdirSync } from "node:fs";
import type { Message as HotStuffMessage } from "../protocol/hotstuff/index.ts";
import { protocols } from "../protocol/index.ts";
import type { Message as PbftMessage } from "../protocol/pbft/index.ts";
import { UsageError } from "../base/errors.ts";
import { subjectOf, type Subject } from "./subject.ts";

type Hints = Partial<Omit<Subject, "name" | "protocol">>;

/** Marks that campaigns of 1,000 seeds must reach, and other hints, by protocol. */
const HINTS: ReadonlyMap<string, Hints> = new Map<string, Hints>([
  [
    "pbft",
    {
      moves: (message) => (message as PbftMessage).kind === "viewChange",
      marks: [
        "pbft: view timer runs out",
        "pbft: view change is joined",
        "pbft: missing view-change is fetched",
        "pbft: null batch fills a gap",
        "pbft: missing batch is fetched",
        "pbft: state is fetched",
        "pbft: state is installed",
        "pbft: replica recovers",
      ],
    },
  ],
  [
    "hotstuff",
    {
      viewOf: (message) => hotstuffView(message as HotStuffMessage),
      moves: (message) => (message as HotStuffMessage).kind === "timeout",
    },
  ],
]);

/** Blocks that are fetched, and what shows the way, go by their sender's view. */
function hotstuffView(message: HotStuffMessage): number | null {
  switch (message.kind) {
    case "propose":
      return message.block.view;
    case "vote":
    case "timeout":
      return message.view;
    default:
      return null;
  }
}

export const registered: ReadonlyMap<string, Subject> = new Map(
  [...protocols].map(([name, protocol]) => [name, subjectOf(name, protocol, HINTS.get(name))]),
);

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
}

/** What a file for `--load` exports: subjects that are not in the registry, and mutants. */
export interface Loaded {
  readonly subjects?: readonly Subject[];
  readonly mutants?: readonly Mutant[];
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
 * What all files of tests/mutants export; for the campaigns of a checkout, which an executable has
 * none of.
 */
export async function loadAll(): Promise<Loaded> {
  const folder = `${import.meta.dir}/../../tests/mutants`;
  if (!existsSync(folder))
    throw new UsageError(`${folder}: no such folder; run this in a checkout`);
  const subjects: Subject[] = [];
  const mutants: Mutant[] = [];
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const loaded = (await import(`${folder}/${file}`)) as Loaded;
    subjects.push(...(loaded.subjects ?? []));
    mutants.push(...(loaded.mutants ?? []));
  }
  return { subjects, mutants };
}
