// Cases for the DPDK library. EAL starts once a process, so each case is a child process of its
// own, with a private directory for sockets and for what EAL leaves behind.
#ifndef OSKR_DPDK_TEST_H
#define OSKR_DPDK_TEST_H

#include <stdio.h>
#include <sys/types.h>

#include "../dpdk/port.h"
#include "../oskr_fabric.h"

#define CHECK(condition)                                         \
  do {                                                           \
    if (!(condition)) fail_case(__FILE__, __LINE__, #condition); \
  } while (0)

struct test_case {
  const char *name;
  void (*run)(void);
};

// Runs the cases and prints a line for each; returns the exit status.
int run_cases(const struct test_case *cases, uint32_t count);
void fail_case(const char *file, int line, const char *condition) __attribute__((noreturn));

// The directory of this case.
extern char directory[64];
// Starts EAL with the usual arguments and these devices, each a --vdev; returns what start
// returned.
int32_t start_eal(uint32_t count, const char *const devices[]);
// Opens a port, and fails the case if that fails.
struct oskr_region *open_port(uint32_t port);
// Forks; the child runs `body` and exits with 0 unless it fails.
pid_t spawn(void (*body)(void));
// Waits for the child to end; its exit status, or minus the signal.
int wait_for(pid_t child);
// Fills entry `index`: a message of `length` bytes of `slot` to `destination` (last byte of its
// MAC).
void put_entry(struct oskr_region *region, uint32_t index, uint8_t destination, uint16_t slot,
               uint16_t length);
// The same for a part of a message, which shares no frame with others.
void put_part(struct oskr_region *region, uint32_t index, uint8_t destination, uint16_t slot,
              uint16_t length);
// Fills every send slot with bytes of its own, so that a mix-up shows.
void fill_slots(struct oskr_region *region);
// Frame `at` of the last receive is the message that put_entry made of those.
void expect_frame(struct oskr_region *region, uint32_t at, uint8_t destination, uint32_t slot,
                  uint32_t length);
// Sends frames as they are, past the library; returns how many left.
uint32_t send_raw(uint16_t port, const uint8_t *bytes, const uint32_t lengths[], uint32_t count);
// A page of zeros that this process shares with those it forks.
volatile uint32_t *shared_words(void);
// The MAC address that tests give to number n: 12:34:56:00:00:n.
void mac_of(uint8_t mac[6], uint8_t n);

#endif
