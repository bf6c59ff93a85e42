// See delay.h.
#include "delay.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>

#define WAITING_MAX 16384

struct waiting {
  double due_ns;
  uint64_t order;
  struct rte_mbuf *frame;
  uint32_t port;
};

static struct waiting heap[WAITING_MAX];
static uint32_t count;
static uint64_t arrivals;

static int before(const struct waiting *a, const struct waiting *b) {
  if (a->due_ns != b->due_ns) return a->due_ns < b->due_ns;
  return a->order < b->order;
}

int32_t oskr_delay_push(double due_ns, uint32_t port, struct rte_mbuf *frame) {
  struct waiting added = {due_ns, arrivals++, frame, port};
  if (count == WAITING_MAX) return -ENOBUFS;
  uint32_t at = count++;
  while (at > 0 && before(&added, &heap[(at - 1) / 2])) {
    heap[at] = heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  heap[at] = added;
  return 0;
}

double oskr_delay_next_ns(void) { return count == 0 ? INFINITY : heap[0].due_ns; }

struct rte_mbuf *oskr_delay_pop(double now_ns, uint32_t *port) {
  if (count == 0 || heap[0].due_ns > now_ns) return NULL;
  struct rte_mbuf *frame = heap[0].frame;
  *port = heap[0].port;
  struct waiting last = heap[--count];
  uint32_t at = 0;
  for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && before(&heap[child + 1], &heap[child])) child++;
    if (!before(&heap[child], &last)) break;
    heap[at] = heap[child];
  }
  heap[at] = last;
  return frame;
}
