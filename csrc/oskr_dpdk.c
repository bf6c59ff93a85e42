// EAL and ports: see oskr_dpdk.h. Bursts are in dpdk/burst.c, what memif needs besides in
// dpdk/link.c.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_version.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dpdk/port.h"

#define DESCRIPTORS 1024
#define POOL_CACHE 256
#define ARGUMENTS_MAX 96
#define REASONS_MAX 3
#define LINE_SIZE 512

static char text[OSKR_TEXT_SIZE];
static struct oskr_port *ports[OSKR_PORTS_MAX];
static int started;

_Static_assert(OSKR_PORTS_MAX <= RTE_MAX_ETHPORTS, "no more ports than DPDK has");

uint32_t oskr_dpdk_version(void) { return OSKR_DPDK_VERSION; }

const char *oskr_dpdk_release(void) { return rte_version(); }

char *oskr_dpdk_text(void) { return text; }

int32_t oskr_fail(int32_t error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return error;
}

struct oskr_port *oskr_port(uint32_t port) {
  return port < OSKR_PORTS_MAX ? ports[port] : NULL;
}

struct oskr_region *oskr_dpdk_region(uint32_t port) {
  struct oskr_port *p = oskr_port(port);
  return p == NULL ? NULL : p->region;
}

// EAL reports by printing, in three ways: its log, getopt's standard error and a page of usage.
// While it starts, both outputs go to a file in memory, of which one line is worth showing.
struct capture {
  int file;
  int out;
  int err;
};

static int capture_begin(struct capture *c) {
  c->file = memfd_create("oskr-eal", MFD_CLOEXEC);
  if (c->file < 0) return -errno;
  fflush(stdout);
  c->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  c->err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2(c->file, STDOUT_FILENO);
  dup2(c->file, STDERR_FILENO);
  return 0;
}

static void restore_output(int saved, int number) {
  if (saved < 0) {
    close(number);
    return;
  }
  dup2(saved, number);
  close(saved);
}

// Puts the outputs back and returns what was printed, to be freed; null if there is no memory.
static char *capture_end(struct capture *c) {
  fflush(stdout);
  restore_output(c->out, STDOUT_FILENO);
  restore_output(c->err, STDERR_FILENO);
  off_t size = lseek(c->file, 0, SEEK_END);
  char *printed = size < 0 ? NULL : calloc(1, (size_t)size + 1);
  if (printed != NULL && pread(c->file, printed, (size_t)size, 0) < 0) printed[0] = '\0';
  close(c->file);
  return printed;
}

// What a printed line says of an error; null if it is none: EAL's own, those of drivers, which
// name a function, and getopt's, rather than the page of usage.
static const char *error_in(const char *line) {
  const char *call = strstr(line, "(): ");
  if (strncmp(line, "EAL: ", 5) == 0)
    line += 5;
  else if (call != NULL)
    line = call + 4;
  else if (strncmp(line, "oskr: ", 6) == 0)
    line += 6;
  else
    return NULL;
  if (strncmp(line, "FATAL: ", 7) == 0) line += 7;
  return line + strspn(line, " ");
}

// The first few reasons among what was printed, in one line: the driver's own comes first.
static void explain(char *printed, char *line, size_t size) {
  char *rest = printed;
  uint32_t reasons = 0;
  line[0] = '\0';
  for (char *l; reasons < REASONS_MAX && rest != NULL && (l = strsep(&rest, "\n")) != NULL;) {
    l[strcspn(l, "\r")] = '\0';
    for (size_t end = strlen(l); end > 0 && strchr(" .", l[end - 1]) != NULL;) l[--end] = '\0';
    const char *reason = error_in(l);
    if (reason == NULL || reason[0] == '\0' || strstr(line, reason) != NULL) continue;
    size_t at = strlen(line);
    snprintf(line + at, size - at, "%s%s", reasons++ > 0 ? "; " : "", reason);
  }
}

static struct capture log_capture;
static uint32_t log_level;

int32_t oskr_log_begin(void) {
  int error = capture_begin(&log_capture);
  if (error < 0) return oskr_fail(error, "cannot capture what drivers print");
  log_level = rte_log_get_global_level();
  if (log_level < RTE_LOG_ERR) rte_log_set_global_level(RTE_LOG_ERR);
  return 0;
}

int32_t oskr_log_end(int32_t result) {
  char reasons[LINE_SIZE];
  rte_log_set_global_level(log_level);
  char *printed = capture_end(&log_capture);
  if (log_level >= RTE_LOG_ERR && printed != NULL) fputs(printed, stderr);
  explain(printed, reasons, sizeof(reasons));
  free(printed);
  size_t at = strlen(text);
  if (result < 0 && reasons[0] != '\0') snprintf(text + at, sizeof(text) - at, ": %s", reasons);
  return result;
}

// Splits the text into arguments; returns how many, or a negative errno.
static int32_t split(char *lines, char *argv[], int32_t *has_log_level) {
  int32_t argc = 0;
  char *rest = lines;
  argv[argc++] = "oskr";
  argv[argc++] = "--log-level=error";
  for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
    if (line[0] == '\0') continue;
    if (argc == ARGUMENTS_MAX) return -E2BIG;
    if (strncmp(line, "--log-level", 11) == 0) *has_log_level = 1;
    argv[argc++] = line;
  }
  argv[argc] = NULL;
  return argc;
}

int32_t oskr_dpdk_start(void) {
  static char lines[OSKR_TEXT_SIZE];  // EAL keeps pointers into its arguments.
  static char *argv[ARGUMENTS_MAX + 1];
  int32_t has_log_level = 0;
  struct capture capture = {-1, -1, -1};
  cpu_set_t processors;

  if (started) return oskr_fail(-EALREADY, "EAL can be started once in a process");
  memcpy(lines, text, sizeof(lines));
  lines[sizeof(lines) - 1] = '\0';
  int32_t argc = split(lines, argv, &has_log_level);
  if (argc < 0) return oskr_fail(argc, "more than %d EAL arguments", ARGUMENTS_MAX - 2);
  // EAL pins the thread that starts it, and every later thread of the process would inherit that.
  if (sched_getaffinity(0, sizeof(processors), &processors) != 0)
    return oskr_fail(-errno, "cannot read the processors of this thread");
  int error = capture_begin(&capture);
  if (error < 0) return oskr_fail(error, "cannot capture what EAL prints");
  started = 1;
  int result = rte_eal_init(argc, argv);
  error = rte_errno;
  char *printed = capture_end(&capture);
  if (sched_setaffinity(0, sizeof(processors), &processors) != 0)
    return oskr_fail(-errno, "cannot restore the processors of this thread");
  if (has_log_level && printed != NULL) fputs(printed, stderr);
  if (!has_log_level) rte_log_set_global_level(RTE_LOG_CRIT);
  char line[LINE_SIZE];
  explain(printed, line, sizeof(line));
  free(printed);
  if (result < 0)
    return oskr_fail(error > 0 ? -error : -EINVAL, "EAL did not start: %s",
                     line[0] != '\0' ? line : rte_strerror(error));
  // Kept even on success: it says why there are fewer ports than devices asked for.
  oskr_fail(0, "%s", line);
  return rte_eth_dev_count_avail();
}

// Not rte_eal_cleanup: it unmaps memory that EAL's interrupt thread, which goes on, may be reading
// at that moment (seen as a crash when both ends of a memif stopped at once). The end of the
// process frees all.
int32_t oskr_dpdk_stop(void) {
  for (uint32_t i = 0; i < OSKR_PORTS_MAX; i++)
    if (ports[i] != NULL) oskr_dpdk_close(i);
  return 0;
}

int32_t oskr_refuse_mtu(uint32_t port, uint32_t mtu) {
  if (mtu >= OSKR_MTU && mtu <= OSKR_MTU_MAX) return 0;
  return oskr_fail(-EINVAL, "port %u: an MTU of %u is not from %u to %u", port, mtu, OSKR_MTU,
                   OSKR_MTU_MAX);
}

struct rte_mempool *oskr_pool(const char *name, uint32_t count, uint32_t cache, uint32_t mtu,
                              int socket) {
  uint16_t room = (uint16_t)(RTE_PKTMBUF_HEADROOM + oskr_slot_size(mtu));
  struct rte_mempool *pool = rte_pktmbuf_pool_create(name, count, cache, 0, room, socket);
  if (pool == NULL)
    oskr_fail(-rte_errno, "%s: no memory for %u packets; give EAL more with -m", name, count);
  return pool;
}

// Has the driver take longer frames than any network has, which is asked for on purpose only,
// because some drivers change the interface for all. Those that know nothing of it take any.
static int32_t set_mtu(uint16_t port, uint32_t mtu) {
  int result = rte_eth_dev_set_mtu(port, (uint16_t)mtu);
  if (result == 0 || result == -ENOTSUP) return 0;
  return oskr_fail(result, "port %u: cannot have an MTU of %u: %s", port, mtu,
                   rte_strerror(-result));
}

int32_t oskr_port_set_up(uint16_t port, struct rte_mempool *pool, uint64_t offloads_wanted,
                         uint16_t descriptors[2], uint32_t mtu) {
  struct rte_eth_dev_info info;
  struct rte_eth_conf configuration = {0};

  int result = rte_eth_dev_info_get(port, &info);
  if (result < 0) return oskr_fail(result, "port %u: no such port", port);
  configuration.txmode.offloads = offloads_wanted & info.tx_offload_capa;
  // A memif's frames are as long as its buffers, of which EAL was told.
  int asks = mtu > OSKR_MTU && oskr_memif_role(port) == OSKR_MEMIF_NONE;
  // Drivers that tell no MTU, such as af_packet, tell their longest frame, which counts as well.
  uint32_t most = info.max_mtu;
  if (most == UINT16_MAX && info.max_rx_pktlen < UINT16_MAX)
    most = info.max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;
  if (asks && mtu > most)
    return oskr_fail(-EINVAL, "port %u: cannot have an MTU of %u: %u at most", port, mtu, most);
  if (asks) configuration.rxmode.mtu = mtu;
  if ((result = rte_eth_dev_configure(port, 1, 1, &configuration)) < 0)
    return oskr_fail(result, "port %u: cannot be configured: %s", port, rte_strerror(-result));
  if (asks && (result = set_mtu(port, mtu)) < 0) return result;
  result = rte_eth_dev_adjust_nb_rx_tx_desc(port, &descriptors[0], &descriptors[1]);
  if (result < 0)
    return oskr_fail(result, "port %u: no ring sizes: %s", port, rte_strerror(-result));
  unsigned socket = (unsigned)rte_eth_dev_socket_id(port);
  struct rte_eth_txconf send_queue = info.default_txconf;
  send_queue.offloads = configuration.txmode.offloads;
  result = rte_eth_rx_queue_setup(port, 0, descriptors[0], socket, NULL, pool);
  if (result == 0) result = rte_eth_tx_queue_setup(port, 0, descriptors[1], socket, &send_queue);
  if (result < 0) return oskr_fail(result, "port %u: no queues: %s", port, rte_strerror(-result));
  return 0;
}

static int32_t open_port(struct oskr_port *p, uint32_t flags, uint32_t mtu) {
  uint16_t descriptors[2] = {DESCRIPTORS, DESCRIPTORS};
  char name[32];
  struct rte_ether_addr mac;

  // Enough for both rings, a burst in hand each way and what the cache keeps back.
  uint32_t count = 2 * DESCRIPTORS + 2 * OSKR_BURST + 2 * POOL_CACHE;
  snprintf(name, sizeof(name), "oskr-%u", p->number);
  p->pool = oskr_pool(name, count, POOL_CACHE, mtu, rte_eth_dev_socket_id(p->number));
  if (p->pool == NULL) return -rte_errno;
  // Safe to ask for: every packet sent comes from this one pool and has one owner.
  int32_t result =
      oskr_port_set_up(p->number, p->pool, RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE, descriptors, mtu);
  if (result < 0) return result;
  p->memif = oskr_memif_role(p->number);
  p->tried_ns = oskr_now_ns();
  result = rte_eth_dev_start(p->number);
  p->started = result == 0;
  // A memif client cannot start before its server: receive tries again.
  if (result < 0 && p->memif != OSKR_MEMIF_CLIENT)
    return oskr_fail(result, "port %u: cannot be started: %s", p->number, rte_strerror(-result));
  // Drivers that cannot be told receive everything, as memif does, or are asked in vain: no
  // matter.
  if (flags & OSKR_OPEN_PROMISCUOUS) rte_eth_promiscuous_enable(p->number);
  if (flags & OSKR_OPEN_ALL_MULTICAST) rte_eth_allmulticast_enable(p->number);
  if ((result = rte_eth_macaddr_get(p->number, &mac)) < 0)
    return oskr_fail(result, "port %u: has no MAC address", p->number);
  memcpy(p->region->mac, mac.addr_bytes, sizeof(p->region->mac));
  rte_eth_stats_reset(p->number);
  return 0;
}

static void free_port(struct oskr_port *p) {
  oskr_arrived_drop(&p->arrived);
  oskr_port_shut(p->number);
  rte_mempool_free(p->pool);
  free(p->region);
  free(p);
}

// Gives a port its region, and the slots in it.
static int make_region(struct oskr_port *p, uint32_t mtu) {
  p->slot_size = oskr_slot_size(mtu);
  size_t size = RTE_ALIGN_CEIL(oskr_region_size(p->slot_size), 4096);
  p->region = aligned_alloc(4096, size);
  if (p->region == NULL) return 0;
  memset(p->region, 0, size);
  p->region->slot_size = p->slot_size;
  p->send_slots = oskr_send_slot(p->region, 0);
  p->receive_slots = oskr_receive_slot(p->region, 0);
  p->frame_max = oskr_frame_max(mtu);
  p->payload_max = oskr_payload_max(mtu);
  p->arrived.frame_max = p->frame_max;
  return 1;
}

int32_t oskr_dpdk_open(uint32_t port, uint32_t flags, uint32_t mtu) {
  if (port >= OSKR_PORTS_MAX || !rte_eth_dev_is_valid_port((uint16_t)port))
    return oskr_fail(-ENODEV, "port %u: no such port; there are %u", port,
                     rte_eth_dev_count_avail());
  if (ports[port] != NULL) return oskr_fail(-EBUSY, "port %u: is open", port);
  if (oskr_refuse_mtu(port, mtu) < 0) return -EINVAL;
  struct oskr_port *p = calloc(1, sizeof(*p));
  if (p == NULL) return oskr_fail(-ENOMEM, "port %u: no memory", port);
  p->number = (uint16_t)port;
  if (!make_region(p, mtu)) {
    free(p);
    return oskr_fail(-ENOMEM, "port %u: no memory", port);
  }
  int32_t result = oskr_log_begin();
  if (result == 0) result = oskr_log_end(open_port(p, flags, mtu));
  if (result < 0) {
    free_port(p);
    return result;
  }
  ports[port] = p;
  oskr_dpdk_link(port);
  return 0;
}

int32_t oskr_dpdk_close(uint32_t port) {
  struct oskr_port *p = oskr_port(port);
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  ports[port] = NULL;
  free_port(p);
  return 0;
}

int32_t oskr_dpdk_set_mac(uint32_t port) {
  struct oskr_port *p = oskr_port(port);
  struct rte_ether_addr mac;
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  rte_eth_macaddr_get(p->number, &mac);
  // A driver that cannot change its address may have been told this one when it was made.
  if (memcmp(mac.addr_bytes, p->region->mac, sizeof(p->region->mac)) == 0) return 0;
  struct rte_ether_addr wanted;
  memcpy(wanted.addr_bytes, p->region->mac, sizeof(wanted.addr_bytes));
  int result = oskr_log_begin();
  if (result < 0) return result;
  result = rte_eth_dev_default_mac_addr_set(p->number, &wanted);
  if (result < 0) {
    memcpy(p->region->mac, mac.addr_bytes, sizeof(p->region->mac));
    oskr_fail(result, "port %u: cannot change its MAC address: %s", port, rte_strerror(-result));
  }
  return oskr_log_end(result);
}

int32_t oskr_dpdk_numa_node(uint32_t port) {
  struct oskr_port *p = oskr_port(port);
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  int node = rte_eth_dev_socket_id(p->number);
  return node >= 0 ? node : oskr_fail(-ENOENT, "port %u: is on no NUMA node", port);
}

int32_t oskr_dpdk_mtu(uint32_t port, uint32_t mtu) {
  struct oskr_port *p = oskr_port(port);
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  p->leaving_max = OSKR_ETHER_HEADER + mtu;
  return 0;
}

int32_t oskr_dpdk_doorbell(uint32_t port, struct oskr_doorbell *doorbell) {
  struct oskr_port *p = oskr_port(port);
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  p->doorbell = doorbell;
  return 0;
}

int32_t oskr_dpdk_statistics(uint32_t port) {
  struct oskr_port *p = oskr_port(port);
  struct rte_eth_stats stats;
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  int result = rte_eth_stats_get(p->number, &stats);
  if (result < 0) return oskr_fail(result, "port %u: has no statistics", port);
  struct oskr_statistics *s = &p->region->statistics;
  s->received = (double)stats.ipackets;
  s->sent = (double)stats.opackets;
  s->received_bytes = (double)stats.ibytes;
  s->sent_bytes = (double)stats.obytes;
  s->missed = (double)(stats.imissed + stats.rx_nombuf);
  s->errors = (double)stats.ierrors;
  s->send_errors = (double)stats.oerrors;
  return 0;
}
