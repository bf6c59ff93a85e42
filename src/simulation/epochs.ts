// The runs of one world, one after another. Replicas that all lost their memory at once begin
// another run, whose history has nothing of the one before.

import type { Bytes } from "../actor.ts";
import { latin1 } from "../wire.ts";
import { EPOCH_POSITIONS, Ledger, type JudgeRules } from "./judge.ts";

export class Epochs {
  /** One for each epoch. */
  readonly ledgers: Ledger[] = [];
  readonly #make: (first: number) => Ledger;
  readonly #prefix: string;
  /** The epoch in which a replica was first seen in a run, by the run's domain. */
  readonly #epochs = new Map<string, number>();

  /** `prefix` tells the epochs of one world from those of another with the same keys. */
  constructor(prefix: string, rules: JudgeRules, fail: (what: string) => void) {
    this.#prefix = prefix;
    this.#make = (first) => new Ledger(rules, fail, first, this.ledgers[0]?.issued);
    this.begin();
  }

  /** That of the present epoch. */
  get ledger(): Ledger {
    return this.ledgers[this.ledgers.length - 1] ?? this.#make(0);
  }

  /** All replicas have lost their memory. */
  begin(): void {
    this.ledgers.push(this.#make(this.ledgers.length * EPOCH_POSITIONS));
  }

  /** A replica is in the run with that domain. */
  note(run: Bytes): void {
    const key = latin1(run);
    if (!this.#epochs.has(key)) this.#epochs.set(key, this.ledgers.length - 1);
  }

  /** That of the epoch of a run, as a client knows it. */
  ledgerOf(run: Bytes | null): Ledger {
    const epoch = run === null ? undefined : this.#epochs.get(latin1(run));
    return (epoch === undefined ? undefined : this.ledgers[epoch]) ?? this.ledger;
  }

  /** What a process signs or believes is of this run; of this epoch if its protocol names none. */
  markOf(run: Bytes | null): string {
    return run === null ? `${this.#prefix} ${this.ledgers.length}` : latin1(run);
  }
}
