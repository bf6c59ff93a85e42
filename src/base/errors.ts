import { codeOf, describeErrno } from "./errno.ts";

/** The user's mistake: printed as one line on standard error, exit status 2, nothing started. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Something outside this process went wrong: printed as one line, exit status 1. */
export class RunError extends Error {
  override name = "RunError";
}

/** The exit status of a program that somebody told to stop. */
export const INTERRUPTED = 130;

/** Somebody told the program to stop: exit status INTERRUPTED. */
export class InterruptedError extends RunError {
  override name = "InterruptedError";

  constructor() {
    super("interrupted");
  }
}

/**
 * Takes every step though an earlier one failed; then throws what the first of those threw, or, if
 * the outside world failed several, a RunError with all that they said.
 */
export function everyStep(...steps: readonly (() => void)[]): void {
  const thrown: unknown[] = [];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      thrown.push(error);
    }
  }
  const ours = thrown.find((error) => !(error instanceof RunError));
  if (ours !== undefined) throw ours;
  if (thrown.length > 1) throw new RunError(thrown.map(reasonOf).join("; "));
  if (thrown.length > 0) throw thrown[0];
}

/** What an error that was thrown says, whatever was thrown; of the kernel's without their file. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code !== null) return describeErrno(code);
  return error instanceof Error ? error.message : String(error);
}
