// A sequencer of an ordered network inside the switch: it stamps messages in place, and answers
// replicas that open it. It is what src/protocol/kit/sequencer.ts is as a process, byte for byte,
// and knows nothing else of any protocol. No DPDK, so that it can be tested alone.
#ifndef OSKR_SEQUENCER_H
#define OSKR_SEQUENCER_H

#include <stdint.h>

struct oskr_sequencer {
  uint8_t mac[6];        // frames for this address are its own; zeros: there is none
  uint64_t incarnation;  // drawn for each life, below 2^48
  uint64_t session;
  uint64_t number;  // of the last stamp
  int open;
};

enum oskr_sequenced {
  OSKR_SEQUENCED_NOWHERE,   // nothing of the frame is for anybody
  OSKR_SEQUENCED_REPLICAS,  // it is for all replicas now
  OSKR_SEQUENCED_BACK,      // it is an answer to whoever sent it
};

// Looks at a frame of `length` bytes for this sequencer, from a replica's port or another one. What
// there is to stamp or to answer is written into the frame, which then comes from the sequencer;
// of other messages the kind is 0 then, which nobody takes.
enum oskr_sequenced oskr_sequence(struct oskr_sequencer *s, uint8_t *frame, uint32_t length,
                                  int from_replica);

#endif
