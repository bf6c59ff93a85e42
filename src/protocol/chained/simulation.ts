import type { SimulationHints } from "../../protocol-hints.ts";
import type { Message } from "./message.ts";

export const simulation: SimulationHints<Message> = {
  viewOf,
  proposes: ({ kind }) => kind === "propose",
  moves: ({ kind }) => kind === "timeout",
  marks: {
    short: [
      "hotstuff: a block waits for its parent",
      "hotstuff: a missing block is fetched",
      "hotstuff: a QC of late votes",
      "hotstuff: commits a long branch at once",
      "hotstuff: a block is abandoned",
      "hotstuff: requests of an abandoned block wait again",
      "hotstuff: a replica that is behind is shown the way",
      "hotstuff: joins f + 1 that time out",
      "hotstuff: leader is skipped",
      "hotstuff: as many bytes are under way as may be",
      "batcher: a batch is full of bytes",
      "state sync: a state is fetched",
      "state sync: a state is installed",
      "start: a replica recovers",
    ],
  },
};

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
