// How fast a message goes to the group. Its fragments are sent once for all members, as fast as the
// fastest of them go on of which there are as many as the group may count on (n - f): what is slow,
// silent or lies holds up nobody, and asks, for itself, for what it missed.

import type { Address } from "../actor.ts";
import type { FragmentOptions } from "./fragment-format.ts";
import type { Flow } from "./outgoing.ts";

export class GroupPace {
  readonly group: Address | null;
  /** The addresses by which members of the group answer. */
  readonly #members: readonly Address[];
  readonly #quorum: number;
  readonly #hasRoomFor: (member: Flow) => boolean;

  constructor(
    { group, replicas, self }: Pick<FragmentOptions, "group" | "replicas" | "self">,
    hasRoomFor: (member: Flow) => boolean,
  ) {
    this.group = group;
    const others = Array.from({ length: replicas }, (_, i) => i).filter((i) => i !== self);
    this.#members = group === null ? [] : others.map((i) => group + 1 + i);
    this.#quorum = others.length - Math.floor((replicas - 1) / 3);
    this.#hasRoomFor = hasRoomFor;
  }

  /** Who gets what is sent to this address, if it is the group's; else nobody. */
  membersOf(to: Address): readonly Address[] {
    return to === this.group ? this.#members : [];
  }

  /** Whether more of a message may be sent unasked. */
  hasRoom({ members }: Flow): boolean {
    let room = 0;
    for (const member of members) if (member.done || this.#hasRoomFor(member)) room++;
    return room >= this.#needed(members);
  }

  /** A member has granted more, or is counted on no more. */
  granted(spread: Flow): void {
    const { members, outgoing } = spread;
    const limits = members.map(({ done, limit }) => (done ? outgoing.count : limit));
    limits.sort((a, b) => b - a);
    spread.limit = Math.max(spread.limit, limits[this.#needed(members) - 1] ?? 0);
  }

  /** Whether somebody is there that has not all of it. */
  reaches({ members }: Flow): boolean {
    return members.some(isThere);
  }

  #needed(members: readonly Flow[]): number {
    let there = 0;
    for (const member of members) if (member.done || isThere(member)) there++;
    return Math.max(1, Math.min(this.#quorum, there));
  }
}

function isThere({ done, left, peer }: Flow): boolean {
  return !done && !left && !peer.deaf;
}
