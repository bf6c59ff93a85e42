// The rule sets of the chained replica, by the modes that have them.

import { HOTSTUFF_RULES } from "../../../src/protocol/chained/hotstuff-rules.ts";
import { HOTSTUFF2_RULES } from "../../../src/protocol/chained/hotstuff2-rules.ts";
import { JOLTEON_RULES } from "../../../src/protocol/chained/jolteon-rules.ts";
import type { ChainRules } from "../../../src/protocol/chained/rules.ts";
import { STREAMLET_RULES } from "../../../src/protocol/chained/streamlet-rules.ts";

export const FAMILY: readonly (readonly [string, ChainRules])[] = [
  ["hotstuff", HOTSTUFF_RULES],
  ["hotstuff2", HOTSTUFF2_RULES],
  ["jolteon", JOLTEON_RULES],
  ["streamlet", STREAMLET_RULES],
];
