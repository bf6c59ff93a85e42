#define _GNU_SOURCE
#include "dpdk_test.h"

#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE_SECONDS 120

char directory[64];

void fail_case(const char *file, int line, const char *condition) {
  fprintf(stderr, "%s:%d: %s; last error: %s\n", file, line, condition, oskr_dpdk_text());
  fflush(NULL);
  _exit(1);
}

int32_t start_eal(uint32_t count, const char *const devices[]) {
  char *text = oskr_dpdk_text();
  int at = snprintf(text, OSKR_TEXT_SIZE,
                    "--no-huge\n--no-pci\n--no-shconf\n--no-telemetry\n-m\n256\n"
                    "--file-prefix\noskr-test-%d\n",
                    (int)getpid());
  for (uint32_t i = 0; i < count; i++)
    at += snprintf(text + at, OSKR_TEXT_SIZE - (size_t)at, "--vdev\n%s\n", devices[i]);
  return oskr_dpdk_start();
}

struct oskr_region *open_port(uint32_t port) {
  CHECK(oskr_dpdk_open(port, OSKR_OPEN_PROMISCUOUS, OSKR_MTU) == 0);
  struct oskr_region *region = oskr_dpdk_region(port);
  CHECK(region != NULL);
  return region;
}

pid_t spawn(void (*body)(void)) {
  fflush(NULL);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child > 0) return child;
  alarm(CASE_SECONDS);
  body();
  exit(0);
}

int wait_for(pid_t child) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

volatile uint32_t *shared_words(void) {
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  return page;
}

void mac_of(uint8_t mac[6], uint8_t n) {
  const uint8_t bytes[6] = {0x12, 0x34, 0x56, 0, 0, n};
  memcpy(mac, bytes, sizeof(bytes));
}

void put_entry(struct oskr_region *region, uint32_t index, uint8_t destination, uint16_t slot,
               uint16_t length) {
  struct oskr_entry *entry = &region->entries[index];
  mac_of(entry->destination, destination);
  entry->ether_type[0] = OSKR_ETHER_MESSAGE >> 8;
  entry->ether_type[1] = OSKR_ETHER_MESSAGE & 0xff;
  entry->ids[0] = destination;
  entry->ids[1] = 0x81;
  entry->ids[2] = 3;
  entry->slot = slot;
  entry->length = length;
}

void put_part(struct oskr_region *region, uint32_t index, uint8_t destination, uint16_t slot,
              uint16_t length) {
  put_entry(region, index, destination, slot, length);
  region->entries[index].ether_type[1] = OSKR_ETHER_FRAGMENT & 0xff;
}

void fill_slots(struct oskr_region *region) {
  for (uint32_t slot = 0; slot < OSKR_BURST; slot++)
    for (uint32_t i = 0; i < region->slot_size; i++)
      oskr_send_slot(region, slot)[i] = (uint8_t)(slot * 31 + i * 7);
}

void expect_frame(struct oskr_region *region, uint32_t at, uint8_t destination, uint32_t slot,
                  uint32_t length) {
  const uint8_t *frame = oskr_receive_slot(region, at);
  uint8_t mac[6];
  mac_of(mac, destination);
  CHECK(region->lengths[at] == OSKR_HEADER_SIZE + length);
  CHECK(memcmp(frame, mac, 6) == 0);
  CHECK(memcmp(frame + 6, region->mac, 6) == 0);
  CHECK(frame[12] == 0x88 && frame[13] == 0xd5);
  CHECK(frame[14] == destination && frame[15] == 0x81 && frame[16] == 3);
  CHECK(memcmp(frame + OSKR_HEADER_SIZE, oskr_send_slot(region, slot), length) == 0);
}

uint32_t send_raw(uint16_t port, const uint8_t *bytes, const uint32_t lengths[], uint32_t count) {
  struct rte_mbuf *packets[OSKR_BURST];
  CHECK(rte_pktmbuf_alloc_bulk(oskr_port(port)->pool, packets, count) == 0);
  for (uint32_t i = 0; i < count; i++) {
    char *data = rte_pktmbuf_append(packets[i], (uint16_t)lengths[i]);
    CHECK(data != NULL);
    memcpy(data, bytes, lengths[i]);
    bytes += lengths[i];
  }
  uint32_t sent = rte_eth_tx_burst(port, 0, packets, (uint16_t)count);
  if (sent < count) rte_pktmbuf_free_bulk(packets + sent, count - sent);
  return sent;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw) {
  (void)stat;
  (void)type;
  (void)ftw;
  return remove(path);
}

int run_cases(const struct test_case *cases, uint32_t count) {
  uint32_t failed = 0;
  for (uint32_t i = 0; i < count; i++) {
    strcpy(directory, "/tmp/oskr-test-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    setenv("RUNTIME_DIRECTORY", directory, 1);
    int status = wait_for(spawn(cases[i].run));
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    printf("%s %s\n", status == 0 ? "ok    " : "FAILED", cases[i].name);
    if (status != 0) {
      printf("       ended with %d\n", status);
      failed++;
    }
  }
  printf("%u passed, %u failed\n", count - failed, failed);
  return failed == 0 ? 0 : 1;
}
