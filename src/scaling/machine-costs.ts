// What things cost on this machine, for the cost model.

import { RunError } from "../base/errors.ts";
import type { OptionValues } from "../protocol-config.ts";
import { protocols } from "../protocol/index.ts";
import type { Costs } from "./cost-model.ts";
import { countOperations, type CountOptions } from "./count.ts";
import { measureHandling } from "./handling.ts";
import { signatureCosts } from "./signatures.ts";

/** What all protocols pay alike. */
export type SharedCosts = Omit<Costs, "messageUs">;

/**
 * A packet at one end: half of what a one-way trip costs through one memif between two processes
 * that have a core each (0.73 us there and back, median). The fabric's loop takes as long again.
 */
const PACKET_US = 0.73 / 4;
/** Sizes do not matter to it: the smallest cluster is enough. */
const HANDLING_FAULTS = 1;

/** Measures signatures for so many seconds a kind; packets cost what they cost when measured. */
export function sharedCosts(seconds: number): SharedCosts {
  return { ...signatureCosts(seconds), packetUs: PACKET_US, forwardUs: PACKET_US };
}

/**
 * What one end of one of the protocol's messages costs, with batches of this size. One leader
 * stays: then there is always work, and no time is spent waiting for a batch to fill.
 */
export function messageUs(
  options: Pick<CountOptions, "subject" | "batch">,
  seconds: number,
): number {
  const { subject, batch } = options;
  const protocolOptions: OptionValues = new Map();
  const protocol = protocols.get(subject.name);
  if (protocol === undefined) throw new RunError(`${subject.name} is not in the registry`);
  const { total, clients } = countOperations({
    ...{ subject, batch, protocolOptions, f: HANDLING_FAULTS },
    ...{ signature: "each", batches: 4, multicast: false, opSize: 0 },
  });
  const f = HANDLING_FAULTS;
  const throughput = measureHandling({ protocol, f, batch, clients, protocolOptions, seconds });
  return 1e6 / throughput / (total.sends + total.received);
}
