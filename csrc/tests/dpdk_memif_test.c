// What memif adds to a port: peers that come, are killed, and come again.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dpdk_test.h"

static void memif_port(const char *role, const char *path, uint8_t number) {
  char device[160];
  snprintf(device, sizeof(device), "%s/%s", directory, path);
  if (strcmp(role, "server") == 0) unlink(device);  // left by one that was killed
  snprintf(device, sizeof(device),
           "net_memif0,role=%s,socket=%s/%s,socket-abstract=no,mac=12:34:56:00:00:%02x", role,
           directory, path, number);
  CHECK(start_eal(1, (const char *const[]){device}) == 1);
}

// Waits until the link is as wanted; the alarm ends it if that never comes.
static void wait_link(int32_t up) {
  while (oskr_dpdk_link(0) != up) usleep(1000);
}

static void echo_server(void) {
  static const uint32_t never = 0;
  const struct oskr_echo echo = {.request_kind = 7,
                                 .reply_kind = 9,
                                 .keep_from = 2,
                                 .keep = 4,
                                 .zeros = 3,
                                 .part_kind = 5,
                                 .part_header = 18};
  memif_port("server", "echo", 1);
  open_port(0);
  oskr_dpdk_echo(0, &echo, &never);
}

static void asks_the_echo(uint32_t rounds) {
  struct oskr_region *region = open_port(0);
  uint8_t mac[6];
  mac_of(mac, 2);
  CHECK(memcmp(region->mac, mac, 6) == 0);
  wait_link(1);
  for (uint32_t round = 0; round < rounds; round++) {
    const uint8_t request[] = {7, 0, (uint8_t)round, (uint8_t)(round >> 8), 1, 2, 99};
    const uint8_t reply[] = {9, (uint8_t)round, (uint8_t)(round >> 8), 1, 2, 0, 0, 0};
    memcpy(oskr_send_slot(region, 3), request, sizeof(request));
    memcpy(oskr_send_slot(region, 4), request, sizeof(request));
    oskr_send_slot(region, 4)[0] = 8;  // not the kind that is answered
    put_entry(region, 0, 1, 3, sizeof(request));
    put_entry(region, 1, 1, 4, sizeof(request));
    put_entry(region, 2, 1, 3, 5);  // too short to be answered
    CHECK(oskr_dpdk_send(0, 3) == 3);
    while (oskr_dpdk_receive(0) == 0) sched_yield();
    CHECK(region->lengths[0] == OSKR_HEADER_SIZE + sizeof(reply));
    CHECK(memcmp(oskr_receive_slot(region, 0) + OSKR_HEADER_SIZE, reply, sizeof(reply)) == 0);
    CHECK(oskr_receive_slot(region, 0)[14] == 0x81 && oskr_receive_slot(region, 0)[15] == 1);
    CHECK(oskr_receive_slot(region, 0)[16] == 3);
    CHECK(memcmp(oskr_receive_slot(region, 0), mac, 6) == 0);
  }
  CHECK(oskr_dpdk_receive(0) == 0);
}

// A part of a request, with `length` bytes of it; the first has the request's own beginning.
static void put_request_part(struct oskr_region *region, uint16_t entry, uint8_t number,
                             uint8_t index, uint8_t count, uint16_t length) {
  const uint8_t request[] = {7, 0, number, 2, 3, 4, 99};
  uint8_t *payload = oskr_send_slot(region, entry);
  memset(payload, 0, 18u + length);
  payload[0] = 5;
  payload[8] = number;
  payload[11] = index;
  payload[13] = count;
  if (index == 0) memcpy(payload + 18, request, sizeof(request));
  put_part(region, entry, 1, entry, (uint16_t)(18 + length));
}

// The reply, and nothing else.
static void check_answered(struct oskr_region *region, uint8_t number) {
  const uint8_t reply[] = {9, number, 2, 3, 4, 0, 0, 0};
  int32_t came = 0;
  while ((came = oskr_dpdk_receive(0)) == 0) sched_yield();
  CHECK(came == 1);
  CHECK(region->lengths[0] == OSKR_HEADER_SIZE + sizeof(reply));
  CHECK(memcmp(oskr_receive_slot(region, 0) + OSKR_HEADER_SIZE, reply, sizeof(reply)) == 0);
  CHECK(oskr_receive_slot(region, 0)[13] == 0xd5);
}

static void asks_in_parts(void) {
  struct oskr_region *region = oskr_dpdk_region(0);
  for (uint8_t number = 1; number < 200; number += 2) {
    uint8_t other = (uint8_t)(number + 1);
    put_request_part(region, 0, number, 0, 3, 1400);
    put_request_part(region, 1, other, 0, 2, 1400);
    put_request_part(region, 2, number, 1, 3, 1400);
    put_request_part(region, 3, other, 1, 2, 30);
    CHECK(oskr_dpdk_send(0, 4) == 4);
    check_answered(region, other);
    // What was answered is not answered again.
    put_request_part(region, 0, other, 0, 2, 1400);
    CHECK(oskr_dpdk_send(0, 1) == 1);
    put_request_part(region, 0, number, 2, 3, 0);
    put_request_part(region, 1, 0, 0, 1, 7);
    oskr_send_slot(region, 1)[0] = 4;  // not the kind of a part
    put_request_part(region, 2, 0, 0, 1, 7);
    region->entries[2].length = 17;  // too short to be one
    CHECK(oskr_dpdk_send(0, 3) == 3);
    check_answered(region, number);
  }
  CHECK(oskr_dpdk_receive(0) == 0);
}

static void asks_a_little(void) {
  memif_port("client", "echo", 2);
  asks_the_echo(1000);
  asks_in_parts();
  CHECK(oskr_dpdk_stop() == 0);
}

// Until it is killed. In whole requests only: the server remembers which numbers of requests in
// parts it answered, because it answers each once.
static void asks_for_ever(void) {
  memif_port("client", "echo", 2);
  asks_the_echo(UINT32_MAX);
}

static void echoes_between_processes(void) {
  pid_t server = spawn(echo_server);
  CHECK(wait_for(spawn(asks_a_little)) == 0);
  kill(server, SIGKILL);
  CHECK(wait_for(server) == -SIGKILL);
}

// A client that is killed any number of times does not disturb the server.
static void serves_clients_that_are_killed(void) {
  pid_t server = spawn(echo_server);
  for (uint32_t i = 0; i < 5; i++) {
    pid_t client = spawn(asks_for_ever);
    usleep(100000 + i * 20000);
    kill(client, SIGKILL);
    CHECK(wait_for(client) == -SIGKILL);
  }
  CHECK(wait_for(spawn(asks_a_little)) == 0);
  kill(server, SIGKILL);
  CHECK(wait_for(server) == -SIGKILL);
}

static volatile uint32_t *phase;

static void wait_phase(uint32_t value) {
  while (__atomic_load_n(phase, __ATOMIC_ACQUIRE) != value) usleep(1000);
}

static void outlives_its_server(void) {
  memif_port("client", "echo", 2);
  asks_the_echo(100);
  __atomic_store_n(phase, 1, __ATOMIC_RELEASE);
  wait_link(0);
  struct oskr_region *region = oskr_dpdk_region(0);
  put_entry(region, 0, 1, 3, 7);
  CHECK(oskr_dpdk_send(0, 1) == 0);
  CHECK(region->statistics.unsent == 1);
  __atomic_store_n(phase, 2, __ATOMIC_RELEASE);
  while (!region->link_up) {
    CHECK(oskr_dpdk_receive(0) == 0);
    usleep(1000);
  }
  CHECK(oskr_dpdk_send(0, 1) == 1);
  while (oskr_dpdk_receive(0) == 0) sched_yield();
}

// The other way round: the client's receive finds the new server by itself.
static void finds_a_server_that_started_again(void) {
  phase = shared_words();
  pid_t server = spawn(echo_server);
  pid_t client = spawn(outlives_its_server);
  wait_phase(1);
  kill(server, SIGKILL);
  CHECK(wait_for(server) == -SIGKILL);
  wait_phase(2);
  server = spawn(echo_server);
  CHECK(wait_for(client) == 0);
  kill(server, SIGKILL);
  CHECK(wait_for(server) == -SIGKILL);
}

static void echo_stops_when_told(void) {
  CHECK(start_eal(1, (const char *const[]){"net_ring0"}) == 1);
  open_port(0);
  volatile uint32_t *stop = shared_words();
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    usleep(50000);
    __atomic_store_n(stop, 1, __ATOMIC_RELAXED);
    _exit(0);
  }
  struct oskr_echo echo = {.request_kind = 1, .reply_kind = 2, .keep = 1496};
  CHECK(oskr_dpdk_echo(0, &echo, stop) == -EINVAL);
  echo.keep = 10;
  echo.part_header = 16;
  CHECK(oskr_dpdk_echo(0, &echo, stop) == -EINVAL);
  echo.part_header = 17;
  echo.keep_from = OSKR_ECHO_HEAD - 9;
  CHECK(oskr_dpdk_echo(0, &echo, stop) == -EINVAL);
  echo.keep_from--;
  CHECK(oskr_dpdk_echo(0, &echo, stop) == 0);
  CHECK(*stop == 1);
  CHECK(wait_for(child) == 0);
}

int main(void) {
  static const struct test_case cases[] = {
      {"echoes between processes", echoes_between_processes},
      {"serves clients that are killed", serves_clients_that_are_killed},
      {"finds a server that started again", finds_a_server_that_started_again},
      {"echo stops when told", echo_stops_when_told},
  };
  return run_cases(cases, RTE_DIM(cases));
}
