/** The user's mistake: printed as one line on standard error, exit status 2, nothing started. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Something outside this process went wrong: printed as one line, exit status 1. */
export class RunError extends Error {
  override name = "RunError";
}

/** What an error that was thrown says, whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
