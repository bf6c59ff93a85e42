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
  /** Operations executed (replica) or completed (client) over the same time. */
  readonly operations: number;
}
