/* What ../oskr_dpdk.c, burst.c and fabric.c share. */
#ifndef OSKR_PORT_H
#define OSKR_PORT_H

#include "../oskr_dpdk.h"

#include <time.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define OSKR_SECOND_NS 1e9

struct oskr_port {
    struct oskr_region *region;
    struct rte_mempool *pool;
    double link_asked_ns;
    uint16_t number;
};

/* Null unless the port is open. */
struct oskr_port *oskr_port(uint32_t port);
/* Leaves a line in oskr_dpdk_text() and returns `error`. */
int32_t oskr_fail(int32_t error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Configures and starts a port with one queue each way; `descriptors` (receive, send) are adjusted. */
int32_t oskr_port_start(uint16_t port, struct rte_mempool *pool, uint64_t offloads_wanted,
                        uint16_t descriptors[2]);

/* CLOCK_MONOTONIC, exact to the nanosecond for the first 104 days after the machine started. */
static inline double oskr_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * OSKR_SECOND_NS + (double)t.tv_nsec;
}

#endif
