import type { SimulationHints } from "../../protocol-hints.ts";
import type { Message } from "./message.ts";

export const simulation: SimulationHints<Message> = {
  speculates: true,
  moves: ({ kind }) => kind === "viewChange" || kind === "startView",
  promises: ({ kind }) => kind === "slotReply" || kind === "syncOk" || kind === "gapOk",
  recovers: ({ kind }) => kind === "ask" || kind === "answer",
  viewOf: (message) => {
    switch (message.kind) {
      case "slotReply":
      case "find":
      case "slot":
      case "gap":
      case "gapOk":
      case "sync":
      case "syncOk":
      case "synced":
      case "viewChange":
      case "startView":
        return message.view;
      case "getLog":
      case "log":
        return null;
      default:
        return "any";
    }
  },
  marks: {
    short: [
      "nopaxos: view timer runs out",
      "nopaxos: moved by wishes",
      "nopaxos: moved by a message",
      "nopaxos: a log is replaced",
      "nopaxos: a message that was dropped is asked for",
      "nopaxos: a slot is found at another replica",
      "nopaxos: slots are declared empty",
      "nopaxos: an empty slot takes the place of a batch",
      "nopaxos: a leader rolls back",
      "nopaxos: a session is opened",
      "nopaxos: a sequencer has lost its session",
      "nopaxos: the stamp of another life is refused",
      "nopaxos: a replica recovers",
      "nopaxos: the leader asks to recover",
      "own checkpoints: a state is fetched",
      "own checkpoints: a state is installed",
    ],
  },
};
