// One-time signatures: published vectors of this format, both ways to walk chains against each
// other, forgeries, and keys that sign once.
#include <errno.h>
#include <string.h>

#include "../onetime.h"
#include "native_test.h"

static const struct oskr_batch_name name = {{1, 2, 3}, {0, 0, 0, 0, 0, 0, 1, 7}};

static void seed_of(uint8_t seed[32]) {
  for (int i = 0; i < 32; i++) seed[i] = (uint8_t)i;
}

static void to_hex(const uint8_t *bytes, size_t length, char *out) {
  for (size_t i = 0; i < length; i++) sprintf(out + 2 * i, "%02x", bytes[i]);
}

// tests/crypto/one-time.test.ts has the same, from the reference in TypeScript.
static void keys_are_those_of_the_vectors(void) {
  static const char *const vectors[][2] = {
      {"9313158c55c0bfce0af378a9551c40d6", "fe7cee777da44f72e8b7299b294c4311"},
      {"6d979044dd24c6c3721aa4c96ed7d004", "6fe27fe3585a4ab8ff3591938f571af0"},
  };
  static const uint8_t indices[] = {0, 127};
  for (int i = 0; i < 2; i++) {
    static struct oskr_onetime_key key;
    uint8_t seed[32], public[ELEMENT];
    char salt_hex[33], public_hex[33];
    seed_of(seed);
    oskr_onetime_key(oskr_walk_best(), seed, &name, indices[i], &key, public);
    to_hex(key.salt, ELEMENT, salt_hex);
    to_hex(public, ELEMENT, public_hex);
    CHECK(strcmp(salt_hex, vectors[i][0]) == 0);
    CHECK(strcmp(public_hex, vectors[i][1]) == 0);
  }
}

static void digits_are_those_of_the_vector(void) {
  uint8_t salt[ELEMENT], leaf[32], digits[CHAINS];
  char text[CHAINS + 1] = {0};
  memset(salt, 0xa5, sizeof salt);
  memset(leaf, 0x5a, sizeof leaf);
  oskr_onetime_digits(salt, leaf, digits);
  for (uint32_t i = 0; i < CHAINS; i++) text[i] = (char)('0' + digits[i]);
  CHECK(strcmp(text, "20312120130320221033233100033013021203130120231213222233302113221113") == 0);
}

// Whatever lies further along every chain of the message is back along one of the checksum.
static void no_other_digits_are_all_as_large(void) {
  uint64_t seed = 5;
  static uint8_t all[400][CHAINS];
  uint8_t salt[ELEMENT] = {1}, leaf[32] = {0};
  for (int i = 0; i < 400; i++) {
    for (int j = 0; j < 32; j++) leaf[j] = (uint8_t)next_random(&seed);
    oskr_onetime_digits(salt, leaf, all[i]);
    uint32_t sum = 0, checksum = 0;
    for (uint32_t c = 0; c < DIGITS; c++) sum += 3u - all[i][c];
    for (uint32_t c = DIGITS; c < CHAINS; c++) checksum = checksum * 4 + all[i][c];
    CHECK(sum == checksum);
    for (int j = 0; j < i; j++) {
      bool covers = true, covered = true;
      for (uint32_t c = 0; c < CHAINS; c++) {
        covers &= all[i][c] >= all[j][c];
        covered &= all[i][c] <= all[j][c];
      }
      CHECK(!covers && !covered);
    }
  }
}

static void both_walks_give_the_same(void) {
  const struct oskr_walk *best = oskr_walk_best();
  if (best == &oskr_walk_portable) {
    printf("       (this processor has no SHA instructions: nothing to compare)\n");
    return;
  }
  uint64_t random = 11;
  static struct oskr_onetime_key one, two;
  for (int round = 0; round < 50; round++) {
    uint8_t seed[32], p[ELEMENT], q[ELEMENT];
    for (int i = 0; i < 32; i++) seed[i] = (uint8_t)next_random(&random);
    uint8_t index = (uint8_t)(next_random(&random) % OSKR_ONETIME_KEYS);
    oskr_onetime_key(best, seed, &name, index, &one, p);
    oskr_onetime_key(&oskr_walk_portable, seed, &name, index, &two, q);
    CHECK(memcmp(&one, &two, sizeof one) == 0);
    CHECK(memcmp(p, q, ELEMENT) == 0);
    uint8_t digits[CHAINS], a[CHAINS][ELEMENT], b[CHAINS][ELEMENT];
    // Also all of one length, and all of none.
    for (uint32_t c = 0; c < CHAINS; c++) {
      digits[c] = (uint8_t)(round < 4 ? (uint64_t)round : next_random(&random) % 4);
      memcpy(a[c], one.values[digits[c]][c], ELEMENT);
    }
    memcpy(b, a, sizeof a);
    best->ends(one.salt, digits, a);
    oskr_walk_portable.ends(one.salt, digits, b);
    CHECK(memcmp(a, b, sizeof a) == 0);
    CHECK(memcmp(a, one.values[3], sizeof a) == 0);
  }
}

static struct oskr_hasher *hasher;

static struct oskr_onetime *open_keys(double number) {
  struct oskr_onetime *keys = oskr_onetime_open();
  hasher = oskr_hasher_open();
  CHECK(keys != NULL && hasher != NULL);
  memset(keys->who, 0x77, 12);
  memset(hasher->who, 0x77, 12);
  memset(hasher->domain, 9, 32);
  memset(hasher->cluster, 8, 32);
  CHECK(oskr_onetime_begin(keys, 0, number) == 0);
  CHECK(oskr_onetime_make(keys, 0, 0, OSKR_ONETIME_KEYS) == 0);
  CHECK(oskr_onetime_root(keys, 0) == 0);
  memset(keys->signature, 0xab, OSKR_SIGNATURE_BYTES);
  CHECK(oskr_onetime_seal(keys, 0) == 0);
  return keys;
}

static void close_keys(struct oskr_onetime *keys) {
  oskr_onetime_close(keys);
  oskr_hasher_close(hasher);
}

static uint32_t message(uint32_t number) {
  uint32_t length = 20 + number % 90;
  memset(hasher->body, (int)(number & 0xff), length);
  memcpy(hasher->body, &number, sizeof number);
  return length;
}

static void leaf_of(uint32_t length, uint8_t leaf[32]) {
  oskr_sha256(&hasher->tag, 1 + 32 + (size_t)length, leaf);
}

// Whether the block in the hasher, for that message, leads to the root that is signed.
static bool climbs(uint32_t number, const uint8_t digest[32]) {
  return oskr_hasher_climb_onetime(hasher, message(number)) == 0 &&
         memcmp(hasher->digest, digest, 32) == 0;
}

static void root_digest(const struct oskr_onetime *keys, uint8_t digest[32]) {
  memcpy(hasher->onetime, keys->block, 9);
  memcpy(hasher->onetime + 9, keys->root, ELEMENT);
  CHECK(oskr_hasher_onetime_root(hasher) == 0);
  memcpy(digest, hasher->digest, 32);
}

static void every_key_signs_once_and_leads_to_the_root(void) {
  struct oskr_onetime *keys = open_keys(4503599627370497.0);
  uint8_t digest[32];
  static uint8_t salts[OSKR_ONETIME_KEYS][ELEMENT];
  for (uint32_t i = 0; i < OSKR_ONETIME_KEYS; i++) {
    leaf_of(message(i), keys->leaf);
    CHECK(oskr_onetime_sign(keys, 0) == (int32_t)i);
    static const uint8_t head[] = {0x80, 0, 0x10, 0, 0, 0, 0, 0, 1};
    CHECK(memcmp(keys->block, head, sizeof head) == 0 && keys->block[9] == i);
    CHECK(memcmp(keys->block + ROOT_SIGNATURE_AT, keys->signature, 64) == 0);
    memcpy(salts[i], keys->block + SALT_AT, ELEMENT);
    for (uint32_t j = 0; j < i; j++) CHECK(memcmp(salts[i], salts[j], ELEMENT) != 0);
    root_digest(keys, digest);
    memcpy(hasher->onetime, keys->block, OSKR_ONETIME_BLOCK);
    CHECK(climbs(i, digest));
    CHECK(climbs(i, digest));
    CHECK(!climbs(i + 1, digest));
  }
  CHECK(oskr_onetime_sign(keys, 0) == -ENOKEY);
  close_keys(keys);
}

static void one_altered_byte_leads_elsewhere(void) {
  struct oskr_onetime *keys = open_keys(77);
  uint8_t digest[32];
  leaf_of(message(1), keys->leaf);
  CHECK(oskr_onetime_sign(keys, 0) == 0);
  root_digest(keys, digest);
  for (uint32_t at = 1; at < OSKR_ONETIME_BLOCK; at++) {
    memcpy(hasher->onetime, keys->block, OSKR_ONETIME_BLOCK);
    hasher->onetime[at] ^= 1;
    // The signature of the root is checked by others; an element may be right by its digit only.
    CHECK(climbs(1, digest) == (at >= ROOT_SIGNATURE_AT));
  }
  memcpy(hasher->onetime, keys->block, OSKR_ONETIME_BLOCK);
  hasher->who[0] ^= 1;
  CHECK(!climbs(1, digest));
  hasher->who[0] ^= 1;
  hasher->cluster[31] ^= 1;
  CHECK(!climbs(1, digest));
  hasher->cluster[31] ^= 1;
  hasher->domain[0] ^= 1;
  CHECK(!climbs(1, digest));
  hasher->domain[0] ^= 1;
  CHECK(climbs(1, digest));
  close_keys(keys);
}

// One step further along a chain, as whoever sees a signature can go.
static void going_on_along_chains_leads_elsewhere(void) {
  struct oskr_onetime *keys = open_keys(78);
  uint8_t digest[32], leaf[32], digits[CHAINS];
  leaf_of(message(1), keys->leaf);
  memcpy(leaf, keys->leaf, 32);
  CHECK(oskr_onetime_sign(keys, 0) == 0);
  root_digest(keys, digest);
  uint8_t *elements = hasher->onetime + ELEMENTS_AT;
  oskr_onetime_digits(keys->block + SALT_AT, leaf, digits);
  int tried = 0;
  for (uint32_t chain = 0; chain < CHAINS; chain++) {
    if (digits[chain] == VALUES - 1) continue;
    memcpy(hasher->onetime, keys->block, OSKR_ONETIME_BLOCK);
    uint8_t next[CHAINS][ELEMENT], from[CHAINS];
    memset(from, VALUES - 1, sizeof from);
    memcpy(next, elements, sizeof next);
    from[chain] = VALUES - 2;
    oskr_walk_best()->ends(keys->block + SALT_AT, from, next);
    memcpy(elements, next, sizeof next);
    CHECK(!climbs(1, digest));
    tried++;
  }
  CHECK(tried > 20);
  close_keys(keys);
}

static void malformed_blocks_are_refused(void) {
  struct oskr_onetime *keys = open_keys(79);
  memset(hasher->onetime, 0, OSKR_ONETIME_BLOCK);
  CHECK(oskr_hasher_climb_onetime(hasher, 10) == -EBADMSG);
  hasher->onetime[0] = OSKR_ONETIME_TAG;
  CHECK(oskr_hasher_climb_onetime(hasher, 10) == 0);
  CHECK(oskr_hasher_climb_onetime(hasher, OSKR_SIGNED_MAX + 1) == -EMSGSIZE);
  hasher->onetime[INDEX_AT] = OSKR_ONETIME_KEYS;
  CHECK(oskr_hasher_climb_onetime(hasher, 10) == -EBADMSG);
  close_keys(keys);
}

static void batches_in_the_wrong_state_are_refused(void) {
  struct oskr_onetime *keys = open_keys(1);
  CHECK(oskr_onetime_make(keys, 0, 0, 1) == -EBUSY);
  CHECK(oskr_onetime_begin(keys, OSKR_ONETIME_BATCHES, 2) == -EINVAL);
  CHECK(oskr_onetime_begin(keys, 1, -1) == -EINVAL);
  CHECK(oskr_onetime_begin(keys, 1, 9007199254740992.0) == -EINVAL);
  CHECK(oskr_onetime_begin(keys, 1, 9007199254740991.0) == 0);
  CHECK(oskr_onetime_sign(keys, 1) == -ENOKEY);
  CHECK(oskr_onetime_root(keys, 1) == -EAGAIN);
  CHECK(oskr_onetime_make(keys, 1, 1, OSKR_ONETIME_KEYS - 1) == 0);
  CHECK(oskr_onetime_root(keys, 1) == -EAGAIN);
  CHECK(oskr_onetime_make(keys, 1, 0, 1) == 0);
  CHECK(oskr_onetime_root(keys, 1) == 0);
  CHECK(oskr_onetime_make(keys, 1, 1, OSKR_ONETIME_KEYS) == -EINVAL);
  CHECK(oskr_onetime_make(keys, 1, OSKR_ONETIME_KEYS + 1, 0) == -EINVAL);
  CHECK(oskr_onetime_make(keys, OSKR_ONETIME_BATCHES, 0, 1) == -EINVAL);
  CHECK(oskr_onetime_root(keys, OSKR_ONETIME_BATCHES) == -EINVAL);
  CHECK(oskr_onetime_seal(keys, OSKR_ONETIME_BATCHES) == -EINVAL);
  CHECK(oskr_onetime_sign(keys, OSKR_ONETIME_BATCHES) == -EINVAL);
  close_keys(keys);
}

// Two processes with one long-term key, which is what a restart comes to.
static void no_start_has_keys_of_another(void) {
  struct oskr_onetime *one = open_keys(5);
  uint8_t root[ELEMENT];
  memcpy(root, one->root, ELEMENT);
  close_keys(one);
  struct oskr_onetime *two = open_keys(5);
  CHECK(memcmp(two->root, root, ELEMENT) != 0);
  close_keys(two);
}

static uint32_t load_word(uint32_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }

// Threads make keys of two batches while another one signs.
static void threads_make_keys(void) {
  enum { A_JOB = 8, JOBS_A_BATCH = OSKR_ONETIME_KEYS / A_JOB };
  struct oskr_onetime *keys = open_keys(100);
  struct oskr_signer *signer = oskr_signer_open();
  struct oskr_rings *rings = oskr_signer_rings(signer);
  oskr_signer_onetime(signer, keys);
  for (int i = 0; i < 3; i++) CHECK(oskr_signer_thread(signer, OSKR_ANY_CPU) == 0);
  for (uint32_t at = 1; at < 3; at++) CHECK(oskr_onetime_begin(keys, at, 100 + at) == 0);
  for (uint32_t job = 0; job < 2 * JOBS_A_BATCH; job++) {
    struct oskr_job *to = &rings->jobs[job];
    to->kind = OSKR_MAKE_KEYS;
    to->key = 1 + job / JOBS_A_BATCH;
    to->first = (uint16_t)(job % JOBS_A_BATCH * A_JOB);
    to->count = A_JOB;
    CHECK(oskr_signer_submit(signer, job) == 0);
  }
  leaf_of(message(1), keys->leaf);
  for (uint32_t i = 0; i < OSKR_ONETIME_KEYS; i++) {
    CHECK(oskr_onetime_sign(keys, 0) == (int32_t)i);
  }
  for (uint32_t i = 0; i < 2 * JOBS_A_BATCH; i++) {
    uint32_t *entry = &rings->completed[i % OSKR_JOBS];
    while (load_word(entry) == 0) oskr_yield();
    CHECK(rings->jobs[load_word(entry) - 1].status == 0);
  }
  for (uint32_t at = 1; at < 3; at++) {
    CHECK(oskr_onetime_root(keys, at) == 0);
    CHECK(oskr_onetime_seal(keys, at) == 0);
    CHECK(oskr_onetime_sign(keys, at) == 0);
    uint8_t digest[32];
    root_digest(keys, digest);
    memcpy(hasher->onetime, keys->block, OSKR_ONETIME_BLOCK);
    CHECK(climbs(1, digest));
  }
  oskr_signer_close(signer);
  close_keys(keys);
}

static void without_keys_a_job_that_makes_some_fails(void) {
  struct oskr_signer *signer = oskr_signer_open();
  struct oskr_rings *rings = oskr_signer_rings(signer);
  rings->jobs[0].kind = OSKR_MAKE_KEYS;
  CHECK(oskr_signer_submit(signer, 0) == 0);
  CHECK(oskr_signer_help(signer) == 1);
  CHECK(rings->jobs[0].status == -EINVAL);
  oskr_signer_close(signer);
}

RUN(TEST(keys_are_those_of_the_vectors), TEST(digits_are_those_of_the_vector),
    TEST(no_other_digits_are_all_as_large), TEST(both_walks_give_the_same),
    TEST(every_key_signs_once_and_leads_to_the_root), TEST(one_altered_byte_leads_elsewhere),
    TEST(going_on_along_chains_leads_elsewhere), TEST(malformed_blocks_are_refused),
    TEST(batches_in_the_wrong_state_are_refused), TEST(no_start_has_keys_of_another),
    TEST(threads_make_keys), TEST(without_keys_a_job_that_makes_some_fails))
