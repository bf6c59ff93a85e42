// What replicas say of themselves: views, commits and executions never fall, everything is bounded,
// and certificates convince a stranger.

import type { Bytes, Census, HeldCertificate } from "../actor.ts";
import type { SimulatedKeys } from "./simulated-keys.ts";

type Sizes = Census["sizes"];

export class CensusCheck {
  readonly #name: string;
  readonly #fail: (what: string) => void;
  #view = 0;
  #committed = 0;
  #executed = 0;

  constructor(name: string, fail: (what: string) => void) {
    this.#name = name;
    this.#fail = fail;
  }

  check(census: Census): void {
    const { view, committed, executed } = census;
    if (view < this.#view) this.#fell("view", this.#view, view);
    if (committed < this.#committed) this.#fell("committed", this.#committed, committed);
    if (executed < this.#executed) this.#fell("executed", this.#executed, executed);
    this.#view = view;
    this.#committed = committed;
    this.#executed = executed;
    this.bounded(census.sizes);
  }

  bounded(sizes: Sizes): void {
    for (const { name, size, max } of sizes) {
      if (size > max) this.#fail(`bounded: ${this.#name}'s ${name} holds ${size}, at most ${max}`);
    }
  }

  #fell(what: string, before: number, now: number): void {
    this.#fail(`monotone: ${this.#name}'s ${what} fell from ${before} to ${now}`);
  }
}

/**
 * What is wrong with one of the certificates, or null: each must hold cold in the run with that
 * domain and have a quorum of signers. Those in `judged` are passed over, the others are added.
 */
export function checkCertificates(
  certificates: Iterable<HeldCertificate>,
  quorum: number,
  keys: SimulatedKeys,
  run: Bytes | null,
  judged: WeakSet<object>,
): string | null {
  for (const held of certificates) {
    if (judged.has(held.certificate)) continue;
    const signers = new Set<number>();
    for (const proof of held.proofs()) {
      if (!keys.holds(proof, run)) return `a bad signature of ${proof.signer}`;
      signers.add(proof.signer);
    }
    if (signers.size < quorum) return `${signers.size} distinct signers, not ${quorum}`;
    judged.add(held.certificate);
  }
  return null;
}
