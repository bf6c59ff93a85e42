// The processes of a run as one sees them at a glance, and whether what they suffer is more than
// the protocol tolerates.

import type { PlayRun } from "../../simulation/play-run.ts";
import type { Process } from "../../simulation/process.ts";
import type { ProcessCard } from "./controls.ts";

/** Replicas with their twins, then processes of other roles. */
export function cardsOf({ world, interception }: PlayRun): readonly ProcessCard[] {
  const { replicas, roles, scheduler, config } = world;
  const state = (process: Process) => ({
    ...{ name: process.name, up: process.up, byzantine: process.byzantine },
    paused: process.up && process.pausedUntilUs > scheduler.nowUs,
    cutOff: interception.isCutOff(process),
  });
  const running = replicas.map(({ replica }) => replica?.census() ?? null);
  const lastView = Math.max(0, ...running.map((census) => census?.view ?? 0));
  const cards = replicas.map(({ process, identity, replica }): ProcessCard => {
    const census = replica?.census();
    const { view = 0, committed = 0, executed = 0, phase = "starting" } = census ?? {};
    const runs = census !== undefined && phase === "running";
    const leads = runs && config.n > 1 && view === lastView && config.leader(view) === identity;
    const told = `view ${view}, committed ${committed}, executed ${executed}`;
    return { ...state(process), replica: true, leads, says: runs ? told : `${phase}; ${told}` };
  });
  const others = roles.map(({ process, role }): ProcessCard => ({
    ...{ ...state(process), replica: false, leads: false, says: role },
  }));
  return [
    ...cards.toSorted((a, b) => a.name.localeCompare(b.name, "en", { numeric: true })),
    ...others,
  ];
}

/** What is beyond the protocol's promises; "" if nothing is. */
export function beyondText({ world, interception }: PlayRun): string {
  const { replicas, plan } = world;
  if (!world.started) return "";
  const cutOff = replicas.filter(({ process }) => interception.isCutOff(process));
  const faulty = new Set(cutOff.map(({ identity }) => identity));
  for (const { process, replica, identity } of replicas) {
    const runs = replica !== null && replica.census().phase === "running";
    if (process.byzantine || !runs) faulty.add(identity);
  }
  if (faulty.size <= plan.f) return "";
  const are = faulty.size === 1 ? "replica is" : "replicas are";
  return `${faulty.size} ${are} faulty now, and f = ${plan.f}: nothing is promised`;
}
