// A process of a role that a protocol has beside replicas and clients, such as a sequencer.

import type { RoleActor, Sealed } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import type { Clock } from "../driver.ts";
import { describeHost, residentBytes, versions } from "../evaluation/record.ts";
import { formatRoleSetting, roleSetting } from "../evaluation/role-setting.ts";
import { formatUnused, splitRefusals } from "../evaluation/refusals.ts";
import { NOTHING_LOADED } from "./chosen-workload.ts";
import { ProcessDrivers } from "./drivers.ts";
import { mergeDrops } from "./drops.ts";
import { ownSetting } from "./own-setting.ts";
import { sharedSetting } from "./setting.ts";
import { log, print, stampLog } from "../base/logger.ts";

/** What a process prints that others have to open, once it is. */
export const OPEN = "is open";
/** How often to look whether it does its work, in milliseconds. */
const LOOK_MS = 10;

/** Says when a process that others have to open begins its work. */
function watchService(clock: Clock, name: string, actor: RoleActor<Sealed, string>): void {
  const { serves } = actor.census();
  if (serves === undefined) return;
  if (serves) log.info(`${name} ${OPEN}`);
  else clock.after(LOOK_MS, () => watchService(clock, name, actor));
}

/** Serves until it is told to stop, then prints and writes what it did. Throws UsageError. */
export function runRole(options: Options, role: string): number {
  if (options.given.has("census")) throw new UsageError("--census: goes without --role");
  const index = options.integer("id", 0, 1_000_000);
  const fabricPort = options.integer("fabric-port", 0, 63);
  const json = options.output("json");
  const startedAt = new Date().toISOString();
  const drivers = new ProcessDrivers(options, ({ mode, deploy, config }) => {
    const count = config.roles?.get(role)?.length;
    if (count === undefined) throw new UsageError(`--role ${role}: ${mode} has no such process`);
    if (index < count) return { kind: "role", role, index, fabricPort };
    throw new UsageError(`--id ${index}: ${deploy.path} has ${role} 0 to ${count - 1}`);
  });
  const { setting, port, stage } = drivers;
  const { protocol, config, mode, deploy } = setting;
  const make = protocol.roles?.get(role);
  const address = deploy.roles.get(role)?.[index];
  assert(make !== undefined && address !== undefined, "the setting has the role");
  const node = drivers.node(address.id, null);
  const actor = make(index, config, node);
  node.start(actor);
  const told = roleSetting(role, index, {
    ...sharedSetting(options, setting, drivers.publicKeys, NOTHING_LOADED),
    ...ownSetting(options, drivers),
  });
  port.transport.inquiries.answerWith(new TextEncoder().encode(formatRoleSetting(told)));
  const count = config.roles?.get(role)?.length ?? 0;
  stampLog();
  log.info(`${role} ${index} of ${count} runs ${mode} on ${port.name}`);
  watchService(drivers.clock, `${role} ${index}`, actor);
  drivers.run([node], drivers.stopped);

  const unused = splitRefusals(mergeDrops(node.drops, port.transport.drops, port.statistics()));
  const record = {
    ...{ command: ["replica", ...process.argv.slice(2)], startedAt },
    ...{ mode, role, index, setting: told, residentBytes: residentBytes() },
    ...{ signatures: { ...stage.counts }, ...unused, ...drivers.profile() },
    ...{ host: describeHost(), versions: versions() },
  };
  drivers.close();
  print(`${role} ${index} ${formatUnused(unused)}`);
  json?.writeJson(record);
  return 0;
}
