// Ports and bursts, over net_ring and net_null.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dpdk_test.h"

#define SLOT_SIZE 2048
#define FRAME_MAX 1514
#define PAYLOAD_MAX 1496

static void start_ring(void) { CHECK(start_eal(1, (const char *const[]){"net_ring0"}) == 1); }

// What EAL prints must not reach the user: both outputs are pipes while it fails.
static void expect_refusal(const char *argument, const char *device, const char *says) {
  int pipes[2];
  CHECK(pipe(pipes) == 0);
  int saved = dup(STDERR_FILENO);
  int saved_out = dup(STDOUT_FILENO);
  dup2(pipes[1], STDERR_FILENO);
  dup2(pipes[1], STDOUT_FILENO);
  snprintf(oskr_dpdk_text(), OSKR_TEXT_SIZE, "--no-huge\n--no-pci\n--no-shconf\n%s\n%s", argument,
           device);
  int32_t result = oskr_dpdk_start();
  fflush(NULL);
  dup2(saved, STDERR_FILENO);
  dup2(saved_out, STDOUT_FILENO);
  close(pipes[1]);
  char printed[16];
  CHECK(result < 0);
  CHECK(strstr(oskr_dpdk_text(), says) != NULL);
  CHECK(strchr(oskr_dpdk_text(), '\n') == NULL);
  CHECK(read(pipes[0], printed, sizeof(printed)) == 0);
}

static void refuses_an_unknown_option(void) {
  expect_refusal("--bogus", "", "unrecognized option '--bogus'");
}

static void refuses_an_absent_core(void) { expect_refusal("-l", "1000", "core"); }

static void refuses_an_unknown_device(void) {
  expect_refusal("--vdev", "net_nonsense0", "net_nonsense0");
}

static void counts_a_device_that_failed(void) {
  char server[128];
  snprintf(server, sizeof(server), "net_memif0,role=nobody,socket=%s/a,socket-abstract=no",
           directory);
  CHECK(start_eal(2, (const char *const[]){"net_ring0", server}) < 2);
  CHECK(strncmp(oskr_dpdk_text(), "Unknown role: nobody; ", 22) == 0);
}

static void refuses_what_is_not_open(void) {
  start_ring();
  CHECK(oskr_dpdk_start() == -EALREADY);
  CHECK(oskr_dpdk_open(1, 0, OSKR_MTU) == -ENODEV);
  CHECK(oskr_dpdk_open(OSKR_PORTS_MAX, 0, OSKR_MTU) == -ENODEV);
  CHECK(oskr_dpdk_region(0) == NULL);
  CHECK(oskr_dpdk_receive(0) == -ENODEV);
  CHECK(oskr_dpdk_send(0, 1) == -ENODEV);
  CHECK(oskr_dpdk_link(UINT32_MAX) == -ENODEV);
  CHECK(oskr_dpdk_statistics(0) == -ENODEV);
  CHECK(oskr_dpdk_numa_node(0) == -ENODEV);
  CHECK(oskr_dpdk_set_mac(0) == -ENODEV);
  CHECK(oskr_dpdk_close(0) == -ENODEV);
  CHECK(oskr_fabric_run(&(const uint32_t){0}, 1) == -ENODEV);
  open_port(0);
  CHECK(oskr_dpdk_numa_node(0) >= 0);
  CHECK(oskr_dpdk_open(0, 0, OSKR_MTU) == -EBUSY);
  CHECK(oskr_dpdk_close(0) == 0);
  CHECK(oskr_dpdk_stop() == 0);
}

static void keeps_its_processors(void) {
  cpu_set_t before;
  cpu_set_t after;
  CHECK(sched_getaffinity(0, sizeof(before), &before) == 0);
  start_ring();
  CHECK(sched_getaffinity(0, sizeof(after), &after) == 0);
  CHECK(CPU_EQUAL(&before, &after));
}

static void leaves_nothing_behind(void) {
  start_ring();
  open_port(0);
  CHECK(oskr_dpdk_stop() == 0);
  char path[128];
  snprintf(path, sizeof(path), "%s/dpdk/oskr-test-%d", directory, (int)getpid());
  DIR *left = opendir(path);
  for (struct dirent *entry; left != NULL && (entry = readdir(left)) != NULL;)
    CHECK(entry->d_name[0] == '.');
  if (left != NULL) closedir(left);
}

static void carries_every_length(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  fill_slots(region);
  double started = oskr_now_ns();
  for (uint32_t base = 0; base <= PAYLOAD_MAX; base += OSKR_BURST) {
    uint32_t count = RTE_MIN((uint32_t)OSKR_BURST, PAYLOAD_MAX + 1 - base);
    for (uint32_t i = 0; i < count; i++)
      put_entry(region, i, (uint8_t)i, (uint16_t)i, (uint16_t)(base + i));
    CHECK(oskr_dpdk_send(0, count) == (int32_t)count);
    CHECK(oskr_dpdk_receive(0) == (int32_t)count);
    CHECK(region->time_ns >= started && region->time_ns <= oskr_now_ns());
    for (uint32_t i = 0; i < count; i++) expect_frame(region, i, (uint8_t)i, i, base + i);
  }
  CHECK(oskr_dpdk_receive(0) == 0);
  CHECK(oskr_dpdk_statistics(0) == 0);
  CHECK(region->statistics.received == PAYLOAD_MAX + 1);
  CHECK(region->statistics.sent == PAYLOAD_MAX + 1);
  CHECK(region->statistics.unsent + region->statistics.malformed == 0);
}

static void sends_one_slot_to_many(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  fill_slots(region);
  for (uint32_t i = 0; i < OSKR_ENTRIES_MAX; i++) put_entry(region, i, (uint8_t)i, 5, 1000);
  CHECK(oskr_dpdk_send(0, OSKR_ENTRIES_MAX) == OSKR_ENTRIES_MAX);
  for (uint32_t i = 0; i < OSKR_ENTRIES_MAX; i += OSKR_BURST) {
    CHECK(oskr_dpdk_receive(0) == OSKR_BURST);
    for (uint32_t k = 0; k < OSKR_BURST; k++) expect_frame(region, k, (uint8_t)(i + k), 5, 1000);
  }
}

// Messages for one host share frames; all arrive as they were sent, in order for each host.
static void joins_messages_for_one_host(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  uint32_t slots[OSKR_ENTRIES_MAX];
  fill_slots(region);
  srand48(5);
  for (uint32_t round = 0; round < 200; round++) {
    uint32_t count = 1 + (uint32_t)lrand48() % OSKR_ENTRIES_MAX;
    uint32_t hosts = 1 + round % 12;
    uint32_t longest = round % 3 == 0 ? 60 : round % 3 == 1 ? 700 : PAYLOAD_MAX;
    uint32_t expected[12] = {0};
    uint32_t arrived = 0;
    for (uint32_t i = 0; i < count; i++) {
      slots[i] = (uint32_t)lrand48() % OSKR_BURST;
      uint16_t length = (uint16_t)((uint32_t)lrand48() % (longest + 1));
      put_entry(region, i, (uint8_t)((uint32_t)lrand48() % hosts), (uint16_t)slots[i], length);
    }
    CHECK(oskr_dpdk_send(0, count) == (int32_t)count);
    for (int32_t n; (n = oskr_dpdk_receive(0)) > 0; arrived += (uint32_t)n) {
      CHECK(n <= OSKR_BURST);
      for (uint32_t k = 0; k < (uint32_t)n; k++) {
        uint32_t host = oskr_receive_slot(region, k)[5];
        uint32_t *next = &expected[host];
        CHECK(host < hosts);
        while (region->entries[*next].destination[5] != host) ++*next;
        CHECK(*next < count);
        expect_frame(region, k, (uint8_t)host, slots[*next], region->entries[*next].length);
        ++*next;
      }
    }
    CHECK(arrived == count);
  }
  CHECK(rte_mempool_in_use_count(oskr_port(0)->pool) == 0);
  for (uint32_t i = 0; i < OSKR_BURST; i++) put_entry(region, i, 1, 0, 1);
  CHECK(oskr_dpdk_statistics(0) == 0);
  double before = region->statistics.sent;
  CHECK(oskr_dpdk_send(0, OSKR_BURST) == OSKR_BURST);
  CHECK(oskr_dpdk_statistics(0) == 0);
  CHECK(region->statistics.sent == before + OSKR_BURST / OSKR_JOINED_MAX);
}

// A frame of several messages that was altered is dropped whole or gives messages within bounds.
static void survives_altered_joined_frames(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  srand48(11);
  uint32_t whole = 0;
  for (uint32_t round = 0; round < 20000; round++) {
    uint8_t frame[FRAME_MAX];
    uint32_t count = 1 + (uint32_t)lrand48() % 6;
    uint32_t at = 14;
    uint8_t lengths[12];
    memset(frame, 0x11, sizeof(frame));
    frame[12] = OSKR_ETHER_JOINED >> 8;
    frame[13] = OSKR_ETHER_JOINED & 0xff;
    for (uint32_t i = 0; i < count; i++) {
      uint32_t length = OSKR_IDS_SIZE + (uint32_t)lrand48() % 200;
      lengths[2 * i] = 0;
      lengths[2 * i + 1] = (uint8_t)length;
      at += lengths[2 * i + 1];
    }
    memcpy(frame + at, lengths, 2 * (size_t)count);
    at += 2 * count;
    frame[at++] = (uint8_t)count;
    for (; at < 59; at++) frame[at] = 0;
    uint32_t plain = round % 2 == 0 && at > 59;
    frame[at] = 0;
    // Half of them are altered, mostly where they are divided.
    if (!plain) frame[at - (uint32_t)lrand48() % RTE_MIN(at, 14u)] = (uint8_t)lrand48();
    CHECK(send_raw(0, frame, (const uint32_t[]){at + 1}, 1) == 1);
    int32_t got = oskr_dpdk_receive(0);
    CHECK(got >= 0 && got <= OSKR_JOINED_MAX);
    if (plain) CHECK(got == (int32_t)count);
    whole += got == (int32_t)count;
    for (int32_t i = 0; i < got; i++)
      CHECK(region->lengths[i] >= OSKR_HEADER_SIZE && region->lengths[i] < FRAME_MAX);
  }
  CHECK(whole > 5000 && region->statistics.malformed > 5000);
  CHECK(rte_mempool_in_use_count(oskr_port(0)->pool) == 0);
}

// A frame of several messages whose part behind the header is `bytes`; no padding is needed.
static void send_joined(const uint8_t *bytes, uint32_t length) {
  uint8_t frame[FRAME_MAX] = {0};
  frame[12] = OSKR_ETHER_JOINED >> 8;
  frame[13] = OSKR_ETHER_JOINED & 0xff;
  memcpy(frame + OSKR_ETHER_HEADER, bytes, length);
  uint32_t whole = OSKR_ETHER_HEADER + length;
  uint32_t padding = whole + 1 < OSKR_FRAME_MIN ? OSKR_FRAME_MIN - 1 - whole : 0;
  frame[whole + padding] = (uint8_t)padding;
  CHECK(send_raw(0, frame, (const uint32_t[]){whole + padding + 1}, 1) == 1);
}

static void drops_joined_frames_that_are_divided_wrongly(void) {
  static const struct {
    uint8_t bytes[12];
    uint32_t length;
  } malformed[] = {
      {{0, 0, 0}, 3},                        // no messages
      {{0, 0, 0, 2, 1}, 5},                  // a message too short for its ids
      {{0, 0, 0, 0, 3, 0, 0, 2}, 8},         // a message of no bytes
      {{0, 0, 0, 9, 0, 3, 1}, 7},            // bytes of no message
      {{0, 0, 0, 9, 0, 5, 1}, 7},            // a length beyond the frame
      {{0, 0, 0, 9, 255, 255, 1}, 7},        // far beyond it
      {{0, 0, 0, 0, 3, 0, 3, 0, 3, 3}, 10},  // more messages than bytes
      {{0, 0, 0, 0, 3, 33}, 6},              // a trailer beyond the frame
      {{0, 0, 0, 0, 3, 255}, 6},             // the same
  };
  const uint8_t good[] = {1, 2, 3, 4, 0, 4, 1};
  start_ring();
  struct oskr_region *region = open_port(0);
  for (uint32_t i = 0; i < RTE_DIM(malformed); i++) {
    send_joined(good, sizeof(good));
    send_joined(malformed[i].bytes, malformed[i].length);
    send_joined(good, sizeof(good));
    CHECK(oskr_dpdk_receive(0) == 2);
    CHECK(region->statistics.malformed == i + 1);
    for (uint32_t k = 0; k < 2; k++) {
      CHECK(region->lengths[k] == OSKR_ETHER_HEADER + 4);
      CHECK(memcmp(oskr_receive_slot(region, k) + OSKR_ETHER_HEADER, good, 4) == 0);
    }
  }
  // More messages than there may be, each well formed.
  uint8_t many[33 * 3 + 2 * 33 + 1] = {0};
  for (uint32_t i = 0; i < 33; i++) many[33 * 3 + 2 * i + 1] = 3;
  many[sizeof(many) - 1] = 33;
  send_joined(many, sizeof(many));
  CHECK(oskr_dpdk_receive(0) == 0);
  CHECK(region->statistics.malformed == RTE_DIM(malformed) + 1);
  CHECK(rte_mempool_in_use_count(oskr_port(0)->pool) == 0);
}

// Frames of 32 messages, each of three bytes that number it.
static void keeps_more_than_a_burst_for_the_next_receive(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  const uint32_t frames = 21;
  const uint32_t at = 3 * OSKR_JOINED_MAX;
  for (uint32_t f = 0; f < frames; f++) {
    uint8_t bytes[3 * OSKR_JOINED_MAX + 2 * OSKR_JOINED_MAX + 1] = {0};
    for (uint32_t i = 0; i < OSKR_JOINED_MAX; i++) {
      uint32_t number = f * OSKR_JOINED_MAX + i;
      bytes[3 * i] = (uint8_t)(number >> 8);
      bytes[3 * i + 1] = (uint8_t)number;
      bytes[at + 2 * i + 1] = 3;
    }
    bytes[sizeof(bytes) - 1] = OSKR_JOINED_MAX;
    send_joined(bytes, sizeof(bytes));
    // One that is malformed after each third, which disturbs nobody.
    if (f % 3 == 0) send_joined(bytes, sizeof(bytes) - 1);
  }
  uint32_t came = 0;
  for (int32_t count; (count = oskr_dpdk_receive(0)) > 0;) {
    CHECK(count <= OSKR_BURST);
    for (uint32_t i = 0; i < (uint32_t)count; i++, came++) {
      const uint8_t *ids = oskr_receive_slot(region, i) + OSKR_ETHER_HEADER;
      CHECK(region->lengths[i] == OSKR_HEADER_SIZE);
      CHECK(ids[0] == (uint8_t)(came >> 8) && ids[1] == (uint8_t)came);
    }
  }
  CHECK(came == frames * OSKR_JOINED_MAX && region->statistics.malformed == frames / 3);
  CHECK(rte_mempool_in_use_count(oskr_port(0)->pool) == 0);
}

static void refuses_entries_out_of_range(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  put_entry(region, 0, 1, 0, 10);
  put_entry(region, 1, 1, OSKR_BURST, 10);
  CHECK(oskr_dpdk_send(0, 2) == -EINVAL);
  put_entry(region, 1, 1, 0, PAYLOAD_MAX + 1);
  CHECK(oskr_dpdk_send(0, 2) == -EINVAL);
  CHECK(oskr_dpdk_send(0, OSKR_ENTRIES_MAX + 1) == -EINVAL);
  CHECK(oskr_dpdk_receive(0) == 0);
}

// Nobody reads: sending gives up within bounds, loses nothing that left, and leaks no buffer.
static void counts_what_a_full_ring_refuses(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  double offered = 0;
  double sent = 0;
  for (uint32_t round = 0; round < 100; round++) {
    for (uint32_t i = 0; i < OSKR_BURST; i++) put_part(region, i, 1, 0, (uint16_t)i);
    int32_t left = oskr_dpdk_send(0, OSKR_BURST);
    CHECK(left >= 0);
    sent += left;
    offered += OSKR_BURST;
    CHECK(region->statistics.unsent == offered - sent);
  }
  CHECK(sent > 0 && sent < offered);
  // It waited once; the bursts after that were given up at once.
  CHECK(oskr_port(0)->stalled);
  double received = 0;
  for (int32_t count; (count = oskr_dpdk_receive(0)) > 0;) received += count;
  CHECK(received == sent);
  CHECK(rte_mempool_in_use_count(oskr_port(0)->pool) == 0);
  CHECK(oskr_dpdk_send(0, OSKR_BURST) == OSKR_BURST);
  CHECK(!oskr_port(0)->stalled);
}

// The longest that may leave has 1,000 bytes behind its Ethernet header, the count of padding
// included.
static void counts_frames_that_are_too_long(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  fill_slots(region);
  CHECK(oskr_dpdk_mtu(1, 1000) == -ENODEV);
  CHECK(oskr_dpdk_mtu(0, 1000) == 0);
  for (uint32_t i = 0; i < 10; i++)
    put_entry(region, i, (uint8_t)i, (uint16_t)i, (uint16_t)(i % 2 == 0 ? 996 : 997));
  CHECK(oskr_dpdk_send(0, 10) == 5);
  CHECK(oskr_dpdk_receive(0) == 5);
  for (uint32_t i = 0; i < 5; i++) expect_frame(region, i, (uint8_t)(2 * i), 2 * i, 996);
  CHECK(region->statistics.too_long == 5 && region->statistics.unsent == 0);
  CHECK(oskr_dpdk_receive(0) == 0);
  CHECK(rte_mempool_in_use_count(oskr_port(0)->pool) == 0);
}

static void counts_frames_that_are_not_ours(void) {
  CHECK(start_eal(1, (const char *const[]){"net_null0"}) == 1);
  struct oskr_region *region = open_port(0);
  CHECK(oskr_dpdk_link(0) == 1);
  for (uint32_t i = 1; i <= 10; i++) {
    CHECK(oskr_dpdk_receive(0) == 0);
    CHECK(region->statistics.foreign == i * 32.0 || region->statistics.foreign == i * 64.0);
  }
  put_entry(region, 0, 1, 0, 100);
  CHECK(oskr_dpdk_send(0, 1) == 1);
}

// net_null takes any address, net_ring only has the one it was made with.
static void takes_an_address_or_keeps_its_own(void) {
  CHECK(start_eal(2, (const char *const[]){"net_null0", "net_ring0"}) == 2);
  for (uint32_t port = 0; port < 2; port++) {
    struct rte_eth_dev_info info;
    struct oskr_region *region = open_port(port);
    uint8_t own[6];
    uint8_t wanted[6];
    memcpy(own, region->mac, 6);
    mac_of(wanted, 9);
    CHECK(oskr_dpdk_set_mac(port) == 0);
    CHECK(rte_eth_dev_info_get((uint16_t)port, &info) == 0);
    int able = strcmp(info.driver_name, "net_null") == 0;
    memcpy(region->mac, wanted, 6);
    CHECK(oskr_dpdk_set_mac(port) == (able ? 0 : -ENOTSUP));
    CHECK(memcmp(region->mac, able ? wanted : own, 6) == 0);
  }
}

static void drops_malformed_frames(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  uint8_t frame[2048] = {0};
  frame[12] = 0x88;
  frame[13] = 0xd6;
  const struct {
    uint32_t length;
    uint8_t last;
    int accepted;
  } cases[] = {
      {13, 0, 0},   {14, 0, 0},     {59, 0, 0},   {60, 43, 0},  {60, 42, 1},  {60, 0, 1},
      {60, 255, 0}, {1514, 255, 1}, {1514, 0, 1}, {1515, 0, 0}, {2048, 0, 0},
  };
  double dropped = 0;
  for (uint32_t i = 0; i < RTE_DIM(cases); i++) {
    memset(frame + 14, 0x5a, sizeof(frame) - 14);
    frame[cases[i].length - 1] = cases[i].length > 14 ? cases[i].last : frame[cases[i].length - 1];
    CHECK(send_raw(0, frame, &cases[i].length, 1) == 1);
    CHECK(oskr_dpdk_receive(0) == cases[i].accepted);
    if (cases[i].accepted) CHECK(region->lengths[0] == cases[i].length - cases[i].last - 1);
    dropped += !cases[i].accepted;
    CHECK(region->statistics.malformed == dropped);
  }
}

// A chain of buffers is one packet to a NIC; ours are never that long.
static void drops_chains(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  struct rte_mbuf *chain[2];
  CHECK(rte_pktmbuf_alloc_bulk(oskr_port(0)->pool, chain, 2) == 0);
  CHECK(rte_pktmbuf_append(chain[0], 1000) != NULL && rte_pktmbuf_append(chain[1], 1000) != NULL);
  CHECK(rte_pktmbuf_chain(chain[0], chain[1]) == 0);
  CHECK(rte_eth_tx_burst(0, 0, chain, 1) == 1);
  CHECK(oskr_dpdk_receive(0) == 0);
  CHECK(region->statistics.malformed == 1);
  CHECK(rte_mempool_in_use_count(oskr_port(0)->pool) == 0);
}

static void survives_random_frames(void) {
  start_ring();
  struct oskr_region *region = open_port(0);
  static uint8_t bytes[OSKR_BURST * SLOT_SIZE];
  srand48(7);
  double accepted = 0;
  for (uint32_t round = 0; round < 1000; round++) {
    uint32_t lengths[OSKR_BURST];
    uint32_t total = 0;
    for (uint32_t i = 0; i < OSKR_BURST; i++) {
      lengths[i] = 1 + (uint32_t)lrand48() % (i % 2 == 0 ? 80 : SLOT_SIZE);
      for (uint32_t k = 0; k < lengths[i]; k++) bytes[total + k] = (uint8_t)lrand48();
      // Half of them get past the check of the type.
      if (lengths[i] > 14 && lrand48() % 2 == 0) {
        bytes[total + 12] = 0x88;
        bytes[total + 13] = 0xd5;
      }
      total += lengths[i];
    }
    CHECK(send_raw(0, bytes, lengths, OSKR_BURST) == OSKR_BURST);
    int32_t count = oskr_dpdk_receive(0);
    CHECK(count >= 0 && count <= OSKR_BURST);
    for (int32_t i = 0; i < count; i++)
      CHECK(region->lengths[i] >= OSKR_HEADER_SIZE && region->lengths[i] < FRAME_MAX);
    accepted += count;
  }
  const struct oskr_statistics *s = &region->statistics;
  CHECK(accepted > 1000 && s->foreign > 1000 && s->malformed > 1000);
  CHECK(accepted + s->foreign + s->malformed == 1000 * OSKR_BURST);
}

int main(void) {
  static const struct test_case cases[] = {
      {"refuses an unknown option in one line", refuses_an_unknown_option},
      {"refuses an absent core in one line", refuses_an_absent_core},
      {"refuses an unknown device in one line", refuses_an_unknown_device},
      {"counts a device that failed", counts_a_device_that_failed},
      {"refuses what is not open", refuses_what_is_not_open},
      {"keeps its processors", keeps_its_processors},
      {"leaves nothing behind", leaves_nothing_behind},
      {"carries every length", carries_every_length},
      {"sends one slot to many", sends_one_slot_to_many},
      {"joins messages for one host", joins_messages_for_one_host},
      {"survives altered joined frames", survives_altered_joined_frames},
      {"drops joined frames that are divided wrongly",
       drops_joined_frames_that_are_divided_wrongly},
      {"keeps more than a burst for the next receive",
       keeps_more_than_a_burst_for_the_next_receive},
      {"refuses entries out of range", refuses_entries_out_of_range},
      {"counts what a full ring refuses", counts_what_a_full_ring_refuses},
      {"counts frames that are too long", counts_frames_that_are_too_long},
      {"counts frames that are not ours", counts_frames_that_are_not_ours},
      {"takes an address or keeps its own", takes_an_address_or_keeps_its_own},
      {"drops malformed frames", drops_malformed_frames},
      {"drops chains of buffers", drops_chains},
      {"survives random frames", survives_random_frames},
  };
  return run_cases(cases, RTE_DIM(cases));
}
