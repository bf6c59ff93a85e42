// Process faults: pauses, crashes, replicas that lose their memory one after another, clients that
// die. Byzantine, crashed and recovering replicas together are never more than f.

import type { ProcessFault } from "./plan.ts";
import type { ReplicaSeat, World } from "./world.ts";

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
    const count = process.seats.length;
    world.crash(process);
    world.count("client deaths");
    world.startClients(process, count);
    return;
  }
  const seat = world.replicas[fault.process];
  if (seat === undefined) return;
  if (fault.kind === "pause") {
    world.pause(seat.process, Math.min(fault.forUs, Math.max(0, plan.gstUs - scheduler.nowUs)));
    world.count("pauses");
    return;
  }
  if (!mayCrash(world, seat)) return;
  world.crash(seat.process);
  world.count("crashes");
  if (fault.forUs === Infinity) {
    seat.gone = true;
    return;
  }
  scheduler.after(null, fault.forUs, () => restart(world, seat));
}

function mayCrash(world: World, seat: ReplicaSeat): boolean {
  return seat.replica !== null && !seat.process.byzantine && world.faulty() < world.plan.f;
}

function restart(world: World, seat: ReplicaSeat): void {
  if (seat.replica !== null) return;
  world.startReplica(seat);
  world.count("restarts");
}

/** The next replica of the succession loses its memory as soon as the budget allows it. */
function restartNext(world: World, turn: number): void {
  const { plan, scheduler } = world;
  if (scheduler.nowUs >= plan.gstUs) return;
  const seat = world.replicas[plan.restarts[turn % plan.restarts.length] ?? 0];
  const pollUs = plan.viewTimeoutMs * 100;
  if (seat === undefined || !mayCrash(world, seat)) {
    const skip = seat === undefined || seat.replica === null ? 1 : 0;
    scheduler.after(null, pollUs, () => restartNext(world, turn + skip));
    return;
  }
  world.crash(seat.process);
  world.count("restarts in succession");
  scheduler.after(null, plan.restartDownUs, () => {
    restart(world, seat);
    scheduler.after(null, pollUs, () => restartNext(world, turn + 1));
  });
}
