#include "region.h"

#include <errno.h>
#include <sys/mman.h>

#include "oskr_native.h"

// Initial-exec, so that the library needs libc alone and not the dynamic linker by name.
static _Thread_local int32_t last_error __attribute__((tls_model("initial-exec")));

uint32_t oskr_native_version(void) { return OSKR_NATIVE_VERSION; }

int32_t oskr_error(void) { return last_error; }

void *oskr_fail(int error) {
  last_error = -error;
  return NULL;
}

void *oskr_region_map(size_t length) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *region = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
  return region == MAP_FAILED ? oskr_fail(errno) : region;
}

void oskr_region_unmap(void *region, size_t length) {
  if (region != NULL) munmap(region, length);
}
