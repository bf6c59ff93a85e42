// Bursts between a port and its region, and the echo loop: see oskr_dpdk.h.
#define _GNU_SOURCE
#include <errno.h>
#include <rte_memcpy.h>
#include <sched.h>
#include <string.h>

#include "port.h"

// How long a full send ring is waited for: a receiver that is collecting garbage, or waiting for
// this processor, needs milliseconds to make room. One that is stopped never makes any, so that
// after one such wait the port does not wait again before the ring has taken something.
#define FULL_RING_TIMEOUT_NS 20e6

_Static_assert(sizeof(struct oskr_entry) == 16, "src/ffi/dpdk.ts has the same layout");
_Static_assert(offsetof(struct oskr_region, lengths) == 0, "the same");
_Static_assert(offsetof(struct oskr_region, entries) == 256, "the same");
_Static_assert(offsetof(struct oskr_region, time_ns) == 4352, "the same");
_Static_assert(offsetof(struct oskr_region, link_up) == 4360, "the same");
_Static_assert(offsetof(struct oskr_region, mac) == 4364, "the same");
_Static_assert(offsetof(struct oskr_region, statistics) == 4376, "the same");
_Static_assert(offsetof(struct oskr_region, slot_size) == 4464, "the same");
_Static_assert(offsetof(struct oskr_region, slots) == 8192, "the same");
_Static_assert(sizeof(struct oskr_region) == 8192, "slots begin with a page");

int32_t oskr_dpdk_receive(uint32_t port) {
  struct oskr_port *p = oskr_port(port);
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  struct oskr_region *region = p->region;
  struct oskr_arrived *arrived = &p->arrived;
  struct oskr_message message;
  region->time_ns = oskr_now_ns();
  if (arrived->count == 0) {
    if (likely(p->started))
      arrived->count = oskr_receive_burst(p->number, arrived->packets, OSKR_BURST);
    if (arrived->count == 0) {
      oskr_port_idle(p, region->time_ns);
      return 0;
    }
  }
  uint32_t accepted = 0;
  while (accepted < OSKR_BURST && oskr_arrived_next(arrived, &message, &region->statistics)) {
    uint8_t *slot = p->receive_slots + accepted * p->slot_size;
    memcpy(slot, message.frame, OSKR_ETHER_HEADER);
    rte_memcpy(slot + OSKR_ETHER_HEADER, message.ids, message.length);
    region->lengths[accepted++] = OSKR_ETHER_HEADER + message.length;
  }
  if (arrived->next == arrived->count) oskr_arrived_drop(arrived);
  return (int32_t)accepted;
}

// Waits within bounds for the ring to take the rest; returns how many of them it took.
static uint32_t push_patiently(struct oskr_port *p, struct rte_mbuf **packets, uint32_t count) {
  double end_ns = oskr_now_ns() + FULL_RING_TIMEOUT_NS;
  uint32_t sent = 0;
  while (sent < count && oskr_now_ns() < end_ns) {
    oskr_doorbell_ring(p->doorbell);
    sched_yield();
    sent += oskr_send_burst(p->number, packets + sent, (uint16_t)(count - sent));
  }
  return sent;
}

// Frees and counts the frames that the port is not to send.
static void drop_long(struct oskr_port *p, struct oskr_departing *d) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < d->count; i++) {
    if (d->packets[i]->pkt_len > p->leaving_max) {
      p->region->statistics.too_long += d->frames[i].trailer.messages;
      rte_pktmbuf_free(d->packets[i]);
    } else if (kept++ < i) {
      d->packets[kept - 1] = d->packets[i];
      d->frames[kept - 1] = d->frames[i];
    }
  }
  d->count = kept;
}

// Sends what it can, frees and counts the rest; returns how many messages left, and begins anew. A
// peer that is not there is not waited for.
static uint32_t push(struct oskr_port *p, struct oskr_departing *d) {
  uint32_t sent = 0;
  oskr_departing_finish(d);
  if (unlikely(p->leaving_max > 0)) drop_long(p, d);
  if (likely(p->started)) sent = oskr_send_burst(p->number, d->packets, (uint16_t)d->count);
  p->stalled = p->stalled && sent == 0;
  // Asked again first if it was down, and afterwards: a peer that went away shows here first.
  if (unlikely(sent < d->count) && !p->stalled &&
      (p->region->link_up || oskr_dpdk_link(p->number) == 1))
    sent += push_patiently(p, d->packets + sent, d->count - sent);
  if (sent > 0) oskr_doorbell_ring(p->doorbell);
  uint32_t messages = oskr_departing_messages(d, 0);
  if (unlikely(sent < d->count)) {
    uint32_t lost = oskr_departing_messages(d, sent);
    rte_pktmbuf_free_bulk(d->packets + sent, d->count - sent);
    p->region->statistics.unsent += lost;
    p->stalled = oskr_dpdk_link(p->number) == 1;
    messages -= lost;
  }
  d->count = 0;
  return messages;
}

// Adds a message to the burst, which leaves first if it has no room; returns how many left by that.
static uint32_t add(struct oskr_port *p, struct oskr_departing *d, const uint8_t header[14],
                    const uint8_t ids[3], const uint8_t *payload, uint32_t length) {
  uint32_t sent = 0;
  if (likely(oskr_departing_add(d, p->pool, header, ids, payload, length))) return 0;
  if (d->count > 0) {
    sent = push(p, d);
    if (oskr_departing_add(d, p->pool, header, ids, payload, length)) return sent;
  }
  p->region->statistics.unsent++;
  return sent;
}

int32_t oskr_dpdk_send(uint32_t port, uint32_t count) {
  struct oskr_port *p = oskr_port(port);
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  if (count > OSKR_ENTRIES_MAX)
    return oskr_fail(-EINVAL, "%u entries to send; at most %u", count, OSKR_ENTRIES_MAX);
  const struct oskr_region *region = p->region;
  const struct oskr_entry *entries = region->entries;
  for (uint32_t i = 0; i < count; i++)
    if (entries[i].slot >= OSKR_BURST || entries[i].length > p->payload_max)
      return oskr_fail(-EINVAL, "entry %u: slot %u or length %u is out of range", i,
                       entries[i].slot, entries[i].length);
  struct oskr_departing departing;
  departing.frame_max = p->frame_max;
  departing.count = 0;
  uint32_t sent = 0;
  for (uint32_t i = 0; i < count; i++) {
    const struct oskr_entry *entry = &entries[i];
    uint8_t header[OSKR_ETHER_HEADER];
    memcpy(header, entry->destination, 6);
    memcpy(header + 6, region->mac, 6);
    memcpy(header + 12, entry->ether_type, 2);
    sent += add(p, &departing, header, entry->ids, p->send_slots + entry->slot * p->slot_size,
                entry->length);
  }
  if (departing.count > 0) sent += push(p, &departing);
  return (int32_t)sent;
}

// The longest reply, which fits a frame of any network.
#define REPLY_MAX 1496
// Requests of which parts came, by the low bits of their numbers, which rise; and their bytes.
#define PARTED_MAX 4096
#define BODY_BYTES (1024 * 2048)
static struct {
  uint8_t number[8];
  uint32_t left;
  uint8_t head[OSKR_ECHO_HEAD];
} parted[PARTED_MAX];
static uint8_t body[BODY_BYTES];

// Puts the reply to a request that begins so into the burst; returns how many messages left by
// that.
static uint32_t answer(struct oskr_port *p, struct oskr_departing *d, const struct oskr_echo *echo,
                       const struct oskr_message *from, const uint8_t *request) {
  uint8_t reply[REPLY_MAX];
  if (request[0] != echo->request_kind) return 0;
  uint8_t header[OSKR_ETHER_HEADER];
  memcpy(header, from->frame + 6, 6);
  memcpy(header + 6, p->region->mac, 6);
  header[12] = (uint8_t)(OSKR_ETHER_MESSAGE >> 8);
  header[13] = (uint8_t)OSKR_ETHER_MESSAGE;
  const uint8_t ids[OSKR_IDS_SIZE] = {from->ids[1], from->ids[0], from->ids[2]};
  reply[0] = (uint8_t)echo->reply_kind;
  memcpy(reply + 1, request + echo->keep_from, echo->keep);
  memset(reply + 1 + echo->keep, 0, echo->zeros);
  return add(p, d, header, ids, reply, 1 + echo->keep + echo->zeros);
}

static uint32_t big16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

// Takes one part of a request, and answers it when that was what it lacked.
static uint32_t take_part(struct oskr_port *p, struct oskr_departing *d,
                          const struct oskr_echo *echo, const struct oskr_message *part) {
  const uint8_t *payload = part->ids + OSKR_IDS_SIZE;
  uint32_t headers = OSKR_IDS_SIZE + echo->part_header;
  if (part->length < headers || payload[0] != echo->part_kind) return 0;
  const uint8_t *data = payload + echo->part_header;
  uint32_t length = part->length - headers;
  uint32_t index = big16(data - 8);
  uint32_t count = big16(data - 6);
  uint32_t slot = big16(payload + 7) % PARTED_MAX;
  if (memcmp(parted[slot].number, payload + 1, 8) != 0) {
    memcpy(parted[slot].number, payload + 1, 8);
    parted[slot].left = count;
  }
  rte_memcpy(body + index % (BODY_BYTES / p->slot_size) * p->slot_size, data, length);
  if (index == 0) {
    memset(parted[slot].head, 0, OSKR_ECHO_HEAD);
    memcpy(parted[slot].head, data, RTE_MIN(length, (uint32_t)OSKR_ECHO_HEAD));
  }
  bool complete = parted[slot].left > 0 && --parted[slot].left == 0;
  return complete ? answer(p, d, echo, part, parted[slot].head) : 0;
}

// Answers a request, or takes a part of one.
static uint32_t serve(struct oskr_port *p, struct oskr_departing *d, const struct oskr_echo *echo,
                      const struct oskr_message *message) {
  uint32_t type = big16(message->frame + 12);
  if (type == OSKR_ETHER_FRAGMENT)
    return echo->part_header == 0 ? 0 : take_part(p, d, echo, message);
  uint32_t needed = OSKR_IDS_SIZE + RTE_MAX(1u, echo->keep_from + echo->keep);
  if (message->length < needed) return 0;
  return answer(p, d, echo, message, message->ids + OSKR_IDS_SIZE);
}

int32_t oskr_dpdk_echo(uint32_t port, const struct oskr_echo *echo, const volatile uint32_t *stop) {
  struct oskr_port *p = oskr_port(port);
  const struct oskr_echo kinds = *echo;
  struct oskr_departing departing;
  struct oskr_message request;
  uint64_t replies = 0;
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  if (kinds.keep_from > p->payload_max || kinds.keep > REPLY_MAX || kinds.zeros > REPLY_MAX ||
      1 + kinds.keep + kinds.zeros > REPLY_MAX)
    return oskr_fail(-EINVAL, "a reply of the echo does not fit a frame");
  // The kind and the number stand before the last eight bytes.
  if (kinds.part_header != 0 && (kinds.part_header < 17 || kinds.part_header > p->payload_max ||
                                 kinds.keep_from + kinds.keep > OSKR_ECHO_HEAD))
    return oskr_fail(-EINVAL, "parts of the echo's requests have no such header, or keep too much");
  struct oskr_arrived *arrived = &p->arrived;
  departing.frame_max = p->frame_max;
  departing.count = 0;
  while (__atomic_load_n(stop, __ATOMIC_RELAXED) == 0) {
    if (p->started) arrived->count = oskr_receive_burst(p->number, arrived->packets, OSKR_BURST);
    if (arrived->count == 0) {
      oskr_port_idle(p, oskr_now_ns());
      sched_yield();
      continue;
    }
    while (oskr_arrived_next(arrived, &request, &p->region->statistics))
      replies += serve(p, &departing, &kinds, &request);
    oskr_arrived_drop(arrived);
    if (departing.count > 0) replies += push(p, &departing);
  }
  return (int32_t)RTE_MIN(replies, (uint64_t)INT32_MAX);
}
