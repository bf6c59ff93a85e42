// What an honest load completes, second by second, as ./client prints it.

import type { Child } from "../cluster/child.ts";

const LINE = /^ *\d+ s +([\d,.]+) operations a second$/gm;
const LOOK_MS = 10;

/** The rates that a client printed so far, one a second. */
export function ratesIn(output: string): readonly number[] {
  return [...output.matchAll(LINE)].map(([, rate = "0"]) => Number(rate.replaceAll(",", "")));
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

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const rates = ratesIn(this.#client.output);
    const endMs = performance.now();
    for (const rate of rates.slice(this.#seconds.length)) this.#seconds.push({ endMs, rate });
  }
}
