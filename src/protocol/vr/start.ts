// How a replica starts, and what it does for others that do (docs/guarantees.md, V16 to V18).

import type { Signer } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { CrashStart } from "../kit/crash-start.ts";
import type { Wanted } from "../kit/log-fetch.ts";
import type { VrContext } from "./context.ts";
import type { Position } from "./message.ts";
import type { Status } from "./view-change.ts";

/** What a start asks of its replica. */
export interface StartOwner {
  readonly views: {
    readonly view: number;
    readonly status: Status;
    readonly primary: Signer;
    readonly leads: boolean;
    enterAs(view: number, committed: number): void;
    suspect(): void;
  };
  readonly normal: { readonly executed: number; propose(): void };
  readonly timer: { arm(): void };
  readonly catchUp: { wake(): void };
  readonly incoming: { readonly active: boolean; begin(wanted: Wanted): void; stop(): void };
  readonly states: { readonly fetching: boolean };
}

export class Start extends CrashStart<Position, VrContext, StartOwner> {
  #workSinceMs = Infinity;
  #workAbove = 0;
  #recoveryTarget = 0;

  /** The last slot that is to be filled for a replica that recovers. */
  get recoveryTarget(): number {
    return this.#recoveryTarget;
  }
  /** Since when a replica that recovers waits for a slot to be executed; Infinity: none does. */
  get workSinceMs(): number {
    return this.owner.normal.executed > this.#workAbove ? Infinity : this.#workSinceMs;
  }

  protected override active(): boolean {
    return this.owner.normal.executed > 0;
  }

  protected override position(): Position | null {
    const { views, normal } = this.owner;
    if (views.status !== "normal") return null;
    return { view: views.view, op: this.context.log.op, committed: normal.executed };
  }

  protected override work(from: Signer): void {
    const { host, log } = this.context;
    const { views, normal, timer, catchUp } = this.owner;
    if (views.status !== "normal") return;
    if (views.primary === from) {
      coverageMark("vr: the leader asks to recover");
      return views.suspect();
    }
    this.#workSinceMs = host.now;
    this.#workAbove = normal.executed;
    if (views.leads) {
      this.#recoveryTarget = log.op + 1;
      normal.propose();
    }
    timer.arm();
    catchUp.wake();
  }

  protected override begin(): void {
    super.begin();
    this.owner.views.enterAs(0, 0);
  }

  protected override recoverFrom(leader: Signer, { view, op, committed }: Position): void {
    const { log, host } = this.context;
    this.owner.incoming.begin({
      above: this.owner.normal.executed,
      target: op,
      sources: () => [{ replica: leader, lastNormal: view }],
      done: (above, batches) => {
        coverageMark("vr: a replica recovers");
        log.replace(above, batches, host.now);
        this.run();
        this.owner.views.enterAs(view, committed);
      },
    });
  }
}
