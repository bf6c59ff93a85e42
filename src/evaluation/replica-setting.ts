// What a replica says that it runs: when a client's process asks, and in its own record.

import type { RequestAuth, SignatureKind } from "../protocol-config.ts";
import { reasonOf } from "../base/errors.ts";
import { mismatch, type Shape } from "./shape.ts";

export interface ReplicaSetting {
  readonly mode: string;
  readonly n: number;
  readonly f: number;
  /** Sixteen digits of a hash of mode, n, f, all public keys and `--instance`. */
  readonly cluster: string;
  readonly app: string;
  /** What its store held when it began: records of YCSB, or nothing. */
  readonly loaded: string;
  /** Bytes of a result, as far as the application leaves that open. */
  readonly replySize: number;
  /** Most operations in a batch. */
  readonly batch: number;
  /** Most bytes of operations in one. */
  readonly batchBytes: number;
  readonly adaptive: boolean;
  readonly signature: SignatureKind | "none";
  /** Whether clients sign requests. */
  readonly requestAuth: RequestAuth;
  /** Slots or blocks between checkpoints. */
  readonly checkpoint: number;
  readonly viewTimeoutMs: number;
  /** Bytes of a packet behind the Ethernet header, at most. */
  readonly mtu: number;
  /** The protocol's own options, such as `leader`, by name. */
  readonly options: { readonly [name: string]: string };
  readonly crypto: "native" | "noble" | "none";
  /** Signature threads. */
  readonly workers: number;
  readonly idle: string;
  /** Its processors, hexadecimal; null: any. */
  readonly mask: string | null;
  /** The share of arriving packets that it loses on purpose. */
  readonly lossRate: number;
  /** Whether it measures where its time goes, which costs a little. */
  readonly profiled: boolean;
  readonly versions: { readonly [name: string]: string };
}

export const REPLICA_FIELDS = {
  ...{ mode: "string", n: "number", f: "number", cluster: "string", app: "string" },
  loaded: "string",
  ...{
    batch: "number",
    batchBytes: "number",
    replySize: "number",
    adaptive: "boolean",
    signature: "string",
    requestAuth: "string",
    checkpoint: "number",
  },
  ...{ viewTimeoutMs: "number", mtu: "number", options: { mapOf: "string" }, crypto: "string" },
  ...{ workers: "number", idle: "string", mask: "string or null", lossRate: "number" },
  ...{ profiled: "boolean", versions: { mapOf: "string" } },
} as const satisfies { readonly [name in keyof ReplicaSetting]: Shape };
const REPLICA_SETTING: Shape = { fields: REPLICA_FIELDS };

/** What is told is printed at a terminal, so it has no control characters, escaped ones neither. */
const PRINTABLE = /^[ -[\]-~]*$/;

/** What a replica told, in the text that `formatReplicaSetting` makes; or what is wrong with it. */
export function parseReplicaSetting(text: string): ReplicaSetting | { readonly wrong: string } {
  return parseTold<ReplicaSetting>(text, REPLICA_SETTING);
}

/** JSON of this shape that another process told; or what is wrong with it. */
export function parseTold<T extends object>(
  text: string,
  shape: Shape,
): T | { readonly wrong: string } {
  if (!PRINTABLE.test(text)) return { wrong: "unprintable" };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { wrong: reasonOf(error) };
  }
  const wrong = mismatch(value, shape, "");
  return wrong === null ? (value as T) : { wrong };
}

export function formatReplicaSetting(setting: ReplicaSetting): string {
  return JSON.stringify(setting);
}
