// Signature threads: jobs come through one ring, results leave through another. One thread submits
// and collects; any number of threads, that one included, run jobs.

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <secp256k1.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doorbell.h"
#include "oskr_native.h"
#include "region.h"

_Static_assert(sizeof(struct oskr_job) == 128, "layout of native.ts");
_Static_assert(offsetof(struct oskr_rings, key) == 256, "layout of native.ts");
_Static_assert(offsetof(struct oskr_rings, queue) == 1024, "layout of native.ts");
_Static_assert(offsetof(struct oskr_rings, jobs) == 1024 + 8192, "layout of native.ts");

// How often an idle thread looks for a job before it sleeps: about four microseconds.
#define SPINS 100

struct oskr_signer {
  struct oskr_rings *rings;
  secp256k1_context *context;
  struct oskr_doorbell *doorbell;
  struct oskr_onetime *onetime;
  atomic_bool stopping;
  uint32_t threads;
  pthread_t thread[OSKR_THREADS_MAX];
  bool has_secret[OSKR_KEYS_MAX];
  bool has_public[OSKR_PUBLIC_KEYS_MAX];
  uint8_t secret[OSKR_KEYS_MAX][32];
  secp256k1_pubkey public[OSKR_PUBLIC_KEYS_MAX];
};

static _Atomic uint32_t *word(uint32_t *at) { return (_Atomic uint32_t *)at; }

// Wipes in a way that the compiler keeps.
static void wipe(void *memory, size_t length) { explicit_bzero(memory, length); }

static int32_t sign(const struct oskr_signer *signer, struct oskr_job *job) {
  if (job->key >= OSKR_KEYS_MAX || !signer->has_secret[job->key]) return -EIO;
  secp256k1_ecdsa_signature signature;
  // The default nonce function is RFC 6979's, and the result is always low-S.
  if (!secp256k1_ecdsa_sign(signer->context, &signature, job->digest, signer->secret[job->key],
                            NULL, NULL)) {
    return -EIO;
  }
  secp256k1_ecdsa_signature_serialize_compact(signer->context, job->signature, &signature);
  return 0;
}

static int32_t verify(const struct oskr_signer *signer, const struct oskr_job *job) {
  if (job->key >= OSKR_PUBLIC_KEYS_MAX || !signer->has_public[job->key]) return 0;
  secp256k1_ecdsa_signature signature;
  // Refuses r and s that are not below the order; the check itself refuses zero and high-S.
  if (!secp256k1_ecdsa_signature_parse_compact(signer->context, &signature, job->signature)) {
    return 0;
  }
  return secp256k1_ecdsa_verify(signer->context, &signature, job->digest,
                                &signer->public[job->key]);
}

static int32_t run(const struct oskr_signer *signer, struct oskr_job *job) {
  if (job->kind == OSKR_SIGN) return sign(signer, job);
  if (job->kind == OSKR_VERIFY) return verify(signer, job);
  if (signer->onetime == NULL) return -EINVAL;
  return oskr_onetime_make(signer->onetime, job->key, job->first, job->count);
}

// Takes the oldest queued job; false when there is none.
static bool take(struct oskr_rings *rings, uint32_t *job) {
  uint32_t taken = atomic_load_explicit(word(&rings->taken), memory_order_acquire);
  for (;;) {
    uint32_t submitted = atomic_load_explicit(word(&rings->submitted), memory_order_acquire);
    if (taken == submitted) return false;
    *job = atomic_load_explicit(word(&rings->queue[taken % OSKR_JOBS]), memory_order_relaxed);
    if (atomic_compare_exchange_weak(word(&rings->taken), &taken, taken + 1)) return true;
  }
}

static bool run_one(struct oskr_signer *signer) {
  struct oskr_rings *rings = signer->rings;
  uint32_t number;
  if (!take(rings, &number)) return false;
  struct oskr_job *job = &rings->jobs[number];
  job->status = run(signer, job);
  uint32_t at = atomic_fetch_add(word(&rings->finished), 1) % OSKR_JOBS;
  atomic_store_explicit(word(&rings->completed[at]), number + 1, memory_order_release);
  return true;
}

static void wait_for_work(struct oskr_signer *signer) {
  struct oskr_rings *rings = signer->rings;
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load_explicit(word(&rings->taken), memory_order_relaxed) !=
        atomic_load_explicit(word(&rings->submitted), memory_order_relaxed)) {
      return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  // Announced before the last look, so that a submission after it sees a sleeper and wakes it.
  uint32_t wake = atomic_load(word(&rings->wake));
  atomic_fetch_add(word(&rings->sleepers), 1);
  if (atomic_load(word(&rings->taken)) == atomic_load(word(&rings->submitted)) &&
      !atomic_load(&signer->stopping)) {
    syscall(SYS_futex, &rings->wake, FUTEX_WAIT_PRIVATE, wake, NULL, NULL, 0);
  }
  atomic_fetch_sub(word(&rings->sleepers), 1);
}

struct thread_start {
  struct oskr_signer *signer;
  uint32_t cpu;
};

static void *signature_thread(void *argument) {
  struct thread_start start = *(struct thread_start *)argument;
  free(argument);
  // The processor was allowed a moment ago. Should it be gone, the thread runs wherever it can.
  if (start.cpu != OSKR_ANY_CPU) oskr_pin_self(start.cpu);
  while (!atomic_load_explicit(&start.signer->stopping, memory_order_relaxed)) {
    if (run_one(start.signer)) {
      oskr_doorbell_ring(start.signer->doorbell);
    } else {
      wait_for_work(start.signer);
    }
  }
  oskr_pin_forget();
  return NULL;
}

static void wake_threads(struct oskr_rings *rings, int count) {
  atomic_fetch_add(word(&rings->wake), 1);
  if (atomic_load(word(&rings->sleepers)) > 0) {
    syscall(SYS_futex, &rings->wake, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
  }
}

static int create_context(struct oskr_signer *signer) {
  signer->context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  if (signer->context == NULL) return ENOMEM;
  uint8_t seed[32];
  if (getrandom(seed, sizeof seed, 0) != sizeof seed) return errno;
  // Blinds the multiplications with secrets against side channels.
  int randomized = secp256k1_context_randomize(signer->context, seed);
  wipe(seed, sizeof seed);
  return randomized ? 0 : EIO;
}

struct oskr_signer *oskr_signer_open(void) {
  struct oskr_signer *signer = oskr_region_map(sizeof *signer);
  if (signer == NULL) return NULL;
  signer->rings = oskr_region_map(sizeof *signer->rings);
  int error = signer->rings == NULL ? -oskr_error() : create_context(signer);
  if (error == 0) return signer;
  oskr_signer_close(signer);
  return oskr_fail(error);
}

int32_t oskr_signer_thread(struct oskr_signer *signer, uint32_t cpu) {
  if (signer->threads == OSKR_THREADS_MAX) return -ENOSPC;
  if (cpu != OSKR_ANY_CPU) {
    int32_t refused = oskr_cpu_try(cpu);
    if (refused < 0) return refused;
  }
  struct thread_start *start = malloc(sizeof *start);
  if (start == NULL) return -ENOMEM;
  *start = (struct thread_start){signer, cpu};
  // Signals are the main thread's business.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&signer->thread[signer->threads], NULL, signature_thread, start);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error != 0) {
    free(start);
    return -error;
  }
  pthread_setname_np(signer->thread[signer->threads], "oskr-sign");
  signer->threads++;
  return 0;
}

void oskr_signer_close(struct oskr_signer *signer) {
  atomic_store(&signer->stopping, true);
  if (signer->rings != NULL) wake_threads(signer->rings, INT32_MAX);
  for (uint32_t i = 0; i < signer->threads; i++) pthread_join(signer->thread[i], NULL);
  if (signer->context != NULL) secp256k1_context_destroy(signer->context);
  oskr_region_unmap(signer->rings, sizeof *signer->rings);
  wipe(signer->secret, sizeof signer->secret);
  oskr_region_unmap(signer, sizeof *signer);
}

struct oskr_rings *oskr_signer_rings(struct oskr_signer *signer) {
  return signer->rings;
}

int32_t oskr_signer_secret(struct oskr_signer *signer, uint32_t slot) {
  if (slot >= OSKR_KEYS_MAX) return -EINVAL;
  uint8_t *key = signer->rings->key;
  bool valid = secp256k1_ec_seckey_verify(signer->context, key);
  if (valid) {
    memcpy(signer->secret[slot], key, 32);
    signer->has_secret[slot] = true;
  }
  wipe(key, sizeof signer->rings->key);
  return valid ? 0 : -EINVAL;
}

int32_t oskr_signer_public(struct oskr_signer *signer, uint32_t slot) {
  if (slot >= OSKR_PUBLIC_KEYS_MAX) return -EINVAL;
  const uint8_t *key = signer->rings->key;
  if (!secp256k1_ec_pubkey_parse(signer->context, &signer->public[slot], key, 33)) return -EINVAL;
  signer->has_public[slot] = true;
  return 0;
}

int32_t oskr_signer_submit(struct oskr_signer *signer, uint32_t job) {
  struct oskr_rings *rings = signer->rings;
  if (job >= OSKR_JOBS) return -EINVAL;
  uint32_t at = rings->submitted;
  if (at - atomic_load(word(&rings->taken)) >= OSKR_JOBS) return -EAGAIN;
  atomic_store_explicit(word(&rings->queue[at % OSKR_JOBS]), job, memory_order_relaxed);
  atomic_store(word(&rings->submitted), at + 1);
  wake_threads(rings, 1);
  return 0;
}

int32_t oskr_signer_help(struct oskr_signer *signer) { return run_one(signer); }

int32_t oskr_signer_verify(struct oskr_signer *signer, uint32_t job) {
  if (job >= OSKR_JOBS) return -EINVAL;
  return verify(signer, &signer->rings->jobs[job]);
}

void oskr_signer_onetime(struct oskr_signer *signer, struct oskr_onetime *keys) {
  signer->onetime = keys;
}

void oskr_signer_doorbell(struct oskr_signer *signer, struct oskr_doorbell *doorbell) {
  signer->doorbell = doorbell;
}
