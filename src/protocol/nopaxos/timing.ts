import type { Path, Timing, TimingHints } from "../../protocol-hints.ts";
import { repliesUs } from "../kit/timing.ts";

export const timing: TimingHints = {
  unloaded,
  paper: {
    messages: { label: "NOPaxos, OSDI '16: none, O(1)", of: () => 0 },
    signatures: { label: "NOPaxos, none", of: () => 0 },
  },
};

/**
 * Li et al., OSDI '16, section 5.2: the client's message by way of the sequencer, and the replies
 * of a quorum. A sequencer stands where a replica could: it is as far from all.
 */
function unloaded(path: Path): Timing {
  const { n } = path;
  const stampedUs = path.clientUs(0);
  const executed = Array.from({ length: n }, (_, i) => stampedUs + path.clientUs(i));
  return { latencyUs: repliesUs({ ...path, weak: path.quorum }, executed), batchUs: 0 };
}
