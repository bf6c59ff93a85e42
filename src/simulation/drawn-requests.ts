// Whether clients send bodies to all replicas, and proposals name them.

import type { Random } from "../base/seeded-random.ts";
import type { Subject } from "./subject.ts";

export interface RequestsPlan {
  readonly broadcastsBodies: boolean;
  /** Bytes of a value, at most. */
  readonly valueMax: number;
}

/** Where bodies travel apart values are large more often, because only large ones do. */
export function drawRequests(
  { protocol }: Subject,
  random: Random,
  large: boolean,
  without: ReadonlySet<string>,
): RequestsPlan {
  const broadcasts = random.chance(0.25);
  const values = random.chance(0.75);
  const broadcastsBodies =
    broadcasts && protocol.options?.has("requests") === true && !without.has("broadcast requests");
  const valueMax = large || (broadcastsBodies && values) ? LARGE_VALUE : SMALL_VALUE;
  return { broadcastsBodies, valueMax: without.has("large values") ? SMALL_VALUE : valueMax };
}

const LARGE_VALUE = 4000;
const SMALL_VALUE = 16;
