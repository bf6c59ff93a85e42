// What befalls the sequencers of an ordered network, and how many a seed has.

import type { Random } from "../base/seeded-random.ts";
import type { Kind, Subject } from "./subject.ts";

export interface SequencersPlan {
  /** How many there are; 0: the protocol has none. */
  readonly sequencers: number;
  /** Every packet of theirs goes out twice before GST. */
  readonly sequencersRepeat: boolean;
}

/** The fault that `sequencersRepeat` is. */
export const SEQUENCERS_REPEAT = "sequencers repeat";
/** What is drawn of them: half of the seeds have a second one, which stands by. */
export function drawSequencers(
  { protocol }: Subject,
  kind: Kind,
  random: Random,
  without: ReadonlySet<string>,
): SequencersPlan {
  const second = random.chance(0.5);
  const repeats = random.chance(0.15) && !without.has(SEQUENCERS_REPEAT);
  const on = protocol.sequenced !== undefined;
  const chaos = kind !== "twins" && kind !== "splits";
  return { sequencers: !on ? 0 : second ? 2 : 1, sequencersRepeat: on && chaos && repeats };
}
