// Memory that C owns and JavaScript maps: zeroed pages, taken from the system when first touched.
#ifndef OSKR_REGION_H
#define OSKR_REGION_H

#include <stddef.h>
#include <stdint.h>

#include "sha256.h"

// NULL on failure, which oskr_error() then reports.
OSKR_HIDDEN void *oskr_region_map(size_t length);
OSKR_HIDDEN void oskr_region_unmap(void *region, size_t length);
// Records why a function is about to return NULL; `error` is a positive errno. Returns NULL.
OSKR_HIDDEN void *oskr_fail(int error);
struct oskr_udp;
// The file descriptor.
OSKR_HIDDEN int32_t oskr_udp_socket(const struct oskr_udp *udp);
// Says that the calling thread, which oskr_pin_self may have pinned, is about to end.
OSKR_HIDDEN void oskr_pin_forget(void);

#endif
