// How long an operation takes when nothing else is under way, and how soon a batch can follow
// another: the critical path over the phases that a protocol's timing.ts describes, each of which
// ends with the message that completes a quorum. docs/scaling.md explains it.

import type { AnyProtocol } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Path, Timing } from "../protocol-hints.ts";
import type { Costs } from "./cost-model.ts";
import {
  clientSites,
  oneWayUs,
  siteOfReplica,
  type NetworkModel,
} from "../evaluation/network-model.ts";

export interface PathOptions {
  readonly protocol: Pick<AnyProtocol, "signed" | "quorums" | "timing">;
  readonly n: number;
  readonly f: number;
  /** Whether one leader stays; otherwise each view has the next, and any may be the first. */
  readonly fixedLeader: boolean;
  readonly network: NetworkModel;
  /** Indices of the sites where clients are, if not at all that the network has for them. */
  readonly clients?: readonly number[];
  readonly costs: Costs;
  /** Checks that a process makes at the same time. */
  readonly workers: number;
}

/**
 * The mean timing for clients at each of the sites that the network has for them; null for a
 * protocol that does not describe its phases.
 */
export function unloadedTiming(options: PathOptions): Timing | null {
  const { protocol, network, n, fixedLeader } = options;
  const hints = protocol.timing;
  if (hints === undefined) return null;
  const leaders = Array.from({ length: fixedLeader ? 1 : n }, (_, first) => first);
  const all = (options.clients ?? clientSites(network)).flatMap((site) =>
    leaders.map((first) => hints.unloaded(pathOf(options, site, first))),
  );
  const mean = (of: (timing: Timing) => number): number =>
    all.reduce((sum, timing) => sum + of(timing), 0) / all.length;
  return { latencyUs: mean(({ latencyUs }) => latencyUs), batchUs: mean(({ batchUs }) => batchUs) };
}

function pathOf(options: PathOptions, clientSite: number, firstLeader: number): Path {
  const { protocol, n, f, network, costs, workers, fixedLeader } = options;
  const { signed } = protocol;
  const quorums = protocol.quorums(n, f);
  assert(quorums !== null, `${n} replicas are too few for ${f} faults`);
  const endsUs = 2 * (costs.messageUs + costs.packetUs);
  const site = (replica: number): number => siteOfReplica(network, replica);
  return {
    n,
    quorum: quorums.quorum,
    weak: quorums.weak,
    leader: (view) => (fixedLeader ? firstLeader : (firstLeader + view) % n),
    hopUs: (from, to) => endsUs + oneWayUs(network, site(from), site(to)),
    clientUs: (replica) => endsUs + oneWayUs(network, clientSite, site(replica)),
    signUs: signed ? costs.signUs + costs.leafUs : 0,
    checkUs: signed ? costs.verifyUs + costs.climbUs : 0,
    workers,
  };
}
