// Bugs planted in Zyzzyva, the published view change among them. Those of `mutants` a campaign of
// the kind that owes it must find; those of `directed` random faults hardly ever reach, or only in
// many seeds: tests/protocol/zyzzyva/mutants.test.ts shows each what convicts it.

import type { Admission, Bytes, Quorums } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import type { Batch } from "../../src/protocol/kit/batch.ts";
import { Executor } from "../../src/protocol/kit/executor.ts";
import type { Session } from "../../src/protocol/kit/sessions.ts";
import { Recovery } from "../../src/protocol/kit/recovery.ts";
import { ZyzzyvaClient } from "../../src/protocol/zyzzyva/client.ts";
import { Commits } from "../../src/protocol/zyzzyva/commits.ts";
import { Hates } from "../../src/protocol/zyzzyva/hates.ts";
import { zyzzyva, ZyzzyvaReplica, type Parts } from "../../src/protocol/zyzzyva/index.ts";
import type {
  CommitMessage,
  LocalCommitMessage,
  SpecReplyMessage,
  ViewChangeBody,
  ViewChangeMessage,
} from "../../src/protocol/zyzzyva/message.ts";
import { StateSync } from "../../src/protocol/kit/state-sync.ts";
import { NormalCase } from "../../src/protocol/zyzzyva/normal.ts";
import {
  Chain,
  chainOf,
  extend,
  highestActive,
  latestCheckpoint,
  select,
  type Beginning,
} from "../../src/protocol/zyzzyva/selection.ts";
import { Reports } from "../../src/protocol/zyzzyva/reports.ts";
import { Start } from "../../src/protocol/zyzzyva/start.ts";
import type { Place } from "../../src/protocol/zyzzyva/service.ts";
import { ViewChanger } from "../../src/protocol/zyzzyva/view-change.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
import { equal } from "../../src/wire.ts";

/**
 * The rule as published (SOSP '07, section 3.3): the commit certificate of the highest slot,
 * whatever its view, then what f + 1 report.
 */
export function published(
  changes: readonly ViewChangeMessage[],
  { weak }: Pick<Quorums, "weak">,
): Beginning | null {
  const latest = latestCheckpoint(changes);
  if (latest === null) return null;
  const { checkpoint, history: base } = latest;
  const { slot: stable } = checkpoint.stable;
  let [slot, history] = [stable, base];
  let digests: Bytes[] = [];
  const chains: Chain[] = [];
  for (const change of changes) {
    const chain = chainOf(change);
    if (chain === null || !chain.passes(stable, base)) continue;
    chains.push(chain);
    const point = change.report?.certificate;
    if (point == null || point.slot <= slot) continue;
    ({ slot, history } = point);
    digests = [];
    for (let at = stable + 1; at <= slot; at++) digests.push(chain.digestAt(at) ?? history);
  }
  slot = extend({ slot, history, digests }, chains, weak);
  const chain = new Chain(stable, base, digests);
  return { checkpoint, chain, slot, history: chain.historyAt(slot) ?? base };
}

/** Reports the longest certificate that it ever had, with the history that this proves. */
class KeepsCertificates extends Reports {
  #longest: ViewChangeBody | null = null;

  override body(): ViewChangeBody {
    const body = super.body();
    const slot = body.report?.certificate?.slot ?? 0;
    const known = this.#longest?.report?.certificate?.slot ?? 0;
    if (slot > known) this.#longest = body;
    const longest = this.#longest;
    return longest?.stable.slot === body.stable.slot ? longest : body;
  }
}

class Published extends ViewChanger {
  protected override select(changes: readonly ViewChangeMessage[]): Beginning | null {
    return published(changes, this.context.quorums);
  }
}

/** One report suffices beyond certificates. */
class OneReport extends ViewChanger {
  protected override select(changes: readonly ViewChangeMessage[]): Beginning | null {
    const { f } = this.context.quorums;
    return select(changes, { quorum: f + 1, f });
  }
}

/** Certificates count, of whatever view they are. */
class AnyView extends ViewChanger {
  protected override select(changes: readonly ViewChangeMessage[]): Beginning | null {
    const top = highestActive(changes);
    const lifted = changes.map((change) => {
      const { report, stable } = change;
      if (report === null || report.certificate === null || report.entered.view === top) {
        return change;
      }
      const digests = report.digests.slice(0, Math.max(0, report.certificate.slot - stable.slot));
      const entered = { ...report.entered, view: top };
      return { ...change, report: { ...report, digests, entered } };
    });
    return select(lifted, this.context.quorums) ?? select(changes, this.context.quorums);
  }
}

/** Only reports count, not certificates. */
class NoCertificates extends ViewChanger {
  protected override select(changes: readonly ViewChangeMessage[]): Beginning | null {
    const bare = changes.map((change) =>
      change.report === null
        ? change
        : { ...change, report: { ...change.report, certificate: null } },
    );
    return select(bare, this.context.quorums);
  }
}

/** A view begins with what its primary says, confirmed or not. */
class Unconfirmed extends ViewChanger {
  protected override entersAlone(): boolean {
    return true;
  }
}
class ProvesAnything extends Reports {
  override proves(): boolean {
    return true;
  }
}

/** LOCAL-COMMITs of different views are added up. */
class AddsUpViews extends Commits {
  protected override matching({ slot, history }: LocalCommitMessage): LocalCommitMessage[] {
    const found: LocalCommitMessage[] = [];
    for (let i = 0; i < this.context.config.n; i++) {
      const vote = this.localCommits
        .of(i)
        .find((one) => one.slot === slot && equal(one.history, history));
      if (vote !== undefined) found.push(vote);
    }
    return found;
  }
}

/** Commits with a certificate, as the paper's replicas do. */
class CommitsAlone extends Commits {
  protected override onOwnWord(slot: number): void {
    this.owner.normal.commit(slot);
  }
}

/** Tells of a checkpoint with a certificate, before its slot is committed. */
class TellsEarly extends Commits {
  protected override onOwnWord(slot: number): void {
    const { sync } = this.owner as unknown as ZyzzyvaReplica;
    if (slot % this.context.config.checkpointInterval === 0) sync.onCommitted(slot);
  }
}

/** Speaks for a certificate of an earlier view. */
class AnyViewCommits extends Commits {
  protected override isOfView({ view }: { readonly view: number }): boolean {
    return view <= this.owner.views.view;
  }
}

/** What nobody certifies is committed at checkpoints only. */
class NeverAsks extends Commits {
  override request(): void {}
}

class KeepsSessions extends Executor {
  protected override undoSessions(): void {}
}

/** Executes what does not go on from its own history. */
class AnyHistory extends NormalCase {
  protected override follows(): boolean {
    return true;
  }
}

/** Executes a batch though those before it are missing. */
class AcceptsGaps extends AnyHistory {
  protected override isNext(slot: number): boolean {
    return slot > this.context.log.last;
  }
}

/** Keeps the state after a slot that is undone, and tells of it when that slot is there again. */
class KeepsVersions extends StateSync {
  override onRolledBack(): void {}
}

/** Tells a client again in which view its request was executed first. */
class OldReplies extends NormalCase {
  readonly #first = new Map<string, Place>();
  override placeOf(session: Session): Place | null {
    const place = super.placeOf(session);
    if (place === null) return null;
    const key = `${session.id} ${place.slot}`;
    const first = this.#first.get(key) ?? place;
    this.#first.set(key, first);
    return first;
  }
}

class OneHate extends Hates {
  protected override get needed(): number {
    return 1;
  }
}

class ByAQuorum extends ZyzzyvaClient {
  protected override get needed(): number {
    return this.quorums.quorum;
  }
}

class AnyOutcome extends ZyzzyvaClient {
  protected override isOf(): boolean {
    return true;
  }
}

class IgnoresHistories extends ZyzzyvaClient {
  protected override agree(a: SpecReplyMessage, b: SpecReplyMessage): boolean {
    return a.view === b.view && equal(a.outcomeDigest, b.outcomeDigest);
  }
}

class MixesViews extends ZyzzyvaClient {
  protected override get needed(): number {
    return this.quorums.quorum;
  }
  protected override agree(a: SpecReplyMessage, b: SpecReplyMessage): boolean {
    return equal(a.outcomeDigest, b.outcomeDigest);
  }
}

class Careless<P> extends Recovery<P> {
  override takeWork(): boolean {
    return false;
  }
}

/** Speaks as soon as it knows where the others are. */
class SpeaksAtOnce extends Start {
  protected override resumeAt() {
    return { view: -1, slot: 0 };
  }
}

class SpeaksInViewC extends Start {
  protected override resumeAt(view: number, stable: number) {
    return { ...super.resumeAt(view, stable), view: view - 1 };
  }
}

class SpeaksAtStable extends Start {
  protected override resumeAt(view: number, stable: number) {
    return { ...super.resumeAt(view, stable), slot: stable };
  }
}

/** Of the two orders of a proof checks the first one's signature. */
function oneSeal(): typeof zyzzyva {
  const { codec } = zyzzyva;
  const proofs: typeof codec.proofs = (message, signs) => {
    const all = codec.proofs(message, signs);
    return message.kind === "pom" ? all.slice(0, 1) : all;
  };
  return { ...zyzzyva, codec: { ...codec, proofs } };
}

function withParts(parts: Partial<Parts>): typeof zyzzyva {
  return {
    ...zyzzyva,
    replica: (self, config, host, app) => new ZyzzyvaReplica(self, config, host, app, parts),
  };
}

function withClient(Client: typeof ZyzzyvaClient): typeof zyzzyva {
  return { ...zyzzyva, client: (config, host) => new Client(config, host) };
}

function mutant(
  name: string,
  protocol: typeof zyzzyva,
  kind: Mutant["kind"],
  convictedBy: readonly string[],
  within = 1000,
): Mutant {
  return { subject: subjectOf(`zyzzyva-${name}`, protocol), kind, convictedBy, within };
}

/** Takes a proof of misbehaviour for one whose orders are the same. */
class AnyProof extends Hates {
  override refusePom() {
    return null;
  }
}

/** Counts signers of a certificate as often as it names them. */
class CountsTwice extends Commits {
  override refuseCommit(message: CommitMessage): Admission {
    const refusal = super.refuseCommit(message);
    return refusal === "not admitted: commit certificate without a quorum" ? null : refusal;
  }
}

/** Believes a certificate that goes on from what is known, which nobody has checked. */
class BelievesMore extends Commits {
  protected override isCovered({ slot, history }: CommitMessage): boolean {
    return this.context.log.passes(slot, history);
  }
}

/** What is reported is known by its digests alone. */
class DropsBatches extends Reports {
  override get batches(): readonly Batch[] {
    return [];
  }
}

/** Reports what it has adopted for a view that never began. */
class ReportsAdopted extends Reports {
  override body(): ViewChangeBody {
    const { log } = this.context;
    const body = super.body();
    if (body.report === null) return body;
    const digests = log.after(body.stable.slot).map(({ digest }) => digest);
    return { ...body, report: { ...body.report, digests } };
  }
}

/** Those that traces by hand convict, by their names. */
export const directed = {
  "one-report": { ViewChanger: OneReport },
  "no-certificates": { ViewChanger: NoCertificates },
  unconfirmed: { ViewChanger: Unconfirmed, Reports: ProvesAnything },
  "adds-up-views": { Commits: AddsUpViews },
  "commits-alone": { Commits: CommitsAlone },
  "tells-early": { Commits: TellsEarly },
  "earlier-certificates": { Commits: AnyViewCommits },
  "counts-twice": { Commits: CountsTwice },
  "believes-more": { Commits: BelievesMore },
  "old-replies": { NormalCase: OldReplies },
  "one-hate": { Hates: OneHate },
  "any-proof": { Hates: AnyProof },
  "drops-batches": { Reports: DropsBatches },
  "reports-adopted": { Reports: ReportsAdopted },
  "speaks-at-once": { Start: SpeaksAtOnce, Recovery: Careless },
  "speaks-in-view-c": { Start: SpeaksInViewC },
  "speaks-at-stable": { Start: SpeaksAtStable },
} satisfies Record<string, Partial<Parts>>;

/** Clients whose bugs traces by hand convict. */
export const directedClients = {
  "by-a-quorum": ByAQuorum,
  "ignores-histories": IgnoresHistories,
  "mixes-views": MixesViews,
  "any-outcome": AnyOutcome,
} satisfies Record<string, typeof ZyzzyvaClient>;

/** One whose codec is wrong, which a trace by hand convicts too. */
export const directedCodec = oneSeal();

/** Some are seen first by a replica itself: what it committed is not what a quorum did. */
const SPLIT = ["agreement", "client agreement", "certificates", "throw"];

export const mutants: readonly Mutant[] = [
  mutant(
    "published",
    withParts({ ViewChanger: Published, Reports: KeepsCertificates }),
    "twins",
    SPLIT,
    5000,
  ),
  mutant(
    "any-view",
    withParts({ ViewChanger: AnyView, Reports: KeepsCertificates }),
    "twins",
    SPLIT,
    5000,
  ),
  mutant("never-asks", withParts({ Commits: NeverAsks }), "short", ["convergence", "liveness"]),
  mutant("keeps-sessions", withParts({ Executor: KeepsSessions }), "adversary", [
    ...SPLIT,
    "exactly once",
    "liveness",
  ]),
  mutant("keeps-versions", withParts({ StateSync: KeepsVersions }), "adversary", [
    ...SPLIT,
    "bounded",
  ]),
  mutant("accepts-gaps", withParts({ NormalCase: AcceptsGaps }), "short", SPLIT),
  mutant("any-history", withParts({ NormalCase: AnyHistory }), "adversary", SPLIT),
  // What it believes may be said to be of a position that nobody comes to.
  mutant("any-outcome", withClient(AnyOutcome), "adversary", [...SPLIT, "convergence"]),
];
