// What a view begins with, which follows from the VIEW-CHANGEs of a quorum. The published rule
// (Kotla et al., SOSP '07, section 3.3) takes the commit certificate of the highest slot, whatever
// its view, and so may drop what a client was told in a later view (Abraham et al., arXiv
// 1712.01367). Here nothing counts but what was said in the highest view that any of them was
// active in (arXiv 1801.10022): that view began with all that was decided before it.

import type { Bytes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { GENESIS } from "../kit/checkpoint.ts";
import { readVersion } from "../kit/state-tree.ts";
import { DIGEST_LENGTH, digestOf } from "../kit/digest.ts";
import type { Quorums } from "../kit/quorum.ts";
import { extended, NO_HISTORY, type Point } from "./certificate.ts";
import type { Report, ShownCheckpoint, ViewChangeMessage } from "./message.ts";

export const GENESIS_SHOWN: ShownCheckpoint = { stable: GENESIS, record: new Uint8Array(0) };

/** The history that ends with a checkpoint; null if its record is not that of its digest. */
export function shownHistory({ stable, record }: ShownCheckpoint): Bytes | null {
  if (stable.slot === 0) return record.length === 0 ? NO_HISTORY : null;
  if (!equal(digestOf(record), stable.digest)) return null;
  const head = readVersion(record)?.head;
  if (head === undefined || head.length < DIGEST_LENGTH) return null;
  return head.slice(0, DIGEST_LENGTH);
}

/** The chain of a report: digests of batches after a slot, and of the histories they make. */
export class Chain {
  readonly first: number;
  readonly digests: readonly Bytes[];
  /** Those after `first`, that of `first` itself before them. */
  readonly #histories: Bytes[];

  constructor(first: number, history: Bytes, digests: readonly Bytes[]) {
    this.first = first;
    this.digests = digests;
    this.#histories = [history];
    let last = history;
    for (const digest of digests) this.#histories.push((last = extended(last, digest)));
  }

  get last(): number {
    return this.first + this.digests.length;
  }

  /** Of the history that ends at the slot, if it is known. */
  historyAt(slot: number): Bytes | undefined {
    return this.#histories[slot - this.first];
  }

  /** Of the batch in the slot. */
  digestAt(slot: number): Bytes | undefined {
    return this.digests[slot - this.first - 1];
  }

  passes(slot: number, history: Bytes): boolean {
    const own = this.historyAt(slot);
    return own !== undefined && equal(own, history);
  }
}

/** What a view begins with: a history, as the slots after a checkpoint. */
export interface Beginning {
  readonly checkpoint: ShownCheckpoint;
  /** The slots after the checkpoint, up to the end. */
  readonly chain: Chain;
  readonly slot: number;
  readonly history: Bytes;
}

/** A VIEW-CHANGE that tells of the highest view, with its chain. */
export interface Told {
  readonly report: Report;
  readonly chain: Chain;
}

/** The chain of a VIEW-CHANGE; null if its checkpoint does not show its history. */
export function chainOf(change: ViewChangeMessage): Chain | null {
  const history = shownHistory(change);
  if (history === null) return null;
  return new Chain(change.stable.slot, history, change.report?.digests ?? []);
}

/** The highest view that any of them was active in; -1: none was. */
export function highestActive(changes: readonly ViewChangeMessage[]): number {
  return Math.max(-1, ...changes.map(({ report }) => report?.entered.view ?? -1));
}

/**
 * The latest checkpoint; after it the longest of what the highest active view began with and of its
 * commit certificates; after that what at least q - f of those who were active in it have, slot by
 * slot. Null if these are not on one chain, which VIEW-CHANGEs of correct replicas never are.
 */
export function select(
  changes: readonly ViewChangeMessage[],
  { quorum, f }: Pick<Quorums, "quorum" | "f">,
): Beginning | null {
  const latest = latestCheckpoint(changes);
  if (latest === null) return null;
  const { checkpoint, history: stableHistory } = latest;
  const { slot: stable } = checkpoint.stable;
  const top = highestActive(changes);
  const told = toldOf(changes, top).filter(({ chain }) => chain.passes(stable, stableHistory));
  const points: Point[] = [];
  for (const { report } of told) {
    for (const point of [report.entered, report.certificate]) {
      if (point !== null && point.slot > stable) points.push(point);
    }
  }
  const longest = told.reduce<{ point: Point; chain: Chain } | null>((best, { report, chain }) => {
    const candidates = [report.entered, report.certificate];
    for (const point of candidates) {
      if (point === null || point.slot <= Math.max(stable, best?.point.slot ?? 0)) continue;
      best = { point, chain };
    }
    return best;
  }, null);
  let slot = stable;
  let history = stableHistory;
  const digests: Bytes[] = [];
  if (longest !== null) {
    const { point, chain } = longest;
    if (!points.every((other) => chain.passes(other.slot, other.history))) return null;
    ({ slot, history } = point);
    for (let at = stable + 1; at <= slot; at++) digests.push(chain.digestAt(at) ?? NO_HISTORY);
  }
  slot = extend(
    { slot, history, digests },
    told.map(({ chain }) => chain),
    quorum - f,
  );
  const chain = new Chain(stable, stableHistory, digests);
  return { checkpoint, chain, slot, history: chain.historyAt(slot) ?? stableHistory };
}

/** Those of the VIEW-CHANGEs that tell of this view. */
export function toldOf(changes: readonly ViewChangeMessage[], view: number): Told[] {
  const found: Told[] = [];
  for (const change of changes) {
    const chain = change.report?.entered.view === view ? chainOf(change) : null;
    if (change.report !== null && chain !== null) found.push({ report: change.report, chain });
  }
  return found;
}

/** The latest checkpoint that any of them shows. */
export function latestCheckpoint(
  changes: readonly ViewChangeMessage[],
): { readonly checkpoint: ShownCheckpoint; readonly history: Bytes } | null {
  let checkpoint = GENESIS_SHOWN;
  for (const { stable, record } of changes) {
    if (stable.slot > checkpoint.stable.slot) checkpoint = { stable, record };
  }
  const history = shownHistory(checkpoint);
  return history === null ? null : { checkpoint, history };
}

/** Goes on slot by slot with what `needed` chains have; gives the last slot. */
export function extend(
  from: { readonly slot: number; readonly history: Bytes; readonly digests: Bytes[] },
  chains: readonly Chain[],
  needed: number,
): number {
  let { slot, history } = from;
  for (;;) {
    const here = chains.filter((chain) => chain.passes(slot, history));
    const next = here.find((chain) => {
      const digest = chain.digestAt(slot + 1);
      if (digest === undefined) return false;
      const same = here.filter((other) => {
        const theirs = other.digestAt(slot + 1);
        return theirs !== undefined && equal(theirs, digest);
      });
      return same.length >= needed;
    });
    const digest = next?.digestAt(slot + 1);
    if (next === undefined || digest === undefined) return slot;
    coverageMark("zyzzyva: a view begins with what no certificate proves");
    from.digests.push(digest);
    history = extended(history, digest);
    slot++;
  }
}
