// The result record: what `--json` writes and bench and report read.

import { readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import packageJson from "../../package.json" with { type: "json" };
import type { RequestAuth, SignatureKind } from "../protocol-config.ts";
import type { Profile } from "../profile/profile.ts";
import type { Distribution } from "./distribution.ts";
import { MTU_DEFAULT } from "../transport/mtu.ts";
import { count, decimal, formatThroughput } from "./format.ts";
import { formatKinds, type KindResults, type Verified } from "./kinds.ts";
import type { LatencySummary } from "./latency.ts";
import type { NetworkSetting } from "./network-model.ts";
import type { Unused } from "./refusals.ts";
import type { ReplicaSetting } from "./replica-setting.ts";
import type { Told } from "./replicas-told.ts";
import { formatRoles, type RolesTold } from "./role-setting.ts";
import type { Shape } from "./shape.ts";

/** One measured run. Names are relied on by scripts. */
export interface ResultRecord {
  /** The words of the command that wrote it. */
  readonly command: readonly string[];
  /** When its clients began: ISO 8601, UTC. */
  readonly startedAt: string;
  readonly mode: string;
  readonly app: string;
  readonly workload: string;
  /** What YCSB was told; null: the workload is none of its. */
  readonly ycsb: YcsbSetting | null;
  readonly transport: string;
  /** The name of the run that its clients were in last, eight digits, where runs have names. */
  readonly run?: string;
  readonly n: number;
  readonly f: number;
  /** What each replica told that it runs, by its index; null: it told nothing. */
  readonly replicas: Told;
  /** The same of processes of roles, such as `sequencer`, where the protocol has any. */
  readonly roles?: RolesTold;
  readonly clients: number;
  /** Client processes that these clients ran in. */
  readonly clientProcesses: number;
  /**
   * Closed: a client issues the next operation when the last completed. Open: operations come at
   * a rate, whether or not earlier ones completed, and latency counts from when they came.
   */
  readonly loop: "closed" | "open";
  /** Operations a second asked for in an open loop; 0 in a closed one. */
  readonly rate: number;
  /** Pause of a client between two operations of a closed loop. */
  readonly thinkMs: number;
  /** Most operations in a batch; this and what follows as replicas told it, if they did. */
  readonly batch: number;
  /** Most bytes of operations in one. */
  readonly batchBytes: number;
  /** Bytes of a packet behind the Ethernet header, of every process. */
  readonly mtu: number;
  readonly adaptive: boolean;
  readonly signature: SignatureKind | "none";
  /** Whether clients signed requests; earlier versions did not tell, and none did. */
  readonly requestAuth?: RequestAuth;
  /** Slots or blocks between checkpoints. */
  readonly checkpoint: number;
  readonly viewTimeoutMs: number;
  /** The protocol's own options, such as `leader`, by name. */
  readonly options: { readonly [name: string]: string };
  readonly crypto: "native" | "noble" | "none";
  /** Signature threads of a replica. */
  readonly workers: number;
  readonly idle: string;
  /** The share of arriving packets that replicas lose on purpose. */
  readonly lossRate: number;
  /** Of the process that wrote the record. */
  readonly client: OwnClientSetting;
  /** The fabric that it joined; null: none. */
  readonly fabric: FabricSetting | null;
  /** The network that was put between its processes; null: none. */
  readonly network: NetworkSetting | null;
  /** Bytes of an operation and of its result (mean). */
  readonly opSize: number;
  readonly replySize: number;
  readonly warmSeconds: number;
  /** As measured, not as asked for. */
  readonly seconds: number;
  /** Somebody ended the run before its time, and the record has what was measured until then. */
  readonly interrupted?: true;
  /**
   * Whose latencies are told: those that completed in the measured time, or in an open loop those
   * that came in it and completed.
   */
  readonly operations: number;
  /** Operations a second that completed in the measured time. */
  readonly throughput: number;
  /** What completed in each second of the measured time; the last one may be shorter. */
  readonly eachSecond: readonly number[];
  /**
   * Arrivals of an open loop that were refused, because too many waited for a client, or did not
   * complete: where there are any, the rate asked for was not reached. 0 in a closed loop.
   */
  readonly unserved: number;
  readonly latency: LatencySummary;
  readonly distribution: Distribution;
  /** Each kind of operation, where the workload has several. */
  readonly kinds?: KindResults;
  /** Rows that were read and checked, warm-up included, by what was found. */
  readonly verified?: Verified;
  /** Operations that had been issued and not completed when the measured time ended. */
  readonly inFlight: number;
  /** Whether none of those completed in the next seconds: nobody served any more. */
  readonly serviceGone: boolean;
  /** The longest part of the measured time without a completion, in milliseconds. */
  readonly longestGapMs: number;
  /** What clients sent again in the measured time. */
  readonly retransmissions: number;
  /**
   * The share of what its clients completed in the measured time that did by the protocol's fast
   * path; not there where it has none.
   */
  readonly fastPath?: number;
  /** Messages and packets dropped by this process, by reason. */
  readonly dropped: Unused["dropped"];
  /** Messages that its protocol did not need, by reason: no loss. */
  readonly notAdmitted: Unused["notAdmitted"];
  /** With --profile. */
  readonly profile?: Profile;
  readonly host: HostDescription;
  readonly versions: { readonly [name: string]: string };
}

/** Records of YCSB, and who put them into the store. */
export interface YcsbSetting {
  /** Replicas before they took part, clients before they measured, or nobody. */
  readonly load: "replicas" | "clients" | "none";
  /** All properties, by their names, those that nobody gave included. */
  readonly properties: { readonly [name: string]: string | number | boolean };
}

/** What a client's process has for itself. */
export interface OwnClientSetting extends Pick<
  ReplicaSetting,
  "crypto" | "workers" | "idle" | "mask" | "lossRate"
> {
  /** Its DPDK port, and arguments of EAL. */
  readonly port: number;
  readonly eal: string | null;
  /** Whether it kept every operation with its result, which costs time. */
  readonly history: boolean;
}

/** What a fabric does to frames: shares of them, and how long each stays. */
export interface FabricSetting {
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly corrupt: number;
  readonly delayUs: number;
  readonly seed: number;
  readonly clientPorts: number;
  readonly mask: string | null;
  /** It was the first sequencer as well. */
  readonly sequencer?: boolean;
  /** Of its ports; earlier versions had 1,500 and did not say so. */
  readonly mtu?: number;
}

/** Of a network that was put between processes, where there was one. */
export const NETWORK_SETTING: Shape = {
  fields: {
    ...{ name: "string", sha256: "string" },
    ...{ replicas: { listOf: "string" }, clients: { listOf: "string" } },
  },
};

export interface HostDescription {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
}

/** Of the sources of an executable, as build.ts found it. */
declare const OSKR_COMMIT: string | undefined;

/** What made a record. */
export function versions(): { readonly [name: string]: string } {
  const commit = typeof OSKR_COMMIT === "undefined" ? {} : { commit: OSKR_COMMIT };
  return { oskr: packageJson.version, ...commit, bun: Bun.version };
}

export function describeHost(): HostDescription {
  const [first] = cpus();
  return { cpu: first?.model.trim() ?? "unknown", cores: cpus().length, kernel: release() };
}

/** Resident memory of a process, this one unless told, in bytes. */
export function residentBytes(pid: number | "self" = "self"): number {
  const [, pages = "0"] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
  return Number(pages) * 4096;
}

/** The workload, where it is not what the application has. */
function asked({ app, workload, opSize, ycsb = null }: Partial<ResultRecord>): string {
  if (ycsb !== null) {
    const { recordcount, fieldcount, fieldlength } = ycsb.properties;
    return `${workload}, ${recordcount} records of ${fieldcount} x ${fieldlength} bytes`;
  }
  const other = workload === (app === "null" ? "fixed" : "kv") ? "" : `${workload}, `;
  return `${other}${count(opSize ?? 0)} byte operations`;
}

/** The record as lines for people; the last one sums it up. */
export function formatRecord(record: ResultRecord): string {
  const { latency: l } = record;
  const us = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 1 });
  const signing =
    record.signature === "none"
      ? "unsigned"
      : `${record.crypto} signatures (${record.signature}, ${record.workers} workers)` +
        (record.requestAuth === "sign" ? ", signed requests" : "");
  const batch =
    record.n === 1 ? "" : `batch ${record.batch}${record.adaptive ? " adaptive" : ""}, `;
  const results = record.replySize === 0 ? "" : `, ${decimal(record.replySize, 0)} byte results`;
  const processes = record.clientProcesses === 1 ? "" : ` in ${record.clientProcesses} processes`;
  const offered = record.loop === "open" ? `, open loop at ${count(record.rate)} a second` : "";
  const overload =
    record.unserved === 0
      ? ""
      : `; the rate was not reached: ${decimal(record.unserved, 0)} arrivals were never served`;
  // Earlier versions put none there.
  const { network: over = null, mtu = MTU_DEFAULT }: Partial<ResultRecord> = record;
  const network = over === null ? "" : `, network ${over.name}`;
  const long = mtu === MTU_DEFAULT ? "" : `, MTU ${decimal(mtu, 0)}`;
  const median = record.operations === 0 ? "" : `, p50 ${us(l.p50)} us, mean ${us(l.mean)} us`;
  const fast =
    record.fastPath === undefined
      ? ""
      : `, ${decimal(100 * record.fastPath, 1)} % by the fast path`;
  const kinds = record.kinds === undefined ? [] : [formatKinds(record.kinds, record.verified)];
  return [
    ...kinds,
    record.operations === 0
      ? "latency: of none, because no operation that was to be measured completed"
      : `latency (us)  min ${us(l.min)}  mean ${us(l.mean)}  p50 ${us(l.p50)}  ` +
        `p90 ${us(l.p90)}  p99 ${us(l.p99)}  p99.9 ${us(l.p999)}  max ${us(l.max)}`,
    `${record.mode}, ${record.n} replicas, ${record.clients} clients${processes}${offered}, ` +
      `${record.transport}${long}${network}, app ${record.app}, ${asked(record)}` +
      `${results}${formatRoles(record.roles ?? {})}, ` +
      `${batch}${signing}, idle ${record.idle}: ` +
      `${formatThroughput(record.throughput)}${median} ` +
      `over ${record.seconds.toFixed(1)} s, ${record.retransmissions} retransmissions` +
      `${fast}${overload}`,
  ].join("\n");
}
