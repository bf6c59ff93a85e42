// How long tests wait for what should happen. Nothing is judged by it.

/**
 * Milliseconds after which a test counts as one that hangs: far more than any needs on a machine that
 * has nothing else to do, because one that is loaded, or half as fast, is no reason to fail.
 */
export const PATIENCE_MS = 300_000;
/** And a program that it starts, or waits for, which the test then says. */
export const PROGRAM_MS = 240_000;
