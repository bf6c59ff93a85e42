// Which processes of roles a cluster has, beside its replicas and clients.

import type { AnyProtocol } from "../actor.ts";
import type { SequencerKind } from "../evaluation/sequencer-choice.ts";
import { SEQUENCER } from "../protocol/kit/sequencer.ts";

/** One of them: the `index`-th of its role. */
export interface RoleProcess {
  readonly role: string;
  readonly index: number;
}

export interface RolePlan {
  /** In the order of the configuration's lines. */
  readonly all: readonly RoleProcess[];
  /** Those that are processes of their own. */
  readonly spawned: readonly RoleProcess[];
  /** Whether the fabric is the first sequencer. */
  readonly inFabric: boolean;
}

interface RoleChoice {
  readonly transport: "dpdk" | "udp";
  /** How many sequencers there are; 1 if it is not given. */
  readonly sequencers?: number;
  /** What the first one is: the fabric, where there is one, unless it is given. */
  readonly sequencer?: SequencerKind;
}

/** One process of each role, and as many sequencers as are asked for. */
export function planRoles(
  { roles, sequenced }: Pick<AnyProtocol, "roles" | "sequenced">,
  { transport, sequencers = 1, sequencer = "fabric" }: RoleChoice,
): RolePlan {
  const several = (role: string): boolean => sequenced !== undefined && role === SEQUENCER;
  const all = [...(roles?.keys() ?? [])].flatMap((role) =>
    Array.from({ length: several(role) ? sequencers : 1 }, (_, index) => ({ role, index })),
  );
  const inFabric = sequenced !== undefined && transport === "dpdk" && sequencer === "fabric";
  const spawned = all.filter(({ role, index }) => !(inFabric && role === SEQUENCER && index === 0));
  return { all, spawned, inFabric };
}
