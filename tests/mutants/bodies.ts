// Bugs planted in how bodies travel apart from proposals. Seeds convict those that harm others;
// tests/protocol/kit/bodies.test.ts convicts all, since a replica that waits is no wrong one, and a
// proposal has a digest of its own.

import type { Bytes } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import { BodyExchange } from "../../src/protocol/kit/bodies.ts";
import { HeldMessages } from "../../src/protocol/kit/held-messages.ts";
import type { NamedMessage } from "../../src/protocol/kit/named-message.ts";
import { registered } from "../../src/simulation/subjects.ts";
import type { Subject } from "../../src/simulation/subject.ts";

/** Waits for nothing: what is not here is taken to be zeros. */
export class FillsIn extends BodyExchange {
  protected override findIn(named: NamedMessage): (Bytes | undefined)[] {
    const found = super.findIn(named);
    return named.bodies.map(({ length }, i) => found[i] ?? new Uint8Array(length));
  }
}

/** Takes what comes for what it asked for. */
export class TakesAny extends BodyExchange {
  protected override keysOf(_body: Bytes, held: HeldMessages): readonly string[] {
    return [...held.values()].flatMap(({ missing }) => [...missing]);
  }
}

/** Waits for its clients. */
export class NeverAsks extends BodyExchange {
  protected override ask(): void {
    // Whatever is missing stays missing.
  }
}

class Hoarded extends HeldMessages {
  protected override makeRoom(): void {
    // Whatever comes is held.
  }
}

export class Hoards extends BodyExchange {
  constructor(...[self, config, host]: ConstructorParameters<typeof BodyExchange>) {
    super(self, config, host, Hoarded);
  }
}

function broadcasting(of: string, name: string, bodies: typeof BodyExchange): Subject {
  const subject = registered.get(of);
  if (subject === undefined) throw new Error(`${of} is no protocol`);
  return { ...subject, name: `${of}-${name}`, broadcasts: true, bodies };
}

export const mutants: readonly Mutant[] = [
  {
    // Nobody signs what it is led to execute.
    subject: broadcasting("vr", "fills-in-bodies", FillsIn),
    kind: "short",
    convictedBy: ["agreement", "validity", "linearizability", "exactly once", "client agreement"],
    within: 100,
  },
  {
    subject: broadcasting("pbft", "hoards-proposals", Hoards),
    kind: "adversary",
    convictedBy: ["bounded"],
    within: 100,
  },
];
