// SHA-256 (FIPS 180-4) for what is hashed per message and per tree node. Written here because it
// needs nothing but libc, and because a node of 65 bytes costs libcrypto more in set-up than in
// hashing.
#ifndef OSKR_SHA256_H
#define OSKR_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define OSKR_HIDDEN __attribute__((visibility("hidden")))

typedef void (*oskr_compress_fn)(uint32_t state[8], const uint8_t *data, size_t blocks);

OSKR_HIDDEN extern const uint32_t oskr_sha256_constants[64] __attribute__((aligned(16)));
OSKR_HIDDEN extern const uint32_t oskr_sha256_initial[8];

// The digest of `length` bytes, by the fastest means the processor has.
OSKR_HIDDEN void oskr_sha256(const uint8_t *data, size_t length, uint8_t digest[32]);
// The same by a given compression function; for tests and for choosing.
OSKR_HIDDEN void oskr_sha256_by(oskr_compress_fn compress, const uint8_t *data, size_t length,
                                uint8_t digest[32]);
OSKR_HIDDEN void oskr_compress_portable(uint32_t state[8], const uint8_t *data, size_t blocks);
// SHA-256(1 | left | right), a node of a tree, in the fastest way; `out` may be either input.
OSKR_HIDDEN void oskr_sha256_inner(const uint8_t left[32], const uint8_t right[32],
                                   uint8_t out[32]);
OSKR_HIDDEN void oskr_sha256_inner_portable(const uint8_t left[32], const uint8_t right[32],
                                            uint8_t out[32]);
// The SHA extensions of x86-64, or NULL where the processor has none.
OSKR_HIDDEN oskr_compress_fn oskr_compress_hardware(void);

#endif
