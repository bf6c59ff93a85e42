// The network that a fabric puts between its ports: latency, jitter and loss of each path, and the
// bandwidth of each port's link. How long something takes is judged by bounds that a slow machine
// keeps as well: nothing comes too early, and in the end all is there that is to come.
#include <errno.h>
#include <string.h>

#include "dpdk_fabric_peers.h"

// Until the fabric has nothing more to forward for a while; how many frames the peer got, whose
// numbers are noted in the order in which they came.
static uint32_t drain_peer(uint32_t peer, uint32_t *numbers, uint32_t max) {
  uint32_t total = 0;
  for (uint32_t quiet = 0; quiet < 200; quiet++) {
    run_for(0.001);
    for (int32_t n; (n = oskr_dpdk_receive(FABRIC_PORTS + peer)) > 0; quiet = 0)
      for (int32_t i = 0; i < n; i++) {
        CHECK(total < max);
        numbers[total++] = number_at(peer, (uint32_t)i);
      }
  }
  return total;
}

// Sends `count` numbers from peer 2 to peer 0, each in a frame of its own.
static void send_many(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    memcpy(oskr_send_slot(peers[2], i % OSKR_BURST), &i, sizeof(i));
    put_part(peers[2], i % OSKR_BURST, 1, (uint16_t)(i % OSKR_BURST), sizeof(i));
    if (i % OSKR_BURST != OSKR_BURST - 1 && i != count - 1) continue;
    int32_t burst = (int32_t)(i % OSKR_BURST + 1);
    CHECK(oskr_dpdk_send(FABRIC_PORTS + 2, (uint32_t)burst) == burst);
    run_for(0.0002);
  }
}

// Whether the peer has nothing, if no more than `ns` passed since then.
static void expect_nothing_within(uint32_t peer, double start_ns, double ns) {
  int32_t count = oskr_dpdk_receive(FABRIC_PORTS + peer);
  CHECK(count == 0 || oskr_now_ns() - start_ns >= ns);
}

static void delays_each_path_by_its_own(void) {
  start_all();
  struct oskr_fabric *fabric = oskr_fabric();
  fabric->paths[2][0].delay_us = 30000;
  fabric->paths[2][1].delay_us = 0;
  double start_ns = oskr_now_ns();
  send_number(2, GROUP, 7);
  run_for(0.001);
  expect(1, 7);
  expect_nothing_within(0, start_ns, 30e6);
  uint32_t number = 0;
  CHECK(drain_peer(0, &number, 1) == 1 && number == 7);
  CHECK(oskr_now_ns() - start_ns >= 30e6);
  // The way back has a latency of its own.
  send_number(0, 3, 8);
  run_for(0.001);
  expect(2, 8);
}

// Frames that are later than others of their path hold the next ones up.
static void jitter_keeps_order(void) {
  enum { COUNT = 640 };
  static uint32_t arrived[COUNT];
  start_all();
  oskr_fabric()->paths[2][0].jitter_us = 20000;
  double start_ns = oskr_now_ns();
  send_many(COUNT);
  CHECK(drain_peer(0, arrived, COUNT) == COUNT);
  for (uint32_t i = 0; i < COUNT; i++) CHECK(arrived[i] == i);
  CHECK(oskr_now_ns() - start_ns >= 10e6);
}

// 6,400 frames at 0.2: the standard deviation is 32. Other paths lose none.
static void loses_on_one_path(void) {
  enum { COUNT = 6400 };
  static uint32_t arrived[COUNT];
  start_all();
  oskr_fabric()->paths[2][0].loss = 0.2;
  send_many(COUNT);
  uint32_t count = drain_peer(0, arrived, COUNT);
  CHECK(count > 0.8 * COUNT - 200 && count < 0.8 * COUNT + 200);
  CHECK(oskr_fabric()->ports[0].counts.dropped == COUNT - count);
  for (uint32_t i = 0; i < 50; i++) {
    send_number(2, 2, i);
    run_for(0.001);
    expect(1, i);
  }
}

// 60 bytes and 24 beside them: at 0.672 Mbit/s a frame takes 1 ms of the sender's link and then
// 1 ms of the receiver's, so that the last of ten is there after 11 ms.
static void links_have_a_bandwidth(void) {
  start_all();
  oskr_fabric()->bandwidth_gbps = 0.000672;
  double start_ns = oskr_now_ns();
  send_many(10);
  expect_nothing_within(0, start_ns, 2e6);
  uint32_t arrived[10];
  CHECK(drain_peer(0, arrived, 10) == 10);
  for (uint32_t i = 0; i < 10; i++) CHECK(arrived[i] == i);
  CHECK(oskr_fabric()->ports[0].counts.congested == 0);
}

// A frame to all replicas takes the sender's link once.
static void the_network_copies(void) {
  start_all();
  oskr_fabric()->bandwidth_gbps = 0.000672;
  for (uint32_t i = 0; i < 40; i++) send_number(2, GROUP, i);
  run_for(0.001);
  uint32_t arrived[40];
  CHECK(drain_peer(0, arrived, 40) == 40);
  CHECK(drain_peer(1, arrived, 40) == 40);
  CHECK(oskr_fabric()->ports[2].counts.congested == 0);
}

// 50 ms of frames wait for a link at most: of 200 that take 1 ms each, those beyond are lost.
static void bounds_what_waits_for_a_link(void) {
  start_all();
  oskr_fabric()->bandwidth_gbps = 0.000672;
  double start_ns = oskr_now_ns();
  send_many(200);
  double sending_ms = (oskr_now_ns() - start_ns) / 1e6;
  static uint32_t arrived[200];
  uint32_t count = drain_peer(0, arrived, 200);
  CHECK(oskr_fabric()->ports[2].counts.congested == 200 - count);
  CHECK(count >= 50 && count <= 53 + sending_ms);
}

static void refuses_impossible_paths(void) {
  start_all();
  struct oskr_fabric *fabric = oskr_fabric();
  CHECK(oskr_fabric_close() == 0);
  fabric->paths[1][3].loss = 1.5;
  CHECK(oskr_fabric_open() == -EINVAL);
  CHECK(strstr(oskr_dpdk_text(), "from 1 to 3") != NULL);
  fabric->paths[1][3].loss = 0;
  fabric->paths[3][1].delay_us = -1;
  CHECK(oskr_fabric_open() == -EINVAL);
  fabric->paths[3][1].delay_us = 0;
  fabric->bandwidth_gbps = 0.0 / 0.0;
  CHECK(oskr_fabric_open() == -EINVAL);
}

int main(void) {
  static const struct test_case cases[] = {
      {"delays each path by its own", delays_each_path_by_its_own},
      {"jitter keeps the order of a path", jitter_keeps_order},
      {"loses on one path", loses_on_one_path},
      {"links have a bandwidth", links_have_a_bandwidth},
      {"the network copies for a group", the_network_copies},
      {"bounds what waits for a link", bounds_what_waits_for_a_link},
      {"refuses impossible paths", refuses_impossible_paths},
  };
  return run_cases(cases, RTE_DIM(cases));
}
