// The conditions of a run, by name: what the report says to be the same everywhere or to differ.

import { count } from "../evaluation/format.ts";
import { EXTRAS } from "../evaluation/plan-extras.ts";
import type { HostDescription } from "../evaluation/record.ts";
import type { Run } from "../evaluation/run.ts";

export interface Setting {
  readonly name: string;
  /**
   * Asked: what the plan chose. Found: what came with it, such as the machine; runs that differ in
   * it are not repetitions of each other. Load: what a curve runs along. Measured: what came out,
   * and never tells runs apart.
   */
  readonly kind: "asked" | "found" | "load" | "measured";
  readonly value: string;
}

/** Of what a plan does not vary. */
export const AS_USUAL = "as usual";

/** Others are told as they were found. */
const SELDOM = [...EXTRAS.keys()].filter((name) => !["workload", "crypto", "idle"].includes(name));

/** The setting that tells results apart which are side by side. */
export const LABEL = "results";

/** Everything known of a run's conditions; of runs of one release always the same names. */
export function settingsOf({ label, point, record, replicas }: Run): readonly Setting[] {
  const asked = (name: string, value: string): Setting => ({ name, kind: "asked", value });
  const found = (name: string, value: string): Setting => ({ name, kind: "found", value });
  const load = (name: string, value: string): Setting => ({ name, kind: "load", value });
  const measured = (name: string, value: string): Setting => ({ name, kind: "measured", value });
  const hosts = [record.host, ...replicas.map((replica) => replica.host)];
  const host = (name: string, of: (host: HostDescription) => string): Setting =>
    found(name, distinct(hosts.map(of)).join(" / "));
  return [
    ...(label === undefined ? [] : [asked(LABEL, label)]),
    asked("protocol", point.mode),
    asked("faults", faultOf(point)),
    asked("transport", point.transport),
    asked("f", String(point.f)),
    found("n", String(record.n)),
    asked("batch", `${point.batch}${point.adaptive ? " adaptive" : ""}`),
    asked("signature", point.signature),
    found("crypto", record.crypto),
    asked("signature threads", point.workers === null ? "default" : String(point.workers)),
    found("replicas' signature threads", String(record.workers)),
    asked("application", point.app),
    found("workload", record.workload),
    asked("operation", `${count(point.opSize)} bytes`),
    measured("result", `${Math.round(record.replySize)} bytes`),
    asked("client processes", String(point.clientProcesses)),
    ...SELDOM.map((name) => asked(name, String(point.extras?.[name] ?? AS_USUAL))),
    load("loop", record.loop),
    load("clients", count(point.clients)),
    load("rate", point.rate === 0 ? "-" : `${count(point.rate)}/s`),
    found("idle", record.idle),
    found("warm-up", `${record.warmSeconds} s`),
    found("profiler", record.profile === undefined ? "off" : "on"),
    measured("measured", `${record.seconds.toFixed(1)} s`),
    host("processor", ({ cpu }) => cpu),
    host("processors", ({ cores }) => String(cores)),
    host("kernel", ({ kernel }) => kernel),
    found("versions", versionsOf({ record, replicas })),
  ];
}

function faultOf(point: Run["point"]): string {
  if (point.fault === "none") return "none";
  return point.fault === "silent" ? "one replica silent" : `${point.lossRate * 100} % loss`;
}

function versionsOf({ record, replicas }: Pick<Run, "record" | "replicas">): string {
  const all = [record, ...replicas].map(({ versions }) =>
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
  );
  return distinct(all).join(" / ");
}

/** The values in the order of their first appearance. */
function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

export interface Variation {
  readonly name: string;
  readonly kind: Setting["kind"];
  /** The distinct values, in the order of the runs. */
  readonly values: readonly string[];
}

/** Every setting with the values that it takes in these runs. */
export function variations(runs: readonly Run[]): readonly Variation[] {
  const found = new Map<string, { kind: Setting["kind"]; values: Set<string> }>();
  for (const run of runs) {
    for (const { name, kind, value } of settingsOf(run)) {
      const variation = found.get(name) ?? { kind, values: new Set() };
      variation.values.add(value);
      found.set(name, variation);
    }
  }
  return [...found].map(([name, { kind, values }]) => ({ name, kind, values: [...values] }));
}
