// Every protocol by the name that `-m` takes. Executables, simulator and shared tests read only
// this.

import type { AnyProtocol, Protocol } from "../actor.ts";
import { hotstuff } from "./hotstuff/index.ts";
import { pbft } from "./pbft/index.ts";
import { unreplicated, unreplicatedSigned } from "./unreplicated/index.ts";

/**
 * Whether some number of replicas tolerates a fault. Protocols that tolerate none say that they
 * need one replica, or infinitely many.
 */
export function toleratesFaults({ replicasMin }: { replicasMin(f: number): number }): boolean {
  const n = replicasMin(1);
  return Number.isSafeInteger(n) && n > 1;
}

function entry<M extends object, T extends string>(
  name: string,
  protocol: Protocol<M, T>,
): readonly [string, AnyProtocol] {
  // Sound because a protocol's messages only ever meet its own codec and actors.
  return [name, protocol as unknown as AnyProtocol];
}

export const protocols: ReadonlyMap<string, AnyProtocol> = new Map([
  entry("unreplicated", unreplicated),
  entry("unreplicated-signed", unreplicatedSigned),
  entry("pbft", pbft),
  entry("hotstuff", hotstuff),
]);
