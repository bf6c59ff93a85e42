// What the library asks of the process.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../oskr_native.h"
#include "native_test.h"

// In a child, whose end is looked at: the first signal sets the word, one right behind it is taken
// for the same, a later one ends it with 130.
static void a_signal_is_seen_and_a_later_one_ends(void) {
  const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  for (int round = 0; round < 3; round++) {
    int signal = signals[round];
    pid_t child = fork();
    if (child == 0) {
      // nohup may have started this test.
      sigaction(SIGHUP, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
      uint32_t *word = oskr_stop_install();
      if (word == NULL || *word != 0) _exit(1);
      raise(signal);
      raise(signal);
      if (atomic_load((_Atomic uint32_t *)word) != 1) _exit(2);
      oskr_sleep_us(600000);
      raise(signal);
      _exit(3);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 130);
  }
}

static void a_hangup_that_is_ignored_stays_so(void) {
  pid_t child = fork();
  if (child == 0) {
    signal(SIGHUP, SIG_IGN);
    uint32_t *word = oskr_stop_install();
    if (word == NULL) _exit(1);
    raise(SIGHUP);
    _exit(atomic_load((_Atomic uint32_t *)word) == 0 ? 0 : 2);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
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

// A thread's mask is no limit, as it is not where processors were set apart; the kernel's is. What
// was tried changes nothing.
static void the_kernel_says_which_processors_there_are(void) {
  cpu_set_t before, after;
  uint32_t last = 0;
  CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
  for (uint32_t i = 0; i < CPU_SETSIZE; i++) {
    if (CPU_ISSET(i, &before)) last = i;
  }
  CHECK(oskr_pin_self(last) == 0);
  CHECK(sched_getaffinity(0, sizeof before, &before) == 0 && CPU_COUNT(&before) == 1);
  uint32_t cpu = 0;
  while (!oskr_cpu_allowed(cpu)) cpu++;
  CHECK(oskr_cpu_try(cpu) == 0);
  CHECK(oskr_cpu_try(CPU_SETSIZE - 1) == -EINVAL);
  CHECK(oskr_cpu_try(CPU_SETSIZE) == -EINVAL);
  CHECK(sched_getaffinity(0, sizeof after, &after) == 0 && CPU_EQUAL(&before, &after));
  struct oskr_signer *signer = oskr_signer_open();
  CHECK(oskr_signer_thread(signer, cpu) == 0);
  CHECK(oskr_signer_thread(signer, CPU_SETSIZE - 1) == -EINVAL);
  oskr_signer_close(signer);
}

// A socket that is bound, then listened at, then left behind.
static void a_socket_serves_while_somebody_listens(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "oskr-serves.sock"};
  unlink(address.sun_path);
  CHECK(oskr_socket_serves(address.sun_path) == 0);
  int server = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  CHECK(bind(server, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(server, 1) == 0);
  for (int i = 0; i < 4; i++) CHECK(oskr_socket_serves(address.sun_path) == 1);
  // Whoever listens has heard nothing of it.
  CHECK(fcntl(server, F_SETFL, O_NONBLOCK) == 0 && accept(server, NULL, NULL) == -1);
  CHECK(errno == EAGAIN);
  close(server);
  CHECK(oskr_socket_serves(address.sun_path) == 0);
  unlink(address.sun_path);
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

RUN(TEST(a_signal_is_seen_and_a_later_one_ends), TEST(a_hangup_that_is_ignored_stays_so),
    TEST(time_rises_and_sleep_takes_time), TEST(only_the_pinned_thread_stays_pinned),
    TEST(pinned_signature_threads_stay_pinned), TEST(the_kernel_says_which_processors_there_are),
    TEST(a_socket_serves_while_somebody_listens), TEST(a_process_ends_with_its_parent))
