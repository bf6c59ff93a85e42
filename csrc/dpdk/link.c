// Links, and the care that memif's need: see port.h and oskr_dpdk_link.
#define _GNU_SOURCE
#include <errno.h>
#include <rte_alarm.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <sched.h>
#include <string.h>

#include "port.h"

// How often an idle port asks for its link.
#define LINK_NS 10e6
// A memif client that was refused or lost its server stays down for good unless it is started
// again: at once if there was no server, else after a time that leaves room for the handshake with
// a process that waits for a processor, twice as much each time, because on a loaded machine a
// handshake that is begun anew too soon never ends.
#define REFUSED_NS 20e6
#define HANDSHAKE_NS 250e6
#define HANDSHAKE_MAX_NS 4e9

struct errand {
  int (*run)(uint16_t port);
  uint16_t port;
  int result;
  uint32_t done;
};

static void run_errand(void *argument) {
  struct errand *errand = argument;
  errand->result = errand->run(errand->port);
  __atomic_store_n(&errand->done, 1, __ATOMIC_RELEASE);
}

// memif handles what its peer does in EAL's interrupt thread, and both that and this thread would
// take one connection apart when two peers stop at the same time: so all of it happens in that
// thread.
static int in_interrupt_thread(int (*run)(uint16_t port), uint16_t port) {
  struct errand errand = {run, port, 0, 0};
  if (rte_eal_alarm_set(1, run_errand, &errand) != 0) return run(port);
  while (__atomic_load_n(&errand.done, __ATOMIC_ACQUIRE) == 0) sched_yield();
  return errand.result;
}

enum oskr_memif oskr_memif_role(uint16_t port) {
  struct rte_eth_dev_info info;
  if (rte_eth_dev_info_get(port, &info) < 0 || strcmp(info.driver_name, "net_memif") != 0)
    return OSKR_MEMIF_NONE;
  const struct rte_devargs *devargs = rte_dev_devargs(info.device);
  int server = devargs != NULL && devargs->args != NULL && strstr(devargs->args, "role=server");
  return server ? OSKR_MEMIF_SERVER : OSKR_MEMIF_CLIENT;
}

void oskr_port_shut(uint16_t port) {
  if (oskr_memif_role(port) == OSKR_MEMIF_NONE) {
    rte_eth_dev_stop(port);
    rte_eth_dev_close(port);
    return;
  }
  // The second errand also comes behind whatever that thread was still doing for the port.
  in_interrupt_thread(rte_eth_dev_stop, port);
  in_interrupt_thread(rte_eth_dev_close, port);
}

static int link_is_up(uint16_t port) {
  struct rte_eth_link link;
  return rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

int32_t oskr_dpdk_link(uint32_t port) {
  struct oskr_port *p = oskr_port(port);
  if (p == NULL) return oskr_fail(-ENODEV, "port %u: is not open", port);
  double now_ns = oskr_now_ns();
  p->link_asked_ns = now_ns;
  p->region->link_up = p->started && link_is_up(p->number);
  if (p->region->link_up) p->handshake_ns = HANDSHAKE_NS;
  double patience_ns = p->started ? RTE_MAX(p->handshake_ns, HANDSHAKE_NS) : REFUSED_NS;
  if (p->region->link_up || p->memif != OSKR_MEMIF_CLIENT || now_ns - p->tried_ns < patience_ns)
    return (int32_t)p->region->link_up;
  p->tried_ns = now_ns;
  if (p->started) {
    p->handshake_ns = RTE_MIN(2 * patience_ns, HANDSHAKE_MAX_NS);
    in_interrupt_thread(rte_eth_dev_stop, p->number);
  }
  p->started = in_interrupt_thread(rte_eth_dev_start, p->number) == 0;
  return 0;
}

void oskr_port_idle(struct oskr_port *p, double now_ns) {
  if (now_ns - p->link_asked_ns >= LINK_NS) oskr_dpdk_link(p->number);
}
