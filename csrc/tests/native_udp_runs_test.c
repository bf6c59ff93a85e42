// Parts of large messages that leave in one call: the kernel divides what goes to one host.
#include <unistd.h>

#include "../region.h"
#include "native_udp_peers.h"

#define PART 1472u

// Parts i of a burst go to two hosts in turn; each gets its own, in order.
static void send_to_two(struct oskr_udp *from, uint32_t count, const uint32_t lengths[]) {
  struct stranger to[] = {open_stranger(), open_stranger()};
  for (uint32_t i = 0; i < count; i++) queue_part(from, i, lengths[i], to[i % 2].port);
  CHECK(oskr_udp_send(from, count) == (int32_t)count);
  for (uint32_t i = 0; i < count; i++) {
    uint8_t datagram[PART + 1];
    ssize_t length = recv(to[i % 2].socket, datagram, sizeof datagram, 0);
    CHECK(length == (ssize_t)lengths[i]);
    CHECK(datagram[0] == OSKR_PACKET_PART && datagram[1] == i + 1);
    CHECK(datagram[length - 1] == i + 1);
    CHECK(oskr_udp_map(from)->tx_status[i] == 0);
  }
  ssize_t more[1];
  CHECK(lengths_at(to[0], more, 1) == 0 && lengths_at(to[1], more, 1) == 0);
  close(to[0].socket);
  close(to[1].socket);
}

static void parts_for_one_host_stay_apart_and_in_order(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  uint32_t lengths[OSKR_BURST];
  for (uint32_t i = 0; i < OSKR_BURST; i++) lengths[i] = PART;
  send_to_two(a, OSKR_BURST, lengths);
  // Ends of messages, longer ones behind shorter ones, and the shortest that there are.
  for (uint32_t i = 0; i < OSKR_BURST; i++) lengths[i] = i % 8 < 6 ? PART : 100 + i;
  send_to_two(a, OSKR_BURST, lengths);
  for (uint32_t i = 0; i < OSKR_BURST; i++) lengths[i] = 4 + i / 2 * 7 % 40;
  send_to_two(a, OSKR_BURST, lengths);
  oskr_udp_close(a);
}

// Messages among them share a datagram, and nothing overtakes.
static void messages_may_stand_between_parts(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  struct stranger to = open_stranger();
  for (uint32_t i = 0; i < 9; i++) {
    if (i % 3 == 2)
      queue_message(a, i, 50, to.port);
    else
      queue_part(a, i, PART, to.port);
  }
  CHECK(oskr_udp_send(a, 9) == 9);
  ssize_t lengths[10];
  // The three messages have one datagram, where the first of them stood.
  CHECK(lengths_at(to, lengths, 10) == 7);
  const ssize_t wanted[] = {PART, PART, 1 + 3 * 49 + 7, PART, PART, PART, PART};
  for (uint32_t i = 0; i < 7; i++) CHECK(lengths[i] == wanted[i]);
  close(to.socket);
  oskr_udp_close(a);
}

// As of an interface that computes no checksums, where the kernel divides nothing.
static void where_the_kernel_divides_nothing_each_part_is_sent_by_itself(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  int on = 1;
  CHECK(setsockopt(oskr_udp_socket(a), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0);
  uint32_t lengths[OSKR_BURST];
  for (uint32_t i = 0; i < OSKR_BURST; i++) lengths[i] = i < 40 ? PART : 40;
  for (uint32_t i = 0; i < 2; i++) send_to_two(a, OSKR_BURST, lengths);
  oskr_udp_close(a);
}

RUN(TEST(parts_for_one_host_stay_apart_and_in_order), TEST(messages_may_stand_between_parts),
    TEST(where_the_kernel_divides_nothing_each_part_is_sent_by_itself))
