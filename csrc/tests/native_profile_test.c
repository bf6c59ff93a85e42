// The profiler: every period is counted once, by what the thread was about when it ended.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "../oskr_native.h"
#include "native_test.h"

#define PERIOD_US 500u
#define PERIOD_NS (PERIOD_US * 1e3)

static uint32_t read_word(uint32_t *word) { return atomic_load((_Atomic uint32_t *)word); }

static void enter(struct oskr_profile *profile, uint32_t section) {
  atomic_store((_Atomic uint32_t *)&profile->section, section);
}

static uint32_t sum(struct oskr_profile *profile) {
  uint32_t total = 0;
  for (uint32_t i = 0; i < OSKR_SECTIONS_MAX; i++) total += read_word(&profile->counts[i]);
  return total;
}

// Works until so many periods were counted for the section.
static void work(struct oskr_profile *profile, uint32_t section, uint32_t periods) {
  enter(profile, section);
  uint32_t until = read_word(&profile->counts[section]) + periods;
  while ((int32_t)(read_word(&profile->counts[section]) - until) < 0) continue;
  enter(profile, 0);
}

static void periods_count_for_the_section_they_end_in(void) {
  struct oskr_profile *profile = oskr_profile_start(PERIOD_US);
  CHECK(profile != NULL);
  uint32_t before = sum(profile);
  work(profile, 3, 20);
  work(profile, 15, 10);
  oskr_profile_stop();
  CHECK(read_word(&profile->counts[3]) >= 20 && read_word(&profile->counts[15]) >= 10);
  for (uint32_t i = 1; i < OSKR_SECTIONS_MAX; i++) {
    if (i != 3 && i != 15) CHECK(read_word(&profile->counts[i]) == 0);
  }
  CHECK(sum(profile) >= before + 30 && sum(profile) == read_word(&profile->periods));
}

// A section that no profile has is not written outside the counts.
static void a_section_out_of_range_stays_inside(void) {
  struct oskr_profile *profile = oskr_profile_start(PERIOD_US);
  uint32_t before = sum(profile);
  enter(profile, UINT32_MAX);
  while (sum(profile) - before < 3) continue;
  enter(profile, 0);
  oskr_profile_stop();
  CHECK(sum(profile) == read_word(&profile->periods));
}

// A thread that could not run finds all periods counted that went by: it is held up here by
// blocking the signal.
static void periods_without_a_processor_count(void) {
  struct oskr_profile *profile = oskr_profile_start(PERIOD_US);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPROF);
  uint32_t before = read_word(&profile->counts[5]);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  enter(profile, 5);
  double from = oskr_monotonic_ns();
  oskr_sleep_us(50000);
  double slept = oskr_monotonic_ns() - from;
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  enter(profile, 0);
  double all = oskr_monotonic_ns() - from;
  oskr_profile_stop();
  double counted = read_word(&profile->counts[5]) - before;
  CHECK(counted >= slept / PERIOD_NS - 1);
  CHECK(counted <= all / PERIOD_NS + 1);
}

static atomic_bool stop_spinning;

static void *spin(void *unused) {
  while (!atomic_load(&stop_spinning)) continue;
  return unused;
}

// Another thread that runs, and would take the signal, is not interrupted in the place of the one
// that started the profile.
static void the_thread_that_started_it_is_measured(void) {
  struct oskr_profile *profile = oskr_profile_start(PERIOD_US);
  pthread_t other;
  CHECK(pthread_create(&other, NULL, spin, NULL) == 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPROF);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  uint32_t before = sum(profile);
  oskr_sleep_us(20000);
  CHECK(sum(profile) == before);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  CHECK(sum(profile) > before);
  atomic_store(&stop_spinning, true);
  pthread_join(other, NULL);
  oskr_profile_stop();
}

static void it_starts_once_and_again_after_it_stopped(void) {
  CHECK(oskr_profile_start(0) == NULL && oskr_error() == -EINVAL);
  struct oskr_profile *profile = oskr_profile_start(PERIOD_US);
  CHECK(profile != NULL);
  CHECK(oskr_profile_start(PERIOD_US) == NULL && oskr_error() == -EBUSY);
  oskr_profile_stop();
  oskr_profile_stop();
  uint32_t stopped = sum(profile);
  oskr_sleep_us(20000);
  CHECK(sum(profile) - stopped <= 1);
  CHECK(oskr_profile_start(PERIOD_US) == profile);
  work(profile, 9, 3);
  oskr_profile_stop();
}

RUN(TEST(periods_count_for_the_section_they_end_in), TEST(a_section_out_of_range_stays_inside),
    TEST(periods_without_a_processor_count), TEST(the_thread_that_started_it_is_measured),
    TEST(it_starts_once_and_again_after_it_stopped))
