// What strangers send: hosts that hold nobody's key. Rates are those of issue 14, to each replica,
// where it has any; those of large operations are what leaves the machine time for others.

import type { Sealed } from "../actor.ts";
import { encodeKvOperation } from "../app/operation.ts";
import { makeBatch } from "../protocol/kit/batch.ts";
import type { CommonMessage, PieceId } from "../protocol/kit/messages.ts";
import { openRequest, OPERATION_MAX } from "../protocol/kit/request.ts";
import { systemRandom } from "../base/system-random.ts";
import { EMPTY } from "../wire.ts";
import { randomBytes, type AttackingHost, type Arms, type Stranger } from "./arms.ts";
import { aRecover, craftedFor, inventedRequests } from "./crafted.ts";
import { spoofedFragments } from "./spoofed.ts";
import { openSessions, type StrangerSession } from "./session.ts";

const MIB = 1024 * 1024;
/** What is put into a store, whose every checkpoint then has much that changed. */
const FILLED_MIB = 16;
const KEY = Uint8Array.of(107);
const IDS = 32_768;
const random = { random: systemRandom };

const common = (message: CommonMessage): Sealed => message;

/** The piece that a state, or one of its trees, is told by. */
const pieceOf = (tree: number): PieceId => ({ tree, level: 0, index: 0, blob: 0, chunk: 0 });
const fetchState = (slot: number, tree: number): Sealed =>
  common({ kind: "fetchState", slot, pieces: [pieceOf(tree)] });
const requestOf = (session: number): Sealed =>
  common({
    kind: "request",
    request: { session, tag: systemRandom(2 ** 32), number: 1, op: EMPTY },
  });

/** Leaves a session's last result cached, 1 MiB of it. */
function largeResult(session: StrangerSession, key: Uint8Array, done: () => void): void {
  const put = encodeKvOperation({ kind: "put", key, value: randomBytes(MIB - 64) });
  session.ask(put, () => session.ask(encodeKvOperation({ kind: "get", key }), done));
}

/** A request of 37 bytes whose cached reply is 1 MiB. */
const cachedReplies: Stranger = {
  perSecond: 100,
  prepare(arms, ready) {
    openSessions(arms, 1, 1, ([session]) => {
      if (session === undefined) return;
      largeResult(session, KEY, () => {
        const { request } = session;
        ready(() => arms.toAll(arms.own, 1, common({ kind: "request", request })));
      });
    });
  },
};

/** Asks for the parts of a message of 1 MiB, all of them, again and again. */
const fragmentRequests: Stranger = {
  perSecond: 100,
  prepare(arms, ready) {
    const numbers = new Map<number, bigint>();
    arms.own.onPart = (from, part) => {
      if (part.u8() === 0) numbers.set(from, BigInt(part.u53()));
    };
    openSessions(arms, 1, 1, ([session]) => {
      if (session === undefined) return;
      largeResult(session, KEY, () =>
        ready(() => {
          for (const [to, number] of numbers) {
            arms.own.part(1, to, (out) => {
              out.u8(1);
              out.u53(Number(number));
              out.bytes(new Uint8Array(91).fill(255));
            });
          }
        }),
      );
    });
  },
};

/** Asks for batches or blocks of 2 MiB, and for pieces of the state. */
const fetches: Stranger = {
  perSecond: 100,
  prepare(arms, ready) {
    openSessions(arms, 1, 1, ([session]) => {
      if (session === undefined) return;
      session.ask(new Uint8Array(OPERATION_MAX), () => {
        const batch = makeBatch([session.request], []);
        const crafted = craftedFor(arms.mode);
        ready((round) => {
          for (let k = 0; k < 4; k++) {
            arms.toAll(arms.own, 1, crafted.fetch(batch, 4 * round + k));
          }
          const slot = 128 * (1 + (round % 64));
          arms.toAll(arms.own, 1, fetchState(slot, round % 2));
        });
      });
    });
  },
};

/** The first parts of large messages that never become complete. */
const fragments: Stranger = {
  perSecond: 34,
  prepare(arms, ready) {
    const length = 4 * MIB;
    const chunk = arms.own.payloadMax - 17;
    const data = new Uint8Array(chunk);
    ready((round) => {
      // The first rounds fill what there is room for, the others keep it.
      const times = round < 34 ? 80 : 1;
      for (let k = 0; k < times; k++) {
        for (let to = 0; to < arms.n; to++) {
          arms.own.part(systemRandom(128), to, (out) => {
            out.u8(0);
            out.u53(systemRandom(2 ** 48));
            out.u16(0);
            out.u16(Math.ceil(length / chunk));
            out.u32(length);
            out.bytes(data);
          });
        }
      }
    });
  },
};

/** Requests of guessed sessions. */
const guessedSessions: Stranger = {
  perSecond: 1000,
  prepare: (arms, ready) =>
    ready((round) => arms.toAll(arms.own, round % IDS, requestOf(1 + systemRandom(100_000)))),
};

/** Requests of guessed sessions whose operations are as large as may be. */
const largeRequests: Stranger = {
  perSecond: 4,
  prepare: (arms, ready) => {
    const op = new Uint8Array(OPERATION_MAX - 64);
    ready((round) => {
      const request = { session: 1 + systemRandom(64), tag: round, number: 1 + round, op };
      arms.toAll(arms.own, round % 128, common({ kind: "request", request }));
    });
  },
};

/** Operations as large as may be, of 64 sessions that were opened. */
const largeOperations: Stranger = {
  perSecond: 1,
  prepare(arms, ready) {
    openSessions(arms, 1, 64, (sessions) => {
      const op = new Uint8Array(OPERATION_MAX - 64);
      ready((round) => {
        const at = round % sessions.length;
        const { session = 0, tag = 0 } = sessions[at]?.request ?? {};
        const number = 1 + Math.floor(round / sessions.length);
        const request = { session, tag, number, op };
        arms.toAll(arms.own, 1 + at, common({ kind: "request", request }));
      });
    });
  },
};

/** Batches with 65,536 invented clients. */
const inventedClients: Stranger = {
  perSecond: 10,
  prepare(arms, ready) {
    const requests = inventedRequests(65_536, EMPTY);
    const clients = arms.own.invent(requests.length);
    const message = craftedFor(arms.mode).batch(makeBatch(requests, clients));
    ready(() => arms.toAll(arms.own, 1, message));
  },
};

/** Signatures that hold for nothing, in the name of replicas, from as many ids as a host has. */
const forgedSignatures: Stranger = {
  perSecond: 25_000,
  prepare(arms, ready) {
    const crafted = craftedFor(arms.mode);
    ready((round) => {
      const signer = round % arms.n;
      const message = round % 2 === 0 ? crafted.forgedProposal(signer, round) : aRecover(signer);
      arms.toAll(arms.own, round % IDS, message);
    });
  },
};

/** 72 sessions, each with a cached result of 1 MiB, for which it asks once. */
const largeSessions: Stranger = {
  perSecond: 18,
  prepare(arms, ready) {
    openSessions(arms, 1, 1, ([owner]) => {
      if (owner === undefined) return;
      largeResult(owner, KEY, () =>
        openSessions(arms, 2, 72, (sessions) => {
          ready((round) => {
            sessions[round]?.ask(encodeKvOperation({ kind: "get", key: KEY }), () => {});
          });
        }),
      );
    });
  },
};

/** New sessions, as many as there is room for, and more. */
const manySessions: Stranger = {
  perSecond: 8192,
  prepare: (arms, ready) =>
    ready((round) =>
      arms.toAll(arms.own, round % IDS, common({ kind: "request", request: openRequest(random) })),
    ),
};

/**
 * As much state as there may be, values of 1 MiB, of which one a second changes: what is tried is
 * its size, which each checkpoint has to bear.
 */
const largeState: Stranger = {
  perSecond: 1,
  prepare(arms, ready) {
    openSessions(arms, 1, 1, ([session]) => {
      if (session === undefined) return;
      const put = (key: number, done: () => void): void => {
        const value = randomBytes(MIB - 64);
        const operation = { kind: "put", key: Uint8Array.of(key), value } as const;
        session.ask(encodeKvOperation(operation), done);
      };
      const fill = (key: number): void => {
        if (key < FILLED_MIB) put(key, () => fill(key + 1));
        else ready((round) => put(round % FILLED_MIB, () => {}));
      };
      fill(0);
    });
  },
};

/** Pieces of a state that nobody asked for. */
const stateJunk: Stranger = {
  perSecond: 100,
  prepare: (arms, ready) =>
    ready((round) => {
      const pieces = [{ id: pieceOf(round % 3), bytes: EMPTY }];
      arms.toAll(arms.own, 1, common({ kind: "state", slot: round % 4, pieces }));
    }),
};

/** Fills the state with 2 MiB, and does no harm. */
const filling: Stranger = {
  perSecond: 1,
  prepare(arms, ready) {
    openSessions(arms, 1, 1, ([session]) => {
      const put = (keys: readonly number[]): void => {
        const [key, ...more] = keys;
        if (key === undefined) return ready(() => {});
        const value = randomBytes(MIB - 64);
        const operation = { kind: "put", key: Uint8Array.of(key), value } as const;
        session?.ask(encodeKvOperation(operation), () => put(more));
      };
      put([1, 2]);
    });
  },
};

/** In a victim's name, what is answered with more: a victim for each kind. */
function reflected(send: (arms: Arms, host: AttackingHost, to: number) => void): Stranger {
  return {
    perSecond: 200,
    prepare(arms, ready) {
      const host = arms.victim();
      ready(() => {
        for (let to = 0; to < arms.n; to++) send(arms, host, to);
      });
    },
  };
}

const open = (): Sealed => common({ kind: "request", request: openRequest(random) });

const reflectedOpens = reflected((arms, host, to) => arms.to(host, systemRandom(IDS), to, open()));
const reflectedRelays = reflected((arms, host, to) =>
  arms.to(host, systemRandom(IDS), to, {
    ...{ kind: "relay", client: 0, request: openRequest(random) },
  } as Sealed),
);
const reflectedRequests = reflected((arms, host, to) =>
  arms.to(host, systemRandom(IDS), to, requestOf(1 + systemRandom(1000))),
);
const reflectedFragments = reflected((_arms, host, to) => {
  const length = 4 * MIB;
  const chunk = host.payloadMax - 17;
  const count = Math.ceil(length / chunk);
  host.part(systemRandom(128), to, (out) => {
    out.u8(0);
    out.u53(systemRandom(2 ** 48));
    out.u16(count - 1);
    out.u16(count);
    out.u32(length);
    out.bytes(new Uint8Array(length - chunk * (count - 1)));
  });
});
const reflectedStates = reflected((arms, host, to) => {
  const slot = 128 * systemRandom(64);
  arms.to(host, systemRandom(IDS), to, fetchState(slot, 0));
});
const reflectedStatus = reflected((arms, host, to) =>
  arms.to(host, systemRandom(IDS), to, craftedFor(arms.mode).behind()),
);

/** A cached reply of 1 MiB, asked for in a victim's name. */
const reflectedReplies: Stranger = {
  perSecond: 50,
  prepare(arms, ready) {
    openSessions(arms, 1, 1, ([session]) => {
      if (session === undefined) return;
      largeResult(session, KEY, () => {
        const victim = arms.victim();
        const message = common({ kind: "request", request: session.request });
        ready(() => arms.toAll(victim, 1, message));
      });
    });
  },
};

export const STRANGERS = new Map<string, Stranger>([
  ["cached-replies", cachedReplies],
  ["fragment-requests", fragmentRequests],
  ["fetches", fetches],
  ["fragments", fragments],
  ["guessed-sessions", guessedSessions],
  ["large-requests", largeRequests],
  ["large-operations", largeOperations],
  ["invented-clients", inventedClients],
  ["forged-signatures", forgedSignatures],
  ["large-sessions", largeSessions],
  ["many-sessions", manySessions],
  ["large-state", largeState],
  ["state-junk", stateJunk],
  ["filling", filling],
  ["spoofed-fragments", spoofedFragments],
  ["reflected-opens", reflectedOpens],
  ["reflected-relays", reflectedRelays],
  ["reflected-requests", reflectedRequests],
  ["reflected-fragments", reflectedFragments],
  ["reflected-states", reflectedStates],
  ["reflected-status", reflectedStatus],
  ["reflected-replies", reflectedReplies],
]);
