// Signature blocks: depth (1 byte) | leaf index (4, big-endian) | root signature (64) | siblings
// (32 each). leaf = SHA-256(0 | domain | kind | body), inner = SHA-256(1 | left | right), signed =
// SHA-256(2 | depth | root). Missing leaves are 32 zero bytes, which no leaf hashes to.

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "onetime.h"
#include "oskr_native.h"
#include "region.h"
#include "sha256.h"

_Static_assert(offsetof(struct oskr_hasher, body) == 4096, "layout of native.ts");
_Static_assert(offsetof(struct oskr_hasher, domain) == 4064, "layout of native.ts");
_Static_assert(offsetof(struct oskr_hasher, who) == 544, "layout of native.ts");
_Static_assert(offsetof(struct oskr_hasher, cluster) == 560, "layout of native.ts");
_Static_assert(offsetof(struct oskr_hasher, onetime) == 1024, "layout of native.ts");
_Static_assert(offsetof(struct oskr_tree, nodes) == 128, "layout of native.ts");
_Static_assert(offsetof(struct oskr_tree, blocks) == 128 + 65536, "layout of native.ts");

static void signed_digest(uint32_t depth, const uint8_t root[32], uint8_t out[32]) {
  uint8_t input[34];
  input[0] = 2;
  input[1] = (uint8_t)depth;
  memcpy(input + 2, root, 32);
  oskr_sha256(input, sizeof input, out);
}

static void leaf(const struct oskr_hasher *hasher, uint32_t length, uint8_t out[32]) {
  const uint8_t *start = (const uint8_t *)hasher + offsetof(struct oskr_hasher, tag);
  oskr_sha256(start, 1 + 32 + (size_t)length, out);
}

// The node over two others, from memory if it is the one last seen there.
static void known_inner(struct oskr_known_node known[OSKR_KNOWN_NODES], const uint8_t left[32],
                        const uint8_t right[32], uint8_t out[32]) {
  struct oskr_known_node *entry = &known[left[0] % OSKR_KNOWN_NODES];
  if (!entry->used || memcmp(entry->left, left, 32) != 0 || memcmp(entry->right, right, 32) != 0) {
    memcpy(entry->left, left, 32);
    memcpy(entry->right, right, 32);
    oskr_sha256_inner(entry->left, entry->right, entry->node);
    entry->used = 1;
  }
  memcpy(out, entry->node, 32);
}

struct oskr_hasher *oskr_hasher_open(void) {
  return oskr_region_map(sizeof(struct oskr_hasher));
}

void oskr_hasher_close(struct oskr_hasher *hasher) { oskr_region_unmap(hasher, sizeof *hasher); }

int32_t oskr_hasher_single(struct oskr_hasher *hasher, uint32_t length) {
  if (length > OSKR_SIGNED_MAX) return -EMSGSIZE;
  uint8_t node[32];
  leaf(hasher, length, node);
  signed_digest(0, node, hasher->digest);
  return 0;
}

int32_t oskr_hasher_climb(struct oskr_hasher *hasher, uint32_t length, uint32_t block_length) {
  if (length > OSKR_SIGNED_MAX) return -EMSGSIZE;
  if (block_length < OSKR_BLOCK_MIN || block_length > OSKR_BLOCK_MAX) return -EBADMSG;
  const uint8_t *block = hasher->block;
  uint32_t depth = block[0];
  if (depth > OSKR_DEPTH_MAX || block_length != OSKR_BLOCK_MIN + 32 * depth) return -EBADMSG;
  uint32_t index = (uint32_t)block[1] << 24 | (uint32_t)block[2] << 16 | (uint32_t)block[3] << 8 |
                   (uint32_t)block[4];
  if (index >= 1u << depth) return -EBADMSG;

  uint8_t node[32];
  leaf(hasher, length, node);
  const uint8_t *sibling = block + OSKR_BLOCK_MIN;
  for (uint32_t level = 0; level < depth; level++, sibling += 32) {
    if (index >> level & 1) {
      known_inner(hasher->known[level], sibling, node, node);
    } else {
      known_inner(hasher->known[level], node, sibling, node);
    }
  }
  signed_digest(depth, node, hasher->digest);
  return 0;
}

// SHA-256(3 | domain of the cluster | number | root), what the signature of a batch of one-time
// keys signs.
static void batch_digest(struct oskr_hasher *hasher, const uint8_t root[ELEMENT]) {
  uint8_t input[1 + 32 + 8 + ELEMENT];
  input[0] = 3;
  memcpy(input + 1, hasher->cluster, 32);
  memcpy(input + 33, hasher->onetime + NUMBER_AT, 8);
  memcpy(input + 41, root, ELEMENT);
  oskr_sha256(input, sizeof input, hasher->digest);
}

int32_t oskr_hasher_climb_onetime(struct oskr_hasher *hasher, uint32_t length) {
  if (length > OSKR_SIGNED_MAX) return -EMSGSIZE;
  const uint8_t *block = hasher->onetime;
  if (block[0] != OSKR_ONETIME_TAG || block[INDEX_AT] >= OSKR_ONETIME_KEYS) return -EBADMSG;
  uint8_t node[32];
  leaf(hasher, length, node);
  struct oskr_known_onetime *known = &hasher->onetimes[node[0] % OSKR_KNOWN_ONETIME];
  if (!known->used || memcmp(known->leaf, node, sizeof node) != 0 ||
      memcmp(known->who, hasher->who, sizeof known->who) != 0 ||
      memcmp(known->block, block, sizeof known->block) != 0) {
    memcpy(known->leaf, node, sizeof node);
    memcpy(known->who, hasher->who, sizeof known->who);
    memcpy(known->block, block, sizeof known->block);
    oskr_onetime_root_of(known->who, known->block, known->leaf, known->root);
    known->used = 1;
  }
  batch_digest(hasher, known->root);
  return 0;
}

int32_t oskr_hasher_onetime_root(struct oskr_hasher *hasher) {
  batch_digest(hasher, hasher->onetime + INDEX_AT);
  return 0;
}

// A leaf that stands anywhere in the body.
static void packed_leaf(const struct oskr_hasher *hasher, const uint8_t *body, uint32_t length,
                        uint8_t out[32]) {
  uint8_t input[1 + 32 + OSKR_PACKED_MAX];
  memcpy(input, (const uint8_t *)hasher + offsetof(struct oskr_hasher, tag), 1 + 32);
  memcpy(input + 1 + 32, body, length);
  oskr_sha256(input, 1 + 32 + (size_t)length, out);
}

// Hashes the leaves and reads their indices; false unless these rise within the tree.
static bool read_leaves(struct oskr_hasher *hasher, uint32_t count, uint32_t length,
                        uint32_t depth) {
  const uint8_t *at = hasher->body + (size_t)count * length;
  for (uint32_t i = 0; i < count; i++, at += 2) {
    uint32_t index = (uint32_t)at[0] << 8 | at[1];
    if (index >= 1u << depth || (i > 0 && index <= hasher->places[i - 1])) return false;
    hasher->places[i] = index;
    packed_leaf(hasher, hasher->body + (size_t)i * length, length, hasher->nodes[i]);
  }
  return true;
}

int32_t oskr_hasher_climb_all(struct oskr_hasher *hasher, uint32_t count, uint32_t length,
                              uint32_t depth, uint32_t siblings) {
  if (count == 0 || count > OSKR_LEAVES_MAX || depth > OSKR_DEPTH_MAX) return -EBADMSG;
  if (length > OSKR_PACKED_MAX || siblings > OSKR_LEAVES_MAX * OSKR_DEPTH_MAX) return -EMSGSIZE;
  if (!read_leaves(hasher, count, length, depth)) return -EBADMSG;
  uint8_t(*nodes)[32] = hasher->nodes;
  uint32_t *places = hasher->places;
  const uint8_t *sibling = hasher->body + (size_t)count * (length + 2);
  for (uint32_t level = 0; level < depth; level++) {
    uint32_t above = 0;
    for (uint32_t i = 0; i < count; i++, above++) {
      uint32_t place = places[i];
      bool left = (place & 1) == 0;
      if (left && i + 1 < count && places[i + 1] == place + 1) {
        oskr_sha256_inner(nodes[i], nodes[i + 1], nodes[above]);
        i++;
      } else {
        if (siblings == 0) return -EBADMSG;
        siblings--;
        oskr_sha256_inner(left ? nodes[i] : sibling, left ? sibling : nodes[i], nodes[above]);
        sibling += 32;
      }
      places[above] = place >> 1;
    }
    count = above;
  }
  if (siblings != 0) return -EBADMSG;
  signed_digest(depth, nodes[0], hasher->digest);
  return 0;
}

struct oskr_tree *oskr_tree_open(void) {
  return oskr_region_map(sizeof(struct oskr_tree));
}

void oskr_tree_close(struct oskr_tree *tree) { oskr_region_unmap(tree, sizeof *tree); }

int32_t oskr_tree_leaf(struct oskr_tree *tree, uint32_t index, const struct oskr_hasher *hasher,
                       uint32_t length) {
  if (index >= OSKR_LEAVES_MAX) return -ENOSPC;
  if (length > OSKR_SIGNED_MAX) return -EMSGSIZE;
  leaf(hasher, length, tree->nodes[index]);
  return 0;
}

static uint32_t depth_of(uint32_t count) {
  uint32_t depth = 0;
  while (1u << depth < count) depth++;
  return depth;
}

int32_t oskr_tree_build(struct oskr_tree *tree, uint32_t count) {
  if (count == 0 || count > OSKR_LEAVES_MAX) return -EINVAL;
  uint32_t depth = depth_of(count);
  uint32_t width = 1u << depth;
  memset(tree->nodes[count], 0, 32 * (size_t)(width - count));
  uint8_t(*level)[32] = tree->nodes;
  for (; width > 1; width /= 2) {
    uint8_t(*above)[32] = level + width;
    for (uint32_t i = 0; i < width / 2; i++) {
      oskr_sha256_inner(level[2 * i], level[2 * i + 1], above[i]);
    }
    level = above;
  }
  signed_digest(depth, level[0], tree->digest);
  return (int32_t)depth;
}

int32_t oskr_tree_blocks(struct oskr_tree *tree, uint32_t count) {
  if (count == 0 || count > OSKR_LEAVES_MAX) return -EINVAL;
  uint32_t depth = depth_of(count);
  uint8_t *out = tree->blocks;
  for (uint32_t index = 0; index < count; index++) {
    out[0] = (uint8_t)depth;
    out[1] = 0;
    out[2] = 0;
    out[3] = (uint8_t)(index >> 8);
    out[4] = (uint8_t)index;
    memcpy(out + 5, tree->signature, OSKR_SIGNATURE_BYTES);
    out += OSKR_BLOCK_MIN;
    uint8_t(*level)[32] = tree->nodes;
    for (uint32_t i = 0; i < depth; i++, out += 32) {
      memcpy(out, level[index >> i ^ 1], 32);
      level += 1u << (depth - i);
    }
  }
  return 0;
}
