// UDP bursts on loopback, and what the library asks of the process.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../oskr_native.h"
#include "native_test.h"

#define LOOPBACK 0x7f000001u

static void queue(struct oskr_udp *from, uint32_t i, uint32_t length, uint32_t port) {
  struct oskr_udp_region *region = oskr_udp_map(from);
  region->tx_offset[i] = i * OSKR_SLOT;
  region->tx_length[i] = length;
  region->tx_ip[i] = LOOPBACK;
  region->tx_port[i] = port;
  memset(region->tx + i * OSKR_SLOT, (int)(i + 1), OSKR_SLOT);
}

// Loopback delivers before the send returns, so that no wait is needed.
static void a_burst_arrives_as_it_left(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0);
  CHECK(a != NULL && b != NULL && oskr_udp_port(a) > 0 && oskr_udp_port(a) != oskr_udp_port(b));
  CHECK(oskr_udp_receive(b) == 0);
  for (uint32_t i = 0; i < OSKR_BURST; i++) queue(a, i, i * 30, (uint32_t)oskr_udp_port(b));
  CHECK(oskr_udp_send(a, OSKR_BURST) == OSKR_BURST);
  CHECK(oskr_udp_receive(b) == OSKR_BURST);
  struct oskr_udp_region *region = oskr_udp_map(b);
  for (uint32_t i = 0; i < OSKR_BURST; i++) {
    CHECK(region->rx_length[i] == i * 30);
    CHECK(region->rx_ip[i] == LOOPBACK && region->rx_port[i] == (uint32_t)oskr_udp_port(a));
    if (i > 0) CHECK(region->rx[i * OSKR_SLOT + i * 30 - 1] == i + 1);
    CHECK(oskr_udp_map(a)->tx_status[i] == 0);
  }
  CHECK(oskr_udp_receive(b) == 0);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

static void packets_may_share_their_bytes(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0);
  for (uint32_t i = 0; i < 3; i++) {
    queue(a, i, 100, (uint32_t)oskr_udp_port(b));
    oskr_udp_map(a)->tx_offset[i] = 5 * OSKR_SLOT;
  }
  memset(oskr_udp_map(a)->tx + 5 * OSKR_SLOT, 77, 100);
  CHECK(oskr_udp_send(a, 3) == 3);
  CHECK(oskr_udp_receive(b) == 3);
  for (uint32_t i = 0; i < 3; i++) CHECK(oskr_udp_map(b)->rx[i * OSKR_SLOT + 99] == 77);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

// Packet i, a message of `length` bytes, its kind included, that begins with its number.
static void queue_message(struct oskr_udp *from, uint32_t i, uint32_t length, uint32_t port) {
  queue(from, i, length, port);
  uint8_t *bytes = oskr_udp_map(from)->tx + i * OSKR_SLOT;
  bytes[0] = OSKR_PACKET_MESSAGE;
  bytes[1] = (uint8_t)i;
}

// Messages 0, 2, 4... go to one socket, the others to another: each gets one datagram.
static void messages_for_one_address_share_a_datagram(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0);
  struct oskr_udp *to[] = {oskr_udp_open(LOOPBACK, 0), oskr_udp_open(LOOPBACK, 0)};
  for (uint32_t i = 0; i < 20; i++) {
    queue_message(a, i, 4 + i, (uint32_t)oskr_udp_port(to[i % 2]));
  }
  CHECK(oskr_udp_send(a, 20) == 20);
  for (uint32_t k = 0; k < 2; k++) {
    CHECK(oskr_udp_receive(to[k]) == 1);
    const uint8_t *at = oskr_udp_map(to[k])->rx;
    const uint8_t *end = at + oskr_udp_map(to[k])->rx_length[0];
    CHECK(*at++ == OSKR_PACKET_JOINED && end[-1] == 10);
    for (uint32_t i = k; i < 20; i += 2) {
      const uint8_t *length = end - 1 - 2 * 10 + 2 * (i / 2);
      CHECK(length[0] == 0 && length[1] == 3 + i);
      CHECK(at[0] == i && at[2 + i] == (i == 0 ? 1 : i + 1));
      at += 3 + i;
    }
    CHECK(at == end - 1 - 2 * 10);
  }
  oskr_udp_close(a);
  oskr_udp_close(to[0]);
  oskr_udp_close(to[1]);
}

// At most 32 messages and 1,472 bytes; parts, and messages too short for their ids, stay alone.
static void datagrams_of_messages_have_bounds(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0);
  uint32_t port = (uint32_t)oskr_udp_port(b);
  struct oskr_udp_region *got = oskr_udp_map(b);
  for (uint32_t i = 0; i < OSKR_BURST; i++) queue_message(a, i, 4, port);
  CHECK(oskr_udp_send(a, OSKR_BURST) == OSKR_BURST);
  CHECK(oskr_udp_receive(b) == OSKR_BURST / OSKR_JOINED_MAX);
  // 1 + 2 x 733 + 2 x 2 + 1 bytes are 1,472.
  for (uint32_t more = 0; more < 2; more++) {
    queue_message(a, 0, 734, port);
    queue_message(a, 1, 734 + more, port);
    CHECK(oskr_udp_send(a, 2) == 2);
    CHECK(oskr_udp_receive(b) == (int32_t)(1 + more));
    CHECK(got->rx_length[0] == (more ? 734u : OSKR_DATAGRAM_MAX));
  }
  queue_message(a, 0, 3, port);
  queue(a, 1, 50, port);
  queue_message(a, 2, 50, port);
  CHECK(oskr_udp_send(a, 3) == 3);
  CHECK(oskr_udp_receive(b) == 3);
  CHECK(got->rx_length[0] == 3 && got->rx_length[1] == 50 && got->rx_length[2] == 50);
  CHECK(got->rx[2 * OSKR_SLOT] == OSKR_PACKET_MESSAGE && got->rx[2 * OSKR_SLOT + 1] == 2);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

static void bad_packets_are_reported_and_the_others_leave(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0);
  uint32_t port = (uint32_t)oskr_udp_port(b);
  struct oskr_udp_region *region = oskr_udp_map(a);
  for (uint32_t i = 0; i < 8; i++) queue(a, i, 10, port);
  region->tx_offset[1] = sizeof region->tx;  // nothing left there
  region->tx_offset[2] = UINT32_MAX;
  region->tx_length[3] = UINT32_MAX;
  region->tx_port[4] = 65536;
  region->tx_port[5] = 0;
  region->tx_offset[6] = 0;
  region->tx_length[6] = 66000;  // longer than any datagram
  CHECK(oskr_udp_send(a, 8) == 2);
  for (uint32_t i = 1; i <= 5; i++) CHECK(region->tx_status[i] == -EINVAL);
  CHECK(region->tx_status[6] == -EMSGSIZE);
  CHECK(region->tx_status[0] == 0 && region->tx_status[7] == 0);
  CHECK(oskr_udp_receive(b) == 2);
  CHECK(oskr_udp_send(a, OSKR_BURST + 1) == -EINVAL);
  CHECK(oskr_udp_send(a, 0) == 0);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

static void a_datagram_that_was_cut_shows_its_length(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0);
  queue(a, 0, 5000, (uint32_t)oskr_udp_port(b));
  CHECK(oskr_udp_send(a, 1) == 1);
  CHECK(oskr_udp_receive(b) == 1);
  CHECK(oskr_udp_map(b)->rx_length[0] == 5000);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

static void ports_in_use_and_out_of_range_are_refused(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0);
  CHECK(oskr_udp_open(LOOPBACK, (uint32_t)oskr_udp_port(a)) == NULL);
  CHECK(oskr_error() == -EADDRINUSE);
  CHECK(oskr_udp_open(LOOPBACK, 65536) == NULL && oskr_error() == -EINVAL);
  CHECK(oskr_udp_open(0x01020304, 0) == NULL && oskr_error() == -EADDRNOTAVAIL);
  oskr_udp_close(a);
}

// In a child, whose end is looked at: the first signal sets the word, one right behind it is taken
// for the same, a later one ends it with 130.
static void a_signal_is_seen_and_a_later_one_ends(void) {
  for (int round = 0; round < 2; round++) {
    int signal = round == 0 ? SIGINT : SIGTERM;
    pid_t child = fork();
    if (child == 0) {
      uint32_t *word = oskr_stop_install();
      if (word == NULL || *word != 0) _exit(1);
      raise(signal);
      raise(signal);
      if (atomic_load((_Atomic uint32_t *)word) != 1) _exit(2);
      oskr_sleep_us(150000);
      raise(signal);
      _exit(3);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 130);
  }
}

static void time_rises_and_sleep_takes_time(void) {
  double before = oskr_monotonic_ns();
  oskr_sleep_us(500);
  CHECK(oskr_monotonic_ns() - before >= 500e3);
}

static atomic_bool stop_idling;

static void *idle(void *unused) {
  while (!atomic_load(&stop_idling)) oskr_sleep_us(200);
  return unused;
}

// A thread inherits the mask of a pinned one; only oskr_unpin_others gives it the others back.
static void only_the_pinned_thread_stays_pinned(void) {
  uint32_t cpu = 0;
  while (!oskr_cpu_allowed(cpu)) cpu++;
  CHECK(oskr_pin_self(100000) == -EINVAL);
  cpu_set_t whole, mine, other;
  CPU_ZERO(&whole);
  for (uint32_t i = 0; i < CPU_SETSIZE; i++) {
    if (oskr_cpu_allowed(i)) CPU_SET(i, &whole);
  }
  CHECK(oskr_pin_self(cpu) == 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, idle, NULL) == 0);
  CHECK(pthread_getaffinity_np(thread, sizeof other, &other) == 0 && CPU_COUNT(&other) == 1);
  CHECK(oskr_unpin_others() >= 1);
  CHECK(pthread_getaffinity_np(thread, sizeof other, &other) == 0 && CPU_EQUAL(&other, &whole));
  CHECK(sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) == 1);
  atomic_store(&stop_idling, true);
  pthread_join(thread, NULL);
}

// Signature threads that were pinned stay so.
static void pinned_signature_threads_stay_pinned(void) {
  uint32_t cpu = 0;
  while (!oskr_cpu_allowed(cpu)) cpu++;
  int32_t before = oskr_unpin_others();
  struct oskr_signer *signer = oskr_signer_open();
  CHECK(oskr_signer_thread(signer, cpu) == 0);
  CHECK(oskr_signer_thread(signer, OSKR_ANY_CPU) == 0);
  // The thread pins itself when it first runs: one more to unpin is left then, not two.
  int32_t others = oskr_unpin_others();
  for (int i = 0; i < 5000 && others != before + 1; i++) {
    oskr_sleep_us(1000);
    others = oskr_unpin_others();
  }
  CHECK(others == before + 1);
  oskr_signer_close(signer);
  CHECK(oskr_unpin_others() == before);
}

// The grandchild dies of the signal when the child is gone; the pipe closes with it.
static void a_process_ends_with_its_parent(void) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    uint32_t parent = (uint32_t)getpid();
    int ready[2];
    if (pipe(ready) != 0) _exit(1);
    if (fork() == 0) {
      close(ends[0]);
      if (oskr_die_with_parent(SIGKILL, parent) != 0) _exit(1);
      if (write(ready[1], "r", 1) != 1) _exit(1);
      for (;;) pause();
    }
    char byte;
    _exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
  }
  close(ends[1]);
  int status = 0;
  char byte;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(read(ends[0], &byte, 1) == 0);
  close(ends[0]);
  CHECK(oskr_die_with_parent(0, 1 + (uint32_t)getppid()) == -ESRCH);
}

RUN(TEST(a_burst_arrives_as_it_left), TEST(packets_may_share_their_bytes),
    TEST(messages_for_one_address_share_a_datagram), TEST(datagrams_of_messages_have_bounds),
    TEST(bad_packets_are_reported_and_the_others_leave),
    TEST(a_datagram_that_was_cut_shows_its_length), TEST(ports_in_use_and_out_of_range_are_refused),
    TEST(a_signal_is_seen_and_a_later_one_ends), TEST(time_rises_and_sleep_takes_time),
    TEST(only_the_pinned_thread_stays_pinned), TEST(pinned_signature_threads_stay_pinned),
    TEST(a_process_ends_with_its_parent))
