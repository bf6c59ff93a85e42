// What a protocol tells those who try and measure it: simulation.ts and timing.ts of its folder.

/** What the simulator needs to know of a protocol; M: its messages. */
export interface SimulationHints<M> {
  /**
   * Coverage marks that campaigns of a thousand seeds of this kind and more must reach
   * (base/coverage-mark.ts).
   */
  readonly marks?: { readonly [kind in "short" | "adversary"]?: readonly string[] };
  /**
   * Whether a leader may keep many views (`tenure` of the configuration): each seed draws how many.
   */
  readonly tenures?: boolean;
  /**
   * Whether blocks may tell who leads the view after them (`reputation` of the configuration): each
   * seed draws whether they do.
   */
  readonly reputation?: boolean;
  /** Whether the message is a leader's proposal: the adversary holds it back. */
  proposes?(message: M): boolean;
  /**
   * The view that a message belongs to, for Twins: "any" is never dropped (what moves replicas to
   * the next view), null goes by the view that its sender is in. Without it, a message's field
   * `view` tells.
   */
  viewOf?(message: M): number | "any" | null;
  /**
   * For Twins, where views as `viewOf` has them may come again: what tells apart the times at which
   * one does. Without it a view has one time, from its first message on.
   */
  timeOf?(message: M): string | null;
  /**
   * For Twins: whether the message moves replicas to the next view and yet tells too much to be
   * never dropped: then it goes by its view's split, however late it is, until replicas are stuck.
   */
  moves?(message: M): boolean;
  /**
   * Whether a client may accept what no replica has committed yet (FW7): then it is judged when it
   * is committed, which it has to be before a seed ends.
   */
  readonly speculates?: boolean;
  /**
   * For Twins: the view of the highest certificate that a message shows, 0 for none. Some reach one
   * replica alone, so that it knows what the others do not.
   */
  certifies?(message: M): number;
  /** Whether it is a promise that others count on: a vote that counts for a commit. */
  promises?(message: M): boolean;
  /** Whether it is of a replica that recovers, or answers one. */
  recovers?(message: M): boolean;
}

/** Places and prices of one operation's critical path; replicas are 0..n-1, times microseconds. */
export interface Path {
  readonly n: number;
  readonly quorum: number;
  readonly weak: number;
  leader(view: number): number;
  /** From one replica's hands into another's. */
  hopUs(from: number, to: number): number;
  /** Between the client and a replica, either way. */
  clientUs(replica: number): number;
  readonly signUs: number;
  readonly checkUs: number;
  /** Checks that a process makes at the same time. */
  readonly workers: number;
}

export interface Timing {
  /** From the client's request to its result, in microseconds. */
  readonly latencyUs: number;
  /** Between two batches, as far as the protocol has one wait for another; 0 if it does not. */
  readonly batchUs: number;
}

/** A figure of one batch or view without faults, as the paper has it; n: the replicas. */
export interface PaperFigure {
  readonly label: string;
  of(n: number): number;
  /** A sentence for the caption: where counts differ for a reason. */
  readonly note?: string;
}

/** What the scaling model and the tests of real faults need to know of a protocol. */
export interface TimingHints {
  /** How long an operation takes when nothing else is under way. */
  unloaded(path: Path): Timing;
  /** Messages that replicas send each other, once for each receiver, and signatures in them. */
  readonly paper?: { readonly messages: PaperFigure; readonly signatures: PaperFigure };
  /** View timeouts until service resumes when the first leader dies; 2 if it is not given. */
  readonly resumeTimeouts?: number;
  /**
   * View timeouts until service resumes when the vote of a replica that has just recovered is
   * needed; 3 if it is not given.
   */
  readonly recoveredTimeouts?: number;
  /**
   * The share of throughput that is left when a backup is silent, at least; 0.8 if it is not given,
   * because no quorum needs that backup.
   */
  readonly shareWithoutBackup?: number;
}
