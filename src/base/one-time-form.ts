// The form of one-time signatures, and of what announces their keys (docs/guarantees.md, G4, G5).

/** The first byte of a block that is a one-time signature (crypto/one-time.ts), and its bytes. */
export const ONE_TIME_TAG = 0x80;
export const ONE_TIME_BLOCK = 1 + 8 + 1 + 16 + 16 * (68 + 7) + 64;
/** Where the index of its key stands, of which there are so many. */
export const ONE_TIME_INDEX_AT = 1 + 8;
export const ONE_TIME_KEYS = 128;

/**
 * The first byte of what announces a batch of one-time keys, which is no protocol's message: behind
 * it the number (8), the root (16) and its signature (64); of a client's, its key (33) as well.
 */
export const ANNOUNCEMENT = 0xff;
export const ANNOUNCEMENT_SIZE = 1 + 8 + 16 + 64;
