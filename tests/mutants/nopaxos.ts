// Bugs planted in NOPaxos, each of which a campaign of the kind that owes it must find. Those that
// need an order of events which random faults hardly ever have are exported on their own:
// tests/protocol/nopaxos/mutants.test.ts convicts them by scenario scripts.

import type { Address, Signer } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import { EMPTY_BATCH, type Batch } from "../../src/protocol/kit/batch.ts";
import type { Answered as AnsweredOf } from "../../src/protocol/kit/crash-start.ts";
import { Executor } from "../../src/protocol/kit/executor.ts";
import { LogFetch, type Wanted } from "../../src/protocol/kit/log-fetch.ts";
import { sequencer, SEQUENCER } from "../../src/protocol/kit/sequencer.ts";
import type {
  OpenSessionMessage,
  SequencingMessage,
} from "../../src/protocol/kit/sequencing-messages.ts";
import { NoPaxosClient } from "../../src/protocol/nopaxos/client.ts";
import { Gaps } from "../../src/protocol/nopaxos/gap.ts";
import { nopaxos, NoPaxosReplica, type Parts } from "../../src/protocol/nopaxos/index.ts";
import type { Change, Merged } from "../../src/protocol/nopaxos/merged-log.ts";
import type {
  GapMessage,
  GapOkMessage,
  Message,
  Position,
  SlotReplyMessage,
  StartViewMessage,
} from "../../src/protocol/nopaxos/message.ts";
import { Multicast } from "../../src/protocol/nopaxos/multicast.ts";
import { Sequencers } from "../../src/protocol/nopaxos/sequencers.ts";
import { SpeculativeService } from "../../src/protocol/kit/speculative-service.ts";
import { numberOf } from "../../src/protocol/nopaxos/stream.ts";
import { Start } from "../../src/protocol/nopaxos/start.ts";
import { Syncs } from "../../src/protocol/nopaxos/sync.ts";
import { ViewChanger } from "../../src/protocol/nopaxos/view-change.ts";
import { ViewTimer } from "../../src/protocol/nopaxos/view-timer.ts";
import type { ProtocolConfig } from "../../src/protocol-config.ts";
import { subjectOf, type Subject } from "../../src/simulation/subject.ts";

type Answered = AnsweredOf<Position>;

/** Replies of different views and slots add up. */
class MixesSlots extends NoPaxosClient {
  protected override matches(): boolean {
    return true;
  }
}

/** Replies of different views add up if they are of one slot. */
class MixesViews extends NoPaxosClient {
  protected override matches(a: SlotReplyMessage, b: SlotReplyMessage): boolean {
    return a.slot === b.slot;
  }
}

/** A quorum without the leader will do, with what the leader made of the request anywhere. */
class NeedsNoLeader extends NoPaxosClient {
  #number = -1;
  readonly #said: { readonly from: Address; readonly message: SlotReplyMessage }[] = [];
  override receive(from: Address, message: Message): void {
    if (message.kind !== "slotReply" || this.refuse(from, message) !== null) {
      return super.receive(from, message);
    }
    if (message.number !== this.#number) this.#said.length = 0;
    this.#number = message.number;
    this.#said.push({ from, message });
    const made = this.#said.find((one) => one.message.leader !== null)?.message.leader;
    if (made === undefined || made === null) return;
    const leader = { ...made, vector: [] };
    for (const one of [...this.#said]) super.receive(one.from, { ...one.message, leader });
  }
  protected override decides(): boolean {
    return true;
  }
}

/** What a replica said in a life that is over counts. */
class CountsAllLives extends NoPaxosClient {
  protected override isOfPresentLife(): boolean {
    return true;
  }
}

/** The leader goes on with one agreement fewer. */
class GapAlone extends Gaps {
  protected override get needed(): number {
    return super.needed - 1;
  }
}

/** What the leader has told to be empty it still takes, until others have agreed. */
class TakesInGap extends Gaps {
  #told: GapMessage | null = null;
  readonly #agreed = new Set<Signer>();
  protected override decide({ from, to }: { from: number; to: number }): void {
    const { host } = this.context;
    if (this.#told?.from !== from || this.#told.view !== this.owner.views.view) {
      this.#agreed.clear();
    }
    this.#told = { kind: "gap", view: this.owner.views.view, from, to };
    host.send("others", this.#told);
    this.watch();
  }
  override onGapOk(sender: Signer, message: GapOkMessage): void {
    const told = this.#told;
    if (told === null || !this.owner.views.leads) return;
    if (message.view !== told.view || message.from !== told.from || message.to !== told.to) return;
    this.#agreed.add(sender);
    if (this.#agreed.size < this.needed) return;
    this.#told = null;
    if (this.context.log.op + 1 === message.from) super.decide(told);
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
      return this.owner.normal.advance();
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

/** A batch wins over nothing. */
class PrefersBatches extends ViewChanger {
  protected override merged(kept: readonly Change[]): Merged {
    const merged = super.merged(kept);
    const empty = merged.empty.filter((slot) =>
      kept.every((change) => change.op < slot || change.empty.includes(slot)),
    );
    const holders = (slot: number) =>
      kept.filter((change) => change.op >= slot && !change.empty.includes(slot));
    return { ...merged, empty, holders };
  }
}

class IgnoresLastNormal extends ViewChanger {
  protected override merged(kept: readonly Change[]): Merged {
    const highest = Math.max(...kept.map(({ lastNormal }) => lastNormal));
    const stream = kept.find(({ lastNormal }) => lastNormal === highest)?.stream ?? null;
    const same = kept.map((change) => ({ ...change, lastNormal: highest, stream }));
    return super.merged(same);
  }
}

/** Its own log is right up to whatever sync point others have. */
class TrustsOwnLog extends ViewChanger {
  protected override known(...[slot, merged, empty]: Parameters<ViewChanger["known"]>) {
    return super.known(slot, { ...merged, sync: 0 }, empty);
  }
}

class EntersAgain extends ViewChanger {
  protected override mayEnter(view: number): boolean {
    return view >= this.view;
  }
}

class AnyChange extends ViewChanger {
  protected override consistent(all: readonly Change[]): Change[] {
    return [...all];
  }
}

/** The numbers of another session go on from those of the last. */
class KeepsNumber extends ViewChanger {
  override onStartView(from: Signer, message: StartViewMessage): void {
    const { stream, op } = message;
    const own = this.stream ?? stream;
    const first = own.session === stream.session ? stream.first : numberOf(own, op + 1);
    super.onStartView(from, { ...message, stream: { ...stream, first } });
  }
}

/** What a view did not begin with stays in the log. */
class KeepsTail extends LogFetch {
  override begin(wanted: Wanted): void {
    const { log } = this.context;
    const tail: Batch[] = [];
    for (let slot = wanted.target + 1; slot <= log.op; slot++) {
      const batch = log.at(slot);
      if (batch !== undefined) tail.push(batch);
    }
    const done = (above: number, batches: readonly Batch[]) =>
      wanted.done(above, [...batches, ...tail]);
    super.begin({ ...wanted, done });
  }
}

/** Its own timer never runs out while it leads. */
class LeaderWaits extends ViewTimer {
  protected override runs(): boolean {
    return !(this.owner.views as unknown as ViewChanger).leads;
  }
}

/** Goes on with the first answers. */
class OnePhase extends Start {
  protected override positionFor() {
    return this.position();
  }
  protected override askAnew(): void {
    this.considerRecovery();
  }
}

/** Goes on with what any of those knows who answered. */
class AnySource extends Start {
  protected override source(kept: readonly Answered[], view: number): Answered | undefined {
    const there = kept.filter(({ position }) => position?.view === view);
    return there.reduce((a, b) => ((b.position?.op ?? 0) < (a.position?.op ?? 0) ? b : a));
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

type SequencerHost = Parameters<typeof sequencer>[2];

function hostWith(host: SequencerHost, changes: Partial<SequencerHost>): SequencerHost {
  return {
    get now() {
      return host.now;
    },
    random: (bound) => host.random(bound),
    send: (to, message) => host.send(to, message),
    setTimer: (timer, delayMs) => host.setTimer(timer, delayMs),
    clearTimer: (timer) => host.clearTimer(timer),
    sourceOf: (address) => host.sourceOf(address),
    drop: (reason) => host.drop(reason),
    enterRun: (name) => host.enterRun(name),
    ...changes,
  };
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
  const actor = sequencer(
    index,
    config,
    hostWith(host, {
      random: (bound) => (own = host.random(bound)),
      send: (to, message) => host.send(to, said(message)),
    }),
  );
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

/** As the public one: its session is the same in all its lives, and it counts from one in each. */
function restartsOpen(): typeof sequencer {
  const latest = new WeakMap<ProtocolConfig, Map<number, OpenSessionMessage>>();
  return (index, config, host) => {
    const known = latest.get(config) ?? new Map<number, OpenSessionMessage>();
    latest.set(config, known);
    const actor = sequencer(index, config, hostWith(host, { random: () => 0 }));
    const before = known.get(index);
    if (before !== undefined) actor.receive(0, before);
    return {
      receive: (from, message) => {
        if (message.kind === "openSession") known.set(index, message);
        actor.receive(from, message);
      },
      timeout: (timer) => actor.timeout(timer),
      census: () => actor.census(),
    };
  };
}

/** What sessions did in what is undone stays done. */
class KeepsSessions extends Executor {
  protected override undoSessions(): void {}
}

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
    "mixed-views": [["mixes-views", { Client: MixesViews }]],
    leaderless: [["needs-no-leader", { Client: NeedsNoLeader }]],
    "gap-alone": [["gap-alone", { parts: { Gaps: GapAlone } }]],
    "empty-wins": [["prefers-batches", { parts: { ViewChanger: PrefersBatches } }]],
    "sync-point": [["trusts-own-log", { parts: { ViewChanger: TrustsOwnLog } }]],
    "last-normal": [["ignores-last-normal", { parts: { ViewChanger: IgnoresLastNormal } }]],
    once: [["enters-again", { parts: { ViewChanger: EntersAgain } }]],
    tail: [["keeps-tail", { parts: { LogFetch: KeepsTail } }]],
    "sequencer-lost": [["leader-waits", { parts: { ViewTimer: LeaderWaits } }]],
    "late-change": [
      ["any-change", { parts: { ViewChanger: AnyChange } }],
      ["one-phase", { parts: { Start: OnePhase } }],
    ],
    source: [["any-source", { parts: { Start: AnySource } }]],
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
  mutant("takes-in-gap", { parts: { Gaps: TakesInGap } }, "short", SPLIT),
  mutant("keeps-number", { parts: { ViewChanger: KeepsNumber } }, "short", SPLIT),
  mutant("keeps-sessions", { parts: { Executor: KeepsSessions } }, "short", SPLIT),
  mutant("restarts-open", { sequencer: restartsOpen() }, "short", SPLIT),
  mutant("mixes-slots", { Client: MixesSlots }, "short", SPLIT),
];
