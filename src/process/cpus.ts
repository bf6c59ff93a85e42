// Which processor does what: --mask and -w.

import { readFileSync } from "node:fs";
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

/** A list as the kernel writes them: `0-3,8`. */
export function parseCpuList(list: string): readonly number[] {
  return list.split(",").flatMap((range) => {
    const [from = "0", to = from] = range.split("-");
    const length = Number(to) - Number(from) + 1;
    return Array.from({ length }, (_, i) => Number(from) + i);
  });
}

/**
 * What --mask and --workers ask for. With a mask, its first processor polls and the next ones sign;
 * without one nothing is pinned. There are as many workers as other processors, at least one,
 * unless told. Throws UsageError.
 */
export function planCpus(options: Options): CpuPlan {
  const mask = options.text("mask");
  const workers = options.text("workers") === undefined ? null : options.integer("workers", 0, 256);
  const allowed = allowedCpus();
  const chosen = mask === undefined ? allowed : parseMask(mask, allowed);
  const [first = 0, ...others] = chosen;
  const count = workers ?? Math.max(1, others.length);
  if (mask === undefined) {
    return { polling: null, signing: new Array<null>(count).fill(null), first };
  }
  const pool = others.length > 0 ? others : [first];
  const signing = Array.from({ length: count }, (_, i) => pool[i % pool.length] ?? first);
  return { polling: first, signing, first };
}

function parseMask(mask: string, allowed: readonly number[]): readonly number[] {
  const digits = /^(?:0x)?([0-9a-f]+)$/i.exec(mask)?.[1];
  if (digits === undefined) throw new UsageError(`--mask ${mask}: expected hexadecimal digits`);
  const cpus: number[] = [];
  for (const [i, digit] of [...digits].reverse().entries()) {
    const bits = Number.parseInt(digit, 16);
    for (let bit = 0; bit < 4; bit++) if ((bits & (1 << bit)) !== 0) cpus.push(4 * i + bit);
  }
  const absent = cpus.find((cpu) => !allowed.includes(cpu));
  if (absent !== undefined) {
    throw new UsageError(
      `--mask ${mask}: CPU ${absent} cannot be used here; there are ${allowed.join(",")}`,
    );
  }
  if (cpus.length === 0) throw new UsageError(`--mask ${mask}: no CPU`);
  return cpus;
}

/**
 * Pins this thread if the plan says so, and once a second gives all other threads of the process
 * (Bun starts some late) every processor again, so that they do not share the polling one.
 */
export function housekeeping(clock: Clock, cpus: CpuPlan, native: NativeLibrary): void {
  if (cpus.polling === null) return;
  native.oskr_pin_self(cpus.polling);
  const unpin = (): void => {
    native.oskr_unpin_others();
    clock.after(1000, unpin);
  };
  unpin();
}
