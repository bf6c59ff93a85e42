// UDP bursts with longer datagrams than every network carries.
#include <errno.h>

#include "native_udp_peers.h"

// The longest datagram is the MTU's; two messages share it if they fit to the last byte.
static void datagrams_are_as_long_as_the_mtu_lets_them(void) {
  static const uint32_t mtus[] = {OSKR_MTU, 9000, OSKR_UDP_MTU_MAX};
  struct stranger c = open_stranger();
  for (uint32_t k = 0; k < 3; k++) {
    struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, mtus[k]);
    struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, mtus[k]);
    struct oskr_udp_region *region = oskr_udp_map(b);
    uint32_t longest = mtus[k] - OSKR_UDP_HEADERS;
    CHECK(region->slot_size >= longest);
    for (uint32_t i = 0; i < 2; i++) {
      queue_message(a, 2 * i, longest - i, port_of(b));
      queue_part(a, 2 * i + 1, longest - i, port_of(b));
    }
    CHECK(oskr_udp_send(a, 4) == 4);
    CHECK(oskr_udp_receive(b) == 4 && region->rx_malformed == 0);
    for (uint32_t i = 0; i < 4; i++) {
      CHECK(region->rx_length[i] == longest - i / 2 - KIND && region->rx_part[i] == i % 2);
      const uint8_t *bytes = bytes_of(b, i);
      for (uint32_t at = 0; at < region->rx_length[i]; at++) CHECK(bytes[at] == i + 1);
    }
    // What both have besides is the kind, two lengths and their count.
    ssize_t lengths[4];
    for (uint32_t more = 0; more < 2; more++) {
      queue_message(a, 0, 1001, c.port);
      queue_message(a, 1, longest - 1 - 1000 - 5 + KIND + more, c.port);
      CHECK(oskr_udp_send(a, 2) == 2);
      CHECK(lengths_at(c, lengths, 4) == 1 + more);
      CHECK(lengths[0] == (more ? 1001 : longest));
    }
    oskr_udp_close(a);
    oskr_udp_close(b);
  }
  close(c.socket);
}

// What somebody with a larger MTU sends is counted, and what comes behind it is taken.
static void a_datagram_of_a_larger_mtu_is_malformed(void) {
  struct oskr_udp *a = oskr_udp_open(LOOPBACK, 0, 9000);
  struct oskr_udp *b = oskr_udp_open(LOOPBACK, 0, OSKR_MTU);
  queue_message(a, 0, 9000 - OSKR_UDP_HEADERS, port_of(b));
  queue_part(a, 1, 100, port_of(b));
  CHECK(oskr_udp_send(a, 2) == 2);
  CHECK(oskr_udp_receive(b) == 1 && oskr_udp_map(b)->rx_malformed == 1);
  CHECK(oskr_udp_map(b)->rx_length[0] == 99);
  oskr_udp_close(a);
  oskr_udp_close(b);
}

RUN(TEST(datagrams_are_as_long_as_the_mtu_lets_them), TEST(a_datagram_of_a_larger_mtu_is_malformed))
