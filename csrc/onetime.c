// One-time signatures. See onetime.h for what they are, docs/guarantees.md (G1 to G4) for why.

#include "onetime.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "region.h"

_Static_assert(offsetof(struct oskr_onetime, signature) == 16, "layout of native.ts");
_Static_assert(offsetof(struct oskr_onetime, who) == 80, "layout of native.ts");
_Static_assert(offsetof(struct oskr_onetime, leaf) == 96, "layout of native.ts");
_Static_assert(offsetof(struct oskr_onetime, block) == 128, "layout of native.ts");
_Static_assert(sizeof(struct oskr_onetime) == 4096, "layout of native.ts");

// Keys that are made together, announced by one root, and used in order.
struct batch {
  uint8_t number[8];
  bool sealed;  // it has its root's signature, so that its keys may sign
  uint32_t used;
  uint8_t signature[OSKR_SIGNATURE_BYTES];
  uint8_t made[OSKR_ONETIME_KEYS];
  // Public keys, then the levels above them.
  uint8_t nodes[2 * OSKR_ONETIME_KEYS][ELEMENT];
  struct oskr_onetime_key keys[OSKR_ONETIME_KEYS];
};

// What is mapped comes first.
struct store {
  struct oskr_onetime mapped;
  uint8_t seed[32];
  struct batch batches[OSKR_ONETIME_BATCHES];
};

static const struct oskr_walk *walk = &oskr_walk_portable;

__attribute__((constructor)) static void choose(void) { walk = oskr_walk_best(); }

static void cut(const uint8_t *input, size_t length, uint8_t out[ELEMENT]) {
  uint8_t digest[32];
  oskr_sha256(input, length, digest);
  memcpy(out, digest, ELEMENT);
}

void oskr_onetime_digits(const uint8_t salt[ELEMENT], const uint8_t leaf[32],
                         uint8_t digits[CHAINS]) {
  uint8_t input[1 + ELEMENT + 32], digest[ELEMENT];
  input[0] = 7;
  memcpy(input + 1, salt, ELEMENT);
  memcpy(input + 1 + ELEMENT, leaf, 32);
  cut(input, sizeof input, digest);
  uint32_t sum = 0;
  for (uint32_t i = 0; i < DIGITS; i++) {
    digits[i] = digest[i / 4] >> (6 - 2 * (i % 4)) & 3;
    sum += VALUES - 1 - digits[i];
  }
  // Whoever goes on along a chain of the message has to go back along one of these.
  for (uint32_t i = CHAINS - 1; i >= DIGITS; i--, sum /= VALUES) digits[i] = sum % VALUES;
}

static void public_key(const struct oskr_batch_name *name, uint8_t index,
                       const uint8_t salt[ELEMENT], const uint8_t ends[CHAINS][ELEMENT],
                       uint8_t out[ELEMENT]) {
  uint8_t input[1 + sizeof *name + 1 + ELEMENT + CHAINS * ELEMENT], *at = input;
  *at++ = 6;
  memcpy(at, name, sizeof *name);
  at += sizeof *name;
  *at++ = index;
  memcpy(at, salt, ELEMENT);
  memcpy(at + ELEMENT, ends, CHAINS * ELEMENT);
  cut(input, sizeof input, out);
}

// Node `index` of a level; that above public keys is level 1.
static void node(const struct oskr_batch_name *name, uint32_t level, uint32_t index,
                 const uint8_t left[ELEMENT], const uint8_t right[ELEMENT], uint8_t out[ELEMENT]) {
  uint8_t input[1 + sizeof *name + 2 + 2 * ELEMENT], *at = input;
  *at++ = 9;
  memcpy(at, name, sizeof *name);
  at += sizeof *name;
  *at++ = (uint8_t)level;
  *at++ = (uint8_t)index;
  memcpy(at, left, ELEMENT);
  memcpy(at + ELEMENT, right, ELEMENT);
  cut(input, sizeof input, out);
}

void oskr_onetime_key(const struct oskr_walk *by, const uint8_t seed[32],
                      const struct oskr_batch_name *name, uint8_t index,
                      struct oskr_onetime_key *key, uint8_t public[ELEMENT]) {
  by->heads(seed, name->number, index, key);
  by->values(key);
  public_key(name, index, key->salt, (const uint8_t(*)[ELEMENT])key->values[VALUES - 1], public);
}

void oskr_onetime_climb(const struct oskr_walk *by, const uint8_t who[WHO],
                        const uint8_t block[OSKR_ONETIME_BLOCK], const uint8_t leaf[32],
                        uint8_t root[ELEMENT]) {
  struct oskr_batch_name name;
  memcpy(name.who, who, sizeof name.who);
  memcpy(name.number, block + NUMBER_AT, sizeof name.number);
  uint32_t index = block[INDEX_AT];
  const uint8_t *salt = block + SALT_AT;
  uint8_t digits[CHAINS], elements[CHAINS][ELEMENT];
  oskr_onetime_digits(salt, leaf, digits);
  memcpy(elements, block + ELEMENTS_AT, sizeof elements);
  by->ends(salt, digits, elements);
  public_key(&name, (uint8_t)index, salt, (const uint8_t(*)[ELEMENT])elements, root);
  const uint8_t *sibling = block + PATH_AT;
  for (uint32_t level = 1; level <= OSKR_ONETIME_LEVELS; level++, sibling += ELEMENT) {
    bool right = index & 1;
    index >>= 1;
    if (right) {
      node(&name, level, index, sibling, root, root);
    } else {
      node(&name, level, index, root, sibling, root);
    }
  }
}

int32_t oskr_onetime_fast(void) { return walk != &oskr_walk_portable; }

void oskr_onetime_root_of(const uint8_t who[WHO], const uint8_t block[OSKR_ONETIME_BLOCK],
                          const uint8_t leaf[32], uint8_t root[ELEMENT]) {
  oskr_onetime_climb(walk, who, block, leaf, root);
}

// ---- Keys of this process -----------------------------------------------------------------------

static struct store *store_of(struct oskr_onetime *mapped) { return (struct store *)mapped; }

struct oskr_onetime *oskr_onetime_open(void) {
  struct store *store = oskr_region_map(sizeof *store);
  if (store == NULL) return NULL;
  // Fresh at each start, and never kept, so that no restart signs with a key again.
  if (getrandom(store->seed, sizeof store->seed, 0) == sizeof store->seed) return &store->mapped;
  int error = errno;
  oskr_region_unmap(store, sizeof *store);
  return oskr_fail(error);
}

void oskr_onetime_close(struct oskr_onetime *mapped) {
  if (mapped == NULL) return;
  explicit_bzero(mapped, sizeof(struct store));
  oskr_region_unmap(mapped, sizeof(struct store));
}

int32_t oskr_onetime_begin(struct oskr_onetime *mapped, uint32_t at, double number) {
  if (at >= OSKR_ONETIME_BATCHES || !(number >= 0 && number < 9007199254740992.0)) return -EINVAL;
  struct batch *batch = &store_of(mapped)->batches[at];
  memset(batch->made, 0, sizeof batch->made);
  batch->sealed = false;
  batch->used = 0;
  uint64_t whole = (uint64_t)number;
  for (int i = 0; i < 8; i++) batch->number[i] = (uint8_t)(whole >> (56 - 8 * i));
  return 0;
}

static struct oskr_batch_name name_of(const struct store *store, const struct batch *batch) {
  struct oskr_batch_name name;
  memcpy(name.who, store->mapped.who, sizeof name.who);
  memcpy(name.number, batch->number, sizeof name.number);
  return name;
}

int32_t oskr_onetime_make(struct oskr_onetime *mapped, uint32_t at, uint32_t first,
                          uint32_t count) {
  if (at >= OSKR_ONETIME_BATCHES || first > OSKR_ONETIME_KEYS) return -EINVAL;
  if (count > OSKR_ONETIME_KEYS - first) return -EINVAL;
  struct store *store = store_of(mapped);
  struct batch *batch = &store->batches[at];
  if (batch->sealed) return -EBUSY;
  struct oskr_batch_name name = name_of(store, batch);
  for (uint32_t i = first; i < first + count; i++) {
    oskr_onetime_key(walk, store->seed, &name, (uint8_t)i, &batch->keys[i], batch->nodes[i]);
    batch->made[i] = 1;
  }
  return 0;
}

int32_t oskr_onetime_root(struct oskr_onetime *mapped, uint32_t at) {
  if (at >= OSKR_ONETIME_BATCHES) return -EINVAL;
  struct store *store = store_of(mapped);
  struct batch *batch = &store->batches[at];
  for (uint32_t i = 0; i < OSKR_ONETIME_KEYS; i++) {
    if (!batch->made[i]) return -EAGAIN;
  }
  struct oskr_batch_name name = name_of(store, batch);
  uint8_t(*below)[ELEMENT] = batch->nodes;
  uint32_t width = OSKR_ONETIME_KEYS;
  for (uint32_t level = 1; level <= OSKR_ONETIME_LEVELS; level++) {
    uint8_t(*above)[ELEMENT] = below + width;
    width /= 2;
    for (uint32_t i = 0; i < width; i++) {
      node(&name, level, i, below[2 * i], below[2 * i + 1], above[i]);
    }
    below = above;
  }
  memcpy(mapped->root, below[0], ELEMENT);
  return 0;
}

int32_t oskr_onetime_seal(struct oskr_onetime *mapped, uint32_t at) {
  if (at >= OSKR_ONETIME_BATCHES) return -EINVAL;
  struct batch *batch = &store_of(mapped)->batches[at];
  memcpy(batch->signature, mapped->signature, sizeof batch->signature);
  batch->sealed = true;
  return 0;
}

static void write_block(const struct batch *batch, uint32_t index, const uint8_t leaf[32],
                        uint8_t *block) {
  const struct oskr_onetime_key *key = &batch->keys[index];
  uint8_t digits[CHAINS];
  oskr_onetime_digits(key->salt, leaf, digits);
  block[0] = OSKR_ONETIME_TAG;
  memcpy(block + NUMBER_AT, batch->number, 8);
  block[INDEX_AT] = (uint8_t)index;
  memcpy(block + SALT_AT, key->salt, ELEMENT);
  for (uint32_t i = 0; i < CHAINS; i++) {
    memcpy(block + ELEMENTS_AT + i * ELEMENT, key->values[digits[i]][i], ELEMENT);
  }
  const uint8_t(*level)[ELEMENT] = batch->nodes;
  for (uint32_t i = 0, width = OSKR_ONETIME_KEYS; i < OSKR_ONETIME_LEVELS; i++, width /= 2) {
    memcpy(block + PATH_AT + i * ELEMENT, level[index >> i ^ 1], ELEMENT);
    level += width;
  }
  memcpy(block + ROOT_SIGNATURE_AT, batch->signature, sizeof batch->signature);
}

int32_t oskr_onetime_sign(struct oskr_onetime *mapped, uint32_t at) {
  if (at >= OSKR_ONETIME_BATCHES) return -EINVAL;
  struct batch *batch = &store_of(mapped)->batches[at];
  if (!batch->sealed || batch->used == OSKR_ONETIME_KEYS) return -ENOKEY;
  uint32_t index = batch->used++;
  write_block(batch, index, mapped->leaf, mapped->block);
  explicit_bzero(&batch->keys[index], sizeof batch->keys[index]);
  return (int32_t)index;
}
