// What an attack may cost, and whether it cost more.

/** What was measured of one attack. Throughputs are in operations a second. */
export interface Measured {
  readonly before: number;
  readonly during: number;
  /**
   * The share of the processor time of honest processes that the attacker took by using the same
   * machine: it is no part of what is judged, because attackers have machines of their own.
   */
  readonly taken: number;
  /** From one second after it ended. */
  readonly after: number;
  /** Leaders that were left, as the replica sees it that saw most. */
  readonly leaderChanges: number;
  /** The most resident memory of a replica above that of one that was not attacked, in MiB. */
  readonly memoryMib: number;
  /** The most bytes that a forged source got for each that was sent in its name; null: none was. */
  readonly amplification: number | null;
  /** What clients or replicas said that ended as they should not. */
  readonly ended: readonly string[];
}

/** Each absent: it is not judged. */
export interface Bounds {
  /** Throughput during the attack, of that before with the processor time that was left. */
  readonly duringMin?: number;
  /** Throughput a second after the attack, of that before. */
  readonly afterMin?: number;
  readonly leaderChangesMax?: number;
  readonly memoryMibMax?: number;
  readonly amplificationMax?: number;
}

/** Issue 14, "Figures to reach". */
export const STRANGERS_BOUNDS: Bounds = {
  duringMin: 0.7,
  afterMin: 0.7,
  leaderChangesMax: 0,
  memoryMibMax: 64,
  amplificationMax: 1,
};

/** Of a leader that is slow, or serves itself: after what others need to leave it. */
export const LEADERS_BOUNDS: Bounds = { duringMin: 0.5, memoryMibMax: 64 };

/** Of a replica that floods others with what it may send. */
export const FLOODS_BOUNDS: Bounds = { duringMin: 0.7, leaderChangesMax: 0, memoryMibMax: 64 };

/**
 * On a machine that others use, and that may be half as fast: that operations go on at all, that no
 * memory grows without end, and that leaders are not left one after another.
 */
export const CI_BOUNDS: Bounds = {
  ...STRANGERS_BOUNDS,
  ...{ duringMin: 0.1, afterMin: 0.1, leaderChangesMax: 2, memoryMibMax: 192 },
};

/**
 * Of throughput during an attack, where clients wait for every replica: whatever slows one slows
 * all of them, and a Byzantine one may end the fast path by its silence.
 */
const FAST_PATH_MIN = 0.5;

/** What an attack may cost a protocol: one with a fast path more, and anybody in CI. */
export function boundsFor(
  bounds: Bounds,
  { ci, hasFastPath }: { readonly ci: boolean; readonly hasFastPath: boolean },
): Bounds {
  if (ci) return { ...bounds, ...CI_BOUNDS };
  const { duringMin = 0 } = bounds;
  return hasFastPath ? { ...bounds, duringMin: Math.min(duringMin, FAST_PATH_MIN) } : bounds;
}

/** What was lost beyond the bounds, a line each; none: the attack failed. */
export function judge(measured: Measured, bounds: Bounds): readonly string[] {
  const { before, during, taken, after, leaderChanges, memoryMib, amplification } = measured;
  const { duringMin = 0, afterMin = 0, leaderChangesMax = Infinity } = bounds;
  const { memoryMibMax = Infinity, amplificationMax = Infinity } = bounds;
  const losses = [...measured.ended];
  const lost = (holds: boolean, what: string): void => void (holds || losses.push(what));
  lost(before > 0, "nothing was served before the attack");
  lost(during >= duringMin * before * (1 - taken), `throughput below ${duringMin} of before`);
  lost(after >= afterMin * before, `throughput below ${afterMin} of before, a second after`);
  lost(leaderChanges <= leaderChangesMax, "leaders were left");
  lost(memoryMib <= memoryMibMax, `more than ${memoryMibMax} MiB above undisturbed`);
  lost((amplification ?? 0) <= amplificationMax, `amplification above ${amplificationMax}`);
  return losses;
}

/** The cells of a measurement, as `MEASURED_HEAD` names them. */
export function measuredCells(measured: Measured): readonly string[] {
  const { before, during, taken, after, leaderChanges, memoryMib, amplification } = measured;
  return [
    ...[before, during, after].map((rate) => Math.round(rate).toLocaleString("en-US")),
    (during / before).toFixed(2),
    taken.toFixed(2),
    (during / before / (1 - taken)).toFixed(2),
    (after / before).toFixed(2),
    String(leaderChanges),
    memoryMib.toFixed(0),
    amplification === null ? "-" : amplification.toFixed(2),
  ];
}

export const MEASURED_HEAD: readonly string[] = [
  ...[
    "before",
    "during",
    "after",
    "ratio",
    "taken",
    "of the rest",
    "after 1 s",
    "leaders left",
    "MiB",
    "amplification",
  ],
];
