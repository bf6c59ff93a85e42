// Random numbers of the real world; the simulator has its own.

const pool = new Uint32Array(1024);
let used = pool.length;

/** A uniform integer in [0, bound), 0 < bound <= 2^48, of the system's generator. */
export function systemRandom(bound: number): number {
  if (used + 2 > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const low = pool[used++] ?? 0;
  const high = (pool[used++] ?? 0) & 0xf_ffff;
  // 52 random bits: the bias of the remainder is below 2^-4 at 2^48 and below 2^-20 at 2^32.
  return (high * 2 ** 32 + low) % bound;
}
