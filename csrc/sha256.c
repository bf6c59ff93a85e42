#include "sha256.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

#include "sha256_ni.h"
#endif

const uint32_t oskr_sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

const uint32_t oskr_sha256_initial[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static uint32_t rotate(uint32_t x, int by) { return x >> by | x << (32 - by); }

static uint32_t load_be(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void store_be(uint8_t *at, uint32_t word) {
  at[0] = (uint8_t)(word >> 24);
  at[1] = (uint8_t)(word >> 16);
  at[2] = (uint8_t)(word >> 8);
  at[3] = (uint8_t)word;
}

void oskr_compress_portable(uint32_t state[8], const uint8_t *data, size_t blocks) {
  for (; blocks > 0; blocks--, data += 64) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++) w[i] = load_be(data + 4 * i);
    for (int i = 16; i < 64; i++) {
      uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
      uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
      uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
      uint32_t choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
      uint32_t t1 = v[7] + s1 + choose + oskr_sha256_constants[i] + w[i];
      uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
      uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
      memmove(v + 1, v, 7 * sizeof v[0]);
      v[4] += t1;
      v[0] = t1 + s0 + majority;
    }
    for (int i = 0; i < 8; i++) state[i] += v[i];
  }
}

#if defined(__x86_64__)
SHA_NI static void compress_sha_ni(uint32_t state[8], const uint8_t *data, size_t blocks) {
  struct sha_ni_state s = sha_ni_load(state);
  for (; blocks > 0; blocks--, data += 64) {
    __m128i w[4];
    for (int i = 0; i < 4; i++) {
      w[i] = swap_words(_mm_loadu_si128((const __m128i *)(data + 16 * i)));
    }
    s = sha_ni_block(s, w);
  }
  __m128i abcd, efgh;
  sha_ni_words(s, &abcd, &efgh);
  _mm_storeu_si128((__m128i *)state, abcd);
  _mm_storeu_si128((__m128i *)(state + 4), efgh);
}

// The 65 bytes are put together in registers: through memory, at an odd offset, each load would
// wait for the stores before it, which costs as much as the hashing.
SHA_NI static void inner_sha_ni(const uint8_t left[32], const uint8_t right[32], uint8_t out[32]) {
  __m128i l0 = _mm_loadu_si128((const __m128i *)left);
  __m128i l1 = _mm_loadu_si128((const __m128i *)(left + 16));
  __m128i r0 = _mm_loadu_si128((const __m128i *)right);
  __m128i r1 = _mm_loadu_si128((const __m128i *)(right + 16));
  __m128i tag = _mm_set_epi8(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  __m128i w[4] = {swap_words(_mm_alignr_epi8(l0, tag, 15)), swap_words(_mm_alignr_epi8(l1, l0, 15)),
                  swap_words(_mm_alignr_epi8(r0, l1, 15)), swap_words(_mm_alignr_epi8(r1, r0, 15))};
  struct sha_ni_state s = sha_ni_block(sha_ni_load(oskr_sha256_initial), w);

  // The last byte, a one bit, zeros, and the length of 520 bits.
  __m128i one_bit = _mm_set_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0x80, 0);
  w[0] = swap_words(_mm_or_si128(_mm_srli_si128(r1, 15), one_bit));
  w[1] = _mm_setzero_si128();
  w[2] = _mm_setzero_si128();
  w[3] = _mm_set_epi32(520, 0, 0, 0);
  s = sha_ni_block(s, w);

  __m128i abcd, efgh;
  sha_ni_words(s, &abcd, &efgh);
  _mm_storeu_si128((__m128i *)out, swap_words(abcd));
  _mm_storeu_si128((__m128i *)(out + 16), swap_words(efgh));
}

oskr_compress_fn oskr_compress_hardware(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return NULL;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA)) return NULL;
  return compress_sha_ni;
}
#else
oskr_compress_fn oskr_compress_hardware(void) { return NULL; }
#endif

static oskr_compress_fn best = oskr_compress_portable;

__attribute__((constructor)) static void choose(void) {
  oskr_compress_fn hardware = oskr_compress_hardware();
  if (hardware != NULL) best = hardware;
}

void oskr_sha256_by(oskr_compress_fn compress, const uint8_t *data, size_t length,
                    uint8_t digest[32]) {
  uint32_t state[8];
  memcpy(state, oskr_sha256_initial, sizeof state);
  compress(state, data, length / 64);

  // The rest, a one bit, zeros, and the length in bits: one block or two.
  uint8_t tail[128] = {0};
  size_t rest = length % 64;
  size_t tail_length = rest < 56 ? 64 : 128;
  if (rest > 0) memcpy(tail, data + length - rest, rest);
  tail[rest] = 0x80;
  uint64_t bits = (uint64_t)length * 8;
  store_be(tail + tail_length - 8, (uint32_t)(bits >> 32));
  store_be(tail + tail_length - 4, (uint32_t)bits);
  compress(state, tail, tail_length / 64);

  for (int i = 0; i < 8; i++) store_be(digest + 4 * i, state[i]);
}

void oskr_sha256(const uint8_t *data, size_t length, uint8_t digest[32]) {
  oskr_sha256_by(best, data, length, digest);
}

void oskr_sha256_inner_portable(const uint8_t left[32], const uint8_t right[32], uint8_t out[32]) {
  uint8_t input[65];
  input[0] = 1;
  memcpy(input + 1, left, 32);
  memcpy(input + 33, right, 32);
  oskr_sha256_by(oskr_compress_portable, input, sizeof input, out);
}

void oskr_sha256_inner(const uint8_t left[32], const uint8_t right[32], uint8_t out[32]) {
#if defined(__x86_64__)
  if (best == compress_sha_ni) {
    inner_sha_ni(left, right, out);
    return;
  }
#endif
  oskr_sha256_inner_portable(left, right, out);
}
