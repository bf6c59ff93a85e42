// What an honest load completes, second by second, as ./client prints it.

import type { Child } from "../cluster/child.ts";

const LINE = /^ *\d+ s +([\d,.]+) operations a second$/gm;
const LOOK_MS = 10;
/** Throughput is level once so many seconds bring no more than this beyond as many before them. */
const LEVEL_SECONDS = 3;
const LEVEL_GROWTH = 1.05;
/** A machine that others use may never be level. */
const LEVEL_SECONDS_MAX = 30;

/** The rates that a client printed so far, one a second. */
export function ratesIn(output: string): readonly number[] {
  return [...output.matchAll(LINE)].map(([, rate = "0"]) => Number(rate.replaceAll(",", "")));
}

/** Whether a load has warmed up, by its rates so far. */
export function isLevel(rates: readonly number[]): boolean {
  if (rates.length < 2 * LEVEL_SECONDS) return false;
  const sum = (some: readonly number[]) => some.reduce((total, rate) => total + rate, 0);
  const late = sum(rates.slice(-LEVEL_SECONDS));
  return late > 0 && late <= LEVEL_GROWTH * sum(rates.slice(-2 * LEVEL_SECONDS, -LEVEL_SECONDS));
}

interface Second {
  readonly endMs: number;
  readonly rate: number;
}

/** Notes when each second of a load ended. */
export class Progress {
  readonly #client: Child;
  readonly #seconds: Second[] = [];
  readonly #timer: Timer;

  constructor(client: Child) {
    this.#client = client;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** The mean rate of the seconds that lie in [fromMs, toMs] of performance.now(); 0 if none do. */
  mean(fromMs: number, toMs: number): number {
    this.#look();
    const within = this.#seconds.filter(
      ({ endMs }) => endMs - 1000 >= fromMs - LOOK_MS && endMs <= toMs + LOOK_MS,
    );
    return within.reduce((sum, { rate }) => sum + rate, 0) / Math.max(1, within.length);
  }

  /** Waits until throughput grows no more, because processes compile what they do often. */
  async level(): Promise<void> {
    for (let second = 0; second < LEVEL_SECONDS_MAX; second++) {
      await Bun.sleep(1000);
      this.#look();
      if (isLevel(this.#seconds.map(({ rate }) => rate))) return;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const rates = ratesIn(this.#client.output);
    const endMs = performance.now();
    for (const rate of rates.slice(this.#seconds.length)) this.#seconds.push({ endMs, rate });
  }
}
