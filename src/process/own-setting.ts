// What a process says of its own setting, in records and to clients that ask.

import type { Options } from "../cli/command-line.ts";
import type { ReplicaSetting } from "../evaluation/replica-setting.ts";
import type { SharedSetting } from "../evaluation/replicas-told.ts";
import { versions } from "../evaluation/record.ts";
import type { ProcessDrivers } from "./drivers.ts";
import { isSigning } from "./setting.ts";

/** What may differ between the processes of a run. */
export type OwnSetting = Omit<ReplicaSetting, keyof SharedSetting>;

/** Of a process with these options. */
export function ownSetting(
  options: Options,
  {
    setting,
    cpus,
    idler,
  }: Pick<ProcessDrivers, "cpus" | "idler"> & {
    readonly setting: Parameters<typeof isSigning>[0];
  },
): OwnSetting {
  const signed = isSigning(setting);
  return {
    crypto: !signed ? "none" : options.textOf("crypto") === "noble" ? "noble" : "native",
    // Noble signs in the polling thread.
    workers: signed && options.textOf("crypto") === "native" ? cpus.signing.length : 0,
    idle: idler.name,
    mask: canonicalMask(options.text("mask")),
    lossRate: options.decimal("drop", 0, 1),
    profiled: options.flag("profile"),
    versions: versions(),
  };
}

/** Hexadecimal digits without what changes nothing. */
function canonicalMask(mask: string | undefined): string | null {
  return mask?.toLowerCase().replace(/^(?:0x)?0*/, "") ?? null;
}
