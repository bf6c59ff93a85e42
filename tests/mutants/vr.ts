// Bugs planted in Viewstamped Replication, each of which a campaign of the kind that owes it must
// find. Those that need an order of events which random faults hardly ever have are exported on
// their own: tests/protocol/vr/mutants.test.ts convicts them by scenario scripts.

import type { App, Bytes, Signer } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import type { Batch } from "../../src/protocol/kit/batch.ts";
import type { Answered as AnsweredOf } from "../../src/protocol/kit/crash-start.ts";
import { LogFetch, type Wanted } from "../../src/protocol/kit/log-fetch.ts";
import { isOpen, operationDigest } from "../../src/protocol/kit/request.ts";
import { vr, VrReplica, type Message, type Parts } from "../../src/protocol/vr/index.ts";
import type { Position, PrepareMessage, StartViewMessage } from "../../src/protocol/vr/message.ts";
import { NormalCase } from "../../src/protocol/vr/normal.ts";
import { Start } from "../../src/protocol/vr/start.ts";
import { ViewChanger, type Change } from "../../src/protocol/vr/view-change.ts";
import { subjectOf, type Subject } from "../../src/simulation/subject.ts";
import { SessionsLeftOut } from "./states.ts";

type Answered = AnsweredOf<Position>;

/** One replica fewer has to have a slot. */
class CommitsWithF extends NormalCase {
  protected override get needed(): number {
    return super.needed - 1;
  }
}

/** The primary of a view that has not begun appends what it hears to the log that it had. */
class AppendsEarly extends NormalCase {
  protected override orders(): boolean {
    const { status, primary } = this.owner.views as unknown as ViewChanger;
    return status !== "outside" && primary === this.context.self;
  }
}

class LongestLog extends ViewChanger {
  protected override latest(kept: readonly Change[]): Change {
    return kept.reduce((a, b) => (b.op > a.op ? b : a));
  }
}

/** Enters the view that it is in again. */
class EntersAgain extends ViewChanger {
  protected override mayEnter(view: number): boolean {
    return view >= this.view;
  }
}

/** As published: cuts its log to what it needs, then asks for the rest. */
class TruncatesFirst extends ViewChanger {
  override onStartView(from: Signer, message: StartViewMessage): void {
    super.onStartView(from, message);
    if (this.status !== "catchingUp") return;
    const { log } = this.context;
    const { executed } = this.owner.normal;
    const own = this.lastNormal === message.lastNormal ? Math.min(log.op, message.op) : executed;
    log.replace(Math.max(own, executed), [], this.context.host.now);
  }
}

/** Its log counts as that of the view before it is. */
class EarlyLastNormal extends ViewChanger {
  #claimed = 0;
  override get lastNormal(): number {
    return Math.max(this.#claimed, super.lastNormal);
  }
  override onStartView(from: Signer, message: StartViewMessage): void {
    super.onStartView(from, message);
    if (this.status === "catchingUp") this.#claimed = message.view;
  }
}

/** What a view did not begin with stays in the log. */
class KeepsTail extends LogFetch {
  override begin(wanted: Wanted): void {
    const { log } = this.context;
    const tail: Batch[] = [];
    for (let slot = wanted.target + 1; slot <= log.op; slot++) {
      const batch = log.at(slot);
      if (batch !== undefined && wanted.above === wanted.target) tail.push(batch);
    }
    const done = (above: number, batches: readonly Batch[]) =>
      wanted.done(above, [...batches, ...tail]);
    super.begin({ ...wanted, done });
  }
}

/** A view began, it says, with all that it has now. */
class BeginsWithNow extends ViewChanger {
  protected override startView(): StartViewMessage {
    return { ...super.startView(), op: this.context.log.op };
  }
}

/** Executes on the log that it has what is committed in that which it fetches. */
class ExecutesOldLog extends ViewChanger {
  override onStartView(from: Signer, message: StartViewMessage): void {
    super.onStartView(from, message);
    const normal = this.owner.normal as unknown as NormalCase;
    if (this.status === "catchingUp") normal.learn(message.committed);
  }
}

/** Takes a PREPARE of a view that it is on the way to for what that began with. */
class EntersByPrepare extends NormalCase {
  override onPrepare(from: Signer, message: PrepareMessage): void {
    const { view, slot, committed } = message;
    const views = this.owner.views as unknown as ViewChanger;
    if (views.status === "viewChange" && views.view === view) {
      const { lastNormal } = views;
      views.onStartView(from, { kind: "startView", view, lastNormal, op: slot - 1, committed });
    }
    super.onPrepare(from, message);
  }
}

/** Vouches for a slot without those before it. */
class VouchesBeyondHoles extends NormalCase {
  override onPrepare(from: Signer, message: PrepareMessage): void {
    super.onPrepare(from, message);
    const { view, normal, primary } = this.owner.views;
    const { slot } = message;
    if (!normal || message.view !== view || slot <= this.context.log.op) return;
    this.context.host.send(primary, { kind: "prepareOk", view, slot });
  }
}

class BeginsAtOnce extends Start {
  override start(): void {
    super.start();
    this.begin();
  }
}

class AnyChange extends ViewChanger {
  protected override consistent(all: readonly Change[]): Change[] {
    return [...all];
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

class AnyAnswer extends OnePhase {
  protected override consistent(answers: readonly Answered[]): Answered[] {
    return [...answers];
  }
}

/** Its questions are all alike. */
class SameNonce extends Start {
  protected override draw(): Bytes {
    return new Uint8Array(super.draw().length).fill(1 + this.context.self);
  }
}

/** Says where it is while it is on its way elsewhere. */
class AnswersAlways extends Start {
  protected override position() {
    const { lastNormal: view } = this.owner.views as unknown as ViewChanger;
    return { view, op: this.context.log.op, committed: this.owner.normal.executed };
  }
}

/** Goes on with what any of those knows who answered. */
class AnySource extends Start {
  protected override source(kept: readonly Answered[], view: number): Answered | undefined {
    const there = kept.filter(({ position }) => position?.view === view);
    return there.reduce((a, b) => ((b.position?.op ?? 0) > (a.position?.op ?? 0) ? b : a));
  }
}

/** Takes part in view changes while it recovers. */
class JoinsEarly extends VrReplica {
  override receive(from: Signer, message: Message): void {
    const joins = message.kind === "wish" || message.kind === "doViewChange";
    if (this.start.phase === "recovering" && joins && from < this.context.config.n) {
      if (message.kind === "wish") this.views.onWish(from, message);
      else this.views.onDoViewChange(from, message);
    } else super.receive(from, message);
  }
}

/** Replies to what it has appended. */
function repliesEarly(app: App): Partial<Parts> {
  class RepliesEarly extends NormalCase {
    protected override prepareOf(slot: number, batch: Batch): PrepareMessage {
      for (const [i, request] of batch.requests.entries()) {
        if (!isOpen(request)) this.#reply(batch.clients.at(i) ?? 0, request);
      }
      return super.prepareOf(slot, batch);
    }
    #reply(client: number, { session, tag, number, op }: Batch["requests"][number]): void {
      const result = app.execute(op);
      app.rollback(1);
      const { self: replica, host } = this.context;
      const outcome = { status: "done", result } as const;
      const named = { session, tag, number, digest: operationDigest(op) };
      const { view } = this.owner.views;
      host.send(client, { kind: "reply", replica, view, ...named, outcome });
    }
  }
  return { NormalCase: RepliesEarly };
}

class OneWish extends ViewChanger {
  protected override get wishesNeeded(): number {
    return 1;
  }
}

class WishesOnce extends ViewChanger {
  protected override repeat(): void {
    // A message that is lost stays lost.
  }
}

/** Tells once that its view has begun. */
class BeginsQuietly extends ViewChanger {
  protected override showView(to: Signer): void {
    if (!this.leads) super.showView(to);
  }
}

/** Believes in no state while it recovers. */
class TakesNoCheckpoint extends VrReplica {
  override receive(from: Signer, message: Message): void {
    if (message.kind !== "checkpoint" || this.start.running) super.receive(from, message);
  }
}

/** Keeps whatever comes before its turn. */
class KeepsAllEarly extends NormalCase {
  protected override mayWait(): boolean {
    return true;
  }
}

type Replicas = new (...given: ConstructorParameters<typeof VrReplica>) => VrReplica;

function withParts(
  parts: Partial<Parts> | ((app: App) => Partial<Parts>),
  Kind: Replicas = VrReplica,
): typeof vr {
  const of = typeof parts === "function" ? parts : () => parts;
  return {
    ...vr,
    replica: (self, config, host, app) => new Kind(self, config, host, app, of(app)),
  };
}

function mutant(
  name: string,
  protocol: typeof vr,
  kind: Mutant["kind"],
  convictedBy: readonly string[],
  within = 1000,
): Mutant {
  return { subject: subjectOf(`vr-${name}`, protocol), kind, convictedBy, within };
}

/** Those that scripts convict, by the name of the script. */
export const scripted: ReadonlyMap<string, readonly Subject[]> = new Map(
  Object.entries({
    disc17: [["published-recovery", withParts({ Start: AnyAnswer, ViewChanger: AnyChange })]],
    "late-dvc": [
      ["any-change", withParts({ ViewChanger: AnyChange })],
      ["one-phase", withParts({ Start: OnePhase })],
    ],
    truncated: [["truncates-first", withParts({ ViewChanger: TruncatesFirst })]],
    longest: [["longest-log", withParts({ ViewChanger: LongestLog })]],
    tail: [["keeps-tail", withParts({ LogFetch: KeepsTail })]],
    again: [["begins-with-now", withParts({ ViewChanger: BeginsWithNow })]],
    prepare: [["enters-by-prepare", withParts({ NormalCase: EntersByPrepare })]],
    nonce: [["same-nonce", withParts({ Start: SameNonce })]],
    answers: [["answers-always", withParts({ Start: AnswersAlways })]],
    source: [["any-source", withParts({ Start: AnySource })]],
    once: [["enters-again", withParts({ ViewChanger: EntersAgain })]],
    half: [["one-wish", withParts({ ViewChanger: OneWish })]],
  } satisfies Record<string, [string, typeof vr][]>).map(([script, list]) => [
    script,
    list.map(([name, protocol]) => subjectOf(`vr-${name}`, protocol)),
  ]),
);

/** Some are seen first by a replica itself, which has executed what its log does not have. */
const SPLIT = ["agreement", "throw", "client agreement"];
/** A forgotten `open` is an executed request that is lost. */
const FORGOTTEN = [...SPLIT, "exactly once"];

/** What is not done in time, or never by one replica. */
const STUCK = ["liveness", "convergence"];
/** Seeds within which those are found that need an order of events which few seeds have. */
const SELDOM = 5000;

export const mutants: readonly Mutant[] = [
  mutant("commits-with-f", withParts({ NormalCase: CommitsWithF }), "short", FORGOTTEN),
  mutant("appends-early", withParts({ NormalCase: AppendsEarly }), "short", FORGOTTEN),
  mutant(
    "early-last-normal",
    withParts({ ViewChanger: EarlyLastNormal }),
    "splits",
    FORGOTTEN,
    SELDOM,
  ),
  mutant("executes-old-log", withParts({ ViewChanger: ExecutesOldLog }), "splits", FORGOTTEN),
  mutant(
    "vouches-beyond-holes",
    withParts({ NormalCase: VouchesBeyondHoles }),
    "short",
    FORGOTTEN,
    SELDOM,
  ),
  mutant("votes-at-once", withParts({ Start: BeginsAtOnce }), "deep", FORGOTTEN),
  mutant("joins-early", withParts({}, JoinsEarly), "deep", FORGOTTEN),
  mutant("forgets-sessions", withParts({ Executor: SessionsLeftOut }), "deep", [
    "exactly once",
    "agreement",
    "throw",
  ]),
  mutant("replies-early", withParts(repliesEarly), "short", ["client agreement"]),
  // Where clients may accept what nobody has committed, it is to be committed all the same.
  mutant(
    "breaks-promises",
    { ...withParts(repliesEarly), simulation: { ...vr.simulation, speculates: true } },
    "short",
    ["client agreement", "convergence"],
  ),
  mutant("wishes-once", withParts({ ViewChanger: WishesOnce }), "short", STUCK),
  mutant("begins-quietly", withParts({ ViewChanger: BeginsQuietly }), "short", STUCK),
  mutant("takes-no-checkpoint", withParts({}, TakesNoCheckpoint), "deep", STUCK),
  mutant("unbounded-early", withParts({ NormalCase: KeepsAllEarly }), "short", ["bounded"]),
];
