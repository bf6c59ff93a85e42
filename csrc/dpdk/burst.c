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
#define PATIENCE_NS 20e6

_Static_assert(sizeof(struct oskr_entry) == 16, "src/ffi/dpdk.ts has the same layout");
_Static_assert(offsetof(struct oskr_region, receive) == 131072, "the same");
_Static_assert(offsetof(struct oskr_region, lengths) == 262144, "the same");
_Static_assert(offsetof(struct oskr_region, entries) == 262400, "the same");
_Static_assert(offsetof(struct oskr_region, time_ns) == 266496, "the same");
_Static_assert(offsetof(struct oskr_region, link_up) == 266504, "the same");
_Static_assert(offsetof(struct oskr_region, mac) == 266508, "the same");
_Static_assert(offsetof(struct oskr_region, statistics) == 266520, "the same");
_Static_assert(sizeof(struct oskr_region) == 266592, "the same");

// The length of a frame without its padding, or 0 after counting why it is dropped.
static uint32_t accept_frame(const struct rte_mbuf *m, struct oskr_statistics *statistics) {
  const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
  uint32_t length = m->data_len;
  if (length < 14 || m->nb_segs != 1 || length > OSKR_FRAME_MAX) {
    statistics->malformed++;
    return 0;
  }
  uint32_t type = (uint32_t)frame[12] << 8 | frame[13];
  if (type != OSKR_ETHER_MESSAGE && type != OSKR_ETHER_FRAGMENT) {
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

int32_t oskr_dpdk_receive(uint32_t port) {
  struct rte_mbuf *packets[OSKR_BURST];
  struct oskr_port *p = oskr_port(port);
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  struct oskr_region *region = p->region;
  uint16_t count = likely(p->started) ? oskr_receive_burst(p->number, packets, OSKR_BURST) : 0;
  region->time_ns = oskr_now_ns();
  if (count == 0) {
    oskr_port_idle(p, region->time_ns);
    return 0;
  }
  uint32_t accepted = 0;
  for (uint16_t i = 0; i < count; i++) {
    uint32_t length = accept_frame(packets[i], &region->statistics);
    if (length == 0) continue;
    rte_memcpy(region->receive[accepted], rte_pktmbuf_mtod(packets[i], const void *), length);
    region->lengths[accepted++] = length;
  }
  rte_pktmbuf_free_bulk(packets, count);
  return (int32_t)accepted;
}

// Ends a frame of `length` bytes with padding and its count; returns the length on the wire.
static uint16_t pad_frame(uint8_t *frame, uint32_t length) {
  uint32_t padding = length + 1 < OSKR_FRAME_MIN ? OSKR_FRAME_MIN - 1 - length : 0;
  memset(frame + length, 0, padding);
  frame[length + padding] = (uint8_t)padding;
  return (uint16_t)(length + padding + 1);
}

static void fill(struct rte_mbuf *m, const struct oskr_region *region,
                 const struct oskr_entry *entry) {
  uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
  memcpy(frame, entry->destination, 6);
  memcpy(frame + 6, region->mac, 6);
  memcpy(frame + 12, entry->ether_type, 2);
  memcpy(frame + 14, entry->ids, 3);
  rte_memcpy(frame + OSKR_HEADER_SIZE, region->send[entry->slot], entry->length);
  m->data_len = pad_frame(frame, OSKR_HEADER_SIZE + (uint32_t)entry->length);
  m->pkt_len = m->data_len;
}

// Waits within bounds for the ring to take the rest; returns how many of them it took.
static uint32_t push_patiently(struct oskr_port *p, struct rte_mbuf **packets, uint32_t count) {
  double end_ns = oskr_now_ns() + PATIENCE_NS;
  uint32_t sent = 0;
  while (sent < count && oskr_now_ns() < end_ns) {
    oskr_bell_ring(p->bell);
    sched_yield();
    sent += oskr_send_burst(p->number, packets + sent, (uint16_t)(count - sent));
  }
  return sent;
}

// Sends what it can, frees and counts the rest. A peer that is not there is not waited for.
static uint32_t push(struct oskr_port *p, struct rte_mbuf **packets, uint32_t count) {
  uint32_t sent = 0;
  if (likely(p->started)) sent = oskr_send_burst(p->number, packets, (uint16_t)count);
  if (likely(sent == count)) {
    oskr_bell_ring(p->bell);
    p->stalled = 0;
    return sent;
  }
  p->stalled = p->stalled && sent == 0;
  // Asked again first if it was down, and afterwards: a peer that went away shows here first.
  if (!p->stalled && (p->region->link_up || oskr_dpdk_link(p->number) == 1))
    sent += push_patiently(p, packets + sent, count - sent);
  if (sent > 0) oskr_bell_ring(p->bell);
  if (sent < count) {
    rte_pktmbuf_free_bulk(packets + sent, count - sent);
    p->region->statistics.unsent += count - sent;
    p->stalled = oskr_dpdk_link(p->number) == 1;
  }
  return sent;
}

int32_t oskr_dpdk_send(uint32_t port, uint32_t count) {
  struct rte_mbuf *packets[OSKR_BURST];
  struct oskr_port *p = oskr_port(port);
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  if (count > OSKR_ENTRIES_MAX)
    return oskr_fail(-EINVAL, "%u entries to send; at most %u", count, OSKR_ENTRIES_MAX);
  const struct oskr_entry *entries = p->region->entries;
  for (uint32_t i = 0; i < count; i++)
    if (entries[i].slot >= OSKR_BURST || entries[i].length > OSKR_PAYLOAD_MAX)
      return oskr_fail(-EINVAL, "entry %u: slot %u or length %u is out of range", i,
                       entries[i].slot, entries[i].length);
  uint32_t sent = 0;
  for (uint32_t done = 0; done < count; done += OSKR_BURST) {
    uint32_t part = RTE_MIN(count - done, (uint32_t)OSKR_BURST);
    if (rte_pktmbuf_alloc_bulk(p->pool, packets, part) != 0) {
      p->region->statistics.unsent += count - done;
      break;
    }
    for (uint32_t i = 0; i < part; i++) fill(packets[i], p->region, &entries[done + i]);
    sent += push(p, packets, part);
  }
  return (int32_t)sent;
}

// Turns a request into its reply in place; 0 if it is none, and to be dropped.
static int answer(struct rte_mbuf *m, const struct oskr_echo *echo, struct oskr_region *region) {
  uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
  uint8_t *payload = frame + OSKR_HEADER_SIZE;
  uint32_t length = accept_frame(m, &region->statistics);
  if (length < OSKR_HEADER_SIZE + RTE_MAX(1u, echo->keep_from + echo->keep)) return 0;
  if (payload[0] != echo->request_kind) return 0;
  memcpy(frame, frame + 6, 6);
  memcpy(frame + 6, region->mac, 6);
  uint8_t destination = frame[14];
  frame[14] = frame[15];
  frame[15] = destination;
  memmove(payload + 1, payload + echo->keep_from, echo->keep);
  payload[0] = (uint8_t)echo->reply_kind;
  memset(payload + 1 + echo->keep, 0, echo->zeros);
  m->data_len = pad_frame(frame, OSKR_HEADER_SIZE + 1 + echo->keep + echo->zeros);
  m->pkt_len = m->data_len;
  return 1;
}

int32_t oskr_dpdk_echo(uint32_t port, const struct oskr_echo *echo, const volatile uint32_t *stop) {
  struct rte_mbuf *packets[OSKR_BURST];
  struct oskr_port *p = oskr_port(port);
  const struct oskr_echo kinds = *echo;
  uint64_t replies = 0;
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  if (kinds.keep_from > OSKR_PAYLOAD_MAX || kinds.keep > OSKR_PAYLOAD_MAX ||
      kinds.zeros > OSKR_PAYLOAD_MAX || 1 + kinds.keep + kinds.zeros > OSKR_PAYLOAD_MAX)
    return oskr_fail(-EINVAL, "a reply of the echo does not fit a frame");
  while (__atomic_load_n(stop, __ATOMIC_RELAXED) == 0) {
    uint16_t count = p->started ? oskr_receive_burst(p->number, packets, OSKR_BURST) : 0;
    if (count == 0) {
      oskr_port_idle(p, oskr_now_ns());
      sched_yield();
      continue;
    }
    uint32_t kept = 0;
    for (uint16_t i = 0; i < count; i++) {
      if (answer(packets[i], &kinds, p->region))
        packets[kept++] = packets[i];
      else
        rte_pktmbuf_free(packets[i]);
    }
    replies += push(p, packets, kept);
  }
  return (int32_t)RTE_MIN(replies, (uint64_t)INT32_MAX);
}
