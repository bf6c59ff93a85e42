// UDP sockets of tests on loopback, and strangers that send them whatever they like.
#ifndef OSKR_NATIVE_UDP_PEERS_H
#define OSKR_NATIVE_UDP_PEERS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../oskr_native.h"
#include "native_test.h"

#define LOOPBACK 0x7f000001u
#define KIND 1u

// The ids of message i, with its payload behind them.
static inline const uint8_t *bytes_of(struct oskr_udp *to, uint32_t i) {
  struct oskr_udp_region *region = oskr_udp_map(to);
  return region->slots + region->rx_offset[i];
}

static inline uint32_t port_of(const struct oskr_udp *udp) { return (uint32_t)oskr_udp_port(udp); }

// Packet i, of `length` bytes with its kind; all but that are i + 1.
static inline void queue(struct oskr_udp *from, uint32_t i, uint8_t kind, uint32_t length,
                         uint32_t port) {
  struct oskr_udp_region *region = oskr_udp_map(from);
  uint32_t slot_size = region->slot_size;
  uint8_t *slot = oskr_udp_tx(region) + i * slot_size;
  region->tx_offset[i] = i * slot_size;
  region->tx_length[i] = length;
  region->tx_ip[i] = LOOPBACK;
  region->tx_port[i] = port;
  memset(slot, (int)(i + 1), slot_size);
  slot[0] = kind;
}

static inline void queue_message(struct oskr_udp *from, uint32_t i, uint32_t length,
                                 uint32_t port) {
  queue(from, i, OSKR_PACKET_MESSAGE, length, port);
}

static inline void queue_part(struct oskr_udp *from, uint32_t i, uint32_t length, uint32_t port) {
  queue(from, i, OSKR_PACKET_PART, length, port);
}

// A socket that sends and receives datagrams as they are.
struct stranger {
  int socket;
  uint32_t port;
};

static inline struct stranger open_stranger(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(LOOPBACK)};
  socklen_t length = sizeof address;
  int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  CHECK(bind(udp, (struct sockaddr *)&address, length) == 0);
  CHECK(getsockname(udp, (struct sockaddr *)&address, &length) == 0);
  return (struct stranger){udp, ntohs(address.sin_port)};
}

static inline void send_as_it_is(struct stranger from, const uint8_t *bytes, size_t length,
                                 struct oskr_udp *to) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(LOOPBACK),
                                .sin_port = htons((uint16_t)port_of(to))};
  ssize_t sent = sendto(from.socket, bytes, length, 0, (struct sockaddr *)&address, sizeof address);
  CHECK(sent == (ssize_t)length);
}

// The lengths of the datagrams that wait for a stranger.
static inline uint32_t lengths_at(struct stranger to, ssize_t lengths[], uint32_t count_max) {
  static uint8_t datagram[UINT16_MAX];
  uint32_t count = 0;
  while (count < count_max && (lengths[count] = recv(to.socket, datagram, sizeof datagram, 0)) >= 0)
    count++;
  return count;
}

#endif
