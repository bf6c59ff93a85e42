// How long leaders stay, and who tells who leads.

import type { Random } from "../base/seeded-random.ts";
import type { Kind, Subject } from "./subject.ts";

export interface LeadersPlan {
  /** Views that one leader keeps. */
  readonly tenure: number;
  /** Whether the blocks before a view tell who leads it. */
  readonly reputation: boolean;
}

/** Another leader in every view, or after a few, or only when one fails. */
const TENURES = [1, 4, 2 ** 20] as const;

/** Scenarios of Twins say it themselves. */
export function drawLeaders(
  { protocol }: Subject,
  kind: Kind,
  random: Random,
  without: ReadonlySet<string>,
): LeadersPlan {
  const tenure = random.stream("tenures").pick(TENURES);
  const reputation = random.stream("reputation").chance(0.25);
  if (kind === "twins") return { tenure: 1, reputation: false };
  const { simulation } = protocol;
  if (simulation?.reputation === true && reputation && !without.has("reputation")) {
    return { tenure: 1, reputation: true };
  }
  const keeps = simulation?.tenures === true && !without.has("tenures");
  return { tenure: keeps ? tenure : 1, reputation: false };
}
