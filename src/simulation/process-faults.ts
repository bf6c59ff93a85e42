// Process faults: pauses, crashes, replicas that lose their memory one after another, clients that
// die. Byzantine, crashed and recovering replicas together are never more than f, but where all
// lose their memory at once, which ends the run.

import { playBack, Recording } from "./earlier-run.ts";
import type { ProcessFault } from "./drawn-faults.ts";
import type { AllRestart } from "./seed-plan.ts";
import type { ReplicaHandle } from "./replica-handle.ts";
import type { World } from "./world.ts";

export function scheduleFaults(world: World): void {
  const { plan, scheduler } = world;
  for (const fault of plan.faults) {
    scheduler.after(null, fault.atUs, () => happen(world, fault));
  }
  if (plan.allRestart !== null) scheduleRestart(world, plan.allRestart);
  if (plan.restarts.length > 0) scheduler.after(null, 0, () => restartNext(world, 0));
}

/** Strangers record what is sent until all replicas restart, and play it back from then on. */
function scheduleRestart(world: World, { atUs, downUs }: AllRestart): void {
  const { scheduler, replicas } = world;
  const recording = new Recording();
  const stranger = world.addStranger("recorder");
  world.recording = recording;
  // A cluster that has done nothing yet gets the time that is left.
  const lastUs = (atUs + world.plan.gstUs) / 2;
  const end = (): void => {
    if (world.ledger.canonical.length === 0 && scheduler.nowUs < lastUs) {
      scheduler.after(null, world.plan.viewTimeoutMs * 250, end);
      return;
    }
    world.recording = null;
    world.crashAll();
    world.count("all restart");
    for (const handle of replicas) {
      if (handle.gone) continue;
      scheduler.after(null, downUs[handle.identity] ?? 1, () => restart(world, handle));
    }
    playBack(world, stranger, recording.packets, "all restart");
  };
  scheduler.after(null, atUs, end);
}

function happen(world: World, fault: ProcessFault): void {
  const { plan, scheduler } = world;
  if (fault.kind === "client death") {
    const process = world.clientProcesses[fault.process % world.clientProcesses.length];
    if (process === undefined) return;
    const count = process.hosted.length;
    world.crash(process);
    world.count("client deaths");
    world.startClients(process, count);
    return;
  }
  if (fault.kind === "sequencer pause" || fault.kind === "sequencer crash") {
    return onSequencer(world, fault);
  }
  const handle = world.replicas[fault.process];
  if (handle === undefined) return;
  if (fault.kind === "pause") {
    world.pause(handle.process, Math.min(fault.forUs, Math.max(0, plan.gstUs - scheduler.nowUs)));
    world.count("pauses");
    return;
  }
  if (!mayCrash(world, handle)) return;
  world.crash(handle.process);
  world.count("crashes");
  if (fault.forUs === Infinity) {
    handle.gone = true;
    return;
  }
  scheduler.after(null, fault.forUs, () => restart(world, handle));
}

/** Of several at least one is up; an only one comes back. */
function onSequencer(world: World, { kind, process, forUs }: ProcessFault): void {
  const { scheduler, roles, plan } = world;
  const handle = roles[process];
  if (handle === undefined || handle.actor === null) return;
  if (kind === "sequencer pause") {
    world.pause(handle.process, Math.min(forUs, Math.max(0, plan.gstUs - scheduler.nowUs)));
    world.count("sequencer pauses");
    return;
  }
  const down = roles.filter(({ actor }) => actor === null).length;
  if (down >= Math.max(1, roles.length - 1)) return;
  world.crash(handle.process);
  world.count("sequencer crashes");
  if (forUs !== Infinity) scheduler.after(null, forUs, () => world.startRole(handle));
}

/** Whether it may lose its memory within the budget. */
export function mayCrash(world: World, handle: ReplicaHandle): boolean {
  return handle.replica !== null && !handle.process.byzantine && world.faulty() < world.plan.f;
}

/** Starts it with an empty memory, if it is down. */
export function restart(world: World, handle: ReplicaHandle): void {
  if (handle.replica !== null) return;
  world.startReplica(handle);
  world.count("restarts");
}

/** The next replica of the succession loses its memory as soon as the budget allows it. */
function restartNext(world: World, turn: number): void {
  const { plan, scheduler } = world;
  if (scheduler.nowUs >= plan.gstUs) return;
  const handle = world.replicas[plan.restarts[turn % plan.restarts.length] ?? 0];
  const pollUs = plan.viewTimeoutMs * 100;
  if (handle === undefined || !mayCrash(world, handle)) {
    const skip = handle === undefined || handle.replica === null ? 1 : 0;
    scheduler.after(null, pollUs, () => restartNext(world, turn + skip));
    return;
  }
  world.crash(handle.process);
  world.count("restarts in succession");
  scheduler.after(null, plan.restartDownUs, () => {
    restart(world, handle);
    scheduler.after(null, pollUs, () => restartNext(world, turn + 1));
  });
}
