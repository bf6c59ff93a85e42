// In a long tenure the leader is told of requests that it seems not to have heard, before it is
// left.

import type { ChainContext } from "./context.ts";

/** How often such requests are looked for, in view timeouts. */
const INTERVAL = 1 / 8;

export class OverdueRelays {
  readonly #context: ChainContext;
  readonly #owner: { readonly pacemaker: { readonly view: number } };
  #armed = false;

  constructor(context: ChainContext, owner: { readonly pacemaker: { readonly view: number } }) {
    this.#context = context;
    this.#owner = owner;
  }

  /** A client sent a request to this replica, which does not lead. */
  arm(): void {
    const { tenure = 1, viewTimeoutMs } = this.#context.config;
    if (this.#armed || tenure === 1) return;
    this.#armed = true;
    this.#context.host.setTimer("relay", INTERVAL * viewTimeoutMs);
  }

  onTimer(): void {
    const { pool, host, leaders, self } = this.#context;
    const leader = leaders.scheduled(this.#owner.pacemaker.view);
    this.#armed = false;
    if (leader !== self) {
      for (const { client, request } of pool.overdue(host.now)) {
        host.send(leader, { kind: "relay", client, request });
      }
    }
    if (pool.oldestUnplaced(1).length > 0) this.arm();
  }
}
