// DPDK for a caller that pays per call and per object: ports, and bursts of packets through memory
// that both sides map. Every function is called from one thread, returns 0 or more, or a negative
// errno, and after a failure leaves a line of text in oskr_dpdk_text().
//
// A frame is: destination MAC, source MAC, Ethernet type (88d5 a message, 88d6 a part of one),
// three id bytes, payload, padding, and one byte that counts the padding. Wires have frames of 60
// bytes at least and stretch shorter ones, so that without the count a short message would arrive
// with a tail of zeros.
//
// Messages for one host that are sent together share frames (88d7): destination MAC, source MAC,
// Ethernet type, the messages as joined.h says, padding and its count. Whoever receives gets them
// one by one, each as if it had come in a frame of its own.
#ifndef OSKR_DPDK_H
#define OSKR_DPDK_H

#include <stddef.h>
#include <stdint.h>

#include "joined.h"

// Raised whenever something below changes; src/ffi/dpdk.ts refuses a library with another one.
#define OSKR_DPDK_VERSION 12

#define OSKR_TEXT_SIZE 16384
// As many as DPDK is compiled for.
#define OSKR_PORTS_MAX 32

#define OSKR_BURST 64
#define OSKR_ENTRIES_MAX 256

#define OSKR_ETHER_MESSAGE 0x88d5
#define OSKR_ETHER_FRAGMENT 0x88d6
#define OSKR_ETHER_JOINED 0x88d7
#define OSKR_HEADER_SIZE 17
#define OSKR_FRAME_MIN 60
// Of networks with jumbo frames.
#define OSKR_MTU_MAX 9000

// The longest frame of a network with that MTU, and the longest payload in it.
static inline uint32_t oskr_frame_max(uint32_t mtu) {
  return OSKR_HEADER_SIZE - OSKR_IDS_SIZE + mtu;
}
static inline uint32_t oskr_payload_max(uint32_t mtu) {
  return oskr_frame_max(mtu) - OSKR_HEADER_SIZE - 1;
}

// One message to send, or part of one: where to, and which slot holds its payload. Several may
// share a slot.
struct oskr_entry {
  uint8_t destination[6];
  uint8_t ether_type[2];
  uint8_t ids[3];
  uint8_t unused;
  uint16_t slot;
  uint16_t length;
};

// Of a port, since it was opened; doubles, because those are what JavaScript reads without a
// BigInt.
struct oskr_statistics {
  double received;  // frames, by the driver's count
  double sent;
  double received_bytes;
  double sent_bytes;
  double missed;       // lost for want of room: in the receive ring, or of buffers
  double errors;       // of those that came
  double foreign;      // frames of another Ethernet type
  double malformed;    // frames that are too short, too long, padded or divided wrongly
  double unsent;       // messages that found no room in the send ring, or the link down
  double send_errors;  // frames that the driver could not send
  double too_long;     // messages in frames that are longer than oskr_dpdk_mtu allows
};

// What a port shares with its caller. The send slots hold payloads, the receive slots whole frames
// of one message.
struct oskr_region {
  uint32_t lengths[OSKR_BURST];  // of received frames, without padding: 17 at least
  struct oskr_entry entries[OSKR_ENTRIES_MAX];
  double time_ns;    // of the last receive, by CLOCK_MONOTONIC
  uint32_t link_up;  // refreshed by receive while nothing comes
  uint8_t mac[6];
  uint16_t unused;
  struct oskr_statistics statistics;
  uint32_t slot_size;  // as oskr_slot_size says of the MTU; written by oskr_dpdk_open
  uint8_t unused_too[3724];
  uint8_t slots[];  // OSKR_BURST to send from, then as many for what came
};

// Bytes of the region, and the slots in it.
static inline size_t oskr_region_size(uint32_t slot_size) {
  return sizeof(struct oskr_region) + 2 * (size_t)OSKR_BURST * slot_size;
}
static inline uint8_t *oskr_send_slot(struct oskr_region *region, uint32_t i) {
  return region->slots + i * region->slot_size;
}
static inline uint8_t *oskr_receive_slot(struct oskr_region *region, uint32_t i) {
  return region->slots + (OSKR_BURST + i) * region->slot_size;
}

uint32_t oskr_dpdk_version(void);
// The release of DPDK that is linked in, such as "DPDK 22.11.5".
const char *oskr_dpdk_release(void);
// OSKR_TEXT_SIZE bytes, zero-terminated: arguments go in, the text of the last error comes out.
char *oskr_dpdk_text(void);

// Starts EAL, once a process, with the arguments in the text, one a line and without a program
// name. The calling thread keeps its processors. EAL is silent unless told otherwise by
// --log-level. Returns the number of ports, which may be fewer than were asked for: the text says
// why then, in the words of drivers.
int32_t oskr_dpdk_start(void);
// Closes all ports; EAL itself ends with the process.
int32_t oskr_dpdk_stop(void);

// Flags of oskr_dpdk_open: what the port receives besides frames to its own address.
#define OSKR_OPEN_PROMISCUOUS 1
#define OSKR_OPEN_ALL_MULTICAST 2
// Configures and starts a port with one queue each way, for frames of `mtu`, OSKR_MTU to
// OSKR_MTU_MAX; -EINVAL or what the driver says if it cannot. A memif client need not have a server
// yet.
int32_t oskr_dpdk_open(uint32_t port, uint32_t flags, uint32_t mtu);
int32_t oskr_dpdk_close(uint32_t port);
// Null if the port is not open.
struct oskr_region *oskr_dpdk_region(uint32_t port);
// Takes the address in region->mac; -ENOTSUP if the driver cannot, and region->mac is as before.
int32_t oskr_dpdk_set_mac(uint32_t port);
// The NUMA node (DPDK's socket) that the port's device is on; -ENOENT if it is on none.
int32_t oskr_dpdk_numa_node(uint32_t port);
// From here on frames whose part behind the Ethernet header is longer are counted and go nowhere:
// for an interface whose driver takes them and sends none.
int32_t oskr_dpdk_mtu(uint32_t port, uint32_t mtu);
// 1 if the link is up. A memif client whose server is not there tries again when asked this.
int32_t oskr_dpdk_link(uint32_t port);
struct oskr_doorbell;
// Has sends ring this doorbell, that of whoever is at the other end.
int32_t oskr_dpdk_doorbell(uint32_t port, struct oskr_doorbell *doorbell);
// Brings region->statistics up to date.
int32_t oskr_dpdk_statistics(uint32_t port);

// Fills up to OSKR_BURST receive slots, their lengths, and time_ns; returns how many. More may be
// at hand if that is OSKR_BURST.
int32_t oskr_dpdk_receive(uint32_t port);
// Sends the first `count` entries; returns how many left. When the send ring is full it yields to
// the receiver for up to 20 ms, then gives up the rest, counts them, and does not wait again until
// the ring takes packets.
int32_t oskr_dpdk_send(uint32_t port, uint32_t count);

// The yardstick of `bench echo`: answers messages of one kind until *stop. A request whose payload
// starts with `request_kind` goes back with `reply_kind`, then `keep` bytes of the request's
// payload from `keep_from`, then `zeros` zero bytes. Returns the number of replies, as far as it
// fits.
//
// A request may come in parts: part_kind, the message's number (8 bytes), more up to part_header
// bytes, of which the last eight are this part's index, the count of parts (2 bytes each, the
// highest first) and something else; then data. Their bytes are copied once, as whoever executes a
// request has to.
#define OSKR_ECHO_HEAD 64
struct oskr_echo {
  uint32_t request_kind;
  uint32_t reply_kind;
  uint32_t keep_from;
  uint32_t keep;
  uint32_t zeros;
  uint32_t part_kind;
  uint32_t part_header;  // 0: no parts are taken
};
// `echo` may lie in oskr_dpdk_text().
int32_t oskr_dpdk_echo(uint32_t port, const struct oskr_echo *echo, const volatile uint32_t *stop);

#endif
