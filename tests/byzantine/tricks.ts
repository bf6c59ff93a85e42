// Byzantine replicas for real clusters, by name: what `npm run attack` starts through replica.ts.

import type { AnyProtocol, Target } from "../../src/actor.ts";
import { makeBatch, type Batch } from "../../src/protocol/kit/batch.ts";
import type { CommonMessage } from "../../src/protocol/kit/messages.ts";
import { OPERATION_MAX, type Request } from "../../src/protocol/kit/request.ts";
import type { Message as HotStuffMessage } from "../../src/protocol/chained/message.ts";
import type { Message as PbftMessage } from "../../src/protocol/pbft/message.ts";
import type { Message as TendermintMessage } from "../../src/protocol/tendermint/message.ts";
import { makeValue } from "../../src/protocol/tendermint/value.ts";
import { makeBlock } from "../../src/protocol/chained/block.ts";
import { GENESIS_QC } from "../../src/protocol/chained/certificate.ts";
import { pbft, PbftReplica } from "../../src/protocol/pbft/index.ts";
import { NormalCase } from "../../src/protocol/pbft/normal.ts";
import { EMPTY, type Bytes } from "../../src/wire.ts";
import { tricked, type Sign, type AnyMessage, type Sly, type Trick } from "./sly.ts";

/** Of the view timeout: how long a slow leader takes for each proposal. */
const SLOW = 0.8;

function invented(sly: Sly, op: Bytes): Request {
  const { host } = sly;
  const session = 1 + host.random(100_000);
  return { session, tag: host.random(2 ** 32), number: 1 + host.random(1000), op };
}

const common = (message: CommonMessage): AnyMessage => message;

/** The batch as if this replica were the client of every request. */
function misled(batch: Batch, { self }: Sly): Batch {
  return { ...batch, clients: batch.requests.map(() => self) };
}

/** Its own address stands where clients' addresses do. */
const ownAddress: Trick = {
  send(sly, to, message) {
    const proposal = message as PbftMessage | HotStuffMessage | TendermintMessage;
    const lie = (other: typeof proposal): void => sly.host.send(to, other);
    if (proposal.kind === "prePrepare" && proposal.batch !== null) {
      lie({ ...proposal, batch: misled(proposal.batch, sly) });
    } else if (proposal.kind === "propose") {
      const { block } = proposal;
      lie({ ...proposal, block: { ...block, batch: misled(block.batch, sly) } });
    } else if (proposal.kind === "proposal") {
      const { value } = proposal;
      lie({ ...proposal, value: { ...value, batch: misled(value.batch, sly) } });
    } else sly.host.send(to, message);
  },
};

/** Nothing goes to the last replica. */
const shuns: Trick = { sends: (to) => to !== 3 };

/** Nothing goes to anybody. */
const mute: Trick = { sends: () => false };

/** Relays requests that nobody sent. */
const inventsRequests: Trick = {
  tick(sly) {
    for (let i = 0; i < 10; i++) {
      const request = invented(sly, EMPTY);
      sly.host.send("others", common({ kind: "relay", client: sly.self, request }));
    }
  },
};

/** Relays requests that nobody sent, 16 MiB a second of them. */
const inventsLargeRequests: Trick = {
  tick(sly, count) {
    if (count % 100 !== 0) return;
    const request = invented(sly, new Uint8Array(OPERATION_MAX - 64));
    sly.host.send("others", common({ kind: "relay", client: sly.self, request }));
  },
};

/** Asks for pieces of states and for what it need not have. */
const fetches: Trick = {
  tick(sly, count) {
    const slot = 128 * (1 + (count % 64));
    for (let tree = 0; tree < 2; tree++) {
      const pieces = [{ tree, level: 0, index: 0, blob: 0, chunk: 0 }];
      sly.host.send("others", common({ kind: "fetchState", slot, pieces }));
    }
  },
};

/** Sends pieces of states that nobody asked it for. */
const junk: Trick = {
  tick(sly, count) {
    if (count % 10 !== 0) return;
    const id = { tree: count % 3, level: 0, index: 0, blob: 0, chunk: 0 };
    const pieces = [{ id, bytes: EMPTY }];
    sly.host.send("others", common({ kind: "state", slot: count % 4, pieces }));
  },
};

/** Proposes in views that nobody is in yet, in those that it leads, as much as fits. */
function early(propose: (sly: Sly, view: number, count: number) => AnyMessage): Trick {
  return {
    tick(sly, count) {
      if (count % 20 !== 0) return;
      const { config, self } = sly;
      const tenure = config.tenure ?? 1;
      let view = sly.view() + tenure;
      while (config.leader(view) !== self) view += tenure;
      sly.host.send("others", propose(sly, view, count / 20));
    },
  };
}

const largeBatch = (sly: Sly) => makeBatch([invented(sly, new Uint8Array(1024 * 1024))], [0]);

const TRICKS = new Map<string, (protocol: AnyProtocol, mode: string, sign: Sign) => AnyProtocol>([
  ["own-address", (protocol, _mode, sign) => tricked(protocol, ownAddress, sign)],
  ["invents-requests", (protocol, _mode, sign) => tricked(protocol, inventsRequests, sign)],
  [
    "invents-large-requests",
    (protocol, _mode, sign) => tricked(protocol, inventsLargeRequests, sign),
  ],
  ["fetches", (protocol, _mode, sign) => tricked(protocol, fetches, sign)],
  ["junk", (protocol, _mode, sign) => tricked(protocol, junk, sign)],
  ["early", (protocol, mode, sign) => tricked(protocol, earlyIn(mode), sign)],
  ["slow", slow],
  ["shuns", (protocol) => protocol],
  ["mute", (protocol) => protocol],
]);

/** To whom packets go at all. */
export const SENDS = new Map<string, (to: number) => boolean>([
  ["shuns", (to) => shuns.sends?.(to) ?? true],
  ["mute", (to) => mute.sends?.(to) ?? true],
]);

function earlyIn(mode: string): Trick {
  if (mode === "pbft") {
    return early((sly, view, count) => {
      const batch = largeBatch(sly);
      const slot = 1 + (count % 256);
      const { self: replica } = sly;
      return { kind: "prePrepare", replica, view, slot, digest: batch.digest, batch } as AnyMessage;
    });
  }
  if (mode === "tendermint") {
    return early((sly, view, count) => {
      const { self: replica } = sly;
      const height = view + count;
      const value = makeValue(height, 0, largeBatch(sly));
      const named = { replica, height, round: 0, digest: value.digest, polc: null, value };
      return { kind: "proposal", ...named } as AnyMessage;
    });
  }
  return early((sly, view, count) => {
    const block = makeBlock(view + count, sly.self, { ...GENESIS_QC }, largeBatch(sly));
    return { kind: "propose", replica: sly.self, block, tc: null } as AnyMessage;
  });
}

/**
 * Proposes just before it would be suspected: each proposal leaves SLOW of a view timeout after it
 * was made, where one is made at a time.
 */
function slowLeader(): Trick {
  const held: { readonly dueMs: number; readonly to: Target; readonly message: AnyMessage }[] = [];
  return {
    send({ host, config }, to, message) {
      const proposes = message.kind === "propose" || message.kind === "proposal";
      if (!proposes) return host.send(to, message);
      held.push({ dueMs: host.now + SLOW * config.viewTimeoutMs, to, message });
    },
    tick({ host }) {
      while ((held[0]?.dueMs ?? Infinity) <= host.now) {
        const next = held.shift();
        if (next !== undefined) host.send(next.to, next.message);
      }
    },
  };
}

/** The same where proposals are many: all that waits is proposed at once, as rarely as may be. */
function slowPrimary(sign: Sign): typeof pbft {
  class SlowPrimary extends NormalCase {
    #nextMs = 0;
    override propose(): void {
      const { host, config, pool } = this.context;
      const { now } = host;
      if (!this.owner.views.leads || !sign.at(now)) return super.propose();
      if (pool.dueMs(now) === Infinity) return;
      if (now < this.#nextMs) return host.setTimer("flush", this.#nextMs - now);
      this.#nextMs = now + SLOW * config.viewTimeoutMs;
      super.propose();
    }
  }
  return {
    ...pbft,
    replica: (self, config, host, app) =>
      new PbftReplica(self, config, host, app, { NormalCase: SlowPrimary }),
  };
}

function slow(protocol: AnyProtocol, mode: string, sign: Sign): AnyProtocol {
  // Sound as in the registry: its messages only ever meet its own codec and actors.
  if (mode === "pbft") return slowPrimary(sign) as unknown as AnyProtocol;
  return tricked(protocol, slowLeader(), sign);
}

/** The protocol as this trick makes it. Throws RangeError if there is no such trick. */
export function byzantine(
  name: string,
  protocol: AnyProtocol,
  mode: string,
  sign: Sign,
): AnyProtocol {
  const trick = TRICKS.get(name);
  if (trick === undefined) throw new RangeError(`no trick '${name}'`);
  return trick(protocol, mode, sign);
}
