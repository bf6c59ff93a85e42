// What the first sequencer of a run is: the fabric itself, or a process of its own.

import type { AnyProtocol } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import { STAMPED_BYTES_MAX } from "../protocol/kit/sequencing-messages.ts";

export type SequencerKind = "fabric" | "process";

/** Bytes that a request has beside the value of its operation, at most: its name, a key. */
const BESIDE_VALUE = 128;

/** The first sequencer for operations of so many bytes: the fabric stamps single packets only. */
export function sequencerFor(opSize: number): SequencerKind {
  return opSize > STAMPED_BYTES_MAX - BESIDE_VALUE ? "process" : "fabric";
}

/**
 * What is asked for where the mode has sequencers and it is not what it would be anyway, else null.
 * Throws UsageError for a fabric that cannot be one.
 */
export function unusualSequencer(
  { sequenced }: Pick<AnyProtocol, "sequenced">,
  { transport, opSize }: { readonly transport: string; readonly opSize: number },
  asked: string | null,
): SequencerKind | null {
  if (sequenced === undefined || asked === null) return null;
  const usual = transport === "udp" ? "process" : sequencerFor(opSize);
  if (asked === usual) return null;
  if (asked === "process") return "process";
  throw new UsageError(
    transport === "udp"
      ? "sequencer fabric: goes with transport dpdk"
      : "sequencer fabric: stamps single packets; opSize goes beyond one",
  );
}
