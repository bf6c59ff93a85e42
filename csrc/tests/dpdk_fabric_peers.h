// A fabric and its peers in one process, each pair of ports joined by a memif, so that a case
// forwards only when it says so.
#ifndef OSKR_DPDK_FABRIC_PEERS_H
#define OSKR_DPDK_FABRIC_PEERS_H

#include "dpdk_test.h"

#define FABRIC_PORTS 4
#define REPLICAS 2
#define GROUP 0xe0
#define BROADCAST 0xff
#define STRANGER 0x77

extern struct oskr_region *peers[FABRIC_PORTS];

// The device of one end of a memif, whose MAC address ends in `mac`.
void describe(char *text, size_t size, uint32_t index, const char *role, uint32_t socket,
              uint8_t mac);
// Replicas 1 and 2 on ports 0 and 1, clients 3 and 4 on ports 2 and 3.
void configure(uint32_t ports);
// Has the fabric forward for so long.
void run_for(double seconds);
// Waits until all peers, whose ports are open, are connected to the fabric, which is open as well.
void connect_peers(void);
// Starts fabric and peers in this process, and connects them.
void start_all(void);
// Peer `from` (0..3) sends one message whose payload is `number` to the MAC address ending in `to`.
void send_number(uint32_t from, uint8_t to, uint32_t number);
// The payload of frame `index` of the last burst that the peer received.
uint32_t number_at(uint32_t peer, uint32_t index);
// Peer `at` received exactly this number, or nothing if it is negative.
void expect(uint32_t at, int64_t number);
// The same of all peers, once the fabric has forwarded for a millisecond.
void expect_all(const int64_t numbers[FABRIC_PORTS]);

#endif
