// The strip below the diagram: the whole run, how much arrives when, and which part of it is shown.

import type { Palette } from "./palette.ts";
import type { RunModel } from "./run-model.ts";
import { GUTTER, plotWidth } from "./frame.ts";

const COLUMN = 3;

export class Overview {
  readonly #canvas: HTMLCanvasElement;
  #model: RunModel;
  #dragging = false;
  /** How much arrives in each column of the strip at its width. */
  #counts = new Uint32Array();

  /** Calls `centre` with the time that a pointer asks for. */
  constructor(canvas: HTMLCanvasElement, model: RunModel, centre: (atUs: number) => void) {
    this.#canvas = canvas;
    this.#model = model;
    const move = (event: PointerEvent): void => {
      const left = canvas.getBoundingClientRect().left + GUTTER;
      const share = (event.clientX - left) / plotWidth(canvas.clientWidth);
      centre(Math.min(1, Math.max(0, share)) * this.#model.data.endUs);
    };
    canvas.addEventListener("pointerdown", (event) => {
      this.#dragging = true;
      canvas.setPointerCapture(event.pointerId);
      move(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.#dragging) move(event);
    });
    canvas.addEventListener("pointerup", () => {
      this.#dragging = false;
    });
  }

  /** Shows that run from now on. */
  replace(model: RunModel): void {
    this.#model = model;
    this.#counts = new Uint32Array();
  }

  draw(palette: Palette, [fromUs, toUs]: readonly [number, number]): void {
    const canvas = this.#canvas.getContext("2d");
    if (canvas === null) return;
    const { data } = this.#model;
    const [width, height] = [this.#canvas.clientWidth, this.#canvas.clientHeight];
    fit(this.#canvas, canvas, width, height);
    const x = (us: number) => GUTTER + (us / Math.max(1, data.endUs)) * plotWidth(width);
    canvas.fillStyle = palette.of.paper;
    canvas.fillRect(0, 0, width, height);
    const columns = Math.ceil(width / COLUMN) + 1;
    if (this.#counts.length !== columns) {
      this.#counts = new Uint32Array(columns);
      for (const atUs of data.messages.endUs) {
        const column = Math.min(columns - 1, Math.floor(x(atUs) / COLUMN));
        this.#counts[column] = (this.#counts[column] ?? 0) + 1;
      }
    }
    const most = this.#counts.reduce((a, b) => Math.max(a, b), 1);
    canvas.fillStyle = palette.of.faint;
    for (const [column, count] of this.#counts.entries()) {
      if (count === 0) continue;
      const high = Math.max(1.5, Math.sqrt(count / most) * (height - 6));
      canvas.fillRect(column * COLUMN, height - high, COLUMN - 1, high);
    }
    const line = (atUs: number, colour: string): void => {
      canvas.fillStyle = colour;
      canvas.fillRect(x(atUs) - 1, 0, 2, height);
    };
    if (data.gstUs >= 0) line(data.gstUs, palette.of.ink);
    for (const { atUs } of data.failures.slice(0, 1)) line(atUs, palette.of.violation);
    const [left, right] = [Math.max(GUTTER - 4, x(fromUs)), Math.min(width - 1, x(toUs))];
    canvas.fillStyle = palette.of.chosen;
    canvas.globalAlpha = 0.1;
    canvas.fillRect(left, 0, Math.max(3, right - left), height);
    canvas.globalAlpha = 0.8;
    canvas.strokeStyle = palette.of.chosen;
    canvas.lineWidth = 1.5;
    canvas.strokeRect(left, 1, Math.max(3, right - left), height - 2);
    canvas.globalAlpha = 1;
    canvas.font = "11px system-ui, sans-serif";
    canvas.fillStyle = palette.of.soft;
    canvas.textAlign = "left";
    canvas.fillText("whole run", 10, height / 2 + 4);
  }
}

/** Gives a canvas as many pixels as the screen has there. */
export function fit(
  element: HTMLCanvasElement,
  canvas: CanvasRenderingContext2D,
  width: number,
  height: number,
): void {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (element.width !== wide) element.width = wide;
  if (element.height !== high) element.height = high;
  canvas.setTransform(ratio, 0, 0, ratio, 0, 0);
}
