// How a replica starts, and what it does for others that do (docs/guarantees.md, N22).

import type { Signer } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { CrashStart } from "../kit/crash-start.ts";
import type { Wanted } from "../kit/log-fetch.ts";
import type { NoPaxosContext } from "./context.ts";
import type { Position } from "./message.ts";
import type { Stream } from "./stream.ts";

/** What a start asks of its replica. */
export interface StartOwner {
  readonly views: {
    readonly view: number;
    readonly normal: boolean;
    readonly primary: Signer;
    readonly leads: boolean;
    readonly stream: Stream | null;
    begin(): void;
    enterRecovered(position: Position): void;
    suspect(): void;
  };
  readonly normal: { readonly executed: number };
  readonly syncs: { ask(): void };
  readonly timer: { arm(): void };
  readonly catchUp: { wake(): void };
  readonly incoming: { readonly active: boolean; begin(wanted: Wanted): void; stop(): void };
  readonly states: { readonly fetching: boolean };
}

export class Start extends CrashStart<Position, NoPaxosContext, StartOwner> {
  #workSinceMs = Infinity;

  /** Since when the leader was not seen at work, for a replica that recovers; Infinity: it was. */
  get workSinceMs(): number {
    return this.#workSinceMs;
  }

  /** The leader of this view is at work. */
  onLeaderSeen(): void {
    this.#workSinceMs = Infinity;
  }

  protected override active(): boolean {
    return this.owner.normal.executed > 0;
  }

  protected override position(): Position | null {
    const { views, normal } = this.owner;
    const { view, stream } = views;
    if (!views.normal || stream === null) return null;
    return { view, stream, op: this.context.log.op, sync: normal.executed };
  }

  /** No slot is filled for it, which only a sequencer could: the leader compares logs. */
  protected override work(from: Signer): void {
    const { host } = this.context;
    const { views, syncs, timer, catchUp } = this.owner;
    if (!views.normal) return;
    if (views.primary === from) {
      coverageMark("nopaxos: the leader asks to recover");
      return views.suspect();
    }
    if (views.leads) return syncs.ask();
    this.#workSinceMs = host.now;
    timer.arm();
    catchUp.wake();
  }

  protected override begin(): void {
    super.begin();
    this.owner.views.begin();
  }

  protected override recoverFrom(leader: Signer, position: Position): void {
    const { log, host } = this.context;
    const { view, op } = position;
    this.owner.incoming.begin({
      above: this.owner.normal.executed,
      target: op,
      sources: () => [{ replica: leader, lastNormal: view }],
      done: (above, batches) => {
        coverageMark("nopaxos: a replica recovers");
        log.replace(above, batches, host.now);
        this.run();
        this.owner.views.enterRecovered(position);
      },
    });
  }
}
