// What a record says of its clients' setting.

import type { Options } from "../cli/command-line.ts";
import type { FabricSetting, ResultRecord } from "../evaluation/record.ts";
import type { SharedSetting } from "../evaluation/replicas-told.ts";
import type { OwnSetting } from "./own-setting.ts";

export type ClientSetting = Pick<
  ResultRecord,
  | ("mode" | "app" | "workload" | "n" | "f" | "options" | "batch" | "adaptive" | "signature")
  | ("checkpoint" | "viewTimeoutMs" | "crypto" | "workers" | "idle" | "mask" | "lossRate")
  | ("clients" | "clientProcesses" | "loop" | "rate" | "thinkMs" | "opSize" | "warmSeconds")
  | ("history" | "port" | "eal" | "fabric")
>;

export interface ClientSettingOptions {
  readonly options: Options;
  /** What replicas run, as clients settled on it. */
  readonly settled: SharedSetting;
  /** Of this process. */
  readonly own: OwnSetting;
  readonly load: Pick<
    ClientSetting,
    "clients" | "loop" | "rate" | "thinkMs" | "opSize" | "warmSeconds"
  >;
  /** The fabric that it joined. */
  readonly fabric: FabricSetting | null;
}

export function clientSetting(from: ClientSettingOptions): ClientSetting {
  const { options, settled, own, load, fabric } = from;
  const { mode, n, f, app, batch, adaptive, signature, checkpoint, viewTimeoutMs } = settled;
  const { crypto, workers, idle, mask, lossRate } = own;
  return {
    ...{ mode, app, workload: workloadName(options, app), n, f, options: settled.options },
    ...{ batch, adaptive, signature, checkpoint, viewTimeoutMs },
    ...{ crypto, workers, idle, mask, lossRate },
    ...load,
    clientProcesses: 1,
    history: options.text("history") !== undefined,
    port: options.integer("port", 0, 63),
    eal: options.text("eal") ?? null,
    fabric,
  };
}

/** What clients of this application ask. */
export function workloadName(options: Options, app: string): string {
  return options.text("workload") ?? (app === "kv" ? "kv" : "fixed");
}
