// Where the time of a thread goes: it writes into a word what it is about, and a timer's signal
// counts, by that word, every period that went by. The handler runs on the thread itself, so that
// nobody competes with it for a processor; while the thread waits for one, periods add up, and the
// kernel tells how many.

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "oskr_native.h"
#include "region.h"

_Static_assert(sizeof(struct oskr_profile) == 128, "layout of native.ts");
_Static_assert(offsetof(struct oskr_profile, counts) == 64, "layout of native.ts");

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static struct oskr_profile *profile;
static timer_t timer;
static bool started;

static void on_period(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  uint32_t section =
      atomic_load_explicit((_Atomic uint32_t *)&profile->section, memory_order_relaxed);
  uint32_t periods = 1 + (uint32_t)info->si_overrun;
  atomic_fetch_add((_Atomic uint32_t *)&profile->counts[section % OSKR_SECTIONS_MAX], periods);
  atomic_fetch_add((_Atomic uint32_t *)&profile->periods, periods);
}

static int start(uint32_t period_us) {
  // Never unmapped: JavaScript keeps its view.
  if (profile == NULL) profile = oskr_region_map(4096);
  if (profile == NULL) return -oskr_error();
  struct sigaction action = {.sa_sigaction = on_period, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGPROF, &action, NULL) != 0) return errno;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
  event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return errno;
  struct timespec period = {period_us / 1000000, period_us % 1000000 * 1000L};
  struct itimerspec times = {period, period};
  if (timer_settime(timer, 0, &times, NULL) == 0) return 0;
  int error = errno;
  timer_delete(timer);
  return error;
}

struct oskr_profile *oskr_profile_start(uint32_t period_us) {
  if (period_us == 0) return oskr_fail(EINVAL);
  if (started) return oskr_fail(EBUSY);
  int error = start(period_us);
  if (error != 0) return oskr_fail(error);
  started = true;
  return profile;
}

void oskr_profile_stop(void) {
  // A signal on its way still finds its handler, and the words.
  if (started) timer_delete(timer);
  started = false;
}
