// How a process waits that finds out whether others want its processor (--idle auto): it spins
// where nobody does, yields where somebody may, and parks when nothing came for a while.
//
// Spinning is bounded by time, because an arrival that is near is worth waiting for and another is
// not: as long as the wake-up of a parked process takes, or twice the usual gap between arrivals.
// A yield that returns at once shows that nobody waits for this processor; one that takes long, or
// a turn that does, shows that somebody had it.

import type { Crowd } from "./crowd.ts";

/** What a waiting process looks at and acts on; times in milliseconds. */
export interface WaitingWorld {
  /** Of the turn's begin. */
  readonly turnMs: () => number;
  readonly nowMs: () => number;
  /** When the next timer is due. */
  readonly timerMs: () => number;
  readonly yieldProcessor: () => void;
  /** Announces a sleep: from here on every arrival wakes the process. */
  readonly arm: () => void;
  /** Sleeps for at most so many microseconds. */
  readonly wait: (us: number) => void;
}

/**
 * A yield that takes so many times as long as the shortest has given the processor to somebody: one
 * that finds nobody takes 0.3 to 1.2 us, as the machine is, and two that yield to each other four
 * times as much. So have longer ones than the second figure, whatever the shortest was, because it
 * may be none that found nobody; shorter ones than the first are a clock's noise.
 */
const GAVE_AWAY = 2;
const GAVE_AWAY_MS_MIN = 0.001;
const GAVE_AWAY_MS_MAX = 0.003;
/**
 * One that takes so long gave it to somebody who does not poll, and whose turns last longer than a
 * wake-up: who sleeps meanwhile is let in sooner.
 */
const HOGGED_MS = 0.5;
/** For so long one parks at once then. */
const HOGGED_FOR_MS = 50;
/** So has a turn without work that begins so long after the last one: this process lost it. */
const LOST_MS = 0.05;
/** Yields in a row that must return at once before one spins without asking each time. */
const CALM = 16;
/** Longest time without asking. */
const ASK_MS_MAX = 0.1;
/** About as long as it takes to wake who is parked: waiting awake for that costs twice at most. */
const SPIN_MS = 0.05;
/** Longest spin, of twice the usual gap, where nobody wants the processor. */
const SPIN_MS_MAX = 1;
/** The same where others poll as well, by yielding. */
const YIELD_MS_MAX = 0.1;
/** Yields before one parks, whatever the time: the other process of a pair answers within them. */
export const YIELDS = 8;
/** Longest sleep: links are looked after in between. */
const PARK_US_MAX = 10_000;
/** Of a new gap in the usual one. */
const GAP_SHARE = 1 / 8;
/** Pollers on a processor, in the mean, from which on yielding only moves the processor about. */
const CROWDED = 2;

export class Waiting {
  readonly #world: WaitingWorld;
  /** Whether each poller may have a processor for itself. */
  readonly #roomy: boolean;
  readonly #crowded: boolean;
  /** When the present wait began, and when it was last seen to last. */
  #beganMs = 0;
  #seenMs = 0;
  #waits = false;
  #armed = false;
  #yields = 0;
  /** Mean length of waits, each SPIN_MS_MAX at most; unknown at first. */
  #gapMs = Infinity;
  /** The shortest yield. */
  #shortestMs = Infinity;
  /** Yields in a row that returned at once. */
  #calm = 0;
  #askedMs = -Infinity;
  /** Until when somebody is taken to work on this processor all the time. */
  #hoggedMs = -Infinity;

  constructor(world: WaitingWorld, { pollers, processors }: Crowd) {
    this.#world = world;
    this.#roomy = pollers <= processors;
    this.#crowded = pollers >= CROWDED * processors;
  }

  /** A turn without work, before which `empty` were such turns as well. */
  turn(empty: number): void {
    const nowMs = this.#world.turnMs();
    if (empty === 0) this.#begin(nowMs);
    else if (nowMs - this.#seenMs > LOST_MS && !this.#armed) this.#calm = 0;
    this.#seenMs = nowMs;
    if (this.#armed) this.#sleep(nowMs);
    else if (!this.#awake(nowMs)) {
      // A turn lies between arming and sleeping, because what came before rings no doorbell.
      this.#world.arm();
      this.#armed = true;
    }
  }

  #begin(nowMs: number): void {
    if (this.#waits) {
      const gapMs = Math.min(SPIN_MS_MAX, this.#seenMs - this.#beganMs);
      this.#gapMs =
        this.#gapMs === Infinity ? gapMs : this.#gapMs + GAP_SHARE * (gapMs - this.#gapMs);
    }
    this.#waits = true;
    this.#beganMs = nowMs;
    this.#yields = 0;
    this.#armed = false;
  }

  /** Waits on without sleeping, as long as that is worth it; false if it is not any more. */
  #awake(nowMs: number): boolean {
    const waitedMs = nowMs - this.#beganMs;
    if (nowMs < this.#hoggedMs) return false;
    if (this.#roomy && this.#calm >= CALM) {
      if (waitedMs >= this.#spinMs) return false;
      if (nowMs - this.#askedMs >= this.#pauseMs) this.#yield(nowMs);
      return true;
    }
    if (this.#yields >= YIELDS && waitedMs >= this.#yieldMs) return false;
    this.#yield(nowMs);
    return true;
  }

  /** How long to spin where nobody wants the processor. */
  get #spinMs(): number {
    const twiceMs = 2 * this.#gapMs;
    return twiceMs <= SPIN_MS_MAX ? Math.max(SPIN_MS, twiceMs) : SPIN_MS;
  }

  /** How long to yield where others poll as well; beyond that YIELDS times. */
  get #yieldMs(): number {
    const twiceMs = 2 * this.#gapMs;
    const leastMs = this.#roomy ? SPIN_MS : 0;
    return this.#crowded || twiceMs > YIELD_MS_MAX ? leastMs : Math.max(leastMs, twiceMs);
  }

  /** How long one spins without asking whether somebody wants the processor. */
  get #pauseMs(): number {
    return Math.min(ASK_MS_MAX, 2 ** (this.#calm - CALM) / 1000);
  }

  /** How long a yield takes at most that finds nobody. */
  get #gaveAwayMs(): number {
    const ms = GAVE_AWAY * this.#shortestMs;
    return Math.min(GAVE_AWAY_MS_MAX, Math.max(GAVE_AWAY_MS_MIN, ms));
  }

  #yield(turnMs: number): void {
    const { nowMs, yieldProcessor } = this.#world;
    const beforeMs = nowMs();
    yieldProcessor();
    this.#yields++;
    this.#askedMs = turnMs;
    const tookMs = nowMs() - beforeMs;
    this.#shortestMs = Math.min(this.#shortestMs, tookMs);
    this.#calm = tookMs > this.#gaveAwayMs ? 0 : this.#calm + 1;
    this.#seenMs += tookMs;
    const hogged = tookMs > HOGGED_MS && !this.#crowded;
    if (hogged) this.#hoggedMs = turnMs + tookMs + HOGGED_FOR_MS;
  }

  #sleep(turnMs: number): void {
    const { timerMs, wait, nowMs } = this.#world;
    this.#armed = false;
    if (sleep(timerMs() - turnMs, wait)) this.#seenMs = nowMs();
  }
}

/** Sleeps until a timer is due, or not so long; false if it is due now. */
export function sleep(dueInMs: number, wait: (us: number) => void): boolean {
  const us = Math.min(PARK_US_MAX, dueInMs * 1000);
  if (us < 1) return false;
  wait(us);
  return true;
}
