/** The user's mistake: printed as one line on standard error, exit status 2, nothing started. */
export class UsageError extends Error {
  override name = "UsageError";
}
