// The table of results of a sweep that was run before.

import type { AnyProtocol } from "../actor.ts";
import { rowResult, type Measured, type RowResult, type TableRow } from "./results-table.ts";
import type { Point, Run } from "./run.ts";
import { spreadOf } from "./summary.ts";

/** What a row may differ in from others of its protocol, beside the fields of every point. */
const ROW_EXTRAS: readonly string[] = ["replySize", "requestAuth", "workload"];

/**
 * The table of what a sweep measured: a row for all points that differ in nothing but clients, at
 * the load of them that was best; rows in the order of the protocols, those without bytes first.
 * Open loops, lost packets and what else the table has no column for are left out.
 */
export function rowsOf(
  runs: readonly Run[],
  protocols: ReadonlyMap<string, AnyProtocol>,
): readonly RowResult[] {
  const modes = [...protocols.keys()];
  const groups = Map.groupBy(runs.filter(isOfTable), ({ point }) =>
    JSON.stringify({ ...point, clients: 0 }),
  );
  const ranked = [...groups.values()].flatMap((group) => {
    const measured = measuredOf(group);
    return rowResult(measured).map((row) => ({ row, rank: rankOf(measured.row.point, modes) }));
  });
  return ranked.toSorted((a, b) => compareRanks(a.rank, b.rank)).map(({ row }) => row);
}

function isOfTable({ point }: Run): boolean {
  const others = Object.keys(point.extras ?? {}).filter((name) => !ROW_EXTRAS.includes(name));
  return point.rate === 0 && point.fault !== "loss" && others.length === 0;
}

function measuredOf(group: readonly Run[]): Measured {
  const loads = Map.groupBy(group, ({ point }) => point.clients);
  const recordsAt = (clients: number) => (loads.get(clients) ?? []).map(({ record }) => record);
  const throughputAt = (clients: number) =>
    spreadOf(recordsAt(clients).map(({ throughput }) => throughput)).median;
  const clients = [...loads.keys()].reduce((best, one) =>
    throughputAt(one) > throughputAt(best) ? one : best,
  );
  const [{ point }] = group as [Run];
  const single = point.f === 0;
  const silent = point.fault === "silent" ? ", one silent" : "";
  const batch = single ? "-" : `${point.adaptive ? "adaptive" : point.batch}${silent}`;
  const latency = single || point.adaptive;
  const row: TableRow = { point, batch, latency, empty: null };
  return { row, clients, loaded: recordsAt(clients), single: latency ? recordsAt(1) : [] };
}

/** Where a row stands: what is lower comes first, by the first number that differs. */
function rankOf(point: Point, modes: readonly string[]): readonly number[] {
  const { workload, replySize, requestAuth } = point.extras ?? {};
  const signatures = ["each", "batch", "hybrid"];
  return [
    modes.indexOf(point.mode),
    Number(workload !== undefined),
    Number(replySize ?? 0),
    point.opSize,
    Number(requestAuth === "sign"),
    signatures.indexOf(point.signature),
    Number(point.fault === "silent"),
    Number(!point.adaptive),
  ];
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  return a.map((one, i) => one - (b[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
}
