// The fabric. Its ports and their peers live in one process, each pair joined by a memif, so that a
// case forwards only when it says so; only the peers that die are processes of their own.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "dpdk_fabric_peers.h"

static void forwards_to_one_port(void) {
  start_all();
  send_number(2, 1, 100);
  expect_all((const int64_t[]){100, -1, -1, -1});
  send_number(0, 3, 101);  // learned from its request
  expect_all((const int64_t[]){-1, -1, 101, -1});
  send_number(0, 2, 102);
  expect_all((const int64_t[]){-1, 102, -1, -1});
  const struct oskr_fabric_port *ports = oskr_fabric()->ports;
  CHECK(ports[0].counts.received == 2 && ports[0].counts.sent == 1);
  CHECK(ports[2].counts.received == 1 && ports[2].counts.sent == 1);
}

static void drops_what_nobody_has(void) {
  start_all();
  send_number(0, 4, 1);  // not heard yet
  send_number(0, STRANGER, 2);
  send_number(0, 1, 3);  // its own
  expect_all((const int64_t[]){-1, -1, -1, -1});
  CHECK(oskr_fabric()->ports[0].counts.unknown == 3);
  send_number(3, 1, 4);
  expect_all((const int64_t[]){4, -1, -1, -1});
  send_number(0, 4, 5);
  expect_all((const int64_t[]){-1, -1, -1, 5});
}

static void floods_groups(void) {
  start_all();
  send_number(0, GROUP, 1);
  expect_all((const int64_t[]){-1, 1, -1, -1});
  send_number(2, GROUP, 2);
  expect_all((const int64_t[]){2, 2, -1, -1});
  send_number(2, BROADCAST, 3);
  expect_all((const int64_t[]){3, 3, -1, 3});
  put_entry(peers[2], 0, STRANGER, 0, 4);  // another group
  peers[2]->entries[0].destination[0] |= 1;
  CHECK(oskr_dpdk_send(FABRIC_PORTS + 2, 1) == 1);
  expect_all((const int64_t[]){-1, -1, -1, -1});
  CHECK(oskr_fabric()->ports[2].counts.unknown == 1);
}

// A client may claim any address: a replica's stays where the configuration has it.
static void replicas_keep_their_addresses(void) {
  start_all();
  mac_of(peers[2]->mac, 2);
  send_number(2, 1, 1);
  expect_all((const int64_t[]){1, -1, -1, -1});
  send_number(0, 2, 2);
  expect_all((const int64_t[]){-1, 2, -1, -1});
  // A client's moves to where it was heard last.
  mac_of(peers[2]->mac, 0x20);
  send_number(2, 1, 3);
  expect_all((const int64_t[]){3, -1, -1, -1});
  mac_of(peers[3]->mac, 0x20);
  send_number(3, 1, 4);
  expect_all((const int64_t[]){4, -1, -1, -1});
  send_number(0, 0x20, 5);
  expect_all((const int64_t[]){-1, -1, -1, 5});
}

static void remembers_the_newest_addresses(void) {
  start_all();
  for (uint8_t i = 0; i < 100; i++) {
    mac_of(peers[2]->mac, (uint8_t)(100 + i));
    send_number(2, 1, i);
    expect_all((const int64_t[]){i, -1, -1, -1});
  }
  send_number(0, 199, 1);
  expect_all((const int64_t[]){-1, -1, 1, -1});
  send_number(0, 192, 2);
  expect_all((const int64_t[]){-1, -1, 2, -1});
  send_number(0, 191, 3);
  expect_all((const int64_t[]){-1, -1, -1, -1});
}

static void drops_malformed_sources(void) {
  start_all();
  const uint32_t lengths[] = {13, 60};
  uint8_t bytes[73] = {0};
  mac_of(bytes + 13, 1);
  mac_of(bytes + 19, 3);
  bytes[19] |= 1;
  CHECK(send_raw(FABRIC_PORTS + 2, bytes, lengths, 2) == 2);
  expect_all((const int64_t[]){-1, -1, -1, -1});
  CHECK(oskr_fabric()->ports[2].counts.malformed == 2);
}

// Sends `count` numbers from peer 2 to peer 0 and notes in which order which of them arrive.
static uint32_t exchange(uint32_t count, uint32_t *arrived, uint32_t max) {
  uint32_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    memcpy(oskr_send_slot(peers[2], i % OSKR_BURST), &i, sizeof(i));
    put_part(peers[2], i % OSKR_BURST, 1, (uint16_t)(i % OSKR_BURST), sizeof(i));
    if (i % OSKR_BURST != OSKR_BURST - 1 && i != count - 1) continue;
    CHECK(oskr_dpdk_send(FABRIC_PORTS + 2, i % OSKR_BURST + 1) == (int32_t)(i % OSKR_BURST + 1));
    run_for(i == count - 1 ? 0.05 : 0.0005);
    for (int32_t n; (n = oskr_dpdk_receive(FABRIC_PORTS)) > 0;)
      for (int32_t k = 0; k < n; k++) {
        CHECK(total < max);
        arrived[total++] = number_at(0, (uint32_t)k);
      }
  }
  return total;
}

#define MANY 6400
static uint32_t arrived[2 * MANY];
static uint32_t arrived_again[2 * MANY];

static void keeps_order(void) {
  start_all();
  CHECK(exchange(MANY, arrived, 2 * MANY) == MANY);
  for (uint32_t i = 0; i < MANY; i++) CHECK(arrived[i] == i);
}

// 6,400 frames at 0.3: the standard deviation is 37. The same seed drops the same ones.
static void drops_at_the_rate(void) {
  start_all();
  struct oskr_fabric *fabric = oskr_fabric();
  fabric->drop = 0.3;
  uint32_t count = exchange(MANY, arrived, 2 * MANY);
  CHECK(count > 0.7 * MANY - 200 && count < 0.7 * MANY + 200);
  CHECK(fabric->ports[0].counts.dropped == MANY - count);
  CHECK(fabric->ports[0].counts.sent == count);
  for (uint32_t i = 1; i < count; i++) CHECK(arrived[i] > arrived[i - 1]);
  memcpy(arrived_again, arrived, sizeof(arrived));
  exchange(MANY, arrived, 2 * MANY);
  CHECK(memcmp(arrived, arrived_again, sizeof(arrived)) != 0);
}

static void repeats_at_the_rate(void) {
  start_all();
  struct oskr_fabric *fabric = oskr_fabric();
  fabric->duplicate = 0.25;
  uint32_t count = exchange(MANY, arrived, 2 * MANY);
  CHECK(count > 1.25 * MANY - 200 && count < 1.25 * MANY + 200);
  CHECK(fabric->ports[0].counts.duplicated == count - MANY);
  uint32_t times[MANY] = {0};
  for (uint32_t i = 0; i < count; i++) times[arrived[i]]++;
  for (uint32_t i = 0; i < MANY; i++) CHECK(times[i] == 1 || times[i] == 2);
}

// One bit of each frame: in four of the 46 bytes behind its header lies the number.
static void alters_one_bit(void) {
  start_all();
  oskr_fabric()->corrupt = 1;
  uint32_t altered = 0;
  for (uint32_t i = 0; i < 200; i++) {
    send_number(2, 1, 0);
    run_for(0.001);
    if (oskr_dpdk_receive(FABRIC_PORTS) == 0) continue;  // the bit made it malformed, or another's
    uint32_t number;
    memcpy(&number, oskr_receive_slot(peers[0], 0) + OSKR_HEADER_SIZE, sizeof(number));
    altered += number != 0;
    CHECK((number & (number - 1)) == 0);
  }
  CHECK(altered > 4 && altered < 50);
  CHECK(oskr_fabric()->ports[0].counts.corrupted == 200);
}

// Only the copy for one port is altered: the frame itself goes to others as it came.
static void alters_copies(void) {
  start_all();
  oskr_fabric()->corrupt = 0.5;
  uint32_t both = 0;
  for (uint32_t i = 0; i < 200; i++) {
    const struct oskr_fabric_port *ports = oskr_fabric()->ports;
    double before = ports[1].counts.corrupted;
    send_number(2, GROUP, 7);
    run_for(0.001);
    oskr_dpdk_receive(FABRIC_PORTS);
    int32_t count = oskr_dpdk_receive(FABRIC_PORTS + 1);
    if (ports[1].counts.corrupted > before) continue;
    CHECK(count == 1 && number_at(1, 0) == 7);
    both++;
  }
  CHECK(both > 60 && both < 140);
}

static void reorders_at_the_rate(void) {
  start_all();
  oskr_fabric()->reorder = 0.1;
  CHECK(exchange(MANY, arrived, 2 * MANY) == MANY);
  double reordered = oskr_fabric()->ports[0].counts.reordered;
  CHECK(reordered > 0.1 * MANY - 150 && reordered < 0.1 * MANY + 150);
  uint32_t late = 0;
  uint32_t highest = 0;
  uint32_t times[MANY] = {0};
  for (uint32_t i = 0; i < MANY; i++) {
    late += arrived[i] < highest;
    highest = RTE_MAX(highest, arrived[i]);
    times[arrived[i]]++;
  }
  for (uint32_t i = 0; i < MANY; i++) CHECK(times[i] == 1);
  CHECK(late > 0);
}

static void delays_every_frame(void) {
  start_all();
  oskr_fabric()->delay_us = 20000;
  double start_ns = oskr_now_ns();
  send_number(2, 1, 7);
  run_for(0.001);
  if (oskr_now_ns() - start_ns < 20e6) expect(0, -1);
  run_for(0.05);
  expect(0, 7);
  CHECK(oskr_fabric_close() == 0);
  CHECK(oskr_dpdk_stop() == 0);
}

// The peer's ring and its queue fill, the rest is dropped, and what waited is delivered.
static void bounds_what_waits(void) {
  start_all();
  double sent = 0;
  for (uint32_t round = 0; round < 300; round++) {
    for (uint32_t i = 0; i < OSKR_BURST; i++) put_part(peers[2], i, 1, 0, 4);
    sent += oskr_dpdk_send(FABRIC_PORTS + 2, OSKR_BURST);
    run_for(0.0002);
  }
  const struct oskr_fabric_counts *counts = &oskr_fabric()->ports[0].counts;
  CHECK(sent == 300.0 * OSKR_BURST);
  CHECK(counts->full > 0);
  // A slow peer is no reason to keep the others waiting.
  send_number(2, 2, 5);
  run_for(0.001);
  expect(1, 5);
  double received = 0;
  for (uint32_t idle = 0; idle < 10; idle++) {
    run_for(0.001);
    for (int32_t n; (n = oskr_dpdk_receive(FABRIC_PORTS)) > 0; idle = 0) received += n;
  }
  CHECK(received == counts->sent);
  CHECK(received + counts->full == sent);
}

static void checks_its_settings(void) {
  struct oskr_fabric *fabric = oskr_fabric();
  CHECK(start_eal(1, (const char *const[]){"net_ring0"}) == 1);
  CHECK(oskr_fabric_open() == -EINVAL);
  fabric->port_count = OSKR_PORTS_MAX + 1;
  CHECK(oskr_fabric_open() == -EINVAL);
  fabric->port_count = 2;
  CHECK(oskr_fabric_open() == -EINVAL);
  CHECK(strstr(oskr_dpdk_text(), "an MTU of 0 is not") != NULL);
  fabric->mtu = OSKR_MTU;
  CHECK(oskr_fabric_open() < 0);
  CHECK(strstr(oskr_dpdk_text(), "port 1") != NULL);
  fabric->port_count = 1;
  fabric->drop = 1.5;
  CHECK(oskr_fabric_open() == -EINVAL);
  fabric->drop = 0.0 / 0.0;
  CHECK(oskr_fabric_open() == -EINVAL);
  fabric->drop = 0;
  fabric->delay_us = -1;
  CHECK(oskr_fabric_open() == -EINVAL);
}

static volatile uint32_t *stop;
static volatile uint32_t *served;

static void fabric_process(void) {
  char devices[3][192];
  const char *names[3];
  for (uint32_t p = 0; p < 3; p++) {
    describe(devices[p], sizeof(devices[p]), p, "server", p, 0xf0);
    names[p] = devices[p];
  }
  CHECK(start_eal(3, names) == 3);
  configure(3);
  CHECK(oskr_fabric_open() == 0);
  CHECK(oskr_fabric_run(stop, 0) == 0);
  CHECK(oskr_fabric()->ports[0].counts.sent > 0);
  CHECK(oskr_fabric_close() == 0);
}

static struct oskr_region *peer_port(uint32_t number) {
  char device[192];
  describe(device, sizeof(device), 0, "client", number - 1, (uint8_t)number);
  CHECK(start_eal(1, (const char *const[]){device}) == 1);
  return open_port(0);
}

static void replica_process(uint32_t number) {
  static const struct oskr_echo echo = {
      .request_kind = 1, .reply_kind = 2, .keep_from = 1, .keep = 4};
  peer_port(number);
  oskr_dpdk_echo(0, &echo, stop);
}

static void first_replica(void) { replica_process(1); }

static void second_replica(void) { replica_process(2); }

// Asks both replicas for ever, and counts the replies of each; frames may be lost.
static void client_process(void) {
  struct oskr_region *region = peer_port(3);
  oskr_send_slot(region, 0)[0] = 1;
  while (*stop == 0) {
    put_entry(region, 0, 1, 0, 5);
    put_entry(region, 1, 2, 0, 5);
    oskr_dpdk_send(0, 2);
    for (double until = oskr_now_ns() + 1e6; oskr_now_ns() < until; sched_yield()) {
      int32_t count = oskr_dpdk_receive(0);
      for (int32_t i = 0; i < count; i++)
        __atomic_fetch_add(&served[oskr_receive_slot(region, i)[11] - 1], 1, __ATOMIC_RELAXED);
    }
  }
}

// Waits until replica `index` has answered `more` times from now on.
static void wait_served(uint32_t index, uint32_t more) {
  uint32_t goal = __atomic_load_n(&served[index], __ATOMIC_RELAXED) + more;
  while (__atomic_load_n(&served[index], __ATOMIC_RELAXED) < goal) usleep(1000);
}

static void outlives_its_peers(void) {
  stop = shared_words();
  served = stop + 1;
  pid_t fabric = spawn(fabric_process);
  pid_t first = spawn(first_replica);
  pid_t second = spawn(second_replica);
  pid_t client = spawn(client_process);
  wait_served(0, 100);
  wait_served(1, 100);
  for (uint32_t round = 0; round < 3; round++) {
    kill(second, SIGKILL);
    CHECK(wait_for(second) == -SIGKILL);
    wait_served(0, 100);
    second = spawn(second_replica);
    wait_served(1, 100);
  }
  kill(client, SIGKILL);
  CHECK(wait_for(client) == -SIGKILL);
  client = spawn(client_process);
  wait_served(0, 100);
  wait_served(1, 100);
  *stop = 1;
  CHECK(wait_for(fabric) == 0);
  CHECK(wait_for(first) == 0);
  CHECK(wait_for(second) == 0);
  CHECK(wait_for(client) == 0);
}

int main(void) {
  static const struct test_case cases[] = {
      {"forwards to one port", forwards_to_one_port},
      {"drops what nobody has", drops_what_nobody_has},
      {"floods groups and broadcasts", floods_groups},
      {"replicas keep their addresses, clients move", replicas_keep_their_addresses},
      {"remembers the newest addresses of a port", remembers_the_newest_addresses},
      {"drops malformed sources", drops_malformed_sources},
      {"keeps order", keeps_order},
      {"drops at the rate", drops_at_the_rate},
      {"repeats at the rate", repeats_at_the_rate},
      {"alters one bit", alters_one_bit},
      {"alters copies", alters_copies},
      {"reorders at the rate", reorders_at_the_rate},
      {"delays every frame", delays_every_frame},
      {"bounds what waits for a slow peer", bounds_what_waits},
      {"checks its settings", checks_its_settings},
      {"outlives its peers", outlives_its_peers},
  };
  return run_cases(cases, RTE_DIM(cases));
}
