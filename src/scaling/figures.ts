// The charts of `bench -- scale`: what was counted and predicted against the number of replicas,
// beside what the papers say of it.

import type { TopLevelSpec } from "vega-lite";
import type { PaperFigure } from "../protocol-hints.ts";
import { protocols } from "../protocol/index.ts";
import { figureOf, legendColumns, logTicks, type Figure, type Room } from "../report/chart.ts";
import { dashedLayers } from "../report/dashed-layers.ts";
import { hue, INK, shape } from "../report/theme.ts";
import type { Counts } from "./counts.ts";
import { betweenReplicas, type ScaleRow } from "./predictions.ts";

interface Series {
  readonly label: string;
  /** Of a paper: a dashed line with hollow marks. */
  readonly paper: boolean;
  /** Numbers of hue and shape. */
  readonly style: number;
  readonly points: readonly { readonly n: number; readonly y: number }[];
}

interface Chart {
  readonly name: string;
  readonly title: string;
  readonly subtitle: string;
  readonly caption: string;
  readonly yTitle: string;
  readonly series: readonly Series[];
}

/** All charts of these rows; empty where no protocol has more than one replica. */
export async function scaleFigures(rows: readonly ScaleRow[]): Promise<readonly Figure[]> {
  const replicated = rows.filter(({ counts }) => counts.n > 1);
  if (replicated.length === 0) return [];
  const { batch } = (replicated[0] as ScaleRow).counts;
  const networks = [...new Set(rows.flatMap((row) => row.predictions.map((p) => p.network)))];
  const charts = [
    messagesChart(replicated, batch),
    signaturesChart(replicated, batch),
    bytesChart(replicated, batch),
    ...networks.flatMap((network) => [
      predictionChart(replicated, network, "throughput"),
      predictionChart(replicated, network, "latency"),
    ]),
  ];
  return Promise.all(charts.filter((chart) => chart !== null).map(figure));
}

function messagesChart(rows: readonly ScaleRow[], batch: number): Chart {
  // Signatures change how large messages are, not how many there are.
  const { signature } = (rows[0] as ScaleRow).counts;
  const some = rows.filter(({ counts }) => counts.signature === signature);
  const messages = (counts: Counts): number => betweenReplicas(counts) * batch;
  return {
    name: "messages",
    title: "Messages that replicas send each other for one batch",
    subtitle: `Batches of ${batch} operations, no faults, once for each receiver`,
    caption:
      "Filled marks are counted in the simulator, hollow ones are the papers' normal case. " +
      "Requests and replies, one and n an operation in each protocol, are left out.",
    yTitle: "Messages a batch",
    series: measuredBesidePapers(some, "messages", messages),
  };
}

function signaturesChart(rows: readonly ScaleRow[], batch: number): Chart {
  const checks = ({ total, client }: Counts) => (total.verified - client.verified) * batch;
  const kinds = [...new Set(rows.map(({ counts }) => counts.signature))];
  const modes = [...new Set(rows.map(({ counts }) => counts.mode))];
  const notes = modes.flatMap((mode) => paperFigure(mode, "signatures")?.note ?? []);
  return {
    name: "signatures",
    title: "Signatures that replicas check in full for one batch",
    subtitle: `Batches of ${batch} operations, no faults, all replicas together`,
    caption: [
      "Filled marks are counted in the simulator, hollow ones count the signatures that replicas " +
        "get in the papers' normal case.",
      ...notes,
    ].join(" "),
    yTitle: "Checks a batch",
    series: kinds.flatMap((kind, i) => {
      const some = rows.filter(({ counts }) => counts.signature === kind);
      return measuredBesidePapers(some, i === 0 ? "signatures" : null, checks, kind, 2 * i);
    }),
  };
}

function bytesChart(rows: readonly ScaleRow[], batch: number): Chart {
  const kinds = [...new Set(rows.map(({ counts }) => counts.signature))];
  return {
    name: "leader-bytes",
    title: "Bytes that the leader sends for one operation",
    subtitle: `Ethernet frames, batches of ${batch} operations, no faults`,
    caption: "Counted in the simulator, at the leader, replies to clients included.",
    yTitle: "Bytes an operation",
    series: kinds.flatMap((kind, i) => {
      const some = rows.filter(({ counts }) => counts.signature === kind);
      const bytes = ({ leader }: Counts): number => leader.bytesOut;
      return measuredBesidePapers(some, null, bytes, kind, 2 * i);
    }),
  };
}

type PaperWhat = "messages" | "signatures";

function paperFigure(mode: string, what: PaperWhat): PaperFigure | undefined {
  return protocols.get(mode)?.timing?.paper?.[what];
}

/** A series for each protocol, and one for what its paper says of it, if anything. */
function measuredBesidePapers(
  rows: readonly ScaleRow[],
  what: PaperWhat | null,
  figureFor: (counts: Counts) => number,
  kind?: string,
  firstStyle = 0,
): readonly Series[] {
  const modes = [...new Set(rows.map(({ counts }) => counts.mode))];
  return modes.flatMap((mode, i) => {
    const all = rows.filter(({ counts }) => counts.mode === mode).map(({ counts }) => counts);
    const style = firstStyle + i;
    const measured: Series = {
      label: kind === undefined ? `${mode}, counted` : `${mode}, counted, ${kind}`,
      paper: false,
      style,
      points: all.map((counts) => ({ n: counts.n, y: figureFor(counts) })),
    };
    const paper = what === null ? undefined : paperFigure(mode, what);
    if (paper === undefined) return [measured];
    const points = all.map(({ n }) => ({ n, y: paper.of(n) }));
    return [measured, { label: paper.label, paper: true, style, points }];
  });
}

/** Null where nothing is predicted. */
function predictionChart(
  rows: readonly ScaleRow[],
  network: string,
  what: "throughput" | "latency",
): Chart | null {
  const named = (counts: Counts): string => `${counts.mode}, ${counts.signature}`;
  const names = [...new Set(rows.map(({ counts }) => named(counts)))];
  const series = names.map((label, style): Series => {
    const points = rows
      .filter(({ counts }) => named(counts) === label)
      .flatMap(({ counts, predictions }) => {
        const prediction = predictions.find((one) => one.network === network);
        if (prediction === undefined) return [];
        const { throughput, latencyUs } = prediction;
        const y = what === "throughput" ? throughput / 1000 : (latencyUs ?? 0) / 1000;
        return y > 0 ? [{ n: counts.n, y }] : [];
      });
    return { label, paper: false, style, points };
  });
  const some = series.filter(({ points }) => points.length > 0);
  if (some.length === 0) return null;
  const batch = rows[0]?.counts.batch ?? 1;
  return {
    name: `${what}-${network}`,
    title:
      what === "throughput"
        ? `Throughput that the cost model predicts, network ${network}`
        : `Latency that the cost model predicts without load, network ${network}`,
    subtitle:
      what === "throughput"
        ? `A machine like this one for each replica, batches of ${batch} operations`
        : "One operation at a time, mean over clients at each site",
    caption: "Predicted from counts and costs measured on this machine; not measured itself.",
    yTitle: what === "throughput" ? "Kops/s" : "Milliseconds",
    series: some,
  };
}

function figure({ name, title, subtitle, caption, yTitle, series }: Chart): Promise<Figure> {
  return figureOf(name, { title, subtitle }, caption, (room) => draw(series, yTitle, room));
}

/** What the chart draws of a series. */
interface Mark {
  readonly label: string;
  readonly paper: boolean;
  readonly n: number;
  readonly y: number;
  /** For screen readers, and for tests. */
  readonly told: string;
}

function marksOf({ label, paper, points }: Series): readonly Mark[] {
  return points.map(({ n, y }) => {
    const value = y.toLocaleString("en-US", { maximumSignificantDigits: 5 });
    return { label, paper, n, y, told: `${label}, n ${n}: ${value}` };
  });
}

/** Both axes, logarithmic; the sizes of clusters are marked. */
function axes(marks: readonly Mark[], yTitle: string) {
  const axis = (
    field: keyof Mark,
    title: string,
    ticks: readonly number[],
    domain: readonly number[],
  ) => ({
    field,
    type: "quantitative",
    scale: { type: "log", domain, nice: false },
    axis: { title: `${title} (log scale)`, values: ticks, format: ",~r", grid: true },
  });
  const sizes = [...new Set(marks.map(({ n }) => n))].sort((a, b) => a - b);
  const range = [(sizes[0] ?? 1) * 0.9, (sizes.at(-1) ?? 1) * 1.1];
  const up = logTicks(marks.map(({ y }) => y));
  return { x: axis("n", "Replicas", sizes, range), y: axis("y", yTitle, up.ticks, up.domain) };
}

/** Of counted lines, and of those of papers from the next one on. */
const SOLID = 0;
/** Hollow marks lie around filled ones where both are in one place. */
const MARK_SIZES = { counted: 46, paper: 120 } as const;

function draw(
  series: readonly Series[],
  yTitle: string,
  room: Room,
): Omit<TopLevelSpec, "title" | "config"> {
  const labels = series.map(({ label }) => label);
  const marks = series.flatMap(marksOf);
  const columns = legendColumns(labels, room);
  const legend = { title: null, orient: "bottom", direction: "horizontal", columns };
  const scale = (of: (one: Series) => unknown) => ({ domain: labels, range: series.map(of) });
  const encode = (of: (one: Series) => unknown) => ({
    ...{ field: "label", type: "nominal" },
    ...{ scale: scale(of), legend },
  });
  const stroke = encode(({ style }) => hue(style));
  const marksOn = (paper: boolean) => ({
    transform: [{ filter: `datum.paper === ${paper}` }],
    mark: {
      ...{ type: "point", strokeWidth: 1.75, opacity: 1 },
      size: paper ? MARK_SIZES.paper : MARK_SIZES.counted,
    },
    encoding: {
      stroke,
      fill: encode(({ paper: hollow, style }) => (hollow ? INK.paper : hue(style))),
      shape: encode(({ style }) => shape(style)),
      description: { field: "told", type: "nominal" },
    },
  });
  const dashed = series.map(({ label, paper, style }) => ({
    label,
    style: paper ? SOLID + 1 + style : SOLID,
  }));
  return {
    width: room.width,
    height: room.height,
    data: { values: marks },
    encoding: axes(marks, yTitle),
    layer: [
      ...dashedLayers(dashed, ({ label }) => label, "label").map(({ strokeDash, transform }) => ({
        mark: { type: "line", strokeWidth: 1.75, strokeDash, aria: false },
        transform,
        encoding: { stroke },
      })),
      marksOn(true),
      marksOn(false),
    ],
  } as Omit<TopLevelSpec, "title" | "config">;
}
