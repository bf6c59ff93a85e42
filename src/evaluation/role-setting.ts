// What a process of a role that a protocol has beside replicas and clients, such as a sequencer,
// says that it runs: when a client's process asks, in its own record, and in those of runs.

import { parseTold, REPLICA_FIELDS, type ReplicaSetting } from "./replica-setting.ts";
import type { Shape } from "./shape.ts";

/** The options of a process that a role has a use for. */
const NAMES = [
  ...(["mode", "n", "f", "batch", "batchBytes", "adaptive", "viewTimeoutMs", "mtu"] as const),
  ...(["idle", "mask", "lossRate", "profiled", "versions"] as const),
] as const satisfies readonly (keyof ReplicaSetting)[];

/** One process of a role, as it tells it itself. */
export interface RoleSetting extends Pick<ReplicaSetting, (typeof NAMES)[number]> {
  readonly kind: "process";
  readonly role: string;
  readonly index: number;
}

/** The fabric tells what it does to frames in a record's `fabric`; it batches nothing. */
export interface FabricRole {
  readonly kind: "fabric";
}

/** Of each role, by index, what its processes told; null: one told nothing. */
export interface RolesTold {
  readonly [role: string]: readonly (RoleSetting | FabricRole | null)[];
}

const ROLE_SETTING: Shape = {
  fields: {
    ...{ kind: "string", role: "string", index: "number" },
    ...Object.fromEntries(NAMES.map((name) => [name, REPLICA_FIELDS[name]])),
  },
};

/** What this process of a role is to tell, of everything that a replica would. */
export function roleSetting(role: string, index: number, all: ReplicaSetting): RoleSetting {
  const { mode, n, f, batch, batchBytes, adaptive, viewTimeoutMs, mtu } = all;
  const { idle, mask, lossRate, profiled, versions } = all;
  return {
    ...{ kind: "process", role, index },
    ...{ mode, n, f, batch, batchBytes, adaptive, viewTimeoutMs, mtu },
    ...{ idle, mask, lossRate, profiled, versions },
  };
}

/** What one told, in the text that `formatRoleSetting` makes; or what is wrong with it. */
export function parseRoleSetting(text: string): RoleSetting | { readonly wrong: string } {
  return parseTold<RoleSetting>(text, ROLE_SETTING);
}

export function formatRoleSetting(setting: RoleSetting): string {
  return JSON.stringify(setting);
}

/** Of several clients' processes that asked the same ones: what any of them was told. */
export function mergeRoles(all: readonly RolesTold[]): RolesTold {
  const names = [...new Set(all.flatMap((one) => Object.keys(one)))];
  return Object.fromEntries(
    names.map((role) => {
      const told = all.map((one) => one[role] ?? []);
      const length = Math.max(...told.map((one) => one.length));
      const merged = Array.from({ length }, (_, i) => {
        return told.find((one) => (one[i] ?? null) !== null)?.[i] ?? null;
      });
      return [role, merged];
    }),
  );
}

/** As a part of a record's last line, which says of each what it is: `, sequencer: fabric`. */
export function formatRoles(roles: RolesTold): string {
  const shown = Object.entries(roles).map(([role, told]) => {
    const each = told.map((one) => (one?.kind === "process" ? processText(one) : one?.kind));
    return `, ${role}: ${each.map((text) => text ?? "silent").join(", ")}`;
  });
  return shown.join("");
}

function processText({ batch, adaptive }: RoleSetting): string {
  return `process (batch ${batch}${adaptive ? " adaptive" : ""})`;
}
