// A log on its way in, beside the one that there is: that stays as it is until the other is whole.

import type { Signer, Sizes } from "../../actor.ts";
import type { Batch } from "../kit/batch.ts";
import type { VrContext } from "./context.ts";
import type { LogMessage } from "./message.ts";

/** Pauses until what did not come is asked for again, in view timeouts. */
export const FETCH_PAUSE = 1 / 16;

/** What is to be fetched. */
export interface Wanted {
  /** The view whose log it is. */
  readonly lastNormal: number;
  /** The own log is kept up to here, and is needed up to `target`. */
  readonly above: number;
  readonly target: number;
  /** Who has it, best first. */
  sources(): readonly Signer[];
  /** All of it is here: the own log up to `above`, and then these. */
  done(above: number, batches: readonly Batch[]): void;
}

export class LogFetch {
  protected readonly context: VrContext;
  #wanted: Wanted | null = null;
  #above = 0;
  #batches: Batch[] = [];
  #turn = 0;
  /** Whether something came since the last retry. */
  #progresses = false;

  constructor(context: VrContext) {
    this.context = context;
  }

  /** Whether a log is being fetched. */
  get active(): boolean {
    return this.#wanted !== null;
  }
  get sizes(): Sizes {
    const { size: max } = this.context.log;
    return [{ name: "fetch.log", size: this.#batches.length, max }];
  }

  begin(wanted: Wanted): void {
    this.stop();
    this.#wanted = wanted;
    this.#above = wanted.above;
    this.#advance();
  }

  stop(): void {
    this.#wanted = null;
    this.#batches = [];
    this.#turn = 0;
  }

  /** Asks the next source for what did not come. True if something came since the last time. */
  retry(): boolean {
    const progresses = this.#progresses;
    this.#progresses = false;
    if (this.#wanted !== null && !progresses) {
      this.#turn++;
      this.#ask();
    }
    return progresses;
  }

  onLog({ lastNormal, from, batches }: LogMessage): void {
    const { host, log } = this.context;
    const wanted = this.#wanted;
    const next = this.#above + this.#batches.length + 1;
    if (wanted === null || lastNormal !== wanted.lastNormal || from !== next) {
      return host.drop("not admitted: log that was not asked for");
    }
    this.#progresses = true;
    for (const batch of batches) {
      if (this.#above + this.#batches.length >= wanted.target) break;
      if (this.#batches.length >= log.size) break;
      this.#batches.push(batch);
    }
    this.#advance();
  }

  /** What was at or below the slot is in a state that was installed. */
  onInstalled(slot: number): void {
    if (this.#wanted === null || slot <= this.#above) return;
    this.#batches.splice(0, slot - this.#above);
    this.#above = slot;
    this.#progresses = true;
    this.#advance();
  }

  #advance(): void {
    const wanted = this.#wanted;
    if (wanted === null) return;
    if (this.#above + this.#batches.length < wanted.target) return this.#ask();
    const batches = this.#batches;
    const above = this.#above;
    this.stop();
    wanted.done(above, batches);
  }

  #ask(): void {
    const wanted = this.#wanted;
    const sources = wanted?.sources() ?? [];
    const source = sources[this.#turn % Math.max(1, sources.length)];
    const { host, config } = this.context;
    host.setTimer("fetch", FETCH_PAUSE * config.viewTimeoutMs);
    if (wanted === null || source === undefined) return;
    const from = this.#above + this.#batches.length + 1;
    host.send(source, { kind: "getLog", lastNormal: wanted.lastNormal, from });
  }
}
