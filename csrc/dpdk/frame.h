// Messages and the frames that carry them: see ../oskr_dpdk.h for the format.
#ifndef OSKR_FRAME_H
#define OSKR_FRAME_H

#include <rte_mbuf.h>
#include <string.h>

#include "../oskr_dpdk.h"

// Two MAC addresses and the Ethernet type.
#define OSKR_ETHER_HEADER (OSKR_HEADER_SIZE - OSKR_IDS_SIZE)

// The six bytes of a MAC address as a number; 0 for no address.
static inline uint64_t oskr_address_of(const uint8_t *bytes) {
  uint32_t high;
  uint16_t low;
  memcpy(&high, bytes, 4);
  memcpy(&low, bytes + 4, 2);
  return (uint64_t)low << 32 | high;
}

// A burst of frames under way to the driver. Messages for one host share frames.
struct oskr_departing {
  uint32_t frame_max;  // bytes of the longest frame
  struct rte_mbuf *packets[OSKR_BURST];
  uint32_t count;
  struct {
    uint32_t used;  // bytes, without trailer and padding
    struct oskr_trailer trailer;
  } frames[OSKR_BURST];
};

// The frames of a burst from the driver, some of whose messages were handed over.
struct oskr_arrived {
  uint32_t frame_max;  // bytes of the longest frame that is taken
  struct rte_mbuf *packets[OSKR_BURST];
  uint32_t count;
  uint32_t next;              // packet
  struct oskr_joined joined;  // what is left of it; nothing: it was not looked at yet
};

// One message in a frame: its ids, then its payload.
struct oskr_message {
  uint8_t *frame;
  const uint8_t *ids;
  uint32_t length;  // of both
};

// Adds a message to a frame for its host, or to a new one; `header` is a frame's first 14 bytes.
// 0 if a new frame is needed and there is no room in the burst, or no buffer.
int oskr_departing_add(struct oskr_departing *d, struct rte_mempool *pool, const uint8_t header[14],
                       const uint8_t ids[3], const uint8_t *payload, uint32_t length);
// Completes the frames of the burst, which may be sent then.
void oskr_departing_finish(struct oskr_departing *d);
// Messages of the frames from `first` on.
uint32_t oskr_departing_messages(const struct oskr_departing *d, uint32_t first);

// The next message; 0 when there is none. Counts what is dropped.
int oskr_arrived_next(struct oskr_arrived *a, struct oskr_message *message,
                      struct oskr_statistics *statistics);
// Frees all of the burst; what was handed over is not valid any more.
void oskr_arrived_drop(struct oskr_arrived *a);

#endif
