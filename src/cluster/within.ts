// Promises that may take too long.

import { RunError } from "../base/errors.ts";

interface Limit {
  readonly limitMs: number;
  /** What is said when it takes longer. */
  readonly late: string;
  readonly signal: AbortSignal | null;
}

/**
 * What the promise brings; throws the signal's reason when that comes first, RunError when it takes
 * too long.
 */
export async function within<T>(promise: Promise<T>, limit: Limit): Promise<T> {
  const { limitMs, late, signal } = limit;
  const given = Promise.withResolvers<never>();
  const abort = (): void => given.reject(signal?.reason);
  const timer = setTimeout(() => given.reject(new RunError(late)), limitMs);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted === true) abort();
  try {
    return await Promise.race([promise, given.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
