// UDP bursts on loopback: messages that share a datagram, and what comes from strangers.
#include <errno.h>
#include <stdlib.h>

#include "../region.h"
#include "native_udp_peers.h"

// Of sockets with OSKR_MTU.
#define SLOT 2048u
#define DATAGRAM_MAX 1472u

// Loopback delivers before the send returns, so that no wait is needed.
static void a_burst_arrives_as_it_left(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  CHECK(a != NULL && b != NULL && port_of(a) > 0 && port_of(a) != port_of(b));
  CHECK(oskr_udp_receive(b) == 0);
  for (uint32_t i = 0; i < OSKR_BURST; i++) queue_part(a, i, 4 + i * 30, port_of(b));
  CHECK(oskr_udp_send(a, OSKR_BURST) == OSKR_BURST);
  CHECK(oskr_udp_receive(b) == OSKR_BURST);
  struct oskr_udp_region *region = oskr_udp_map(b);
  for (uint32_t i = 0; i < OSKR_BURST; i++) {
    CHECK(region->rx_length[i] == 3 + i * 30 && region->rx_part[i] == 1);
    CHECK(region->rx_ip[i] == LOOPBACK && region->rx_port[i] == port_of(a));
    CHECK(bytes_of(b, i)[0] == i + 1 && bytes_of(b, i)[2 + i * 30] == i + 1);
    CHECK(oskr_udp_map(a)->tx_status[i] == 0);
  }
  CHECK(region->rx_malformed == 0);
  CHECK(oskr_udp_receive(b) == 0);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

static void packets_may_share_their_bytes(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  for (uint32_t i = 0; i < 3; i++) {
    queue_part(a, i, 100, port_of(b));
    oskr_udp_map(a)->tx_offset[i] = 5 * SLOT;
  }
  uint8_t *shared = oskr_udp_tx(oskr_udp_map(a)) + 5 * SLOT;
  memset(shared, 77, 100);
  shared[0] = OSKR_PACKET_PART;
  CHECK(oskr_udp_send(a, 3) == 3);
  CHECK(oskr_udp_receive(b) == 3);
  for (uint32_t i = 0; i < 3; i++) CHECK(bytes_of(b, i)[98] == 77);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

// Messages 0, 2, 4... go to one socket, the others to another: each gets one datagram.
static void messages_for_one_address_share_a_datagram(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct stranger to[] = {open_stranger(), open_stranger()};
  for (uint32_t i = 0; i < 20; i++) queue_message(a, i, 4 + i, to[i % 2].port);
  CHECK(oskr_udp_send(a, 20) == 20);
  for (uint32_t k = 0; k < 2; k++) {
    uint8_t datagram[SLOT];
    ssize_t whole = recv(to[k].socket, datagram, sizeof datagram, 0);
    CHECK(whole > 0);
    const uint8_t *at = datagram;
    const uint8_t *end = at + whole;
    CHECK(*at++ == OSKR_PACKET_JOINED && end[-1] == 10);
    for (uint32_t i = k; i < 20; i += 2) {
      const uint8_t *length = end - 1 - 2 * 10 + 2 * (i / 2);
      CHECK(length[0] == 0 && length[1] == 3 + i);
      CHECK(at[0] == i + 1 && at[2 + i] == i + 1);
      at += 3 + i;
    }
    CHECK(at == end - 1 - 2 * 10);
    CHECK(recv(to[k].socket, datagram, sizeof datagram, 0) < 0);
    close(to[k].socket);
  }
  oskr_udp_close(a);
}

// Those behind a part share the datagram of those before it, which leaves first.
static void messages_of_a_datagram_come_one_by_one(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp_region *region = oskr_udp_map(b);
  for (uint32_t i = 0; i < 20; i++) queue_message(a, i, 4 + i, port_of(b));
  queue_part(a, 10, 500, port_of(b));
  CHECK(oskr_udp_send(a, 20) == 20);
  CHECK(oskr_udp_receive(b) == 20 && region->rx_malformed == 0);
  for (uint32_t i = 0; i < 20; i++) {
    uint32_t sent = i < 10 ? i : i < 19 ? i + 1 : 10;
    CHECK(region->rx_part[i] == (sent == 10));
    CHECK(region->rx_length[i] == (sent == 10 ? 499 : 3 + sent));
    const uint8_t *bytes = bytes_of(b, i);
    for (uint32_t k = 0; k < region->rx_length[i]; k++) CHECK(bytes[k] == sent + 1);
    CHECK(region->rx_ip[i] == LOOPBACK && region->rx_port[i] == port_of(a));
  }
  oskr_udp_close(a);
  oskr_udp_close(b);
}

// At most 32 messages and 1,472 bytes; parts, and messages too short for their ids, stay alone.
static void datagrams_of_messages_have_bounds(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct stranger b = open_stranger();
  ssize_t lengths[8];
  for (uint32_t i = 0; i < OSKR_BURST; i++) queue_message(a, i, 4, b.port);
  CHECK(oskr_udp_send(a, OSKR_BURST) == OSKR_BURST);
  CHECK(lengths_at(b, lengths, 8) == OSKR_BURST / OSKR_JOINED_MAX);
  // 1 + 2 x 733 + 2 x 2 + 1 bytes are 1,472.
  for (uint32_t more = 0; more < 2; more++) {
    queue_message(a, 0, 734, b.port);
    queue_message(a, 1, 734 + more, b.port);
    CHECK(oskr_udp_send(a, 2) == 2);
    CHECK(lengths_at(b, lengths, 8) == 1 + more);
    CHECK(lengths[0] == (more ? 734 : DATAGRAM_MAX));
  }
  queue_message(a, 0, 3, b.port);
  queue_part(a, 1, 50, b.port);
  queue_message(a, 2, 50, b.port);
  CHECK(oskr_udp_send(a, 3) == 3);
  CHECK(lengths_at(b, lengths, 8) == 3);
  CHECK(lengths[0] == 3 && lengths[1] == 50 && lengths[2] == 50);
  close(b.socket);
  oskr_udp_close(a);
}

// The whole datagram is dropped and counted, and those around it come.
static void malformed_datagrams_are_dropped_and_counted(void) {
  static const struct {
    uint8_t bytes[12];
    size_t length;
  } malformed[] = {
      {{0}, 0},                                                  // nothing at all
      {{OSKR_PACKET_MESSAGE, 0, 0}, 3},                          // too short for its ids
      {{OSKR_PACKET_PART}, 1},                                   // the same
      {{OSKR_PACKET_JOINED, 0, 3}, 3},                           // the same
      {{3, 0, 0, 0, 1}, 5},                                      // of no kind
      {{OSKR_PACKET_JOINED, 0, 0, 0, 0}, 5},                     // no messages
      {{OSKR_PACKET_JOINED, 0, 0, 0, 0, 0, 0}, 7},               // the same, more room
      {{OSKR_PACKET_JOINED, 0, 0, 0, 2, 1}, 6},                  // a message too short for its ids
      {{OSKR_PACKET_JOINED, 0, 0, 0, 0, 3, 0, 0, 2}, 9},         // a message of no bytes
      {{OSKR_PACKET_JOINED, 0, 0, 0, 9, 0, 3, 1}, 8},            // bytes of no message
      {{OSKR_PACKET_JOINED, 0, 0, 0, 9, 0, 5, 1}, 8},            // a length beyond the datagram
      {{OSKR_PACKET_JOINED, 0, 0, 0, 9, 255, 255, 1}, 8},        // far beyond it
      {{OSKR_PACKET_JOINED, 0, 0, 0, 0, 3, 0, 3, 0, 3, 3}, 11},  // more messages than bytes
      {{OSKR_PACKET_JOINED, 0, 0, 0, 0, 3, 33}, 7},              // trailer beyond the datagram
      {{OSKR_PACKET_JOINED, 0, 0, 0, 0, 3, 255}, 7},             // the same
  };
  const uint8_t good[] = {OSKR_PACKET_JOINED, 1, 2, 3, 0, 3, 1};
  struct stranger a = open_stranger();
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp_region *region = oskr_udp_map(b);
  uint32_t count = sizeof malformed / sizeof malformed[0];
  for (uint32_t i = 0; i < count; i++) {
    send_as_it_is(a, good, sizeof good, b);
    send_as_it_is(a, malformed[i].bytes, malformed[i].length, b);
    send_as_it_is(a, good, sizeof good, b);
    CHECK(oskr_udp_receive(b) == 2 && region->rx_malformed == 1);
    for (uint32_t k = 0; k < 2; k++) {
      CHECK(region->rx_length[k] == 3 && memcmp(bytes_of(b, k), good + KIND, 3) == 0);
    }
    // One that brings nothing else still says so.
    send_as_it_is(a, malformed[i].bytes, malformed[i].length, b);
    CHECK(oskr_udp_receive(b) == 0 && region->rx_malformed == 1);
    CHECK(oskr_udp_receive(b) == 0 && region->rx_malformed == 0);
  }
  // More messages than there may be, each well formed.
  uint8_t many[KIND + 33 * 3 + 2 * 33 + 1] = {OSKR_PACKET_JOINED};
  for (uint32_t i = 0; i < 33; i++) many[KIND + 33 * 3 + 2 * i + 1] = 3;
  many[sizeof many - 1] = 33;
  send_as_it_is(a, many, sizeof many, b);
  CHECK(oskr_udp_receive(b) == 0 && region->rx_malformed == 1);
  // Every truncation of one of three messages; the whole comes.
  const uint8_t three[] = {OSKR_PACKET_JOINED, 1, 1, 1, 7, 2, 2, 2, 3, 3, 3, 0, 4, 0, 3, 0, 3, 3};
  for (size_t length = 0; length < sizeof three; length++) {
    send_as_it_is(a, three, length, b);
    CHECK(oskr_udp_receive(b) == 0 && region->rx_malformed == 1);
  }
  send_as_it_is(a, three, sizeof three, b);
  CHECK(oskr_udp_receive(b) == 3 && region->rx_malformed == 0);
  CHECK(region->rx_length[0] == 4 && region->rx_length[1] == 3 && region->rx_length[2] == 3);
  close(a.socket);
  oskr_udp_close(b);
}

static void a_datagram_that_was_cut_is_malformed(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp_region *region = oskr_udp_map(b);
  for (uint32_t length = SLOT; length < SLOT + 2; length++) {
    queue_part(a, 0, length, port_of(b));
    CHECK(oskr_udp_send(a, 1) == 1);
    uint32_t whole = length == SLOT;
    CHECK(oskr_udp_receive(b) == (int32_t)whole && region->rx_malformed == 1 - whole);
  }
  CHECK(region->rx_length[0] == SLOT - KIND);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

// What came before a full socket is delivered; what did not fit is counted, each once.
static void what_the_kernel_drops_is_counted(void) {
  const uint8_t datagram[1000] = {OSKR_PACKET_MESSAGE, 1, 2, 3};
  struct stranger a = open_stranger();
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp_region *region = oskr_udp_map(b);
  int bytes = 32768;
  CHECK(setsockopt(oskr_udp_socket(b), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) == 0);
  uint32_t sent = 0;
  uint32_t came = 0;
  uint32_t dropped = 0;
  for (uint32_t flood = 0; flood < 3; flood++) {
    for (uint32_t i = 0; i < 500; i++, sent++) send_as_it_is(a, datagram, sizeof datagram, b);
    for (int32_t count; (count = oskr_udp_receive(b)) > 0; came += (uint32_t)count) {
      dropped += region->rx_dropped;
    }
    CHECK(region->rx_dropped == 0);
    // The one that comes next says what was dropped until then.
    send_as_it_is(a, datagram, sizeof datagram, b);
    sent++;
    CHECK(oskr_udp_receive(b) == 1);
    came++;
    dropped += region->rx_dropped;
    CHECK(came < sent && dropped == sent - came);
  }
  // Nothing is counted twice.
  send_as_it_is(a, datagram, sizeof datagram, b);
  CHECK(oskr_udp_receive(b) == 1 && region->rx_dropped == 0);
  close(a.socket);
  oskr_udp_close(b);
}

// Datagrams of 32 messages, each of three bytes that number it, from two sockets in turn.
static void what_is_more_than_a_burst_comes_with_the_next_receive(void) {
  struct stranger from[] = {open_stranger(), open_stranger()};
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp_region *region = oskr_udp_map(b);
  const uint32_t datagrams = 70;
  const uint32_t sent = datagrams * OSKR_JOINED_MAX;
  const uint32_t trailer = 2 * OSKR_JOINED_MAX + 1;
  for (uint32_t d = 0; d < datagrams; d++) {
    uint8_t bytes[KIND + 3 * OSKR_JOINED_MAX + 2 * OSKR_JOINED_MAX + 1] = {OSKR_PACKET_JOINED};
    for (uint32_t i = 0; i < OSKR_JOINED_MAX; i++) {
      uint32_t number = d * OSKR_JOINED_MAX + i;
      bytes[KIND + 3 * i] = (uint8_t)(number >> 8);
      bytes[KIND + 3 * i + 1] = (uint8_t)number;
      bytes[sizeof bytes - trailer + 2 * i + 1] = 3;
    }
    bytes[sizeof bytes - 1] = OSKR_JOINED_MAX;
    send_as_it_is(from[d % 2], bytes, sizeof bytes, b);
    // One that is malformed after each third, which disturbs nobody.
    if (d % 3 == 0) send_as_it_is(from[0], bytes, sizeof bytes - 1, b);
  }
  uint32_t came = 0;
  uint32_t malformed = 0;
  for (int32_t count; (count = oskr_udp_receive(b)) > 0 || region->rx_malformed > 0;) {
    CHECK(count <= (int32_t)OSKR_BURST);
    malformed += region->rx_malformed;
    for (uint32_t i = 0; i < (uint32_t)count; i++, came++) {
      CHECK(region->rx_length[i] == 3 && region->rx_part[i] == 0);
      CHECK(bytes_of(b, i)[0] == (uint8_t)(came >> 8) && bytes_of(b, i)[1] == (uint8_t)came);
      CHECK(region->rx_port[i] == from[came / OSKR_JOINED_MAX % 2].port);
    }
    if (checks_failed > 0) break;
  }
  CHECK(came == sent && malformed == (datagrams + 2) / 3);
  close(from[0].socket);
  close(from[1].socket);
  oskr_udp_close(b);
}

// A datagram of up to eight messages, half of them altered where they are divided; or any bytes.
static uint32_t invent(uint64_t *state, uint8_t datagram[2 * SLOT]) {
  if (next_random(state) % 4 == 0) {
    uint32_t length = (uint32_t)(next_random(state) % 200);
    for (uint32_t i = 0; i < length; i++) datagram[i] = (uint8_t)next_random(state);
    if (next_random(state) % 2 == 0) datagram[0] = OSKR_PACKET_JOINED;
    // So few messages that the lengths may fit.
    if (length > 0 && next_random(state) % 2 == 0) datagram[length - 1] %= 4;
    return length;
  }
  struct oskr_trailer trailer = {0};
  uint32_t at = 0;
  datagram[at++] = OSKR_PACKET_JOINED;
  for (uint64_t count = 1 + next_random(state) % 8; count > 0; count--) {
    uint32_t length = OSKR_IDS_SIZE + (uint32_t)(next_random(state) % 250);
    oskr_trailer_add(&trailer, length);
    memset(datagram + at, (int)length, length);
    at += length;
  }
  uint32_t length = oskr_trailer_end(&trailer);
  memcpy(datagram + at, trailer.bytes, length);
  at += length;
  if (next_random(state) % 2 == 0) {
    datagram[at - 1 - next_random(state) % (length + 3)] = (uint8_t)next_random(state);
  }
  return at;
}

// Nothing is read beyond the bytes: they are as much memory as they say, so that the sanitizer sees
// it.
static void dividing_stays_within_the_packet(void) {
  uint64_t state = 12;
  uint32_t divided = 0;
  for (uint32_t round = 0; round < 50000; round++) {
    uint8_t datagram[2 * SLOT];
    uint32_t length = invent(&state, datagram);
    uint8_t *exact = malloc(length);
    CHECK(exact != NULL);
    memcpy(exact, datagram, length);
    struct oskr_joined joined;
    bool good = oskr_joined_open(&joined, exact, length);
    CHECK(good == (joined.left > 0) && joined.left <= OSKR_JOINED_MAX);
    uint8_t *end = exact;
    while (joined.left > 0) {
      uint8_t *message;
      uint32_t one = oskr_joined_next(&joined, &message);
      CHECK(message == end && one >= OSKR_IDS_SIZE && message + one < exact + length);
      end = message + one;
    }
    divided += good;
    free(exact);
    if (checks_failed > 0) return;
  }
  CHECK(divided > 0);
}

// Whatever comes is dropped whole, or gives messages that lie in its slot one behind the other.
static void survives_random_datagrams(void) {
  struct stranger a = open_stranger();
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp_region *region = oskr_udp_map(b);
  uint64_t state = 11;
  uint32_t whole = 0;
  uint32_t dropped = 0;
  for (uint32_t round = 0; round < 20000; round++) {
    uint8_t datagram[2 * SLOT];
    uint32_t length = invent(&state, datagram);
    send_as_it_is(a, datagram, length, b);
    int32_t count = oskr_udp_receive(b);
    CHECK(count >= 0 && count <= OSKR_JOINED_MAX);
    CHECK(region->rx_malformed == (count == 0));
    uint32_t end = KIND;
    for (int32_t i = 0; i < count; i++) {
      CHECK(region->rx_length[i] >= OSKR_IDS_SIZE && region->rx_part[i] <= 1);
      CHECK(region->rx_offset[i] == end);
      end += region->rx_length[i];
    }
    CHECK(end <= length || count == 0);
    CHECK(count == 0 || memcmp(region->slots, datagram, length) == 0);
    whole += count > 0;
    dropped += count == 0;
    if (checks_failed > 0) break;
  }
  CHECK(whole > 5000 && dropped > 5000);
  close(a.socket);
  oskr_udp_close(b);
}

// A switch forwards what it does not understand, byte for byte, one datagram each.
static void whole_datagrams_pass_as_they_are(void) {
  struct stranger a = open_stranger();
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp *c = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  oskr_udp_whole(b);
  oskr_udp_whole(c);
  const uint8_t joined[] = {OSKR_PACKET_JOINED, 1, 2, 3, 4, 5};
  const uint8_t unknown[] = {200};
  send_as_it_is(a, joined, sizeof joined, b);
  send_as_it_is(a, unknown, sizeof unknown, b);
  CHECK(oskr_udp_receive(b) == 2);
  CHECK(oskr_udp_map(b)->rx_length[0] == sizeof joined && oskr_udp_map(b)->rx_malformed == 0);
  CHECK(memcmp(bytes_of(b, 0), joined, sizeof joined) == 0);
  CHECK(oskr_udp_map(b)->rx_length[1] == 1 && *bytes_of(b, 1) == 200);
  queue_message(b, 0, 20, port_of(c));
  queue_message(b, 1, 30, port_of(c));
  CHECK(oskr_udp_send(b, 2) == 2);
  CHECK(oskr_udp_receive(c) == 2);
  CHECK(oskr_udp_map(c)->rx_length[0] == 20 && oskr_udp_map(c)->rx_length[1] == 30);
  CHECK(*bytes_of(c, 0) == OSKR_PACKET_MESSAGE && bytes_of(c, 0)[19] == 1);
  close(a.socket);
  oskr_udp_close(b);
  oskr_udp_close(c);
}

static void bad_packets_are_reported_and_the_others_leave(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct oskr_udp_region *region = oskr_udp_map(a);
  for (uint32_t i = 0; i < 8; i++) queue_part(a, i, 10, port_of(b));
  region->tx_offset[1] = OSKR_BURST * SLOT;  // nothing left there
  region->tx_offset[2] = UINT32_MAX;
  region->tx_length[3] = UINT32_MAX;
  region->tx_port[4] = 65536;
  region->tx_port[5] = 0;
  region->tx_offset[6] = 0;
  region->tx_length[6] = 66000;  // longer than any datagram
  CHECK(oskr_udp_send(a, 8) == 2);
  for (uint32_t i = 1; i <= 5; i++) CHECK(region->tx_status[i] == -EINVAL);
  CHECK(region->tx_status[6] == -EMSGSIZE);
  CHECK(region->tx_status[0] == 0 && region->tx_status[7] == 0);
  CHECK(oskr_udp_receive(b) == 2);
  CHECK(oskr_udp_send(a, OSKR_BURST + 1) == -EINVAL);
  CHECK(oskr_udp_send(a, 0) == 0);
  // The same for a message, which has its datagram to itself.
  queue_message(a, 0, 66000, port_of(b));
  queue_message(a, 1, 10, port_of(b));
  CHECK(oskr_udp_send(a, 2) == 1);
  CHECK(region->tx_status[0] == -EMSGSIZE && region->tx_status[1] == 0);
  CHECK(oskr_udp_receive(b) == 1 && oskr_udp_map(b)->rx_length[0] == 9);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

static void ports_in_use_and_out_of_range_are_refused(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  CHECK(oskr_udp_open(LOOPBACK, port_of(a), OSKR_MTU) == NULL);
  CHECK(oskr_error() == -EADDRINUSE);
  CHECK(oskr_udp_open(LOOPBACK, 65536, OSKR_MTU) == NULL && oskr_error() == -EINVAL);
  CHECK(oskr_udp_open(LOOPBACK, 0, OSKR_MTU - 1) == NULL && oskr_error() == -EINVAL);
  CHECK(oskr_udp_open(LOOPBACK, 0, OSKR_UDP_MTU_MAX + 1) == NULL && oskr_error() == -EINVAL);
  CHECK(oskr_udp_open(0x01020304, 0, OSKR_MTU) == NULL && oskr_error() == -EADDRNOTAVAIL);
  oskr_udp_close(a);
}

RUN(TEST(a_burst_arrives_as_it_left), TEST(packets_may_share_their_bytes),
    TEST(messages_for_one_address_share_a_datagram), TEST(messages_of_a_datagram_come_one_by_one),
    TEST(datagrams_of_messages_have_bounds), TEST(malformed_datagrams_are_dropped_and_counted),
    TEST(a_datagram_that_was_cut_is_malformed), TEST(what_the_kernel_drops_is_counted),
    TEST(what_is_more_than_a_burst_comes_with_the_next_receive),
    TEST(dividing_stays_within_the_packet), TEST(survives_random_datagrams),
    TEST(whole_datagrams_pass_as_they_are), TEST(bad_packets_are_reported_and_the_others_leave),
    TEST(ports_in_use_and_out_of_range_are_refused))
