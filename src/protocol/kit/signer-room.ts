// Memory for what signers sent too early, one thing of each, which they share: a signer that sends
// much makes room for those that send less, so that Byzantine ones keep nobody else out.

import type { Signer, Sizes } from "../../actor.ts";

interface Kept<T> {
  readonly value: T;
  readonly bytes: number;
}

/** What takes no more than an equal share of `bytesMax` is kept, whatever else there is. */
export class SignerRoom<T> {
  readonly #name: string;
  readonly #n: number;
  readonly #bytesMax: number;
  readonly #bySigner = new Map<Signer, Kept<T>>();
  #bytes = 0;

  /** Of `n` signers; the census calls it `name`. */
  constructor(name: string, n: number, bytesMax: number) {
    this.#name = name;
    this.#n = n;
    this.#bytesMax = bytesMax;
  }

  get sizes(): Sizes {
    return [
      { name: this.#name, size: this.#bySigner.size, max: this.#n },
      { name: `${this.#name} bytes`, size: this.#bytes, max: this.#bytesMax },
    ];
  }
  get isEmpty(): boolean {
    return this.#bySigner.size === 0;
  }

  get(signer: Signer): T | undefined {
    return this.#bySigner.get(signer)?.value;
  }

  entries(): [Signer, T][] {
    return [...this.#bySigner].map(([signer, { value }]) => [signer, value]);
  }

  /**
   * Keeps it in the place of what is kept of its signer; the largest of other signers' things make
   * room for a smaller one. False if there is none, and all stays as it is.
   */
  keep(signer: Signer, value: T, bytes: number): boolean {
    const before = this.#bySigner.get(signer)?.bytes ?? 0;
    const larger = this.#largerThan(bytes, signer);
    const leave: Signer[] = [];
    for (let left = this.#bytes - before + bytes; left > this.#bytesMax;) {
      const largest = larger.shift();
      if (largest === undefined) return false;
      left -= largest.bytes;
      leave.push(largest.signer);
    }
    for (const other of leave) this.forget(other);
    this.forget(signer);
    this.#bySigner.set(signer, { value, bytes });
    this.#bytes += bytes;
    return true;
  }

  /** Others' things of more bytes, the largest first. */
  #largerThan(
    bytes: number,
    signer: Signer,
  ): { readonly signer: Signer; readonly bytes: number }[] {
    const others = [...this.#bySigner].map(([other, kept]) => ({ signer: other, ...kept }));
    return others
      .filter((other) => other.signer !== signer && other.bytes > bytes)
      .sort((one, other) => other.bytes - one.bytes || one.signer - other.signer);
  }

  forget(signer: Signer): void {
    const kept = this.#bySigner.get(signer);
    if (kept === undefined) return;
    this.#bySigner.delete(signer);
    this.#bytes -= kept.bytes;
  }
}
