// Frames that wait for their time: a bounded heap, earliest first, then in the order they came.
#ifndef OSKR_DELAY_H
#define OSKR_DELAY_H

#include <stdint.h>

// At 80 ms from end to end, 400,000 frames a second; two thirds of the pool that they are of.
#define OSKR_DELAYED_MAX 32768

struct rte_mbuf;

struct oskr_delayed {
  double due_ns;
  struct rte_mbuf *frame;
  uint32_t port;
  // 1 once the link to the port has carried it as well, so that it only waits for its last bit.
  uint32_t carried;
};

// From now on no more frames wait than that, nor more than OSKR_DELAYED_MAX.
void oskr_delay_limit(uint32_t frames);
// Returns -ENOBUFS when it is full; the frame is still the caller's.
int32_t oskr_delay_push(struct oskr_delayed added);
// Takes the earliest frame that is due by now; 0: there is none.
int oskr_delay_pop(double now_ns, struct oskr_delayed *taken);
// When the earliest frame is due; infinity if none waits.
double oskr_delay_next_ns(void);

#endif
