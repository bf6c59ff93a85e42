// The protocols of the registry as the simulator tries them, with what it has to know of each.

import type { Message as HotStuffMessage } from "../protocol/hotstuff/index.ts";
import { protocols } from "../protocol/index.ts";
import type { Message as PbftMessage } from "../protocol/pbft/index.ts";
import { subjectOf, type Subject } from "./subject.ts";

type Hints = Partial<Omit<Subject, "name" | "protocol">>;

/** Marks that campaigns of 1,000 seeds must reach, and other hints, by protocol. */
const HINTS: ReadonlyMap<string, Hints> = new Map<string, Hints>([
  [
    "pbft",
    {
      moves: (message) => (message as PbftMessage).kind === "viewChange",
      marks: [
        "pbft: view timer runs out",
        "pbft: view change is joined",
        "pbft: missing view-change is fetched",
        "pbft: null batch fills a gap",
        "pbft: missing batch is fetched",
        "state sync: a state is fetched",
        "state sync: a state is installed",
        "start: a replica recovers",
      ],
    },
  ],
  [
    "hotstuff",
    {
      viewOf: (message) => hotstuffView(message as HotStuffMessage),
      moves: (message) => (message as HotStuffMessage).kind === "timeout",
    },
  ],
]);

/** Blocks that are fetched, and what shows the way, go by their sender's view. */
function hotstuffView(message: HotStuffMessage): number | null {
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

export const registered: ReadonlyMap<string, Subject> = new Map(
  [...protocols].map(([name, protocol]) => [name, subjectOf(name, protocol, HINTS.get(name))]),
);
