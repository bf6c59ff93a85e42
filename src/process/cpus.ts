// Which processor does what: --mask and -w.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describeErrno } from "../base/errno.ts";
import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import type { Clock } from "../driver.ts";
import type { NativeLibrary } from "../ffi/native.ts";

export interface CpuPlan {
  /** The processor of the thread that polls; null when the kernel may choose. */
  readonly polling: number | null;
  /** One for each signature thread, shared when there are fewer processors; null as above. */
  readonly signing: readonly (number | null)[];
  /** The first processor that may be used: EAL wants one named. */
  readonly first: number;
}

/** The processors that this process may use, ascending. */
export function allowedCpus(): readonly number[] {
  const status = readFileSync("/proc/self/status", "utf8");
  return parseCpuList(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "0");
}

/**
 * How many processors' time the process gets, which its control groups may limit (cpu.max of
 * cgroup v2, cpu.cfs_quota_us of v1); Infinity without a limit. `root` is for tests.
 */
export function cpuQuota(root = "/"): number {
  const groups = textOf(join(root, "proc/self/cgroup")) ?? "";
  const limits = groups.split("\n").flatMap((line) => {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === "") return withParents(path).map((dir) => quotaV2(root, dir));
    if (!controllers.split(",").includes("cpu")) return [];
    return withParents(path).map((dir) => quotaV1(root, join(controllers, dir)));
  });
  return Math.min(Infinity, ...limits);
}

/** The processors that defaults are made of: those that may be used, as far as the quota goes. */
export function usableCpus(): number {
  return withinQuota(allowedCpus().length, cpuQuota());
}

function withinQuota(count: number, quota: number): number {
  return Math.min(count, Math.max(1, Math.floor(quota)));
}

/** A group limits those within it; "/" is the innermost that a container sees. */
function withParents(path: string): readonly string[] {
  const names = path.split("/").filter((name) => name !== "");
  return [...names.keys(), names.length].map((count) => names.slice(0, count).join("/"));
}

function quotaV2(root: string, dir: string): number {
  const limit = textOf(join(root, "sys/fs/cgroup", dir, "cpu.max")) ?? "max 100000";
  const [quota = "max", period = "100000"] = limit.trim().split(" ");
  return quota === "max" ? Infinity : Number(quota) / Number(period);
}

function quotaV1(root: string, dir: string): number {
  const read = (name: string): number =>
    Number(textOf(join(root, "sys/fs/cgroup", dir, name)) ?? "-1");
  const quota = read("cpu.cfs_quota_us");
  const period = read("cpu.cfs_period_us");
  return quota > 0 && period > 0 ? quota / period : Infinity;
}

function textOf(path: string): string | null {
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

/** A list as the kernel writes them: `0-3,8`. */
export function parseCpuList(list: string): readonly number[] {
  return list.split(",").flatMap((range) => {
    const [from = "0", to = from] = range.split("-");
    const length = Number(to) - Number(from) + 1;
    return Array.from({ length }, (_, i) => Number(from) + i);
  });
}

/** What of the machine a plan is made of. */
export interface CpuMachine {
  /** Those that the process may use as it was started. */
  readonly allowed: readonly number[];
  /** As cpuQuota returns it. */
  readonly quota: number;
  /** Whether the kernel lets a thread run there, which may be more than `allowed`. */
  readonly pins: (cpu: number) => boolean;
}

/** This one. */
export function thisMachine(native: NativeLibrary): CpuMachine {
  const pins = (cpu: number): boolean => native.oskr_cpu_try(cpu) === 0;
  return { allowed: allowedCpus(), quota: cpuQuota(), pins };
}

/**
 * What --mask and --workers ask for. With a mask, its first processor polls and the next ones sign;
 * without one nothing is pinned. There are as many workers as other processors, at least one, and
 * no more than the quota leaves, unless told. Throws UsageError.
 */
export function planCpus(options: Options, machine: CpuMachine): CpuPlan {
  const mask = options.text("mask");
  const workers = options.text("workers") === undefined ? null : options.integer("workers", 0, 256);
  const { allowed, quota } = machine;
  const chosen = mask === undefined ? allowed : parseMask(mask, machine);
  const [first = 0, ...others] = chosen;
  const count = workers ?? Math.max(1, withinQuota(chosen.length, quota) - 1);
  if (mask === undefined) {
    return { polling: null, signing: new Array<null>(count).fill(null), first };
  }
  const pool = others.length > 0 ? others : [first];
  const signing = Array.from({ length: count }, (_, i) => pool[i % pool.length] ?? first);
  return { polling: first, signing, first };
}

/**
 * Only what the kernel refuses is refused: processors that were set apart (isolcpus) are not in the
 * mask of any process, and are there to be pinned to.
 */
function parseMask(mask: string, { allowed, pins }: CpuMachine): readonly number[] {
  const digits = /^(?:0x)?([0-9a-f]+)$/i.exec(mask)?.[1];
  if (digits === undefined) throw new UsageError(`--mask ${mask}: expected hexadecimal digits`);
  const cpus: number[] = [];
  for (const [i, digit] of [...digits].reverse().entries()) {
    const bits = Number.parseInt(digit, 16);
    for (let bit = 0; bit < 4; bit++) if ((bits & (1 << bit)) !== 0) cpus.push(4 * i + bit);
  }
  const refused = cpus.find((cpu) => !pins(cpu));
  if (refused !== undefined) {
    const there = [...new Set([...allowed, ...onlineCpus().filter(pins)])].sort((a, b) => a - b);
    throw new UsageError(
      `--mask ${mask}: CPU ${refused} cannot be used here; there are ${there.join(",")}`,
    );
  }
  if (cpus.length === 0) throw new UsageError(`--mask ${mask}: no CPU`);
  return cpus;
}

function onlineCpus(): readonly number[] {
  const list = textOf("/sys/devices/system/cpu/online");
  return list === null ? [] : parseCpuList(list.trim());
}

/** Pins this thread if the plan says so. Throws UsageError if the kernel refuses that by now. */
export function pinPolling({ polling }: CpuPlan, native: NativeLibrary): void {
  if (polling === null) return;
  const result = native.oskr_pin_self(polling);
  if (result < 0) {
    throw new UsageError(`the kernel pins no thread to CPU ${polling}: ${describeErrno(result)}`);
  }
}

/**
 * Pins this thread if the plan says so, and once a second gives all other threads of the process
 * (Bun starts some late) every processor again, so that they do not share the polling one.
 */
export function housekeeping(clock: Clock, cpus: CpuPlan, native: NativeLibrary): void {
  if (cpus.polling === null) return;
  pinPolling(cpus, native);
  const unpin = (): void => {
    native.oskr_unpin_others();
    clock.after(1000, unpin);
  };
  unpin();
}
