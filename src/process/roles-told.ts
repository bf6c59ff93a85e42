// Which processes of roles a client's process can ask what they run, and what a record says of all.

import type { Address } from "../actor.ts";
import type { FabricSetting } from "../evaluation/record.ts";
import type { RoleSetting, RolesTold } from "../evaluation/role-setting.ts";
import { SEQUENCER } from "../protocol/kit/sequencer.ts";

type Roles = ReadonlyMap<string, readonly Address[]> | undefined;
type Fabric = Pick<FabricSetting, "sequencer"> | null;

/** Whether a process of a role is the fabric itself, which nobody can ask. */
function isFabric(role: string, index: number, fabric: Fabric): boolean {
  return role === SEQUENCER && index === 0 && fabric?.sequencer === true;
}

/** The addresses of those that can be asked. */
export function askedOf(roles: Roles, fabric: Fabric): readonly Address[] {
  return [...(roles ?? [])].flatMap(([role, addresses]) =>
    addresses.filter((_, index) => !isFabric(role, index, fabric)),
  );
}

/** What all told, as a field of a record; none where the protocol has no roles. */
export function toldOfRoles(
  roles: Roles,
  fabric: Fabric,
  told: ReadonlyMap<Address, RoleSetting>,
): { readonly roles?: RolesTold } {
  if (roles === undefined) return {};
  const each = [...roles].map(([role, addresses]) => [
    role,
    addresses.map((address, index) =>
      isFabric(role, index, fabric) ? ({ kind: "fabric" } as const) : (told.get(address) ?? null),
    ),
  ]);
  return { roles: Object.fromEntries(each) as RolesTold };
}
