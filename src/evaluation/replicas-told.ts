// What to make of what replicas told of their settings: some may be silent, and up to f may lie, so
// that only what f + 1 of them tell counts.

import type { ReplicaSetting } from "./replica-setting.ts";

/** By the index of a replica; null: it told nothing. */
export type Told = readonly (ReplicaSetting | null)[];

/** What clients have to know as replicas do, or a record would not say what was measured. */
export type SharedSetting = Omit<
  ReplicaSetting,
  "crypto" | "workers" | "idle" | "mask" | "lossRate" | "profiled" | "versions"
>;

type Value = string | number | boolean | undefined;
/** A field of a setting by the words for it. */
type Field = readonly [name: string, value: Value];

function sharedFields(setting: SharedSetting): readonly Field[] {
  return [
    // The first one that differs is told: the cluster differs whenever one before it does.
    ...(["mode", "n", "f", "cluster", "app", "batch", "adaptive", "signature"] as const).map(
      (name) => [name, setting[name]] as const,
    ),
    ["request-auth", setting.requestAuth],
    ["loaded", setting.loaded],
    ["reply-size", setting.replySize],
    ["batch-bytes", setting.batchBytes],
    ["checkpoint", setting.checkpoint],
    ["view-timeout", setting.viewTimeoutMs],
    ["mtu", setting.mtu],
    ...Object.entries(setting.options),
  ];
}

/** Those of one process, which may differ and change figures; processors always do. */
function ownFields({ versions, ...setting }: ReplicaSetting): readonly Field[] {
  const { oskr, bun } = versions;
  return [
    ...(["crypto", "workers", "idle"] as const).map((name) => [name, setting[name]] as const),
    ["profile", setting.profiled],
    ["drop", setting.lossRate],
    ["version", `oskr ${oskr}, Bun ${bun}`],
  ];
}

/** What most replicas tell, if at least f + 1 do; undefined: nothing. */
export function agreed<T extends Value>(
  told: Told,
  f: number,
  of: (setting: ReplicaSetting) => T | undefined,
): T | undefined {
  const counts = new Map<T, number>();
  for (const setting of told) {
    const value = setting === null ? undefined : of(setting);
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
  return most !== undefined && most[1] > f ? most[0] : undefined;
}

/**
 * The setting of a client: its own where it was given, by the names of options, else what replicas
 * tell, else its own, which is then a default.
 */
export function settle(
  own: SharedSetting,
  given: { has(name: string): boolean },
  told: Told,
): SharedSetting {
  const { f } = own;
  const take = <K extends "app" | "batch" | "adaptive" | "signature" | "checkpoint">(
    name: K,
  ): SharedSetting[K] =>
    given.has(name) ? own[name] : (agreed<SharedSetting[K]>(told, f, (s) => s[name]) ?? own[name]);
  const number = (option: string, name: "replySize" | "batchBytes" | "viewTimeoutMs"): number =>
    given.has(option) ? own[name] : (agreed(told, f, (setting) => setting[name]) ?? own[name]);
  const options = Object.entries(own.options).map(([name, value]) => {
    const theirs = given.has(name) ? undefined : agreed(told, f, ({ options: o }) => o[name]);
    return [name, theirs ?? value] as const;
  });
  return {
    ...own,
    app: take("app"),
    // Only records of YCSB have to be there: other workloads find whatever they put there.
    loaded: given.has("loaded") ? own.loaded : (agreed(told, f, (s) => s.loaded) ?? own.loaded),
    replySize: number("reply-size", "replySize"),
    batch: take("batch"),
    batchBytes: number("batch-bytes", "batchBytes"),
    adaptive: take("adaptive"),
    signature: take("signature"),
    checkpoint: take("checkpoint"),
    viewTimeoutMs: number("view-timeout", "viewTimeoutMs"),
    options: Object.fromEntries(options),
  };
}

/** What each process has for itself. */
type Own = Pick<ReplicaSetting, "crypto" | "workers" | "idle" | "lossRate">;

/** What most replicas have for themselves; of the client where they told nothing. */
export function ownOfReplicas(told: Told, f: number, client: Own): Own {
  const first = told.find((setting) => setting !== null) ?? client;
  return {
    crypto: agreed<Own["crypto"]>(told, f, ({ crypto }) => crypto) ?? first.crypto,
    workers: agreed(told, f, ({ workers }) => workers) ?? first.workers,
    idle: agreed(told, f, ({ idle }) => idle) ?? first.idle,
    lossRate: agreed(told, f, ({ lossRate }) => lossRate) ?? first.lossRate,
  };
}

/**
 * Why a client with this setting measures something else than it thinks: so many replicas or more
 * have another one, and fewer have its own. Null if nothing speaks against it.
 */
export function contradiction(
  told: Told,
  own: SharedSetting,
  weight: number = own.f + 1,
): string | null {
  for (const [name, value] of sharedFields(own)) {
    const others = byValue(told, name);
    const mine = others.get(value) ?? [];
    others.delete(value);
    const [most] = [...others].toSorted(([, a], [, b]) => b.length - a.length);
    if (most === undefined || most[1].length < weight || mine.length >= weight) continue;
    return against(name, most[1], most[0], value);
  }
  return null;
}

/** A line for each field in which replicas differ among themselves. */
export function differences(told: Told): readonly string[] {
  const first = told.find((setting) => setting !== null);
  if (first === undefined || first === null) return [];
  const names = [...sharedFields(first), ...ownFields(first)].map(([name]) => name);
  return names.flatMap((name) => {
    const values = byValue(told, name);
    if (values.size < 2) return [];
    const parts = [...values].map(([value, who]) => `${shown(name, value)} (${listed(who)})`);
    return [`replicas differ: ${parts.join(", ")}`];
  });
}

/** Who has which value of a field. */
function byValue(told: Told, name: string): Map<Value, number[]> {
  const values = new Map<Value, number[]>();
  for (const [replica, setting] of told.entries()) {
    if (setting === null) continue;
    const fields = [...sharedFields(setting), ...ownFields(setting)];
    const value = fields.find(([other]) => other === name)?.[1];
    values.set(value, [...(values.get(value) ?? []), replica]);
  }
  return values;
}

function against(name: string, who: readonly number[], theirs: Value, mine: Value): string {
  const whom = who.length === 1 ? `replica ${listed(who)} has` : `replicas ${listed(who)} have`;
  if (name === "cluster") return `${whom} other keys or another --instance than this client`;
  return `${whom} ${shown(name, theirs)}, this client has ${shown(name, mine)}`;
}

/** As the command line or the configuration has it. */
function shown(name: string, value: Value): string {
  if (value === undefined) return `no --${name}`;
  if (typeof value === "boolean") return value ? `--${name}` : `no --${name}`;
  if (name === "n") return `${value} replicas`;
  if (name === "loaded") return `loaded ${value}`;
  if (name === "f" || name === "version") return `${name} ${value}`;
  return name === "cluster" ? `keys and --instance ${value}` : `--${name} ${value}`;
}

function listed(who: readonly number[]): string {
  return who.join(", ");
}
