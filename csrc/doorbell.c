// Doorbells for JavaScript: see doorbell.h.

#include "doorbell.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oskr_native.h"
#include "region.h"

#define DOORBELL_BYTES 4096

static uint32_t *map_word(int32_t file) {
  if (file < 0) return oskr_region_map(DOORBELL_BYTES);
  if (ftruncate(file, DOORBELL_BYTES) != 0) return oskr_fail(errno);
  void *word = mmap(NULL, DOORBELL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return word == MAP_FAILED ? oskr_fail(errno) : word;
}

struct oskr_doorbell *oskr_doorbell_open(int32_t file) {
  struct oskr_doorbell *doorbell = calloc(1, sizeof *doorbell);
  if (doorbell == NULL) return oskr_fail(ENOMEM);
  doorbell->sleeping = map_word(file);
  if (doorbell->sleeping != NULL) return doorbell;
  free(doorbell);
  return NULL;
}

void oskr_doorbell_close(struct oskr_doorbell *doorbell) {
  if (doorbell->event > 0) close(doorbell->event - 1);
  oskr_region_unmap(doorbell->sleeping, DOORBELL_BYTES);
  free(doorbell);
}

void oskr_doorbell_arm(struct oskr_doorbell *doorbell) { oskr_doorbell_set(doorbell); }

void oskr_doorbell_wait(struct oskr_doorbell *doorbell, uint32_t us) {
  oskr_doorbell_sleep(doorbell, us);
}

int32_t oskr_doorbell_listen(struct oskr_doorbell *doorbell) {
  int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (event < 0) return -errno;
  doorbell->event = event + 1;
  return 0;
}

void oskr_doorbell_wait_udp(struct oskr_doorbell *doorbell, const struct oskr_udp *udp,
                            uint32_t us) {
  struct pollfd files[2] = {{.fd = oskr_udp_socket(udp), .events = POLLIN},
                            {.fd = doorbell->event - 1, .events = POLLIN}};
  struct timespec time = {us / 1000000, us % 1000000 * 1000L};
  ppoll(files, 2, &time, NULL);
  __atomic_store_n(doorbell->sleeping, 0, __ATOMIC_SEQ_CST);
  uint64_t rung;
  // Empty unless somebody rang.
  if (files[1].revents != 0 && read(doorbell->event - 1, &rung, sizeof rung) < 0) return;
}
