// Process faults: pauses, crashes, replicas that lose their memory one after another, clients that
// die. Byzantine, crashed and recovering replicas together are never more than f.

import type { ProcessFault } from "./seed-plan.ts";
import type { ReplicaHandle } from "./replica-handle.ts";
import type { World } from "./world.ts";

export function scheduleFaults(world: World): void {
  const { plan, scheduler } = world;
  for (const fault of plan.faults) {
    scheduler.after(null, fault.atUs, () => happen(world, fault));
  }
  if (plan.restarts.length > 0) scheduler.after(null, 0, () => restartNext(world, 0));
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

function mayCrash(world: World, handle: ReplicaHandle): boolean {
  return handle.replica !== null && !handle.process.byzantine && world.faulty() < world.plan.f;
}

function restart(world: World, handle: ReplicaHandle): void {
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
