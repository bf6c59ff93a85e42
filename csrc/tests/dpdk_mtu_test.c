// Ports and a fabric of networks with jumbo frames.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dpdk_fabric_peers.h"

static void start_ring(void) { CHECK(start_eal(1, (const char *const[]){"net_ring0"}) == 1); }

// Frames of a larger MTU, of all lengths up to the longest and around it; what others with that of
// any network have for them is malformed.
static void carries_frames_of_its_mtu(void) {
  start_ring();
  CHECK(oskr_dpdk_open(0, 0, OSKR_MTU - 1) == -EINVAL);
  CHECK(oskr_dpdk_open(0, 0, OSKR_MTU_MAX + 1) == -EINVAL);
  CHECK(strstr(oskr_dpdk_text(), "an MTU of 9001 is not from 1500 to 9000") != NULL);
  CHECK(oskr_dpdk_open(0, OSKR_OPEN_PROMISCUOUS, OSKR_MTU_MAX) == 0);
  struct oskr_region *region = oskr_dpdk_region(0);
  uint32_t longest = oskr_payload_max(OSKR_MTU_MAX);
  CHECK(longest == 8996 && region->slot_size == 9216);
  fill_slots(region);
  for (uint32_t base = 0; base <= longest; base += OSKR_BURST) {
    uint32_t count = RTE_MIN((uint32_t)OSKR_BURST, longest + 1 - base);
    for (uint32_t i = 0; i < count; i++)
      put_entry(region, i, (uint8_t)i, (uint16_t)i, (uint16_t)(base + i));
    CHECK(oskr_dpdk_send(0, count) == (int32_t)count);
    CHECK(oskr_dpdk_receive(0) == (int32_t)count);
    for (uint32_t i = 0; i < count; i++) expect_frame(region, i, (uint8_t)i, i, base + i);
  }
  put_entry(region, 0, 1, 0, (uint16_t)(longest + 1));
  CHECK(oskr_dpdk_send(0, 1) == -EINVAL);
  static uint8_t frames[2][9015];
  for (uint32_t i = 0; i < 2; i++) {
    const uint32_t length = 9014 + i;
    frames[i][12] = 0x88;
    frames[i][13] = 0xd6;
    CHECK(send_raw(0, frames[i], &length, 1) == 1);
    CHECK(oskr_dpdk_receive(0) == (int32_t)(1 - i));
    CHECK(region->statistics.malformed == i);
  }
  CHECK(rte_mempool_in_use_count(oskr_port(0)->pool) == 0);
}

// 9,014 bytes hold what six frames of any network would.
static void joins_messages_up_to_its_mtu(void) {
  start_ring();
  CHECK(oskr_dpdk_open(0, OSKR_OPEN_PROMISCUOUS, OSKR_MTU_MAX) == 0);
  struct oskr_region *region = oskr_dpdk_region(0);
  fill_slots(region);
  for (uint32_t i = 0; i < 12; i++) put_entry(region, i, 7, (uint16_t)i, 1490);
  CHECK(oskr_dpdk_send(0, 12) == 12);
  CHECK(oskr_dpdk_receive(0) == 12);
  for (uint32_t i = 0; i < 12; i++) expect_frame(region, i, 7, i, 1490);
  CHECK(oskr_dpdk_statistics(0) == 0);
  CHECK(region->statistics.sent == 2);
}

// What the driver of every port here says: the largest MTU that it tells, if that is not 0, and
// what it answers when it is asked for one; ours come before the functions of the shared library.
static uint16_t largest;
static int answer;
static uint32_t asked;

int rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info) {
  int (*theirs)(uint16_t, struct rte_eth_dev_info *) =
      (int (*)(uint16_t, struct rte_eth_dev_info *))dlsym(RTLD_NEXT, "rte_eth_dev_info_get");
  int result = theirs(port, info);
  if (result == 0 && largest > 0) info->max_mtu = largest;
  return result;
}

int rte_eth_dev_set_mtu(uint16_t port, uint16_t mtu) {
  CHECK(port == 0);
  asked = mtu;
  return answer;
}

static void expect_no_jumbo(const char *says) {
  start_ring();
  CHECK(oskr_dpdk_open(0, 0, OSKR_MTU_MAX) == -EINVAL);
  CHECK(strcmp(oskr_dpdk_text(), says) == 0);
  CHECK(oskr_dpdk_region(0) == NULL);
}

static void refuses_what_a_driver_tells(void) {
  largest = 8999;
  expect_no_jumbo("port 0: cannot have an MTU of 9000: 8999 at most");
  CHECK(asked == 0);
}

static void refuses_what_a_driver_refuses(void) {
  largest = 9000;
  answer = -EINVAL;
  expect_no_jumbo("port 0: cannot have an MTU of 9000: Invalid argument");
  CHECK(asked == 9000);
}

static void takes_a_driver_that_knows_of_none(void) {
  start_ring();
  answer = -ENOTSUP;
  CHECK(oskr_dpdk_open(0, 0, OSKR_MTU_MAX) == 0);
  CHECK(asked == 9000);
}

static void asks_for_no_mtu_that_every_network_has(void) {
  start_ring();
  largest = 1400;
  answer = -EINVAL;
  CHECK(oskr_dpdk_open(0, 0, OSKR_MTU) == 0);
  CHECK(asked == 0);
}

// The fabric and its peers in this process; peer `small` has frames that every network carries.
static void start_peers(uint32_t small) {
  char devices[2 * FABRIC_PORTS][224];
  const char *names[2 * FABRIC_PORTS];
  for (uint32_t p = 0; p < FABRIC_PORTS; p++) {
    describe(devices[p], 192, p, "server", p, 0xf0);
    describe(devices[FABRIC_PORTS + p], 192, FABRIC_PORTS + p, "client", p, (uint8_t)(p + 1));
    if (p != small) strcat(devices[FABRIC_PORTS + p], ",bsize=9216");
  }
  for (uint32_t i = 0; i < 2 * FABRIC_PORTS; i++) names[i] = devices[i];
  CHECK(start_eal(2 * FABRIC_PORTS, names) == 2 * FABRIC_PORTS);
  configure(FABRIC_PORTS);
  oskr_fabric()->mtu = OSKR_MTU_MAX + 1;
  CHECK(oskr_fabric_open() == -EINVAL);
  oskr_fabric()->mtu = OSKR_MTU_MAX;
  CHECK(oskr_fabric_open() == 0);
  for (uint32_t p = 0; p < FABRIC_PORTS; p++) {
    uint32_t mtu = p == small ? OSKR_MTU : OSKR_MTU_MAX;
    CHECK(oskr_dpdk_open(FABRIC_PORTS + p, OSKR_OPEN_PROMISCUOUS, mtu) == 0);
    peers[p] = oskr_dpdk_region(FABRIC_PORTS + p);
  }
  connect_peers();
}

// To one peer and to the group; one with other frames counts what is too long and takes the rest.
static void forwards_long_frames(void) {
  enum { SMALL = 1 };
  uint32_t longest = oskr_payload_max(OSKR_MTU_MAX);
  start_peers(SMALL);
  fill_slots(peers[2]);
  for (uint32_t round = 0; round < 3000; round++) {
    put_entry(peers[2], 0, 1, (uint16_t)(round % OSKR_BURST), (uint16_t)(longest - round % 3));
    CHECK(oskr_dpdk_send(FABRIC_PORTS + 2, 1) == 1);
    run_for(1e-6);
    int32_t came = 0;
    while ((came = oskr_dpdk_receive(FABRIC_PORTS)) == 0) run_for(1e-6);
    CHECK(came == 1);
    CHECK(peers[0]->lengths[0] == OSKR_HEADER_SIZE + longest - round % 3);
    CHECK(memcmp(oskr_receive_slot(peers[0], 0) + OSKR_HEADER_SIZE,
                 oskr_send_slot(peers[2], round % OSKR_BURST), longest - round % 3) == 0);
  }
  put_part(peers[2], 0, GROUP, 0, (uint16_t)longest);
  put_part(peers[2], 1, GROUP, 0, 1400);
  for (uint32_t i = 0; i < 2; i++) peers[2]->entries[i].destination[0] |= 1;
  CHECK(oskr_dpdk_send(FABRIC_PORTS + 2, 2) == 2);
  run_for(0.001);
  CHECK(oskr_dpdk_receive(FABRIC_PORTS) == 2);
  CHECK(oskr_dpdk_receive(FABRIC_PORTS + SMALL) == 1);
  CHECK(peers[SMALL]->lengths[0] == OSKR_HEADER_SIZE + 1400);
  CHECK(peers[SMALL]->statistics.malformed == 1);
  CHECK(oskr_fabric_close() == 0);
}

int main(void) {
  static const struct test_case cases[] = {
      {"carries frames of its MTU", carries_frames_of_its_mtu},
      {"joins messages up to its MTU", joins_messages_up_to_its_mtu},
      {"refuses what a driver tells that it cannot", refuses_what_a_driver_tells},
      {"refuses what a driver refuses", refuses_what_a_driver_refuses},
      {"takes a driver that knows of no MTU", takes_a_driver_that_knows_of_none},
      {"asks for no MTU that every network has", asks_for_no_mtu_that_every_network_has},
      {"forwards long frames", forwards_long_frames},
  };
  return run_cases(cases, RTE_DIM(cases));
}
