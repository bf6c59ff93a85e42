// Plays a play: moves its run on, a little at a time, and back by running it again; records it for
// the diagram.

import { Interception } from "../../simulation/interception.ts";
import { PlayRun } from "../../simulation/play-run.ts";
import { withAction, type Play, type PlayAction } from "../../simulation/play.ts";
import type { Subject } from "../../simulation/subject.ts";
import { dataSoFar } from "../record-run.ts";
import type { RunData, SpanData } from "../run-data.ts";
import { RunRecorder } from "../run-recorder.ts";

/** Messages that are drawn of a play, the first ones; it goes on without being drawn. */
const MESSAGES_MAX = 100_000;
/** Events between looks at the clock. */
const TURN = 16;

/** A recorder that knows by which numbers messages can be lost and delayed. */
class PlayRecorder extends RunRecorder {
  /** By the recorder's own number. */
  readonly numbers: number[] = [];
  readonly interception = new Interception();

  override travels(...given: Parameters<RunRecorder["travels"]>): number {
    const watched = super.travels(...given);
    if (watched >= 0) this.numbers[watched] = this.interception.count;
    return watched;
  }
}

export class Player {
  subject: Subject;
  play: Play;
  run: PlayRun;
  /** How far it is, in microseconds: everything due by then has happened. */
  clockUs = 0;
  #recorder: PlayRecorder;

  constructor(subject: Subject, play: Play) {
    this.subject = subject;
    this.play = play;
    [this.run, this.#recorder] = begin(subject, play);
  }

  /** Another play, from its beginning. */
  load(subject: Subject, play: Play): void {
    this.subject = subject;
    this.play = play;
    this.rewind();
  }

  /** To the beginning. */
  rewind(): void {
    [this.run, this.#recorder] = begin(this.subject, this.play);
    this.clockUs = 0;
  }

  get events(): number {
    return this.run.world.scheduler.count;
  }

  /** On to that time, or as far as the time of day allows; whether it got there. */
  advance(toUs: number, deadlineMs: number): boolean {
    let left = TURN;
    let inTime = true;
    this.run.advance(toUs, () => {
      if (--left > 0) return true;
      left = TURN;
      inTime = performance.now() < deadlineMs;
      return inTime;
    });
    const { nowUs } = this.run.world.scheduler;
    this.clockUs = inTime && !this.run.over ? Math.floor(toUs) : nowUs;
    return inTime;
  }

  /** One event more. */
  step(): void {
    const { events } = this;
    this.run.advance(Infinity, () => this.events === events);
    this.clockUs = this.run.world.scheduler.nowUs;
  }

  /** One event less, by running all before it again. */
  back(): void {
    const wanted = this.events - 1;
    if (wanted < 0) return;
    this.rewind();
    this.run.advance(Infinity, () => this.events < wanted);
    this.clockUs = this.run.world.scheduler.nowUs;
  }

  /** Does something now. */
  act(action: Omit<PlayAction, "atUs">): void {
    const atUs = this.clockUs;
    this.run.advance(atUs);
    const actions = withAction(this.play.actions, { ...action, atUs });
    this.play = { ...this.play, actions };
    this.run.plan(actions);
    this.run.advance(atUs);
  }

  /** Other actions, maybe in the past: the run is another one then, up to the same time. */
  change(actions: readonly PlayAction[]): void {
    const { clockUs } = this;
    this.play = { ...this.play, actions };
    this.rewind();
    this.run.advance(clockUs);
    this.clockUs = this.run.over ? this.run.world.scheduler.nowUs : clockUs;
  }

  /** By which number a message of the diagram can be lost; -1: by none. */
  numberOf(message: number): number {
    return this.#recorder.numbers[message] ?? -1;
  }

  /** What was recorded, for the diagram. */
  data(command: string): RunData {
    const { world } = this.run;
    const { scheduler, completed } = world;
    const { kind, seed } = this.play;
    const report = {
      ...{ protocol: this.subject.name, kind: world.plan.kind, seed },
      ...{ traceHash: scheduler.traceHash, events: scheduler.count, operations: completed },
    };
    const data = dataSoFar(this.#recorder, report, { command, note: "" }, 0);
    const spans = [...data.spans, ...this.#cuts()];
    return { ...data, kind, spans, endUs: Math.max(data.endUs, this.clockUs) };
  }

  /** From when until when processes were cut off. */
  #cuts(): SpanData[] {
    const { done } = this.run;
    return done.flatMap(({ action, did }, i) => {
      if (action.verb !== "cut" || !did) return [];
      const end = done.find(
        (other, j) =>
          j > i && other.action.verb === "join" && other.action.target === action.target,
      );
      const toUs = end?.action.atUs ?? this.clockUs;
      return [{ fromUs: action.atUs, toUs, text: `${action.target} is cut off` }];
    });
  }
}

function begin(subject: Subject, play: Play): [PlayRun, PlayRecorder] {
  const recorder = new PlayRecorder(0, MESSAGES_MAX);
  return [new PlayRun(subject, play, recorder, recorder.interception), recorder];
}
