// Bugs planted in Zyzzyva, each convicted by a trace that the replica or the client as it is passes:
// the published view change by scenarios of Twins, in which two instances of replica 0 tell two
// stories and a client's certificate reaches one replica alone, the others by hand.

import { expect, setDefaultTimeout, test } from "bun:test";
import { convict } from "../../../src/campaign/mutants.ts";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import {
  zyzzyva,
  ZyzzyvaClient,
  type Message,
  type Parts,
} from "../../../src/protocol/zyzzyva/index.ts";
import type { SpecReplyMessage } from "../../../src/protocol/zyzzyva/message.ts";
import { runAny } from "../../../src/simulation/runner.ts";
import { registered } from "../../../src/simulation/subjects.ts";
import { directed, directedClients, directedCodec, mutants } from "../../mutants/zyzzyva.ts";
import { bytes } from "../../support/requests.ts";
import {
  A,
  alone,
  B,
  certified,
  change,
  CLIENT,
  newView,
  order,
  packets,
  point,
  said,
  ZyzzyvaCluster,
} from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const put = (value: string) =>
  encodeKvOperation({ kind: "put", key: bytes("k"), value: bytes(value) });

for (const name of ["zyzzyva-published", "zyzzyva-any-view"]) {
  test(`Z17 Z18 ${name} loses what a client was told, which the repaired rule keeps`, () => {
    const mutant = mutants.find(({ subject }) => subject.name === name);
    const subject = registered.get("zyzzyva");
    if (mutant === undefined || subject === undefined) throw new Error(`there is no ${name}`);
    const { report, what, expected } = convict(mutant);
    expect([what?.split(":")[0], expected]).toEqual(["client agreement", true]);
    const seed = report?.seed ?? 0;
    expect(runAny({ subject, kind: "twins", seed }).failures).toEqual([]);
  });
}

/** What a trace shows of a replica as it is, and of one with a bug. */
interface Trace {
  readonly id: string;
  readonly of: (parts: Partial<Parts>) => unknown;
  readonly right: unknown;
  readonly wrong: unknown;
}

/** Replica 3, on the way to view 1 by these VIEW-CHANGEs, has this one's history already. */
function joining(
  parts: Partial<Parts>,
  changes: ReturnType<typeof change>[],
  batches: (typeof A)[],
) {
  const cluster = alone(3, { parts });
  for (const [i] of batches.entries()) {
    cluster.inject(0, 3, order(0, ...batches.slice(0, i + 1)));
  }
  for (const message of changes) cluster.inject(message.replica, 3, message);
  cluster.inject(1, 3, newView(1, changes, point(1, ...batches)));
  cluster.settle();
  return cluster;
}

const confirmed = (cluster: ZyzzyvaCluster): string[] =>
  cluster.sent("viewConfirm", 3).map(({ history }) => history.toHex());

/** What a replica reports that adopted B for a view that never began, after A in the last one. */
function adopted(parts: Partial<Parts>): ZyzzyvaCluster {
  const cluster = alone(3, { parts });
  cluster.inject(0, 3, order(0, A));
  for (const i of [1, 2]) cluster.inject(i, 3, { kind: "hate", replica: i, view: 0 });
  const changes = [0, 1, 2].map((i) => change(i, 1, [B]));
  for (const message of changes) cluster.inject(message.replica, 3, message);
  cluster.inject(1, 3, newView(1, changes, point(1, B)));
  cluster.settle();
  cluster.inject(1, 3, { kind: "batch", batch: B });
  cluster.advance(1000);
  return cluster;
}

/**
 * Replica 3 of a cluster in view 1 has lost its memory, and the others lose messages of one kind:
 * whether it may speak after a while, and in which view it is active.
 */
function recovering(parts: Partial<Parts>, lost: Message["kind"]) {
  const cluster = new ZyzzyvaCluster({}, { parts });
  const client = cluster.opened();
  for (const i of [1, 2, 3]) cluster.replica(i).hates.hate();
  cluster.runUntil(() => [0, 1, 2, 3].every((i) => cluster.state(i).view === 1));
  for (let i = 0; i < 6; i++) cluster.ask(client, put(`${i}`));
  cluster.advance(200);
  cluster.stop(3);
  cluster.drops = (_from, _to, { kind }) => kind === lost;
  cluster.start(3);
  cluster.runUntil(() => cluster.state(3).active, 300);
  const { view, active } = cluster.state(3);
  return { speaks: cluster.replica(3).start.phase === "running", view: active ? view : null };
}

const TRACES: { readonly [name in keyof typeof directed]: Trace } = {
  "one-report": {
    id: "Z17",
    of: (parts) =>
      confirmed(joining(parts, [change(0, 1, [B]), change(1, 1, [A]), change(2, 1, [A])], [B])),
    right: [],
    wrong: [point(1, B).history.toHex()],
  },
  // A was decided: 1 has its certificate.
  "no-certificates": {
    id: "Z17",
    of: (parts) => {
      const certificate = certified(0, [A]);
      const changes = [change(0, 1, [B]), change(1, 1, [A], { certificate }), change(2, 1, [B])];
      return confirmed(joining(parts, changes, [B]));
    },
    right: [],
    wrong: [point(1, B).history.toHex()],
  },
  unconfirmed: {
    id: "Z16 Z21",
    of: (parts) => {
      const changes = [0, 1, 2].map((i) => change(i, 1, [A]));
      return joining(parts, changes, [A]).state(3).active;
    },
    right: false,
    wrong: true,
  },
  "adds-up-views": {
    id: "Z10",
    of: (parts) => {
      const cluster = alone(3, { parts });
      cluster.inject(0, 3, order(0, A));
      for (const [i, view] of [0, 1, 0].entries()) {
        cluster.inject(i, 3, said("localCommit", i, point(view, A)));
      }
      cluster.settle();
      return cluster.state(3).committed;
    },
    right: 0,
    wrong: 1,
  },
  "commits-alone": {
    id: "Z10",
    of: (parts) => {
      const cluster = alone(3, { parts });
      cluster.inject(0, 3, order(0, A));
      cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A]) });
      cluster.settle();
      return cluster.state(3).committed;
    },
    right: 0,
    wrong: 1,
  },
  // Of the slot nothing is committed.
  "tells-early": {
    id: "Z13",
    of: (parts) => {
      const cluster = alone(3, { parts });
      const batches = [A, B, A, B];
      for (const [i] of batches.entries()) {
        cluster.inject(0, 3, order(0, ...batches.slice(0, i + 1)));
      }
      cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, batches) });
      cluster.advance(5);
      return cluster.sent("checkpoint", 3).map(({ slot }) => slot);
    },
    right: [],
    wrong: [4],
  },
  "earlier-certificates": {
    id: "Z9",
    of: (parts) => {
      const changes = [0, 1, 2].map((i) => change(i, 1, [A]));
      const cluster = joining(parts, changes, [A]);
      for (const i of [0, 1, 2]) cluster.inject(i, 3, said("viewConfirm", i, point(1, A)));
      cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A]) });
      cluster.settle();
      return cluster.sent("localCommit", 3).length > 0;
    },
    right: false,
    wrong: true,
  },
  "counts-twice": {
    id: "Z7",
    of: (parts) => {
      const cluster = alone(3, { parts });
      cluster.inject(0, 3, order(0, A));
      cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A], [0, 0, 1]) });
      cluster.settle();
      return cluster.sent("localCommit", 3).length > 0;
    },
    right: false,
    wrong: true,
  },
  "believes-more": {
    id: "F8",
    of: (parts) => {
      const cluster = alone(3, { parts });
      cluster.inject(0, 3, order(0, A));
      const { votes } = certified(0, [B]);
      cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A]), votes });
      cluster.settle();
      return cluster.sent("localCommit", 3).length > 0;
    },
    right: false,
    wrong: true,
  },
  // The client would wait for ever for replies of one view.
  "old-replies": {
    id: "Z3",
    of: (parts) => {
      const cluster = new ZyzzyvaCluster({}, { parts });
      const client = cluster.opened();
      cluster.drops = (_from, to, { kind }) =>
        ["history", "localCommit", "commit"].includes(kind) || (to >= 4 && kind === "specReply");
      cluster.ask(client, put("one"), 5);
      const { session, tag, number } = cluster.sent("specReply", 1).at(-1)!;
      const request = { session, tag, number, op: put("one") };
      const asks = () => {
        cluster.advance(20);
        cluster.inject(CLIENT, 1, { kind: "request", request });
        cluster.settle();
      };
      asks();
      for (const i of [1, 2]) cluster.replica(i).hates.hate();
      cluster.runUntil(() => cluster.state(1).view === 1 && cluster.state(1).active);
      asks();
      return cluster.sent("specReply", 1).at(-1)?.view;
    },
    right: 1,
    wrong: 0,
  },
  "one-hate": {
    id: "Z15",
    of: (parts) => {
      const cluster = alone(3, { parts });
      cluster.inject(1, 3, { kind: "hate", replica: 1, view: 0 });
      cluster.settle();
      return cluster.state(3).view;
    },
    right: 0,
    wrong: 1,
  },
  "any-proof": {
    id: "Z11",
    of: (parts) => {
      const teller = alone(2);
      for (const batch of [A, B]) teller.inject(0, 2, order(0, batch));
      teller.settle();
      const pom = packets.carried(teller.sent("pom", 2)[0]!);
      const cluster = alone(3, { parts });
      cluster.inject(1, 3, { ...pom, orders: [pom.orders[0], pom.orders[0]] });
      cluster.settle();
      return cluster.state(3).view;
    },
    right: 0,
    wrong: 1,
  },
  "drops-batches": {
    id: "Z15",
    of: (parts) => {
      const cluster = adopted(parts);
      cluster.inject(2, 3, { kind: "fetchBatch", digest: A.digest });
      cluster.settle();
      return cluster.sent("batch", 3).length;
    },
    right: 1,
    wrong: 0,
  },
  "reports-adopted": {
    id: "Z15",
    of: (parts) => {
      const last = adopted(parts).sent("viewChange", 3).at(-1);
      return last?.report?.digests.map((digest) => digest.toHex());
    },
    right: [A.digest.toHex()],
    wrong: [B.digest.toHex()],
  },
  // Nothing is committed, so that what it may have said is not.
  "speaks-at-once": {
    id: "Z24",
    of: (parts) => recovering(parts, "history").speaks,
    right: false,
    wrong: true,
  },
  "speaks-at-stable": {
    id: "Z25",
    of: (parts) => recovering(parts, "history").speaks,
    right: false,
    wrong: true,
  },
  // Nobody hears that it asks for the next one.
  "speaks-in-view-c": {
    id: "Z25",
    of: (parts) => recovering(parts, "recovered").view,
    right: null,
    wrong: 1,
  },
};

for (const [name, parts] of Object.entries(directed)) {
  const { id, of, right, wrong } = TRACES[name as keyof typeof directed];
  test(`${id} a trace by hand convicts ${name}`, () => {
    expect(of({})).toEqual(right);
    expect(of(parts)).toEqual(wrong);
  });
}

test("Z11 a trace by hand convicts who checks one signature of a proof of misbehaviour", () => {
  const teller = alone(2);
  for (const batch of [A, B]) teller.inject(0, 2, order(0, batch));
  teller.settle();
  const pom = packets.carried(teller.sent("pom", 2)[0]!);
  const [one, other] = pom.orders;
  const forged = { ...pom, orders: [one, { ...other, block: one.block }] } as const;
  const view = (codec = zyzzyva.codec) => {
    const cluster = alone(3, { codec });
    cluster.inject(1, 3, forged);
    cluster.settle();
    return cluster.state(3).view;
  };
  expect([view(), view(directedCodec.codec)]).toEqual([0, 1]);
});

/** Whether a client is done by what these replicas say, alike but for what `changed` says. */
function completes(
  Client: typeof ZyzzyvaClient,
  signers: readonly number[],
  changed: (i: number) => Partial<SpecReplyMessage>,
): boolean {
  const cluster = new ZyzzyvaCluster({}, { Client });
  const client = cluster.opened();
  cluster.drops = (_from, to) => to === CLIENT;
  let done = false;
  client.invoke(put("one"), () => (done = true));
  cluster.settle();
  for (const i of signers) {
    const { seal, ...reply } = cluster.sent("specReply", i).at(-1)!;
    void seal;
    client.receive(i, packets.carried({ ...reply, ...changed(i) }));
  }
  return done;
}

const LIE = { status: "done", result: bytes("lie") } as const;

const TOLD: {
  readonly [name in keyof typeof directedClients]: (Client: typeof ZyzzyvaClient) => boolean;
} = {
  "by-a-quorum": (Client) => completes(Client, [0, 1, 2], () => ({})),
  "ignores-histories": (Client) =>
    completes(Client, [0, 1, 2, 3], (i) => ({ history: new Uint8Array(32).fill(i % 2) })),
  "mixes-views": (Client) => completes(Client, [0, 1, 2, 3], (i) => ({ view: i % 2 })),
  "any-outcome": (Client) => completes(Client, [0, 1, 2, 3], () => ({ outcome: LIE })),
};

for (const [name, Client] of Object.entries(directedClients)) {
  test(`Z4 replies by hand convict ${name}`, () => {
    const done = TOLD[name as keyof typeof TOLD];
    expect(done(ZyzzyvaClient)).toBe(false);
    expect(done(Client)).toBe(true);
  });
}
