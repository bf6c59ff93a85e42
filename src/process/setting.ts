// What a program runs: the protocol and the configuration that its options name.

import type { AnyProtocol } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import { readProtocolOptions } from "../cli/protocol-options.ts";
import { readDeployConfig, type DeployConfig, type WireAddress } from "../config.ts";
import { PROTOCOL_DEFAULTS, type ProtocolConfig } from "../protocol-config.ts";
import { configured, protocols, rolesOf, smallestCluster } from "../protocol/index.ts";

/** The protocol and the configuration that the options name; throws UsageError. */
export interface Setting {
  readonly mode: string;
  readonly protocol: AnyProtocol;
  readonly deploy: DeployConfig;
  readonly config: ProtocolConfig;
  /** Addresses of the processes of the protocol's roles beside replica and client. */
  readonly others: readonly WireAddress[];
}

export function readSetting(options: Options): Setting {
  const mode = options.textOf("mode");
  const protocol = protocols.get(mode);
  if (protocol === undefined) throw new UsageError(`--mode ${mode}: no such protocol`);
  const deploy = readDeployConfig(options.textOf("config"));
  const smallest = smallestCluster(protocol, deploy.f);
  const { f } = smallest;
  const given = deploy.replicas.length;
  // A protocol that tolerates no fault uses the first replicas of any configuration.
  const n = protocol.faults === "none" ? smallest.n : given;
  if (given < n || protocol.quorums(n, f) === null) {
    throw new UsageError(
      `${deploy.path}: ${mode} with f ${f} needs ${smallest.n} replicas, not ${given}`,
    );
  }
  const others = otherAddresses(mode, protocol, deploy);
  const roles = rolesOf(protocol, n, (role) => deploy.roles.get(role)?.length ?? 0);
  const base: ProtocolConfig = {
    ...PROTOCOL_DEFAULTS,
    n,
    f,
    leader: (view) => view % n,
    ...(roles.size === 0 ? {} : { roles }),
    batchMax: options.integer("batch", 1, 65_536),
    adaptive: options.flag("adaptive"),
    viewTimeoutMs: options.integer("view-timeout", 1, 3_600_000),
    checkpointInterval: options.integer("checkpoint", 1, 1024),
  };
  const config = configured(protocol, base, readProtocolOptions(options, protocols, [mode]));
  const refusal = protocol.refuseConfig?.(config) ?? null;
  if (refusal !== null) throw new UsageError(`${deploy.path}: ${refusal}`);
  return { mode, protocol, deploy, config, others };
}

/** Which process of the configuration this is; all but replicas use client ports of a fabric. */
export type Place =
  | { readonly kind: "replica"; readonly index: number }
  /** `at`: the host that it binds, if not any. */
  | { readonly kind: "client"; readonly fabricPort: number; readonly at?: WireAddress }
  | {
      readonly kind: "role";
      readonly role: string;
      readonly index: number;
      readonly fabricPort: number;
    };

/** The address that the process is to have; undefined for a client that may have any. */
export function ownAddress({ replicas, roles }: DeployConfig, place: Place) {
  if (place.kind === "client") return place.at;
  return place.kind === "replica" ? replicas[place.index] : roles.get(place.role)?.[place.index];
}

/** Addresses of the processes of the protocol's roles; throws UsageError where one has none. */
function otherAddresses(
  mode: string,
  { roles }: AnyProtocol,
  deploy: DeployConfig,
): readonly WireAddress[] {
  return [...(roles?.keys() ?? [])].flatMap((role) => {
    const addresses = deploy.roles.get(role);
    if (addresses !== undefined) return addresses;
    throw new UsageError(`${deploy.path}: ${mode} needs a line 'role ${role} ADDRESS'`);
  });
}
