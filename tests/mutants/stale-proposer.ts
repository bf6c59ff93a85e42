// No bug but a Byzantine proposer, for Twins: the identity that has the twins proposes, in later
// rounds of a height, any request that it knows instead of the valid value, and PREVOTEs whatever it
// proposed. Proposers that propose the valid value never conflict with a lock, so that without this
// one nobody would miss the rules for locks and POLCs.

import { makeBatch } from "../../src/protocol/kit/batch.ts";
import { certificateOf, NO_CERTIFICATE, type Certificate } from "../../src/protocol/kit/quorum.ts";
import type { Polc } from "../../src/protocol/tendermint/certificate.ts";
import type { TendermintContext } from "../../src/protocol/tendermint/context.ts";
import type { NormalCase, NormalOwner } from "../../src/protocol/tendermint/normal.ts";
import { Proposing, type ProposingOwner } from "../../src/protocol/tendermint/proposing.ts";
import { makeValue, NIL, type Value } from "../../src/protocol/tendermint/value.ts";
import type { VoteMessage } from "../../src/protocol/tendermint/message.ts";
import type { RoundVotes } from "../../src/protocol/tendermint/votes.ts";
import { equal } from "../../src/wire.ts";

/** Requests that it chooses from. */
const KNOWN_MAX = 8;
/** The identity that has two instances. */
const TWINS = 0;
/** The other replicas: Twins have four. */
const OTHERS = 3;

/** A value, and the round of which it claims to be valid. */
interface Choice {
  readonly value: Value;
  readonly polc: Polc | null;
}

export class StaleProposer extends Proposing {
  override propose(): void {
    const { start, rounds, normal } = this.owner;
    const { self, host, log, proposers } = this.context;
    const { round } = rounds;
    const turn = proposers.of(round) === self && round > 0 && start.running;
    const free = normal.step === "propose" && normal.proposal === null && !normal.decided;
    const choice = self === TWINS && turn && free ? this.choose(round) : null;
    if (choice === null) return super.propose();
    const { value, polc } = choice;
    const position = { replica: self, height: log.height, round, digest: value.digest };
    const message = { kind: "proposal", ...position, polc, value } as const;
    host.send("all", message);
    normal.accept(message);
  }

  /** What it proposes in the place of what it should; null: that. */
  protected choose(round: number): Choice | null {
    const { host, log, pool } = this.context;
    if (host.random(4) === 0) return null;
    const known = pool.oldest(KNOWN_MAX);
    const chosen = known[host.random(Math.max(1, known.length))];
    if (chosen === undefined) return null;
    const batch = makeBatch([chosen.request], [chosen.client]);
    return { value: makeValue(log.height, round, batch), polc: null };
  }
}

/**
 * Claims for it that it was valid in the round before, by nobody's PREVOTEs, or by those of a quorum
 * for anything.
 */
export class FalsePolc extends StaleProposer {
  protected override choose(round: number): Choice | null {
    const choice = super.choose(round);
    if (choice === null) return null;
    const { height } = this.context.log;
    const value = makeValue(height, 0, choice.value.batch);
    const prevotes = this.context.host.random(2) === 0 ? NO_CERTIFICATE : this.#borrowed;
    return { value, polc: { height, round: round - 1, digest: value.digest, prevotes } };
  }

  get #borrowed(): Certificate {
    const { config, quorums } = this.context;
    // Its owner is the whole replica.
    const { normal } = this.owner as ProposingOwner & { normal: Pick<NormalCase, "votes"> };
    const { prevotes } = normal.votes;
    const votes = Array.from({ length: config.n }, (_, signer) => prevotes.of(signer));
    const sealed = votes.filter((vote) => vote?.seal !== undefined) as VoteMessage[];
    if (sealed.length < quorums.quorum) return NO_CERTIFICATE;
    return certificateOf(sealed, quorums.quorum);
  }
}

/** A replica whose twins are locked on nothing, and tell one other replica alone what they lock. */
export function slyTwins(Base: typeof NormalCase): typeof NormalCase {
  return class extends Base {
    constructor(context: TendermintContext, ...others: Others) {
      const { host, self } = context;
      super(self === TWINS ? { ...context, host: secretive(host) } : context, ...others);
    }
    protected override mayPrevote(...asked: Parameters<NormalCase["mayPrevote"]>): boolean {
      return this.context.self === TWINS || super.mayPrevote(...asked);
    }
  };
}

type Others = [owner: NormalOwner, votes: typeof RoundVotes];

/** Of PRECOMMITs for values half reach one other replica only, so that it alone may decide. */
function secretive(host: TendermintContext["host"]): TendermintContext["host"] {
  const send: typeof host.send = (to, message) => {
    const locks = message.kind === "precommit" && !equal(message.digest, NIL);
    const secret = locks && host.random(2) === 0;
    host.send(secret ? 1 + host.random(OTHERS) : to, message);
  };
  return new Proxy(host, {
    get(target, key) {
      if (key === "send") return send;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
