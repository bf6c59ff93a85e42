// A doorbell is a word, in memory that threads or processes share, where one poller says that it is
// about to sleep, and by which whoever brings it work wakes it. Polling processes that share
// processors must not spin: one that waits for its mail then takes the time of the one that would
// write it.
//
// The poller arms the doorbell, looks once more for work, and only then sleeps; a ringer brings the
// work and then looks at the doorbell. Each puts a full barrier between its two steps, so that one
// of them sees what the other did.
#ifndef OSKR_DOORBELL_H
#define OSKR_DOORBELL_H

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct oskr_doorbell {
  // The futex: 1 from arming until somebody rings. All that is shared: whatever another process
  // writes there, it can only wake this one or let it sleep its time.
  uint32_t *sleeping;
  // An eventfd plus one, for a poller that waits for a socket as well; 0: it waits on the futex.
  int32_t event;
};

static inline void oskr_doorbell_set(struct oskr_doorbell *doorbell) {
  __atomic_exchange_n(doorbell->sleeping, 1, __ATOMIC_SEQ_CST);
}

// Costs one locked instruction where nobody sleeps, a barrier between the work that was brought and
// the look at the doorbell. `doorbell` may be null.
static inline void oskr_doorbell_ring(struct oskr_doorbell *doorbell) {
  if (doorbell == NULL) return;
  if (__atomic_fetch_or(doorbell->sleeping, 0, __ATOMIC_SEQ_CST) == 0) return;
  if (__atomic_exchange_n(doorbell->sleeping, 0, __ATOMIC_SEQ_CST) == 0) return;
  if (doorbell->event > 0) {
    uint64_t one = 1;
    // It fails only when the counter is full, and then it has been rung.
    if (write(doorbell->event - 1, &one, sizeof one) < 0) return;
  } else {
    syscall(SYS_futex, doorbell->sleeping, FUTEX_WAKE, 1, NULL, NULL, 0);
  }
}

// Sleeps on the futex of a doorbell that was set until it is rung, a signal comes, or time is over.
static inline void oskr_doorbell_sleep(struct oskr_doorbell *doorbell, uint32_t us) {
  struct timespec time = {us / 1000000, us % 1000000 * 1000L};
  syscall(SYS_futex, doorbell->sleeping, FUTEX_WAIT, 1, &time, NULL, 0);
  __atomic_store_n(doorbell->sleeping, 0, __ATOMIC_RELEASE);
}

#endif
