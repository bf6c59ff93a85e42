// Bursts of datagrams on one non-blocking socket, over memory that JavaScript maps.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "oskr_native.h"
#include "region.h"

_Static_assert(offsetof(struct oskr_udp_region, slot_size) == 2568, "layout of native.ts");
_Static_assert(offsetof(struct oskr_udp_region, slots) == 4096, "layout of native.ts");
_Static_assert(sizeof(struct oskr_udp_region) == 4096, "layout of native.ts");

// What is asked for; the kernel gives what net.core.rmem_max and wmem_max allow.
#define SOCKET_BUFFER_BYTES (8 * 1024 * 1024)

// Bytes of a message before its ids: those of a joined one come without it.
#define KIND 1u
#define IDS OSKR_IDS_SIZE

// Datagrams of one length to one host, of which only the last may be shorter, cross the kernel
// together, which divides them at the end of its path (UDP_SEGMENT; udp(7)). Linux before 6.x takes
// no more than that, and as many bytes as fit one datagram.
#define RUN_MAX 64
#define RUN_BYTES_MAX 65507u

// On its way out: one packet, or several messages that share it.
struct datagram {
  // The kind, the packets, the trailer. One packet alone needs the second only.
  struct iovec parts[1 + OSKR_JOINED_MAX + 1];
  struct oskr_trailer trailer;
  uint32_t length;  // of the packets, those that share it without their kind
  bool joinable;
  int32_t status;
};

// Where the kernel says how many datagrams it had dropped when it took this one.
union control {
  struct cmsghdr header;
  uint8_t bytes[CMSG_SPACE(sizeof(uint32_t))];
};

// Says how long each datagram of a run is.
union segments {
  struct cmsghdr header;
  uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
};

// Datagrams that are sent by one call, and where they are in `run_datagram` and `run_part`.
struct run {
  uint32_t first, count, bytes;
  union segments control;
};

struct oskr_udp {
  struct oskr_udp_region *region;
  uint8_t *tx_slots;  // in the region
  uint32_t slot_size;
  uint32_t datagram_max;
  int socket;
  int32_t port;
  bool whole;  // datagrams are handed over and sent as they are
  struct mmsghdr rx[OSKR_BURST];
  struct iovec rx_slot[OSKR_BURST];
  struct sockaddr_in rx_from[OSKR_BURST];
  union control rx_control[OSKR_BURST];
  uint32_t rx_dropped;           // datagrams that the kernel dropped so far, modulo 2^32
  uint32_t rx_count;             // datagrams of the last burst
  uint32_t rx_next;              // the first of them that was not handed over whole
  struct oskr_joined rx_joined;  // what is left of it; nothing: it was not looked at yet
  struct datagram tx_datagram[OSKR_BURST];
  struct sockaddr_in tx_to[OSKR_BURST];
  uint32_t tx_count;
  uint8_t tx_of[OSKR_BURST];      // the datagram that a packet is in
  bool tx_taken[OSKR_BURST];      // whether a datagram is in a run
  struct mmsghdr tx[OSKR_BURST];  // of each run
  struct run runs[OSKR_BURST];
  uint8_t run_datagram[OSKR_BURST];
  struct iovec run_part[OSKR_BURST];
  bool divides;  // the kernel divides runs
};

static void prepare(struct oskr_udp *udp) {
  for (uint32_t i = 0; i < OSKR_BURST; i++) {
    udp->rx_slot[i] = (struct iovec){udp->region->slots + i * udp->slot_size, udp->slot_size};
    udp->rx[i].msg_hdr.msg_iov = &udp->rx_slot[i];
    udp->rx[i].msg_hdr.msg_iovlen = 1;
    udp->rx[i].msg_hdr.msg_name = &udp->rx_from[i];
    udp->rx[i].msg_hdr.msg_control = &udp->rx_control[i];
  }
  int none;
  socklen_t length = sizeof none;
  udp->divides = getsockopt(udp->socket, SOL_UDP, UDP_SEGMENT, &none, &length) == 0;
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
  int on = 1;
  if (setsockopt(udp->socket, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) != 0) return errno;
  if (bind(udp->socket, (struct sockaddr *)&address, sizeof address) != 0) return errno;
  socklen_t length = sizeof address;
  if (getsockname(udp->socket, (struct sockaddr *)&address, &length) != 0) return errno;
  udp->port = ntohs(address.sin_port);
  return 0;
}

struct oskr_udp *oskr_udp_open(uint32_t ip, uint32_t port, uint32_t mtu) {
  if (port > UINT16_MAX || mtu < OSKR_MTU || mtu > OSKR_UDP_MTU_MAX) return oskr_fail(EINVAL);
  struct oskr_udp *udp = oskr_region_map(sizeof *udp);
  if (udp == NULL) return NULL;
  udp->socket = -1;
  udp->slot_size = oskr_slot_size(mtu);
  udp->datagram_max = mtu - OSKR_UDP_HEADERS;
  udp->region = oskr_region_map(oskr_udp_region_size(udp->slot_size));
  int error = udp->region == NULL ? -oskr_error() : bind_socket(udp, ip, port);
  if (error != 0) {
    oskr_udp_close(udp);
    return oskr_fail(error);
  }
  udp->region->slot_size = udp->slot_size;
  udp->tx_slots = oskr_udp_tx(udp->region);
  prepare(udp);
  return udp;
}

void oskr_udp_close(struct oskr_udp *udp) {
  if (udp->socket >= 0) close(udp->socket);
  oskr_region_unmap(udp->region, oskr_udp_region_size(udp->slot_size));
  oskr_region_unmap(udp, sizeof *udp);
}

struct oskr_udp_region *oskr_udp_map(struct oskr_udp *udp) {
  return udp->region;
}

void oskr_udp_whole(struct oskr_udp *udp) { udp->whole = true; }

int32_t oskr_udp_port(const struct oskr_udp *udp) { return udp->port; }

int32_t oskr_udp_socket(const struct oskr_udp *udp) { return udp->socket; }

// Takes from the newest datagram how many the kernel had dropped by then, if it says so.
static void count_dropped(struct oskr_udp *udp, struct msghdr *newest) {
  const struct cmsghdr *control = CMSG_FIRSTHDR(newest);
  if (control == NULL || control->cmsg_level != SOL_SOCKET) return;
  if (control->cmsg_type != SO_RXQ_OVFL) return;
  uint32_t dropped;
  memcpy(&dropped, CMSG_DATA(control), sizeof dropped);
  udp->region->rx_dropped = dropped - udp->rx_dropped;
  udp->rx_dropped = dropped;
}

// Reads datagrams, up to a burst; returns how many, or a negative errno.
static int32_t read_burst(struct oskr_udp *udp) {
  for (uint32_t i = 0; i < OSKR_BURST; i++) {
    udp->rx[i].msg_hdr.msg_namelen = sizeof udp->rx_from[i];
    udp->rx[i].msg_hdr.msg_controllen = sizeof udp->rx_control[i];
  }
  // With MSG_TRUNC the length is that of the datagram, so that one that was cut can be told.
  int count = recvmmsg(udp->socket, udp->rx, OSKR_BURST, MSG_DONTWAIT | MSG_TRUNC, NULL);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  udp->rx_count = (uint32_t)count;
  udp->rx_next = 0;
  if (count > 0) count_dropped(udp, &udp->rx[count - 1].msg_hdr);
  return count;
}

// Looks at the next datagram, whose messages are in rx_joined then; false if it is malformed.
static bool open_datagram(struct oskr_udp *udp) {
  uint8_t *bytes = udp->region->slots + udp->rx_next * udp->slot_size;
  uint32_t length = udp->rx[udp->rx_next].msg_len;
  if (udp->whole) {
    if (length == 0 || length > udp->slot_size) return false;
    oskr_joined_one(&udp->rx_joined, bytes, (uint16_t)length);
    return true;
  }
  if (length < KIND + IDS || length > udp->slot_size) return false;
  switch (bytes[0]) {
    case OSKR_PACKET_MESSAGE:
    case OSKR_PACKET_PART:
      oskr_joined_one(&udp->rx_joined, bytes + KIND, (uint16_t)(length - KIND));
      return true;
    case OSKR_PACKET_JOINED:
      return oskr_joined_open(&udp->rx_joined, bytes + KIND, length - KIND);
    default:
      return false;
  }
}

// Hands over the next message of the datagram as number i.
static void hand_over(struct oskr_udp *udp, uint32_t i) {
  struct oskr_udp_region *region = udp->region;
  const struct sockaddr_in *from = &udp->rx_from[udp->rx_next];
  uint8_t *message;
  region->rx_length[i] = oskr_joined_next(&udp->rx_joined, &message);
  region->rx_offset[i] = (uint32_t)(message - region->slots);
  region->rx_part[i] = region->slots[udp->rx_next * udp->slot_size] == OSKR_PACKET_PART;
  region->rx_ip[i] = ntohl(from->sin_addr.s_addr);
  region->rx_port[i] = ntohs(from->sin_port);
  if (udp->rx_joined.left == 0) udp->rx_next++;
}

int32_t oskr_udp_receive(struct oskr_udp *udp) {
  udp->region->rx_malformed = 0;
  udp->region->rx_dropped = 0;
  if (udp->rx_next == udp->rx_count) {
    int32_t count = read_burst(udp);
    if (count <= 0) return count;
  }
  uint32_t messages = 0;
  while (messages < OSKR_BURST && udp->rx_next < udp->rx_count) {
    if (udp->rx_joined.left > 0 || open_datagram(udp)) {
      hand_over(udp, messages++);
    } else {
      udp->region->rx_malformed++;
      udp->rx_next++;
    }
  }
  return (int32_t)messages;
}

static bool same_host(const struct sockaddr_in *a, const struct sockaddr_in *b) {
  return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

// The datagram that a message joins: the newest one for its address, if that has room; or NULL.
static struct datagram *joinable(struct oskr_udp *udp, const struct sockaddr_in *to,
                                 uint32_t length) {
  uint32_t oldest = udp->tx_count > OSKR_JOIN_AMONG ? udp->tx_count - OSKR_JOIN_AMONG : 0;
  for (uint32_t k = udp->tx_count; k-- > oldest;) {
    struct datagram *datagram = &udp->tx_datagram[k];
    if (!same_host(&udp->tx_to[k], to) || !datagram->joinable) continue;
    uint32_t whole = KIND + datagram->length + length;
    return oskr_trailer_fits(&datagram->trailer, whole, udp->datagram_max) ? datagram : NULL;
  }
  return NULL;
}

// Takes the description of packet i from shared memory once, checks it, and gives it its datagram.
static int32_t place(struct oskr_udp *udp, uint32_t i) {
  const volatile struct oskr_udp_region *region = udp->region;
  uint32_t offset = region->tx_offset[i];
  uint32_t length = region->tx_length[i];
  uint32_t port = region->tx_port[i];
  uint32_t end = OSKR_BURST * udp->slot_size;
  if (offset > end || length > end - offset) return -EINVAL;
  if (port == 0 || port > UINT16_MAX) return -EINVAL;
  uint8_t *bytes = udp->tx_slots + offset;
  bool message = !udp->whole && length >= KIND + IDS && bytes[0] == OSKR_PACKET_MESSAGE;
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(region->tx_ip[i])};
  struct datagram *datagram = message ? joinable(udp, &to, length - KIND) : NULL;
  if (datagram == NULL) {
    datagram = &udp->tx_datagram[udp->tx_count];
    udp->tx_to[udp->tx_count++] = to;
    datagram->trailer.messages = 0;
    datagram->length = 0;
    datagram->joinable = message;
  }
  uint32_t kind = message ? KIND : 0;
  uint32_t packets = datagram->trailer.messages;
  datagram->parts[1 + packets] = (struct iovec){bytes + kind, length - kind};
  // What is too long for a length of two bytes has its datagram to itself, which has no trailer.
  oskr_trailer_add(&datagram->trailer, length - kind);
  datagram->length += length - kind;
  udp->tx_of[i] = (uint8_t)(datagram - udp->tx_datagram);
  return 0;
}

// Completes a datagram that messages may share; returns how many of its parts are to be sent.
static uint32_t finish(struct datagram *datagram) {
  static uint8_t joined = OSKR_PACKET_JOINED;
  static uint8_t message = OSKR_PACKET_MESSAGE;
  uint32_t packets = datagram->trailer.messages;
  datagram->parts[0] = (struct iovec){packets > 1 ? &joined : &message, KIND};
  if (packets <= 1) return 1 + packets;
  uint32_t trailer_length = oskr_trailer_end(&datagram->trailer);
  datagram->parts[1 + packets] = (struct iovec){datagram->trailer.bytes, trailer_length};
  return 1 + packets + 1;
}

static void add(struct oskr_udp *udp, struct run *run, uint32_t k) {
  uint32_t at = run->first + run->count++;
  udp->tx_taken[k] = true;
  udp->run_datagram[at] = (uint8_t)k;
  udp->run_part[at] = udp->tx_datagram[k].parts[1];
  run->bytes += udp->tx_datagram[k].length;
}

// Adds to a run that begins with datagram k, a part, the next ones to that host, as far as they
// fit.
static void extend(struct oskr_udp *udp, struct run *run, uint32_t k) {
  uint32_t length = udp->tx_datagram[k].length;
  uint32_t last = length;
  if (!udp->divides || length == 0) return;
  for (uint32_t i = k + 1; i < udp->tx_count && run->count < RUN_MAX && last == length; i++) {
    const struct datagram *next = &udp->tx_datagram[i];
    if (udp->tx_taken[i] || !same_host(&udp->tx_to[i], &udp->tx_to[k])) continue;
    if (next->joinable || next->length == 0 || next->length > length) return;
    if (run->bytes + next->length > RUN_BYTES_MAX) return;
    last = next->length;
    add(udp, run, i);
  }
}

// Has the kernel divide what a run's header sends.
static void divide(struct msghdr *header, struct run *run, uint16_t length) {
  header->msg_control = &run->control;
  header->msg_controllen = sizeof run->control;
  struct cmsghdr *control = CMSG_FIRSTHDR(header);
  control->cmsg_level = SOL_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof length);
  memcpy(CMSG_DATA(control), &length, sizeof length);
}

// Makes the run that begins with datagram k and has the places from `first` on.
static void gather(struct oskr_udp *udp, struct run *run, uint32_t k, uint32_t first) {
  struct datagram *datagram = &udp->tx_datagram[k];
  struct msghdr *header = &udp->tx[run - udp->runs].msg_hdr;
  *run = (struct run){.first = first};
  *header = (struct msghdr){.msg_name = &udp->tx_to[k], .msg_namelen = sizeof udp->tx_to[k]};
  add(udp, run, k);
  if (datagram->joinable) {
    header->msg_iov = datagram->parts;
    header->msg_iovlen = finish(datagram);
    return;
  }
  extend(udp, run, k);
  header->msg_iov = udp->run_part + first;
  header->msg_iovlen = run->count;
  if (run->count > 1) divide(header, run, (uint16_t)datagram->length);
}

static void note(struct oskr_udp *udp, const struct run *run, int32_t status) {
  for (uint32_t i = run->first; i < run->first + run->count; i++)
    udp->tx_datagram[udp->run_datagram[i]].status = status;
}

// Sends the datagrams of a run by themselves, from now on as well: an interface refuses to divide
// if it does not compute checksums.
static void send_apart(struct oskr_udp *udp, const struct run *run) {
  udp->divides = false;
  for (uint32_t i = run->first; i < run->first + run->count; i++) {
    struct datagram *datagram = &udp->tx_datagram[udp->run_datagram[i]];
    const struct sockaddr_in *to = &udp->tx_to[udp->run_datagram[i]];
    const struct iovec *part = &udp->run_part[i];
    ssize_t sent;
    do {
      sent = sendto(udp->socket, part->iov_base, part->iov_len, MSG_DONTWAIT,
                    (const struct sockaddr *)to, sizeof *to);
    } while (sent < 0 && errno == EINTR);
    datagram->status = sent >= 0 ? 0 : errno == ENOBUFS ? -EAGAIN : -errno;
  }
}

// Sends the datagrams that were placed, and notes what became of each.
static void push(struct oskr_udp *udp) {
  uint32_t runs = 0;
  uint32_t places = 0;
  memset(udp->tx_taken, 0, sizeof udp->tx_taken);
  for (uint32_t k = 0; k < udp->tx_count; k++) {
    if (udp->tx_taken[k]) continue;
    gather(udp, &udp->runs[runs], k, places);
    places += udp->runs[runs++].count;
  }
  for (uint32_t r = 0; r < runs;) {
    int sent = sendmmsg(udp->socket, udp->tx + r, runs - r, MSG_DONTWAIT);
    if (sent > 0) {
      for (int i = 0; i < sent; i++) note(udp, &udp->runs[r++], 0);
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      while (r < runs) note(udp, &udp->runs[r++], -EAGAIN);
    } else if (errno != EINTR && udp->runs[r].count > 1) {
      send_apart(udp, &udp->runs[r++]);
    } else if (errno != EINTR) {
      note(udp, &udp->runs[r++], -errno);
    }
  }
}

int32_t oskr_udp_send(struct oskr_udp *udp, uint32_t count) {
  if (count > OSKR_BURST) return -EINVAL;
  int32_t *status = udp->region->tx_status;
  udp->tx_count = 0;
  for (uint32_t i = 0; i < count; i++) status[i] = place(udp, i);
  push(udp);
  int32_t left = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (status[i] == 0) status[i] = udp->tx_datagram[udp->tx_of[i]].status;
    if (status[i] == 0) left++;
  }
  return left;
}
