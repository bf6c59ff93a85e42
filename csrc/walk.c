// How the chains of one-time keys are walked. Two chains at once, and elements that stay in
// registers: through memory, at odd offsets, each load would wait for the stores before it.

#include <string.h>

#include "onetime.h"

#if defined(__x86_64__)
#include "sha256_ni.h"
#endif

// Bytes of the inputs, each of one block: 8 | seed | number | index | chain, and 5 | salt | chain |
// step | element.
#define HEAD_LENGTH 43
#define STEP_LENGTH 35
#define SALT_CHAIN 255

static void pad(uint8_t block[64], uint16_t length) {
  block[length] = 0x80;
  block[62] = (uint8_t)(length * 8 >> 8);
  block[63] = (uint8_t)(length * 8);
}

static void head_block(const uint8_t seed[32], const uint8_t number[8], uint8_t index,
                       uint8_t block[64]) {
  memset(block, 0, 64);
  block[0] = 8;
  memcpy(block + 1, seed, 32);
  memcpy(block + 33, number, 8);
  block[41] = index;
  pad(block, HEAD_LENGTH);
}

// ---- In C ---------------------------------------------------------------------------------------

static void compress_one(const uint8_t block[64], uint8_t out[ELEMENT]) {
  uint32_t state[8];
  memcpy(state, oskr_sha256_initial, sizeof state);
  oskr_compress_portable(state, block, 1);
  for (int i = 0; i < 4; i++) {
    out[4 * i] = (uint8_t)(state[i] >> 24);
    out[4 * i + 1] = (uint8_t)(state[i] >> 16);
    out[4 * i + 2] = (uint8_t)(state[i] >> 8);
    out[4 * i + 3] = (uint8_t)state[i];
  }
}

static void portable_heads(const uint8_t seed[32], const uint8_t number[8], uint8_t index,
                           struct oskr_onetime_key *key) {
  uint8_t block[64];
  head_block(seed, number, index, block);
  for (uint32_t chain = 0; chain < CHAINS; chain++) {
    block[42] = (uint8_t)chain;
    compress_one(block, key->values[0][chain]);
  }
  block[42] = SALT_CHAIN;
  compress_one(block, key->salt);
  explicit_bzero(block, sizeof block);
}

static void portable_step(const uint8_t salt[ELEMENT], uint32_t chain, uint32_t step,
                          const uint8_t from[ELEMENT], uint8_t to[ELEMENT]) {
  uint8_t block[64] = {5};
  memcpy(block + 1, salt, ELEMENT);
  block[17] = (uint8_t)chain;
  block[18] = (uint8_t)step;
  memcpy(block + 19, from, ELEMENT);
  pad(block, STEP_LENGTH);
  compress_one(block, to);
}

static void portable_values(struct oskr_onetime_key *key) {
  for (uint32_t step = 0; step + 1 < VALUES; step++) {
    for (uint32_t chain = 0; chain < CHAINS; chain++) {
      portable_step(key->salt, chain, step, key->values[step][chain], key->values[step + 1][chain]);
    }
  }
}

static void portable_ends(const uint8_t salt[ELEMENT], const uint8_t digits[CHAINS],
                          uint8_t elements[CHAINS][ELEMENT]) {
  for (uint32_t chain = 0; chain < CHAINS; chain++) {
    for (uint32_t step = digits[chain]; step + 1 < VALUES; step++) {
      portable_step(salt, chain, step, elements[chain], elements[chain]);
    }
  }
}

const struct oskr_walk oskr_walk_portable = {portable_heads, portable_values, portable_ends};

// ---- By SHA instructions ------------------------------------------------------------------------

#if defined(__x86_64__)

SHA_NI static inline __m128i load(const uint8_t *at) {
  return _mm_loadu_si128((const __m128i *)at);
}

SHA_NI static inline void store(uint8_t *at, __m128i bytes) {
  _mm_storeu_si128((__m128i *)at, bytes);
}

// The first half of the digest, as bytes.
SHA_NI static inline __m128i half_digest(struct sha_ni_state s) {
  __m128i abcd, efgh;
  sha_ni_words(s, &abcd, &efgh);
  return swap_words(abcd);
}

SHA_NI static inline void head_words(const uint8_t block[64], uint32_t chain, __m128i w[4]) {
  w[0] = swap_words(load(block));
  w[1] = swap_words(load(block + 16));
  // The last byte but five of the third sixteen.
  __m128i at = _mm_slli_si128(_mm_cvtsi32_si128((int)chain), 10);
  w[2] = swap_words(_mm_or_si128(load(block + 32), at));
  w[3] = swap_words(load(block + 48));
}

SHA_NI static inline void two_heads(const uint8_t block[64], uint32_t one, uint32_t two,
                                    uint8_t *to_one, uint8_t *to_two) {
  __m128i a[4], b[4];
  head_words(block, one, a);
  head_words(block, two, b);
  struct sha_ni_state s = sha_ni_load(oskr_sha256_initial), t = s;
  sha_ni_two_blocks(&s, a, &t, b);
  store(to_one, half_digest(s));
  store(to_two, half_digest(t));
}

SHA_NI static void ni_heads(const uint8_t seed[32], const uint8_t number[8], uint8_t index,
                            struct oskr_onetime_key *key) {
  uint8_t block[64], unused[ELEMENT];
  head_block(seed, number, index, block);
  for (uint32_t chain = 0; chain < CHAINS; chain += 2) {
    two_heads(block, chain, chain + 1, key->values[0][chain], key->values[0][chain + 1]);
  }
  two_heads(block, SALT_CHAIN, SALT_CHAIN, key->salt, unused);
  explicit_bzero(block, sizeof block);
}

// What all steps of a key share.
struct salted {
  __m128i first;  // 5 | salt, without its last byte
  uint32_t last;
  struct sha_ni_state initial;
};

SHA_NI static inline struct salted salted_by(const uint8_t salt[ELEMENT]) {
  __m128i first = _mm_or_si128(_mm_slli_si128(load(salt), 1), _mm_cvtsi32_si128(5));
  return (struct salted){swap_words(first), salt[15], sha_ni_load(oskr_sha256_initial)};
}

SHA_NI static inline void step_words(const struct salted *key, uint32_t chain, uint32_t step,
                                     __m128i element, __m128i w[4]) {
  __m128i place = _mm_cvtsi32_si128((int)(key->last | chain << 8 | step << 16));
  __m128i end = _mm_cvtsi32_si128((int)0x80000000u);  // a one bit behind three bytes
  w[0] = key->first;
  w[1] = swap_words(_mm_or_si128(place, _mm_slli_si128(element, 3)));
  w[2] = swap_words(_mm_or_si128(_mm_srli_si128(element, 13), end));
  w[3] = _mm_set_epi32(STEP_LENGTH * 8, 0, 0, 0);
}

SHA_NI static inline void two_steps(const struct salted *key, uint32_t step, uint32_t one,
                                    __m128i *element_one, uint32_t two, __m128i *element_two) {
  __m128i a[4], b[4];
  step_words(key, one, step, *element_one, a);
  step_words(key, two, step, *element_two, b);
  struct sha_ni_state s = key->initial, t = key->initial;
  sha_ni_two_blocks(&s, a, &t, b);
  *element_one = half_digest(s);
  *element_two = half_digest(t);
}

SHA_NI static void ni_values(struct oskr_onetime_key *key) {
  struct salted salted = salted_by(key->salt);
  for (uint32_t chain = 0; chain < CHAINS; chain += 2) {
    __m128i one = load(key->values[0][chain]), two = load(key->values[0][chain + 1]);
    for (uint32_t step = 0; step + 1 < VALUES; step++) {
      two_steps(&salted, step, chain, &one, chain + 1, &two);
      store(key->values[step + 1][chain], one);
      store(key->values[step + 1][chain + 1], two);
    }
  }
}

// Chains of equal length go in pairs, so that no branch depends on a digit.
SHA_NI static void ni_ends(const uint8_t salt[ELEMENT], const uint8_t digits[CHAINS],
                           uint8_t elements[CHAINS][ELEMENT]) {
  uint8_t chains[VALUES][CHAINS + 1];
  uint32_t counts[VALUES] = {0};
  for (uint32_t chain = 0; chain < CHAINS; chain++) {
    uint32_t digit = digits[chain];
    chains[digit][counts[digit]++] = (uint8_t)chain;
  }
  struct salted salted = salted_by(salt);
  for (uint32_t digit = 0; digit + 1 < VALUES; digit++) {
    uint32_t count = counts[digit];
    // One that is left over goes with itself.
    if (count % 2 == 1) chains[digit][count] = chains[digit][count - 1];
    for (uint32_t i = 0; i < count; i += 2) {
      uint8_t a = chains[digit][i], b = chains[digit][i + 1];
      __m128i one = load(elements[a]), two = load(elements[b]);
      for (uint32_t step = digit; step + 1 < VALUES; step++) {
        two_steps(&salted, step, a, &one, b, &two);
      }
      store(elements[a], one);
      store(elements[b], two);
    }
  }
}

static const struct oskr_walk walk_ni = {ni_heads, ni_values, ni_ends};

const struct oskr_walk *oskr_walk_best(void) {
  return oskr_compress_hardware() == NULL ? &oskr_walk_portable : &walk_ni;
}
#else
const struct oskr_walk *oskr_walk_best(void) { return &oskr_walk_portable; }
#endif
