// Bugs planted in leaders by reputation. Few of them are seen from outside, because leaders by the
// schedule make up for those that not all agree on: tests/protocol/chained/reputation.test.ts
// convicts them.

import type { Signer } from "../../src/actor.ts";
import { keyOf } from "../../src/protocol/chained/block.ts";
import { Leaders } from "../../src/protocol/chained/leaders.ts";
import type { Qc } from "../../src/protocol/chained/certificate.ts";
import { GENESIS_LINEAGE, type Lineage } from "../../src/protocol/chained/lineage.ts";
import type { Installed } from "../../src/protocol/chained/log.ts";
import { NormalCase } from "../../src/protocol/chained/normal.ts";

/** J22: names leaders after any QC, whether it commits or not. */
export class AfterAnyQc extends Leaders {
  protected override isHealthy({ trail }: Lineage): boolean {
    return trail.length > 0;
  }
}

/** J17: who made the last blocks stays a candidate. */
export class AuthorsStay extends Leaders {
  protected override candidates({ signers }: Lineage): readonly Signer[] {
    return signers;
  }
}

/** J19: takes proposals of whoever signed, not of the one that is named. */
export class AnyCandidate extends Leaders {
  override admits(replica: Signer, view: number, qc: Pick<Qc, "view" | "block">): boolean {
    const lineage = this.tree.get(keyOf(qc.block))?.lineage;
    return super.admits(replica, view, qc) || lineage?.signers.includes(replica) === true;
  }
}

/** J19: names leaders by what this replica has committed. */
export class ByOwnCommits extends Leaders {
  protected override after(view: number): Signer {
    return super.after(view, this.tree.root.lineage);
  }
}

/** J21: a state that is installed does not tell who leads above it. */
export class NoLineageInStates extends NormalCase {
  override onInstalled(block: Installed): void {
    super.onInstalled({ ...block, lineage: GENESIS_LINEAGE });
  }
}
