// What befalls processes before GST, by names that --without takes.

import type { Random } from "../base/seeded-random.ts";
import type { Subject } from "./subject.ts";

/** A process that stands still, or loses everything. */
export interface ProcessFault {
  readonly name: string;
  readonly kind: "pause" | "crash" | "client death" | "sequencer pause" | "sequencer crash";
  /** A replica, a client for "client death", or a sequencer. */
  readonly process: number;
  readonly atUs: number;
  /** How long; Infinity: it never comes back. */
  readonly forUs: number;
}

/** Most pauses, and most losses of memory, of sequencers. */
const SEQUENCER_FAULTS_MAX = 4;

interface FaultBounds {
  readonly replicas: readonly number[];
  readonly clients: number;
  readonly gstUs: number;
  readonly viewUs: number;
  /** Most replicas that may be down at a time. */
  readonly crashes: number;
  readonly many: number;
  readonly sequencers: number;
}

/** Pauses and losses of memory of replicas and sequencers, and deaths of clients. */
export function drawFaults(subject: Subject, random: Random, bounds: FaultBounds): ProcessFault[] {
  const { replicas, clients, gstUs, viewUs, crashes, many } = bounds;
  const faults: ProcessFault[] = [];
  const at = (dice: Random) => dice.int(Math.max(1, gstUs));
  const pauses = random.stream("pauses");
  if (pauses.chance(0.4)) {
    const count = pauses.between(1, many);
    for (let i = 0; i < count; i++) {
      const forUs = Math.floor(viewUs * pauses.pick([0.3, 2, 6]));
      const process = pauses.pick(replicas);
      faults.push({ name: `pause-${i}`, kind: "pause", process, atUs: at(pauses), forUs });
    }
  }
  const crash = random.stream("crashes");
  if (crash.chance(0.4) && crashes > 0) {
    const count = crash.between(1, many);
    for (let i = 0; i < count; i++) {
      const downUs = Math.floor(viewUs * crash.pick([0.3, 2, 6]));
      const forUs = crash.chance(0.5) || !subject.restarts ? Infinity : downUs;
      const process = crash.pick(replicas);
      faults.push({ name: `crash-${i}`, kind: "crash", process, atUs: at(crash), forUs });
    }
  }
  const death = random.stream("client deaths");
  if (death.chance(0.1)) {
    const process = death.int(clients);
    faults.push({
      name: "client-death-0",
      kind: "client death",
      process,
      atUs: at(death),
      forUs: 0,
    });
  }
  faults.push(...drawSequencerFaults(random.stream("sequencers"), bounds));
  return faults;
}

/**
 * Pauses, and losses of memory, each over by GST: then one is up for good. Of two one may be gone;
 * an only one always comes back.
 */
function drawSequencerFaults(
  random: Random,
  { sequencers, gstUs, viewUs }: FaultBounds,
): ProcessFault[] {
  if (sequencers === 0) return [];
  const at = (dice: Random): number => dice.int(Math.max(1, gstUs));
  const faults: ProcessFault[] = [];
  const pauses = random.stream("pauses");
  for (let i = pauses.chance(0.3) ? pauses.between(1, SEQUENCER_FAULTS_MAX) : 0; i > 0; i--) {
    const forUs = Math.floor(viewUs * pauses.pick([0.3, 2, 6]));
    const name = `sequencer-pause-${i - 1}`;
    const process = pauses.int(sequencers);
    faults.push({ name, kind: "sequencer pause", process, atUs: at(pauses), forUs });
  }
  const crashes = random.stream("crashes");
  for (let i = crashes.chance(0.5) ? crashes.between(1, SEQUENCER_FAULTS_MAX) : 0; i > 0; i--) {
    const atUs = at(crashes);
    const downUs = Math.floor(viewUs * crashes.pick([0.01, 0.3, 2, 6]));
    const gone = crashes.chance(0.2) && sequencers > 1;
    const forUs = gone ? Infinity : Math.max(1, Math.min(downUs, gstUs - atUs));
    const name = `sequencer-crash-${i - 1}`;
    faults.push({ name, kind: "sequencer crash", process: crashes.int(sequencers), atUs, forUs });
  }
  return faults;
}
