// libsecp256k1.a reports its own bugs on stderr. Distributions build it for executables: its
// reference to libc's variable cannot be linked into a shared object, so the build renames it to
// this one.

#include <stdio.h>

__attribute__((visibility("hidden"))) FILE *oskr_stderr;

__attribute__((constructor)) static void point_to_stderr(void) { oskr_stderr = stderr; }
