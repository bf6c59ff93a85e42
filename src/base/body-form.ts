// Which operations travel apart from proposals (docs/guarantees.md, X23), and how messages begin
// that are about them, which are no protocol's.

/**
 * Operations of so many bytes are bodies. What is shorter fits a packet with room to spare, and its
 * digest and place would save little.
 */
export const BODY_MIN = 1024;

/** One in a message, and where it stands there. */
export interface BodyPlace {
  readonly at: number;
  readonly body: Uint8Array;
}

/** First bytes: of a message that names bodies, of a question for some, and of the answer. */
export const NAMED = 0xfc;
export const FETCH_BODIES = 0xfd;
export const BODIES = 0xfe;

/** What such a message is called, by its first byte; null: it is another. */
export function bodiesKindOf(kind: number | undefined): string | null {
  return kind === undefined ? null : (["named", "fetchBodies", "bodies"][kind - NAMED] ?? null);
}

export function isOfBodies(kind: number): boolean {
  return kind >= NAMED && kind <= BODIES;
}
