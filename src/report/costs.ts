// Where the time goes: shares of the polling threads' time, and signatures an operation costs.

import type { TopLevelSpec } from "vega-lite";
import type { Run } from "../evaluation/run.ts";
import type { Profile } from "../profile/profile.ts";
import { figureOf, type Figure, type Room } from "./chart.ts";
import type { Group } from "./groups.ts";
import { peakOf, type Series } from "./series.ts";
import { hue, INK } from "./theme.ts";

type Part = keyof Profile["shares"];

/** In the order of a message's way; what is no work comes last. */
const PARTS: readonly { readonly part: Part; readonly name: string; readonly colour: string }[] = [
  { part: "receive", name: "receive", colour: hue(0) },
  { part: "decode", name: "decode", colour: hue(5) },
  { part: "check", name: "check and hash", colour: hue(2) },
  { part: "help", name: "signature jobs", colour: hue(3) },
  { part: "protocol", name: "protocol", colour: hue(1) },
  { part: "encode", name: "encode", colour: hue(4) },
  { part: "send", name: "send", colour: hue(6) },
  { part: "other", name: "other", colour: INK.rest },
  { part: "idle", name: "idle", colour: INK.idle },
];

/** Room that a part's number takes in a bar. */
const NUMBER_PX = 13;

/** Of one role in one series, at the point of its highest throughput: means over repetitions. */
export interface RoleCosts {
  readonly series: string;
  readonly load: string;
  readonly role: string;
  /** By the names of the parts; null where no profile was taken. */
  readonly shares: ReadonlyMap<string, number> | null;
  /** For each operation. */
  readonly signatures: Profile["signatures"];
}

/** What is known of one process of one run. */
interface ProcessCosts {
  readonly profile: Profile | null;
  readonly signatures: Profile["signatures"];
  readonly operations: number;
}

/** Of every series: its busiest replica, the others, and the client if it was profiled. */
export function costsOf(all: readonly Series[]): readonly RoleCosts[] {
  return all.flatMap((series): RoleCosts[] => {
    const { runs, load } = peakOf(series);
    const alone = runs.every(({ replicas }) => replicas.length === 1);
    const roles: [role: string, processes: readonly ProcessCosts[]][] = [
      [alone ? "replica" : "busiest replica", runs.flatMap((run) => replicasOf(run).slice(0, 1))],
      ["other replicas", runs.flatMap((run) => replicasOf(run).slice(1))],
      ["client", runs.flatMap(({ record: { profile } }) => (profile ? ofProfile(profile) : []))],
    ];
    return roles
      .filter(([, processes]) => processes.length > 0)
      .map(([role, processes]) => ({
        series: series.label,
        load,
        role,
        shares: sharesOf(processes.flatMap(({ profile }) => profile ?? [])),
        signatures: {
          signed: mean(processes, perOperation("signed")),
          roots: mean(processes, perOperation("roots")),
          verified: mean(processes, perOperation("verified")),
          cached: mean(processes, perOperation("cached")),
        },
      }));
  });
}

/** The busiest first: by its time, or by its signatures where no profile was taken. */
function replicasOf({ replicas }: Run): readonly ProcessCosts[] {
  const busy = ({ profile, signatures: { roots, verified } }: ProcessCosts): number =>
    profile === null ? roots + verified : 1 - profile.shares.idle;
  return replicas
    .map(({ profile, signatures, executed }) =>
      profile ? ofProfile(profile) : { profile: null, signatures, operations: executed },
    )
    .toSorted((a, b) => busy(b) - busy(a));
}

function ofProfile(profile: Profile): ProcessCosts {
  return { profile, signatures: profile.signatures, operations: profile.operations };
}

function sharesOf(profiles: readonly Profile[]): ReadonlyMap<string, number> | null {
  if (profiles.length === 0) return null;
  const share = (part: Part): number => mean(profiles, ({ shares }) => shares[part]);
  return new Map(PARTS.map(({ part, name }) => [name, share(part)]));
}

const perOperation =
  (kind: keyof Profile["signatures"]) =>
  ({ signatures, operations }: ProcessCosts): number =>
    operations === 0 ? 0 : signatures[kind] / operations;

function mean<T>(all: readonly T[], value: (one: T) => number): number {
  return all.reduce((sum, one) => sum + value(one), 0) / all.length;
}

/** Stacked bars of the lines of a group; null where nothing was profiled. */
export async function profileFigure(
  name: string,
  { compared, conditions, lines }: Group,
  costs: readonly RoleCosts[],
): Promise<Figure | null> {
  const labels = new Set(lines.map(({ label }) => label));
  const profiled = costs.filter(({ series, shares }) => shares !== null && labels.has(series));
  if (profiled.length === 0) return null;
  const caption =
    "Shares of the wall time of each process's polling thread, at the highest throughput of each " +
    "line above; means over the repetitions. Numbers stand for the parts of the legend, in whose " +
    "order they are. Signature threads work beside it and are not shown.";
  const heading = { title: `Where the time goes: ${compared}`, subtitle: conditions };
  return figureOf(name, heading, caption, (room) => draw(profiled, room));
}

/** A part's number in bars and legend, which tells it apart where colours do not. */
function numbered(name: string, index: number): string {
  return `${index + 1} ${name}`;
}

function draw(costs: readonly RoleCosts[], room: Room): Omit<TopLevelSpec, "title" | "config"> {
  // Axis labels stand left of the plot.
  const labelWidth = 110;
  const width = room.width + 30 - labelWidth;
  const values = barsOf(costs, width);
  return {
    data: { values },
    spacing: 14,
    facet: {
      row: {
        field: "group",
        type: "nominal",
        sort: [...new Set(values.map(({ group }) => group))],
        title: null,
        header: { labelOrient: "top", labelAngle: 0, labelAnchor: "start", labelPadding: 3 },
      },
    },
    resolve: { scale: { y: "independent" } },
    spec: {
      width,
      height: { step: 24 },
      encoding: {
        y: {
          field: "role",
          type: "nominal",
          sort: null,
          axis: { title: null, domain: false, ticks: false },
        },
        x: {
          field: "start",
          type: "quantitative",
          scale: { domain: [0, 1], nice: false, clamp: true },
          axis: {
            title: "Share of the polling thread's time (%)",
            labelExpr: "format(100 * datum.value, 'd')",
            tickCount: room.narrow ? 2 : 5,
          },
        },
      },
      layer: [
        bars(room),
        // On a halo, because no one ink is seen on all colours.
        numbers({ stroke: INK.paper, strokeWidth: 3 }),
        numbers({ fill: INK.text, fontWeight: 600 }),
      ],
    },
  } as Omit<TopLevelSpec, "title" | "config">;
}

/** The part of a thread's time, from where to where in its bar of so many pixels. */
function barsOf(costs: readonly RoleCosts[], width: number) {
  return costs.flatMap(({ series, load, role, shares }) => {
    let from = 0;
    return PARTS.map(({ name }, index) => {
      const share = shares?.get(name) ?? 0;
      const told = `${series}, ${role}, ${name}: ${(100 * share).toFixed(1)} %`;
      const [start, end] = [from, from + share];
      from = end;
      const number = share * width >= NUMBER_PX ? String(index + 1) : "";
      const part = numbered(name, index);
      return {
        group: `${series}, ${load}`,
        role,
        part,
        start,
        middle: (start + end) / 2,
        end,
        number,
        told,
      };
    });
  });
}

function bars(room: Room) {
  const names = PARTS.map(({ name }, index) => numbered(name, index));
  return {
    mark: { type: "bar", stroke: INK.paper, strokeWidth: 1, height: { band: 0.82 } },
    encoding: {
      x2: { field: "end" },
      fill: {
        field: "part",
        type: "nominal",
        scale: { domain: names, range: PARTS.map(({ colour }) => colour) },
        legend: {
          title: null,
          orient: "bottom",
          direction: "horizontal",
          symbolType: "square",
          symbolSize: 130,
          columns: room.narrow ? 2 : 5,
        },
      },
      description: { field: "told", type: "nominal" },
    },
  };
}

/** The numbers of the parts, in their middle. */
function numbers(look: object) {
  return {
    mark: { type: "text", fontSize: 11, aria: false, ...look },
    encoding: {
      x: { field: "middle", type: "quantitative" },
      text: { field: "number", type: "nominal" },
    },
  };
}
