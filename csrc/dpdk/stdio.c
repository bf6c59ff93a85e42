// Debian's libmlx5.a, libibverbs.a and libnl are compiled for executables: their references to
// stdout and stderr cannot be resolved from a shared object. The build renames those in copies of
// the archives to these two, which are our own.
#include <stdio.h>

FILE *oskr_stdout __attribute__((visibility("hidden")));
FILE *oskr_stderr __attribute__((visibility("hidden")));

__attribute__((constructor)) static void oskr_stdio(void) {
  oskr_stdout = stdout;
  oskr_stderr = stderr;
}
