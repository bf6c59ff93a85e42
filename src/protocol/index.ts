// Every protocol by the name that `-m` takes. Executables, simulator and shared tests read only
// this.

import type { Address, AnyProtocol, Protocol, Quorums } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { addNamed } from "../base/named.ts";
import { REPLICAS_MAX } from "../config.ts";
import type { OptionValues, ProtocolConfig } from "../protocol-config.ts";
import { hotstuff, hotstuff2, jolteon, streamlet } from "./chained/index.ts";
import { nopaxos } from "./nopaxos/index.ts";
import { pbft } from "./pbft/index.ts";
import { tendermint } from "./tendermint/index.ts";
import { unreplicated, unreplicatedSigned } from "./unreplicated/index.ts";
import { vr } from "./vr/index.ts";
import { zyzzyva } from "./zyzzyva/index.ts";

/** The configuration with what a protocol's options make of it, by their defaults if not given. */
export function configured(
  { options }: Pick<AnyProtocol, "options">,
  config: ProtocolConfig,
  given: OptionValues,
): ProtocolConfig {
  let made = config;
  for (const [name, option] of options ?? []) {
    made = option.configure(given.get(name) ?? option.values[0], made);
  }
  return made;
}

/**
 * The addresses of processes of a protocol's roles, behind those of n replicas, role after role:
 * one of each, unless it is said how many.
 */
export function rolesOf(
  { roles }: Pick<AnyProtocol, "roles">,
  n: number,
  count: (role: string) => number = () => 1,
): ReadonlyMap<string, readonly Address[]> {
  let next = n;
  const found = new Map<string, readonly Address[]>();
  for (const role of roles?.keys() ?? []) {
    found.set(
      role,
      Array.from({ length: count(role) }, () => next++),
    );
  }
  return found;
}

type Sizes = Pick<AnyProtocol, "faults" | "quorums">;

/** The smallest cluster that tolerates f faults, or none where the protocol tolerates none. */
export function smallestCluster(protocol: Sizes, f: number): Quorums {
  const tolerated = protocol.faults === "none" ? 0 : f;
  for (let n = 1; n <= REPLICAS_MAX; n++) {
    const quorums = protocol.quorums(n, tolerated);
    if (quorums !== null) return quorums;
  }
  return assert.fail(`no cluster tolerates ${tolerated} faults`);
}

/** The most faults that n replicas tolerate. */
export function toleratedFaults(protocol: Sizes, n: number): number {
  if (protocol.faults === "none") return 0;
  let f = 0;
  while (protocol.quorums(n, f + 1) !== null) f++;
  return f;
}

function entry<M extends object, T extends string>(
  name: string,
  protocol: Protocol<M, T>,
): readonly [string, AnyProtocol] {
  // Sound because a protocol's messages only ever meet its own codec and actors.
  return [name, protocol as unknown as AnyProtocol];
}

const registry = new Map<string, AnyProtocol>([
  entry("unreplicated", unreplicated),
  entry("unreplicated-signed", unreplicatedSigned),
  entry("pbft", pbft),
  entry("hotstuff", hotstuff),
  entry("vr", vr),
  entry("nopaxos", nopaxos),
  entry("hotstuff2", hotstuff2),
  entry("jolteon", jolteon),
  entry("tendermint", tendermint),
  entry("streamlet", streamlet),
  entry("zyzzyva", zyzzyva),
]);

export const protocols: ReadonlyMap<string, AnyProtocol> = registry;

/** Has `-m` know another protocol. Throws RangeError for a name that is taken or is none. */
export function addProtocol<M extends object, T extends string>(
  name: string,
  protocol: Protocol<M, T>,
): void {
  const [, hidden] = entry(name, protocol);
  addNamed(registry, name, hidden);
}
