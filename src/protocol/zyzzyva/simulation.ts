import type { SimulationHints } from "../../protocol-hints.ts";
import type { Message } from "./message.ts";

export const simulation: SimulationHints<Message> = {
  speculates: true,
  proposes: ({ kind }) => kind === "orderReq",
  moves: ({ kind }) =>
    kind === "viewChange" || kind === "newView" || kind === "viewConfirm" || kind === "hate",
  // Views begin with 0, which has certificates as any other.
  certifies: (message) => (message.kind === "commit" ? message.view + 1 : 0),
  viewOf: (message) => {
    switch (message.kind) {
      case "commit":
      case "orderReq":
      case "specReply":
      case "history":
      case "localCommit":
      case "viewConfirm":
      case "fillHole":
      case "hate":
      case "pom":
      case "viewChange":
      case "newView":
        return message.view;
      default:
        return "any";
    }
  },
  marks: {
    short: [
      "zyzzyva: completed by all",
      "zyzzyva: completed by a certificate",
      "zyzzyva: view timer runs out",
      "zyzzyva: view change is joined",
      "zyzzyva: a missing order is asked for",
      "zyzzyva: a backup passes orders on",
      "zyzzyva: missing view-change is fetched",
      "zyzzyva: missing batch is fetched",
      "zyzzyva: a new view undoes what was executed",
      "zyzzyva: a view begins with what no certificate proves",
      "zyzzyva: a view is left for a replica that recovered",
      "zyzzyva: a commit is learnt from another replica",
      "state sync: a state is fetched",
      "state sync: a state is installed",
      "start: a replica recovers",
    ],
    adversary: [
      "zyzzyva: histories diverge in a view",
      "zyzzyva: a primary is proven to misbehave",
      "zyzzyva: a certificate of an earlier view is refused",
    ],
  },
};
