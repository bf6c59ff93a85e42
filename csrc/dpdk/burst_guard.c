// Keeps memif from taking memory away under a burst: see port.h.
#include <sched.h>

#include "port.h"

uint32_t oskr_in_burst;

// The driver's own. Weak, because where DPDK is a shared library its calls cannot be wrapped.
void __real_memif_free_regions(struct rte_eth_dev *device) __attribute__((weak));
void __wrap_memif_free_regions(struct rte_eth_dev *device);

// Called when a peer is gone, after the port was marked as not connected: a burst that begins from
// here on touches no region, and one that began before is waited for. With full barriers on both
// sides one of the two threads sees what the other did.
void __wrap_memif_free_regions(struct rte_eth_dev *device) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  while (__atomic_load_n(&oskr_in_burst, __ATOMIC_SEQ_CST) != 0) sched_yield();
  __real_memif_free_regions(device);
}
