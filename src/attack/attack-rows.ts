// The attacks that `npm run attack` tries, and what each may cost.

import { corruption, earlierRun, junkInRecovery, replayedRecovery, type Drill } from "./drill.ts";
import type { Duel } from "./duel.ts";
import { FLOODS_BOUNDS, LEADERS_BOUNDS, STRANGERS_BOUNDS, type Bounds } from "./losses.ts";

export interface AttackRow {
  readonly name: string;
  /** Of the table of issue 14. */
  readonly row: string;
  readonly what: string;
  /** Whether it is tried in CI. */
  readonly ci: boolean;
  /** Only for protocols whose leaders may rotate. */
  readonly rotating?: boolean;
  /** Reads what others send on this host, for which it needs root. */
  readonly reads?: boolean;
  readonly trial: { readonly duel: Duel; readonly bounds: Bounds } | { readonly drill: Drill };
}

function stranger(
  name: string,
  row: string,
  what: string,
  more: Partial<Duel> & { readonly ci?: boolean } = {},
): AttackRow {
  const { ci = false, ...duel } = more;
  const bounds = STRANGERS_BOUNDS;
  const trial = { bounds, duel: { stranger: name, app: "null", ...duel } } as const;
  return { name, row, what, ci, trial };
}

function drill(name: string, row: string, what: string, run: Drill, ci = true): AttackRow {
  return { name, row, what, ci, trial: { drill: run } };
}

/** Twenty view timeouts. */
const LEFT_MS = 10_000;
const ROTATE = { replicaArgs: ["--leader", "rotate"], clientArgs: ["--leader", "rotate"] };

/** The first leader is Byzantine. */
function leader(
  name: string,
  row: string,
  what: string,
  trick: string,
  more: Partial<Duel> = {},
): AttackRow {
  const byzantine = { index: 0, trick, graceMs: LEFT_MS };
  const duel: Duel = { stranger: null, app: "null", byzantine, ...more };
  return { name, row, what, ci: false, trial: { bounds: LEADERS_BOUNDS, duel } };
}

/** The leader that would come next is Byzantine. */
function flooder(name: string, row: string, what: string, trick: string): AttackRow {
  const byzantine = { index: 1, trick, graceMs: 0 };
  const duel: Duel = { stranger: null, app: "null", byzantine };
  return { name, row, what, ci: false, trial: { bounds: FLOODS_BOUNDS, duel } };
}

/** Honest operations that need more than a packet. */
const LARGE = { clientArgs: ["--op-size", "3000"] };
const KV = { app: "kv" } as const;

export const ATTACK_ROWS: readonly AttackRow[] = [
  drill("earlier-run", "E1", "replays an earlier run of the cluster", earlierRun(false), false),
  drill("earlier-proofs", "E1", "replays where replicas were in an earlier run", earlierRun(true)),
  drill(
    "junk-in-recovery",
    "E2",
    "sends pieces of a state to a replica that recovers",
    junkInRecovery,
  ),
  drill(
    "replayed-recovery",
    "E7",
    "replays what replicas asked at earlier starts",
    replayedRecovery,
    false,
  ),
  drill("corruption", "E14", "flips a bit of one datagram in fifty", corruption),
  leader("slow-leader", "E13", "proposes at 0.8 of the view timeout", "slow"),
  leader("own-address", "E13", "leads, with its address for those of clients", "own-address"),
  leader("shunning-leader", "E13", "leads, and sends nothing to one replica", "shuns"),
  {
    ...leader("mute-in-turn", "E13", "is mute where leaders rotate", "mute", ROTATE),
    rotating: true,
  },
  flooder("invented-requests", "E17", "relays requests that nobody sent", "invents-requests"),
  flooder("large-relays", "E8", "relays invented requests of 2 MiB", "invents-large-requests"),
  flooder("early-proposals", "E8", "proposes 1 MiB in views to come", "early"),
  flooder("byzantine-fetches", "E3", "asks for states without end", "fetches"),
  flooder("byzantine-junk", "E2", "sends pieces of states nobody asked for", "junk"),
  stranger("cached-replies", "E3", "asks for a cached reply of 1 MiB", { ...KV, ci: true }),
  stranger("fragment-requests", "E3", "asks for the parts of a reply of 1 MiB", KV),
  stranger("fetches", "E3", "asks for batches, blocks and states"),
  stranger("large-state", "E4", "stores as much as the state may hold", KV),
  stranger("fragments", "E5", "begins large messages that never end", { ...LARGE, ci: true }),
  {
    ...stranger("spoofed-fragments", "E5", "claims the numbers of clients' messages", LARGE),
    reads: true,
  },
  stranger("guessed-sessions", "E6", "asks in sessions that do not exist", { ci: true }),
  stranger("large-requests", "E8", "sends operations of 2 MiB of guessed sessions"),
  stranger("large-operations", "E8", "sends operations of 2 MiB of 64 sessions"),
  stranger("invented-clients", "E9", "sends batches with 65,536 invented clients", { ci: true }),
  stranger("forged-signatures", "E10", "sends signatures that do not hold", { ci: true }),
  stranger("reflected-opens", "E11", "opens sessions in another host's name", { ci: true }),
  stranger("reflected-relays", "E11", "relays requests in another host's name"),
  stranger("reflected-requests", "E11", "asks in another host's name"),
  stranger("reflected-fragments", "E11", "sends last parts in another host's name", { ci: true }),
  stranger("reflected-states", "E11", "asks for states in another host's name"),
  stranger("reflected-status", "E11", "claims to be behind in another host's name"),
  stranger("reflected-replies", "E11", "asks for 1 MiB in another host's name", KV),
  stranger("large-sessions", "E12", "has 72 sessions with results of 1 MiB", KV),
  stranger("many-sessions", "E12", "opens sessions without end"),
];
