// Messages and the frames that carry them: see frame.h.
#include "frame.h"

#include <rte_memcpy.h>
#include <string.h>

#define IDS OSKR_IDS_SIZE
// Frames of the burst that are looked at for one that goes to the same host, the newest ones.
#define JOIN_AMONG 8

_Static_assert(OSKR_ETHER_HEADER == 14, "two MAC addresses and the Ethernet type");
_Static_assert(OSKR_JOINED_MAX <= UINT8_MAX, "one byte counts them");

static uint32_t type_of(const uint8_t *frame) { return (uint32_t)frame[12] << 8 | frame[13]; }

static void set_type(uint8_t *frame, uint32_t type) {
  frame[12] = (uint8_t)(type >> 8);
  frame[13] = (uint8_t)type;
}

// Bytes behind the last message of a frame that carries several.
static uint32_t trailer_length(uint32_t messages) { return 2 * messages + 1; }

// The frame that a message joins: the newest one for its host, if that has room; or -1.
static int32_t joinable(const struct oskr_departing *d, const uint8_t header[14], uint32_t length) {
  if (type_of(header) != OSKR_ETHER_MESSAGE) return -1;
  uint32_t oldest = d->count > JOIN_AMONG ? d->count - JOIN_AMONG : 0;
  for (uint32_t i = d->count; i-- > oldest;) {
    const uint8_t *frame = rte_pktmbuf_mtod(d->packets[i], const uint8_t *);
    if (memcmp(frame, header, 6) != 0 || type_of(frame) == OSKR_ETHER_FRAGMENT) continue;
    uint32_t messages = d->frames[i].messages + 1u;
    uint32_t whole = d->frames[i].used + length + trailer_length(messages) + 1;
    return messages <= OSKR_JOINED_MAX && whole <= OSKR_FRAME_MAX ? (int32_t)i : -1;
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
    d->frames[index].messages = 0;
    memcpy(rte_pktmbuf_mtod(packet, uint8_t *), header, OSKR_ETHER_HEADER);
  }
  uint8_t *frame = rte_pktmbuf_mtod(d->packets[index], uint8_t *);
  uint16_t used = d->frames[index].used;
  memcpy(frame + used, ids, IDS);
  rte_memcpy(frame + used + IDS, payload, length);
  d->frames[index].lengths[d->frames[index].messages++] = (uint16_t)(IDS + length);
  d->frames[index].used = (uint16_t)(used + IDS + length);
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
    uint32_t messages = d->frames[i].messages;
    if (messages > 1) {
      set_type(frame, OSKR_ETHER_JOINED);
      for (uint32_t k = 0; k < messages; k++) {
        frame[used++] = (uint8_t)(d->frames[i].lengths[k] >> 8);
        frame[used++] = (uint8_t)d->frames[i].lengths[k];
      }
      frame[used++] = (uint8_t)messages;
    }
    d->packets[i]->data_len = pad_frame(frame, used);
    d->packets[i]->pkt_len = d->packets[i]->data_len;
  }
}

uint32_t oskr_departing_messages(const struct oskr_departing *d, uint32_t first) {
  uint32_t sum = 0;
  for (uint32_t i = first; i < d->count; i++) sum += d->frames[i].messages;
  return sum;
}

static uint32_t u16_at(const uint8_t *bytes) { return (uint32_t)bytes[0] << 8 | bytes[1]; }

// How many messages the `length` bytes of a frame carry by its trailer; 0 if that is malformed.
static uint32_t joined_messages(const uint8_t *frame, uint32_t length) {
  uint32_t messages = frame[length - 1];
  if (messages == 0 || messages > OSKR_JOINED_MAX) return 0;
  if (OSKR_ETHER_HEADER + messages * IDS + trailer_length(messages) > length) return 0;
  const uint8_t *lengths = frame + length - trailer_length(messages);
  uint32_t end = OSKR_ETHER_HEADER;
  for (uint32_t i = 0; i < messages; i++) {
    uint32_t one = u16_at(lengths + 2 * i);
    if (one < IDS) return 0;
    end += one;
  }
  return frame + end == lengths ? messages : 0;
}

// The length of a frame without its padding, or 0 after counting why it is dropped.
static uint32_t accept_frame(const struct rte_mbuf *m, struct oskr_statistics *statistics) {
  const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
  uint32_t length = m->data_len;
  if (length < OSKR_ETHER_HEADER || m->nb_segs != 1 || length > OSKR_FRAME_MAX) {
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

// Hands over the next message of a frame that carries several.
static void next_joined(struct oskr_arrived *a, uint8_t *frame, struct oskr_message *message) {
  message->frame = frame;
  message->ids = frame + a->at;
  message->length = u16_at(frame + a->lengths_at);
  a->at = (uint16_t)(a->at + message->length);
  a->lengths_at += 2;
  if (--a->joined > 0) return;
  a->at = 0;
  a->next++;
}

int oskr_arrived_next(struct oskr_arrived *a, struct oskr_message *message,
                      struct oskr_statistics *statistics) {
  for (; a->next < a->count; a->next++) {
    uint8_t *frame = rte_pktmbuf_mtod(a->packets[a->next], uint8_t *);
    if (a->at == 0) {
      uint32_t length = accept_frame(a->packets[a->next], statistics);
      if (length == 0) continue;
      if (type_of(frame) != OSKR_ETHER_JOINED) {
        *message =
            (struct oskr_message){frame, frame + OSKR_ETHER_HEADER, length - OSKR_ETHER_HEADER};
        a->next++;
        return 1;
      }
      uint32_t messages = joined_messages(frame, length);
      if (messages == 0) {
        statistics->malformed++;
        continue;
      }
      set_type(frame, OSKR_ETHER_MESSAGE);
      a->at = OSKR_ETHER_HEADER;
      a->joined = (uint16_t)messages;
      a->lengths_at = (uint16_t)(length - trailer_length(messages));
    }
    next_joined(a, frame, message);
    return 1;
  }
  return 0;
}

void oskr_arrived_drop(struct oskr_arrived *a) {
  if (a->count > 0) rte_pktmbuf_free_bulk(a->packets, a->count);
  a->count = 0;
  a->next = 0;
  a->at = 0;
}
