// Frames that wait for their time: a bounded heap, earliest first, then in the order they came.
#ifndef OSKR_DELAY_H
#define OSKR_DELAY_H

#include <stdint.h>

struct rte_mbuf;

// Returns -ENOBUFS when it is full; the frame is still the caller's.
int32_t oskr_delay_push(double due_ns, uint32_t port, struct rte_mbuf *frame);
// The earliest frame that is due by now, or null.
struct rte_mbuf *oskr_delay_pop(double now_ns, uint32_t *port);
// When the earliest frame is due; infinity if none waits.
double oskr_delay_next_ns(void);

#endif
