// Bugs planted in how bodies of proposals are found, waited for and kept. A campaign convicts the
// first; tests/protocol/kit/bodies.test.ts the others, which make a replica wait, or need a client
// that lies.

import type { Address } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import { Bodies } from "../../src/protocol/kit/bodies.ts";
import { WaitingProposals } from "../../src/protocol/kit/waiting-proposals.ts";
import { pbft, PbftReplica, type Message } from "../../src/protocol/pbft/index.ts";
import { subjectOf } from "../../src/simulation/subject.ts";

/** Takes proposals as they come. */
class WithoutBodies extends Bodies<Message> {
  override admit(from: Address, message: Message): Message | null {
    return message.kind === "prePrepare" ? message : super.admit(from, message);
  }
}

/** Takes whatever was sent under the name of the request. */
class AnyBody extends Bodies<Message> {
  protected override matches(): boolean {
    return true;
  }
}

/** Waits for its clients. */
class NeverAsks extends Bodies<Message> {
  protected override ask(): void {
    // Whatever is missing stays missing.
  }
}

class Hoarded<M> extends WaitingProposals<M> {
  protected override makeRoom(): void {
    // Whatever comes is kept.
  }
}

class KeepsAll extends Bodies<Message> {
  constructor(options: ConstructorParameters<typeof Bodies<Message>>[0]) {
    super(options, Hoarded);
  }
}

/** As parts of a replica: `Bodies` is made for any protocol's messages, these for PBFT's. */
const partsOf = (Kind: typeof Bodies<Message>) => ({ Bodies: Kind as unknown as typeof Bodies });

export const anyBody = partsOf(AnyBody);
export const neverAsks = partsOf(NeverAsks);
export const keepsAll = partsOf(KeepsAll as typeof Bodies<Message>);
export const withoutBodies = partsOf(WithoutBodies);

/** In each seed clients send bodies to all. */
const votesWithoutBodies: typeof pbft = {
  ...pbft,
  replica: (self, config, host, app) => new PbftReplica(self, config, host, app, withoutBodies),
};

export const mutants: readonly Mutant[] = [
  {
    subject: subjectOf("pbft-votes-without-bodies", votesWithoutBodies),
    kind: "short",
    convictedBy: [
      "agreement",
      "certificates",
      "throw",
      "client agreement",
      "exactly once",
      "validity",
      "codec",
    ],
    within: 1000,
  },
];
