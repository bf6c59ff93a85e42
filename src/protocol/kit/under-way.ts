// How many bytes of batches a leader may have under way: as many as the network holds, and not
// many more, because what is beyond that waits in queues, where votes wait behind it, until clients
// ask again. The network is told by how long batches take (Brakmo and Peterson, "TCP Vegas", JSAC
// '95): where they take several times as long as the quickest of late, they wait for each other.

const MIB = 1024 * 1024;
/** Enough for a lab's network, and where few bytes make no difference. */
export const UNDER_WAY_LEAST = MIB;
/** What becomes of it with a batch that was quick, and with one that was slow. */
const GROWING = 17 / 16;
const SHRINKING = 7 / 8;
/** Slow is what takes so many times as long as the quickest of late. */
const SLOW = 2;
/**
 * After so many batches it begins anew with the least, because only where nothing waits is it seen
 * how quick batches are (as BBR probes; Cardwell et al., CACM '17).
 */
const PERIOD = 512;

export class UnderWay {
  readonly #leastBytes: number;
  readonly #mostBytes: number;
  #bytes: number;
  #quickestMs = Infinity;
  #quickestBeforeMs = Infinity;
  #batches = 0;

  constructor(mostBytes: number) {
    this.#leastBytes = Math.min(UNDER_WAY_LEAST, mostBytes);
    this.#mostBytes = mostBytes;
    this.#bytes = this.#leastBytes;
  }

  /** With so many under way nothing more is proposed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A batch was executed so long after it was proposed; at once where others committed it. */
  executed(ms: number): void {
    if (ms <= 0) return;
    if (++this.#batches % PERIOD === 0) {
      this.#quickestBeforeMs = this.#quickestMs;
      this.#quickestMs = Infinity;
      this.#bytes = this.#leastBytes;
    }
    this.#quickestMs = Math.min(this.#quickestMs, ms);
    const quickMs = Math.min(this.#quickestMs, this.#quickestBeforeMs);
    const bytes = this.#bytes * (ms > SLOW * quickMs ? SHRINKING : GROWING);
    this.#bytes = Math.max(this.#leastBytes, Math.min(bytes, this.#mostBytes));
  }
}
