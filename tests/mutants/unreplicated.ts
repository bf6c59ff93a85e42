// Bugs planted in the unreplicated protocol, for judges that need no other replica.

import type { App, Bytes, Census, Codec, Snapshot, State } from "../../src/actor.ts";
import { decodeKvOperation } from "../../src/app/operation.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import {
  unreplicated,
  UnreplicatedReplica,
  type Message,
} from "../../src/protocol/unreplicated/index.ts";
import { STAMP_LENGTH } from "../../src/simulation/judge.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
import { latin1 } from "../../src/wire.ts";

/** Counts what it executed with four bits. */
class CounterWraps extends UnreplicatedReplica {
  override census(): Census {
    const census = super.census();
    return { ...census, executed: census.executed % 16 };
  }
}

/** Answers a read as it did the last time, whatever was written since. */
class CachedReads implements App {
  readonly #app: App;
  readonly #results = new Map<string, Bytes>();
  /** Whether the last operation was executed. */
  #executed = false;

  constructor(app: App) {
    this.#app = app;
  }
  execute(op: Bytes): Bytes {
    const operation = decodeKvOperation(op.subarray(STAMP_LENGTH));
    const key = operation?.kind === "get" ? latin1(operation.key) : null;
    const known = key === null ? undefined : this.#results.get(key);
    this.#executed = known === undefined;
    const result = known ?? this.#app.execute(op);
    if (key !== null) this.#results.set(key, result);
    return result;
  }
  commit(count: number): void {
    if (this.#executed) this.#app.commit(count);
  }
  rollback(count: number): void {
    this.#app.rollback(count);
  }
  snapshot(): Snapshot {
    return this.#app.snapshot();
  }
  restore(state: State, changed: Iterable<number>): void {
    this.#app.restore(state, changed);
  }
}

/** Does not take what it writes: no reply with a result of more than some bytes. */
const shortReplies: Codec<Message> = {
  ...unreplicated.codec,
  decode(input) {
    const message = unreplicated.codec.decode(input);
    if (message?.kind !== "reply" || message.outcome.status !== "done") return message;
    return message.outcome.result.length > 20 ? null : message;
  },
};

/** Takes a malformed packet for an error of its own. */
const throwing: Codec<Message> = {
  ...unreplicated.codec,
  decode(input) {
    const message = unreplicated.codec.decode(input);
    if (message === null) throw new RangeError("a packet that is malformed");
    return message;
  },
};

/** Random numbers of the process, not of the host: another run draws others. */
let drawn = 0;
const ownDice: typeof unreplicated = {
  ...unreplicated,
  client: (config, host) =>
    unreplicated.client(config, {
      get now() {
        return host.now;
      },
      get clientKey() {
        return host.clientKey ?? null;
      },
      random: (bound) => drawn++ % bound,
      send: (to, message) => host.send(to, message),
      setTimer: (timer, delayMs) => host.setTimer(timer, delayMs),
      clearTimer: (timer) => host.clearTimer(timer),
      sourceOf: (address) => host.sourceOf(address),
      drop: (reason) => host.drop(reason),
      enterRun: (name) => host.enterRun(name),
    }),
};

function mutant(
  name: string,
  changes: Partial<typeof unreplicated>,
  kind: Mutant["kind"],
  convictedBy: readonly string[],
): Mutant {
  const subject = subjectOf(`unreplicated-${name}`, { ...unreplicated, ...changes });
  return { subject, kind, convictedBy, within: 1000 };
}

export const mutants: readonly Mutant[] = [
  mutant(
    "counter-wraps",
    { replica: (_self, config, host, app) => new CounterWraps(config, host, app, false) },
    "short",
    ["monotone"],
  ),
  mutant(
    "cached-reads",
    {
      replica: (_self, config, host, app) =>
        new UnreplicatedReplica(config, host, new CachedReads(app), false),
    },
    "short",
    ["client agreement"],
  ),
  mutant("short-replies", { codec: shortReplies }, "short", ["codec"]),
  mutant("throws-at-packets", { codec: throwing }, "codec", ["codec"]),
  mutant("own-dice", ownDice, "short", ["determinism"]),
];
