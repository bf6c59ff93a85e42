// Doorbells: nobody sleeps past a ring, whoever rings and whatever is slept on, and sleeps end by
// themselves.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../doorbell.h"
#include "../oskr_native.h"
#include "native_test.h"

#define LOOPBACK 0x7f000001u
#define ROUNDS 20000u
// Longer than a test may take: one that nobody wakes ends by the alarm of native_test.h.
#define FOR_EVER_US 600000000u

static _Atomic uint32_t asked;
static _Atomic uint32_t answered;
static struct oskr_doorbell *doorbells[2];

// One side of a conversation in which each round waits for the other's word. A ring that is lost
// would stop it.
static void await(struct oskr_doorbell *doorbell, _Atomic uint32_t *word, uint32_t value) {
  while (atomic_load(word) != value) {
    oskr_doorbell_arm(doorbell);
    if (atomic_load(word) != value) oskr_doorbell_wait(doorbell, FOR_EVER_US);
  }
}

static void *answer(void *unused) {
  for (uint32_t round = 1; round <= ROUNDS; round++) {
    await(doorbells[1], &asked, round);
    atomic_store(&answered, round);
    oskr_doorbell_ring(doorbells[0]);
  }
  return unused;
}

static void no_ring_is_lost(void) {
  pthread_t thread;
  for (int i = 0; i < 2; i++) CHECK((doorbells[i] = oskr_doorbell_open(-1)) != NULL);
  CHECK(pthread_create(&thread, NULL, answer, NULL) == 0);
  for (uint32_t round = 1; round <= ROUNDS; round++) {
    atomic_store(&asked, round);
    oskr_doorbell_ring(doorbells[1]);
    await(doorbells[0], &answered, round);
  }
  pthread_join(thread, NULL);
  for (int i = 0; i < 2; i++) oskr_doorbell_close(doorbells[i]);
}

static void a_sleep_that_nobody_ends_ends_in_time(void) {
  struct oskr_doorbell *doorbell = oskr_doorbell_open(-1);
  oskr_doorbell_arm(doorbell);
  double before = oskr_monotonic_ns();
  oskr_doorbell_wait(doorbell, 2000);
  CHECK(oskr_monotonic_ns() - before >= 2e6);
  CHECK(*doorbell->sleeping == 0);
  // Rung before the sleep: there is none.
  oskr_doorbell_arm(doorbell);
  oskr_doorbell_ring(doorbell);
  oskr_doorbell_wait(doorbell, FOR_EVER_US);
  // Nobody sleeps, and nobody is there.
  oskr_doorbell_ring(doorbell);
  oskr_doorbell_ring(NULL);
  oskr_doorbell_close(doorbell);
}

// In a file, as processes share it.
static void another_process_rings(void) {
  char path[] = "/tmp/oskr-doorbell-XXXXXX";
  int file = mkstemp(path);
  CHECK(file >= 0);
  struct oskr_doorbell *doorbell = oskr_doorbell_open(file);
  CHECK(doorbell != NULL);
  oskr_doorbell_arm(doorbell);
  pid_t child = fork();
  if (child == 0) {
    int again = open(path, O_RDWR);
    struct oskr_doorbell *same = oskr_doorbell_open(again);
    if (same == NULL) _exit(1);
    oskr_doorbell_ring(same);
    _exit(0);
  }
  oskr_doorbell_wait(doorbell, FOR_EVER_US);
  int status = 1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  oskr_doorbell_close(doorbell);
  close(file);
  unlink(path);
  int closed = dup(0);
  close(closed);
  CHECK(oskr_doorbell_open(closed) == NULL && oskr_error() == -EBADF);
}

// What else another process writes there is never taken for a descriptor, nor kept.
static void a_file_full_of_junk_is_a_doorbell(void) {
  char path[] = "/tmp/oskr-doorbell-XXXXXX";
  int file = mkstemp(path);
  uint8_t junk[8192];
  memset(junk, 0xff, sizeof junk);
  CHECK(file >= 0 && write(file, junk, sizeof junk) == sizeof junk);
  struct oskr_doorbell *doorbell = oskr_doorbell_open(file);
  CHECK(doorbell != NULL && doorbell->event == 0);
  // It says that somebody sleeps, who cannot be woken and need not be.
  oskr_doorbell_ring(doorbell);
  CHECK(*doorbell->sleeping == 0);
  memset(doorbell->sleeping, 0xff, 4096);
  // No sleep without having armed it.
  oskr_doorbell_wait(doorbell, FOR_EVER_US);
  CHECK(*doorbell->sleeping == 0 && doorbell->event == 0);
  oskr_doorbell_arm(doorbell);
  oskr_doorbell_ring(doorbell);
  oskr_doorbell_wait(doorbell, FOR_EVER_US);
  oskr_doorbell_close(doorbell);
  close(file);
  unlink(path);
}

static void a_datagram_and_a_ring_end_the_wait_for_a_socket(void) {
  struct oskr_udp *udp = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_doorbell *doorbell = oskr_doorbell_open(-1);
  CHECK(oskr_doorbell_listen(doorbell) == 0);
  struct oskr_udp_region *region = oskr_udp_map(udp);
  region->tx_length[0] = 4;
  region->tx_ip[0] = LOOPBACK;
  region->tx_port[0] = (uint32_t)oskr_udp_port(udp);
  oskr_doorbell_arm(doorbell);
  CHECK(oskr_udp_send(udp, 1) == 1);
  oskr_doorbell_wait_udp(doorbell, udp, FOR_EVER_US);
  CHECK(oskr_udp_receive(udp) == 1);
  oskr_doorbell_arm(doorbell);
  oskr_doorbell_ring(doorbell);
  oskr_doorbell_wait_udp(doorbell, udp, FOR_EVER_US);
  // That ring is used up.
  oskr_doorbell_arm(doorbell);
  double before = oskr_monotonic_ns();
  oskr_doorbell_wait_udp(doorbell, udp, 2000);
  CHECK(oskr_monotonic_ns() - before >= 2e6);
  oskr_doorbell_close(doorbell);
  oskr_udp_close(udp);
}

// Its threads finish while the submitter sleeps.
static void signature_threads_ring(void) {
  struct oskr_doorbell *doorbell = oskr_doorbell_open(-1);
  struct oskr_signer *signer = oskr_signer_open();
  struct oskr_rings *rings = oskr_signer_rings(signer);
  memset(rings->key, 1, 32);
  CHECK(oskr_signer_secret(signer, 0) == 0);
  oskr_signer_doorbell(signer, doorbell);
  CHECK(oskr_signer_thread(signer, OSKR_ANY_CPU) == 0);
  for (uint32_t job = 0; job < 100; job++) {
    rings->jobs[job].kind = OSKR_SIGN;
    rings->jobs[job].key = 0;
    CHECK(oskr_signer_submit(signer, job) == 0);
    while (__atomic_load_n(&rings->completed[job], __ATOMIC_ACQUIRE) == 0) {
      oskr_doorbell_arm(doorbell);
      if (__atomic_load_n(&rings->completed[job], __ATOMIC_ACQUIRE) == 0)
        oskr_doorbell_wait(doorbell, FOR_EVER_US);
    }
  }
  oskr_signer_close(signer);
  oskr_doorbell_close(doorbell);
}

static void slices_have_bounds(void) {
  CHECK(oskr_slice_us(99) == -EINVAL && oskr_slice_us(100001) == -EINVAL);
  CHECK(oskr_slice_us(100) == 0);
}

RUN(TEST(no_ring_is_lost), TEST(a_sleep_that_nobody_ends_ends_in_time), TEST(another_process_rings),
    TEST(a_file_full_of_junk_is_a_doorbell), TEST(a_datagram_and_a_ring_end_the_wait_for_a_socket),
    TEST(signature_threads_ring), TEST(slices_have_bounds))
