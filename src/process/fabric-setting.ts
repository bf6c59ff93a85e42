// What a fabric does to frames, told to the processes that join it: by a file beside its sockets,
// because nobody can ask a switch.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reasonOf, UsageError } from "../base/errors.ts";
import { replaceFile } from "../base/replace-file.ts";
import type { Options } from "../cli/command-line.ts";
import type { NetworkSetting, PlacedNetwork } from "../evaluation/network-model.ts";
import { FRAME_MTU_MAX, MTU_DEFAULT } from "../transport/mtu.ts";
import { NETWORK_SETTING, type FabricSetting } from "../evaluation/record.ts";
import { mismatch, type Shape } from "../evaluation/shape.ts";

const SHAPE: Shape = {
  fields: {
    ...{ drop: "number", duplicate: "number", reorder: "number", corrupt: "number" },
    ...{ delayUs: "number", seed: "number", clientPorts: "number", mask: "string or null" },
    network: { optional: NETWORK_SETTING },
    sequencer: { optional: "boolean" },
    mtu: { optional: "number" },
  },
};

/** What a fabric tells those who join it. */
export interface FabricTold extends FabricSetting {
  readonly network?: NetworkSetting;
}

/** What the options of ./fabric ask for; throws UsageError. */
export function fabricSetting(
  options: Options,
  clientPorts: number,
  network: PlacedNetwork | null,
): FabricTold & { readonly mtu: number } {
  return {
    ...(network === null ? {} : { network: network.setting }),
    drop: options.decimal("drop", 0, 1),
    duplicate: options.decimal("duplicate", 0, 1),
    reorder: options.decimal("reorder", 0, 1),
    corrupt: options.decimal("corrupt", 0, 1),
    delayUs: options.decimal("delay", 0, 1e7),
    seed: options.integer("seed", 0, 2 ** 31),
    clientPorts,
    mtu: options.integer("mtu", MTU_DEFAULT, FRAME_MTU_MAX),
    mask: options.text("mask") ?? null,
    ...(options.flag("sequencer") ? { sequencer: true } : {}),
  };
}

/** Tells those who join the fabric in this directory. Throws what the kernel refuses. */
export function tellFabricSetting(dir: string, setting: FabricTold): void {
  replaceFile(pathIn(dir), `${JSON.stringify(setting)}\n`);
}

/**
 * What the fabric in this directory told; null if it told nothing, or there is none. Throws
 * UsageError.
 */
export function readFabricSetting(dir: string | undefined): FabricTold | null {
  if (dir === undefined) return null;
  const path = pathIn(dir);
  if (!existsSync(path)) return null;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`${path}: ${reasonOf(error)}`);
  }
  const wrong = mismatch(value, SHAPE, "");
  if (wrong !== null) throw new UsageError(`${path}: not the setting of a fabric: ${wrong}`);
  return value as FabricTold;
}

function pathIn(dir: string): string {
  return join(dir, "fabric.setting");
}
