// What a record says of its clients' setting.

import type { Options } from "../cli/command-line.ts";
import { readPlacedNetwork, type NetworkSetting } from "../evaluation/network-model.ts";
import type { ResultRecord } from "../evaluation/record.ts";
import { ownOfReplicas, type SharedSetting, type Told } from "../evaluation/replicas-told.ts";
import type { WorkloadChoice } from "../workload/index.ts";
import { ycsbSetting } from "./chosen-workload.ts";
import type { FabricTold } from "./fabric-setting.ts";
import type { OwnSetting } from "./own-setting.ts";

export type ClientSetting = Pick<
  ResultRecord,
  | (
      | "mode"
      | "app"
      | "workload"
      | "ycsb"
      | "n"
      | "f"
      | "options"
      | "batch"
      | "batchBytes"
      | "adaptive"
    )
  | (
      | "signature"
      | "requestAuth"
      | "checkpoint"
      | "viewTimeoutMs"
      | "crypto"
      | "workers"
      | "idle"
      | "lossRate"
      | "mtu"
      | "client"
    )
  | ("clients" | "clientProcesses" | "loop" | "rate" | "thinkMs" | "opSize" | "warmSeconds")
  | ("fabric" | "network" | "replicas")
>;

export interface ClientSettingOptions {
  readonly options: Options;
  /** What replicas run, as clients settled on it. */
  readonly settled: SharedSetting;
  readonly told: Told;
  /** Of this process. */
  readonly own: OwnSetting;
  readonly load: Pick<
    ClientSetting,
    "clients" | "loop" | "rate" | "thinkMs" | "opSize" | "warmSeconds"
  >;
  readonly choice: WorkloadChoice;
  /** What the fabric told that it joined. */
  readonly fabric: FabricTold | null;
}

export function clientSetting(from: ClientSettingOptions): ClientSetting {
  const { options, settled, told, own, load, choice, fabric } = from;
  const { mode, n, f, app, batch, batchBytes, adaptive, signature, requestAuth } = settled;
  const { checkpoint, viewTimeoutMs, mtu } = settled;
  const { crypto, workers, idle, mask, lossRate } = own;
  const { network = toldNetwork(options, n), ...frames } = fabric ?? {};
  return {
    ...{ mode, app, workload: choice.name, ycsb: ycsbSetting(options, choice), n, f },
    options: settled.options,
    ...{ batch, batchBytes, adaptive, signature, requestAuth },
    ...{ checkpoint, viewTimeoutMs, mtu },
    ...ownOfReplicas(told, f, own),
    ...load,
    clientProcesses: 1,
    client: {
      ...{ crypto, workers, idle, mask, lossRate },
      port: options.integer("port", 0, 63),
      eal: options.text("eal") ?? null,
      history: options.text("history") !== undefined,
    },
    fabric: fabric === null ? null : (frames as Omit<FabricTold, "network">),
    network,
    replicas: told,
  };
}

/** The network that lies between, as --network says; throws UsageError. */
export function toldNetwork(options: Options, n: number): NetworkSetting | null {
  const path = options.text("network");
  return path === undefined ? null : readPlacedNetwork(path, n).setting;
}
