// One-time signatures (docs/guarantees.md, G1 and G2): Winternitz chains over SHA-256 cut to 16
// bytes (Hülsing, W-OTS+, with a salt and the place in every hash), 128 public keys a batch under
// one Merkle root.
#ifndef OSKR_ONETIME_H
#define OSKR_ONETIME_H

#include <stdbool.h>
#include <stddef.h>

#include "oskr_native.h"
#include "sha256.h"

#define ELEMENT 16u
// Values of a digit, so of an element along its chain.
#define VALUES 4u
#define DIGITS 64u
#define CHAINS OSKR_ONETIME_CHAINS
#define WHO 12u

_Static_assert(VALUES *VALUES *VALUES *VALUES > DIGITS * (VALUES - 1), "checksum of 4 digits");

// Where the parts of a block stand.
enum {
  NUMBER_AT = 1,
  INDEX_AT = NUMBER_AT + 8,
  SALT_AT = INDEX_AT + 1,
  ELEMENTS_AT = SALT_AT + ELEMENT,
  PATH_AT = ELEMENTS_AT + CHAINS * ELEMENT,
  ROOT_SIGNATURE_AT = PATH_AT + OSKR_ONETIME_LEVELS * ELEMENT,
};
_Static_assert(ROOT_SIGNATURE_AT + OSKR_SIGNATURE_BYTES == OSKR_ONETIME_BLOCK, "G4");

// Names a batch: whose it is, and its number as on the wire.
struct oskr_batch_name {
  uint8_t who[WHO];
  uint8_t number[8];
};

// A key, with all that signing needs. Wiped once it has signed.
struct oskr_onetime_key {
  uint8_t salt[ELEMENT];
  uint8_t values[VALUES][CHAINS][ELEMENT];
};

// How chains are walked: by SHA instructions, or by C.
struct oskr_walk {
  // Chain heads and the salt of key `index`.
  void (*heads)(const uint8_t seed[32], const uint8_t number[8], uint8_t index,
                struct oskr_onetime_key *key);
  // All further values of all chains.
  void (*values)(struct oskr_onetime_key *key);
  // From these elements to the ends of their chains, in place.
  void (*ends)(const uint8_t salt[ELEMENT], const uint8_t digits[CHAINS],
               uint8_t elements[CHAINS][ELEMENT]);
};
OSKR_HIDDEN extern const struct oskr_walk oskr_walk_portable;
// By the instructions that the processor has; the portable one where it has none.
OSKR_HIDDEN const struct oskr_walk *oskr_walk_best(void);

OSKR_HIDDEN void oskr_onetime_digits(const uint8_t salt[ELEMENT], const uint8_t leaf[32],
                                     uint8_t digits[CHAINS]);
// Makes key `index`, and its public key.
OSKR_HIDDEN void oskr_onetime_key(const struct oskr_walk *walk, const uint8_t seed[32],
                                  const struct oskr_batch_name *name, uint8_t index,
                                  struct oskr_onetime_key *key, uint8_t public[ELEMENT]);
// The root that the block leads to if its key signed the leaf.
OSKR_HIDDEN void oskr_onetime_climb(const struct oskr_walk *walk, const uint8_t who[WHO],
                                    const uint8_t block[OSKR_ONETIME_BLOCK], const uint8_t leaf[32],
                                    uint8_t root[ELEMENT]);

// The same by the best walk.
OSKR_HIDDEN void oskr_onetime_root_of(const uint8_t who[WHO],
                                      const uint8_t block[OSKR_ONETIME_BLOCK],
                                      const uint8_t leaf[32], uint8_t root[ELEMENT]);

#endif
