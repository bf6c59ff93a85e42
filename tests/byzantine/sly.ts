// A replica of any protocol with a trick: it is what the protocol makes, but what it sends passes
// through here, and it has a timer of its own. It behaves until the sign appears.

import { existsSync } from "node:fs";
import type { Address, AnyProtocol, Host, Replica, Sealed, Target } from "../../src/actor.ts";
import type { ProtocolConfig } from "../../src/protocol-config.ts";

export type AnyMessage = Sealed & { readonly kind: string };

/** What a trick knows and may do. */
export interface Sly {
  readonly self: Address;
  readonly config: ProtocolConfig;
  readonly host: Host<Sealed, string>;
  /** The view that its replica is in. */
  view(): number;
}

export interface Trick {
  /** Instead of sending a message. */
  send?(sly: Sly, to: Target, message: AnyMessage): void;
  /** Once a millisecond. */
  tick?(sly: Sly, count: number): void;
  /** Whether packets go to this replica. */
  sends?(to: Address): boolean;
}

const TICK = "sly";
const TICK_MS = 1;
const LOOK_MS = 20;

/** Whether the sign to begin is there, looked for now and then. */
export class Sign {
  readonly #path: string;
  #seen = false;
  #lookedMs = -Infinity;

  constructor(path: string) {
    this.#path = path;
  }

  /** At `nowMs` of any one clock. */
  at(nowMs: number): boolean {
    if (this.#seen || nowMs - this.#lookedMs < LOOK_MS) return this.#seen;
    this.#lookedMs = nowMs;
    this.#seen = existsSync(this.#path);
    return this.#seen;
  }
}

/** The protocol with a trick at its replicas from when the sign is there. */
export function tricked(protocol: AnyProtocol, trick: Trick, sign: Sign): AnyProtocol {
  return {
    ...protocol,
    replica(self, config, host, app) {
      let count = 0;
      let replica: Replica<Sealed, string> | null = null;
      const sly: Sly = { self, config, host, view: () => replica?.census().view ?? 0 };
      const wrapped: Host<Sealed, string> = {
        get now() {
          return host.now;
        },
        random: (bound) => host.random(bound),
        setTimer: (timer, delayMs) => host.setTimer(timer, delayMs),
        clearTimer: (timer) => host.clearTimer(timer),
        sourceOf: (address) => host.sourceOf(address),
        drop: (reason) => host.drop(reason),
        enterRun: (name) => host.enterRun(name),
        send(to, message) {
          if (trick.send === undefined || !sign.at(host.now)) host.send(to, message);
          else trick.send(sly, to, message as AnyMessage);
        },
      };
      const made = protocol.replica(self, config, wrapped, app);
      replica = made;
      const timeout = made.timeout.bind(made);
      made.timeout = (timer) => {
        if (timer !== TICK) return timeout(timer);
        if (sign.at(host.now)) trick.tick?.(sly, count++);
        host.setTimer(TICK, TICK_MS);
      };
      if (trick.tick !== undefined) host.setTimer(TICK, TICK_MS);
      return made;
    },
  };
}
