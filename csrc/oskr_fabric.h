// A small layer-2 switch of DPDK ports, one to each process. Ports of replicas know their address
// beforehand, the others learn those that frames come from. It can lose, delay, reorder, repeat and
// alter frames. Errors are reported as in oskr_dpdk.h, which starts EAL; its ports are 0, 1, ...
#ifndef OSKR_FABRIC_H
#define OSKR_FABRIC_H

#include "oskr_dpdk.h"

// Frames, counted for one port.
struct oskr_fabric_counts {
  double received;    // came in here
  double sent;        // left here, twice if repeated
  double unknown;     // came in for an address that no other port has
  double malformed;   // came in shorter than a header, or from a group address
  double full;        // should have left here, but too many waited already
  double down;        // should have left here, but nobody was connected
  double dropped;     // should have left here, but was lost on purpose
  double duplicated;  // left here once more on purpose
  double reordered;   // was held back on purpose
  double corrupted;   // left here with one bit flipped on purpose
  double congested;   // should have entered or left here, but the link was too far behind
};

struct oskr_fabric_port {
  uint8_t mac[6];  // the replica's; zeros where clients come and addresses are learned
  uint16_t unused;
  struct oskr_fabric_counts counts;
};

// What frames meet on their way from one port to another, beside what all of them do.
struct oskr_fabric_path {
  double delay_us;
  double jitter_us;  // at most so much later, drawn evenly; frames of one path stay in order
  double loss;       // a share of 1
};

// Written by the caller before oskr_fabric_open; counts by the fabric.
struct oskr_fabric {
  double drop;  // the four rates are of 1, for each frame and each port it leaves by
  double duplicate;
  double reorder;
  double corrupt;   // behind the Ethernet header
  double delay_us;  // between coming in and leaving
  double seed;      // an integer; the same dice for the same frames in the same order
  uint32_t port_count;
  uint8_t group[6];  // goes to the replicas; zeros if there is none
  uint16_t mtu;      // of its network, as of oskr_dpdk_open
  struct oskr_fabric_port ports[OSKR_PORTS_MAX];
  double bandwidth_gbps;  // of the link of each port, in each direction; 0: without bound
  struct oskr_fabric_path paths[OSKR_PORTS_MAX][OSKR_PORTS_MAX];  // from, to
  // Of the sequencer that the fabric is (dpdk/sequencer.h), what it stamps goes to all replicas;
  // zeros: it is none.
  uint8_t sequencer[6];
  uint16_t unused_too;
  double incarnation;  // an integer below 2^48, another one each time
  double sequenced;    // frames that it stamped or answered; counted by the fabric
};

// The one fabric of this process.
struct oskr_fabric *oskr_fabric(void);
int32_t oskr_fabric_open(void);
// The fabric's own doorbell, with which it sleeps while nothing comes (without one it spins), and
// those of the processes at its ports. `port` below port_count.
void oskr_fabric_doorbell(struct oskr_doorbell *doorbell);
int32_t oskr_fabric_port_doorbell(uint32_t port, struct oskr_doorbell *doorbell);
// Forwards until *stop, or for `seconds` if that is above 0, but a turn at least. What waits stays
// for the next run.
int32_t oskr_fabric_run(const volatile uint32_t *stop, double seconds);
int32_t oskr_fabric_close(void);

#endif
