// What VIEW-CHANGEs report: the last view that a replica was active in, as it left it.

import type { Bytes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import type { Batch } from "../kit/batch.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import { hasSigners } from "../kit/quorum.ts";
import { FIRST_VIEW, type CommitCertificate, type ViewCertificate } from "./certificate.ts";
import type { ZyzzyvaContext } from "./context.ts";
import type { Report, ShownCheckpoint, ViewChangeBody, ViewChangeMessage } from "./message.ts";
import { Chain, chainOf, GENESIS_SHOWN, shownHistory } from "./selection.ts";

/** What reports ask of their replica. */
export interface ReportsOwner {
  readonly commits: { readonly certificate: CommitCertificate | null };
  readonly sync: {
    readonly checkpoints: {
      readonly reached: StableCheckpoint;
      readonly installed: StableCheckpoint;
      proven(checkpoint: StableCheckpoint): boolean;
      own(slot: number): { readonly record: Bytes } | undefined;
    };
  };
}

/** What a replica knew when it left the last view that it was active in. */
interface Frozen {
  readonly checkpoint: ShownCheckpoint;
  readonly report: Report | null;
  readonly batches: readonly Batch[];
}

/** It alone says what this replica reports, and which reports of others count. */
export class Reports {
  protected readonly context: ZyzzyvaContext;
  protected readonly owner: ReportsOwner;
  #frozen: Frozen | null = null;

  constructor(context: ZyzzyvaContext, owner: ReportsOwner) {
    this.context = context;
    this.owner = owner;
  }

  /** Batches of what is reported. */
  get batches(): readonly Batch[] {
    return this.#frozen?.batches ?? [];
  }

  /** Another view is active. */
  forget(): void {
    this.#frozen = null;
  }

  /**
   * What is known of the active view when it is left is told until another one is active, whatever
   * is adopted in between; its batches are kept as long, because few may have them.
   */
  freeze(entered: ViewCertificate): void {
    const { log } = this.context;
    const entries = log.after(log.low);
    const digests = entries.map(({ digest }) => digest);
    const { certificate } = this.owner.commits;
    // A state that came from others may be of another history: then what was known before that is
    // in it, or was never decided, and nobody would believe the report.
    const chains = [entered, certificate].every(
      (point) => point === null || point.slot <= log.low || log.passes(point.slot, point.history),
    );
    if (!chains) coverageMark("zyzzyva: a report is emptied");
    this.#frozen = {
      checkpoint: this.#shown(),
      report: chains ? { entered, certificate, digests } : null,
      batches: entries.map(({ batch }) => batch),
    };
  }

  /**
   * The stable checkpoint that the log begins with, with what shows its history: one that is later
   * than that which was reached if its state came from others, and a later one was stable by then.
   */
  #shown(): ShownCheckpoint {
    const { checkpoints } = this.owner.sync;
    const { reached, installed } = checkpoints;
    const stable = installed.slot > reached.slot ? installed : reached;
    if (stable.slot === 0) return GENESIS_SHOWN;
    const own = checkpoints.own(stable.slot);
    assert(own !== undefined, "the state of the stable checkpoint is kept");
    return { stable, record: own.record };
  }

  /** What this replica reports: what it froze, behind the stable checkpoint that it has now. */
  body(): ViewChangeBody {
    const checkpoint = this.#shown();
    const frozen = this.#frozen;
    if (frozen?.report == null) return { ...checkpoint, report: null };
    const { slot } = checkpoint.stable;
    const first = frozen.checkpoint.stable.slot;
    if (slot === first) return { ...checkpoint, report: frozen.report };
    const history = shownHistory(checkpoint);
    const before = shownHistory(frozen.checkpoint);
    assert(history !== null && before !== null, "own checkpoints show their histories");
    const chain = new Chain(first, before, frozen.report.digests);
    if (slot <= chain.last && !chain.passes(slot, history)) {
      coverageMark("zyzzyva: a report is emptied");
      return { ...checkpoint, report: null };
    }
    coverageMark("zyzzyva: a report is trimmed");
    const digests = frozen.report.digests.slice(slot - first);
    return { ...checkpoint, report: { ...frozen.report, digests } };
  }

  /** Whether what it reports is one chain with its certificates. */
  isValid(message: ViewChangeMessage): boolean {
    const { view, stable, report } = message;
    const { log, quorums } = this.context;
    if (!this.owner.sync.checkpoints.proven(stable)) return false;
    const chain = chainOf(message);
    if (chain === null) return false;
    if (report === null) return true;
    const { entered, certificate, digests } = report;
    if (entered.view >= view || digests.length > log.size) return false;
    if (!this.proves(entered)) return false;
    if (entered.slot > stable.slot && !chain.passes(entered.slot, entered.history)) return false;
    if (certificate === null) return true;
    const isCertified = hasSigners(certificate.votes, quorums.quorum);
    if (!isCertified || certificate.view !== entered.view) return false;
    return certificate.slot <= stable.slot || chain.passes(certificate.slot, certificate.history);
  }

  /** Whether a quorum confirmed what the view began with. */
  proves({ view, slot, history, confirms }: ViewCertificate): boolean {
    if (view > 0) return hasSigners(confirms, this.context.quorums.quorum);
    return slot === 0 && confirms.signers.length === 0 && equal(history, FIRST_VIEW.history);
  }
}
