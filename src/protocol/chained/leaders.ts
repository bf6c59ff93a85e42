// Who leads: by the configuration or, with `--leader reputation`, among those who signed what was
// committed last: Cohen et al., "Be Aware of Your Leaders" (Carousel), FC '22, arXiv 2110.00960,
// algorithm 1, with one QC in the place of a window of many.

import type { Signer } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { keyOf } from "./block.ts";
import type { Qc } from "./certificate.ts";
import type { Lineage } from "./lineage.ts";
import type { Tree } from "./log.ts";

type Config = Pick<ProtocolConfig, "f" | "leader" | "reputation">;

/** It alone asks the configuration for leaders; it reads a block and its ancestors alone. */
export class Leaders {
  readonly #config: Config;
  readonly #chain: number;
  protected readonly tree: Tree;

  /** `chain` certified blocks of consecutive views commit the first. */
  constructor(config: Config, chain: number, tree: Tree) {
    this.#config = config;
    this.#chain = chain;
    this.tree = tree;
  }

  /** Who leads a view that a TC lets into, or that no block says more of. */
  scheduled(view: number): Signer {
    return this.#config.leader(view);
  }

  /**
   * Who leads `view` on what this QC certifies; null if that is the block of the view before, which
   * tells and is not here.
   */
  of(view: number, { view: qcView, block }: Pick<Qc, "view" | "block">): Signer | null {
    if (this.#config.reputation !== true || qcView !== view - 1) return this.scheduled(view);
    const lineage = this.tree.get(keyOf(block))?.lineage;
    return lineage === undefined ? null : this.after(view, lineage);
  }

  /** Whether a replica may propose in `view` on what this QC certifies; true if none knows yet. */
  admits(replica: Signer, view: number, qc: Pick<Qc, "view" | "block">): boolean {
    const leader = this.of(view, qc);
    return leader === null || leader === replica;
  }

  /** Whether a replica may be the leader of a view, by whatever QC. */
  mayLead(replica: Signer, view: number): boolean {
    return this.#config.reputation === true || this.scheduled(view) === replica;
  }

  /**
   * Who leads `view` above the block of the view before: one of the signers of its justify that did
   * not make one of the last f blocks, if its QC commits.
   */
  protected after(view: number, lineage: Lineage): Signer {
    if (!this.isHealthy(lineage)) return this.scheduled(view);
    const candidates = this.candidates(lineage);
    return candidates[view % candidates.length] ?? this.scheduled(view);
  }

  /**
   * Where nothing commits, leaders go by the schedule: one that votes and does not propose could be
   * named after every leader that does.
   */
  protected isHealthy({ trail }: Lineage): boolean {
    const [first] = trail;
    if (first === undefined || trail.length < this.#chain) return false;
    return trail.slice(0, this.#chain).every(({ view }, i) => view === first.view - i);
  }

  protected candidates({ signers, trail }: Lineage): readonly Signer[] {
    const authors = trail.slice(0, this.#config.f).map(({ author }) => author);
    return signers.filter((signer) => !authors.includes(signer));
  }
}
