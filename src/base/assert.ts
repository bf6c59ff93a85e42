/** Thrown when something happened that cannot: a bug of ours. Whoever sees it stops. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/**
 * States what must be true; left on in production. What a peer or the network can cause is no
 * matter for it.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

assert.fail = (message: string): never => {
  throw new AssertionError(message);
};
