import { equal } from "../../wire.ts";
import type { SimulationHints } from "../../protocol-hints.ts";
import type { Message } from "./message.ts";
import { NIL } from "./value.ts";

export const simulation: SimulationHints<Message> = {
  tenures: true,
  viewOf,
  timeOf: (message) => (isOfRound(message) ? `${message.height} ${message.round}` : null),
  proposes: ({ kind }) => kind === "proposal",
  moves: (message) => isVote(message) && equal(message.digest, NIL),
  marks: {
    short: [
      "tendermint: joins f + 1 that are in a later round",
      "tendermint: no proposal comes in time",
      "tendermint: prevotes do not agree",
      "tendermint: a round decides nothing",
      "tendermint: a value is proposed again",
      "tendermint: a proposal waits for its round",
      "tendermint: a POLC is shown",
      "tendermint: a missing batch is fetched",
      "tendermint: a decision is sent by another replica",
      "batcher: a batch is full of bytes",
      "state sync: a state is fetched",
      "state sync: a state is installed",
      "start: a replica recovers",
    ],
    adversary: ["tendermint: a slow proposer is left", "tendermint: a censoring proposer is left"],
  },
};

type Vote = Extract<Message, { kind: "prevote" | "precommit" }>;

function isVote(message: Message): message is Vote {
  return message.kind === "prevote" || message.kind === "precommit";
}

function isOfRound(message: Message): message is Vote | Extract<Message, { kind: "proposal" }> {
  return message.kind === "proposal" || isVote(message);
}

/** What catching up sends goes by its sender's rounds. */
function viewOf(message: Message): number | null {
  return isOfRound(message) ? message.height + message.round : null;
}
