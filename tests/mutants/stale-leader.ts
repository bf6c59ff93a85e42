// No bug but a Byzantine leader, for Twins: the identity that has the twins keeps QCs to itself and
// proposes, after a timeout, on any that it knows. Leaders that take the highest QC of their
// TIMEOUTs never conflict with a lock, so that without this one nobody would miss the rules for
// locks and commits.

import type { Refusal } from "../../src/actor.ts";
import { keyOf } from "../../src/protocol/chained/block.ts";
import type { VoteMessage } from "../../src/protocol/chained/message.ts";
import { NormalCase } from "../../src/protocol/chained/normal.ts";
import { equal } from "../../src/wire.ts";
import { GENESIS_QC, qcOf, type Qc, type Tc } from "../../src/protocol/chained/certificate.ts";

/** Views for which it keeps votes. */
const VOTES_VIEWS = 4;

export class StaleLeader extends NormalCase {
  readonly #known: Qc[] = [GENESIS_QC];
  readonly #hoarded = new Set<number>();
  #decided = 0;
  #votes: VoteMessage[] = [];
  /** Whether it follows a plan, or dice. */
  readonly #plans = this.context.host.random(2) === 0;
  /** The plan: two conflicting blocks above the same parent, the QCs of which it has both. */
  #first: Qc | null = null;
  #second: Qc | null = null;
  #fork = 0;
  #revived = false;

  protected override justify(): Qc {
    if (this.context.self !== 0 || this.owner.pacemaker.tc === null) return this.highQc;
    const planned = this.#plans ? this.#planned() : null;
    if (planned !== null) return planned;
    const usable = this.#known.filter((qc) => this.#usable(qc));
    return usable[this.context.host.random(usable.length)] ?? this.highQc;
  }

  /** Nobody asks it for the QCs of its TC, which only some rules depend on. */
  protected override backs(): boolean {
    return true;
  }

  override proven(certificate: Qc | Tc): boolean {
    const proven = super.proven(certificate);
    if (this.context.self === 0 && proven && "block" in certificate) this.#learn(certificate);
    return proven;
  }

  /** Makes use of votes for both of two blocks of a view. */
  override refuseVote(vote: VoteMessage): Refusal | null {
    if (this.context.self !== 0) return super.refuseVote(vote);
    const recent = vote.view + VOTES_VIEWS > this.owner.pacemaker.view;
    return recent ? null : "not admitted: vote of an early view";
  }

  /** Keeps some of the QCs that it makes to itself. */
  protected override matching(vote: VoteMessage): VoteMessage[] {
    if (this.context.self !== 0) return super.matching(vote);
    const recent = this.#votes.filter(({ view }) => view + VOTES_VIEWS > this.owner.pacemaker.view);
    this.#votes = [...recent, vote];
    const bySigner = new Map<number, VoteMessage>();
    for (const other of this.#votes) {
      if (other.view !== vote.view || !equal(other.digest, vote.digest)) continue;
      bySigner.set(other.replica, other);
    }
    const matching = [...bySigner.values()];
    const { quorum } = this.context.quorums;
    if (matching.length < quorum) return matching;
    const qc = qcOf(matching, quorum);
    this.#learn(qc);
    if (this.#decided < qc.view && this.#hoards(qc)) this.#hoarded.add(qc.view);
    this.#decided = Math.max(this.#decided, qc.view);
    return this.#hoarded.has(qc.view) ? [] : matching;
  }

  #hoards(qc: Qc): boolean {
    if (!this.#plans) return this.context.host.random(2) === 0;
    if (this.#first === null || !this.#usable(this.#first)) {
      this.#first = qc;
      this.#second = null;
      this.#fork = 0;
      this.#revived = false;
      return true;
    }
    if (this.#second !== null || qc.view !== this.#fork) return false;
    this.#second = qc;
    return true;
  }

  /** Forks below the first QC, then goes on with the first block, at last with the fork. */
  #planned(): Qc | null {
    const first = this.#first;
    if (first === null || !this.#usable(first)) return null;
    if (this.#second === null) {
      const below = this.context.tree.get(keyOf(first.block))?.block?.justify;
      if (below === undefined || !this.#usable(below)) return null;
      this.#fork = this.owner.pacemaker.view;
      return below;
    }
    if (!this.#revived) {
      this.#revived = true;
      return first;
    }
    return this.#usable(this.#second) ? this.#second : null;
  }

  #usable({ block }: Qc): boolean {
    const node = this.context.tree.get(keyOf(block));
    return node !== undefined && node.height >= this.context.tree.root.height;
  }

  #learn(qc: Qc): void {
    const known = this.#known.some(({ block }) => equal(block, qc.block));
    if (!known) this.#known.push(qc);
  }
}
