// The page of a run: what is shown, what is chosen, and how both change.

import { render } from "lit-html";
import { commitsOf, drawDiagram, kindUses } from "./diagram.ts";
import { frameOf, GUTTER, heightOf, timeText, type Frame } from "./frame.ts";
import { listenToKeys } from "./keyboard.ts";
import { linkOf, NOTHING, readLink, type Shown } from "./link.ts";
import { drawMark, MARK_TEXTS } from "./marks.ts";
import { readFilter } from "./message-filter.ts";
import { fit, Overview } from "./overview.ts";
import type { Actions } from "./panel.ts";
import { kindColours, moreColours, readPalette, type Palette } from "./palette.ts";
import { handlerAt, messageAt } from "./pointing.ts";
import type { Chosen, Light, RunModel } from "./run-model.ts";
import type { Scene } from "./scene.ts";
import { shell, type ShellActions, type Surroundings } from "./shell.ts";
import { firstWindow } from "./first-window.ts";
import { Zooming } from "./zooming.ts";

/** Height that the page has beside the diagram. */
const BESIDE_PX = 210;
const ROOM_MIN_PX = 320;
const PRINT_WIDTH = 1000;

export class RunApp implements Actions, ShellActions {
  model: RunModel;
  readonly #root: HTMLElement;
  readonly #around: Surroundings | null;
  #colours: readonly number[];
  #uses: readonly number[];
  #passes: Uint8Array;
  readonly #hidden = new Set<number>();
  #palette: Palette;
  #shown: Shown = NOTHING;
  #problems: readonly string[] = [];
  #searchProblem: string | null = null;
  #light: Light | null = null;
  #widened = false;
  #followedMessages: Uint8Array | null = null;
  #hovered = -1;
  #helps = false;
  #due = false;
  #printing = false;
  #frame: Frame | null = null;
  #size: readonly [width: number, height: number] = [1, 1];
  readonly #diagram: HTMLCanvasElement;
  readonly #zooming: Zooming;
  readonly #overview: Overview;

  constructor(model: RunModel, root: HTMLElement, around: Surroundings | null = null) {
    this.model = model;
    this.#root = root;
    this.#around = around;
    this.#uses = kindUses(model.data);
    this.#colours = kindColours(model.data, this.#uses);
    this.#passes = new Uint8Array(model.count).fill(1);
    this.#palette = readPalette();
    this.#renderShell();
    this.#diagram = canvasOf(root, "#diagram");
    this.#zooming = new Zooming(this.#diagram, model.data.endUs, () => this.#drawSoon());
    this.#overview = new Overview(canvasOf(root, "#overview"), model, (atUs) => this.#centre(atUs));
    this.#resize();
    this.#zooming.show(firstWindow(model));
    this.#readLink();
    this.#listen();
  }

  /** The message under the pointer, or the chosen one; -1: neither. */
  get pointed(): number {
    if (this.#hovered >= 0) return this.#hovered;
    return this.chosen?.what === "message" ? this.chosen.index : -1;
  }

  get window(): readonly [fromUs: number, toUs: number] {
    return this.#zooming.window;
  }

  show(window: readonly [fromUs: number, toUs: number]): void {
    this.#zooming.show(window);
  }

  /** The same run, further on; or, if it is `another`, one of which nothing is chosen yet. */
  replace(model: RunModel, another: boolean): void {
    this.model = model;
    this.#uses = kindUses(model.data);
    this.#colours = moreColours(another ? [] : this.#colours, model.data);
    const { chosen, followed } = this.#shown;
    if (another) this.#hidden.clear();
    if (chosen !== null && (another || chosen.index >= model.countOf(chosen.what))) {
      this.#shown = { ...this.#shown, chosen: null };
    }
    if (another || followed >= model.data.operations.length) this.follow(-1);
    else if (followed >= 0) this.#followedMessages = this.#messagesOf(followed);
    this.#hovered = Math.min(this.#hovered, model.count - 1);
    this.#passes = new Uint8Array(model.count);
    this.#filter();
    this.#lightUp();
    this.#overview.replace(model);
    this.#zooming.extend(model.data.endUs);
    this.#resize();
    this.refresh();
  }

  /** Shows what changed around the diagram. */
  refresh(): void {
    this.#renderShell();
    this.#drawSoon();
  }

  get chosen(): Chosen | null {
    return this.#shown.chosen;
  }

  choose(chosen: Chosen | null): void {
    this.#shown = { ...this.#shown, chosen };
    this.#lightUp();
    if (chosen !== null) this.#reveal(chosen);
    this.#changed();
  }

  follow(operation: number): void {
    const found = this.model.data.operations[operation];
    this.#shown = { ...this.#shown, followed: found === undefined ? -1 : operation };
    this.#followedMessages = found === undefined ? null : this.#messagesOf(operation);
    if (found !== undefined) {
      const chosen = this.chosen;
      const isOf = chosen?.what === "message" && this.#followedMessages?.[chosen.index] === 1;
      if (!isOf) this.choose(null);
      const endUs = found.answeredUs < 0 ? found.askedUs : found.answeredUs;
      this.#zooming.reveal(found.askedUs, endUs);
    }
    this.#changed();
  }

  search(text: string): void {
    this.#shown = { ...this.#shown, search: text };
    this.#filter();
    this.#changed();
  }

  widen(all: boolean): void {
    this.#widened = all;
    this.#lightUp();
    this.#changed();
  }

  toggleWide(): void {
    this.widen(!this.#widened);
  }

  toggle(kind: number): void {
    if (!this.#hidden.delete(kind)) this.#hidden.add(kind);
    this.#filter();
    this.#changed();
  }

  only(kind: number): void {
    const kinds = this.model.data.kinds.keys();
    const alone = this.#hidden.size === this.model.data.kinds.length - 1 && !this.#hidden.has(kind);
    this.#hidden.clear();
    for (const other of kinds) if (!alone && other !== kind) this.#hidden.add(other);
    this.#filter();
    this.#changed();
  }

  zoom(by: number): void {
    this.#zooming.scale(by);
  }
  pan(share: number): void {
    this.#zooming.pan(share);
  }
  all(): void {
    this.#zooming.all();
  }

  violation(): void {
    if (this.model.data.failures.length > 0) this.choose({ what: "failure", index: 0 });
  }

  dismiss(): void {
    this.#problems = [];
    this.#changed();
  }

  help(): void {
    this.#helps = !this.#helps;
    this.#renderShell();
    if (this.#helps) this.#root.querySelector<HTMLElement>("dialog button")?.focus();
    else this.#diagram.focus();
  }

  copyCommand(): void {
    this.#copy(this.model.data.command);
  }

  /** With the time that is shown, which the address leaves out because it changes all the time. */
  copyLink(): void {
    if (this.#around !== null) return this.#copy(location.href);
    const link = linkOf(this.model, { ...this.#shown, window: this.#zooming.window });
    this.#copy(`${location.href.split("#")[0] ?? ""}${link}`);
  }

  /** The next message that passes the filter, or the one before. */
  step(by: 1 | -1): void {
    const { chosen, model } = this;
    const [fromUs] = this.#zooming.window;
    const first = model.messages.sentUs.findIndex((sentUs) => sentUs >= fromUs);
    let at = chosen?.what === "message" ? chosen.index + by : Math.max(0, first);
    while (at >= 0 && at < model.count && this.#passes[at] === 0) at += by;
    if (at >= 0 && at < model.count) this.choose({ what: "message", index: at });
  }

  /** What caused the chosen message, or the first that it caused. */
  along(way: "cause" | "effect"): void {
    const { chosen, model } = this;
    if (chosen === null) return;
    const { messages, handlers, data } = model;
    const own = chosen.what === "failure" ? data.failures[chosen.index]?.handler : chosen.index;
    if (way === "cause") {
      const handler = chosen.what === "message" ? messages.cause[chosen.index] : own;
      this.#chooseCall(handler ?? -1, chosen);
      return;
    }
    const handler = chosen.what === "message" ? (messages.handler[chosen.index] ?? -1) : own;
    const [sent] = model.sentBy[handler ?? -1] ?? [];
    if (sent !== undefined) this.choose({ what: "message", index: sent });
    else if (handler !== undefined && handlers.process[handler] !== undefined) {
      this.choose({ what: "handler", index: handler });
    }
  }

  /** Follows the chosen message's first operation, or none if one is followed. */
  followChosen(): void {
    if (this.#shown.followed >= 0) return this.follow(-1);
    const { chosen, model } = this;
    if (chosen?.what !== "message") return;
    const [operation = -1] = model.contentOf(chosen.index).about;
    this.follow(operation);
  }

  clear(): void {
    if (this.#helps) return this.help();
    this.#shown = { ...this.#shown, chosen: null };
    this.#lightUp();
    this.follow(-1);
  }

  focusSearch(): void {
    this.#root.querySelector<HTMLInputElement>("#search")?.focus();
  }

  /** The message that a call handles, or the call itself if it is of another kind. */
  #chooseCall(handler: number, from: Chosen): void {
    if (handler < 0) return;
    const message = this.model.handlers.message[handler] ?? -1;
    const because = this.model.handlers.cause[handler] ?? -1;
    if (message >= 0) this.choose({ what: "message", index: message });
    else if (from.what === "handler" && because >= 0) this.#chooseCall(because, from);
    else this.choose({ what: "handler", index: handler });
  }

  #listen(): void {
    listenToKeys(this, this.#root, this.#around?.keys ?? new Map());
    addEventListener("resize", () => this.#resize());
    addEventListener("hashchange", () => this.#readLink());
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#recolour());
    matchMedia("print").addEventListener("change", ({ matches }) => this.#print(matches));
    addEventListener("beforeprint", () => this.#print(true));
    addEventListener("afterprint", () => this.#print(false));
    let moved = 0;
    this.#diagram.addEventListener("pointerdown", (event) => (moved = event.clientX));
    this.#diagram.addEventListener("pointermove", (event) => this.#hover(event));
    this.#diagram.addEventListener("pointerleave", () => this.#hover(null));
    this.#diagram.addEventListener("click", (event) => {
      if (Math.abs(event.clientX - moved) < 4) this.#click(event);
    });
  }

  #click(event: MouseEvent): void {
    if (this.#frame === null) return;
    const [x, y] = this.#placeOf(event);
    if (x < GUTTER && this.#around !== null) return this.#around.clicked(this.#laneAt(y));
    const scene = this.#scene();
    const message = messageAt(scene, this.#frame, x, y);
    const handler = handlerAt(scene, this.#frame, x, y);
    if (handler >= 0 && message < 0) this.choose({ what: "handler", index: handler });
    else this.choose(message < 0 ? null : { what: "message", index: message });
  }

  #hover(event: PointerEvent | null): void {
    const tip = this.#root.querySelector<HTMLElement>("#tip");
    if (this.#frame === null || tip === null) return;
    const [x, y] = event === null ? [-1, -1] : this.#placeOf(event);
    const idle = event === null || event.buttons !== 0;
    const message = idle ? -1 : messageAt(this.#scene(), this.#frame, x, y);
    tip.hidden = message < 0;
    if (message >= 0) {
      const { from, to, sentUs, endUs } = this.model.messages;
      const { class: fate, what } = this.model.fateOf(message);
      const route = `${this.model.nameOf(from[message])} → ${this.model.nameOf(to[message])}`;
      const took = timeText((endUs[message] ?? 0) - (sentUs[message] ?? 0));
      const end = fate === "handled" ? took : fate === "part" ? "a part" : what;
      tip.textContent = `${this.model.kindOf(message)} ${route}, ${end}`;
      tip.style.left = `${Math.min(x + 14, this.#diagram.clientWidth - 220)}px`;
      tip.style.top = `${y + 14}px`;
    }
    if (message === this.#hovered) return;
    this.#hovered = message;
    this.#diagram.style.cursor = message < 0 ? "grab" : "pointer";
    this.#drawSoon();
  }

  #placeOf({ clientX, clientY }: MouseEvent): readonly [number, number] {
    const { left, top } = this.#diagram.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }

  /** The process whose lane is nearest. */
  #laneAt(y: number): number {
    const middles = this.#frame?.y ?? [];
    const apart = (process: number): number => Math.abs((middles[process] ?? Infinity) - y);
    return this.model.lanes.toSorted((a, b) => apart(a) - apart(b))[0] ?? -1;
  }

  #reveal(chosen: Chosen): void {
    if (chosen.what !== "message") return this.#zooming.reveal(this.model.timeOf(chosen));
    const { sentUs, endUs } = this.model.messages;
    this.#zooming.reveal(sentUs[chosen.index] ?? 0, endUs[chosen.index] ?? 0);
  }

  #centre(atUs: number): void {
    const [fromUs, toUs] = this.#zooming.window;
    const halfUs = (toUs - fromUs) / 2;
    this.#zooming.show([atUs - halfUs, atUs + halfUs]);
  }

  #messagesOf(operation: number): Uint8Array {
    return Uint8Array.from({ length: this.model.count }, (_, message) =>
      Number(this.model.contentOf(message).about.includes(operation)),
    );
  }

  #lightUp(): void {
    const { chosen } = this;
    this.#light = chosen === null ? null : this.model.light(chosen, this.#widened);
  }

  #filter(): void {
    const { test, problem } = readFilter(this.model, this.#shown.search);
    this.#searchProblem = problem;
    for (let i = 0; i < this.model.count; i++) {
      const hidden = this.#hidden.has(this.model.contentOf(i).kind);
      this.#passes[i] = Number(!hidden && (test === null || test(i)));
    }
  }

  #readLink(): void {
    // Else the address says which run this is.
    if (this.#around !== null) return;
    if (location.hash === linkOf(this.model, this.#shown)) return;
    const { shown, problems } = readLink(this.model, location.hash);
    this.#shown = { ...shown, window: null };
    this.#problems = problems;
    this.#filter();
    const { window, chosen, followed } = shown;
    this.follow(followed);
    this.choose(chosen);
    if (window !== null) this.#zooming.show(window);
    this.#changed();
  }

  #changed(): void {
    const link = linkOf(this.model, this.#shown);
    if (this.#around === null && link !== location.hash) {
      history.replaceState(null, "", `${location.pathname}${location.search}${link}`);
    }
    this.#renderShell();
    this.#drawSoon();
  }

  #copy(text: string): void {
    // Where the clipboard is refused, as it may be for files, the text is shown for copying.
    navigator.clipboard.writeText(text).then(
      () => this.#tell("Copied."),
      () => this.#tell(text),
    );
  }

  #tell(text: string): void {
    this.#problems = [text];
    this.#renderShell();
  }

  #recolour(): void {
    this.#palette = readPalette();
    this.#renderShell();
    this.#drawSoon();
  }

  /** Paper is white and narrow; it is drawn for before the browser takes its picture. */
  #print(printing: boolean): void {
    if (printing === this.#printing) return;
    this.#printing = printing;
    document.documentElement.toggleAttribute("data-print", printing);
    this.#palette = readPalette();
    this.#resize();
    this.#draw();
  }

  #resize(): void {
    const width = this.#printing ? PRINT_WIDTH : (this.#diagram.parentElement?.clientWidth ?? 600);
    const besidePx = this.#around?.besidePx ?? BESIDE_PX;
    const room = Math.max(ROOM_MIN_PX, innerHeight - besidePx);
    const height = heightOf(this.model.lanes.length, room);
    this.#size = [width, height];
    this.#diagram.style.height = `${height}px`;
    this.#diagram.style.width = `${width}px`;
    this.#zooming.resize(width);
    this.#drawSoon();
  }

  #drawSoon(): void {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#draw();
    });
  }

  #scene(): Scene {
    return {
      model: this.model,
      palette: this.#palette,
      colours: this.#colours,
      passes: this.#passes,
      chosen: this.chosen,
      light: this.#light,
      followed: this.#followedMessages,
      operation: this.#shown.followed,
      hovered: this.#hovered,
    };
  }

  #draw(): void {
    const canvas = this.#diagram.getContext("2d", { alpha: false });
    if (canvas === null) return;
    const [width, height] = this.#size;
    fit(this.#diagram, canvas, width, height);
    const { window } = this.#zooming;
    this.#frame = frameOf(this.model.lanes, [width, height], window);
    const drawn = drawDiagram(canvas, this.#scene(), this.#frame);
    this.#overview.draw(this.#palette, window);
    const number = (value: number) => value.toLocaleString("en-US");
    const all = `${number(this.model.count)} messages and ${number(commitsOf(this.model.data))}`;
    const some =
      drawn.stride === 1 ? "" : `; 1 of ${drawn.stride} arrows is drawn, zoom in for all`;
    const text =
      `${timeText(window[1] - window[0])} of ${timeText(this.model.data.endUs)}: ` +
      `${number(drawn.arrows)} arrows, ${number(drawn.crosses)} crosses, ` +
      `${number(drawn.refusals)} refused, ${number(drawn.commits)} commits ` +
      `(of ${all} commits)${some}`;
    const status = this.#root.querySelector(".status");
    if (status !== null) status.textContent = text;
  }

  #renderShell(): void {
    const { model } = this;
    const state = {
      model,
      ...{ chosen: this.chosen, followed: this.#shown.followed, light: this.#light },
      ...{ all: this.#widened, actions: this, act: this, search: this.#shown.search },
      ...{ searchProblem: this.#searchProblem, problems: this.#problems, hidden: this.#hidden },
      ...{ colours: this.#colours, uses: this.#uses, help: this.#helps, around: this.#around },
    };
    render(shell(state), this.#root);
    for (const [mark] of MARK_TEXTS) {
      const element = this.#root.querySelector<HTMLCanvasElement>(`[data-mark=${mark}]`);
      const canvas = element?.getContext("2d") ?? null;
      if (canvas === null) continue;
      canvas.setTransform(2, 0, 0, 2, 0, 0);
      canvas.clearRect(0, 0, 16, 16);
      drawMark(canvas, this.#scene(), mark);
    }
  }
}

function canvasOf(root: HTMLElement, selector: string): HTMLCanvasElement {
  const found = root.querySelector<HTMLCanvasElement>(selector);
  if (found === null) throw new Error(`the page has no ${selector}`);
  return found;
}
