// What oskr_native offers to JavaScript: Merkle trees, signature threads, UDP bursts, a profiler,
// the process.
//
// All memory shared with JavaScript is allocated here and mapped there once; arguments are 32-bit
// integers, doubles and pointers that these functions returned. Nothing calls back. Functions
// return 0 or more, or a negative errno; those that return a pointer give NULL, and oskr_error()
// says why. src/ffi/native.ts repeats the layouts; OSKR_NATIVE_VERSION changes with any of them.
#ifndef OSKR_NATIVE_H
#define OSKR_NATIVE_H

#include <stdint.h>

#include "joined.h"

#define OSKR_API __attribute__((visibility("default")))
#define OSKR_NATIVE_VERSION 11

OSKR_API uint32_t oskr_native_version(void);
// The negative errno of the last call on this thread that returned NULL.
OSKR_API int32_t oskr_error(void);

// ---- Signature blocks (merkle.c) ----------------------------------------------------------------

#define OSKR_LEAVES_MAX 1024u
#define OSKR_DEPTH_MAX 10u
#define OSKR_SIGNATURE_BYTES 64u
#define OSKR_BLOCK_MIN (1u + 4u + OSKR_SIGNATURE_BYTES)
#define OSKR_BLOCK_MAX (OSKR_BLOCK_MIN + 32u * OSKR_DEPTH_MAX)
#define OSKR_SIGNED_MAX (4u * 1024u * 1024u)
// Bytes of each of several leaves.
#define OSKR_PACKED_MAX 256u

// The block of a one-time signature: 0x80 | number of the batch (8) | index of the key in it (1) |
// salt (16) | elements (16 each) | siblings (16 each) | root signature (64).
#define OSKR_ONETIME_TAG 0x80u
#define OSKR_ONETIME_KEYS 128u
#define OSKR_ONETIME_LEVELS 7u
#define OSKR_ONETIME_CHAINS 68u
#define OSKR_ONETIME_BLOCK \
  (1u + 8u + 1u + 16u + 16u * (OSKR_ONETIME_CHAINS + OSKR_ONETIME_LEVELS) + OSKR_SIGNATURE_BYTES)

// A node of a tree that was hashed before, from these two.
struct oskr_known_node {
  uint8_t left[32];
  uint8_t right[32];
  uint8_t node[32];
  uint32_t used;
};

#define OSKR_KNOWN_NODES 16u

// A block of a one-time signature that was climbed before, whatever came of it.
struct oskr_known_onetime {
  uint8_t who[12];
  uint8_t leaf[32];
  uint8_t block[OSKR_ONETIME_BLOCK];
  uint8_t root[16];
  uint8_t used;
};

#define OSKR_KNOWN_ONETIME 256u

// Bytes to hash, and the results. `tag` and `domain` stand right before `body`, so that a leaf is
// hashed in one piece.
struct oskr_hasher {
  uint8_t block[512];   // a signature block to climb
  uint8_t digest[32];   // what the root signature signs
  uint8_t who[16];      // whose one-time signature it is: 12 bytes
  uint8_t cluster[32];  // the domain in which roots of one-time keys are signed
  uint8_t unused[432];
  uint8_t onetime[OSKR_ONETIME_BLOCK];  // a one-time signature to climb
  uint8_t unused2[4063 - 1024 - OSKR_ONETIME_BLOCK];
  uint8_t tag;  // 0: the first byte of a leaf
  uint8_t domain[32];
  uint8_t body[OSKR_SIGNED_MAX];  // kind | body of the message
  // Not mapped: what climbing found lately, by level and the left node's first byte. Blocks of one
  // tree tend to come one after another, and then all but one of their nodes were just hashed.
  struct oskr_known_node known[OSKR_DEPTH_MAX][OSKR_KNOWN_NODES];
  // Not mapped: the nodes of a level, and where they stand in it.
  uint8_t nodes[OSKR_LEAVES_MAX][32];
  uint32_t places[OSKR_LEAVES_MAX];
  // Not mapped: by the leaf's first byte. Certificates hold what was checked when it came alone.
  struct oskr_known_onetime onetimes[OSKR_KNOWN_ONETIME];
};

// A tree under construction. Level 0 of `nodes` has the next power of two of `count` entries, the
// next levels follow.
struct oskr_tree {
  uint8_t digest[32];
  uint8_t signature[OSKR_SIGNATURE_BYTES];
  uint8_t unused[32];
  uint8_t nodes[2 * OSKR_LEAVES_MAX][32];
  uint8_t blocks[OSKR_LEAVES_MAX * OSKR_BLOCK_MAX];
};

OSKR_API struct oskr_hasher *oskr_hasher_open(void);
OSKR_API void oskr_hasher_close(struct oskr_hasher *hasher);
// The digest of a block of depth 0 over the first `length` bytes of the body.
OSKR_API int32_t oskr_hasher_single(struct oskr_hasher *hasher, uint32_t length);
// Climbs the block from the leaf that is the first `length` bytes of the body. -EBADMSG: malformed.
OSKR_API int32_t oskr_hasher_climb(struct oskr_hasher *hasher, uint32_t length,
                                   uint32_t block_length);
// Climbs from several leaves of one tree at once (a Merkle multiproof). The body has `count` leaves
// of `length` bytes each, their indices (2 bytes each, big-endian), which rise, and `siblings`
// nodes that do not follow from them, from the leaves up and from left to right. -EBADMSG:
// malformed.
OSKR_API int32_t oskr_hasher_climb_all(struct oskr_hasher *hasher, uint32_t count, uint32_t length,
                                       uint32_t depth, uint32_t siblings);
// Climbs the one-time signature from the leaf that is the first `length` bytes of the body, of
// `who`.
OSKR_API int32_t oskr_hasher_climb_onetime(struct oskr_hasher *hasher, uint32_t length);
// What is signed for the root (`onetime` begins with 0x80 | number | root) of a batch of keys.
OSKR_API int32_t oskr_hasher_onetime_root(struct oskr_hasher *hasher);
OSKR_API struct oskr_tree *oskr_tree_open(void);
OSKR_API void oskr_tree_close(struct oskr_tree *tree);
// Makes the first `length` bytes of the body leaf `index` of the tree.
OSKR_API int32_t oskr_tree_leaf(struct oskr_tree *tree, uint32_t index,
                                const struct oskr_hasher *hasher, uint32_t length);
// Computes all levels over `count` leaves and the digest to sign; returns the depth.
OSKR_API int32_t oskr_tree_build(struct oskr_tree *tree, uint32_t count);
// Writes the blocks of the first `count` leaves one after another, with the tree's signature.
OSKR_API int32_t oskr_tree_blocks(struct oskr_tree *tree, uint32_t count);

// ---- One-time keys (onetime.c) ------------------------------------------------------------------

#define OSKR_ONETIME_BATCHES 6u

// The keys of a process, which leave nothing but blocks. A batch is begun, its keys are made, on
// any threads; then it has a root, and once that is signed its keys sign, each once.
struct oskr_onetime {
  uint8_t root[16];                         // of the batch that was asked for last
  uint8_t signature[OSKR_SIGNATURE_BYTES];  // of a root
  uint8_t who[16];                          // of its owner: 12 bytes, before any key is made
  uint8_t leaf[32];                         // what is to be signed
  uint8_t block[OSKR_ONETIME_BLOCK];        // what was signed last
  uint8_t unused[4096 - 128 - OSKR_ONETIME_BLOCK];
};

// Whether the processor has the instructions that make one-time signatures faster than others.
OSKR_API int32_t oskr_onetime_fast(void);
OSKR_API struct oskr_onetime *oskr_onetime_open(void);
// No thread may be making keys.
OSKR_API void oskr_onetime_close(struct oskr_onetime *keys);
// Empties batch `at` and gives it a number below 2^53, which no other has had.
OSKR_API int32_t oskr_onetime_begin(struct oskr_onetime *keys, uint32_t at, double number);
// Makes `count` keys of a batch. -EBUSY: it is sealed.
OSKR_API int32_t oskr_onetime_make(struct oskr_onetime *keys, uint32_t at, uint32_t first,
                                   uint32_t count);
// The root of a batch. -EAGAIN: some of its keys were not made yet.
OSKR_API int32_t oskr_onetime_root(struct oskr_onetime *keys, uint32_t at);
// Takes the signature of its root over: from here on its keys sign.
OSKR_API int32_t oskr_onetime_seal(struct oskr_onetime *keys, uint32_t at);
// Signs `leaf` with the next key, which is wiped, and returns its index. -ENOKEY: there is none.
OSKR_API int32_t oskr_onetime_sign(struct oskr_onetime *keys, uint32_t at);

// ---- Signature threads (signer.c) ---------------------------------------------------------------

#define OSKR_JOBS 1024u
#define OSKR_KEYS_MAX 512u
// Slots of public keys: those of replicas, then those of clients, which come and go.
#define OSKR_PUBLIC_KEYS_MAX (OSKR_KEYS_MAX + 4096u)
#define OSKR_THREADS_MAX 256u
#define OSKR_SIGN 1u
#define OSKR_VERIFY 2u
#define OSKR_MAKE_KEYS 3u

struct oskr_job {
  uint32_t kind;
  uint32_t key;    // the slot of a secret (sign) or public (verify) key; a batch of one-time keys
  int32_t status;  // of a sign: 0 or -EIO; of a verify: 1 holds, 0 does not
  uint16_t first;  // of a batch: which keys to make
  uint16_t count;
  uint8_t digest[32];
  uint8_t signature[64];  // compact, low-S
  uint8_t padding[16];
};

// The two rings. A job belongs to the submitter until its number is submitted, and again once its
// number plus one is in `completed`, which the submitter sets back to zero. Indices count up for
// ever, modulo 2^32.
struct oskr_rings {
  uint32_t submitted;  // next entry of `queue` to write; advanced by oskr_signer_submit
  uint8_t pad0[60];
  uint32_t taken;  // next entry of `queue` to run
  uint8_t pad1[60];
  uint32_t finished;  // next entry of `completed` to write
  uint8_t pad2[60];
  uint32_t sleepers;
  uint32_t wake;  // the futex; changes with every submission
  uint8_t pad3[56];
  uint8_t key[64];  // a key to register; a secret one is wiped
  uint8_t pad4[704];
  uint32_t queue[OSKR_JOBS];
  uint32_t completed[OSKR_JOBS];
  struct oskr_job jobs[OSKR_JOBS];
};

struct oskr_signer;
#define OSKR_ANY_CPU UINT32_MAX
// A signer without threads: until it has some, oskr_signer_help alone runs jobs.
OSKR_API struct oskr_signer *oskr_signer_open(void);
// Starts one more thread, pinned to a processor unless OSKR_ANY_CPU. -EINVAL: no such processor.
OSKR_API int32_t oskr_signer_thread(struct oskr_signer *signer, uint32_t cpu);
// Stops the threads; jobs that have not begun are dropped. The rings are unmapped.
OSKR_API void oskr_signer_close(struct oskr_signer *signer);
OSKR_API struct oskr_rings *oskr_signer_rings(struct oskr_signer *signer);
// Registers the 32-byte secret, or the 33-byte compressed public key, in `key`. -EINVAL: not a key.
// No check by the key that the slot had before may be under way.
OSKR_API int32_t oskr_signer_secret(struct oskr_signer *signer, uint32_t slot);
OSKR_API int32_t oskr_signer_public(struct oskr_signer *signer, uint32_t slot);
// Queues a job that was filled in. -EAGAIN: all are queued already, which is the caller's error.
OSKR_API int32_t oskr_signer_submit(struct oskr_signer *signer, uint32_t job);
// Runs one queued job on this thread; 0: there is none.
OSKR_API int32_t oskr_signer_help(struct oskr_signer *signer);
// Checks the signature of a job that is not queued, at once; 1: it holds, 0: it does not.
OSKR_API int32_t oskr_signer_verify(struct oskr_signer *signer, uint32_t job);
// Where jobs that make one-time keys make them. The keys outlive the signer.
OSKR_API void oskr_signer_onetime(struct oskr_signer *signer, struct oskr_onetime *keys);
struct oskr_doorbell;
// Has the threads ring this doorbell when a job is finished.
OSKR_API void oskr_signer_doorbell(struct oskr_signer *signer, struct oskr_doorbell *doorbell);

// ---- Doorbells (doorbell.h, doorbell.c) ---------------------------------------------------------

// A doorbell in the file of this descriptor, which may be closed afterwards, so that other
// processes can ring it; with -1 in memory of this process.
OSKR_API struct oskr_doorbell *oskr_doorbell_open(int32_t file);
OSKR_API void oskr_doorbell_close(struct oskr_doorbell *doorbell);
// Says that its owner is about to sleep; the owner must look for work once more before it does.
OSKR_API void oskr_doorbell_arm(struct oskr_doorbell *doorbell);
// Sleeps until somebody rings, a signal comes, or `us` microseconds are over.
OSKR_API void oskr_doorbell_wait(struct oskr_doorbell *doorbell, uint32_t us);

// ---- UDP bursts (udp.c) -------------------------------------------------------------------------

#define OSKR_BURST 64u
// The longest datagram is what fits packets of an MTU behind the headers of IPv4 and UDP.
#define OSKR_UDP_HEADERS 28u
#define OSKR_UDP_MTU_MAX 65535u
// The first byte of a datagram. A message, or a part of one, has three id bytes next, then its
// payload. Messages for one address that are sent together leave as one datagram: the byte, then
// the messages as joined.h says. Whoever receives gets them one by one, as if each had come alone.
#define OSKR_PACKET_MESSAGE 0
#define OSKR_PACKET_PART 1
#define OSKR_PACKET_JOINED 2

// Addresses and ports are in the processor's byte order: 127.0.0.1 is 0x7f000001.
struct oskr_udp_region {
  uint32_t
      rx_offset[OSKR_BURST];  // into `slots`, of a message, or a part of one: its ids come first
  uint32_t rx_length[OSKR_BURST];  // of ids and payload: 3 at least
  uint32_t rx_part[OSKR_BURST];    // 1: a part, 0: a message
  uint32_t rx_ip[OSKR_BURST];
  uint32_t rx_port[OSKR_BURST];
  uint32_t tx_offset[OSKR_BURST];  // from oskr_udp_tx on; several packets may share their bytes
  uint32_t tx_length[OSKR_BURST];
  uint32_t tx_ip[OSKR_BURST];
  uint32_t tx_port[OSKR_BURST];
  int32_t tx_status[OSKR_BURST];  // 0: left; -EAGAIN: the socket is full; else why it cannot leave
  uint32_t rx_malformed;          // datagrams that the last receive dropped
  uint32_t rx_dropped;  // datagrams that the kernel dropped before it: the socket was full
  uint32_t slot_size;   // as oskr_slot_size says of the MTU; written by oskr_udp_open
  uint8_t unused[1524];
  uint8_t slots[];  // OSKR_BURST for what came, then as many for what is to be sent
};

// Bytes of the region, and where what is to be sent lies in it.
static inline size_t oskr_udp_region_size(uint32_t slot_size) {
  return sizeof(struct oskr_udp_region) + 2 * (size_t)OSKR_BURST * slot_size;
}
static inline uint8_t *oskr_udp_tx(struct oskr_udp_region *region) {
  return region->slots + OSKR_BURST * region->slot_size;
}

struct oskr_udp;
// Binds a non-blocking socket; port 0 chooses a free one. Messages share datagrams up to the
// longest one of `mtu`, OSKR_MTU to OSKR_UDP_MTU_MAX.
OSKR_API struct oskr_udp *oskr_udp_open(uint32_t ip, uint32_t port, uint32_t mtu);
OSKR_API void oskr_udp_close(struct oskr_udp *udp);
OSKR_API struct oskr_udp_region *oskr_udp_map(struct oskr_udp *udp);
// From here on datagrams of any bytes, up to a slot, are handed over and sent as they are, kind
// included: for a switch, which forwards.
OSKR_API void oskr_udp_whole(struct oskr_udp *udp);
OSKR_API int32_t oskr_udp_port(const struct oskr_udp *udp);
// Receives up to 64 messages and parts, and says how many datagrams it dropped since they were too
// short, too long, of an unknown kind or divided wrongly. 0: none wait, unless it dropped some.
// What a datagram holds beyond the 64 comes first next time. What the kernel dropped is known once
// it takes a datagram again.
OSKR_API int32_t oskr_udp_receive(struct oskr_udp *udp);
// Sends `count` packets, messages for one address together; returns how many left. `tx_status` says
// what became of each.
OSKR_API int32_t oskr_udp_send(struct oskr_udp *udp, uint32_t count);
// Makes a doorbell of this process wake one that waits for a socket.
OSKR_API int32_t oskr_doorbell_listen(struct oskr_doorbell *doorbell);
// Like oskr_doorbell_wait, but returns as well when a datagram has come.
OSKR_API void oskr_doorbell_wait_udp(struct oskr_doorbell *doorbell, const struct oskr_udp *udp,
                                     uint32_t us);

// ---- The profiler (profile.c) -------------------------------------------------------------------

#define OSKR_SECTIONS_MAX 16u

// `section` is written by the thread that is measured, at any time; the rest counts whole periods.
struct oskr_profile {
  uint32_t section;  // below OSKR_SECTIONS_MAX
  uint32_t periods;  // the sum of `counts`, if nobody takes from them
  uint8_t unused[56];
  uint32_t counts[OSKR_SECTIONS_MAX];  // periods that ended in each section
};

// Starts to count for the calling thread, by a timer that sends it SIGPROF. There is one profile a
// process: -EBUSY says that it is under way.
OSKR_API struct oskr_profile *oskr_profile_start(uint32_t period_us);
// The profile stays mapped.
OSKR_API void oskr_profile_stop(void);

// ---- The process (process.c) --------------------------------------------------------------------

// Counts SIGINT and SIGTERM in the word that it returns; the second ends the process with status
// 130.
OSKR_API uint32_t *oskr_stop_install(void);
// Nanoseconds of the monotonic clock, exact for 104 days after boot.
OSKR_API double oskr_monotonic_ns(void);
OSKR_API void oskr_yield(void);
OSKR_API void oskr_sleep_us(uint32_t us);
// How long the calling thread, and those that it starts, may keep a processor that others wait for.
// Linux 6.12 and later; earlier ones have one length for all. -EINVAL: not between 100 us and 100
// ms.
OSKR_API int32_t oskr_slice_us(uint32_t us);
// 1 when this process may run on the processor, 0 when not or when there is none of that number.
OSKR_API int32_t oskr_cpu_allowed(uint32_t cpu);
// Whether the kernel lets this process have a thread there, which it may beyond the mask that the
// process was started with (isolcpus): 0, or the negative errno with which it refuses.
OSKR_API int32_t oskr_cpu_try(uint32_t cpu);
// Pins the calling thread; oskr_unpin_others leaves it alone from then on.
OSKR_API int32_t oskr_pin_self(uint32_t cpu);
// Gives every other thread that was not pinned here the mask the process started with; returns how
// many.
OSKR_API int32_t oskr_unpin_others(void);
// Whether somebody listens at this socket of the file system: 1; 0 if nobody does any more, or
// there is none; else a negative errno.
OSKR_API int32_t oskr_socket_serves(const char *path);
// Sends this process `signal` when the process `parent` ends. -ESRCH: it has ended already.
OSKR_API int32_t oskr_die_with_parent(uint32_t signal, uint32_t parent);

#endif
