// What the live page of a cluster is told, and what it asks for: plain data, made by the server
// here and read in the browser. Times are milliseconds since the cluster was watched.

/** "down": its process ended; "stopped": it stands still, as of SIGSTOP. */
export type ReplicaState = "up" | "stopped" | "down" | "restarting";

export interface LiveReplica {
  readonly state: ReplicaState;
  /** The rest is what its process published last; null before it did. */
  readonly census: {
    readonly view: number;
    /** Who leads that view, and whether it does so itself, in the highest one. */
    readonly leader: number;
    readonly leads: boolean;
    readonly committed: number;
    readonly executed: number;
    readonly phase: string;
    /** Whether it runs because it recovered. */
    readonly recovered: boolean;
    readonly residentBytes: number;
    /** Of one processor, 0 to 1 and more with threads. */
    readonly cpuShare: number;
    /** In milliseconds, so far. */
    readonly cpuMs: number;
    readonly dropped: readonly (readonly [reason: string, count: number])[];
  } | null;
}

/** What clients saw in a part of a second. */
export interface LiveSample {
  readonly atMs: number;
  /** Operations a second. */
  readonly throughput: number;
  /** In microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Something that was done to the cluster, or that followed. */
export interface LiveEvent {
  readonly atMs: number;
  readonly what: "done" | "followed";
  readonly text: string;
}

/** Loss as a share of 1, and delay, of all frames in the fabric. */
export interface LiveNetwork {
  readonly drop: number;
  readonly delayUs: number;
}

export interface LiveState {
  readonly mode: string;
  readonly f: number;
  readonly nowMs: number;
  readonly replicas: readonly LiveReplica[];
  /** Operations that completed so far. */
  readonly completed: number;
  readonly inFlight: number;
  /** Whether it is only watched: nothing can be done to it. */
  readonly readOnly: boolean;
  /** Null: there is no fabric that could lose or delay. */
  readonly network: LiveNetwork | null;
  readonly events: readonly LiveEvent[];
}

/** What goes to the page at a time: the samples that it does not have yet. */
export interface LiveUpdate {
  readonly state: LiveState;
  readonly samples: readonly LiveSample[];
}

export const REPLICA_ACTIONS = ["kill", "stop", "continue", "restart"] as const;

export type LiveAction =
  | { readonly action: (typeof REPLICA_ACTIONS)[number]; readonly replica: number }
  | { readonly action: "network"; readonly network: LiveNetwork };
