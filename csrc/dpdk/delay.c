// See delay.h.
#include "delay.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>

struct waiting {
  struct oskr_delayed what;
  uint64_t order;
};

static struct waiting heap[OSKR_DELAYED_MAX];
static uint32_t count;
static uint32_t count_max = OSKR_DELAYED_MAX;
static uint64_t arrivals;

static int before(const struct waiting *a, const struct waiting *b) {
  if (a->what.due_ns != b->what.due_ns) return a->what.due_ns < b->what.due_ns;
  return a->order < b->order;
}

void oskr_delay_limit(uint32_t frames) {
  count_max = frames < OSKR_DELAYED_MAX ? frames : OSKR_DELAYED_MAX;
}

int32_t oskr_delay_push(struct oskr_delayed what) {
  struct waiting added = {what, arrivals++};
  if (count >= count_max) return -ENOBUFS;
  uint32_t at = count++;
  while (at > 0 && before(&added, &heap[(at - 1) / 2])) {
    heap[at] = heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  heap[at] = added;
  return 0;
}

double oskr_delay_next_ns(void) { return count == 0 ? INFINITY : heap[0].what.due_ns; }

int oskr_delay_pop(double now_ns, struct oskr_delayed *taken) {
  if (count == 0 || heap[0].what.due_ns > now_ns) return 0;
  *taken = heap[0].what;
  struct waiting last = heap[--count];
  uint32_t at = 0;
  for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && before(&heap[child + 1], &heap[child])) child++;
    if (!before(&heap[child], &last)) break;
    heap[at] = heap[child];
  }
  heap[at] = last;
  return 1;
}
