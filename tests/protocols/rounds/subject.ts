import { subjectOf, type Subject } from "../../../src/simulation/subject.ts";
import { rounds } from "./index.ts";
import type { Message } from "./message.ts";

/** What the simulator is told of Rounds and its mutants. */
export const HINTS = {
  viewOf: (message: object): number | "any" | null => {
    const { kind } = message as Message;
    if (kind === "timeout") return "any";
    if (kind === "propose" || kind === "vote") return (message as { view: number }).view;
    return null;
  },
} as const;

export const roundsSubject: Subject = subjectOf("rounds", rounds, {
  ...HINTS,
  marks: [
    "rounds: caught up by a decision",
    "rounds: sent a snapshot",
    "rounds: installed a snapshot",
    "rounds: took over a lock",
    "rounds: joined a view change",
    "rounds: proposal against the lock",
    "rounds: recovered",
  ],
});
