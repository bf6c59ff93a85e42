// Marks on the lanes: operations asked, executed, committed and answered, checkpoints, timeouts.

import { MARKS } from "../run-data.ts";
import type { Frame } from "./frame.ts";
import type { ColourName } from "./palette.ts";
import type { Scene } from "./scene.ts";

type Mark = (typeof MARKS)[number];

interface Look {
  readonly colour: ColourName;
  readonly filled: boolean;
  /** Above the lane, below it or on it, in pixels. */
  readonly lift: number;
  path(canvas: CanvasRenderingContext2D, x: number, y: number): void;
}

const diamond = (canvas: CanvasRenderingContext2D, x: number, y: number): void => {
  canvas.moveTo(x, y - 4.5);
  canvas.lineTo(x + 4.5, y);
  canvas.lineTo(x, y + 4.5);
  canvas.lineTo(x - 4.5, y);
  canvas.closePath();
};

const square = (canvas: CanvasRenderingContext2D, x: number, y: number): void => {
  canvas.rect(x - 3.5, y - 3.5, 7, 7);
};

const triangle = (canvas: CanvasRenderingContext2D, x: number, y: number): void => {
  canvas.moveTo(x, y + 5);
  canvas.lineTo(x - 4.5, y - 3);
  canvas.lineTo(x + 4.5, y - 3);
  canvas.closePath();
};

const circle = (canvas: CanvasRenderingContext2D, x: number, y: number): void => {
  canvas.moveTo(x + 4, y);
  canvas.arc(x, y, 4, 0, 2 * Math.PI);
};

const LOOKS: { readonly [mark in Mark]: Look } = {
  timeout: { colour: "timer", filled: true, lift: -9, path: triangle },
  execute: { colour: "execute", filled: false, lift: 0, path: diamond },
  commit: { colour: "commit", filled: true, lift: 0, path: diamond },
  rollback: { colour: "lost", filled: false, lift: 8, path: diamond },
  checkpoint: { colour: "execute", filled: true, lift: 10, path: square },
  restore: { colour: "starting", filled: true, lift: 10, path: square },
  ask: { colour: "ink", filled: false, lift: 0, path: circle },
  answer: { colour: "ink", filled: true, lift: 0, path: circle },
};

/** Marks that are nearer than so many pixels look like one; where there are many, so many. */
const CELL = 2;
const CELL_OF_MANY = 8;
const MANY = 1500;

/** What the legend says of each. */
export const MARK_TEXTS: readonly (readonly [mark: Mark, text: string])[] = [
  ["ask", "a client asks"],
  ["answer", "and accepts its answer"],
  ["execute", "an operation is executed"],
  ["commit", "and committed"],
  ["rollback", "and undone"],
  ["checkpoint", "a checkpoint"],
  ["restore", "a state of others is taken"],
  ["timeout", "a timer goes off"],
];

/** Marks of one kind that nearly cover each other are drawn once. Returns how many commits show. */
export function drawMarks(canvas: CanvasRenderingContext2D, scene: Scene, frame: Frame): number {
  const { marks } = scene.model.data;
  const isShown = (atUs: number): boolean => atUs >= frame.fromUs && atUs <= frame.toUs;
  const count = marks.atUs.reduce((sum, atUs) => sum + Number(isShown(atUs)), 0);
  const cell = count > MANY ? CELL_OF_MANY : CELL;
  let commits = 0;
  for (const dim of [true, false]) {
    const places = MARKS.map((): Map<number, readonly [number, number]> => new Map());
    for (let i = 0; i < marks.kind.length; i++) {
      const atUs = marks.atUs[i] ?? 0;
      if (!isShown(atUs) || isDim(scene, i) !== dim) continue;
      const kind = marks.kind[i] ?? 0;
      if (MARKS[kind] === "commit") commits++;
      const process = marks.process[i] ?? 0;
      const [x, y] = [frame.x(atUs), frame.y[process] ?? 0];
      places[kind]?.set(Math.round(x / cell) * frame.y.length + process, [x, y]);
    }
    canvas.globalAlpha = dim ? 0.15 : 1;
    for (const [kind, found] of places.entries()) {
      const mark = MARKS[kind];
      if (mark !== undefined) drawKind(canvas, scene, mark, [...found.values()]);
    }
  }
  canvas.globalAlpha = 1;
  return commits;
}

/** Whether a mark is of something else than what is looked at. */
function isDim({ model, operation, light, chosen }: Scene, mark: number): boolean {
  const { marks } = model.data;
  if (operation >= 0) return marks.operation[mark] !== operation;
  if (light === null) return false;
  const handler = marks.handler[mark] ?? -1;
  const own =
    chosen?.what === "message" ? (model.messages.handler[chosen.index] ?? -1) : chosen?.index;
  return handler !== own && (light.handlers[handler] ?? 0) === 0;
}

function drawKind(
  canvas: CanvasRenderingContext2D,
  { palette }: Scene,
  mark: Mark,
  places: readonly (readonly [x: number, y: number])[],
): void {
  const { colour, filled, lift, path } = LOOKS[mark];
  canvas.beginPath();
  for (const [x, y] of places) path(canvas, x, y + lift);
  canvas.lineWidth = 1.4;
  canvas.strokeStyle = filled ? palette.of.paper : palette.of[colour];
  canvas.fillStyle = filled ? palette.of[colour] : palette.of.paper;
  canvas.fill();
  canvas.stroke();
}

/** Draws one alone, for the legend. */
export function drawMark(canvas: CanvasRenderingContext2D, scene: Scene, mark: Mark): void {
  drawKind(canvas, scene, mark, [[8, 8 - LOOKS[mark].lift]]);
}
