// A leader that a TC let into its view listens for higher QCs before it proposes, where the rules
// say so, and the others tell it what neither its TC nor their TIMEOUTs showed: HotStuff-2, ePrint
// 2023/397, section 4. Neither safety nor liveness rests on it.

import type { Signer } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ChainContext } from "./context.ts";
import type { Position } from "./message.ts";

/** What it has to know of its replica. */
export interface ListeningOwner {
  /** What let this replica into its view. */
  readonly position: Position;
  /** Whether nobody waits for a replica, which failed as a leader. */
  skipsReplica(replica: Signer): boolean;
}

export class Listening {
  readonly #context: ChainContext;
  readonly #owner: ListeningOwner;
  /** Whom this leader has heard since its view was given up; null: it does not listen. */
  #heard: Set<Signer> | null = null;
  /** The view in which it last told others of its highest QC, and the view of that. */
  #told = { view: 0, qcView: 0 };

  constructor(context: ChainContext, owner: ListeningOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** Whether this replica, which leads, may not propose yet. */
  get lasts(): boolean {
    return this.#heard !== null;
  }

  /** Whether it matters that another replica is heard. */
  awaits(replica: Signer): boolean {
    if (this.#heard === null || replica >= this.#context.config.n) return false;
    return !this.#heard.has(replica);
  }

  /** Listens for so long, unless all have been heard. */
  begin(heard: Iterable<Signer>, ms: number): void {
    this.#heard = new Set([...heard, this.#context.self]);
    this.#context.host.setTimer("listen", ms);
    this.#endIfAll();
    if (this.lasts) coverageMark("chained: a leader listens");
  }

  /** Another replica was heard; true if it was the last one. */
  hear(replica: Signer): boolean {
    if (!this.awaits(replica)) return false;
    this.#heard?.add(replica);
    this.#endIfAll();
    return !this.lasts;
  }

  #endIfAll(): void {
    const heard = this.#heard;
    if (heard === null) return;
    for (let replica = 0; replica < this.#context.config.n; replica++) {
      if (!heard.has(replica) && !this.#owner.skipsReplica(replica)) return;
    }
    this.end();
  }

  end(): void {
    if (this.#heard === null) return;
    this.#heard = null;
    this.#context.host.clearTimer("listen");
  }

  /** All were sent the highest QC in `view`: a TIMEOUT holds it. */
  onTold(view: number): void {
    this.#told = { view, qcView: this.#owner.position.highQc.view };
  }

  /** Sends the leader of `view` the highest QC, unless it was told of it since `since`. */
  tell(view: number, since: number): void {
    const { leaders, self, host } = this.#context;
    const { position } = this.#owner;
    const { highQc } = position;
    const leader = leaders.of(view, highQc);
    const known = this.#told.view >= since && this.#told.qcView >= highQc.view;
    this.#told = { view, qcView: highQc.view };
    if (known || leader === null || leader === self) return;
    coverageMark("chained: a leader is told of a QC");
    host.send(leader, { kind: "entry", ...position });
  }
}
