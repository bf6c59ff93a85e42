// SHA-256 against published vectors and its two implementations against each other; trees against
// paths.
#include <errno.h>
#include <string.h>

#include "../oskr_native.h"
#include "../sha256.h"
#include "native_test.h"

static void to_hex(const uint8_t digest[32], char out[65]) {
  for (int i = 0; i < 32; i++) sprintf(out + 2 * i, "%02x", digest[i]);
}

static bool hashes_to(oskr_compress_fn compress, const char *text, const char *expected) {
  uint8_t digest[32];
  char hex[65];
  oskr_sha256_by(compress, (const uint8_t *)text, strlen(text), digest);
  to_hex(digest, hex);
  return strcmp(hex, expected) == 0;
}

// FIPS 180-4's examples (NIST, "SHA256.pdf"), and the empty message.
static void check_vectors(oskr_compress_fn compress) {
  CHECK(
      hashes_to(compress, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  CHECK(hashes_to(compress, "abc",
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  CHECK(hashes_to(compress, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
  static uint8_t million[1000000];
  memset(million, 'a', sizeof million);
  uint8_t digest[32];
  char hex[65];
  oskr_sha256_by(compress, million, sizeof million, digest);
  to_hex(digest, hex);
  CHECK(strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0);
}

static void sha256_portable_gives_published_digests(void) { check_vectors(oskr_compress_portable); }

static void sha256_hardware_gives_published_digests(void) {
  oskr_compress_fn hardware = oskr_compress_hardware();
  if (hardware == NULL) {
    printf("       (this processor has no SHA instructions: nothing to compare)\n");
    return;
  }
  check_vectors(hardware);
}

static void sha256_of_every_length_is_the_same_by_both(void) {
  oskr_compress_fn hardware = oskr_compress_hardware();
  uint64_t seed = 1;
  uint8_t data[300];
  for (size_t length = 0; length <= sizeof data; length++) {
    for (size_t i = 0; i < length; i++) data[i] = (uint8_t)next_random(&seed);
    uint8_t one[32], two[32], best[32];
    oskr_sha256_by(oskr_compress_portable, data, length, one);
    oskr_sha256(data, length, best);
    CHECK(memcmp(one, best, 32) == 0);
    if (hardware == NULL) continue;
    oskr_sha256_by(hardware, data, length, two);
    CHECK(memcmp(one, two, 32) == 0);
  }
}

static void inner_nodes_are_the_same_by_both(void) {
  uint64_t seed = 7;
  for (int round = 0; round < 1000; round++) {
    uint8_t input[65] = {1}, whole[32], one[32], two[32];
    for (int i = 1; i < 65; i++) input[i] = (uint8_t)next_random(&seed);
    oskr_sha256_by(oskr_compress_portable, input, sizeof input, whole);
    oskr_sha256_inner_portable(input + 1, input + 33, one);
    oskr_sha256_inner(input + 1, input + 33, two);
    CHECK(memcmp(whole, one, 32) == 0 && memcmp(whole, two, 32) == 0);
    oskr_sha256_inner(input + 1, input + 33, input + 33);
    CHECK(memcmp(whole, input + 33, 32) == 0);
  }
}

static uint32_t fill_body(struct oskr_hasher *hasher, uint32_t leaf) {
  uint32_t length = 20 + leaf % 90;
  memset(hasher->body, (int)(leaf & 0xff), length);
  memcpy(hasher->body, &leaf, sizeof leaf);
  return length;
}

// Every leaf of trees of these sizes climbs to the digest that was signed, and nothing else does.
static void every_block_climbs_to_its_root(void) {
  static const uint32_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 511, 1000, 1023, 1024};
  struct oskr_hasher *hasher = oskr_hasher_open();
  struct oskr_tree *tree = oskr_tree_open();
  CHECK(hasher != NULL && tree != NULL);
  memset(hasher->domain, 9, 32);
  memset(tree->signature, 0xab, 64);
  for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
    uint32_t count = counts[c];
    for (uint32_t i = 0; i < count; i++) {
      CHECK(oskr_tree_leaf(tree, i, hasher, fill_body(hasher, i)) == 0);
    }
    int32_t depth = oskr_tree_build(tree, count);
    CHECK(depth >= 0 && 1u << depth >= count && (depth == 0 || 1u << (depth - 1) < count));
    CHECK(oskr_tree_blocks(tree, count) == 0);
    uint32_t size = OSKR_BLOCK_MIN + 32 * (uint32_t)depth;
    for (uint32_t i = 0; i < count; i++) {
      memcpy(hasher->block, tree->blocks + i * size, size);
      CHECK(memcmp(hasher->block + 5, tree->signature, 64) == 0);
      CHECK(oskr_hasher_climb(hasher, fill_body(hasher, i), size) == 0);
      CHECK(memcmp(hasher->digest, tree->digest, 32) == 0);
      if (count == 1) continue;
      CHECK(oskr_hasher_climb(hasher, fill_body(hasher, (i + 1) % count), size) == 0);
      CHECK(memcmp(hasher->digest, tree->digest, 32) != 0);
    }
  }
  oskr_tree_close(tree);
  oskr_hasher_close(hasher);
}

// Blocks of several trees in any order, some altered: what was seen before never decides.
static void climbing_remembers_nothing_wrong(void) {
  enum { TREES = 3, LEAVES = 40, DEPTH = 6 };
  struct oskr_hasher *hasher = oskr_hasher_open();
  struct oskr_tree *trees[TREES];
  for (uint32_t t = 0; t < TREES; t++) {
    trees[t] = oskr_tree_open();
    for (uint32_t i = 0; i < LEAVES; i++) {
      oskr_tree_leaf(trees[t], i, hasher, fill_body(hasher, 100 * t + i));
    }
    CHECK(oskr_tree_build(trees[t], LEAVES) == DEPTH);
    oskr_tree_blocks(trees[t], LEAVES);
  }
  uint64_t seed = 3;
  uint32_t size = OSKR_BLOCK_MIN + 32 * DEPTH;
  for (int round = 0; round < 5000; round++) {
    uint32_t t = next_random(&seed) % TREES;
    uint32_t i = next_random(&seed) % LEAVES;
    bool altered = next_random(&seed) % 4 == 0;
    memcpy(hasher->block, trees[t]->blocks + i * size, size);
    if (altered) hasher->block[OSKR_BLOCK_MIN + next_random(&seed) % (32 * DEPTH)] ^= 1;
    CHECK(oskr_hasher_climb(hasher, fill_body(hasher, 100 * t + i), size) == 0);
    CHECK((memcmp(hasher->digest, trees[t]->digest, 32) == 0) == !altered);
  }
  for (uint32_t t = 0; t < TREES; t++) oskr_tree_close(trees[t]);
  oskr_hasher_close(hasher);
}

// The leaves 2, 3 and 5 of eight lack nodes 4 of level 0, and 0 and 3 of level 1.
static void some_leaves_climb_together(void) {
  enum { LENGTH = 30, COUNT = 3 };
  static const uint8_t chosen[COUNT] = {2, 3, 5};
  struct oskr_hasher *hasher = oskr_hasher_open();
  struct oskr_tree *tree = oskr_tree_open();
  for (uint32_t i = 0; i < 8; i++) {
    memset(hasher->body, (int)i, LENGTH);
    CHECK(oskr_tree_leaf(tree, i, hasher, LENGTH) == 0);
  }
  CHECK(oskr_tree_build(tree, 8) == 3);
  uint8_t *at = hasher->body;
  for (uint32_t i = 0; i < COUNT; i++, at += LENGTH) memset(at, chosen[i], LENGTH);
  for (uint32_t i = 0; i < COUNT; i++, at += 2) {
    at[0] = 0;
    at[1] = chosen[i];
  }
  uint8_t *indices = at - 2 * COUNT;
  memcpy(at, tree->nodes[4], 32);
  memcpy(at + 32, tree->nodes[8 + 0], 32);
  memcpy(at + 64, tree->nodes[8 + 3], 32);
  CHECK(oskr_hasher_climb_all(hasher, COUNT, LENGTH, 3, 3) == 0);
  CHECK(memcmp(hasher->digest, tree->digest, 32) == 0);
  CHECK(oskr_hasher_climb_all(hasher, COUNT, LENGTH, 3, 2) == -EBADMSG);
  CHECK(oskr_hasher_climb_all(hasher, COUNT, LENGTH, 3, 4) == -EBADMSG);
  CHECK(oskr_hasher_climb_all(hasher, COUNT, LENGTH, 2, 3) == -EBADMSG);
  CHECK(oskr_hasher_climb_all(hasher, COUNT, LENGTH, OSKR_DEPTH_MAX + 1, 3) == -EBADMSG);
  CHECK(oskr_hasher_climb_all(hasher, 0, LENGTH, 3, 3) == -EBADMSG);
  CHECK(oskr_hasher_climb_all(hasher, OSKR_LEAVES_MAX + 1, LENGTH, 3, 3) == -EBADMSG);
  CHECK(oskr_hasher_climb_all(hasher, COUNT, OSKR_PACKED_MAX + 1, 3, 3) == -EMSGSIZE);
  CHECK(oskr_hasher_climb_all(hasher, COUNT, LENGTH, 3, UINT32_MAX) == -EMSGSIZE);
  indices[1] = 3;  // twice the same
  CHECK(oskr_hasher_climb_all(hasher, COUNT, LENGTH, 3, 3) == -EBADMSG);
  indices[1] = 4;  // not in order
  CHECK(oskr_hasher_climb_all(hasher, COUNT, LENGTH, 3, 3) == -EBADMSG);
  oskr_tree_close(tree);
  oskr_hasher_close(hasher);
}

static void a_tree_of_one_is_a_block_of_depth_0(void) {
  struct oskr_hasher *hasher = oskr_hasher_open();
  struct oskr_tree *tree = oskr_tree_open();
  uint32_t length = fill_body(hasher, 5);
  CHECK(oskr_tree_leaf(tree, 0, hasher, length) == 0);
  CHECK(oskr_tree_build(tree, 1) == 0);
  CHECK(oskr_hasher_single(hasher, length) == 0);
  CHECK(memcmp(hasher->digest, tree->digest, 32) == 0);
  oskr_tree_close(tree);
  oskr_hasher_close(hasher);
}

static void malformed_blocks_are_refused(void) {
  struct oskr_hasher *hasher = oskr_hasher_open();
  memset(hasher->block, 0, sizeof hasher->block);
  CHECK(oskr_hasher_climb(hasher, 10, OSKR_BLOCK_MIN) == 0);
  CHECK(oskr_hasher_climb(hasher, 10, OSKR_BLOCK_MIN - 1) == -EBADMSG);
  CHECK(oskr_hasher_climb(hasher, 10, OSKR_BLOCK_MIN + 32) == -EBADMSG);
  CHECK(oskr_hasher_climb(hasher, 10, UINT32_MAX) == -EBADMSG);
  CHECK(oskr_hasher_climb(hasher, OSKR_SIGNED_MAX + 1, OSKR_BLOCK_MIN) == -EMSGSIZE);
  hasher->block[4] = 1;  // index 1 in a tree of one
  CHECK(oskr_hasher_climb(hasher, 10, OSKR_BLOCK_MIN) == -EBADMSG);
  hasher->block[0] = 1;
  CHECK(oskr_hasher_climb(hasher, 10, OSKR_BLOCK_MIN + 32) == 0);
  hasher->block[1] = 0x80;
  CHECK(oskr_hasher_climb(hasher, 10, OSKR_BLOCK_MIN + 32) == -EBADMSG);
  hasher->block[0] = 11;  // deeper than any tree
  hasher->block[1] = 0;
  CHECK(oskr_hasher_climb(hasher, 10, OSKR_BLOCK_MIN + 32 * 11) == -EBADMSG);
  CHECK(oskr_hasher_single(hasher, OSKR_SIGNED_MAX + 1) == -EMSGSIZE);
  CHECK(oskr_hasher_single(hasher, OSKR_SIGNED_MAX) == 0);
  oskr_hasher_close(hasher);
}

static void tree_sizes_out_of_range_are_refused(void) {
  struct oskr_hasher *hasher = oskr_hasher_open();
  struct oskr_tree *tree = oskr_tree_open();
  CHECK(oskr_tree_leaf(tree, OSKR_LEAVES_MAX, hasher, 1) == -ENOSPC);
  CHECK(oskr_tree_leaf(tree, 0, hasher, OSKR_SIGNED_MAX + 1) == -EMSGSIZE);
  CHECK(oskr_tree_build(tree, 0) == -EINVAL);
  CHECK(oskr_tree_build(tree, OSKR_LEAVES_MAX + 1) == -EINVAL);
  CHECK(oskr_tree_blocks(tree, 0) == -EINVAL);
  CHECK(oskr_tree_blocks(tree, OSKR_LEAVES_MAX + 1) == -EINVAL);
  oskr_tree_close(tree);
  oskr_hasher_close(hasher);
}

RUN(TEST(sha256_portable_gives_published_digests), TEST(sha256_hardware_gives_published_digests),
    TEST(sha256_of_every_length_is_the_same_by_both), TEST(inner_nodes_are_the_same_by_both),
    TEST(every_block_climbs_to_its_root), TEST(climbing_remembers_nothing_wrong),
    TEST(some_leaves_climb_together), TEST(a_tree_of_one_is_a_block_of_depth_0),
    TEST(malformed_blocks_are_refused), TEST(tree_sizes_out_of_range_are_refused))
