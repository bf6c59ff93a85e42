// What is judged when a seed is over.

import { STAMP_LENGTH } from "./judge.ts";
import { checkKv } from "./linearizability.ts";
import type { World } from "./world.ts";

/** Steps of the linearizability checker for one seed. */
const STEPS_MAX = 20_000;

/**
 * Why correct replicas have not converged, or have not committed all that clients accepted; null if
 * they have.
 */
export function checkConvergence(world: World): string | null {
  const { outstanding } = world.ledger;
  if (outstanding !== null) return `convergence: ${outstanding}`;
  const length = world.ledger.canonical.length;
  for (const { app, process, replica } of world.correct()) {
    if (replica === null || app === null) continue;
    if (app.committed !== length) {
      return `convergence: ${process.name} executed ${app.committed} operations of ${length}`;
    }
    // One that the others began without cannot recover while f more are Byzantine (X14).
    const allowed = world.faulty() > world.plan.f;
    if (replica.census().phase !== "running" && !allowed)
      return `convergence: ${process.name} has not recovered`;
  }
  return null;
}

/**
 * Linearizability by the canonical log: an operation that was answered before another was sent
 * comes before it. (That results are those of the log is judged as clients accept them.)
 */
export function checkRealTime(world: World): void {
  const answered = world.history.filter((issued) => issued.position >= 0);
  const byPosition = [...answered].sort((a, b) => a.position - b.position);
  let latestSentUs = -1;
  for (const issued of byPosition) {
    if (issued.doneUs < latestSentUs) {
      const what = `operation ${issued.position} of c${issued.client}`;
      world.fail(`linearizability: ${what} was answered before an earlier one was sent`);
      return;
    }
    latestSentUs = Math.max(latestSentUs, issued.sentUs);
  }
}

/**
 * Linearizability as a stranger sees it: by what clients asked and were told, nothing else. Each
 * run begins with an empty state; what was executed in one without an answer that its client took
 * there, because strangers sent the request again, may be anywhere in it.
 */
export function checkHistory(world: World): void {
  const { ledgers } = world.epochs;
  for (const ledger of ledgers) {
    const history = world.history.flatMap(({ op, result, position, sentUs, doneUs }) => {
      const answered = ledger.contains(position);
      if (!answered && ledgers.length > 1 && !ledger.has(op)) return [];
      const known = answered ? { result, returned: doneUs } : { result: null, returned: Infinity };
      return [{ op: op.subarray(STAMP_LENGTH), invoked: sentUs, ...known }];
    });
    const verdict = checkKv(history, STEPS_MAX);
    if (verdict === "not linearizable") world.fail("linearizability: the clients' history is not");
    if (verdict === "unknown") world.count("linearizability unknown");
  }
}
