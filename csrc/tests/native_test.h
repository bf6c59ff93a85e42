// A test is a function of checks; a program runs its tests and ends with "N passed, N failed".
#ifndef OSKR_NATIVE_TEST_H
#define OSKR_NATIVE_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static int checks_failed;

#define CHECK(condition)                                       \
  do {                                                         \
    if (!(condition)) {                                        \
      printf("  %s:%d: %s\n", __FILE__, __LINE__, #condition); \
      checks_failed++;                                         \
    }                                                          \
  } while (0)

struct test {
  const char *name;
  void (*run)(void);
};

// A test that has stopped moving is ended.
#define HANG_SECONDS 120

static inline int run_tests(const struct test *tests, int count) {
  int failed = 0;
  for (int i = 0; i < count; i++) {
    checks_failed = 0;
    alarm(HANG_SECONDS);
    tests[i].run();
    printf("%s %s\n", checks_failed == 0 ? "ok    " : "FAILED", tests[i].name);
    if (checks_failed > 0) failed++;
    fflush(stdout);
  }
  printf("%d passed, %d failed\n", count - failed, failed);
  return failed == 0 ? 0 : 1;
}

#define RUN(...)                                                    \
  int main(void) {                                                  \
    static const struct test tests[] = {__VA_ARGS__};               \
    return run_tests(tests, (int)(sizeof tests / sizeof tests[0])); \
  }
#define TEST(function) \
  { #function, function }

// A reproducible stream of bytes (xorshift64*), so that a failure repeats.
static inline uint64_t next_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545f4914f6cdd1dULL;
}

#endif
