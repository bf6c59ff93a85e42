// The space-time diagram on a canvas. Of many arrows some are drawn, always the same ones, so that
// a frame stays short; bars on the lanes then tell how many there are.

import { MARKS, type RunData } from "../run-data.ts";
import { drawBackground } from "./background.ts";
import { GUTTER, type Frame } from "./frame.ts";
import { drawMarks } from "./marks.ts";
import { PAST } from "./run-model.ts";
import type { Scene } from "./scene.ts";

/** What was drawn, for the page to say so, and for whoever looks for what is under a pointer. */
export interface Drawn {
  readonly arrows: number;
  readonly crosses: number;
  readonly refusals: number;
  readonly commits: number;
  /** One of so many arrows is drawn. */
  readonly stride: number;
}

const ARROWS_MAX = 3500;
/** Heads of arrows are drawn while so few are. */
const HEADS_MAX = 900;
/** Where the cross of a lost message stands on its way. */
const LOST_AT = 0.55;
/** So many that are lit up are all drawn. */
const LIT_MAX = 3000;
const HASH = 0x9e3779b1;
/** Ends that are nearer than so many pixels look like one. */
const CELL = 2.5;

type Layer = "usual" | "dim" | "past" | "future" | "followed";

/** Draws all of it. */
export function drawDiagram(canvas: CanvasRenderingContext2D, scene: Scene, frame: Frame): Drawn {
  drawBackground(canvas, scene, frame);
  canvas.save();
  // Arrows that began before the window do not run through the names.
  canvas.beginPath();
  canvas.rect(GUTTER - 6, 0, frame.width, frame.height);
  canvas.clip();
  const visible = visibleMessages(scene, frame);
  const stride = strideOf(visible.length);
  const picked = visible.filter((message) => isPicked(scene, message, stride));
  if (stride > 1) drawTraffic(canvas, scene, frame, visible);
  const heads = picked.length <= HEADS_MAX;
  for (const layer of ["dim", "usual", "past", "future", "followed"] as const) {
    const some = picked.filter((message) => layerOf(scene, message) === layer);
    drawArrows(canvas, scene, frame, some, layer, heads);
  }
  const ends = drawEnds(canvas, scene, frame, picked);
  const commits = drawMarks(canvas, scene, frame);
  drawChosen(canvas, scene, frame);
  canvas.restore();
  return { arrows: picked.length, ...ends, commits, stride };
}

/** Messages of the window that pass the filter, whole or in part. */
export function visibleMessages({ model, passes }: Scene, { fromUs, toUs }: Frame): number[] {
  const { sentUs, endUs } = model.messages;
  const found: number[] = [];
  for (let i = 0; i < sentUs.length; i++) {
    if ((sentUs[i] ?? 0) > toUs) break;
    if ((endUs[i] ?? 0) >= fromUs && passes[i] === 1) found.push(i);
  }
  return found;
}

export function strideOf(count: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, count) / ARROWS_MAX)));
}

/** Whether a message is drawn where one of `stride` is: by its number, so that none flickers. */
export function isPicked(scene: Scene, message: number, stride: number): boolean {
  if (stride === 1 || ((Math.imul(message, HASH) >>> 0) & (stride - 1)) === 0) return true;
  const { chosen, light, followed } = scene;
  if (chosen?.what === "message" && chosen.index === message) return true;
  if (followed?.[message] === 1) return true;
  if (light === null || light.past + light.future > LIT_MAX) return false;
  return light.messages[message] !== 0;
}

/** Where the arrow of a message begins and ends. */
export function placeOf({ model }: Scene, { x, y }: Frame, message: number): Float64Array {
  const { from, to, sentUs, endUs } = model.messages;
  const [x0, y0] = [x(sentUs[message] ?? 0), y[from[message] ?? 0] ?? 0];
  const [x1, y1] = [x(endUs[message] ?? 0), y[to[message] ?? 0] ?? 0];
  const share = model.fateOf(message).class === "lost" ? LOST_AT : 1;
  return Float64Array.of(x0, y0, x0 + share * (x1 - x0), y0 + share * (y1 - y0));
}

function layerOf({ light, followed, chosen }: Scene, message: number): Layer {
  const lit = light?.messages[message] ?? 0;
  if (lit !== 0) return lit === PAST ? "past" : "future";
  if (followed !== null) return followed[message] === 1 ? "followed" : "dim";
  if (light !== null && !(chosen?.what === "message" && chosen.index === message)) return "dim";
  return "usual";
}

function drawArrows(
  canvas: CanvasRenderingContext2D,
  scene: Scene,
  frame: Frame,
  some: readonly number[],
  layer: Layer,
  heads: boolean,
): void {
  const { palette, model } = scene;
  const groups = Map.groupBy(some, (message) => {
    const { class: fate } = model.fateOf(message);
    const weak = fate === "refused" || fate === "part" ? 1 : 0;
    const again = model.howOf(message) === "sent" ? 0 : 1;
    return (scene.colours[model.contentOf(message).kind] ?? 0) * 4 + weak * 2 + again;
  });
  for (const [key, messages] of groups) {
    const weak = (key & 2) !== 0;
    const colour =
      layer === "past" || layer === "future" ? palette.of[layer] : palette.kinds[key >> 2];
    canvas.strokeStyle = canvas.fillStyle = colour ?? palette.of.ink;
    canvas.globalAlpha = layer === "dim" ? 0.1 : weak && layer === "usual" ? 0.32 : 0.88;
    // Lines of one pixel are drawn several times as fast as wider ones.
    const usual = heads ? (weak ? 0.9 : 1.3) : 1;
    canvas.lineWidth = layer === "usual" || layer === "dim" ? usual : 2;
    // Dashes are slow to draw; where many are, they could not be told apart anyway.
    canvas.setLineDash((key & 1) === 1 && heads ? [5, 3] : []);
    canvas.beginPath();
    for (const message of messages) {
      const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = placeOf(scene, frame, message);
      canvas.moveTo(x0, y0);
      canvas.lineTo(x1, y1);
    }
    canvas.stroke();
    canvas.setLineDash([]);
    if (heads && layer !== "dim") drawHeads(canvas, scene, frame, messages);
  }
  canvas.globalAlpha = 1;
}

function drawHeads(
  canvas: CanvasRenderingContext2D,
  scene: Scene,
  frame: Frame,
  messages: readonly number[],
): void {
  canvas.beginPath();
  for (const message of messages) {
    const { class: fate } = scene.model.fateOf(message);
    if (fate === "lost" || fate === "down") continue;
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = placeOf(scene, frame, message);
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (length < 8) continue;
    const [dx, dy] = [(x1 - x0) / length, (y1 - y0) / length];
    const [bx, by] = [x1 - 8 * dx, y1 - 8 * dy];
    canvas.moveTo(x1, y1);
    canvas.lineTo(bx - 3.2 * dy, by + 3.2 * dx);
    canvas.lineTo(bx + 3.2 * dy, by - 3.2 * dx);
    canvas.closePath();
  }
  canvas.fill();
}

/** Crosses where messages were lost, rings where they were refused. */
function drawEnds(
  canvas: CanvasRenderingContext2D,
  scene: Scene,
  frame: Frame,
  some: readonly number[],
): { readonly crosses: number; readonly refusals: number } {
  const { palette, model } = scene;
  const isDim = (message: number) => layerOf(scene, message) === "dim";
  const lost = some.filter((one) => ["lost", "down"].includes(model.fateOf(one).class));
  const refused = some.filter((one) => model.fateOf(one).class === "refused");
  for (const dim of [true, false]) {
    canvas.globalAlpha = dim ? 0.15 : 1;
    canvas.strokeStyle = palette.of.lost;
    canvas.lineWidth = 1.8;
    canvas.beginPath();
    for (const [x, y] of placesOf(scene, frame, lost, (one) => isDim(one) === dim)) {
      canvas.moveTo(x - 3.5, y - 3.5);
      canvas.lineTo(x + 3.5, y + 3.5);
      canvas.moveTo(x - 3.5, y + 3.5);
      canvas.lineTo(x + 3.5, y - 3.5);
    }
    canvas.stroke();
    canvas.strokeStyle = palette.of.soft;
    canvas.lineWidth = 1;
    canvas.beginPath();
    for (const [x, y] of placesOf(scene, frame, refused, (one) => isDim(one) === dim)) {
      canvas.moveTo(x + 2.6, y);
      canvas.arc(x, y, 2.6, 0, 2 * Math.PI);
    }
    canvas.stroke();
  }
  canvas.globalAlpha = 1;
  return { crosses: lost.length, refusals: refused.length };
}

/** Ends of some messages; of those that nearly cover each other one. */
function placesOf(
  scene: Scene,
  frame: Frame,
  some: readonly number[],
  which: (message: number) => boolean,
): Iterable<readonly [x: number, y: number]> {
  const places = new Map<number, readonly [x: number, y: number]>();
  for (const message of some) {
    if (!which(message)) continue;
    const [, , x = 0, y = 0] = placeOf(scene, frame, message);
    const cell = Math.round(x / CELL) * frame.height + Math.round(y / CELL);
    places.set(cell, [x, y]);
  }
  return places.values();
}

const BAR = 4;

/** Bars of what arrives at each process, by columns of a few pixels. */
function drawTraffic(
  canvas: CanvasRenderingContext2D,
  { model, palette }: Scene,
  { x, y, width, laneHeight }: Frame,
  visible: readonly number[],
): void {
  const columns = Math.ceil(width / BAR);
  const counts = new Uint32Array(columns * y.length);
  const { to, endUs } = model.messages;
  let most = 1;
  for (const message of visible) {
    const column = Math.floor(x(endUs[message] ?? 0) / BAR);
    if (column < 0 || column >= columns) continue;
    const place = (to[message] ?? 0) * columns + column;
    const count = (counts[place] ?? 0) + 1;
    counts[place] = count;
    most = Math.max(most, count);
  }
  canvas.fillStyle = palette.of.soft;
  canvas.globalAlpha = 0.35;
  for (const [process, middle] of y.entries()) {
    for (let column = 0; column < columns; column++) {
      const count = counts[process * columns + column] ?? 0;
      if (count === 0) continue;
      const high = Math.max(1, Math.sqrt(count / most) * laneHeight * 0.4);
      canvas.fillRect(column * BAR, middle - high, BAR - 1, high);
    }
  }
  canvas.globalAlpha = 1;
}

/** The chosen message, or call, above all others; the one under the pointer thinner. */
function drawChosen(canvas: CanvasRenderingContext2D, scene: Scene, frame: Frame): void {
  const { chosen, hovered, palette, model } = scene;
  const trace = (message: number, width: number): void => {
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = placeOf(scene, frame, message);
    canvas.strokeStyle = palette.of.chosen;
    canvas.lineWidth = width;
    canvas.beginPath();
    canvas.moveTo(x0, y0);
    canvas.lineTo(x1, y1);
    canvas.stroke();
    drawHeads(canvas, scene, frame, [message]);
  };
  canvas.fillStyle = palette.of.chosen;
  if (hovered >= 0) trace(hovered, 2);
  if (chosen?.what === "message") trace(chosen.index, 3);
  const handler =
    chosen?.what === "handler"
      ? chosen.index
      : chosen?.what === "failure"
        ? (model.data.failures[chosen.index]?.handler ?? -1)
        : (model.messages.handler[chosen?.index ?? -1] ?? -1);
  if (handler < 0) return;
  const { process, atUs } = model.handlers;
  canvas.beginPath();
  canvas.arc(frame.x(atUs[handler] ?? 0), frame.y[process[handler] ?? 0] ?? 0, 7, 0, 2 * Math.PI);
  canvas.strokeStyle = palette.of.chosen;
  canvas.lineWidth = 2;
  canvas.stroke();
}

/** How often each kind was sent. */
export function kindUses({ kinds, contents, messages }: RunData): number[] {
  const uses = kinds.map(() => 0);
  for (const content of messages.content) {
    const kind = contents[content]?.kind ?? 0;
    uses[kind] = (uses[kind] ?? 0) + 1;
  }
  return uses;
}

/** How many commits the run has in all. */
export function commitsOf({ marks }: RunData): number {
  return marks.kind.filter((kind) => MARKS[kind] === "commit").length;
}
