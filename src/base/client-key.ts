// The keys of clients, where these sign their requests.

/** Bytes of a client's key: compressed, of secp256k1. */
export const CLIENT_KEY_LENGTH = 33;

/** In place of a replica's index: a client signed, whose key is in the proof. */
export const A_CLIENT = -1;
