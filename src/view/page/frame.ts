// Where things are in the diagram: lanes from top to bottom, time from left to right.

import { scaleLinear, type ScaleLinear } from "d3-scale";

/** Room for the names of processes. */
export const GUTTER = 92;
/** Room above the lanes for the axis and what lasts. */
export const HEAD = 56;
const FOOT = 14;
const RIGHT = 18;
const LANE_MIN = 38;
const LANE_MAX = 92;

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly laneHeight: number;
  readonly x: ScaleLinear<number, number>;
  /** The middle of each process's lane, by process. */
  readonly y: readonly number[];
  readonly fromUs: number;
  readonly toUs: number;
}

export function heightOf(lanes: number, room: number): number {
  const lane = Math.min(LANE_MAX, Math.max(LANE_MIN, (room - HEAD - FOOT) / Math.max(1, lanes)));
  return Math.round(HEAD + FOOT + lane * lanes);
}

export function frameOf(
  lanes: readonly number[],
  [width, height]: readonly [number, number],
  [fromUs, toUs]: readonly [number, number],
): Frame {
  const laneHeight = (height - HEAD - FOOT) / Math.max(1, lanes.length);
  const y: number[] = [];
  for (const [lane, process] of lanes.entries()) y[process] = HEAD + (lane + 0.5) * laneHeight;
  const x = scaleLinear([fromUs, toUs], [GUTTER, width - RIGHT]);
  return { width, height, laneHeight, x, y, fromUs, toUs };
}

/** The width of the diagram without what stands beside it. */
export function plotWidth(width: number): number {
  return Math.max(1, width - GUTTER - RIGHT);
}

/** A time in the unit that suits the window. */
export function timeText(us: number, windowUs = Infinity): string {
  if (windowUs < 2_000) return `${us.toLocaleString("en-US")} µs`;
  const digits = windowUs < 20_000 ? 2 : windowUs < 200_000 ? 1 : windowUs === Infinity ? 3 : 0;
  const ms = (us / 1000).toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${ms} ms`;
}
