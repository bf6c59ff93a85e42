// SHA-256 by the SHA extensions of x86-64: one block, or two of different messages at once, since
// the rounds of one wait for each other and leave the unit idle half of the time.
#ifndef OSKR_SHA256_NI_H
#define OSKR_SHA256_NI_H

#include <immintrin.h>

#include "sha256.h"

#define SHA_NI __attribute__((target("sha,sse4.1,ssse3")))

// The state as the instructions keep it.
struct sha_ni_state {
  __m128i abef;
  __m128i cdgh;
};

SHA_NI static inline __m128i swap_words(__m128i bytes) {
  return _mm_shuffle_epi8(bytes, _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL));
}

SHA_NI static inline struct sha_ni_state sha_ni_load(const uint32_t state[8]) {
  __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
  __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
  return (struct sha_ni_state){_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

// The words a b c d and e f g h.
SHA_NI static inline void sha_ni_words(struct sha_ni_state s, __m128i *abcd, __m128i *efgh) {
  __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
  __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
  *abcd = _mm_blend_epi16(feba, dchg, 0xf0);
  *efgh = _mm_alignr_epi8(dchg, feba, 8);
}

SHA_NI static inline void sha_ni_rounds(struct sha_ni_state *s, __m128i wk) {
  s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, wk);
  s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(wk, 0x0e));
}

// The words of the message schedule that take the place of w[i & 3].
SHA_NI static inline __m128i sha_ni_schedule(const __m128i w[4], int i) {
  __m128i next = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
  next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
  return _mm_sha256msg2_epu32(next, w[(i + 3) & 3]);
}

SHA_NI static inline void sha_ni_add(struct sha_ni_state *s, struct sha_ni_state before) {
  s->abef = _mm_add_epi32(s->abef, before.abef);
  s->cdgh = _mm_add_epi32(s->cdgh, before.cdgh);
}

// One block: w holds its sixteen words, and from then on the last sixteen of the message schedule.
SHA_NI static inline struct sha_ni_state sha_ni_block(struct sha_ni_state before, __m128i w[4]) {
  struct sha_ni_state s = before;
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) {
    __m128i k = _mm_load_si128((const __m128i *)oskr_sha256_constants + i);
    sha_ni_rounds(&s, _mm_add_epi32(w[i & 3], k));
    if (i < 12) w[i & 3] = sha_ni_schedule(w, i);
  }
  sha_ni_add(&s, before);
  return s;
}

// One block of each of two messages, each from the state that is there.
SHA_NI static inline void sha_ni_two_blocks(struct sha_ni_state *a, __m128i wa[4],
                                            struct sha_ni_state *b, __m128i wb[4]) {
  struct sha_ni_state a0 = *a, b0 = *b;
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) {
    __m128i k = _mm_load_si128((const __m128i *)oskr_sha256_constants + i);
    __m128i ka = _mm_add_epi32(wa[i & 3], k), kb = _mm_add_epi32(wb[i & 3], k);
    a->cdgh = _mm_sha256rnds2_epu32(a->cdgh, a->abef, ka);
    b->cdgh = _mm_sha256rnds2_epu32(b->cdgh, b->abef, kb);
    a->abef = _mm_sha256rnds2_epu32(a->abef, a->cdgh, _mm_shuffle_epi32(ka, 0x0e));
    b->abef = _mm_sha256rnds2_epu32(b->abef, b->cdgh, _mm_shuffle_epi32(kb, 0x0e));
    if (i >= 12) continue;
    wa[i & 3] = sha_ni_schedule(wa, i);
    wb[i & 3] = sha_ni_schedule(wb, i);
  }
  sha_ni_add(a, a0);
  sha_ni_add(b, b0);
}

#endif
