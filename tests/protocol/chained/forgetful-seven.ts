// Seven replicas fed by hand, which lose their memory in an order that no seed has.

import { expect } from "bun:test";
import type { Block } from "../../../src/protocol/chained/block.ts";
import { GENESIS_QC, type Qc, type Tc } from "../../../src/protocol/chained/certificate.ts";
import { HOTSTUFF_RULES } from "../../../src/protocol/chained/hotstuff-rules.ts";
import type { Parts } from "../../../src/protocol/chained/index.ts";
import type { ChainRules } from "../../../src/protocol/chained/rules.ts";
import { qc, Solo } from "./harness.ts";

/** The QC of a block by four of the replicas and the Byzantine one. */
export const quorumOf = (certified: Block): Qc => qc(certified, [0, 1, 2, 3, 6]);

/**
 * Seven replicas, of which 6 is Byzantine and leads; of the others some lose their memory, one after
 * another.
 */
export class ForgetfulSeven {
  readonly #parts: Partial<Parts>;
  readonly #tenure: number;
  readonly #rules: ChainRules;
  readonly #solos: Solo[] = [];
  /** By replica and view, the blocks that it voted for. */
  readonly votes = new Map<string, Set<string>>();

  constructor(parts: Partial<Parts>, tenure: number, rules = HOTSTUFF_RULES) {
    this.#parts = parts;
    this.#tenure = tenure;
    this.#rules = rules;
    for (let i = 0; i < 6; i++) this.#solos.push(this.#make(i, true));
  }

  #make(self: number, started: boolean): Solo {
    const config = { n: 7, f: 2, tenure: this.#tenure, leader: () => 6, keepsSlowLeaders: true };
    return new Solo(self, config, { started, parts: this.#parts, rules: this.#rules });
  }

  #of(i: number): Solo {
    const solo = this.#solos[i];
    if (solo === undefined) throw new Error(`there is no replica ${i}`);
    return solo;
  }

  /** Proposes to some; gives who voted for it. */
  propose(proposed: Block, to: readonly number[], entered: Tc | null = null): number[] {
    const voters: number[] = [];
    for (const i of to) {
      const solo = this.#of(i);
      solo.propose(proposed, entered);
      for (const { view, digest } of solo.host.takeKind("vote")) {
        const key = `${i} in ${view}`;
        this.votes.set(key, (this.votes.get(key) ?? new Set()).add(digest.join()));
        voters.push(i);
      }
    }
    return voters;
  }

  /** The replica loses its memory, and is answered by these and the Byzantine one. */
  forget(self: number, ...by: number[]): void {
    const solo = (this.#solos[self] = this.#make(self, false));
    const nonce = solo.learns();
    for (const replica of [...by, 6]) {
      const position =
        replica === 6
          ? { highQc: GENESIS_QC, tc: null }
          : this.#of(replica).replica.pacemaker.position;
      solo.receive(replica, { kind: "answer", replica, to: self, nonce, position });
    }
  }

  /** It learns where the Byzantine one says to be, while time passes. */
  learn(self: number, highQc: Qc, entered: Tc | null = null): void {
    const solo = this.#of(self);
    solo.receive(6, { kind: "entry", highQc, tc: entered });
    solo.host.clockMs += 1000;
    solo.timeout("start");
  }

  /** Its view timer goes off: the view of the QC in its TIMEOUT; null if it sends none. */
  givesUp(self: number): number | null {
    const solo = this.#of(self);
    solo.host.takeKind("timeout");
    solo.host.clockMs += 1000;
    solo.timeout("view");
    return solo.host.takeKind("timeout").at(-1)?.highQc.view ?? null;
  }

  /** It gets these blocks, and with the QC of the last one it runs. */
  recover(self: number, blocks: readonly Block[], entered: Tc | null = null): void {
    for (const [i, next] of blocks.entries()) {
      this.propose(next, [self], i === blocks.length - 1 ? entered : null);
    }
    this.learn(self, quorumOf(blocks.at(-1)!));
    expect(this.#of(self).running).toBe(true);
  }
}
