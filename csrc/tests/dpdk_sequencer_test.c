// The sequencer in the fabric against what the one that is a process makes of the same frames
// (csrc/tests/stamps.txt, which tests/ffi/stamps.test.ts writes); joined frames; frames that lie.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "../dpdk/sequencer.h"
#include "../joined.h"
#include "native_test.h"

#define FRAME_MAX 1514
#define PADDED_MIN 60
#define TESTS "tests"
#define STAMPS TESTS "/stamps.txt"

static struct oskr_sequencer fresh(void) {
  return (struct oskr_sequencer){.mac = {2, 0, 0, 0, 0, 9}, .incarnation = 42};
}

static uint32_t from_hex(const char *text, uint8_t *out) {
  uint32_t length = 0;
  for (; text[0] != 0 && text[1] != 0; text += 2, length++) {
    char pair[3] = {text[0], text[1], 0};
    out[length] = (uint8_t)strtoul(pair, NULL, 16);
  }
  return length;
}

static void stamps_as_the_process_does(void) {
  FILE *file = fopen(STAMPS, "r");
  CHECK(file != NULL);
  if (file == NULL) return;
  struct oskr_sequencer s = {.open = 0};
  char who[16], in[2 * FRAME_MAX + 1], out[2 * FRAME_MAX + 1];
  unsigned long long incarnation;
  CHECK(fscanf(file, "incarnation %llu mac %s", &incarnation, in) == 2);
  s.incarnation = incarnation;
  CHECK(from_hex(in, s.mac) == 6);
  int count = 0;
  while (fscanf(file, "%15s %3028s %3028s", who, in, out) == 3) {
    uint8_t frame[FRAME_MAX], expected[FRAME_MAX];
    uint32_t length = from_hex(in, frame);
    enum oskr_sequenced goes = oskr_sequence(&s, frame, length, strcmp(who, "replica") == 0);
    count++;
    if (strcmp(out, "-") == 0) {
      CHECK(goes == OSKR_SEQUENCED_NOWHERE);
      continue;
    }
    CHECK(goes != OSKR_SEQUENCED_NOWHERE);
    CHECK(from_hex(out, expected) == length);
    CHECK(memcmp(frame, expected, length) == 0);
  }
  CHECK(count == 20);
  fclose(file);
}

// A frame of these messages, each with its ids; returns its length.
static uint32_t join(uint8_t *frame, const uint8_t *const *messages, const uint32_t *lengths,
                     uint32_t count) {
  memset(frame, 0, FRAME_MAX);
  const uint8_t header[14] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xd7};
  memcpy(frame, header, 14);
  uint32_t at = 14;
  struct oskr_trailer trailer = {0};
  for (uint32_t i = 0; i < count; i++) {
    memcpy(frame + at, messages[i], lengths[i]);
    oskr_trailer_add(&trailer, lengths[i]);
    at += lengths[i];
  }
  uint32_t length = oskr_trailer_end(&trailer);
  memcpy(frame + at, trailer.bytes, length);
  at += length;
  uint32_t padding = at + 1 < PADDED_MIN ? PADDED_MIN - 1 - at : 0;
  frame[at + padding] = (uint8_t)padding;
  return at + padding + 1;
}

#define OPEN_LENGTH 29
#define REQUEST_LENGTH 71

// An OPEN of session 0, with its ids.
static void make_open(uint8_t *message, uint8_t incarnation) {
  memset(message, 0, OPEN_LENGTH);
  message[3] = 243;
  message[11] = incarnation;
  message[12] = 1;
}

// A SEQUENCED message with one request of session 1 and an empty operation, with its ids.
static void make_request(uint8_t *message) {
  memset(message, 0, REQUEST_LENGTH);
  message[3] = 240;
  message[3 + 31] = 1;   // one request
  message[3 + 35] = 24;  // of so many bytes
  message[3 + 43] = 1;   // session
  message[3 + 55] = 1;   // number
}

static void answers_and_stamps_messages_of_one_frame(void) {
  struct oskr_sequencer s = fresh();
  uint8_t frame[FRAME_MAX], open[OPEN_LENGTH], request[REQUEST_LENGTH], other[5] = {0, 0, 0, 7, 8};
  make_open(open, 42);
  make_request(request);
  const uint8_t *messages[] = {request, open, request, other, request};
  const uint32_t lengths[] = {REQUEST_LENGTH, OPEN_LENGTH, REQUEST_LENGTH, 5, REQUEST_LENGTH};
  uint32_t length = join(frame, messages, lengths, 5);
  CHECK(oskr_sequence(&s, frame, length, 1) == OSKR_SEQUENCED_REPLICAS);
  uint8_t *at = frame + 14;
  CHECK(at[3] == 0);  // it was closed
  at += REQUEST_LENGTH;
  CHECK(at[3] == 244 && at[3 + 25] == 1);
  at += OPEN_LENGTH;
  CHECK(at[3] == 240 && at[3 + 16] == 42 && at[3 + 24] == 1);
  at += REQUEST_LENGTH;
  CHECK(at[3] == 0 && at[4] == 8);
  CHECK(at[5 + 3] == 240 && at[5 + 3 + 24] == 2);
  CHECK(s.number == 2 && s.open && s.session == 0);
  CHECK(frame[0] == 0xff && frame[11] == 9);
}

// Whatever is in it, nothing beyond a frame is read or written, and only what was asked goes on.
static void survives_frames_that_lie(void) {
  uint64_t seed = 7;
  struct oskr_sequencer s = fresh();
  for (int i = 0; i < 200000; i++) {
    uint8_t frame[FRAME_MAX], open[OPEN_LENGTH], request[REQUEST_LENGTH];
    make_open(open, 42);
    make_request(request);
    const uint8_t *messages[] = {request, open, request};
    const uint32_t lengths[] = {REQUEST_LENGTH, OPEN_LENGTH, REQUEST_LENGTH};
    uint32_t length = join(frame, messages, lengths, 3);
    frame[13] = (uint8_t)(0xd5 + next_random(&seed) % 3);
    for (uint64_t k = next_random(&seed) % 4; k > 0; k--)
      frame[14 + next_random(&seed) % (length - 14)] = (uint8_t)next_random(&seed);
    if (next_random(&seed) % 4 == 0) length = (uint32_t)(next_random(&seed) % (length + 1));
    // The sanitizer guards the end of what was allocated, not of what is in use.
    uint8_t *exact = malloc(length > 0 ? length : 1);
    memcpy(exact, frame, length);
    uint64_t before = s.number;
    int open_before = s.open;
    enum oskr_sequenced goes = oskr_sequence(&s, exact, length, (int)(next_random(&seed) % 2));
    if (goes == OSKR_SEQUENCED_NOWHERE) CHECK(s.number == before && s.open == open_before);
    free(exact);
  }
  CHECK(s.open);
}

RUN(TEST(stamps_as_the_process_does), TEST(answers_and_stamps_messages_of_one_frame),
    TEST(survives_frames_that_lie))
