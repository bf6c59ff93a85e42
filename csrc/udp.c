// Bursts of datagrams on one non-blocking socket, over memory that JavaScript maps.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "oskr_native.h"
#include "region.h"

_Static_assert(offsetof(struct oskr_udp_region, rx) == 4096, "layout of native.ts");
_Static_assert(offsetof(struct oskr_udp_region, tx) == 4096 + 131072, "layout of native.ts");

// What is asked for; the kernel gives what net.core.rmem_max and wmem_max allow.
#define SOCKET_BUFFER_BYTES (8 * 1024 * 1024)

struct oskr_udp {
  struct oskr_udp_region *region;
  int socket;
  int32_t port;
  struct mmsghdr rx[OSKR_BURST];
  struct iovec rx_slot[OSKR_BURST];
  struct sockaddr_in rx_from[OSKR_BURST];
  struct mmsghdr tx[OSKR_BURST];
  struct iovec tx_slot[OSKR_BURST];
  struct sockaddr_in tx_to[OSKR_BURST];
};

static void prepare(struct oskr_udp *udp) {
  for (uint32_t i = 0; i < OSKR_BURST; i++) {
    udp->rx_slot[i] = (struct iovec){udp->region->rx + i * OSKR_SLOT, OSKR_SLOT};
    udp->rx[i].msg_hdr.msg_iov = &udp->rx_slot[i];
    udp->rx[i].msg_hdr.msg_iovlen = 1;
    udp->rx[i].msg_hdr.msg_name = &udp->rx_from[i];
    udp->tx[i].msg_hdr.msg_iov = &udp->tx_slot[i];
    udp->tx[i].msg_hdr.msg_iovlen = 1;
    udp->tx[i].msg_hdr.msg_name = &udp->tx_to[i];
    udp->tx[i].msg_hdr.msg_namelen = sizeof udp->tx_to[i];
    udp->tx_to[i].sin_family = AF_INET;
  }
}

static int bind_socket(struct oskr_udp *udp, uint32_t ip, uint32_t port) {
  udp->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (udp->socket < 0) return errno;
  int bytes = SOCKET_BUFFER_BYTES;
  // The privileged form ignores the limits; without the privilege the plain one is the best there
  // is.
  if (setsockopt(udp->socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    setsockopt(udp->socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  if (setsockopt(udp->socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
    setsockopt(udp->socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(ip)};
  if (bind(udp->socket, (struct sockaddr *)&address, sizeof address) != 0) return errno;
  socklen_t length = sizeof address;
  if (getsockname(udp->socket, (struct sockaddr *)&address, &length) != 0) return errno;
  udp->port = ntohs(address.sin_port);
  return 0;
}

struct oskr_udp *oskr_udp_open(uint32_t ip, uint32_t port) {
  if (port > UINT16_MAX) return oskr_fail(EINVAL);
  struct oskr_udp *udp = oskr_region_map(sizeof *udp);
  if (udp == NULL) return NULL;
  udp->socket = -1;
  udp->region = oskr_region_map(sizeof *udp->region);
  int error = udp->region == NULL ? -oskr_error() : bind_socket(udp, ip, port);
  if (error != 0) {
    oskr_udp_close(udp);
    return oskr_fail(error);
  }
  prepare(udp);
  return udp;
}

void oskr_udp_close(struct oskr_udp *udp) {
  if (udp->socket >= 0) close(udp->socket);
  oskr_region_unmap(udp->region, sizeof *udp->region);
  oskr_region_unmap(udp, sizeof *udp);
}

struct oskr_udp_region *oskr_udp_map(struct oskr_udp *udp) {
  return udp->region;
}

int32_t oskr_udp_port(const struct oskr_udp *udp) { return udp->port; }

int32_t oskr_udp_socket(const struct oskr_udp *udp) { return udp->socket; }

int32_t oskr_udp_receive(struct oskr_udp *udp) {
  struct oskr_udp_region *region = udp->region;
  for (uint32_t i = 0; i < OSKR_BURST; i++) {
    udp->rx[i].msg_hdr.msg_namelen = sizeof udp->rx_from[i];
  }
  // With MSG_TRUNC the length is that of the datagram, so that one that was cut can be told.
  int count = recvmmsg(udp->socket, udp->rx, OSKR_BURST, MSG_DONTWAIT | MSG_TRUNC, NULL);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    region->rx_length[i] = udp->rx[i].msg_len;
    region->rx_ip[i] = ntohl(udp->rx_from[i].sin_addr.s_addr);
    region->rx_port[i] = ntohs(udp->rx_from[i].sin_port);
  }
  return count;
}

// Takes the description of packet i from shared memory once, and checks it before it is used.
static int32_t describe(struct oskr_udp *udp, uint32_t i) {
  const volatile struct oskr_udp_region *region = udp->region;
  uint32_t offset = region->tx_offset[i];
  uint32_t length = region->tx_length[i];
  uint32_t port = region->tx_port[i];
  if (offset > sizeof region->tx || length > sizeof region->tx - offset) return -EINVAL;
  if (port == 0 || port > UINT16_MAX) return -EINVAL;
  udp->tx_slot[i] = (struct iovec){udp->region->tx + offset, length};
  udp->tx_to[i].sin_addr.s_addr = htonl(region->tx_ip[i]);
  udp->tx_to[i].sin_port = htons((uint16_t)port);
  return 0;
}

int32_t oskr_udp_send(struct oskr_udp *udp, uint32_t count) {
  if (count > OSKR_BURST) return -EINVAL;
  int32_t *status = udp->region->tx_status;
  for (uint32_t i = 0; i < count; i++) status[i] = describe(udp, i);
  int32_t left = 0;
  for (uint32_t i = 0; i < count;) {
    uint32_t run = i;
    while (run < count && status[run] == 0) run++;
    if (run == i) {
      i++;
      continue;
    }
    int sent = sendmmsg(udp->socket, udp->tx + i, run - i, MSG_DONTWAIT);
    if (sent > 0) {
      i += (uint32_t)sent;
      left += sent;
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      for (; i < count; i++) {
        if (status[i] == 0) status[i] = -EAGAIN;
      }
    } else if (errno != EINTR) {
      status[i++] = -errno;
    }
  }
  return left;
}
