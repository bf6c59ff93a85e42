// See dpdk_fabric_peers.h.
#define _GNU_SOURCE
#include "dpdk_fabric_peers.h"

#include <string.h>
#include <unistd.h>

struct oskr_region *peers[FABRIC_PORTS];

void describe(char *text, size_t size, uint32_t index, const char *role, uint32_t socket,
              uint8_t mac) {
  // Spelt otherwise by the client, because one process cannot have both ends of one path.
  const char *detour = strcmp(role, "client") == 0 ? "./" : "";
  snprintf(text, size,
           "net_memif%u,role=%s,socket=%s/%sport%u,socket-abstract=no,mac=12:34:56:00:00:%02x",
           index, role, directory, detour, socket, mac);
}

// Replicas 1 and 2 on ports 0 and 1, clients 3 and 4 on ports 2 and 3.
void configure(uint32_t ports) {
  struct oskr_fabric *fabric = oskr_fabric();
  fabric->port_count = ports;
  fabric->mtu = OSKR_MTU;
  fabric->seed = 42;
  mac_of(fabric->group, GROUP);
  fabric->group[0] |= 1;
  for (uint32_t p = 0; p < REPLICAS; p++) mac_of(fabric->ports[p].mac, (uint8_t)(p + 1));
}

void run_for(double seconds) {
  static const uint32_t never = 0;
  CHECK(oskr_fabric_run(&never, seconds) == 0);
}

void connect_peers(void) {
  for (uint32_t p = 0; p < FABRIC_PORTS; p++)
    while (oskr_dpdk_link(FABRIC_PORTS + p) != 1) usleep(1000);
  // Both ends have seen it, and the clients have given their servers room to send.
  for (uint32_t p = 0; p < FABRIC_PORTS; p++) {
    struct rte_eth_link link = {0};
    while (link.link_status != RTE_ETH_LINK_UP)
      CHECK(rte_eth_link_get_nowait((uint16_t)p, &link) == 0);
    CHECK(oskr_dpdk_receive(FABRIC_PORTS + p) == 0);
  }
  run_for(0.02);
}

// Starts fabric and peers in this process, and connects them.
void start_all(void) {
  char devices[2 * FABRIC_PORTS][192];
  const char *names[2 * FABRIC_PORTS];
  for (uint32_t p = 0; p < FABRIC_PORTS; p++) {
    describe(devices[p], sizeof(devices[p]), p, "server", p, 0xf0);
    describe(devices[FABRIC_PORTS + p], sizeof(devices[p]), FABRIC_PORTS + p, "client", p,
             (uint8_t)(p + 1));
  }
  for (uint32_t i = 0; i < 2 * FABRIC_PORTS; i++) names[i] = devices[i];
  CHECK(start_eal(2 * FABRIC_PORTS, names) == 2 * FABRIC_PORTS);
  configure(FABRIC_PORTS);
  CHECK(oskr_fabric_open() == 0);
  for (uint32_t p = 0; p < FABRIC_PORTS; p++) peers[p] = open_port(FABRIC_PORTS + p);
  connect_peers();
}

// Peer `from` (0..3) sends one message whose payload is `number` to the MAC address ending in `to`.
void send_number(uint32_t from, uint8_t to, uint32_t number) {
  memcpy(oskr_send_slot(peers[from], 0), &number, sizeof(number));
  put_entry(peers[from], 0, to, 0, sizeof(number));
  if (to == GROUP) peers[from]->entries[0].destination[0] |= 1;
  if (to == BROADCAST) memset(peers[from]->entries[0].destination, 0xff, 6);
  CHECK(oskr_dpdk_send(FABRIC_PORTS + from, 1) == 1);
}

uint32_t number_at(uint32_t peer, uint32_t index) {
  uint32_t number;
  CHECK(peers[peer]->lengths[index] == OSKR_HEADER_SIZE + sizeof(number));
  memcpy(&number, oskr_receive_slot(peers[peer], index) + OSKR_HEADER_SIZE, sizeof(number));
  return number;
}

// Peer `at` received exactly this number, or nothing if it is negative.
void expect(uint32_t at, int64_t number) {
  CHECK(oskr_dpdk_receive(FABRIC_PORTS + at) == (number >= 0));
  if (number >= 0) CHECK(number_at(at, 0) == number);
}

void expect_all(const int64_t numbers[FABRIC_PORTS]) {
  run_for(0.001);
  for (uint32_t p = 0; p < FABRIC_PORTS; p++) expect(p, numbers[p]);
}
