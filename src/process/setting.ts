// What a program runs: the protocol and the configuration that its options name.

import type { AnyProtocol } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import { readProtocolOptions } from "../cli/protocol-options.ts";
import { readDeployConfig, type DeployConfig } from "../config.ts";
import { PROTOCOL_DEFAULTS, type ProtocolConfig } from "../protocol-config.ts";
import { configured, protocols, smallestCluster } from "../protocol/index.ts";

/** The protocol and the configuration that the options name; throws UsageError. */
export interface Setting {
  readonly mode: string;
  readonly protocol: AnyProtocol;
  readonly deploy: DeployConfig;
  readonly config: ProtocolConfig;
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
  const base: ProtocolConfig = {
    ...PROTOCOL_DEFAULTS,
    n,
    f,
    leader: (view) => view % n,
    batchMax: options.integer("batch", 1, 65_536),
    adaptive: options.flag("adaptive"),
    viewTimeoutMs: options.integer("view-timeout", 1, 3_600_000),
    checkpointInterval: options.integer("checkpoint", 1, 1024),
  };
  const config = configured(protocol, base, readProtocolOptions(options, protocols, [mode]));
  const refusal = protocol.refuseConfig?.(config) ?? null;
  if (refusal !== null) throw new UsageError(`${deploy.path}: ${refusal}`);
  return { mode, protocol, deploy, config };
}

/** Which actor of the configuration this process is. */
export type Role = { readonly replica: number } | { readonly fabricPort: number };
