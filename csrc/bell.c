// Bells for JavaScript: see bell.h.

#include "bell.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oskr_native.h"
#include "region.h"

#define BELL_BYTES 4096

static uint32_t *map_word(int32_t file) {
  if (file < 0) return oskr_region_map(BELL_BYTES);
  if (ftruncate(file, BELL_BYTES) != 0) return oskr_fail(errno);
  void *word = mmap(NULL, BELL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return word == MAP_FAILED ? oskr_fail(errno) : word;
}

struct oskr_bell *oskr_bell_open(int32_t file) {
  struct oskr_bell *bell = calloc(1, sizeof *bell);
  if (bell == NULL) return oskr_fail(ENOMEM);
  bell->sleeping = map_word(file);
  if (bell->sleeping != NULL) return bell;
  free(bell);
  return NULL;
}

void oskr_bell_close(struct oskr_bell *bell) {
  if (bell->event > 0) close(bell->event - 1);
  oskr_region_unmap(bell->sleeping, BELL_BYTES);
  free(bell);
}

void oskr_bell_arm(struct oskr_bell *bell) { oskr_bell_set(bell); }

void oskr_bell_wait(struct oskr_bell *bell, uint32_t us) { oskr_bell_sleep(bell, us); }

int32_t oskr_bell_listen(struct oskr_bell *bell) {
  int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (event < 0) return -errno;
  bell->event = event + 1;
  return 0;
}

void oskr_bell_wait_udp(struct oskr_bell *bell, const struct oskr_udp *udp, uint32_t us) {
  struct pollfd files[2] = {{.fd = oskr_udp_socket(udp), .events = POLLIN},
                            {.fd = bell->event - 1, .events = POLLIN}};
  struct timespec time = {us / 1000000, us % 1000000 * 1000L};
  ppoll(files, 2, &time, NULL);
  __atomic_store_n(bell->sleeping, 0, __ATOMIC_SEQ_CST);
  uint64_t rung;
  // Empty unless somebody rang.
  if (files[1].revents != 0 && read(bell->event - 1, &rung, sizeof rung) < 0) return;
}
