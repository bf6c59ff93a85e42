// The switch: see ../oskr_fabric.h. What is delayed waits in delay.c.
#define _GNU_SOURCE
#include <errno.h>
#include <rte_errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "../oskr_fabric.h"
#include "delay.h"
#include "dice.h"
#include "port.h"
#include "sequencer.h"

#define BROADCAST 0xffffffffffffull
#define POOL_COUNT 49151
// How much fewer longer frames are in as much memory.
#define JUMBO_PART 4
#define POOL_CACHE 256
#define DESCRIPTORS 4096
// Frames that wait for one port: the replies of four replicas to some thousand clients at once.
#define QUEUE_MAX 8192
#define QUEUE_MASK (QUEUE_MAX - 1)
// Addresses that a port remembers, the newest; a client that starts again has a new one.
#define LEARNED_MAX 8
#define TABLE_SIZE 2048
#define TABLE_MASK (TABLE_SIZE - 1)
// How often ports are asked whether somebody is connected.
#define LINK_NS 10e6
// How long a frame is held back so that others overtake it, besides twice the delay.
#define HOLD_NS 1e6
#define DELAY_MAX_US 1e7
// Empty turns that yield before one sleeps.
#define YIELDS 2
// How long to sleep while frames wait for room in a peer's ring: nobody rings when there is some.
#define FULL_NS 50e3
// Frames that are due so soon are waited for awake, because a sleep lasts some microseconds longer.
#define SOON_NS 20e3
// How long a frame may wait for its link, at either end: what a router's buffer holds.
#define LINK_QUEUE_NS 50e6
// Preamble, checksum and gap, which a link carries beside a frame.
#define FRAME_EXTRA 24

struct queue {
  struct rte_mbuf *frames[QUEUE_MAX];
  uint32_t head;
  uint32_t tail;
};

struct member {
  struct queue queue;
  struct oskr_doorbell *doorbell;
  uint64_t addresses[LEARNED_MAX];
  uint32_t newest;
  int is_replica;
  int link_up;
  uint64_t last_source;
  uint64_t last_destination;
  uint32_t last_port;
  // When the last bit of what was given to its link, to and from the others, is through.
  double sent_ns;
  double arrived_ns;
  // When the latest frame to each port is there: later ones do not overtake it.
  double latest_ns[OSKR_PORTS_MAX];
};

struct cell {
  uint64_t address;
  uint32_t port;
};

static struct oskr_fabric fabric;
static struct member members[OSKR_PORTS_MAX];
static struct cell table[TABLE_SIZE];
static struct rte_mempool *pool;
static uint32_t queue_max = QUEUE_MAX;
static uint32_t open_count;
static uint64_t group;
static struct oskr_sequencer sequencer;
static double link_asked_ns;
static struct oskr_doorbell *own_doorbell;

_Static_assert(offsetof(struct oskr_fabric, ports) == 64, "src/ffi/dpdk.ts has the same layout");
_Static_assert(sizeof(struct oskr_fabric_port) == 96, "the same");
_Static_assert(offsetof(struct oskr_fabric, paths) == 72 + OSKR_PORTS_MAX * 96, "the same");
_Static_assert(sizeof(struct oskr_fabric) == 96 + 32 * 96 + 32 * 32 * 24, "the same");
_Static_assert(OSKR_PORTS_MAX *LEARNED_MAX * 2 <= TABLE_SIZE, "the table is at most half full");

struct oskr_fabric *oskr_fabric(void) {
  return &fabric;
}

void oskr_fabric_doorbell(struct oskr_doorbell *doorbell) { own_doorbell = doorbell; }

int32_t oskr_fabric_port_doorbell(uint32_t port, struct oskr_doorbell *doorbell) {
  if (port >= open_count) return oskr_fail(-ENODEV, "port %u: is not open", port);
  members[port].doorbell = doorbell;
  return 0;
}

// The bit that marks a group address is in the first byte on the wire, the lowest here.
static inline int is_group(uint64_t address) { return (address & 1) != 0; }

// Nanoseconds that a link takes for a frame; 0 without a bound.
static double link_ns(const struct rte_mbuf *frame) {
  if (fabric.bandwidth_gbps == 0) return 0;
  return 8.0 * (rte_pktmbuf_pkt_len(frame) + FRAME_EXTRA) / fabric.bandwidth_gbps;
}

// When a link is through with a frame that is at its beginning at `at_ns`, which is then under way;
// negative: too much waits for the link. `free_ns` is when it is through with all before that.
static double carry(double *free_ns, double at_ns, const struct rte_mbuf *frame) {
  double start_ns = RTE_MAX(at_ns, *free_ns);
  if (start_ns - at_ns > LINK_QUEUE_NS) return -1;
  return *free_ns = start_ns + link_ns(frame);
}

static uint32_t cell_of(uint64_t address) {
  return (uint32_t)(address * 0x9e3779b97f4a7c15ull >> 53) & TABLE_MASK;
}

// The port of an address, or OSKR_PORTS_MAX.
static uint32_t look_up(uint64_t address) {
  for (uint32_t i = cell_of(address); table[i].address != 0; i = (i + 1) & TABLE_MASK)
    if (table[i].address == address) return table[i].port;
  return OSKR_PORTS_MAX;
}

// Addresses come and go rarely, so the table is made anew each time. The first port to have one
// keeps it.
static void rebuild_table(void) {
  memset(table, 0, sizeof(table));
  for (uint32_t p = 0; p < open_count; p++) {
    members[p].last_destination = 0;
    for (uint32_t a = 0; a < LEARNED_MAX; a++) {
      uint64_t address = members[p].addresses[a];
      if (address == 0 || look_up(address) != OSKR_PORTS_MAX) continue;
      uint32_t i = cell_of(address);
      while (table[i].address != 0) i = (i + 1) & TABLE_MASK;
      table[i] = (struct cell){address, p};
    }
  }
}

// Forgets the address wherever else it was learned: its owner moved here. Replicas do not move.
static void learn(uint32_t port, uint64_t source) {
  struct member *m = &members[port];
  m->last_source = source;
  uint32_t owner = look_up(source);
  if (m->is_replica || owner == port) return;
  if (owner != OSKR_PORTS_MAX) {
    if (members[owner].is_replica) return;
    for (uint32_t a = 0; a < LEARNED_MAX; a++)
      if (members[owner].addresses[a] == source) members[owner].addresses[a] = 0;
    members[owner].last_source = 0;
  }
  m->newest = (m->newest + 1) % LEARNED_MAX;
  m->addresses[m->newest] = source;
  rebuild_table();
}

static uint32_t route(struct member *ingress, uint64_t destination) {
  if (ingress->last_destination != destination) {
    ingress->last_port = look_up(destination);
    ingress->last_destination = destination;
  }
  return ingress->last_port;
}

static inline uint32_t queued(const struct queue *q) { return q->head - q->tail; }

// Owns the frame from here on.
static void enqueue(uint32_t port, struct rte_mbuf *frame) {
  struct queue *q = &members[port].queue;
  if (!members[port].link_up) {
    fabric.ports[port].counts.down++;
    rte_pktmbuf_free(frame);
    return;
  }
  if (queued(q) >= queue_max) {
    fabric.ports[port].counts.full++;
    rte_pktmbuf_free(frame);
    return;
  }
  q->frames[q->head++ & QUEUE_MASK] = frame;
}

// A copy with one bit flipped, since others may hold the frame itself; NULL without room for it.
// Frees the frame.
static struct rte_mbuf *corrupted(struct rte_mbuf *frame) {
  struct rte_mbuf *copy = rte_pktmbuf_copy(frame, frame->pool, 0, UINT32_MAX);
  rte_pktmbuf_free(frame);
  if (copy == NULL) return NULL;
  uint32_t bits = 8 * (rte_pktmbuf_data_len(copy) - RTE_ETHER_HDR_LEN);
  uint32_t bit = (uint32_t)(next_fraction() * bits);
  uint8_t *bytes = rte_pktmbuf_mtod_offset(copy, uint8_t *, RTE_ETHER_HDR_LEN);
  bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  return copy;
}

// Has a frame wait until it is due, or passes it on if none waits that goes before it. Owns the
// frame from here on.
static void wait_for(struct oskr_delayed frame, double now_ns) {
  if (frame.due_ns <= now_ns && frame.carried && frame.due_ns <= oskr_delay_next_ns()) {
    enqueue(frame.port, frame.frame);
  } else if (oskr_delay_push(frame) < 0) {
    fabric.ports[frame.port].counts.full++;
    rte_pktmbuf_free(frame.frame);
  }
}

// A frame is at the link of the port that it leaves by, or through it.
static void arrive(struct oskr_delayed frame, double now_ns) {
  if (frame.carried) {
    enqueue(frame.port, frame.frame);
    return;
  }
  frame.due_ns = carry(&members[frame.port].arrived_ns, frame.due_ns, frame.frame);
  frame.carried = 1;
  if (frame.due_ns < 0) {
    fabric.ports[frame.port].counts.congested++;
    rte_pktmbuf_free(frame.frame);
    return;
  }
  wait_for(frame, now_ns);
}

// When a frame that left its sender at `sent_ns` is at the port's link.
static double path_ns(uint32_t ingress, uint32_t port, double sent_ns) {
  const struct oskr_fabric_path *path = &fabric.paths[ingress][port];
  double due_ns = sent_ns + (fabric.delay_us + path->delay_us) * 1000;
  if (path->jitter_us <= 0) return due_ns;
  double *latest_ns = &members[ingress].latest_ns[port];
  due_ns += next_fraction() * path->jitter_us * 1000;
  return *latest_ns = RTE_MAX(due_ns, *latest_ns);
}

// Rolls the dice for one frame that leaves by one port.
static void leave(uint32_t ingress, uint32_t port, struct rte_mbuf *frame, double now_ns,
                  double sent_ns) {
  struct oskr_fabric_counts *counts = &fabric.ports[port].counts;
  if (happens(fabric.drop) || happens(fabric.paths[ingress][port].loss)) {
    counts->dropped++;
    rte_pktmbuf_free(frame);
    return;
  }
  if (rte_pktmbuf_data_len(frame) > RTE_ETHER_HDR_LEN && happens(fabric.corrupt)) {
    counts->corrupted++;
    frame = corrupted(frame);
    if (frame == NULL) {
      counts->full++;
      return;
    }
  }
  int twice = happens(fabric.duplicate);
  if (twice) {
    counts->duplicated++;
    rte_mbuf_refcnt_update(frame, 1);
  }
  for (int copy = 0; copy <= twice; copy++) {
    double due_ns = path_ns(ingress, port, sent_ns);
    if (happens(fabric.reorder)) {
      counts->reordered++;
      due_ns += next_fraction() * (HOLD_NS + 2000 * fabric.delay_us);
    }
    struct oskr_delayed delayed = {due_ns, frame, port, fabric.bandwidth_gbps == 0};
    wait_for(delayed, now_ns);
  }
}

// To every port but one, or to every replica but one; one reference each.
static void flood(uint32_t ingress, uint32_t but, struct rte_mbuf *frame, int replicas_only,
                  double now_ns, double sent_ns) {
  for (uint32_t p = 0; p < open_count; p++) {
    if (p == but || (replicas_only && !members[p].is_replica)) continue;
    rte_mbuf_refcnt_update(frame, 1);
    leave(ingress, p, frame, now_ns, sent_ns);
  }
  rte_pktmbuf_free(frame);
}

// What is for the fabric's own sequencer. Owns the frame from here on.
static void sequence(uint32_t ingress, struct rte_mbuf *frame, double now_ns, double sent_ns) {
  enum oskr_sequenced goes = OSKR_SEQUENCED_NOWHERE;
  // Nobody else holds it, so that it may be written to.
  if (frame->nb_segs == 1 && rte_mbuf_refcnt_read(frame) == 1)
    goes = oskr_sequence(&sequencer, rte_pktmbuf_mtod(frame, uint8_t *), frame->data_len,
                         members[ingress].is_replica);
  fabric.sequenced += goes != OSKR_SEQUENCED_NOWHERE;
  if (goes == OSKR_SEQUENCED_NOWHERE) return rte_pktmbuf_free(frame);
  if (goes == OSKR_SEQUENCED_BACK) return leave(ingress, ingress, frame, now_ns, sent_ns);
  flood(ingress, OSKR_PORTS_MAX, frame, 1, now_ns, sent_ns);
}

static void forward(uint32_t ingress, struct rte_mbuf *frame, double now_ns) {
  const uint8_t *bytes = rte_pktmbuf_mtod(frame, const uint8_t *);
  struct member *m = &members[ingress];
  if (unlikely(frame->data_len < RTE_ETHER_HDR_LEN || is_group(oskr_address_of(bytes + 6)))) {
    fabric.ports[ingress].counts.malformed++;
    rte_pktmbuf_free(frame);
    return;
  }
  uint64_t source = oskr_address_of(bytes + 6);
  uint64_t destination = oskr_address_of(bytes);
  if (unlikely(source != m->last_source && source != 0)) learn(ingress, source);
  // The network copies what is for several: the sender's link carries it once.
  double sent_ns = carry(&m->sent_ns, now_ns, frame);
  if (unlikely(sent_ns < 0)) {
    fabric.ports[ingress].counts.congested++;
    rte_pktmbuf_free(frame);
    return;
  }
  if (destination == BROADCAST || (destination == group && group != 0)) {
    flood(ingress, ingress, frame, destination != BROADCAST, now_ns, sent_ns);
    return;
  }
  if (destination == oskr_address_of(sequencer.mac) && destination != 0) {
    sequence(ingress, frame, now_ns, sent_ns);
    return;
  }
  uint32_t port = is_group(destination) ? OSKR_PORTS_MAX : route(m, destination);
  if (port == OSKR_PORTS_MAX || port == ingress) {
    fabric.ports[ingress].counts.unknown++;
    rte_pktmbuf_free(frame);
    return;
  }
  leave(ingress, port, frame, now_ns, sent_ns);
}

static uint32_t drain(uint32_t port) {
  struct queue *q = &members[port].queue;
  uint32_t total = 0;
  while (queued(q) > 0) {
    uint32_t at = q->tail & QUEUE_MASK;
    uint32_t part = RTE_MIN(RTE_MIN(queued(q), QUEUE_MAX - at), 2u * OSKR_BURST);
    uint32_t sent = oskr_send_burst((uint16_t)port, q->frames + at, (uint16_t)part);
    q->tail += sent;
    total += sent;
    if (sent < part) break;
  }
  if (total > 0) oskr_doorbell_ring(members[port].doorbell);
  fabric.ports[port].counts.sent += total;
  return total;
}

// Also throws away what waits for ports that nobody is connected to.
static void ask_links(double now_ns) {
  if (now_ns - link_asked_ns < LINK_NS) return;
  link_asked_ns = now_ns;
  for (uint32_t p = 0; p < open_count; p++) {
    struct queue *q = &members[p].queue;
    struct rte_eth_link link = {0};
    members[p].link_up =
        rte_eth_link_get_nowait((uint16_t)p, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
    while (!members[p].link_up && queued(q) > 0) {
      fabric.ports[p].counts.down++;
      rte_pktmbuf_free(q->frames[q->tail++ & QUEUE_MASK]);
    }
  }
}

static uint32_t turn(double now_ns) {
  struct rte_mbuf *frames[OSKR_BURST];
  uint32_t moved = 0;
  for (uint32_t p = 0; p < open_count; p++) {
    uint16_t count = oskr_receive_burst((uint16_t)p, frames, OSKR_BURST);
    if (count == 0) continue;
    // A peer is there as soon as it is heard, whatever was last known of its link.
    members[p].link_up = 1;
    fabric.ports[p].counts.received += count;
    for (uint16_t i = 0; i < count; i++) forward(p, frames[i], now_ns);
    moved += count;
  }
  struct oskr_delayed delayed;
  while (oskr_delay_pop(now_ns, &delayed)) arrive(delayed, now_ns);
  for (uint32_t p = 0; p < open_count; p++)
    if (queued(&members[p].queue) > 0) moved += drain(p);
  return moved;
}

static int frames_wait(void) {
  for (uint32_t p = 0; p < open_count; p++)
    if (queued(&members[p].queue) > 0) return 1;
  return 0;
}

// After the turn number `empty` in a row that moved nothing: yields for a while, then says that it
// will sleep, and does so if the next turn is empty as well.
static void rest(uint32_t empty, double now_ns) {
  if (own_doorbell == NULL || empty < YIELDS || oskr_delay_next_ns() - now_ns < SOON_NS) {
    sched_yield();
  } else if ((empty - YIELDS) % 2 == 0) {
    oskr_doorbell_set(own_doorbell);
  } else {
    double ns = RTE_MIN(frames_wait() ? FULL_NS : LINK_NS, oskr_delay_next_ns() - now_ns);
    oskr_doorbell_sleep(own_doorbell, (uint32_t)(RTE_MAX(0, ns) / 1000));
  }
}

int32_t oskr_fabric_run(const volatile uint32_t *stop, double seconds) {
  if (open_count == 0) return oskr_fail(-ENODEV, "the fabric is not open");
  double start_ns = oskr_now_ns();
  uint32_t empty = 0;
  // Sleeps end when frames are due, and not up to 50 us later; it fails for no thread that may run.
  prctl(PR_SET_TIMERSLACK, 1000ul);
  for (;;) {
    double now_ns = oskr_now_ns();
    if (__atomic_load_n(stop, __ATOMIC_RELAXED) != 0) return 0;
    ask_links(now_ns);
    int moved = turn(now_ns) > 0;
    // Behind a turn, because whoever waits for a processor all that time would have had none.
    if (seconds > 0 && now_ns - start_ns >= seconds * OSKR_SECOND_NS) return 0;
    if (moved) {
      empty = 0;
    } else {
      rest(empty++, now_ns);
    }
  }
}

static int32_t check(void) {
  const double rates[] = {fabric.drop, fabric.duplicate, fabric.reorder, fabric.corrupt};
  for (uint32_t i = 0; i < RTE_DIM(rates); i++)
    if (!(rates[i] >= 0 && rates[i] <= 1))
      return oskr_fail(-EINVAL, "a rate of the fabric is not between 0 and 1");
  if (!(fabric.delay_us >= 0 && fabric.delay_us <= DELAY_MAX_US))
    return oskr_fail(-EINVAL, "the fabric's delay is not between 0 and 10,000,000 us");
  if (fabric.port_count < 1 || fabric.port_count > OSKR_PORTS_MAX)
    return oskr_fail(-EINVAL, "%u ports; a fabric has 1 to %u", fabric.port_count, OSKR_PORTS_MAX);
  if (!(fabric.bandwidth_gbps >= 0))
    return oskr_fail(-EINVAL, "the bandwidth of the fabric's links is negative");
  for (uint32_t i = 0; i < fabric.port_count * fabric.port_count; i++) {
    uint32_t from = i / fabric.port_count, to = i % fabric.port_count;
    const struct oskr_fabric_path *path = &fabric.paths[from][to];
    int fits = path->delay_us >= 0 && path->delay_us <= DELAY_MAX_US && path->jitter_us >= 0 &&
               path->jitter_us <= DELAY_MAX_US && path->loss >= 0 && path->loss <= 1;
    if (!fits) return oskr_fail(-EINVAL, "the fabric's path from %u to %u is impossible", from, to);
  }
  if (oskr_refuse_mtu(0, fabric.mtu) < 0) return -EINVAL;
  if (open_count > 0) return oskr_fail(-EBUSY, "the fabric is open");
  return 0;
}

static int32_t open_ports(void) {
  int32_t result = 0;
  // As much fewer may wait, because no port takes anything in while the pool is empty.
  uint32_t part = oskr_slot_size(fabric.mtu) > oskr_slot_size(OSKR_MTU) ? JUMBO_PART : 1;
  queue_max = QUEUE_MAX / part;
  oskr_delay_limit(OSKR_DELAYED_MAX / part);
  pool =
      oskr_pool("oskr-fabric", (POOL_COUNT + 1) / part - 1, POOL_CACHE, fabric.mtu, SOCKET_ID_ANY);
  if (pool == NULL) return -rte_errno;
  memset(members, 0, sizeof(members));
  for (; open_count < fabric.port_count; open_count++) {
    uint16_t descriptors[2] = {DESCRIPTORS, DESCRIPTORS};
    uint16_t p = (uint16_t)open_count;
    result = oskr_port_set_up(p, pool, 0, descriptors, fabric.mtu);
    if (result == 0 && (result = rte_eth_dev_start(p)) < 0)
      oskr_fail(result, "port %u: cannot be started: %s", p, rte_strerror(-result));
    if (result < 0) {
      oskr_fabric_close();
      return result;
    }
    members[p].addresses[0] = oskr_address_of(fabric.ports[p].mac);
    members[p].is_replica = members[p].addresses[0] != 0;
    fabric.ports[p].counts = (struct oskr_fabric_counts){0};
  }
  return 0;
}

int32_t oskr_fabric_open(void) {
  int32_t result = check();
  if (result == 0) result = oskr_log_begin();
  if (result < 0) return result;
  result = oskr_log_end(open_ports());
  if (result < 0) return result;
  group = oskr_address_of(fabric.group);
  dice = (uint64_t)fabric.seed;
  sequencer = (struct oskr_sequencer){.incarnation = (uint64_t)fabric.incarnation};
  memcpy(sequencer.mac, fabric.sequencer, sizeof(sequencer.mac));
  fabric.sequenced = 0;
  link_asked_ns = 0;
  rebuild_table();
  return 0;
}

int32_t oskr_fabric_close(void) {
  struct oskr_delayed delayed;
  while (oskr_delay_pop(1e300, &delayed)) rte_pktmbuf_free(delayed.frame);
  for (uint32_t p = 0; p < open_count; p++) {
    struct queue *q = &members[p].queue;
    while (queued(q) > 0) rte_pktmbuf_free(q->frames[q->tail++ & QUEUE_MASK]);
    oskr_port_shut((uint16_t)p);
  }
  open_count = 0;
  rte_mempool_free(pool);
  pool = NULL;
  return 0;
}
