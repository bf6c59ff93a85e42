// Bugs planted in how replicas know that a request is its client's, where clients sign.

import type { Address, Codec, Refusal, Sealed } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import { hotstuff } from "../../src/protocol/chained/index.ts";
import { Executor } from "../../src/protocol/kit/executor.ts";
import { Pending } from "../../src/protocol/kit/pending.ts";
import { RequestPool } from "../../src/protocol/kit/request-pool.ts";
import { waitingName, type Request } from "../../src/protocol/kit/request.ts";
import type { Session } from "../../src/protocol/kit/sessions.ts";
import { pbft, PbftReplica, type Message, type Parts } from "../../src/protocol/pbft/index.ts";
import { tendermint } from "../../src/protocol/tendermint/index.ts";
import type { ProtocolConfig } from "../../src/protocol-config.ts";
import { subjectOf } from "../../src/simulation/subject.ts";

/** A3: who votes has not checked what others propose. */
function unchecked<M extends Sealed>(codec: Codec<M>): Codec<M> {
  return {
    ...codec,
    proofs(message, signs) {
      const proofs = codec.proofs(message, signs);
      return "request" in message ? proofs : proofs.filter(({ key }) => key === undefined);
    },
  };
}

/** A3: of a batch it has checked the first root alone. */
function firstRoot<M extends Sealed>(codec: Codec<M>): Codec<M> {
  return {
    ...codec,
    proofs(message, signs) {
      const proofs = codec.proofs(message, signs);
      const first = proofs.findIndex(({ key }) => key !== undefined);
      return proofs.filter(({ key }, i) => key === undefined || i === first);
    },
  };
}

/** A3: a request of another's session is executed in it. */
class AnyKey extends Executor {
  protected override named(request: Request): Session | undefined {
    const { session, tag } = request;
    return this.sessionNamed(session, tag);
  }
  override isAnothers(): boolean {
    return false;
  }
}

/** A3: what waits is named by its session alone. */
class KeylessPending extends Pending {
  protected override nameOf({ key: _, ...request }: Request): number | string {
    return waitingName(request);
  }
}
class KeylessPool extends RequestPool {
  constructor(config: ProtocolConfig, executor: Executor, sourceOf: (address: Address) => number) {
    super(config, executor, sourceOf, KeylessPending);
  }
}

/** A3: takes no other copy of a proposal than the first, whose signatures nobody checked yet. */
class FirstCopy extends PbftReplica {
  readonly #seen = new Map<string, Message>();
  override refuse(from: Address, message: Message): Refusal | null {
    const refusal = super.refuse(from, message);
    if (refusal !== null || message.kind !== "prePrepare") return refusal;
    const name = `${message.view} ${message.slot} ${Buffer.from(message.digest).toString("hex")}`;
    const first = this.#seen.get(name) ?? message;
    this.#seen.set(name, first);
    return first === message ? null : "not admitted: a copy of a proposal";
  }
}

function withParts(parts: Partial<Parts>): typeof pbft {
  return {
    ...pbft,
    replica: (self, config, host, app) => new PbftReplica(self, config, host, app, parts),
  };
}

const firstCopy: typeof pbft = {
  ...pbft,
  replica: (self, config, host, app) => new FirstCopy(self, config, host, app),
};

function mutant(
  subject: Mutant["subject"],
  kind: Mutant["kind"],
  convictedBy: readonly string[],
): Mutant {
  return { subject, kind, convictedBy, within: 1000 };
}

/** What replicas execute that no client signed. */
const INVENTED = ["validity", "exactly once", "linearizability"];

export const mutants: readonly Mutant[] = [
  mutant(
    subjectOf("pbft-unchecked-requests", { ...pbft, codec: unchecked(pbft.codec) }),
    "invent",
    INVENTED,
  ),
  mutant(
    subjectOf("hotstuff-unchecked-requests", { ...hotstuff, codec: unchecked(hotstuff.codec) }),
    "invent",
    INVENTED,
  ),
  mutant(
    subjectOf("tendermint-unchecked-requests", {
      ...tendermint,
      codec: unchecked(tendermint.codec),
    }),
    "invent",
    INVENTED,
  ),
  mutant(
    subjectOf("pbft-first-root-only", { ...pbft, codec: firstRoot(pbft.codec) }),
    "invent",
    INVENTED,
  ),
  mutant(subjectOf("pbft-any-key", withParts({ Executor: AnyKey })), "invent", INVENTED),
  mutant(subjectOf("pbft-keyless-pending", withParts({ RequestPool: KeylessPool })), "adversary", [
    "liveness",
  ]),
  mutant(subjectOf("pbft-first-copy", firstCopy), "adversary", ["liveness"]),
];
