// What ../oskr_dpdk.c, burst.c, link.c and fabric.c share.
#ifndef OSKR_PORT_H
#define OSKR_PORT_H

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <time.h>

#include "../doorbell.h"
#include "../oskr_dpdk.h"
#include "frame.h"

#define OSKR_SECOND_NS 1e9

enum oskr_memif { OSKR_MEMIF_NONE, OSKR_MEMIF_SERVER, OSKR_MEMIF_CLIENT };

struct oskr_port {
  struct oskr_region *region;
  struct rte_mempool *pool;
  struct oskr_arrived arrived;
  struct oskr_doorbell *doorbell;  // of whoever is at the other end; null if it has none
  double tried_ns;                 // to start
  double handshake_ns;             // how long the handshake that is under way may take
  double link_asked_ns;
  uint8_t *send_slots;  // in the region
  uint8_t *receive_slots;
  uint32_t slot_size;
  uint32_t frame_max;    // of its network
  uint32_t payload_max;  // the same
  uint32_t leaving_max;  // 0: frames of any length leave
  enum oskr_memif memif;
  uint16_t number;
  // Bursts on a port that is not started are a mistake to DPDK.
  uint8_t started;
  // The ring was full for so long that sending does not wait for it.
  uint8_t stalled;
};

// Null unless the port is open.
struct oskr_port *oskr_port(uint32_t port);
// Leaves a line in oskr_dpdk_text() and returns `error`.
int32_t oskr_fail(int32_t error, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Between these two what drivers print is kept; the reasons in it are added to the text where
// `result`, which is passed on, is an error.
int32_t oskr_log_begin(void);
int32_t oskr_log_end(int32_t result);
// Configures a port with one queue each way for frames of that MTU; `descriptors` (receive, send)
// are adjusted.
int32_t oskr_port_set_up(uint16_t port, struct rte_mempool *pool, uint64_t offloads_wanted,
                         uint16_t descriptors[2], uint32_t mtu);
// -EINVAL for an MTU that no port may be opened with.
int32_t oskr_refuse_mtu(uint32_t port, uint32_t mtu);
// A pool of buffers for frames of that MTU; NULL without memory, of which the text tells.
struct rte_mempool *oskr_pool(const char *name, uint32_t count, uint32_t cache, uint32_t mtu,
                              int socket);
// Stops and closes a port.
void oskr_port_shut(uint16_t port);
enum oskr_memif oskr_memif_role(uint16_t port);
// Looks after the link while nothing comes; cheap enough for every empty turn.
void oskr_port_idle(struct oskr_port *p, double now_ns);

// 1 while the polling thread is in a burst. The thread in which memif learns that a peer is gone
// unmaps what both shared, and DPDK 22.11 does not keep that apart from a burst under way: a
// process that was killed took its fabric along.
extern uint32_t oskr_in_burst __attribute__((visibility("hidden")));

static inline uint16_t oskr_receive_burst(uint16_t port, struct rte_mbuf **packets,
                                          uint16_t count) {
  __atomic_exchange_n(&oskr_in_burst, 1, __ATOMIC_SEQ_CST);
  count = rte_eth_rx_burst(port, 0, packets, count);
  __atomic_store_n(&oskr_in_burst, 0, __ATOMIC_RELEASE);
  return count;
}

static inline uint16_t oskr_send_burst(uint16_t port, struct rte_mbuf **packets, uint16_t count) {
  __atomic_exchange_n(&oskr_in_burst, 1, __ATOMIC_SEQ_CST);
  count = rte_eth_tx_burst(port, 0, packets, count);
  __atomic_store_n(&oskr_in_burst, 0, __ATOMIC_RELEASE);
  return count;
}

// CLOCK_MONOTONIC, exact to the nanosecond for the first 104 days after the machine started.
static inline double oskr_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * OSKR_SECOND_NS + (double)t.tv_nsec;
}

#endif
