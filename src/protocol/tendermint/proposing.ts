// Requests, and what a proposer makes of them: arXiv 1807.04938, algorithm 1, lines 14 to 19.

import type { Address } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { Source } from "../kit/pending.ts";
import type { Request } from "../kit/request.ts";
import { relayOverdue } from "../kit/relays.ts";
import type { Polc } from "./certificate.ts";
import type { TendermintContext } from "./context.ts";
import type { ProposalMessage, Step } from "./message.ts";
import { makeValue, type Value } from "./value.ts";

/** Oldest requests passed on to the other replicas when a round is given up. */
const RELAY_MAX = 32;

/** What proposing asks of its replica. */
export interface ProposingOwner {
  readonly normal: {
    readonly step: Step;
    readonly valid: Polc | null;
    readonly proposal: ProposalMessage | null;
    readonly decided: boolean;
    valueOf(digest: Value["digest"]): Value | undefined;
    accept(message: ProposalMessage): void;
  };
  readonly rounds: { readonly round: number; readonly mustEnd: boolean; watch(): void };
  readonly start: { readonly running: boolean };
  readonly catchUp: {
    readonly waitsForStable: boolean;
    fetchValue(digest: Value["digest"]): void;
  };
}

export class Proposing {
  protected readonly context: TendermintContext;
  protected readonly owner: ProposingOwner;

  constructor(context: TendermintContext, owner: ProposingOwner) {
    this.context = context;
    this.owner = owner;
  }

  get #leads(): boolean {
    return this.context.proposers.of(this.owner.rounds.round) === this.context.self;
  }

  /** A request from its client, or from a replica that heard it. */
  onRequest(client: Address, request: Request, source: Source): void {
    const { service, pool, host } = this.context;
    if (!service.admits(client, request, source, this.#leads)) return;
    const entry = pool.add(request, client, host.now, source);
    if (entry === null) return host.drop("not admitted: request that is pending");
    pool.enqueue(entry, host.now);
    this.owner.rounds.watch();
    this.propose();
  }

  /** Passes on to the others what they may not have heard. */
  helpOthers(): void {
    const { pool, host } = this.context;
    for (const { client, request } of pool.oldestUnplaced(RELAY_MAX)) {
      host.send("others", { kind: "relay", client, request });
    }
  }

  /** Tells the proposer of what it seems not to have heard, before this replica suspects it. */
  relayOverdue(): void {
    if (this.#leads) return;
    relayOverdue(this.context, this.context.proposers.of(this.owner.rounds.round));
  }

  /** Proposes if it is this replica's turn, and there is a reason to. */
  propose(): void {
    const { start, rounds, normal, catchUp } = this.owner;
    if (!start.running || catchUp.waitsForStable || !this.#leads || normal.step !== "propose")
      return;
    if (normal.proposal !== null || normal.decided) return;
    const { valid } = normal;
    const value = this.#nextValue(valid);
    if (value === null) return;
    const { self: replica, host, log } = this.context;
    const { height } = log;
    const { digest } = value;
    const position = { replica, height, round: rounds.round, digest };
    const message = { kind: "proposal", ...position, polc: valid, value } as const;
    host.send("all", message);
    normal.accept(message);
  }

  /** The valid value, or else a new one; null if it is not here, or not time for one. */
  #nextValue(valid: Polc | null): Value | null {
    const { pool, host, log } = this.context;
    const { rounds, catchUp, normal } = this.owner;
    const { now } = host;
    if (valid !== null) {
      const value = normal.valueOf(valid.digest);
      if (value === undefined) catchUp.fetchValue(valid.digest);
      else coverageMark("tendermint: a value is proposed again");
      return value ?? null;
    }
    const dueMs = pool.dueMs(now);
    if (dueMs > now && !rounds.mustEnd) {
      if (dueMs < Infinity) host.setTimer("flush", dueMs - now);
      return null;
    }
    return makeValue(log.height, rounds.round, pool.take(now));
  }
}
