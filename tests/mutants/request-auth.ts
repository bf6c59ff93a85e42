// Bugs planted in how replicas know that a request is its client's, where clients sign.

import type { Address, Codec, Refusal, Sealed } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import { hotstuff } from "../../src/protocol/chained/index.ts";
import { makeBatch, type Batch } from "../../src/protocol/kit/batch.ts";
import { digestOf } from "../../src/protocol/kit/digest.ts";
import { Executor } from "../../src/protocol/kit/executor.ts";
import { Pending } from "../../src/protocol/kit/pending.ts";
import { RequestPool } from "../../src/protocol/kit/request-pool.ts";
import { waitingName, type Request } from "../../src/protocol/kit/request.ts";
import type { Session } from "../../src/protocol/kit/sessions.ts";
import { pbft, PbftReplica, type Message, type Parts } from "../../src/protocol/pbft/index.ts";
import { tendermint } from "../../src/protocol/tendermint/index.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
import { latin1 } from "../../src/wire.ts";

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

/** A1: an `open` is named by what its client drew, whosever it is. */
class UnboundOpen extends Executor {
  readonly #first = new Map<string, Session>();
  protected override opened(request: Request): Session | undefined {
    return this.#first.get(latin1(request.op)) ?? super.opened(request);
  }
  protected override open(request: Request): Session {
    const session = super.open(request);
    this.#first.set(latin1(request.op), session);
    return session;
  }
}

/** A3: what waits is named by its session alone. No run shows it: see isAnothers. */
export class KeylessPending extends Pending {
  protected override nameOf({ key: _, ...request }: Request): number | string {
    return waitingName(request);
  }
}

/** A3: what was checked once by key, session and number is not checked again. */
function onceANumber(codec: Codec<Message>): Codec<Message> {
  const checked = new Set<string>();
  const isNew = (request: Request): boolean => {
    const name = `${waitingName(request)} ${request.number}`;
    return checked.size < checked.add(name).size;
  };
  return {
    ...codec,
    proofs(message, signs) {
      const proofs = codec.proofs(message, signs);
      const batch = "batch" in message ? message.batch : null;
      const requests = "request" in message ? [message.request] : (batch?.requests ?? []);
      const unchecked = requests.filter(isNew).length > 0;
      return unchecked ? proofs : proofs.filter(({ key }) => key === undefined);
    },
  };
}

/** A5: the digest of a batch covers no keys. */
function keyless(batch: Batch): Batch {
  const bare = batch.requests.map(({ key: _, seal: __, ...request }) => request);
  return batch.seals === null ? batch : { ...batch, digest: makeBatch(bare, []).digest };
}
class KeylessBatches extends RequestPool {
  override take(nowMs: number): Batch {
    return keyless(super.take(nowMs));
  }
}
function keylessDigests(codec: Codec<Message>): Codec<Message> {
  return {
    ...codec,
    encode(message, out) {
      if (message.kind !== "committed") return codec.encode(message, out);
      // What is read has to fit; what is read then is without keys again.
      const certificate = { ...message.certificate, digest: digestOf(message.batch.bytes) };
      codec.encode({ ...message, certificate }, out);
    },
    decode(input) {
      const message = codec.decode(input);
      if (message === null || !("batch" in message) || message.batch === null) return message;
      const batch = keyless(message.batch);
      if (message.kind !== "committed") return { ...message, batch };
      return { ...message, batch, certificate: { ...message.certificate, digest: batch.digest } };
    },
  };
}

type Refuses = (from: Address, message: Message) => Refusal | null;

/** A3: takes no other copy of a proposal than the first, whose signatures nobody checked yet. */
export function firstCopies(refuse: Refuses): Refuses {
  const seen = new Set<string>();
  return (from, message) => {
    const refusal = refuse(from, message);
    if (refusal !== null || message.kind !== "prePrepare") return refusal;
    const name = `${message.view} ${message.slot} ${message.digest.toHex()}`;
    return seen.size < seen.add(name).size ? null : "not admitted: a copy of a proposal";
  };
}

function withParts(parts: Partial<Parts>): typeof pbft {
  return {
    ...pbft,
    replica: (self, config, host, app) => new PbftReplica(self, config, host, app, parts),
  };
}

function mutant(
  subject: Mutant["subject"],
  kind: Mutant["kind"],
  convictedBy: readonly string[],
  first = 0,
): Mutant {
  return { subject, kind, convictedBy, within: 1000, first };
}

/** What replicas execute that no client signed. */
const INVENTED = ["validity", "exactly once", "linearizability"];

/** Replicas that execute otherwise than others: one that hears of their states sees it itself. */
const DIVERGED = ["agreement", "throw"];

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
    // In the one before, an invented request uses up the number of a client, which asks for ever.
    1,
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
    160,
  ),
  mutant(
    subjectOf("pbft-once-a-number", { ...pbft, codec: onceANumber(pbft.codec) }),
    "invent",
    INVENTED,
    // Seeds that run twice find what the first run remembered.
    1,
  ),
  mutant(
    {
      ...subjectOf("pbft-keyless-digests", {
        ...withParts({ RequestPool: KeylessBatches }),
        codec: keylessDigests(pbft.codec),
      }),
      // It takes many seeds of one way of signing: another way has others.
      signature: "each",
    },
    "adversary",
    DIVERGED,
    400,
  ),
  mutant(
    subjectOf("pbft-unbound-open", withParts({ Executor: UnboundOpen })),
    "adversary",
    [...DIVERGED, "exactly once"],
    100,
  ),
  mutant(subjectOf("pbft-any-key", withParts({ Executor: AnyKey })), "invent", INVENTED),
];
