// What a polling process asks of the system: a stop flag, time, yielding, processors, its parent's
// end.

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "oskr_native.h"
#include "region.h"

// The processors that the process might use when the library was loaded.
static cpu_set_t allowed;
static uint32_t *stop_word;

__attribute__((constructor)) static void remember_mask(void) {
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) memset(&allowed, 0xff, sizeof allowed);
}

// Some send one stop twice: timeout(1) to the process and then to its group; a terminal to the demo
// and its clients, to which the demo passes it on, when a busy machine lets it.
#define SAME_STOP_NS 500e6

static void on_stop(int signal) {
  static double first_ns;
  (void)signal;
  if (atomic_load((_Atomic uint32_t *)stop_word) == 0) {
    first_ns = oskr_monotonic_ns();
    atomic_fetch_add((_Atomic uint32_t *)stop_word, 1);
  } else if (oskr_monotonic_ns() - first_ns > SAME_STOP_NS) {
    _exit(130);
  }
}

uint32_t *oskr_stop_install(void) {
  // A page of its own: it is mapped into JavaScript, which must see nothing else.
  if (stop_word == NULL) stop_word = oskr_region_map(4096);
  if (stop_word == NULL) return NULL;
  struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0) {
    return oskr_fail(errno);
  }
  // Whoever started the process with nohup wants it to go on when the terminal is closed.
  struct sigaction hangup;
  if (sigaction(SIGHUP, NULL, &hangup) != 0) return oskr_fail(errno);
  if (hangup.sa_handler != SIG_IGN && sigaction(SIGHUP, &action, NULL) != 0) {
    return oskr_fail(errno);
  }
  return stop_word;
}

double oskr_monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

void oskr_yield(void) { sched_yield(); }

void oskr_sleep_us(uint32_t us) {
  struct timespec delay = {us / 1000000, us % 1000000 * 1000L};
  nanosleep(&delay, NULL);
}

// The kernel's struct sched_attr, first version; glibc has none before 2.41.
struct attributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns;
  uint64_t deadline_ns;
  uint64_t period_ns;
};

int32_t oskr_slice_us(uint32_t us) {
  struct attributes attributes;
  if (us < 100 || us > 100000) return -EINVAL;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return -errno;
  attributes.size = sizeof attributes;
  attributes.runtime_ns = us * UINT64_C(1000);
  return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 ? 0 : -errno;
}

int32_t oskr_cpu_allowed(uint32_t cpu) { return cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed); }

// Threads that were pinned on purpose. A thread enters itself before it is pinned, so that nobody
// undoes it.
#define PINNED_MAX 1024
static pthread_mutex_t pinned_lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t pinned[PINNED_MAX];
static uint32_t pinned_count;

static bool is_pinned(pid_t thread) {
  for (uint32_t i = 0; i < pinned_count; i++) {
    if (pinned[i] == thread) return true;
  }
  return false;
}

// Has the calling thread run on this processor only, if the kernel lets it.
static int32_t pin(uint32_t cpu) {
  cpu_set_t set;
  if (cpu >= CPU_SETSIZE) return -EINVAL;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}

int32_t oskr_cpu_try(uint32_t cpu) {
  cpu_set_t before;
  if (sched_getaffinity(0, sizeof before, &before) != 0) return -errno;
  int32_t result = pin(cpu);
  if (result < 0) return result;
  return sched_setaffinity(0, sizeof before, &before) == 0 ? 0 : -errno;
}

int32_t oskr_pin_self(uint32_t cpu) {
  pid_t self = (pid_t)syscall(SYS_gettid);
  int32_t result = 0;
  pthread_mutex_lock(&pinned_lock);
  if (!is_pinned(self)) {
    if (pinned_count < PINNED_MAX) {
      pinned[pinned_count++] = self;
    } else {
      result = -ENOSPC;
    }
  }
  pthread_mutex_unlock(&pinned_lock);
  if (result < 0) return result;
  result = pin(cpu);
  if (result < 0) oskr_pin_forget();
  return result;
}

void oskr_pin_forget(void) {
  pid_t self = (pid_t)syscall(SYS_gettid);
  pthread_mutex_lock(&pinned_lock);
  for (uint32_t i = 0; i < pinned_count; i++) {
    if (pinned[i] == self) pinned[i] = pinned[--pinned_count];
  }
  pthread_mutex_unlock(&pinned_lock);
}

int32_t oskr_unpin_others(void) {
  DIR *tasks = opendir("/proc/self/task");
  if (tasks == NULL) return -errno;
  pid_t self = (pid_t)syscall(SYS_gettid);
  int32_t count = 0;
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    if (!isdigit((unsigned char)task->d_name[0])) continue;
    pid_t thread = (pid_t)strtol(task->d_name, NULL, 10);
    pthread_mutex_lock(&pinned_lock);
    // A thread that ended meanwhile is no error.
    if (thread != self && !is_pinned(thread) &&
        sched_setaffinity(thread, sizeof allowed, &allowed) == 0) {
      count++;
    }
    pthread_mutex_unlock(&pinned_lock);
  }
  closedir(tasks);
  return count;
}

int32_t oskr_socket_serves(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof address.sun_path) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length + 1);
  // The kernel looks for the socket first and at its type then, so that one of another type learns
  // whether it is there without disturbing it. None of ours takes datagrams.
  int probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return -errno;
  int error = connect(probe, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
  close(probe);
  if (error == 0 || error == EPROTOTYPE) return 1;
  return error == ECONNREFUSED || error == ENOENT ? 0 : -error;
}

int32_t oskr_die_with_parent(uint32_t signal, uint32_t parent) {
  if (prctl(PR_SET_PDEATHSIG, (unsigned long)signal) != 0) return -errno;
  return (uint32_t)getppid() == parent ? 0 : -ESRCH;
}
