// Many seeds without a picture: for tests, and for a console.

import { registered } from "../../simulation/subjects.ts";
import type { Kind } from "../../simulation/subject.ts";
import { runAny } from "../../simulation/runner.ts";

/** Trace hashes and first violations of so many seeds, a line each. */
export function judge(protocol: string, kind: Kind, first: number, count: number): string[] {
  const subject = registered.get(protocol);
  if (subject === undefined) throw new Error(`there is no protocol '${protocol}'`);
  return Array.from({ length: count }, (_, i) => {
    const { traceHash, failures, events } = runAny({ subject, kind, seed: first + i });
    // Stacks are told in other words by other engines.
    const verdict = failures[0]?.split("\n")[0] ?? "passed";
    return `${first + i} ${traceHash} ${events} ${verdict}`;
  });
}
