// What somebody may do to a world by hand, by the names of processes: commands of scripts, and
// actions of plays.

import { UsageError } from "../base/errors.ts";
import type { Interception } from "./interception.ts";
import type { PlayAction } from "./play.ts";
import type { Process } from "./process.ts";
import type { ReplicaHandle } from "./replica-handle.ts";
import type { RoleHandle } from "./role-processes.ts";
import type { World } from "./world.ts";

export class Hand {
  readonly #world: World;
  readonly #interception: Interception;

  constructor(world: World, interception: Interception) {
    this.#world = world;
    this.#interception = interception;
  }

  /** A replica, or a process of another role, loses its memory and stops, if it runs. */
  crash(name: string): boolean {
    const process = this.#process(name);
    if (!process.up) return false;
    this.#world.crash(process);
    return true;
  }

  /** It starts with an empty memory, if it is down. */
  start(name: string): boolean {
    const world = this.#world;
    const { up, incarnation } = this.#process(name);
    // One that never ran is started by its world.
    if (up || incarnation === 0) return false;
    const role = this.#role(name);
    if (role === undefined) world.startReplica(this.#handle(name));
    else world.startRole(role);
    return true;
  }

  pause(name: string, forUs: number): boolean {
    const process = this.#process(name);
    if (process.up) this.#world.pause(process, forUs);
    return process.up;
  }

  /** Nobody hears it, and it hears nobody, until it joins again. */
  cutOff(name: string): boolean {
    const process = this.#process(name);
    const did = !this.#interception.isCutOff(process);
    this.#interception.cutOff(process);
    if (did) this.#world.note(process, "is cut off");
    return did;
  }

  joinAgain(name: string): boolean {
    const process = this.#process(name);
    const did = this.#interception.isCutOff(process);
    this.#interception.joinAgain(process);
    if (did) this.#world.note(process, "joins again");
    return did;
  }

  /** A second instance of a replica starts, with its keys and its address: both are Byzantine. */
  twin(name: string): boolean {
    const { identity } = this.#handle(name);
    if (this.#instances(identity).length > 1) return false;
    this.corrupt(name, []);
    this.#world.startReplica(this.#world.addReplica(identity));
    return true;
  }

  /** A replica plays those tricks from now on, as do all that are Byzantine. */
  corrupt(name: string, tricks: readonly string[]): boolean {
    const { identity } = this.#handle(name);
    this.#interception.corrupts(identity, tricks);
    for (const { process, app } of this.#instances(identity)) {
      process.byzantine = true;
      app?.disown();
      this.#world.note(process, ["is Byzantine", ...tricks].join(", "));
    }
    return true;
  }

  /** Loses the packet of that number, if it is under way. */
  lose(number: number): boolean {
    const watched = this.#interception.lose(number);
    if (watched !== null) this.#world.watch?.isStopped(watched);
    return watched !== null;
  }

  delay(number: number, byUs: number): boolean {
    const watched = this.#interception.delay(number, byUs);
    if (watched !== null) this.#world.watch?.isDelayed(watched, byUs);
    return watched !== null;
  }

  /** Clients ask so many operations more. */
  ask(count: number): boolean {
    this.#world.operationsLeft += count;
    return true;
  }

  #process(name: string): Process {
    return this.#role(name)?.process ?? this.#handle(name).process;
  }

  #role(name: string): RoleHandle | undefined {
    return this.#world.roles.find(({ process }) => process.name === name);
  }

  #handle(name: string): ReplicaHandle {
    const handle = this.#world.replicas.find(({ process }) => process.name === name);
    if (handle === undefined) throw new UsageError(`there is no replica '${name}'`);
    return handle;
  }

  #instances(identity: number): ReplicaHandle[] {
    return this.#world.replicas.filter((handle) => handle.identity === identity);
  }
}

/** Does what an action says; whether that changed anything. Throws UsageError. */
export function perform(hand: Hand, { verb, target, value }: Omit<PlayAction, "atUs">): boolean {
  switch (verb) {
    case "crash":
      return hand.crash(target);
    case "start":
      return hand.start(target);
    case "pause":
      return hand.pause(target, Number(value) * 1000);
    case "cut":
      return hand.cutOff(target);
    case "join":
      return hand.joinAgain(target);
    case "twin":
      return hand.twin(target);
    case "byzantine":
      return hand.corrupt(
        target,
        value.split("+").filter((trick) => trick !== ""),
      );
    case "drop":
      return hand.lose(Number(target));
    case "delay":
      return hand.delay(Number(target), Number(value) * 1000);
    case "ask":
      return hand.ask(Number(value));
  }
}
