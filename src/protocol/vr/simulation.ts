import type { SimulationHints } from "../../protocol-hints.ts";
import type { Message } from "./message.ts";

export const simulation: SimulationHints<Message> = {
  proposes: ({ kind }) => kind === "prepare",
  moves: ({ kind }) => kind === "doViewChange" || kind === "startView",
  promises: ({ kind }) => kind === "prepareOk",
  recovers: ({ kind }) => kind === "ask" || kind === "answer",
  viewOf: (message) => {
    switch (message.kind) {
      case "prepare":
      case "prepareOk":
      case "commit":
      case "doViewChange":
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
      "vr: view timer runs out",
      "vr: moved by wishes",
      "vr: moved by a message",
      "vr: a new leader fetches a log",
      "vr: a log is replaced",
      "vr: missing slots are fetched",
      "own checkpoints: a state is fetched",
      "own checkpoints: a state is installed",
      "vr: a replica recovers",
      "vr: the leader asks to recover",
      "vr: as many bytes are under way as may be",
      "batcher: a batch is full of bytes",
    ],
  },
};
