// Several messages in one packet, over Ethernet and over UDP alike: ids and payload of each, then
// how many bytes that was for each (two bytes, big-endian), then how many messages (one byte).
#ifndef OSKR_JOINED_H
#define OSKR_JOINED_H

#include <stdbool.h>
#include <stdint.h>

// Bytes of a message's ids, which come first.
#define OSKR_IDS_SIZE 3
// Messages in one packet.
#define OSKR_JOINED_MAX 32
// Packets of a burst that are looked at for one that goes to the same host, the newest ones.
#define OSKR_JOIN_AMONG 8

// The MTU that every network has: what a packet holds behind the Ethernet header.
#define OSKR_MTU 1500

_Static_assert(OSKR_JOINED_MAX <= UINT8_MAX, "one byte counts them");

// Bytes of memory for one packet of a network with that MTU, its Ethernet header too. Those of
// OSKR_MTU lie as close as they ever did, because longer ones cost page table entries and cache.
static inline uint32_t oskr_slot_size(uint32_t mtu) {
  uint32_t needed = (14 + mtu + 1023) / 1024 * 1024;
  return needed > 2048 ? needed : 2048;
}

// Bytes behind the last of so many messages.
static inline uint32_t oskr_trailer_length(uint32_t messages) { return 2 * messages + 1; }

// What comes behind the messages of a packet on its way out.
struct oskr_trailer {
  uint32_t messages;
  uint8_t bytes[2 * OSKR_JOINED_MAX + 1];
};

// Whether `length` bytes, the packet's so far and those of one more message, leave room for that
// message and the trailer in `length_max`.
static inline bool oskr_trailer_fits(const struct oskr_trailer *trailer, uint32_t length,
                                     uint32_t length_max) {
  uint32_t messages = trailer->messages + 1;
  return messages <= OSKR_JOINED_MAX && length + oskr_trailer_length(messages) <= length_max;
}

// Adds a message of `length` bytes, ids included.
static inline void oskr_trailer_add(struct oskr_trailer *trailer, uint32_t length) {
  uint8_t *at = trailer->bytes + 2 * trailer->messages++;
  at[0] = (uint8_t)(length >> 8);
  at[1] = (uint8_t)length;
}

// Completes `bytes`; returns how many they are.
static inline uint32_t oskr_trailer_end(struct oskr_trailer *trailer) {
  trailer->bytes[2 * trailer->messages] = (uint8_t)trailer->messages;
  return oskr_trailer_length(trailer->messages);
}

// The messages of a packet that came, some of which were handed over.
struct oskr_joined {
  uint8_t *at;    // the next message
  uint32_t left;  // messages
  uint32_t next;  // of `lengths`
  // Copies, so that what was checked is what is used.
  uint16_t lengths[OSKR_JOINED_MAX];
};

// A packet whose `length` bytes are one message.
static inline void oskr_joined_one(struct oskr_joined *joined, uint8_t *bytes, uint16_t length) {
  joined->at = bytes;
  joined->left = 1;
  joined->next = 0;
  joined->lengths[0] = length;
}

// A packet whose `length` bytes are several messages; false, with none left, if they are malformed.
static inline bool oskr_joined_open(struct oskr_joined *joined, uint8_t *bytes, uint32_t length) {
  joined->left = 0;
  joined->next = 0;
  joined->at = bytes;
  uint32_t messages = length == 0 ? 0 : bytes[length - 1];
  if (messages == 0 || messages > OSKR_JOINED_MAX) return false;
  uint32_t whole = oskr_trailer_length(messages);
  if (whole > length) return false;
  const uint8_t *lengths = bytes + (length - whole);
  for (uint32_t i = 0; i < messages; i++) {
    uint32_t one = (uint32_t)lengths[2 * i] << 8 | lengths[2 * i + 1];
    if (one < OSKR_IDS_SIZE) return false;
    joined->lengths[i] = (uint16_t)one;
    whole += one;
  }
  if (whole != length) return false;
  joined->left = messages;
  return true;
}

// The next message, its ids first, of which there must be one left; returns its length.
static inline uint32_t oskr_joined_next(struct oskr_joined *joined, uint8_t **message) {
  uint32_t length = joined->lengths[joined->next++];
  *message = joined->at;
  joined->at += length;
  joined->left--;
  return length;
}

#endif
