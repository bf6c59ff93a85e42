// Processes of a world that are neither replicas nor clients, such as sequencers.

import type { RoleActor, Sealed } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Node } from "../node.ts";
import type { ProtocolConfig } from "../protocol-config.ts";
import { SEQUENCER } from "../protocol/kit/sequencer.ts";
import { CensusCheck } from "./census.ts";
import type { Watch } from "./observer.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Plan } from "./seed-plan.ts";
import type { Subject } from "./subject.ts";
import { watchedActor } from "./watched-actor.ts";

export interface RoleHandle {
  readonly process: Process;
  readonly role: string;
  readonly index: number;
  /** Null while it is down. */
  actor: RoleActor<Sealed, string> | null;
}

/** What it needs of its world. */
interface RoleWorld {
  readonly subject: Subject;
  readonly plan: Plan;
  readonly config: ProtocolConfig;
  readonly scheduler: Scheduler;
  readonly watch: Watch | null;
  note(process: Process, what: string): void;
  fail(what: string): void;
}

/** What traces and scripts call it: `s0` is the first sequencer. */
export function roleName(role: string, index: number): string {
  return role === SEQUENCER ? `s${index}` : `${role}${index}`;
}

/** Starts it with an empty memory, on this node. */
export function startRole(world: RoleWorld, handle: RoleHandle, node: Node<Sealed, string>): void {
  const { subject, plan, config, scheduler } = world;
  const { process, role, index } = handle;
  const make = subject.protocol.roles?.get(role);
  assert(make !== undefined, "the configuration has the roles of the protocol");
  const actor = make(index, config, node);
  handle.actor = actor;
  process.hosted.push({ node, replica: null, client: null });
  const note = (what: string): void => world.note(process, what);
  node.start(watchedActor(actor, process, note, world.watch));
  const census = new CensusCheck(process.name, (what) => world.fail(what));
  process.onEvent = () => {
    if (handle.actor === null || scheduler.count % plan.censusEvery !== 0) return;
    census.bounded(handle.actor.census().sizes);
    census.bounded(node.sizes);
    if (process.transport !== null) census.bounded(process.transport.sizes);
  };
  world.note(process, "starts");
}
