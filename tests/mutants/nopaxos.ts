// Bugs planted in NOPaxos, each of which a campaign of the kind that owes it must find. Those that
// need an order of events which random faults hardly ever have are exported on their own:
// tests/protocol/nopaxos/mutants.test.ts convicts them by scenario scripts.

import type { Signer } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import { EMPTY_BATCH } from "../../src/protocol/kit/batch.ts";
import { sequencer, SEQUENCER } from "../../src/protocol/kit/sequencer.ts";
import type { SequencingMessage } from "../../src/protocol/kit/sequencing-messages.ts";
import { NoPaxosClient } from "../../src/protocol/nopaxos/client.ts";
import { Gaps } from "../../src/protocol/nopaxos/gap.ts";
import { nopaxos, NoPaxosReplica, type Parts } from "../../src/protocol/nopaxos/index.ts";
import type { GapMessage } from "../../src/protocol/nopaxos/message.ts";
import { Multicast } from "../../src/protocol/nopaxos/multicast.ts";
import { Sequencers } from "../../src/protocol/nopaxos/sequencers.ts";
import { SpeculativeService } from "../../src/protocol/nopaxos/speculative-service.ts";
import { Syncs } from "../../src/protocol/nopaxos/sync.ts";
import { subjectOf, type Subject } from "../../src/simulation/subject.ts";

/** Replies of different views and slots add up. */
class MixesSlots extends NoPaxosClient {
  protected override matches(): boolean {
    return true;
  }
}

/** What a replica said in a life that is over counts. */
class CountsAllLives extends NoPaxosClient {
  protected override isOfPresentLife(): boolean {
    return true;
  }
}

class SyncAlone extends Syncs {
  protected override get needed(): number {
    return super.needed - 1;
  }
}

/** Whatever its leader says that is committed, is so in its own log. */
class CommitsUnconfirmed extends Syncs {
  protected override committable(told: number): number {
    return Math.min(told, this.context.log.op);
  }
}

/** Tells of empty slots above its own sync point only, and has them told so. */
class TellsFromSync extends Syncs {
  protected override from(): number {
    return this.owner.normal.executed;
  }
  protected override mayConfirm(): boolean {
    return true;
  }
}

/** A follower gives up what was dropped, as a leader does. */
class GivesUp extends Gaps {
  #tries = 0;
  override onTimer(): void {
    const { log } = this.context;
    if (!this.owner.views.leads && this.lacks && ++this.#tries % 3 === 0) {
      this.owner.normal.append(EMPTY_BATCH);
      return this.owner.normal.drain();
    }
    super.onTimer();
    if (log.op < 0) this.#tries = 0;
  }
}

/** Below its sync point a gap is nothing to agree to, and who has confirmed it has not agreed. */
class AgreesInOrder extends Gaps {
  override onGap(sender: Signer, message: GapMessage): void {
    if (message.to > this.owner.normal.executed) super.onGap(sender, message);
  }
  override onConfirmed(): void {
    // Only GAP-OK counts.
  }
}

/** What may be undone is told as final. */
class TellsEarly extends SpeculativeService {
  protected override isSettled(): boolean {
    return true;
  }
}

/** Another life of the sequencer is as good. */
class AnyLife extends Sequencers {
  protected override differs(): boolean {
    return false;
  }
  override get heard(): boolean {
    return true;
  }
}

class KeepsAll extends Multicast {
  protected override mayKeep(): boolean {
    return true;
  }
}

/** A sequencer that opens for any of its lives, and stamps as the one that was asked. */
const reopens: typeof sequencer = (index, config, host) => {
  let own = 0;
  let adopted: number | null = null;
  const said = (message: SequencingMessage): SequencingMessage => {
    if (adopted === null) return message;
    const incarnation = adopted;
    if (message.kind === "sequenced") {
      return { ...message, stamp: { ...message.stamp, incarnation } };
    }
    return "incarnation" in message ? { ...message, incarnation } : message;
  };
  const actor = sequencer(index, config, {
    get now() {
      return host.now;
    },
    random: (bound) => (own = host.random(bound)),
    send: (to, message) => host.send(to, said(message)),
    setTimer: (timer, delayMs) => host.setTimer(timer, delayMs),
    clearTimer: (timer) => host.clearTimer(timer),
    sourceOf: (address) => host.sourceOf(address),
    drop: (reason) => host.drop(reason),
    enterRun: (name) => host.enterRun(name),
  });
  return {
    receive: (from, message) => {
      if (message.kind !== "openSession") return actor.receive(from, message);
      adopted = message.incarnation;
      actor.receive(from, { ...message, incarnation: own });
    },
    timeout: (timer) => actor.timeout(timer),
    census: () => actor.census(),
  };
};

interface Changed {
  readonly parts?: Partial<Parts>;
  readonly Client?: typeof NoPaxosClient;
  readonly sequencer?: typeof sequencer;
}

function changed({
  parts = {},
  Client = NoPaxosClient,
  sequencer: role = sequencer,
}: Changed): typeof nopaxos {
  return {
    ...nopaxos,
    roles: new Map([[SEQUENCER, role]]),
    replica: (self, config, host, app) => new NoPaxosReplica(self, config, host, app, parts),
    client: (config, host) => new Client(config, host),
  };
}

function mutant(
  name: string,
  change: Changed,
  kind: Mutant["kind"],
  convictedBy: readonly string[],
  within = 1000,
): Mutant {
  return { subject: subjectOf(`nopaxos-${name}`, changed(change)), kind, convictedBy, within };
}

/** Those that scripts convict, by the name of the script. */
export const scripted: ReadonlyMap<string, readonly Subject[]> = new Map(
  Object.entries({
    "missed-gap": [
      ["commits-unconfirmed", { parts: { Syncs: CommitsUnconfirmed } }],
      ["tells-from-sync", { parts: { Syncs: TellsFromSync } }],
    ],
    "gap-after-sync": [["agrees-in-order", { parts: { Gaps: AgreesInOrder } }]],
    reopened: [["reopens", { sequencer: reopens }]],
    "stale-reply": [["counts-all-lives", { Client: CountsAllLives }]],
  } satisfies Record<string, [string, Changed][]>).map(([script, list]) => [
    script,
    list.map(([name, change]) => subjectOf(`nopaxos-${name}`, changed(change))),
  ]),
);

/** Some are seen first by a replica itself, or when nobody commits what a client accepted. */
const SPLIT = ["agreement", "throw", "client agreement", "exactly once", "convergence"];
const STUCK = ["liveness", "convergence"];

export const mutants: readonly Mutant[] = [
  mutant("sync-alone", { parts: { Syncs: SyncAlone } }, "short", SPLIT),
  mutant("gives-up", { parts: { Gaps: GivesUp } }, "short", SPLIT),
  mutant("tells-early", { parts: { Service: TellsEarly } }, "short", SPLIT),
  mutant("any-life", { parts: { Sequencers: AnyLife } }, "short", STUCK),
  mutant("keeps-all", { parts: { Multicast: KeepsAll } }, "short", ["bounded"]),
  mutant("mixes-slots", { Client: MixesSlots }, "short", SPLIT),
];
