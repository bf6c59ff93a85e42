// Finds where the time of a polling thread goes: the thread writes into a word what it is about
// (sections.ts), and a sampler counts periods of time by that word (csrc/profile.c).

import {
  CHECK,
  DECODE,
  ENCODE,
  HELP,
  IDLE,
  OTHER,
  PROTOCOL,
  RECEIVE,
  SEND,
} from "../base/sections.ts";
import type { Stage } from "../driver.ts";
import type { TurnObserver } from "../run-loop.ts";
import type { Profile } from "./profile.ts";

/** The sections by their numbers. */
export const SECTION_NAMES = [
  ...(["other", "receive", "decode", "check", "protocol"] as const),
  ...(["encode", "send", "help", "idle"] as const),
] as const satisfies readonly (keyof Profile["shares"])[];

/** Indexes of the words that the sampler counts in, the first behind the section that it reads. */
export const PERIODS = 1;
export const COUNTS = 16;

/** Sums of waiting times in the stage, in milliseconds, and how many they are of. */
export interface Waits {
  checkMs: number;
  checks: number;
  signMs: number;
  signs: number;
}

/** How far a thread is. */
interface State {
  readonly nowMs: number;
  readonly operations: number;
  readonly periods: readonly number[];
  readonly signatures: Stage["counts"];
  readonly waits: Waits;
}

/**
 * Assigns what the sampler counts. Only at the end of a turn is it known whether polling brought
 * anything: a turn that did not is idle as a whole.
 */
export class Profiler implements TurnObserver {
  readonly waits: Waits = { checkMs: 0, checks: 0, signMs: 0, signs: 0 };
  /** Of the sampler, as many as COUNTS and the sections take. */
  readonly words: Int32Array;
  /** Assigned periods, by section. */
  readonly #periods: number[] = SECTION_NAMES.map(() => 0);
  /** Periods that the sampler had counted when they were assigned last. */
  #seen = 0;
  /** Nothing was done since the last turn that was idle. */
  #idled = false;
  /** Where the first stretch began in which an operation was done, and where the last one ended. */
  #first: State | null = null;
  #last: State | null = null;
  #latest: State | null = null;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /** A turn of the run loop begins. */
  beginTurn(): void {
    // After an idle turn, what was counted since belongs to this one and waits for its end.
    if (!this.#idled) this.#assign(null);
    this.#idled = false;
  }

  /** The turn brought nothing: all of it was idle. */
  idleTurn(): void {
    this.#assign(IDLE);
    this.#idled = true;
  }

  /**
   * Notes how many operations are done. Called often: the profile reaches from the first time
   * that there were more than before to the last, so that waiting for a load to begin does not
   * count.
   */
  progress(nowMs: number, operations: number, signatures: Stage["counts"]): void {
    this.#assign(null);
    const state: State = {
      nowMs,
      operations,
      periods: [...this.#periods],
      signatures: { ...signatures },
      waits: { ...this.waits },
    };
    const before = this.#latest;
    this.#latest = state;
    if (before === null || operations === before.operations) return;
    this.#first ??= before;
    this.#last = state;
  }

  /** What was found; undefined if no operation was done, or too little time went by. */
  result(): Profile | undefined {
    const from = this.#first;
    const to = this.#last;
    if (from === null || to === null) return undefined;
    const counts = to.periods.map((count, i) => count - (from.periods[i] ?? 0));
    const all = counts.reduce((sum, count) => sum + count, 0);
    if (all === 0) return undefined;
    const share = (section: number): number => (counts[section] ?? 0) / all;
    const { signatures } = to;
    const spent = (name: keyof Waits): number => to.waits[name] - from.waits[name];
    const meanUs = (ms: number, count: number): number => (count === 0 ? 0 : (1000 * ms) / count);
    return {
      shares: {
        receive: share(RECEIVE),
        decode: share(DECODE),
        check: share(CHECK),
        protocol: share(PROTOCOL),
        encode: share(ENCODE),
        send: share(SEND),
        help: share(HELP),
        idle: share(IDLE),
        other: share(OTHER),
      },
      seconds: (to.nowMs - from.nowMs) / 1000,
      signatures: {
        signed: signatures.signed - from.signatures.signed,
        roots: signatures.roots - from.signatures.roots,
        verified: signatures.verified - from.signatures.verified,
        cached: signatures.cached - from.signatures.cached,
      },
      waits: {
        checks: spent("checks"),
        checkUs: meanUs(spent("checkMs"), spent("checks")),
        signs: spent("signs"),
        signUs: meanUs(spent("signMs"), spent("signs")),
      },
      operations: to.operations - from.operations,
    };
  }

  /** Takes what was counted since: all for one section, or each for its own. */
  #assign(section: number | null): void {
    const periods = Atomics.load(this.words, PERIODS);
    if (periods === this.#seen) return;
    this.#seen = periods;
    for (let i = 0; i < SECTION_NAMES.length; i++) {
      const to = section ?? i;
      const count = Atomics.exchange(this.words, COUNTS + i, 0);
      this.#periods[to] = (this.#periods[to] ?? 0) + count;
    }
  }
}
