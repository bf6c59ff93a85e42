// Plans: JSON files that say which points to measure, how long and how often (docs/evaluating.md).

import { apps, sizesReplies } from "../app/index.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import { parseStrictJson } from "../base/strict-json.ts";
import { hasUse } from "../cli/protocol-options.ts";
import { ID_MAX } from "../config.ts";
import { protocols, smallestCluster } from "../protocol/index.ts";
import { SIGNATURE_KINDS } from "../protocol-config.ts";
import { FRAME_MTU_MAX, MTU_DEFAULT } from "../transport/mtu.ts";
import type { RunSettings } from "./point-runner.ts";
import { CLIENT_PROCESSES_MAX, OP_SIZE_MAX, RATE_MAX } from "./point.ts";
import { EXTRAS, plainExtras, workloadOf, type ExtraValue } from "./plan-extras.ts";
import { boolean, choice, integer, nonEmpty, number, orNull, type Kind } from "./plan-kinds.ts";
import type { Point } from "./run.ts";
import { unusualSequencer } from "./sequencer-choice.ts";

export interface SweepPlan extends RunSettings {
  readonly title: string;
  /** Each is measured so often. */
  readonly repetitions: number;
  /** Of the order in which points are measured. */
  readonly seed: number;
  readonly points: readonly Point[];
}

const POINTS_MAX = 10_000;

interface Dimension<T> extends Kind<T> {
  /** undefined: the plan must say. */
  readonly default: T | undefined;
}

/** Keys that every point has. */
type Key = Exclude<keyof Point, "extras">;
type Dimensions = { readonly [K in Key]: Dimension<Point[K]> };
type Lists = { readonly [K in Key]: readonly Point[K][] };
/** Values of other keys, as far as a plan has these. */
type ExtraLists = readonly (readonly [name: string, values: readonly ExtraValue[]])[];
/** A point with extras that may be as usual. */
type Draft = Omit<Point, "extras"> & {
  readonly extras?: { readonly [name: string]: ExtraValue };
};
type Json = { readonly [name: string]: unknown };

const DIMENSIONS: Dimensions = {
  mode: { ...choice([...protocols.keys()]), default: undefined },
  transport: { ...choice(["dpdk", "udp"]), default: "dpdk" },
  f: { ...integer(1, 20), default: 1 },
  clients: { ...integer(1, CLIENT_PROCESSES_MAX * (ID_MAX + 1)), default: 1 },
  clientProcesses: { ...integer(1, CLIENT_PROCESSES_MAX), default: 1 },
  rate: { ...number(0, RATE_MAX), default: 0 },
  batch: { ...integer(1, 65_536), default: 1 },
  adaptive: { ...boolean(), default: false },
  workers: { ...orNull(integer(0, 256)), default: null },
  signature: { ...choice(SIGNATURE_KINDS), default: "batch" },
  app: { ...choice([...apps.keys()]), default: "null" },
  opSize: { ...integer(0, OP_SIZE_MAX), default: 0 },
  fault: { ...choice(["none", "silent", "loss"]), default: "none" },
  lossRate: { ...number(0.000001, 0.9), default: 0.01 },
};
const NAMES = Object.keys(DIMENSIONS) as readonly Key[];
/** Keys of points in plans. */
export const PLAN_KEYS: readonly string[] = [...NAMES, ...EXTRAS.keys()];

const SETTINGS = ["title", "seconds", "warmSeconds", "profile", "repetitions", "seed", "groups"];

/** Reads the text of a plan; throws UsageError that begins with `path` and names the key. */
export function parsePlan(text: string, path: string): SweepPlan {
  const plan = parseObject(text, path);
  checkKeys(plan, [...SETTINGS, ...PLAN_KEYS], path);
  const setting = <T>(name: string, kind: Kind<T>, otherwise: T): T =>
    name in plan ? readValue(plan[name], kind, `${path}: ${name}`) : otherwise;
  const groups = "groups" in plan ? readGroups(plan["groups"], path) : [{}];
  const points = groups.flatMap((group, i) => {
    const where = "groups" in plan ? `${path}: groups[${i}]` : path;
    const extras = readExtras(group, plan, where, path);
    return product(readLists(group, plan, where, path), extras, where);
  });
  refuseUseless(groups, plan, path);
  return {
    title: setting("title", nonEmpty(), path.replace(/^.*\//, "").replace(/\.json$/, "")),
    seconds: setting("seconds", number(0.1, 86_400), 2),
    warmSeconds: setting("warmSeconds", number(0, 3600), 1),
    profile: setting("profile", boolean(), false),
    repetitions: setting("repetitions", integer(1, 1000), 3),
    seed: setting("seed", integer(0, 2 ** 48), 1),
    // What differs only in what a protocol does not have is one point.
    points: [...new Map(points.map((point) => [JSON.stringify(point), point])).values()],
  };
}

/** Throws UsageError for a key that changes nothing in any of its points. */
function refuseUseless(groups: readonly Json[], plan: Json, path: string): void {
  const value = (name: string, group: Json): unknown => group[name] ?? plan[name];
  const has = (name: string, group: Json): boolean =>
    name === "lossRate"
      ? listed(value("fault", group)).includes("loss")
      : listed(value("mode", group)).some((mode) => hasKey(mode, name));
  const refuse = (where: string, name: string, modes: readonly unknown[]): never => {
    const why = name === "lossRate" ? "goes with the fault loss" : `${modes.join(", ")} has none`;
    throw new UsageError(`${where}: ${name}: ${why}`);
  };
  for (const [i, group] of groups.entries()) {
    const name = Object.keys(group).find((key) => !has(key, group));
    const where = "groups" in plan ? `${path}: groups[${i}]` : path;
    if (name !== undefined) refuse(where, name, listed(value("mode", group)));
  }
  const name = Object.keys(plan).find(
    (key) => PLAN_KEYS.includes(key) && !groups.some((group) => has(key, group)),
  );
  const modes = groups.flatMap((group) => listed(value("mode", group)));
  if (name !== undefined) refuse(path, name, [...new Set(modes)]);
}

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** Whether it changes anything in a mode; of what is no mode it is told elsewhere. */
function hasKey(mode: unknown, name: string): boolean {
  const protocol = protocols.get(String(mode));
  if (protocol === undefined) return true;
  if (name === "f") return protocol.faults !== "none";
  const option = EXTRAS.get(name)?.option ?? name;
  const own = [...protocols.values()].some(({ options }) => options?.has(option) === true);
  return own ? protocol.options?.has(option) === true : hasUse(protocol, option);
}

function parseObject(text: string, path: string): Json {
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (error) {
    throw new UsageError(`${path}: not JSON: ${reasonOf(error)}`);
  }
  if (!isObject(value)) throw new UsageError(`${path}: expected an object`);
  return value;
}

function readGroups(value: unknown, path: string): readonly Json[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new UsageError(`${path}: groups: expected a list of objects that is not empty`);
  }
  return value.map((group: unknown, i) => {
    if (!isObject(group)) throw new UsageError(`${path}: groups[${i}]: expected an object`);
    checkKeys(group, PLAN_KEYS, `${path}: groups[${i}]`);
    return group;
  });
}

function checkKeys(object: Json, known: readonly string[], where: string): void {
  const unknown = Object.keys(object).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new UsageError(`${where}: ${unknown}: no such key; there are ${known.join(", ")}`);
}

/** The values of every dimension: the group's own, else the whole plan's, else the default. */
function readLists(group: Json, plan: Json, where: string, path: string): Lists {
  const list = <K extends Key>(name: K): readonly Point[K][] => {
    const own = name in group;
    const dimension: Dimension<Point[K]> = DIMENSIONS[name];
    if (own || name in plan) {
      return readList((own ? group : plan)[name], dimension, `${own ? where : path}: ${name}`);
    }
    if (dimension.default !== undefined) return [dimension.default];
    throw new UsageError(`${where}: ${name} is missing: ${dimension.expected}`);
  };
  return {
    mode: list("mode"),
    transport: list("transport"),
    f: list("f"),
    clients: list("clients"),
    clientProcesses: list("clientProcesses"),
    rate: list("rate"),
    batch: list("batch"),
    adaptive: list("adaptive"),
    workers: list("workers"),
    signature: list("signature"),
    app: list("app"),
    opSize: list("opSize"),
    fault: list("fault"),
    lossRate: list("lossRate"),
  };
}

/** The same of the keys that a point lacks where they are as usual. */
function readExtras(group: Json, plan: Json, where: string, path: string): ExtraLists {
  return [...EXTRAS].flatMap(([name, { kind }]) => {
    const own = name in group;
    if (!own && !(name in plan)) return [];
    const values = readList((own ? group : plan)[name], kind, `${own ? where : path}: ${name}`);
    return [[name, values] as const];
  });
}

/** A list, or one value that stands for a list of one. */
function readList<T>(value: unknown, kind: Kind<T>, where: string): readonly T[] {
  if (!Array.isArray(value)) return [readValue(value, kind, where)];
  if (value.length === 0) throw new UsageError(`${where}: an empty list: ${kind.expected}`);
  const list = value.map((item: unknown) => readValue(item, kind, where));
  const again = list.find((item, i) => list.indexOf(item) !== i);
  if (again !== undefined) throw new UsageError(`${where}: ${JSON.stringify(again)} twice`);
  return list;
}

function readValue<T>(value: unknown, kind: Kind<T>, where: string): T {
  const read = kind.read(value);
  if (read !== undefined) return read;
  throw new UsageError(`${where}: ${JSON.stringify(value)}: expected ${kind.expected}`);
}

/** All combinations. */
function product(lists: Lists, extras: ExtraLists, where: string): readonly Point[] {
  const lengths = [...NAMES.map((name) => lists[name]), ...extras.map(([, values]) => values)];
  const count = lengths.reduce((total, { length }) => total * length, 1);
  if (count > POINTS_MAX) {
    throw new UsageError(`${where}: ${count} combinations; at most ${POINTS_MAX}`);
  }
  let points: readonly Partial<Draft>[] = [{}];
  for (const name of NAMES) {
    points = points.flatMap((point) => lists[name].map((value) => ({ ...point, [name]: value })));
  }
  for (const [name, values] of extras) {
    points = points.flatMap((point) =>
      values.map((value) => ({ ...point, extras: { ...point.extras, [name]: value } })),
    );
  }
  // Every name has been set.
  return (points as readonly Draft[]).map((point) => plain(point, where));
}

/**
 * The point without what its protocol does not have, so that equal things are equal points; throws
 * UsageError if it makes no sense.
 */
function plain({ extras: given = {}, ...point }: Draft, where: string): Point {
  const { mode, clients, clientProcesses, fault, lossRate } = point;
  const protocol = protocols.get(mode);
  const single = protocol !== undefined && smallestCluster(protocol, 1).n === 1;
  const signed = protocol?.signed === true;
  if (clientProcesses > clients) {
    throw new UsageError(
      `${where}: clientProcesses ${clientProcesses}: more than the ${clients} clients`,
    );
  }
  if (clients > clientProcesses * (ID_MAX + 1)) {
    throw new UsageError(
      `${where}: clients ${clients}: at most ${ID_MAX + 1} in each of clientProcesses`,
    );
  }
  if (single && fault === "silent") {
    throw new UsageError(`${where}: fault silent: ${mode} has one replica only`);
  }
  const sequencer = sequencerOf(point, given["sequencer"] ?? null, where);
  const asked = { ...given, sequencer };
  const extras = protocol === undefined ? {} : plainExtras(protocol, mode, asked, where);
  if (extras["replySize"] !== undefined && !sizesReplies(point.app)) {
    throw new UsageError(`${where}: replySize: ${point.app} gives results of its own size`);
  }
  const { mtu = MTU_DEFAULT } = extras;
  if (point.transport === "dpdk" && Number(mtu) > FRAME_MTU_MAX) {
    throw new UsageError(`${where}: mtu ${mtu}: at most ${FRAME_MTU_MAX} over dpdk`);
  }
  refuseWorkload(point, extras, where);
  if (point.rate > 0 && extras["thinkMs"] !== undefined) {
    throw new UsageError(`${where}: thinkMs and rate exclude each other`);
  }
  return {
    ...point,
    ...(Object.keys(extras).length === 0 ? {} : { extras }),
    ...(single ? { f: 0, batch: 1, adaptive: false } : {}),
    ...(signed ? {} : { signature: "batch", workers: null }),
    lossRate: fault === "loss" ? lossRate : 0,
  };
}

/** What else than usual is to stamp; throws UsageError where it cannot. */
function sequencerOf(point: Draft, asked: ExtraValue, where: string): ExtraValue {
  const protocol = protocols.get(point.mode) ?? {};
  try {
    return unusualSequencer(protocol, point, asked === null ? null : String(asked));
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${where}: ${error.message}`) : error;
  }
}

/** Throws UsageError for a workload that the application cannot have, or clients cannot load. */
function refuseWorkload(
  { app, clientProcesses }: Draft,
  extras: NonNullable<Point["extras"]>,
  where: string,
): void {
  let isYcsb: boolean;
  try {
    isYcsb = workloadOf(app, extras).ycsb !== null;
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${where}: ${error.message}`) : error;
  }
  if (!isYcsb && extras["load"] !== undefined) {
    throw new UsageError(`${where}: load: goes with a workload of YCSB`);
  }
  if (extras["load"] === "clients" && clientProcesses > 1) {
    throw new UsageError(`${where}: load clients: goes with one of clientProcesses`);
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
