// Keys of a plan that points lack where they are as usual: options that are varied seldom.

import type { AnyProtocol } from "../actor.ts";
import { isStore, sizesReplies } from "../app/index.ts";
import { REPLY_SIZE_MAX } from "../app/null.ts";
import { UsageError } from "../base/errors.ts";
import { IDLE_NAMES } from "../cli/definitions.ts";
import { hasUse } from "../cli/protocol-options.ts";
import { defaultsOf, PROTOCOL_DEFAULTS, REQUEST_AUTHS } from "../protocol-config.ts";
import { protocols } from "../protocol/index.ts";
import { BATCH_BYTES_MAX, BATCH_BYTES_MIN } from "../protocol/kit/batch.ts";
import { SEQUENCER } from "../protocol/kit/sequencer.ts";
import { MTU_DEFAULT, UDP_MTU_MAX } from "../transport/mtu.ts";
import {
  chooseWorkload,
  usualProperties,
  WORKLOADS,
  type WorkloadChoice,
} from "../workload/index.ts";
import type { ResultRecord, YcsbSetting } from "./record.ts";
import { choice, integer, nonEmpty, number, orNull, type Kind } from "./plan-kinds.ts";
import type { Point } from "./run.ts";
import { unusualSequencer } from "./sequencer-choice.ts";

/** Null: the default of the programs. */
export type ExtraValue = string | number | null;
type Extras = NonNullable<Point["extras"]>;

interface Extra {
  readonly kind: Kind<ExtraValue>;
  /** The option of the command line, without its dashes. */
  readonly option: string;
  /** Who gets it on the command line; a network is put between all of them. */
  readonly whose: "both" | "clients" | "the cluster";
  /** What it is if a plan does not say; a protocol's own option is as the protocol has it. */
  readonly usual: ExtraValue;
}

const MASK: Kind<string> = {
  expected: "hexadecimal digits",
  read: (value) => {
    const text = nonEmpty().read(value);
    return text !== undefined && /^(?:0x)?[\da-f]+$/i.test(text) ? text : undefined;
  },
};

/** Properties of YCSB, as `--property` has each. */
const PROPERTIES: Kind<string> = {
  expected: "NAME=VALUE, or several with spaces between them",
  read: (value) => {
    const words = wordsOf(nonEmpty().read(value));
    return words.length > 0 && words.every((word) => /^[^=]+=./.test(word))
      ? words.join(" ")
      : undefined;
  },
};

function wordsOf(text: string | number | undefined): readonly string[] {
  return String(text ?? "")
    .split(/\s+/)
    .filter((word) => word !== "");
}

/** By their names in plans. */
export const EXTRAS: ReadonlyMap<string, Extra> = new Map([
  ...ofProtocols(),
  extra("thinkMs", "think", orNull(number(0, 1e6)), 0, "clients"),
  extra("workload", "workload", orNull(choice(WORKLOADS)), null),
  extra("properties", "property", orNull(PROPERTIES), null),
  extra("requestAuth", "request-auth", orNull(choice(REQUEST_AUTHS)), "none"),
  extra("load", "load", orNull(choice(["replicas", "clients", "none"])), "replicas"),
  extra(
    ...(["viewTimeoutMs", "view-timeout", orNull(integer(1, 3_600_000))] as const),
    PROTOCOL_DEFAULTS.viewTimeoutMs,
  ),
  extra("replySize", "reply-size", orNull(integer(0, REPLY_SIZE_MAX)), 0),
  extra(
    ...(["batchBytes", "batch-bytes"] as const),
    orNull(integer(BATCH_BYTES_MIN, BATCH_BYTES_MAX)),
    PROTOCOL_DEFAULTS.batchBytesMax,
  ),
  extra(
    ...(["checkpoint", "checkpoint", orNull(integer(1, 1024))] as const),
    PROTOCOL_DEFAULTS.checkpointInterval,
  ),
  extra("mtu", "mtu", orNull(integer(MTU_DEFAULT, UDP_MTU_MAX)), MTU_DEFAULT),
  extra("crypto", "crypto", orNull(choice(["native", "noble"])), "native"),
  extra("idle", "idle", orNull(choice([...IDLE_NAMES])), null),
  extra("mask", "mask", orNull(MASK), null),
  extra("network", "network", orNull(nonEmpty()), null, "the cluster"),
  extra(
    ...(["sequencer", "sequencer", orNull(choice(["fabric", "process"]))] as const),
    ...([null, "the cluster"] as const),
  ),
]);

function extra(
  name: string,
  option: string,
  kind: Kind<ExtraValue>,
  usual: ExtraValue,
  whose: Extra["whose"] = "both",
): readonly [string, Extra] {
  return [name, { kind, option, whose, usual }];
}

/** The options that protocols have for themselves, such as `leader`. */
function ofProtocols(): readonly (readonly [string, Extra])[] {
  const values = new Map<string, Set<string>>();
  for (const { options } of protocols.values()) {
    for (const [name, option] of options ?? []) {
      values.set(name, new Set([...(values.get(name) ?? []), ...option.values]));
    }
  }
  return [...values].map(([option, all]) => {
    const name = option.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    return extra(name, option, orNull(choice([...all])), null);
  });
}

/**
 * Without what is as usual, or what the protocol does not have; throws UsageError for a value that
 * it does not know.
 */
export function plainExtras(
  protocol: AnyProtocol,
  mode: string,
  given: { readonly [name: string]: ExtraValue },
  where: string,
): Extras {
  const plain: { [name: string]: string | number } = {};
  for (const [name, { option, usual }] of EXTRAS) {
    const value = given[name] ?? null;
    const plainly = name === "checkpoint" ? defaultsOf(protocol).checkpointInterval : usual;
    if (value === null || value === plainly || !hasUse(protocol, option)) continue;
    if (option === SEQUENCER && protocol.sequenced === undefined) continue;
    const own = protocol.options?.get(option);
    if (own === undefined && isOfProtocols(option)) continue;
    if (own !== undefined && !own.values.some((one) => one === value)) {
      throw new UsageError(`${where}: ${name} ${value}: ${mode} has ${own.values.join(", ")}`);
    }
    if (value !== own?.values[0]) plain[name] = value;
  }
  return plain;
}

/** What a plan would have asked for besides that a run was of which this is the record. */
export function extrasOf(record: Partial<ResultRecord>): Extras {
  const { mode = "", app, workload, options = {}, network, transport = "", opSize = 0 } = record;
  const protocol = protocols.get(mode);
  if (protocol === undefined) return {};
  const given = [...EXTRAS].map(([name, { option }]) => [name, options[option] ?? null] as const);
  const { thinkMs = null, viewTimeoutMs = null, checkpoint = null, crypto = null } = record;
  const { requestAuth = null } = record;
  const { batchBytes = null, mtu = null, replySize = 0, ycsb = null } = record;
  const first = record.roles?.[SEQUENCER]?.[0]?.kind ?? null;
  const usual = workload === (isStore(app ?? "") ? "kv" : "fixed");
  return plainExtras(
    protocol,
    mode,
    {
      ...Object.fromEntries(given),
      ...{
        thinkMs,
        viewTimeoutMs,
        batchBytes,
        mtu,
        checkpoint,
        crypto,
        requestAuth,
        mask: record.client?.mask ?? null,
      },
      replySize: sizesReplies(app ?? "") ? Math.round(replySize) : null,
      workload: usual ? null : (workload ?? null),
      ...(ycsb !== null && { load: ycsb.load, properties: chosenProperties(workload, ycsb) }),
      network: network?.name ?? null,
      sequencer: unusualSequencer(protocol, { transport, opSize }, first),
    },
    "a record",
  );
}

/** Those that are not as the workload has them. */
function chosenProperties(
  workload: string | undefined,
  { properties }: YcsbSetting,
): string | null {
  const usual = Object.entries(usualProperties(workload));
  const chosen = usual.flatMap(([name, value]) =>
    properties[name] === undefined || properties[name] === value
      ? []
      : [`${name}=${properties[name]}`],
  );
  return chosen.length === 0 ? null : chosen.join(" ");
}

/** The workload of a point; throws UsageError where its application cannot have it. */
export function workloadOf(
  app: string,
  { workload, properties }: NonNullable<Point["extras"]>,
): WorkloadChoice {
  const name = workload === undefined ? undefined : String(workload);
  return chooseWorkload(name, wordsOf(properties), app);
}

function isOfProtocols(option: string): boolean {
  return [...protocols.values()].some(({ options }) => options?.has(option) === true);
}

/** As options of the command line: of replicas and clients, or those of clients alone. */
export function extraArguments({ extras = {} }: Point, whose: "both" | "clients"): string[] {
  return [...EXTRAS].flatMap(([name, { option, whose: theirs }]) => {
    const value = extras[name];
    if (value === undefined || theirs !== whose) return [];
    const values = option === "property" ? wordsOf(value) : [value];
    return values.map((one) => `--${option}=${one}`);
  });
}
