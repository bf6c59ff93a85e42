// Where the time goes: shares of the polling threads' time, and signatures an operation costs.

import type { TopLevelSpec } from "vega-lite";
import type { Profile } from "../profile.ts";
import type { Run } from "../run.ts";
import { figureOf, type Figure, type Room } from "./chart.ts";
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

/** Of one role in one series, at the point of its highest throughput: means over repetitions. */
export interface RoleProfile {
  readonly series: string;
  readonly load: string;
  readonly role: string;
  readonly shares: ReadonlyMap<string, number>;
  /** For each operation. */
  readonly signatures: Profile["signatures"];
}

/** Of every series that was measured with profiles: its busiest replica, the others, the client. */
export function roleProfiles(all: readonly Series[]): readonly RoleProfile[] {
  return all.flatMap((series): RoleProfile[] => {
    const { runs, load } = peakOf(series);
    const roles: [role: string, profiles: readonly Profile[]][] = [
      ["busiest replica", runs.flatMap((run) => replicasOf(run).slice(0, 1))],
      ["other replicas", runs.flatMap((run) => replicasOf(run).slice(1))],
      ["client", runs.flatMap(({ record }) => record.profile ?? [])],
    ];
    return roles
      .filter(([, profiles]) => profiles.length > 0)
      .map(([role, profiles]) => ({
        series: series.label,
        load,
        role,
        shares: new Map(PARTS.map(({ part, name }) => [name, mean(profiles, sharesOf(part))])),
        signatures: {
          signed: mean(profiles, perOperation("signed")),
          roots: mean(profiles, perOperation("roots")),
          verified: mean(profiles, perOperation("verified")),
          cached: mean(profiles, perOperation("cached")),
        },
      }));
  });
}

/** The busiest first. */
function replicasOf({ replicas }: Run): readonly Profile[] {
  return replicas
    .flatMap(({ profile }) => profile ?? [])
    .toSorted((a, b) => a.shares.idle - b.shares.idle);
}

const sharesOf =
  (part: Part) =>
  ({ shares }: Profile): number =>
    shares[part];

const perOperation =
  (kind: keyof Profile["signatures"]) =>
  ({ signatures, operations }: Profile): number =>
    operations === 0 ? 0 : signatures[kind] / operations;

function mean(profiles: readonly Profile[], value: (profile: Profile) => number): number {
  return profiles.reduce((sum, profile) => sum + value(profile), 0) / profiles.length;
}

/** Stacked bars; null where nothing was profiled. */
export async function profileFigure(
  name: string,
  heading: { readonly title: string; readonly subtitle: string },
  roles: readonly RoleProfile[],
): Promise<Figure | null> {
  if (roles.length === 0) return null;
  const caption =
    "Shares of the wall time of each process's polling thread, at the highest throughput of each " +
    "line above; means over the repetitions. Signature threads work beside it and are not shown.";
  return figureOf(name, heading, caption, (room) => draw(roles, room));
}

function draw(roles: readonly RoleProfile[], room: Room): Omit<TopLevelSpec, "title" | "config"> {
  const names = PARTS.map((part) => part.name);
  const values = roles.flatMap(({ series, load, role, shares }) =>
    names.map((part, order) => {
      const share = shares.get(part) ?? 0;
      const told = `${series}, ${role}, ${part}: ${(100 * share).toFixed(1)} %`;
      return { group: `${series}, ${load}`, role, part, order, share, told };
    }),
  );
  // Axis labels stand left of the plot.
  const labelWidth = 110;
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
      width: room.width + 30 - labelWidth,
      height: { step: 24 },
      mark: { type: "bar", stroke: INK.paper, strokeWidth: 1, height: { band: 0.82 } },
      encoding: {
        y: {
          field: "role",
          type: "nominal",
          sort: null,
          axis: { title: null, domain: false, ticks: false },
        },
        x: {
          field: "share",
          type: "quantitative",
          stack: "zero",
          scale: { domain: [0, 1], nice: false, clamp: true },
          axis: {
            title: "Share of the polling thread's time (%)",
            labelExpr: "format(100 * datum.value, 'd')",
            tickCount: room.narrow ? 2 : 5,
          },
        },
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
        order: { field: "order", type: "quantitative" },
        description: { field: "told", type: "nominal" },
      },
    },
  } as Omit<TopLevelSpec, "title" | "config">;
}
