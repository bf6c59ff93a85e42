// Where the time of a polling thread goes, as result records carry it.

/** Shares of the thread's wall time, which add up to 1, and signatures. */
export interface Profile {
  readonly shares: {
    /** Polling the transport, apart from what it delivers. */
    readonly receive: number;
    readonly decode: number;
    /** Handing checks and signatures to the stage, hashing, and collecting results. */
    readonly check: number;
    /** The actor's handlers, the application included, less what they send. */
    readonly protocol: number;
    readonly encode: number;
    readonly send: number;
    /** Signature jobs that this thread ran itself (`help`). */
    readonly help: number;
    readonly idle: number;
    readonly other: number;
  };
  readonly seconds: number;
  /** Messages signed, root signatures made, full checks, and checks that the cache answered. */
  readonly signatures: {
    readonly signed: number;
    readonly roots: number;
    readonly verified: number;
    readonly cached: number;
  };
  /**
   * How often the stage was given a message's signatures to check, or a message to sign, and the
   * mean time until it was done, in microseconds.
   */
  readonly waits: {
    readonly checks: number;
    readonly checkUs: number;
    readonly signs: number;
    readonly signUs: number;
  };
  /** Operations executed (replica) or completed (client) over the same time. */
  readonly operations: number;
}

/** The profile of a thread as lines for people; that of a protocol without signatures has one. */
export function formatProfile(profile: Profile): string {
  const { shares, seconds, operations, signatures, waits } = profile;
  const percent = Object.entries(shares)
    .map(([section, share]) => `${section} ${(100 * share).toFixed(1)}`)
    .join(", ");
  const time = `time (% of ${seconds.toFixed(1)} s): ${percent}`;
  const { signed, roots, verified, cached } = signatures;
  if (signed + verified + cached === 0) return time;
  const each = (count: number): string => (count / operations).toFixed(3);
  return [
    time,
    `signatures an operation: ${each(signed)} messages signed by ${each(roots)} signatures ` +
      `(${waits.signUs.toFixed(0)} us each), ${each(verified + cached)} checked, ` +
      `${each(verified)} of them in full (${waits.checkUs.toFixed(0)} us a message)`,
  ].join("\n");
}
