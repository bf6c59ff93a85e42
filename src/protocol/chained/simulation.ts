import type { SimulationHints } from "../../protocol-hints.ts";
import type { Message } from "./message.ts";
import type { ChainRules } from "./rules.ts";

const SHORT = [
  "chained: a block waits for its parent",
  "chained: a missing block is fetched",
  "chained: a proposal waits for the block that names its leader",
  "chained: a QC of late votes",
  "chained: commits a long branch at once",
  "chained: a block is abandoned",
  "chained: requests of an abandoned block wait again",
  "chained: a replica that is behind is shown the way",
  "chained: joins f + 1 that time out",
  "chained: leader is skipped",
  "chained: as many bytes are under way as may be",
  "batcher: a batch is full of bytes",
  "state sync: a state is fetched",
  "state sync: a state is installed",
  "start: a replica recovers",
];
/** Where leaders listen. */
const LISTENING = ["chained: a leader listens", "chained: a leader is told of a QC"];

export function simulationOf({ listens }: ChainRules): SimulationHints<Message> {
  // In a long tenure a TC may let into a view far away.
  const marks = listens(1000, 1) > 0 ? [...SHORT, ...LISTENING] : SHORT;
  return {
    tenures: true,
    reputation: true,
    viewOf,
    proposes: ({ kind }) => kind === "propose",
    moves: ({ kind }) => kind === "timeout",
    certifies,
    marks: { short: marks },
  };
}

/** Blocks that are fetched, and what shows the way, go by their sender's view. */
function viewOf(message: Message): number | null {
  switch (message.kind) {
    case "propose":
      return message.block.view;
    case "vote":
    case "timeout":
      return message.view;
    default:
      return null;
  }
}

function certifies(message: Message): number {
  switch (message.kind) {
    case "propose":
      return message.block.justify.view;
    case "timeout":
    case "entry":
      return message.highQc.view;
    default:
      return 0;
  }
}
