// The window of time that is shown: moved and zoomed by mouse, touch and wheel (d3-zoom), and by
// whoever calls it.

import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { zoom, zoomIdentity, type D3ZoomEvent, type ZoomTransform } from "d3-zoom";
import { GUTTER, plotWidth } from "./frame.ts";

/** The shortest window, in microseconds. */
const WINDOW_MIN_US = 40;
/** How far it may go beyond the run, as a share of it. */
const BEYOND = 0.02;

export class Zooming {
  #endUs: number;
  readonly #canvas: HTMLCanvasElement;
  readonly #zoom = zoom<HTMLCanvasElement, unknown>();
  #width = 1;
  #transform: ZoomTransform = zoomIdentity;

  /** Calls `moved` whenever the window is another one. */
  constructor(canvas: HTMLCanvasElement, endUs: number, moved: () => void) {
    this.#canvas = canvas;
    this.#endUs = Math.max(endUs, 1);
    this.#bound();
    this.#zoom
      .filter((event: MouseEvent) =>
        event instanceof WheelEvent ? !isSideways(event) : !event.button,
      )
      .on("zoom", (event: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
        this.#transform = event.transform;
        moved();
      });
    select(canvas).call(this.#zoom).on("dblclick.zoom", null);
    canvas.addEventListener("wheel", (event) => {
      if (!isSideways(event)) return;
      event.preventDefault();
      const pixels = event.deltaX === 0 ? event.deltaY : event.deltaX;
      this.#zoom.translateBy(select(canvas), -pixels / this.#transform.k, 0);
    });
  }

  get window(): readonly [fromUs: number, toUs: number] {
    const [from = 0, to = 1] = this.#transform.rescaleX(this.#base()).domain();
    return [from, to];
  }

  /** The run has another end; the window stays. */
  extend(endUs: number): void {
    const { window } = this;
    this.#endUs = Math.max(endUs, 1);
    this.#bound();
    this.show(window);
  }

  /** The canvas has another width; the window stays. */
  resize(width: number): void {
    const { window } = this;
    this.#width = width;
    const [left, right] = [GUTTER, GUTTER + plotWidth(width)];
    const beyond = plotWidth(width) * BEYOND;
    this.#zoom.extent([
      [left, 0],
      [right, 1],
    ]);
    this.#zoom.translateExtent([
      [left - beyond, 0],
      [right + beyond, 1],
    ]);
    this.show(window);
  }

  show([fromUs, toUs]: readonly [number, number]): void {
    const base = this.#base();
    const wideUs = Math.max(WINDOW_MIN_US, toUs - fromUs);
    const k = this.#endUs / wideUs;
    const transform = zoomIdentity.translate(GUTTER - k * base(fromUs), 0).scale(k);
    this.#zoom.transform(select(this.#canvas), transform);
  }

  all(): void {
    this.show([-BEYOND * this.#endUs, (1 + BEYOND) * this.#endUs]);
  }

  /** By a share of the window. */
  pan(share: number): void {
    const pixels = share * plotWidth(this.#width);
    this.#zoom.translateBy(select(this.#canvas), -pixels / this.#transform.k, 0);
  }

  scale(by: number): void {
    this.#zoom.scaleBy(select(this.#canvas), by);
  }

  /** Moves the window, if need be, so that the time is well inside. */
  reveal(fromUs: number, toUs = fromUs): void {
    const [from, to] = this.window;
    const wideUs = to - from;
    if (fromUs > from + 0.04 * wideUs && toUs < to - 0.04 * wideUs) return;
    const halfUs = Math.max(wideUs, (toUs - fromUs) * 1.4) / 2;
    const middle = (fromUs + toUs) / 2;
    this.show([middle - halfUs, middle + halfUs]);
  }

  #bound(): void {
    const most = Math.max(1, this.#endUs / WINDOW_MIN_US);
    this.#zoom.scaleExtent([1 / (1 + 2 * BEYOND), most]);
  }

  #base() {
    const right = GUTTER + plotWidth(this.#width);
    return scaleLinear([0, this.#endUs], [GUTTER, right]);
  }
}

function isSideways(event: WheelEvent): boolean {
  return event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
}
