// A play: a run of the simulated world with what somebody does to it by hand, as plain data. The
// same play is the same run everywhere, trace hash included.

import { smallestCluster } from "../protocol/index.ts";
import type { RequestAuth } from "../protocol-config.ts";
import { KINDS, type Kind, type Subject } from "./subject.ts";

/** Kinds of plays: seeds that have a world, and a cluster in which nothing happens by itself. */
export type PlayKind = "calm" | Exclude<Kind, "codec">;

export interface Play {
  readonly protocol: string;
  readonly kind: PlayKind;
  readonly seed: number;
  /** All below are of calm clusters alone: seeds draw their own. */
  readonly n: number;
  readonly clients: number;
  readonly operations: number;
  readonly thinkMs: number;
  /** From the least to the most that a packet takes. */
  readonly latencyMs: readonly [min: number, max: number];
  /** Of a hundred packets. */
  readonly lossPercent: number;
  readonly timeoutMs: number;
  readonly auth: RequestAuth;
  readonly endMs: number;
  /** In the order of their times, for plays of all kinds. */
  readonly actions: readonly PlayAction[];
}

/** What is done once everything has happened that is due by then. */
export interface PlayAction {
  readonly atUs: number;
  readonly verb: Verb;
  /** A process, or the number of a message. */
  readonly target: string;
  /** Milliseconds, a count, or names of tricks; "" for none. */
  readonly value: string;
}

interface VerbRule {
  /** Whether its target is a replica, any process but clients, a message, or there is none. */
  readonly target: "replica" | "process" | "message" | "none";
  readonly value: "ms" | "count" | "tricks" | "none";
}

export const VERBS = {
  crash: { target: "process", value: "none" },
  start: { target: "process", value: "none" },
  pause: { target: "process", value: "ms" },
  cut: { target: "process", value: "none" },
  join: { target: "process", value: "none" },
  twin: { target: "replica", value: "none" },
  byzantine: { target: "replica", value: "tricks" },
  drop: { target: "message", value: "none" },
  delay: { target: "message", value: "ms" },
  ask: { target: "none", value: "count" },
} as const satisfies { readonly [verb: string]: VerbRule };
export type Verb = keyof typeof VERBS;

export const PLAY_KINDS: readonly PlayKind[] = [
  "calm",
  ...KINDS.filter((kind) => kind !== "codec"),
];

/** Bounds of what a play of a calm cluster may have. */
export const PLAY_BOUNDS = {
  seed: [0, 2 ** 49],
  n: [1, 16],
  clients: [1, 8],
  operations: [0, 100_000],
  think: [0, 10_000],
  latency: [0.001, 10_000],
  loss: [0, 90],
  timeout: [5, 60_000],
  end: [0.001, 10_000_000],
  ms: [0.001, 1_000_000],
  count: [1, 100_000],
} as const;
export const ACTIONS_MAX = 500;

/** What a protocol's play is if nothing is said of it. */
export function usualPlay({ name, protocol }: Subject): Play {
  return {
    ...{ protocol: name, kind: "calm", seed: 0, n: smallestCluster(protocol, 1).n },
    ...{ clients: 2, operations: 20, thinkMs: 5, latencyMs: [1, 2] },
    ...{ lossPercent: 0, timeoutMs: 100, auth: "none", endMs: 2000, actions: [] },
  };
}

/** Kinds of plays of a protocol. */
export function playKinds({ kinds }: Subject): readonly PlayKind[] {
  return PLAY_KINDS.filter((kind) => kind === "calm" || kinds.includes(kind));
}

/** In their order, which is that of their times; of equal ones that in which they were added. */
export function withAction(actions: readonly PlayAction[], added: PlayAction): PlayAction[] {
  const later = actions.findIndex(({ atUs }) => atUs > added.atUs);
  return actions.toSpliced(later < 0 ? actions.length : later, 0, added);
}
