// A log on its way in, beside the one that there is: that stays as it is until the other is whole.

import type { Host, Sealed, Signer, Sizes } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import type { Batch } from "./batch.ts";
import type { Log } from "./slot-log.ts";

/** Pauses until what did not come is asked for again, in view timeouts. */
export const FETCH_PAUSE = 1 / 16;

/** Asks for slots from `from` on of the log of view `lastNormal`. */
export interface GetLogMessage extends Sealed {
  readonly kind: "getLog";
  readonly lastNormal: number;
  readonly from: number;
}

export interface LogMessage extends Sealed {
  readonly kind: "log";
  readonly lastNormal: number;
  readonly from: number;
  /** The sender knows that slots up to here are committed. */
  readonly committed: number;
  readonly batches: readonly Batch[];
}

/** Most batches in a LOG. */
export const LOG_BATCHES_MAX = 64;

interface FetchContext {
  readonly config: ProtocolConfig;
  readonly host: Pick<Host<GetLogMessage, "fetch">, "send" | "setTimer" | "drop" | "now">;
  readonly log: Log;
}

/** Who has a slot, and of which view its log is. */
export interface LogHolder {
  readonly replica: Signer;
  readonly lastNormal: number;
}

/** What is to be fetched. */
export interface Wanted {
  /** The own log is kept up to here, and is needed up to `target`. */
  readonly above: number;
  readonly target: number;
  /**
   * Slots up to here are committed. Where a slot may hold something else before it is, a LOG that
   * its sender sent before it knew that, and that came late, has nothing of them.
   */
  readonly committed?: number;
  /** What is known of a slot without asking; nothing if it is not given. */
  known?(slot: number): Batch | undefined;
  /** Who has a slot, best first. */
  sources(slot: number): readonly LogHolder[];
  /** All of it is here: the own log up to `above`, and then these. */
  done(above: number, batches: readonly Batch[]): void;
}

export class LogFetch {
  protected readonly context: FetchContext;
  #wanted: Wanted | null = null;
  #above = 0;
  #batches: Batch[] = [];
  #turn = 0;
  /** Whether something came since the last retry. */
  #progresses = false;

  constructor(context: FetchContext) {
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
  get #next(): number {
    return this.#above + this.#batches.length + 1;
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

  onLog(sender: Signer, { lastNormal, from, committed, batches }: LogMessage): void {
    const { host, log } = this.context;
    const wanted = this.#wanted;
    if (wanted === null || from !== this.#next || !has(wanted, from, sender, lastNormal)) {
      return host.drop("not admitted: log that was not asked for");
    }
    if (!this.isSettled(wanted, from, committed)) return host.drop("not admitted: log of before");
    this.#progresses = true;
    for (const [i, batch] of batches.entries()) {
      const slot = from + i;
      if (!this.isSettled(wanted, slot, committed)) break;
      if (slot > wanted.target || this.#batches.length >= log.size) break;
      const known = wanted.known?.(slot);
      if (known === undefined && !has(wanted, slot, sender, lastNormal)) break;
      this.#batches.push(known ?? batch);
    }
    this.#advance();
  }

  /** Whether a slot is what it will be in the log of a replica that knew so many committed. */
  protected isSettled(wanted: Wanted, slot: number, committed: number): boolean {
    return slot <= committed || slot > (wanted.committed ?? 0);
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
    while (this.#next <= wanted.target) {
      const known = wanted.known?.(this.#next);
      if (known === undefined) return this.#ask();
      this.#batches.push(known);
    }
    const batches = this.#batches;
    const above = this.#above;
    this.stop();
    wanted.done(above, batches);
  }

  #ask(): void {
    const wanted = this.#wanted;
    const from = this.#next;
    const sources = wanted?.sources(from) ?? [];
    const source = sources[this.#turn % Math.max(1, sources.length)];
    const { host, config } = this.context;
    host.setTimer("fetch", FETCH_PAUSE * config.viewTimeoutMs);
    if (source === undefined) return;
    host.send(source.replica, { kind: "getLog", lastNormal: source.lastNormal, from });
  }
}

function has(wanted: Wanted, slot: number, sender: Signer, lastNormal: number): boolean {
  return wanted
    .sources(slot)
    .some((source) => source.replica === sender && source.lastNormal === lastNormal);
}
