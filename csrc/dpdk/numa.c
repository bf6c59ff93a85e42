// The seven functions of libnuma that EAL calls, by the system calls behind them: Debian's
// libnuma.a cannot go into a shared object. Failing with ENOSYS, as a kernel without NUMA does, is
// an answer that EAL expects. Declared here, because numa.h is in a package that is not needed
// otherwise.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODE_PREFERRED 1
#define MODE_LOCAL 4
#define NODES_MAX 1024
#define WORD_BITS (8 * sizeof(unsigned long))

// The start of libnuma's own struct, which EAL reads.
struct bitmask {
  unsigned long size;
  unsigned long *maskp;
};

int numa_available(void);
struct bitmask *numa_allocate_nodemask(void);
void numa_bitmask_free(struct bitmask *mask);
void numa_set_localalloc(void);
void numa_set_preferred(int node);
long get_mempolicy(int *mode, unsigned long *nodes, unsigned long nodes_max, void *address,
                   unsigned flags);
long set_mempolicy(int mode, const unsigned long *nodes, unsigned long nodes_max);

long get_mempolicy(int *mode, unsigned long *nodes, unsigned long nodes_max, void *address,
                   unsigned flags) {
  return syscall(SYS_get_mempolicy, mode, nodes, nodes_max, address, flags);
}

long set_mempolicy(int mode, const unsigned long *nodes, unsigned long nodes_max) {
  return syscall(SYS_set_mempolicy, mode, nodes, nodes_max);
}

int numa_available(void) { return get_mempolicy(NULL, NULL, 0, NULL, 0) < 0 ? -1 : 0; }

struct bitmask *numa_allocate_nodemask(void) {
  struct bitmask *mask = malloc(sizeof(*mask));
  if (mask == NULL) return NULL;
  mask->size = NODES_MAX;
  mask->maskp = calloc(NODES_MAX / WORD_BITS, sizeof(unsigned long));
  if (mask->maskp == NULL) {
    free(mask);
    return NULL;
  }
  return mask;
}

void numa_bitmask_free(struct bitmask *mask) {
  if (mask == NULL) return;
  free(mask->maskp);
  free(mask);
}

void numa_set_localalloc(void) { set_mempolicy(MODE_LOCAL, NULL, 0); }

void numa_set_preferred(int node) {
  unsigned long nodes[NODES_MAX / WORD_BITS] = {0};
  if (node < 0 || node >= NODES_MAX) {
    numa_set_localalloc();
    return;
  }
  nodes[(unsigned)node / WORD_BITS] = 1UL << ((unsigned)node % WORD_BITS);
  set_mempolicy(MODE_PREFERRED, nodes, NODES_MAX);
}
