// The sequencer in the switch: see sequencer.h. The wire form of messages is that of
// src/protocol/kit/sequencing-messages.ts and src/protocol/kit/batch.ts, integers big-endian.
#include "sequencer.h"

#include <string.h>

#include "../joined.h"

#define HEADER 14
#define FRAME_MIN 60
#define TYPE_MESSAGE 0x88d5u
#define TYPE_PART 0x88d6u
#define TYPE_JOINED 0x88d7u
#define IDS OSKR_IDS_SIZE

// Kinds of messages.
#define NONE 0
#define SEQUENCED 240
#define PROBE 241
#define ALIVE 242
#define OPEN_SESSION 243
#define SESSION_OPENED 244
// Kinds of parts (src/transport/proof.ts).
#define HELLO 2
#define WELCOME 5

// SEQUENCED: kind, session, incarnation, number, length of an authenticator, whether the request is
// a reference; then the batch: how many requests, how many bytes they take, they, their clients.
#define STAMP 1
#define AUTHENTICATOR 25
#define BATCH 28
#define REQUESTS (BATCH + 8)
#define ADDRESS 8
// A request: session, tag, number, the operation's length.
#define OP_LENGTH 20
#define OP 24
// What tells of a sequencer's state: kind, incarnation, whether there is a session, that, a number.
#define STATE 26

static uint32_t u16_at(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

static uint32_t u32_at(const uint8_t *at) { return u16_at(at) << 16 | u16_at(at + 2); }

static uint64_t u64_at(const uint8_t *at) { return (uint64_t)u32_at(at) << 32 | u32_at(at + 4); }

static void put_u32(uint8_t *at, uint32_t value) {
  for (int i = 3; i >= 0; i--, value >>= 8) at[i] = (uint8_t)value;
}

static void put_u64(uint8_t *at, uint64_t value) {
  put_u32(at, (uint32_t)(value >> 32));
  put_u32(at + 4, (uint32_t)value);
}

// Which host a client is at: AddressTable.sourceOf of src/transport/address.ts.
static uint32_t source_of(const uint8_t *mac) {
  uint32_t mixed = ((u32_at(mac) * 0x9e3779b1u) ^ u16_at(mac + 4)) * 0x85ebca6bu;
  return mixed == 0 ? 1 : mixed;
}

// The source id of a message; its destination's is small.
static uint32_t source_id(const uint8_t *ids) {
  return ids[1] < 0x80 ? ids[1] : (uint32_t)ids[2] << 7 | (ids[1] & 0x7fu);
}

// The clients' addresses of a SEQUENCED message, or NULL if it is malformed.
static uint8_t *clients_of(uint8_t *message, uint32_t length) {
  if (length < REQUESTS || u16_at(message + AUTHENTICATOR) != 0) return NULL;
  uint64_t count = u32_at(message + BATCH), bytes = u32_at(message + BATCH + 4);
  if (count == 0 || REQUESTS + bytes + ADDRESS * count != length) return NULL;
  return message + REQUESTS + bytes;
}

// Gives each `open` its source, if it has none: that of its client. 0 if a request is malformed.
static int place_opens(uint8_t *at, const uint8_t *end, const uint8_t *client, int from_replica) {
  while (at < end) {
    if (end - at < OP) return 0;
    uint64_t size = OP + (uint64_t)u32_at(at + OP_LENGTH);
    int opens = u64_at(at) == 0;
    if (size + (opens ? 4 : 0) > (uint64_t)(end - at)) return 0;
    at += size;
    if (opens) {
      if (!from_replica || u32_at(at) == 0) put_u32(at, source_of(client));
      at += 4;
    }
    client += ADDRESS;
  }
  return 1;
}

// Stamps a SEQUENCED message; 0 if it is not to go on.
static int stamp(struct oskr_sequencer *s, const uint8_t *mac, uint32_t id, uint8_t *message,
                 uint32_t length, int from_replica) {
  uint8_t *clients = clients_of(message, length);
  if (!s->open || clients == NULL) return 0;
  uint8_t *requests = message + REQUESTS;
  if (!from_replica) {
    for (uint8_t *at = clients; at < message + length; at += ADDRESS) {
      memcpy(at, mac, 6);
      at[6] = (uint8_t)(id >> 8);
      at[7] = (uint8_t)id;
    }
  }
  if (!place_opens(requests, clients, clients, from_replica)) return 0;
  put_u64(message + STAMP, s->session);
  put_u64(message + STAMP + 8, s->incarnation);
  put_u64(message + STAMP + 16, ++s->number);
  return 1;
}

// Answers what a replica asks of the sequencer; 0 if there is no answer.
static int answer(struct oskr_sequencer *s, uint8_t *message, uint32_t length) {
  if (length != STATE) return 0;
  uint8_t kind = ALIVE;
  uint64_t number = s->number;
  if (message[0] == OPEN_SESSION) {
    uint64_t session = u64_at(message + 10);
    if (u64_at(message + 1) != s->incarnation || message[9] != 1) return 0;
    if (s->open && session < s->session) return 0;
    if (!s->open || session > s->session) {
      s->open = 1;
      s->session = session;
      s->number = 0;
    }
    kind = SESSION_OPENED;
    number = s->number + 1;
  }
  message[0] = kind;
  put_u64(message + 1, s->incarnation);
  message[9] = s->open ? 1 : 0;
  put_u64(message + 10, s->open ? s->session : 0);
  put_u64(message + 18, number);
  return 1;
}

// One message of `length` bytes, ids included; whether it goes to replicas.
static int sequence_one(struct oskr_sequencer *s, const uint8_t *mac, uint8_t *ids, uint32_t length,
                        int from_replica) {
  uint8_t *message = ids + IDS;
  if (length <= IDS) return 0;
  length -= IDS;
  int goes = 0;
  if (ids[0] < 0x80) {
    if (message[0] == SEQUENCED)
      goes = stamp(s, mac, source_id(ids), message, length, from_replica);
    else if (from_replica && (message[0] == PROBE || message[0] == OPEN_SESSION))
      goes = answer(s, message, length);
    ids[1] = ids[0];
    ids[2] = 0;
  }
  if (!goes) message[0] = NONE;
  return goes;
}

// A client's process greets all that are configured, and goes on until each has welcomed it.
static enum oskr_sequenced greet(uint8_t *frame, uint32_t length) {
  uint8_t *ids = frame + HEADER;
  if (length <= IDS || ids[0] >= 0x80 || ids[IDS] != HELLO) return OSKR_SEQUENCED_NOWHERE;
  uint8_t mac[6], low = ids[0];
  memcpy(mac, frame, 6);
  memcpy(frame, frame + 6, 6);
  memcpy(frame + 6, mac, 6);
  // The extension is that of whichever id is large.
  ids[0] = ids[1];
  ids[1] = low;
  ids[IDS] = WELCOME;
  return OSKR_SEQUENCED_BACK;
}

enum oskr_sequenced oskr_sequence(struct oskr_sequencer *s, uint8_t *frame, uint32_t length,
                                  int from_replica) {
  if (length < FRAME_MIN || length < HEADER + IDS + 1u + frame[length - 1])
    return OSKR_SEQUENCED_NOWHERE;
  length -= HEADER + 1u + frame[length - 1];
  uint32_t type = u16_at(frame + 12);
  if (type == TYPE_PART) return greet(frame, length);
  struct oskr_joined joined;
  if (type == TYPE_MESSAGE)
    oskr_joined_one(&joined, frame + HEADER, (uint16_t)length);
  else if (type != TYPE_JOINED || !oskr_joined_open(&joined, frame + HEADER, length))
    return OSKR_SEQUENCED_NOWHERE;
  int go = 0;
  while (joined.left > 0) {
    uint8_t *ids;
    uint32_t size = oskr_joined_next(&joined, &ids);
    go += sequence_one(s, frame + 6, ids, size, from_replica);
  }
  if (go == 0) return OSKR_SEQUENCED_NOWHERE;
  memset(frame, 0xff, 6);
  memcpy(frame + 6, s->mac, 6);
  return OSKR_SEQUENCED_REPLICAS;
}
