import type { SimulationHints } from "../../protocol-hints.ts";
import type { Message } from "./message.ts";

export const simulation: SimulationHints<Message> = {
  proposes: ({ kind }) => kind === "prePrepare",
  moves: ({ kind }) => kind === "viewChange",
  marks: {
    short: [
      "pbft: view timer runs out",
      "pbft: view change is joined",
      "pbft: missing view-change is fetched",
      "pbft: null batch fills a gap",
      "pbft: missing batch is fetched",
      "pbft: as many bytes are under way as may be",
      "batcher: a batch is full of bytes",
      "state sync: a state is fetched",
      "state transfer: a later checkpoint is followed",
      "state sync: a state is installed",
      "start: a replica recovers",
      "service: the digest of a long result is given",
    ],
    adversary: [
      "pbft: primary equivocates",
      "pbft: new-view is refused",
      "pbft: slow primary is left",
    ],
  },
};
