// Where replies go: to the address at which a replica itself heard the client, whatever whoever
// orders, relays or asks in its name says.

import { expect, test } from "bun:test";
import type { Address, Bytes } from "../../../src/actor.ts";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import type { ReplyMessage } from "../../../src/protocol/kit/messages.ts";
import {
  GIVEN_BY_ALL_MAX,
  operationDigest,
  replierOf,
  type Outcome,
  type Request,
} from "../../../src/protocol/kit/request.ts";
import { ChainedCluster } from "../chained/harness.ts";
import { CLIENT, PbftCluster } from "../pbft/harness.ts";
import { bytes, openOf } from "../../support/requests.ts";

const ELSEWHERE = 200;
const ALL = [0, 1, 2, 3];

/** To whom replicas replied since the last call, by replica. */
function replied(cluster: PbftCluster): Map<number, Address[]> {
  const found = new Map<number, Address[]>(ALL.map((i) => [i, []]));
  for (const { from, to } of cluster.heard) found.get(from)?.push(to);
  cluster.heard.length = 0;
  return found;
}

test("X20 a primary that writes another address for a client takes no reply away from it", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  cluster.heard.length = 0;
  // The primary hears it elsewhere, and so names that address in its batch.
  cluster.request(next(bytes("a")), [0], ELSEWHERE);
  const all = replied(cluster);
  expect(all.get(0)).toEqual([CLIENT, ELSEWHERE]);
  for (const backup of [1, 2, 3]) expect(all.get(backup)).toEqual([CLIENT]);
});

test("X20 in HotStuff a leader that writes another address for a client takes no reply away", () => {
  const cluster = new ChainedCluster({ tenure: 2 ** 20, leader: () => 1 });
  const request = openOf(7);
  for (const i of ALL) cluster.inject(CLIENT, i, { kind: "request", request });
  cluster.runUntil(() => cluster.heard.length === 4);
  const opened = cluster.heard[0]?.message;
  if (opened?.kind !== "opened") throw new Error("not opened");
  const { session } = opened;
  cluster.heard.length = 0;
  const asked = { session, tag: request.tag, number: 1, op: bytes("a") };
  cluster.inject(ELSEWHERE, 1, { kind: "request", request: asked });
  cluster.runUntil(() => cluster.heard.length === 5);
  const at = (to: Address) => cluster.heard.filter((carried) => carried.to === to);
  expect(at(CLIENT).map(({ from }) => from)).toEqual(expect.arrayContaining(ALL));
  expect(at(ELSEWHERE).map(({ from }) => from)).toEqual([1]);
});

test("X20 a client that moved is answered where it asks again, and from then on there as well", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const first = next(bytes("a"));
  cluster.request(first, [0], ELSEWHERE);
  replied(cluster);
  cluster.request(first, ALL, ELSEWHERE);
  for (const to of replied(cluster).values()) expect(to).toEqual([ELSEWHERE]);
  cluster.request(next(bytes("b")), [0], ELSEWHERE);
  for (const to of replied(cluster).values()) expect(to).toEqual([CLIENT, ELSEWHERE]);
  // Whoever it was, the client itself is heard again.
  cluster.request(next(bytes("c")), ALL);
  replied(cluster);
  cluster.request(next(bytes("d")), [0]);
  for (const to of replied(cluster).values()) expect(to).toEqual([CLIENT]);
});

test("X20 a stranger that guesses session, tag and number gets no reply of the client's", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const request = next(bytes("a"));
  // In the same turn, so that both wait; then once more, when the client's was executed.
  for (const i of ALL) cluster.inject(CLIENT, i, { kind: "request", request });
  const guessed = { ...request, op: bytes("b") };
  cluster.request(guessed, ALL, ELSEWHERE);
  const results = cluster.replies.filter(({ number }) => number === request.number);
  expect(results.filter(({ outcome }) => outcome.status === "done")).toHaveLength(4);
  replied(cluster);
  cluster.request(guessed, ALL, ELSEWHERE);
  expect(cluster.replies.map(({ outcome }) => outcome.status)).toEqual(
    Array(4).fill("number used"),
  );
  replied(cluster);
  cluster.request(next(bytes("c")), [0]);
  for (const to of replied(cluster).values()) expect(to).toEqual([CLIENT]);
});

test("X20 who sends a copy of a client's open, earlier or later, takes no reply away from it", () => {
  const cluster = new PbftCluster();
  const request = openOf(7);
  // Replica 3 hears the copy first; a client believes the f + 1 others.
  cluster.inject(ELSEWHERE, 3, { kind: "request", request });
  for (const i of ALL) cluster.inject(CLIENT, i, { kind: "request", request });
  for (const i of ALL) cluster.inject(ELSEWHERE, i, { kind: "request", request });
  cluster.settle();
  const all = replied(cluster);
  for (const i of [0, 1, 2]) expect(all.get(i)?.[0]).toBe(CLIENT);
});

test("X20 where no open was heard the address in the batch serves, or one that was forgotten", () => {
  const cluster = new PbftCluster();
  const next = cluster.open(CLIENT, [0]);
  replied(cluster);
  cluster.request(next(bytes("a")), [0]);
  for (const to of replied(cluster).values()) expect(to).toEqual([CLIENT]);
  cluster.host(0).forgotten.add(CLIENT);
  cluster.request(next(bytes("b")), [0], ELSEWHERE);
  for (const to of replied(cluster).values()) expect(to).toEqual([ELSEWHERE]);
});

test("P2 a backup relays an open that the primary did not hear, before it suspects it, and no other", () => {
  const cluster = new PbftCluster();
  const relays = () => cluster.sent("relay").length;
  cluster.request(openOf(7));
  cluster.advance(500);
  expect(relays()).toBe(0);
  cluster.request(openOf(8), [1, 2, 3]);
  expect(relays()).toBe(0);
  cluster.advance(90);
  // Before the others do, since it is executed by then.
  expect(relays()).toBe(1);
  expect(cluster.replies.filter(({ tag }) => tag === 8)).toHaveLength(4);
  cluster.advance(500);
  expect(relays()).toBe(1);
  expect(ALL.map((i) => cluster.state(i).view)).toEqual([0, 0, 0, 0]);
});

test("P2 what its client repeats is relayed once in a view timeout, after it has waited", () => {
  const cluster = new PbftCluster();
  cluster.drops = (_from, _to, { kind }) => kind === "relay";
  for (let i = 0; i < 8; i++) {
    cluster.request(openOf(7), [1]);
    cluster.advance(1);
  }
  expect(cluster.sent("relay")).toHaveLength(0);
  for (let i = 0; i < 8; i++) {
    cluster.request(openOf(7), [1]);
    cluster.advance(11);
  }
  expect(cluster.sent("relay")).toHaveLength(1);
});

test("P2 what the primary has proposed it is not told of, until another view begins", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  cluster.heard.length = 0;
  // Proposed, but never committed.
  cluster.drops = (_from, _to, { kind }) => kind === "commit" || kind === "committed";
  cluster.request(next(bytes("a")));
  cluster.advance(95);
  expect(cluster.sent("relay")).toHaveLength(0);
  cluster.drops = () => false;
  cluster.advance(400);
  expect(cluster.state(0).view).toBeGreaterThan(0);
});

test("X21 who orders an open says which host it heard it from, or which replica relayed it", () => {
  const cluster = new PbftCluster();
  cluster.request(openOf(7), ALL, 300);
  cluster.request(openOf(8), [2], 300);
  cluster.advance(90);
  const sources = cluster
    .sent("prePrepare", 0)
    .flatMap(({ batch }) => batch?.requests ?? [])
    .map(({ tag, source }) => [tag, source]);
  expect(sources).toEqual([
    [7, cluster.host(0).sourceOf(300)],
    [8, 2],
  ]);
});

test("X21 a host that opens many sessions evicts no other's, at no replica", () => {
  const cluster = new PbftCluster({ sessionsMax: 4 });
  const next = cluster.open();
  for (let i = 0; i < 20; i++) cluster.request(openOf(500 + i), ALL, ELSEWHERE);
  const request = next(bytes("a"));
  cluster.request(request);
  expect(cluster.results(request).size).toBe(4);
  expect(new Set(ALL.map((i) => cluster.state(i).digest)).size).toBe(1);
});

test("a request in a replica's name brings that replica nothing, however often it is repeated", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const request = next(bytes("a"));
  cluster.request(request, ALL);
  replied(cluster);
  const before = cluster.sent("reply", 0).length;
  for (let i = 0; i < 10; i++) {
    cluster.inject(3, 0, { kind: "request", request });
    cluster.advance(500);
  }
  expect(cluster.sent("reply", 0).length).toBe(before);
  expect(cluster.host(0).drops.get("not admitted: request in a replica's name")).toBe(10);
  // The client itself is answered still.
  cluster.request(request, [0]);
  expect(replied(cluster).get(0)).toEqual([CLIENT]);
});

test("X4 of a long result one replica gives all, in its turn, and whoever asks again gets all", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const key = bytes("k");
  const told = (request: Request, to: number[]): ReplyMessage[] => {
    cluster.heard.length = 0;
    cluster.request(request, to);
    const { replies } = cluster;
    expect(replies).toHaveLength(ALL.length);
    cluster.advance(100);
    return replies;
  };
  const value = new Uint8Array(GIVEN_BY_ALL_MAX).fill(7);
  told(next(encodeKvOperation({ kind: "put", key, value })), [0]);
  for (let i = 0; i < ALL.length; i++) {
    const request = next(encodeKvOperation({ kind: "get", key }));
    const replies = told(request, [0]);
    const [whole, ...more] = replies.filter(({ outcome }) => outcome.status === "done");
    expect(more).toEqual([]);
    expect(whole?.replica).toBe(replierOf(request.number, ALL.length));
    const again = told(request, ALL);
    for (const { outcome } of again) expect(outcome).toEqual(whole?.outcome as Outcome);
    const digest = whole?.outcome.status === "done" ? operationDigest(whole.outcome.result) : null;
    for (const { replica, outcome } of replies) {
      if (replica !== whole?.replica)
        expect(outcome).toEqual({ status: "digest", digest: digest as Bytes });
    }
  }
});

test("E17 what a replica relays of sessions that are not open is not ordered", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const honest = next(bytes("a"));
  const madeUp = { session: 77, tag: 5, number: 1, op: bytes("b") };
  cluster.inject(1, 0, { kind: "relay", client: ELSEWHERE, request: madeUp });
  cluster.inject(1, 0, { kind: "relay", client: CLIENT, request: honest });
  cluster.settle();
  // Its client itself is told of it, in order.
  cluster.request(madeUp, [0], ELSEWHERE);
  const proposed = cluster.sent("prePrepare", 0).flatMap(({ batch }) => batch?.requests ?? []);
  expect(proposed.slice(1).map(({ op }) => op)).toEqual([honest.op, madeUp.op]);
});
