// Messages and the frames that carry them: see frame.h.
#include "frame.h"

#include <rte_memcpy.h>
#include <string.h>

#define IDS OSKR_IDS_SIZE

_Static_assert(OSKR_ETHER_HEADER == 14, "two MAC addresses and the Ethernet type");

static uint32_t type_of(const uint8_t *frame) { return (uint32_t)frame[12] << 8 | frame[13]; }

static void set_type(uint8_t *frame, uint32_t type) {
  frame[12] = (uint8_t)(type >> 8);
  frame[13] = (uint8_t)type;
}

// The frame that a message joins: the newest one for its host, if that has room; or -1.
static int32_t joinable(const struct oskr_departing *d, const uint8_t header[14], uint32_t length) {
  if (type_of(header) != OSKR_ETHER_MESSAGE) return -1;
  uint32_t oldest = d->count > OSKR_JOIN_AMONG ? d->count - OSKR_JOIN_AMONG : 0;
  for (uint32_t i = d->count; i-- > oldest;) {
    const uint8_t *frame = rte_pktmbuf_mtod(d->packets[i], const uint8_t *);
    if (memcmp(frame, header, 6) != 0 || type_of(frame) == OSKR_ETHER_FRAGMENT) continue;
    // One more byte counts the padding.
    uint32_t whole = d->frames[i].used + length;
    return oskr_trailer_fits(&d->frames[i].trailer, whole, d->frame_max - 1) ? (int32_t)i : -1;
  }
  return -1;
}

int oskr_departing_add(struct oskr_departing *d, struct rte_mempool *pool, const uint8_t header[14],
                       const uint8_t ids[3], const uint8_t *payload, uint32_t length) {
  int32_t index = joinable(d, header, IDS + length);
  if (index < 0) {
    if (d->count == OSKR_BURST) return 0;
    struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);
    if (packet == NULL) return 0;
    index = (int32_t)d->count++;
    d->packets[index] = packet;
    d->frames[index].used = OSKR_ETHER_HEADER;
    d->frames[index].trailer.messages = 0;
    memcpy(rte_pktmbuf_mtod(packet, uint8_t *), header, OSKR_ETHER_HEADER);
  }
  uint8_t *frame = rte_pktmbuf_mtod(d->packets[index], uint8_t *);
  uint32_t used = d->frames[index].used;
  memcpy(frame + used, ids, IDS);
  rte_memcpy(frame + used + IDS, payload, length);
  oskr_trailer_add(&d->frames[index].trailer, IDS + length);
  d->frames[index].used = used + IDS + length;
  return 1;
}

// Ends a frame of `length` bytes with padding and its count; returns the length on the wire.
static uint16_t pad_frame(uint8_t *frame, uint32_t length) {
  uint32_t padding = length + 1 < OSKR_FRAME_MIN ? OSKR_FRAME_MIN - 1 - length : 0;
  memset(frame + length, 0, padding);
  frame[length + padding] = (uint8_t)padding;
  return (uint16_t)(length + padding + 1);
}

void oskr_departing_finish(struct oskr_departing *d) {
  for (uint32_t i = 0; i < d->count; i++) {
    uint8_t *frame = rte_pktmbuf_mtod(d->packets[i], uint8_t *);
    uint32_t used = d->frames[i].used;
    struct oskr_trailer *trailer = &d->frames[i].trailer;
    if (trailer->messages > 1) {
      set_type(frame, OSKR_ETHER_JOINED);
      uint32_t length = oskr_trailer_end(trailer);
      memcpy(frame + used, trailer->bytes, length);
      used += length;
    }
    d->packets[i]->data_len = pad_frame(frame, used);
    d->packets[i]->pkt_len = d->packets[i]->data_len;
  }
}

uint32_t oskr_departing_messages(const struct oskr_departing *d, uint32_t first) {
  uint32_t sum = 0;
  for (uint32_t i = first; i < d->count; i++) sum += d->frames[i].trailer.messages;
  return sum;
}

// The length of a frame without its padding, or 0 after counting why it is dropped.
static uint32_t accept_frame(const struct rte_mbuf *m, uint32_t frame_max,
                             struct oskr_statistics *statistics) {
  const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
  uint32_t length = m->data_len;
  if (length < OSKR_ETHER_HEADER || m->nb_segs != 1 || length > frame_max) {
    statistics->malformed++;
    return 0;
  }
  uint32_t type = type_of(frame);
  if (type != OSKR_ETHER_MESSAGE && type != OSKR_ETHER_FRAGMENT && type != OSKR_ETHER_JOINED) {
    statistics->foreign++;
    return 0;
  }
  uint32_t padding = frame[length - 1];
  if (length < OSKR_FRAME_MIN || length < OSKR_HEADER_SIZE + padding + 1) {
    statistics->malformed++;
    return 0;
  }
  return length - padding - 1;
}

// Looks at a frame, whose messages are in a->joined then: none if it is dropped, which is counted.
static void open_frame(struct oskr_arrived *a, const struct rte_mbuf *m,
                       struct oskr_statistics *statistics) {
  uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
  uint32_t length = accept_frame(m, a->frame_max, statistics);
  if (length == 0) return;
  uint8_t *first = frame + OSKR_ETHER_HEADER;
  length -= OSKR_ETHER_HEADER;
  if (type_of(frame) != OSKR_ETHER_JOINED) {
    oskr_joined_one(&a->joined, first, (uint16_t)length);
  } else if (oskr_joined_open(&a->joined, first, length)) {
    set_type(frame, OSKR_ETHER_MESSAGE);
  } else {
    statistics->malformed++;
  }
}

int oskr_arrived_next(struct oskr_arrived *a, struct oskr_message *message,
                      struct oskr_statistics *statistics) {
  for (; a->next < a->count; a->next++) {
    const struct rte_mbuf *m = a->packets[a->next];
    if (a->joined.left == 0) open_frame(a, m, statistics);
    if (a->joined.left == 0) continue;
    uint8_t *ids;
    message->frame = rte_pktmbuf_mtod(m, uint8_t *);
    message->length = oskr_joined_next(&a->joined, &ids);
    message->ids = ids;
    if (a->joined.left == 0) a->next++;
    return 1;
  }
  return 0;
}

void oskr_arrived_drop(struct oskr_arrived *a) {
  if (a->count > 0) rte_pktmbuf_free_bulk(a->packets, a->count);
  a->count = 0;
  a->next = 0;
  a->joined.left = 0;
}
