// The playground's page: what is played, how fast, and what is done to it by hand.

import type { TemplateResult } from "lit-html";
import { playText, readPlay } from "../../simulation/play-link.ts";
import { playScript } from "../../simulation/play-script.ts";
import {
  playKinds,
  usualPlay,
  withAction,
  type Play,
  type PlayAction,
  type Verb,
} from "../../simulation/play.ts";
import type { Subject } from "../../simulation/subject.ts";
import { registered } from "../../simulation/subjects.ts";
import { RunApp } from "../page/app.ts";
import { firstWindow } from "../page/first-window.ts";
import { RunModel, type Chosen } from "../page/run-model.ts";
import type { Surroundings } from "../page/shell.ts";
import { beside, type BesideActions } from "./beside.ts";
import { controls, type Controls } from "./controls.ts";
import { firstSeed, hunt } from "./hunt.ts";
import { planted } from "./planted.ts";
import { Player } from "./player.ts";
import { beyondText, cardsOf } from "./processes.ts";
import { tourOf, type Stop } from "./tours.ts";

/** How long events may run in a frame, in milliseconds; and where nothing else counts. */
const FRAME_MS = 11;
const FRAME_FAST_MS = 60;
/** Where nothing else counts, events get so many times as long as the last drawing took. */
const EVENTS_SHARE = 8;
/** What lies between two frames that follow each other, at most. */
const REST_MS = 250;
/** What is shown around the present, as a share of the window. */
const PRESENT_AT = 0.86;
const ASK_COUNT = 5;
const USUAL_SPEED = 20;

const subjects: readonly Subject[] = [
  ...registered.values(),
  ...planted.map((mutant) => mutant.subject),
];

export class PlaygroundApp implements Surroundings, Controls, BesideActions {
  readonly besidePx = 470;
  readonly keyTexts = [
    ["Space", "play, pause"],
    ["n b", "one event more, one less"],
    ["d l", "drop the message under the pointer or chosen, delay it"],
    ["a", "clients ask more"],
  ] as const;
  readonly keys = new Map<string, () => void>([
    [" ", () => this.playOrPause()],
    ["n", () => this.step()],
    ["b", () => this.back()],
    ["d", () => this.drop()],
    ["l", () => this.delay()],
    ["a", () => this.ask()],
  ]);
  readonly #player: Player;
  readonly #page: RunApp;
  #playing = false;
  #speed = USUAL_SPEED;
  #lastMs = 0;
  #due = false;
  /** When events last gave way; how long they ran since the last drawing, and that took. */
  #gaveWayMs = 0;
  #ranMs = 0;
  #drawTookMs = 0;
  #drew = false;
  #problems: readonly string[] = [];
  #told = "";
  #open = "";
  #pauseMs = 50;
  #delayMs = 10;
  readonly #tricks = new Set<string>(["equivocate"]);
  /** The seed that is looked at, -1 for none, and hunts so far. */
  #hunted = -1;
  #hunts = 0;
  #script: string | null = null;
  #number = -1;
  #windowUs = 0;

  constructor(root: HTMLElement) {
    const { play, subject, problems, atUs } = readPlay(location.hash, subjects);
    this.#problems = problems;
    this.#player = new Player(subject, play);
    this.#page = new RunApp(this.#model(), root, this);
    this.#begin(atUs);
    addEventListener("hashchange", () => this.#readLink());
  }

  head(): TemplateResult {
    const { subject, play, run, clockUs, events } = this.#player;
    const [violation] = run.world.failures;
    return controls({
      ...{ subject, play, clockUs, events, act: this, protocols: [...registered.keys()] },
      ...{ playing: this.#playing, over: run.over, speed: this.#speed },
      traceHash: run.world.scheduler.traceHash,
      verdict: violation === undefined ? null : (violation.split(":")[0] ?? violation),
      beyond: beyondText(run),
      cards: cardsOf(run),
      ...{ open: this.#open, pauseMs: this.#pauseMs, tricks: this.#tricks },
    });
  }

  beside(chosen: Chosen | null): TemplateResult {
    const { subject, play, run, clockUs } = this.#player;
    this.#number = chosen?.what === "message" ? this.#player.numberOf(chosen.index) : -1;
    const bug = planted.find((mutant) => mutant.subject === subject) ?? null;
    return beside({
      chosen: chosen !== null,
      ...{ problems: this.#problems, number: this.#number, delayMs: this.#delayMs, bug, act: this },
      ...{ actions: play.actions, done: run.done, tour: tourOf(subject), told: this.#told },
      ...{ hunted: this.#hunted, canHunt: play.kind !== "calm" || bug !== null },
      link: `${location.href.split("#")[0] ?? ""}#${playText(play, subject, clockUs)}`,
      ...{ command: this.#command(), script: this.#script },
    });
  }

  clicked(process: number): void {
    this.open(this.#page.model.nameOf(process));
  }

  /** Another run: the change in place of what it was. */
  set(change: Partial<Play>): void {
    const { play, subject } = this.#player;
    const other = subjects.find(({ name }) => name === change.protocol) ?? subject;
    const wanted = { ...play, ...change };
    if (other === subject && wanted.kind === play.kind) {
      return this.#load(playText(wanted, subject));
    }
    const bug = planted.find((mutant) => mutant.subject === other);
    const owed = playKinds(other).find((kind) => kind === bug?.kind);
    const kind = other === subject ? wanted.kind : (owed ?? "calm");
    const { n } = other === subject ? wanted : usualPlay(other);
    this.#load(playText({ ...wanted, kind, n, auth: "none", actions: [] }, other));
  }

  playOrPause(): void {
    if (!this.#playing) return this.#play();
    this.#playing = false;
    this.#paused();
  }

  step(): void {
    this.#playing = false;
    this.#player.step();
    this.#paused();
  }

  back(): void {
    this.#playing = false;
    this.#player.back();
    this.#paused();
  }

  rewind(): void {
    this.#playing = false;
    this.#player.rewind();
    this.#paused();
  }

  setSpeed(speed: number): void {
    this.#speed = speed;
    this.#page.refresh();
  }

  ask(): void {
    this.does("ask", "", `${ASK_COUNT}`);
  }

  open(name: string): void {
    const isProcess = cardsOf(this.#player.run).some((card) => card.name === name);
    this.#open = isProcess ? name : "";
    this.#page.refresh();
  }

  does(verb: Verb, target: string, value = ""): void {
    if (this.#player.run.over) return this.#tell("The run is over: go back to act on it.");
    this.#player.act({ verb, target, value });
    this.#script = null;
    this.#told = "";
    this.#changed();
  }

  setPause(ms: number): void {
    if (ms > 0) this.#pauseMs = ms;
  }

  setDelay(ms: number): void {
    if (ms > 0) this.#delayMs = ms;
  }

  toggleTrick(trick: string): void {
    if (!this.#tricks.delete(trick)) this.#tricks.add(trick);
    this.#page.refresh();
  }

  drop(): void {
    this.#onMessage("drop", "");
  }

  delay(): void {
    this.#onMessage("delay", `${this.#delayMs}`);
  }

  undo(action: PlayAction): void {
    this.#player.change(this.#player.play.actions.filter((other) => other !== action));
    this.#script = null;
    this.#changed();
  }

  /** What the link of a stop does not: it plays on from there. */
  visit(stop: Stop): void {
    this.#load(stop.link);
    this.#play();
  }

  hunt(): void {
    const hunted = ++this.#hunts;
    if (this.#hunted >= 0) {
      this.#hunted = -1;
      return this.#page.refresh();
    }
    const { subject, play } = this.#player;
    const bug = planted.find((mutant) => mutant.subject === subject);
    const kind = bug?.kind ?? play.kind;
    if (kind === "calm" || kind === "codec") {
      return this.#tell("Only seeds of the simulator can be hunted for this.");
    }
    const first = play.kind === kind ? Math.max(play.seed + 1, firstSeed(subject, kind)) : 0;
    this.#hunted = Math.max(first, bug === undefined ? 0 : firstSeed(subject, kind));
    const goesOn = (seed: number): boolean => {
      if (hunted === this.#hunts) this.#hunted = seed;
      return hunted === this.#hunts;
    };
    this.#soon();
    void hunt(subject, kind, this.#hunted, goesOn).then((found) => {
      if (found === null) return;
      this.#hunted = -1;
      const usual = { ...play, kind, seed: found.seed, actions: [] };
      this.#load(playText(usual, subject));
      this.#tell(`Seed ${found.seed}: ${found.violation.split("\n")[0] ?? ""}`);
      this.setSpeed(0);
      this.#play();
    });
  }

  showScript(): void {
    const { subject, play, run, clockUs } = this.#player;
    const done = run.done.filter(({ did }) => did).map(({ action }) => action);
    this.#script = this.#script === null ? playScript(play, subject, done, clockUs) : null;
    this.#page.refresh();
  }

  copy(text: string): void {
    navigator.clipboard.writeText(text).then(
      () => this.#tell("Copied."),
      () => this.#tell(text),
    );
  }

  dismiss(): void {
    this.#problems = [];
    this.#page.refresh();
  }

  /** Where the message is on its way now, or was: then the run is played again. */
  #onMessage(verb: "drop" | "delay", value: string): void {
    const message = this.#page.pointed;
    const number = this.#player.numberOf(message);
    if (number < 0) return this.#tell("Choose a message first: one that travels in the network.");
    const atUs = this.#page.model.messages.sentUs[message] ?? 0;
    const action = { atUs, verb, target: `${number}`, value };
    this.#player.change(withAction(this.#player.play.actions, action));
    this.#script = null;
    this.#told = "";
    this.#changed();
  }

  #tell(text: string): void {
    this.#told = text;
    this.#page.refresh();
  }

  #command(): string {
    const { play, subject, run, clockUs } = this.#player;
    const isMutant = planted.some((mutant) => mutant.subject === subject);
    const load = isMutant ? "--load all " : "";
    const text = playText(play, subject, run.over ? 0 : clockUs);
    return `npm run simulate -- ${load}--play "${text}"`;
  }

  #load(text: string): void {
    const { play, subject, problems, atUs } = readPlay(text, subjects);
    this.#problems = problems;
    this.#told = "";
    this.#script = null;
    this.#hunts++;
    this.#hunted = -1;
    this.#player.load(subject, play);
    this.#begin(atUs);
  }

  /** Stands at that time, or at the beginning. */
  #begin(atUs: number): void {
    this.#playing = false;
    const { play } = this.#player;
    this.#windowUs = 1000 * Math.max(play.latencyMs[1] * 16, 16);
    if (atUs > 0) this.#player.advance(atUs, Infinity);
    this.#draw(true);
    this.#showPresent();
    this.#writeLink();
  }

  #readLink(): void {
    const { play, subject, clockUs } = this.#player;
    if (location.hash === `#${playText(play, subject, clockUs)}`) return;
    const playing = this.#playing;
    this.#load(location.hash);
    if (playing) this.#play();
  }

  #writeLink(): void {
    const { play, subject, clockUs } = this.#player;
    const link = `#${playText(play, subject, clockUs)}`;
    if (link !== location.hash) history.replaceState(null, "", link);
  }

  #paused(): void {
    this.#changed();
    this.#showPresent();
  }

  #changed(): void {
    this.#draw(false);
    this.#writeLink();
  }

  #play(): void {
    this.#playing = !this.#player.run.over;
    this.#page.refresh();
    this.#soon();
  }

  /** One frame more, if none is due yet. */
  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame((nowMs) => this.#frame(nowMs));
  }

  #frame(nowMs: number): void {
    // After a rest no time has passed.
    const passedMs = nowMs - this.#lastMs > REST_MS ? 0 : nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    this.#due = false;
    if (this.#playing) this.#playOn(passedMs);
    else if (this.#hunted >= 0) this.#page.refresh();
    if (this.#playing || this.#hunted >= 0) this.#soon();
  }

  #playOn(passedMs: number): void {
    const { clockUs } = this.#player;
    const wantedUs = this.#speed === 0 ? Infinity : clockUs + passedMs * this.#speed;
    const frameMs = this.#speed === 0 ? FRAME_FAST_MS : FRAME_MS;
    const startMs = performance.now();
    // With all that the browser did for it.
    if (this.#drew) this.#drawTookMs = startMs - this.#gaveWayMs;
    this.#drew = false;
    this.#player.advance(wantedUs, startMs + frameMs);
    this.#gaveWayMs = performance.now();
    this.#ranMs += this.#gaveWayMs - startMs;
    if (this.#player.run.over) this.#playing = false;
    if (!this.#playing) return this.#paused();
    if (this.#speed === 0 && this.#ranMs < EVENTS_SHARE * this.#drawTookMs) return;
    this.#drew = true;
    this.#ranMs = 0;
    const [fromUs, toUs] = this.#page.window;
    this.#windowUs = toUs - fromUs;
    this.#draw(false);
    this.#showPresent();
  }

  #draw(another: boolean): void {
    this.#page.replace(this.#model(), another);
  }

  /** The last moments, unless something was violated: then what led there. */
  #showPresent(): void {
    const { clockUs, run } = this.#player;
    if (run.world.failures.length > 0) return this.#page.show(firstWindow(this.#page.model));
    const fromUs = Math.max(-0.02 * this.#windowUs, clockUs - PRESENT_AT * this.#windowUs);
    this.#page.show([fromUs, fromUs + this.#windowUs]);
  }

  #model(): RunModel {
    return new RunModel(this.#player.data(this.#command()));
  }
}
