// A point of a plan as the command lines of those that run it.

import { hasUse } from "../cli/protocol-options.ts";
import { protocols } from "../protocol/index.ts";
import { extraArguments } from "./plan-extras.ts";
import type { RunSettings } from "./point-runner.ts";
import type { Point } from "./run.ts";

/** As many as a fabric has ports for, besides those of up to 16 replicas. */
export const CLIENT_PROCESSES_MAX = 16;
/** Bytes of an operation, or of a value. */
export const OP_SIZE_MAX = 1024 * 1024;
/** Operations a second of an open loop. */
export const RATE_MAX = 1e8;

/** Clients, and how many processes they run in. */
export interface ClientLoad {
  /** In all processes together. */
  readonly clients: number;
  readonly clientProcesses: number;
  /** Operations a second in all processes together; 0: a closed loop. */
  readonly rate: number;
  /** Whether they keep what they asked and were told. */
  readonly history?: boolean;
}

/** Options of ./replica beyond its place: everything that point and plan say about replicas. */
export function replicaArguments(point: Point, settings: RunSettings): readonly string[] {
  return ["--app", point.app, ...commonArguments(point, settings)];
}

/** Options of ./client beyond its place, apart from its share of the load. */
export function clientArguments(point: Point, settings: RunSettings): readonly string[] {
  return [
    ...["--app", point.app, "--op-size", String(point.opSize)],
    ...["--seconds", decimal(settings.seconds), "--warm", decimal(settings.warmSeconds)],
    ...commonArguments(point, settings),
    ...extraArguments(point, "clients"),
  ];
}

/** The share of one client process, from 0: as even as it goes. */
export function loadArguments(load: ClientLoad, process: number): readonly string[] {
  const { clients, clientProcesses, rate } = load;
  const more = process < clients % clientProcesses ? 1 : 0;
  const share = Math.floor(clients / clientProcesses) + more;
  const which = clientProcesses === 1 ? [] : ["--share", `${process}/${clientProcesses}`];
  return ["--clients", String(share), "--rate", decimal((rate * share) / clients), ...which];
}

/** The point in a line for people, without what is as it usually is. */
export function describePoint(point: Point): string {
  const { clients, clientProcesses, rate, batch, workers, app, opSize, fault } = point;
  const parts = [
    point.mode,
    point.transport,
    point.f > 1 ? `f ${point.f}` : "",
    clients === 1 ? "1 client" : `${clients} clients`,
    clientProcesses === 1 ? "" : `${clientProcesses} client processes`,
    rate === 0 ? "" : `rate ${rate}`,
    batch === 1 ? "" : `batch ${batch}`,
    point.adaptive ? "adaptive" : "",
    workers === null ? "" : `${workers} workers`,
    point.signature === "each" ? "a signature each" : "",
    point.signature === "hybrid" ? "one-time signatures" : "",
    app === "null" ? "" : app,
    opSize === 0 ? "" : `${opSize} bytes`,
    ...Object.entries(point.extras ?? {}).map(([name, value]) => `${name} ${value}`),
    fault === "loss" ? `loss ${point.lossRate}` : fault === "silent" ? "one silent" : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function commonArguments(point: Point, { profile }: RunSettings): readonly string[] {
  const { mode, batch, adaptive, workers, signature, fault, lossRate } = point;
  const protocol = protocols.get(mode);
  const used = (name: string, ...words: readonly string[]): readonly string[] =>
    protocol !== undefined && hasUse(protocol, name) ? [`--${name}`, ...words] : [];
  return [
    ...[...used("batch", String(batch)), ...used("signature", signature)],
    ...(adaptive ? ["--adaptive"] : []),
    ...(workers === null ? [] : ["--workers", String(workers)]),
    // At every receiver, so that it means the same whatever carries the packets.
    ...(fault === "loss" ? ["--drop", decimal(lossRate)] : []),
    ...(profile ? ["--profile"] : []),
    ...extraArguments(point, "both"),
  ];
}

/** As the options want it: no exponent. */
function decimal(value: number): string {
  return value.toFixed(9).replace(/\.?0+$/, "");
}
