// What a program runs: the protocol and the configuration that its options name.

import type { AnyProtocol, Bytes } from "../actor.ts";
import { sizesReplies } from "../app/index.ts";
import { REPLY_SIZE_MAX } from "../app/null.ts";
import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import { readProtocolOptions } from "../cli/protocol-options.ts";
import { domainOf } from "../crypto/domain.ts";
import type { SharedSetting } from "../evaluation/replicas-told.ts";
import { readDeployConfig, type DeployConfig, type WireAddress } from "../config.ts";
import {
  checkpointMaxOf,
  defaultsOf,
  SIGNATURE_KINDS,
  type ProtocolConfig,
  type SignatureKind,
  type Usual,
} from "../protocol-config.ts";
import { SEQUENCER, SEQUENCERS_MAX } from "../protocol/kit/sequencer.ts";
import { configured, protocols, rolesOf, smallestCluster } from "../protocol/index.ts";
import { FRAME_MTU_MAX, MTU_DEFAULT, UDP_MTU_MAX } from "../transport/mtu.ts";
import { BATCH_BYTES_MAX, BATCH_BYTES_MIN, BATCH_REQUESTS_MAX } from "../protocol/kit/batch.ts";

/** Digits of a cluster's domain that are told. */
const CLUSTER_DIGITS = 16;

/** The protocol and the configuration that the options name; throws UsageError. */
export interface Setting {
  readonly mode: string;
  readonly protocol: AnyProtocol;
  readonly deploy: DeployConfig;
  readonly config: ProtocolConfig;
  /** Bytes of a packet behind the Ethernet header, at most. */
  readonly mtu: number;
  /** Values of the protocol's own options, as given or by default. */
  readonly options: { readonly [name: string]: string };
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
  refuseRoles(deploy);
  const others = otherAddresses(mode, protocol, deploy);
  const roles = rolesOf(protocol, n, (role) => deploy.roles.get(role)?.length ?? 0);
  const base: ProtocolConfig = {
    ...defaultsOf(protocol),
    n,
    f,
    leader: (view) => view % n,
    ...(roles.size === 0 ? {} : { roles }),
    ...readLimits(options, protocol),
    ...(options.textOf("request-auth") === "sign" ? { requestAuth: "sign" } : {}),
    ...(signatureKind(options) === "hybrid" ? { signature: "hybrid" } : {}),
  };
  const values = readProtocolOptions(options, protocols, [mode]);
  const config = configured(protocol, base, values);
  const refusal = protocol.refuseConfig?.(config) ?? null;
  if (refusal !== null) throw new UsageError(`${deploy.path}: ${refusal}`);
  const all = [...(protocol.options ?? [])].map(([name, option]) => {
    return [name, values.get(name) ?? option.values[0]] as const;
  });
  const mtu = readMtu(options, deploy);
  return { mode, protocol, deploy, config, mtu, options: Object.fromEntries(all), others };
}

/** What --mtu asks for; throws UsageError where no port of the kind can have it. */
export function readMtu(options: Options, { transport }: Pick<DeployConfig, "transport">): number {
  return options.integer("mtu", MTU_DEFAULT, transport === "udp" ? UDP_MTU_MAX : FRAME_MTU_MAX);
}

/**
 * What clients and replicas must have alike, as this process's options say it; `publicKeys` are
 * those of all replicas, none where they do not sign, `loaded` what a store holds at first.
 */
export function sharedSetting(
  options: Options,
  { mode, protocol, config, mtu, options: values }: Setting,
  publicKeys: readonly Bytes[],
  loaded: string,
): SharedSetting {
  const { n, f } = config;
  const instance = options.text("instance") ?? "";
  const cluster = domainOf({ mode, n, f, publicKeys, instance });
  return {
    ...{ mode, n, f, app: options.text("app") ?? "null", loaded, options: values },
    cluster: Buffer.from(cluster).toString("hex").slice(0, CLUSTER_DIGITS),
    replySize: readReplySize(options),
    batch: config.batchMax,
    batchBytes: config.batchBytesMax,
    adaptive: config.adaptive,
    signature: isSigning({ protocol, config }) ? signatureKind(options) : "none",
    requestAuth: config.requestAuth ?? "none",
    checkpoint: config.checkpointInterval,
    mtu,
    viewTimeoutMs: config.viewTimeoutMs,
  };
}

/** Whether anybody signs: replicas, or clients their requests. */
export function isSigning({
  protocol,
  config,
}: {
  readonly protocol: Pick<AnyProtocol, "signed">;
  readonly config: Pick<ProtocolConfig, "requestAuth">;
}): boolean {
  return protocol.signed || config.requestAuth === "sign";
}

/** What --signature asks for. */
export function signatureKind(options: Options): SignatureKind {
  const named = options.textOf("signature");
  return SIGNATURE_KINDS.find((kind) => kind === named) ?? "batch";
}

/**
 * What --reply-size asks for; throws UsageError, also where the application that is asked for gives
 * results of its own.
 */
export function readReplySize(options: Options): number {
  const replySize = options.integer("reply-size", 0, REPLY_SIZE_MAX);
  const app = options.text("app") ?? "null";
  if (sizesReplies(app) || !options.given.has("reply-size")) return replySize;
  throw new UsageError(`--reply-size: ${app} gives results of its own size`);
}

/** The configuration of a client that settled on what replicas have. */
export function settledConfig(
  { protocol, config }: Pick<Setting, "protocol" | "config">,
  { batch, batchBytes, adaptive, viewTimeoutMs, checkpoint, options }: SharedSetting,
): ProtocolConfig {
  const limits = { batchMax: batch, batchBytesMax: batchBytes };
  const base = { ...config, ...limits, adaptive, viewTimeoutMs };
  const values = new Map(Object.entries(options));
  return configured(protocol, { ...base, checkpointInterval: checkpoint }, values);
}

/** What the options say of batches, timeouts and checkpoints, of a protocol. Throws UsageError. */
export function readLimits(
  options: Options,
  protocol: { readonly usual?: Usual },
): Pick<
  ProtocolConfig,
  "batchMax" | "batchBytesMax" | "adaptive" | "viewTimeoutMs" | "checkpointInterval"
> {
  return {
    batchMax: options.integer("batch", 1, BATCH_REQUESTS_MAX),
    batchBytesMax: options.integer("batch-bytes", BATCH_BYTES_MIN, BATCH_BYTES_MAX),
    adaptive: options.flag("adaptive"),
    viewTimeoutMs: options.integer("view-timeout", 1, 3_600_000),
    checkpointInterval: options.given.has("checkpoint")
      ? options.integer("checkpoint", 1, checkpointMaxOf(protocol))
      : defaultsOf(protocol).checkpointInterval,
  };
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

/** Throws UsageError for a line of a role that no protocol has. */
function refuseRoles({ path, roles }: DeployConfig): void {
  const known = new Set([...protocols.values()].flatMap((one) => [...(one.roles?.keys() ?? [])]));
  const unknown = [...roles.keys()].find((role) => !known.has(role));
  if (unknown === undefined) return;
  const there = [...known].join(", ");
  throw new UsageError(`${path}: role ${unknown}: no such role; there are ${there}`);
}

/** Addresses of the processes of the protocol's roles; throws UsageError where one has none. */
function otherAddresses(
  mode: string,
  { roles }: AnyProtocol,
  deploy: DeployConfig,
): readonly WireAddress[] {
  return [...(roles?.keys() ?? [])].flatMap((role) => {
    const addresses = deploy.roles.get(role);
    if (role === SEQUENCER && (addresses?.length ?? 0) > SEQUENCERS_MAX) {
      throw new UsageError(
        `${deploy.path}: ${addresses?.length} sequencers; at most ${SEQUENCERS_MAX}`,
      );
    }
    if (addresses !== undefined) return addresses;
    throw new UsageError(`${deploy.path}: ${mode} needs a line 'role ${role} ADDRESS'`);
  });
}
