// Networks to predict for: data files of docs/networks/ or of the user's.

import { existsSync } from "node:fs";
import { reasonOf, UsageError } from "../base/errors.ts";
import { parseStrictJson } from "../base/strict-json.ts";
import { readText } from "../base/text-file.ts";

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
}

/** Reads a network's file; throws UsageError if it is not there or not a network. */
export function readNetwork(path: string): NetworkModel {
  if (!existsSync(path)) throw new UsageError(`${path}: no such file`);
  const text = readText(path);
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
const KEYS: readonly string[] = [...TEXTS, "sites", "roundTripMs", "bandwidthGbps"];

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
  if (!isList(sites) || sites.length === 0) return "'sites' must be a list of names";
  if (sites.some((site) => typeof site !== "string")) return "'sites' must be a list of names";
  const square =
    isList(roundTripMs) &&
    roundTripMs.length === sites.length &&
    roundTripMs.every((row) => isList(row) && row.length === sites.length && row.every(isLatency));
  if (!square) return "'roundTripMs' must have a row and a column of milliseconds for each site";
  if (typeof bandwidthGbps !== "number" || !(bandwidthGbps > 0)) {
    return "'bandwidthGbps' must be positive";
  }
  return null;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isLatency(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

/** Half the round trip between two sites, the mean of both directions, in microseconds. */
export function oneWayUs({ roundTripMs }: NetworkModel, from: number, to: number): number {
  const there = roundTripMs[from]?.[to] ?? Number.NaN;
  const back = roundTripMs[to]?.[from] ?? Number.NaN;
  return ((there + back) / 4) * 1000;
}
