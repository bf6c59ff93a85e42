import type { Protocol } from "../../actor.ts";
import type { TimingHints } from "../../protocol-hints.ts";
import { leaderClient } from "../kit/first-target.ts";
import { byzantineQuorums } from "../kit/quorum.ts";
import type { Timer } from "./context.ts";
import { codec, type Message } from "./message.ts";
import { options } from "./options.ts";
import { ChainedReplica } from "./replica.ts";
import type { ChainRules } from "./rules.ts";
import { HOTSTUFF_RULES } from "./hotstuff-rules.ts";
import { HOTSTUFF2_RULES } from "./hotstuff2-rules.ts";
import { JOLTEON_RULES } from "./jolteon-rules.ts";
import { STREAMLET_RULES } from "./streamlet-rules.ts";
import { simulationOf } from "./simulation.ts";
import { timingOf } from "./timing.ts";

export type { Timer } from "./context.ts";
export type { Message } from "./message.ts";
export { ChainedReplica, type Parts } from "./replica.ts";

/**
 * The chained replica with these rules: a pacemaker of timeout certificates, checkpoints and
 * recovery come with it.
 */
export function chained(
  rules: ChainRules,
  timing: TimingHints,
): Protocol<Message, Timer | "retry"> {
  return {
    codec,
    signed: true,
    faults: "byzantine",
    quorums: byzantineQuorums,
    options,
    simulation: simulationOf(rules),
    timing,
    replica: (self, config, host, app) => new ChainedReplica(self, config, host, app, { rules }),
    client: (config, host) => leaderClient(config, host),
  };
}

/** Chained HotStuff: three certified blocks in a row commit the first of them. */
export const hotstuff = chained(HOTSTUFF_RULES, timingOf({ chain: 3 }, "HotStuff", "PODC '19"));

/** HotStuff-2: two do, and a leader that a TC lets in listens before it proposes. */
export const hotstuff2 = chained(HOTSTUFF2_RULES, timingOf({ chain: 2 }, "HotStuff-2", "2023"));

/** Jolteon: two do, and the TC shows which QCs its signers had. */
export const jolteon = chained(JOLTEON_RULES, timingOf({ chain: 2 }, "Jolteon", "FC '22"));

/** Streamlet: votes go to all, and three of them commit the middle one. */
export const streamlet = chained(
  STREAMLET_RULES,
  timingOf({ chain: 2, votesToAll: true }, "Streamlet", "AFT '20"),
);
