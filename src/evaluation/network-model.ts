// Networks to predict for, and to put between processes of one machine: data files of
// docs/networks/ or of the user's.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { reasonOf, UsageError } from "../base/errors.ts";
import { parseStrictJson } from "../base/strict-json.ts";
import { readText } from "../base/text-file.ts";

/** One value for all pairs of sites, or a row and a column for each. */
export type OfPairs = number | readonly (readonly number[])[];

export interface NetworkModel {
  readonly name: string;
  readonly description: string;
  /** Where the latencies come from, and what was made up. */
  readonly source: string;
  readonly assumed: string;
  readonly sites: readonly string[];
  /** From a site (row) to a site (column) and back, as published; the diagonal is within a site. */
  readonly roundTripMs: readonly (readonly number[])[];
  /** Of the link of each server, in each direction. */
  readonly bandwidthGbps: number;
  /** How much later a packet may be, one way; 0 if it is not given. */
  readonly jitterMs?: OfPairs;
  /** Share of packets that are lost, one way, 0 to 1; 0 if it is not given. */
  readonly loss?: OfPairs;
  /** The site of each replica, by its index; without it they are dealt over the sites in turn. */
  readonly replicas?: readonly string[];
  /** The sites that client processes are at, in turn; without it all sites. */
  readonly clients?: readonly string[];
}

/** What a record says of the network that its processes had between them. */
export interface NetworkSetting {
  readonly name: string;
  /** Of the file, hexadecimal. */
  readonly sha256: string;
  /** Sites of replicas, by index, and of client processes, in turn. */
  readonly replicas: readonly string[];
  readonly clients: readonly string[];
}

/** A network with its replicas and client processes in their places. */
export interface PlacedNetwork {
  readonly model: NetworkModel;
  readonly setting: NetworkSetting;
  /** Indices of sites. */
  readonly replicas: readonly number[];
  /** Of client processes, in turn. */
  readonly clients: readonly number[];
}

/** What a packet from one site to another meets. */
export interface NetworkPath {
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly loss: number;
}

/** Reads a network's file; throws UsageError if it is not there or not a network. */
export function readNetwork(path: string): NetworkModel {
  return parseNetwork(textOf(path), path);
}

/**
 * Reads a network's file for a cluster of `n` replicas and so many client processes, or any number;
 * throws UsageError as readNetwork does, and if it has places for fewer replicas.
 */
export function readPlacedNetwork(
  path: string,
  n: number,
  clientProcesses = Infinity,
): PlacedNetwork {
  const text = textOf(path);
  const model = parseNetwork(text, path);
  const count = model.replicas?.length ?? n;
  if (count < n) {
    throw new UsageError(`${path}: 'replicas' has sites for ${count}, the cluster has ${n}`);
  }
  const replicas = Array.from({ length: n }, (_, i) => siteOfReplica(model, i));
  const clients = clientSites(model).slice(0, clientProcesses);
  const names = (sites: readonly number[]) => sites.map((site) => model.sites[site] ?? "");
  const sha256 = createHash("sha256").update(text).digest("hex");
  const { name } = model;
  const setting = { name, sha256, replicas: names(replicas), clients: names(clients) };
  return { model, setting, replicas, clients };
}

/** The index of the site where a replica is. */
export function siteOfReplica({ sites, replicas }: NetworkModel, replica: number): number {
  if (replicas === undefined) return replica % sites.length;
  return sites.indexOf(replicas[replica % replicas.length] ?? "");
}

/** Indices of the sites where client processes are, in turn. */
export function clientSites({ sites, clients }: NetworkModel): readonly number[] {
  return (clients ?? sites).map((site) => sites.indexOf(site));
}

/** Half the round trip between two sites, the mean of both directions, in microseconds. */
export function oneWayUs({ roundTripMs }: NetworkModel, from: number, to: number): number {
  const there = roundTripMs[from]?.[to] ?? Number.NaN;
  const back = roundTripMs[to]?.[from] ?? Number.NaN;
  return ((there + back) / 4) * 1000;
}

export function pathBetween(network: NetworkModel, from: number, to: number): NetworkPath {
  const of = (values: OfPairs = 0): number =>
    typeof values === "number" ? values : (values[from]?.[to] ?? 0);
  return {
    delayMs: oneWayUs(network, from, to) / 1000,
    jitterMs: of(network.jitterMs),
    loss: of(network.loss),
  };
}

/** Of which a view timeout has so many: an operation takes one to four and a half of them. */
const ROUND_TRIPS = 8;

/**
 * A view timeout that is long enough for the network: `usualMs`, or ROUND_TRIPS of the longest
 * round trips in it, in full tenths of a second. Not longer than needed, because what is lost while
 * replicas start is asked for again after a part of it.
 */
export function viewTimeoutOver(network: PlacedNetwork, usualMs: number): number {
  const longestMs = longestRoundTripMs(network);
  return Math.max(usualMs, Math.ceil((ROUND_TRIPS * longestMs) / 100) * 100);
}

/** Of packets between replicas, or replicas and clients, as late as they may be. */
export function longestRoundTripMs({ model, replicas, clients }: PlacedNetwork): number {
  const oneWayMs = (from: number, to: number): number => {
    const { delayMs, jitterMs } = pathBetween(model, from, to);
    return delayMs + jitterMs;
  };
  const pairs = [...replicas, ...clients].flatMap((from) => replicas.map((to) => [from, to]));
  const longest = pairs.map(([from = 0, to = 0]) => oneWayMs(from, to) + oneWayMs(to, from));
  return Math.max(...longest);
}

function textOf(path: string): string {
  if (!existsSync(path)) throw new UsageError(`${path}: no such file`);
  return readText(path);
}

function parseNetwork(text: string, path: string): NetworkModel {
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (error) {
    throw new UsageError(`${path}: ${reasonOf(error)}`);
  }
  const problem = problemOf(value);
  if (problem !== null) throw new UsageError(`${path}: ${problem}`);
  return value as NetworkModel;
}

const TEXTS: readonly string[] = ["name", "description", "source", "assumed"];
const KEYS: readonly string[] = [
  ...[...TEXTS, "sites", "roundTripMs", "bandwidthGbps"],
  ...["jitterMs", "loss", "replicas", "clients"],
];
/** Ten seconds: what a switch delays at most. */
const LATENCY_MAX_MS = 10_000;

/** What keeps a value from being a network; null if nothing does. */
function problemOf(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return "expected an object";
  const network = value as { readonly [key: string]: unknown };
  const unknown = Object.keys(network).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) return `'${unknown}': no such key; there are ${KEYS.join(", ")}`;
  for (const key of TEXTS) {
    if (typeof network[key] !== "string" || network[key] === "") return `'${key}' must be a text`;
  }
  const { sites, roundTripMs, bandwidthGbps } = network;
  if (!areNames(sites)) return "'sites' must be a list of names";
  const again = sites.find((site, i) => sites.indexOf(site) !== i);
  if (again !== undefined) return `'sites' has '${again}' twice`;
  if (!isSquare(roundTripMs, sites.length, isLatency)) {
    return "'roundTripMs' must have a row and a column of milliseconds for each site";
  }
  if (typeof bandwidthGbps !== "number" || !(bandwidthGbps > 0)) {
    return "'bandwidthGbps' must be positive";
  }
  return problemOfPairs(network, sites.length) ?? problemOfPlaces(network, sites);
}

function problemOfPairs(
  network: { readonly [key: string]: unknown },
  count: number,
): string | null {
  const kinds = [
    ["jitterMs", isLatency, "milliseconds"],
    ["loss", isShare, "shares from 0 to 1"],
  ] as const;
  for (const [key, fits, what] of kinds) {
    const value = network[key];
    if (value === undefined || fits(value) || isSquare(value, count, fits)) continue;
    return `'${key}' must be one of ${what} for all, or a row and a column for each site`;
  }
  return null;
}

function problemOfPlaces(
  network: { readonly [key: string]: unknown },
  sites: readonly unknown[],
): string | null {
  for (const key of ["replicas", "clients"]) {
    const value = network[key];
    if (value === undefined) continue;
    if (!areNames(value)) return `'${key}' must be a list of names of sites`;
    const unknown = value.find((site) => !sites.includes(site));
    if (unknown !== undefined) return `'${key}': '${unknown}' is not one of 'sites'`;
  }
  return null;
}

function isSquare(value: unknown, count: number, fits: (value: unknown) => boolean): boolean {
  return (
    isList(value) &&
    value.length === count &&
    value.every((row) => isList(row) && row.length === count && row.every(fits))
  );
}

function areNames(value: unknown): value is readonly string[] {
  return isList(value) && value.length > 0 && value.every((name) => typeof name === "string");
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isLatency(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= LATENCY_MAX_MS;
}

function isShare(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 1;
}
