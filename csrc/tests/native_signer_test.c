// Signature jobs: by threads, by help, many at once, with bad keys and bad signatures.
#include <errno.h>
#include <secp256k1.h>
#include <stdatomic.h>
#include <string.h>

#include "../oskr_native.h"
#include "native_test.h"

static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
                                  0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};

static uint32_t collected;

static void fill_secret(uint8_t key[32], uint8_t from) {
  for (int i = 0; i < 32; i++) key[i] = (uint8_t)(from + i);
}

static void register_pair(struct oskr_signer *signer, uint32_t slot, uint8_t from) {
  struct oskr_rings *rings = oskr_signer_rings(signer);
  secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  secp256k1_pubkey public;
  uint8_t secret[32];
  size_t length = 33;
  fill_secret(secret, from);
  CHECK(secp256k1_ec_pubkey_create(context, &public, secret));
  secp256k1_ec_pubkey_serialize(context, rings->key, &length, &public, SECP256K1_EC_COMPRESSED);
  CHECK(oskr_signer_public(signer, slot) == 0);
  memcpy(rings->key, secret, 32);
  CHECK(oskr_signer_secret(signer, slot) == 0);
  for (size_t i = 0; i < sizeof rings->key; i++) CHECK(rings->key[i] == 0);
  secp256k1_context_destroy(context);
}

static struct oskr_signer *open_signer(uint32_t threads) {
  struct oskr_signer *signer = oskr_signer_open();
  CHECK(signer != NULL);
  for (uint32_t i = 0; i < threads; i++) CHECK(oskr_signer_thread(signer, OSKR_ANY_CPU) == 0);
  register_pair(signer, 0, 1);
  collected = 0;
  return signer;
}

static uint32_t load(uint32_t *at) { return atomic_load((_Atomic uint32_t *)at); }

// Waits for the next finished job, as JavaScript does.
static struct oskr_job *collect(struct oskr_signer *signer) {
  struct oskr_rings *rings = oskr_signer_rings(signer);
  uint32_t *entry = &rings->completed[collected++ % OSKR_JOBS];
  while (load(entry) == 0) oskr_yield();
  uint32_t job = load(entry) - 1;
  atomic_store((_Atomic uint32_t *)entry, 0);
  CHECK(job < OSKR_JOBS);
  return &rings->jobs[job];
}

static struct oskr_job *prepare(struct oskr_signer *signer, uint32_t job, uint32_t kind) {
  struct oskr_job *at = &oskr_signer_rings(signer)->jobs[job];
  memset(at, 0, sizeof *at);
  at->kind = kind;
  memset(at->digest, (int)(job & 0xff), 32);
  return at;
}

static void signatures_by_threads_hold(void) {
  struct oskr_signer *signer = open_signer(3);
  for (uint32_t i = 0; i < OSKR_JOBS; i++) {
    prepare(signer, i, OSKR_SIGN);
    CHECK(oskr_signer_submit(signer, i) == 0);
  }
  for (uint32_t i = 0; i < OSKR_JOBS; i++) CHECK(collect(signer)->status == 0);
  for (uint32_t i = 0; i < OSKR_JOBS; i++) {
    oskr_signer_rings(signer)->jobs[i].kind = OSKR_VERIFY;
    CHECK(oskr_signer_submit(signer, i) == 0);
  }
  for (uint32_t i = 0; i < OSKR_JOBS; i++) CHECK(collect(signer)->status == 1);
  oskr_signer_close(signer);
}

static void help_runs_jobs_without_threads(void) {
  struct oskr_signer *signer = open_signer(0);
  CHECK(oskr_signer_help(signer) == 0);
  prepare(signer, 7, OSKR_SIGN);
  CHECK(oskr_signer_submit(signer, 7) == 0);
  CHECK(oskr_signer_help(signer) == 1);
  CHECK(oskr_signer_help(signer) == 0);
  CHECK(collect(signer)->status == 0);
  oskr_signer_close(signer);
}

static int32_t run_alone(struct oskr_signer *signer) {
  CHECK(oskr_signer_submit(signer, 0) == 0);
  CHECK(oskr_signer_help(signer) == 1);
  return collect(signer)->status;
}

// s -> n - s keeps a signature mathematically true; only the lower of the two is accepted.
static void negate_s(uint8_t s[32]) {
  int borrow = 0;
  for (int i = 31; i >= 0; i--) {
    int difference = order[i] - s[i] - borrow;
    borrow = difference < 0;
    s[i] = (uint8_t)difference;
  }
}

static void bad_signatures_do_not_hold(void) {
  struct oskr_signer *signer = open_signer(0);
  register_pair(signer, 1, 101);
  struct oskr_job *job = prepare(signer, 0, OSKR_SIGN);
  CHECK(run_alone(signer) == 0);
  uint8_t good[64];
  memcpy(good, job->signature, 64);
  job->kind = OSKR_VERIFY;
  CHECK(run_alone(signer) == 1);

  negate_s(job->signature + 32);
  CHECK(run_alone(signer) == 0);
  memcpy(job->signature, good, 64);
  memset(job->signature, 0, 32);
  CHECK(run_alone(signer) == 0);
  memcpy(job->signature, good, 64);
  memset(job->signature + 32, 0, 32);
  CHECK(run_alone(signer) == 0);
  memcpy(job->signature, order, 32);
  CHECK(run_alone(signer) == 0);
  memset(job->signature, 0xff, 64);
  CHECK(run_alone(signer) == 0);
  for (int bit = 0; bit < 512; bit++) {
    memcpy(job->signature, good, 64);
    job->signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    CHECK(run_alone(signer) == 0);
  }
  memcpy(job->signature, good, 64);
  job->key = 1;
  CHECK(run_alone(signer) == 0);
  job->key = OSKR_PUBLIC_KEYS_MAX - 1;  // not registered
  CHECK(run_alone(signer) == 0);
  job->key = UINT32_MAX;
  CHECK(run_alone(signer) == 0);
  job->kind = OSKR_SIGN;
  CHECK(run_alone(signer) == -EIO);
  job->kind = OSKR_VERIFY;
  job->key = 0;
  job->digest[0] ^= 1;
  CHECK(run_alone(signer) == 0);
  job->digest[0] ^= 1;
  CHECK(run_alone(signer) == 1);
  oskr_signer_close(signer);
}

static void keys_that_are_none_are_refused(void) {
  struct oskr_signer *signer = open_signer(0);
  struct oskr_rings *rings = oskr_signer_rings(signer);
  memset(rings->key, 0, 64);
  CHECK(oskr_signer_secret(signer, 0) == -EINVAL);
  memcpy(rings->key, order, 32);
  CHECK(oskr_signer_secret(signer, 0) == -EINVAL);
  memset(rings->key, 0xff, 64);
  CHECK(oskr_signer_public(signer, 0) == -EINVAL);
  CHECK(oskr_signer_public(signer, OSKR_PUBLIC_KEYS_MAX) == -EINVAL);
  CHECK(oskr_signer_secret(signer, OSKR_KEYS_MAX) == -EINVAL);
  CHECK(oskr_signer_submit(signer, OSKR_JOBS) == -EINVAL);
  CHECK(oskr_signer_thread(signer, 100000) == -EINVAL);
  oskr_signer_close(signer);
}

static void a_full_ring_refuses_more(void) {
  struct oskr_signer *signer = open_signer(0);
  for (uint32_t i = 0; i < OSKR_JOBS; i++) {
    prepare(signer, i, OSKR_VERIFY);
    CHECK(oskr_signer_submit(signer, i) == 0);
  }
  CHECK(oskr_signer_submit(signer, 0) == -EAGAIN);
  CHECK(oskr_signer_help(signer) == 1);
  CHECK(oskr_signer_submit(signer, 0) == 0);
  oskr_signer_close(signer);
}

static void closing_joins_busy_and_idle_threads(void) {
  for (int round = 0; round < 20; round++) {
    struct oskr_signer *signer = open_signer(2);
    for (uint32_t i = 0; i < 50; i++) {
      prepare(signer, i, OSKR_SIGN);
      CHECK(oskr_signer_submit(signer, i) == 0);
    }
    if (round % 2 == 0) {
      for (int i = 0; i < 50; i++) collect(signer);
    }
    oskr_signer_close(signer);
  }
}

RUN(TEST(signatures_by_threads_hold), TEST(help_runs_jobs_without_threads),
    TEST(bad_signatures_do_not_hold), TEST(keys_that_are_none_are_refused),
    TEST(a_full_ring_refuses_more), TEST(closing_joins_busy_and_idle_threads))
