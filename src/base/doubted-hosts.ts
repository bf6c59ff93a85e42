// Hosts that sent what did not hold, and for how long that counts against them.

/** Hosts that are remembered; the one that is doubted longest is forgotten first. */
const DOUBTED_HOSTS_MAX = 1024;

export class DoubtedHosts {
  /** By host, how often it must be forgiven. */
  readonly #doubts = new Map<number, number>();
  readonly #times: number;

  /** A host is doubted until it was forgiven so many times. */
  constructor(times: number) {
    this.#times = times;
  }

  get size(): number {
    return this.#doubts.size;
  }

  has(source: number): boolean {
    return this.#doubts.has(source);
  }

  /** From now on, as often as if it had not been forgiven yet. */
  doubt(source: number): void {
    this.#doubts.delete(source);
    this.#doubts.set(source, this.#times);
    if (this.#doubts.size <= DOUBTED_HOSTS_MAX) return;
    for (const oldest of this.#doubts.keys()) {
      this.#doubts.delete(oldest);
      return;
    }
  }

  /** Once. */
  forgive(source: number): void {
    const doubts = this.#doubts.get(source) ?? 0;
    if (doubts > 1) this.#doubts.set(source, doubts - 1);
    else this.#doubts.delete(source);
  }
}
