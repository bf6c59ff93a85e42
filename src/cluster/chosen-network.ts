// The network that a program puts between the processes that it starts: by its name, or its file.

import { join, resolve } from "node:path";
import { UsageError } from "../base/errors.ts";
import {
  longestRoundTripMs,
  readPlacedNetwork,
  viewTimeoutOver,
  type PlacedNetwork,
} from "../evaluation/network-model.ts";
import type { Point } from "../evaluation/run.ts";
import { PROTOCOL_DEFAULTS } from "../protocol-config.ts";
import { protocols, smallestCluster } from "../protocol/index.ts";

const NETWORKS = resolve(import.meta.dir, "../../docs/networks");

/** Of programs that start clusters. */
export const NETWORK_ARG = {
  type: "string",
  valueHint: "NETWORK",
  description: "Put it between the processes: a name of docs/networks/, or a file like those",
} as const;

export interface ChosenNetwork {
  /** Of its file. */
  readonly path: string;
  readonly network: PlacedNetwork;
  /** The first view timeout over it, unless told. */
  readonly viewTimeoutMs: number;
}

/** The file of a network of docs/networks/ by its name, or the file that is named itself. */
export function networkFile(nameOrFile: string): string {
  const named = /^[\w-]+$/.test(nameOrFile);
  return named ? join(NETWORKS, `${nameOrFile}.json`) : resolve(nameOrFile);
}

/**
 * Reads the network for a cluster. Throws UsageError where there is none, or it is malformed, or
 * has places for fewer replicas.
 */
export function chooseNetwork(
  nameOrFile: string,
  { mode, f, clientProcesses }: Pick<Point, "mode" | "f" | "clientProcesses">,
): ChosenNetwork {
  const protocol = protocols.get(mode);
  if (protocol === undefined) throw new UsageError(`--mode ${mode}: no such protocol`);
  const path = networkFile(nameOrFile);
  const network = readPlacedNetwork(path, smallestCluster(protocol, f).n, clientProcesses);
  return {
    path,
    network,
    viewTimeoutMs: viewTimeoutOver(network, PROTOCOL_DEFAULTS.viewTimeoutMs),
  };
}

/** Arguments of replicas and clients: its view timeout, unless one was told. */
export function viewTimeoutArguments(
  network: ChosenNetwork | null,
  told: boolean,
): readonly string[] {
  return network === null || told ? [] : ["--view-timeout", String(network.viewTimeoutMs)];
}

/** A line for people. */
export function describeNetwork({ network, viewTimeoutMs }: ChosenNetwork, told: boolean): string {
  const { name, replicas, clients } = network.setting;
  const where = `replicas at ${replicas.join(", ")}; clients at ${clients.join(", ")}`;
  const roundTrip = `round trips up to ${longestRoundTripMs(network).toFixed(1)} ms`;
  const timeout = told ? "" : `; view timeout ${viewTimeoutMs} ms (--view-timeout)`;
  return `network ${name}: ${where}; ${roundTrip}${timeout}`;
}
