// What lies behind the arrows: lanes with the views and states of their processes, the axis of
// time, GST, partitions, and where an invariant was violated.

import type { BandData } from "../run-data.ts";
import { GUTTER, HEAD, timeText, type Frame } from "./frame.ts";
import type { Scene } from "./scene.ts";

const FONT = "system-ui, sans-serif";
const TICKS_EVERY = 110;

export function drawBackground(canvas: CanvasRenderingContext2D, scene: Scene, frame: Frame): void {
  const { palette, model } = scene;
  const { width, height, y, laneHeight } = frame;
  canvas.globalAlpha = 1;
  canvas.fillStyle = palette.of.paper;
  canvas.fillRect(0, 0, width, height);
  for (const kind of ["view", "starting", "paused", "down"] as const) {
    for (const band of model.data.bands) {
      if (band.kind === kind) drawBand(canvas, scene, frame, band);
    }
  }
  drawAxis(canvas, scene, frame);
  canvas.strokeStyle = palette.of.lane;
  canvas.lineWidth = 1;
  canvas.beginPath();
  for (const process of model.lanes) {
    const middle = Math.round(y[process] ?? 0) + 0.5;
    canvas.moveTo(GUTTER - 6, middle);
    canvas.lineTo(width, middle);
  }
  canvas.stroke();
  drawNames(canvas, scene, frame);
  drawSpans(canvas, scene, frame);
  drawGst(canvas, scene, frame);
  drawFailures(canvas, scene, frame, laneHeight);
}

function drawNames(
  canvas: CanvasRenderingContext2D,
  { model, palette }: Scene,
  frame: Frame,
): void {
  for (const process of model.lanes) {
    const { name = "", role = "replica", byzantine = false } = model.data.processes[process] ?? {};
    const middle = frame.y[process] ?? 0;
    canvas.font = `600 13px ${FONT}`;
    canvas.fillStyle = byzantine ? palette.of.violation : palette.of.ink;
    canvas.textAlign = "left";
    canvas.fillText(name, 10, middle + 1, GUTTER - 20);
    const told = byzantine ? "Byzantine" : role;
    label(canvas, told, 10, middle + 14, byzantine ? palette.of.violation : palette.of.soft);
  }
}

function clipped({ x, width }: Frame, fromUs: number, toUs: number): readonly [number, number] {
  return [Math.max(GUTTER - 6, x(fromUs)), Math.min(width, x(toUs))];
}

function drawBand(
  canvas: CanvasRenderingContext2D,
  { palette }: Scene,
  frame: Frame,
  { process, fromUs, toUs, kind, view, text }: BandData,
): void {
  const [left, right] = clipped(frame, fromUs, toUs);
  if (right <= left) return;
  const high = frame.laneHeight * (kind === "view" ? 0.66 : 0.5);
  const top = (frame.y[process] ?? 0) - high / 2;
  const wide = Math.max(1, right - left);
  if (kind === "view") {
    canvas.fillStyle = palette.views[view % palette.views.length] ?? palette.of.paper;
    canvas.fillRect(left, top, wide, high);
    if (wide > 44) label(canvas, `v${view}`, left + 4, top + 10, palette.of.faint);
    return;
  }
  canvas.globalAlpha = kind === "down" ? 0.85 : 0.5;
  canvas.fillStyle = palette.of[kind];
  canvas.fillRect(left, top, wide, high);
  canvas.globalAlpha = 1;
  if (kind === "down") hatch(canvas, left, top, wide, high, palette.of.paper);
  if (wide > 84) label(canvas, shortText(kind, text), left + 5, top + high - 5, palette.of.ink);
}

function shortText(kind: BandData["kind"], text: string): string {
  return kind === "down" ? "down, memory lost" : text;
}

function hatch(
  canvas: CanvasRenderingContext2D,
  left: number,
  top: number,
  wide: number,
  high: number,
  colour: string,
): void {
  canvas.save();
  canvas.beginPath();
  canvas.rect(left, top, wide, high);
  canvas.clip();
  canvas.strokeStyle = colour;
  canvas.globalAlpha = 0.5;
  canvas.lineWidth = 2;
  canvas.beginPath();
  for (let x = left - high; x < left + wide; x += 8) {
    canvas.moveTo(x, top + high);
    canvas.lineTo(x + high, top);
  }
  canvas.stroke();
  canvas.restore();
}

function drawAxis(canvas: CanvasRenderingContext2D, { palette }: Scene, frame: Frame): void {
  const { x, width, height, fromUs, toUs } = frame;
  const ticks = x.ticks(Math.max(2, Math.floor((width - GUTTER) / TICKS_EVERY)));
  canvas.strokeStyle = palette.of.rule;
  canvas.lineWidth = 1;
  canvas.beginPath();
  for (const tick of ticks) {
    const at = Math.round(x(tick)) + 0.5;
    canvas.moveTo(at, HEAD - 8);
    canvas.lineTo(at, height);
  }
  canvas.stroke();
  const stepUs = (ticks[1] ?? toUs) - (ticks[0] ?? fromUs);
  for (const tick of ticks) {
    const at = x(tick);
    if (at > width - 46 || at < GUTTER + 8) continue;
    label(canvas, timeText(tick, stepUs * 10), at, 14, palette.of.soft, "center");
  }
}

/** Partitions, in rows above the lanes. */
function drawSpans(
  canvas: CanvasRenderingContext2D,
  { model, palette }: Scene,
  frame: Frame,
): void {
  const ends: number[] = [];
  for (const { fromUs, toUs, text } of model.data.spans) {
    const row = Math.max(0, ...ends.map((endUs, i) => (endUs > fromUs ? i + 1 : 0)));
    ends[row] = toUs;
    const [left, right] = clipped(frame, fromUs, toUs);
    if (right <= left) continue;
    const top = 20 + (row % 2) * 15;
    canvas.fillStyle = palette.of.lost;
    canvas.globalAlpha = 0.18;
    canvas.fillRect(left, top, right - left, 13);
    canvas.globalAlpha = 1;
    if (right - left > 130) label(canvas, text, left + 5, top + 10, palette.of.ink);
  }
}

function drawGst(canvas: CanvasRenderingContext2D, { model, palette }: Scene, frame: Frame): void {
  const { gstUs } = model.data;
  const at = frame.x(gstUs);
  if (gstUs < 0 || at < GUTTER || at > frame.width) return;
  canvas.strokeStyle = palette.of.ink;
  canvas.lineWidth = 1.5;
  canvas.setLineDash([6, 4]);
  canvas.beginPath();
  canvas.moveTo(at, 20);
  canvas.lineTo(at, frame.height);
  canvas.stroke();
  canvas.setLineDash([]);
  badge(canvas, "GST: the network is quiet from here on", at, 30, palette.of.ink, palette.of.paper);
}

function drawFailures(
  canvas: CanvasRenderingContext2D,
  { model, palette }: Scene,
  frame: Frame,
  laneHeight: number,
): void {
  for (const { atUs, process, invariant } of model.data.failures.slice(0, 1)) {
    const at = frame.x(atUs);
    if (at < GUTTER || at > frame.width + 1) continue;
    canvas.strokeStyle = palette.of.violation;
    canvas.lineWidth = 2;
    canvas.beginPath();
    canvas.moveTo(at, 36);
    canvas.lineTo(at, frame.height);
    canvas.stroke();
    const middle = frame.y[process];
    if (middle !== undefined) {
      canvas.globalAlpha = 0.18;
      canvas.fillStyle = palette.of.violation;
      canvas.beginPath();
      canvas.arc(at, middle, laneHeight * 0.42, 0, 2 * Math.PI);
      canvas.fill();
      canvas.globalAlpha = 1;
    }
    badge(canvas, `${invariant} violated`, at, 44, palette.of.violation, palette.of.paper);
  }
}

/** A text on a ground of its own, left of its place where there is no room to the right. */
function badge(
  canvas: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  ground: string,
  ink: string,
): void {
  canvas.font = `600 11px ${FONT}`;
  const wide = canvas.measureText(text).width + 12;
  const left = x + wide > canvas.canvas.clientWidth - 4 ? x - wide : x;
  canvas.fillStyle = ground;
  canvas.fillRect(left, y - 10, wide, 16);
  canvas.fillStyle = ink;
  canvas.textAlign = "left";
  canvas.fillText(text, left + 6, y + 2);
}

function label(
  canvas: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  colour: string,
  align: CanvasTextAlign = "left",
): void {
  canvas.font = `11px ${FONT}`;
  canvas.fillStyle = colour;
  canvas.textAlign = align;
  canvas.fillText(text, x, y);
}
