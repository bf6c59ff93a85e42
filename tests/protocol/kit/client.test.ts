// The client that f + 1 replicas must convince.

import { expect, test } from "bun:test";
import { RETRIES_SAVED_MAX } from "../../../src/protocol/kit/retry-budget.ts";
import { QuorumClient } from "../../../src/protocol/kit/client.ts";
import { quorumsOf } from "../../../src/protocol/kit/quorum.ts";
import {
  encodeCommon,
  type CommonMessage,
  type ReplyMessage,
} from "../../../src/protocol/kit/messages.ts";
import {
  operationDigest,
  replierOf,
  type Outcome,
  type Request,
  type Told,
} from "../../../src/protocol/kit/request.ts";
import { bytesOf, Reader } from "../../../src/wire.ts";
import { configOf } from "../../support/cluster.ts";
import { FakeHost } from "../../support/fake-host.ts";

const CONFIG = configOf({ viewTimeoutMs: 500 });
/** The run that its session is of. */
const RUN = new Uint8Array(32).fill(7);
const OP = Uint8Array.of(1, 2, 3);

/** A client with a session that took so long to open, one operation on its way, what came of it. */
function begin(openMs = 0) {
  const host = new FakeHost<CommonMessage, "retry">();
  const client = new QuorumClient(CONFIG, host, quorumsOf(CONFIG), (view) => CONFIG.leader(view));
  const results: (Uint8Array | null)[] = [];
  const invoke = () => client.invoke(OP, (result) => results.push(result));
  const last = (): Request => {
    const message = host.sent.at(-1)?.message;
    if (message?.kind !== "request") throw new Error("a client sends requests");
    return message.request;
  };
  const reply = (replica: number, outcome: Told, changes: Partial<ReplyMessage> = {}) => {
    const { session, tag, number, op } = last();
    const digest = operationDigest(op);
    const named = { session, tag, number, digest, outcome };
    const message: ReplyMessage = { kind: "reply", replica, view: 0, ...named, ...changes };
    if (client.refuse(replica, message) === null) client.receive(replica, message);
  };
  const gone = (replica: number, run: Uint8Array) => {
    const { session, tag, number, op } = last();
    const named = { session, tag, number, digest: operationDigest(op), run };
    const message: CommonMessage = { kind: "gone", replica, view: 0, ...named };
    if (client.refuse(replica, message) === null) client.receive(replica, message);
  };
  const opened = (replica: number, session: number) => {
    const { tag, op } = last();
    const named = { tag, session, digest: operationDigest(op), run: RUN };
    const message: CommonMessage = { kind: "opened", replica, view: 0, ...named };
    if (client.refuse(replica, message) === null) client.receive(replica, message);
  };
  invoke();
  // None of them names a run.
  for (const i of [0, 1, 2, 3]) reply(i, { status: "opened", session: 6 });
  host.clockMs += openMs;
  for (const i of [0, 1]) opened(i, 5);
  return { host, client, results, invoke, last, reply, gone };
}

const one: Outcome = { status: "done", result: Uint8Array.of(1) };
const two: Outcome = { status: "done", result: Uint8Array.of(2) };

test("P1 X4 f + 1 replicas that agree on the result suffice, whatever their views", () => {
  const { reply, results } = begin();
  reply(3, one, { view: 7 });
  expect(results).toEqual([]);
  reply(1, one, { view: 2 });
  expect(results).toEqual([Uint8Array.of(1)]);
});

test("X8 an operation that no replica would take is refused where it is made", () => {
  const { client, host, reply } = begin();
  reply(1, one);
  reply(2, one);
  const before = host.sent.length;
  const large = new Uint8Array(2 * 1024 * 1024 + 1);
  expect(() => client.invoke(large, () => {})).toThrow(
    "an operation of 2097153 bytes: at most 2097152",
  );
  expect(host.sent.length).toBe(before);
  // As if it had not been asked.
  client.invoke(large.subarray(1), () => {});
  expect(host.sent.length).toBe(before + 1);
});

test("X4 a replica that answers many times, or differently, counts once", () => {
  const { reply, results } = begin();
  for (let i = 0; i < 5; i++) reply(2, one);
  reply(2, two);
  reply(0, one);
  expect(results).toEqual([]);
  reply(1, one);
  expect(results).toEqual([Uint8Array.of(1)]);
});

test("X4 replies of another session, number, operation or kind do not count", () => {
  const { reply, results } = begin();
  const wrong: Partial<ReplyMessage>[] = [
    { session: 6 },
    { number: 2 },
    { tag: 1 },
    { digest: operationDigest(Uint8Array.of(9)) },
  ];
  for (const changes of wrong) for (const i of [0, 1, 2, 3]) reply(i, one, changes);
  for (const i of [0, 1, 2, 3]) {
    reply(i, { status: "opened", session: 5 });
    reply(i, { status: "no session" });
  }
  reply(200, one);
  expect(results).toEqual([]);
  for (const i of [0, 1]) reply(i, one);
  expect(results).toEqual([Uint8Array.of(1)]);
});

test("before it is decoded, a reply is expected exactly if it names the request on its way", () => {
  const { client, last, reply } = begin();
  const { session, tag, number, op } = last();
  const digest = operationDigest(op);
  const named: ReplyMessage = {
    ...({ kind: "reply", replica: 3, view: 2 ** 50, outcome: one } as const),
    ...{ session, tag, number, digest },
  };
  const expected = (message: CommonMessage, length = Infinity): boolean => {
    const bytes = bytesOf((out) => encodeCommon(message, out));
    return client.refuseBytes(0, new Reader(bytes.slice(0, length))) === null;
  };
  expect(expected(named)).toBe(true);
  for (const changes of [{ session: 6 }, { tag: 1 }, { number: 2 }]) {
    expect(expected({ ...named, ...changes })).toBe(false);
  }
  // Told by what comes before the digest, all of it.
  const before = 1 + 1 + 8 + 8 + 4 + 8;
  for (let length = 0; length < before; length++) expect(expected(named, length)).toBe(false);
  expect(expected(named, before)).toBe(true);
  expect(expected({ kind: "request", request: last() })).toBe(false);
  for (const i of [0, 1]) reply(i, one);
  expect(expected(named)).toBe(false);
});

test("P1 an open goes to all replicas, each of which remembers where it heard it", () => {
  const { host } = begin();
  expect(host.sent[0]).toMatchObject({ to: "all", message: { request: { session: 0 } } });
  expect(host.sent[1]).toMatchObject({ to: 0, message: { request: { session: 5 } } });
});

/** The delays until the next so many retries, and to whom those go. */
function retries(host: FakeHost<CommonMessage, "retry">, client: QuorumClient, count: number) {
  return Array.from({ length: count }, () => {
    const delayMs = (host.timers.get("retry") ?? Infinity) - host.clockMs;
    host.clockMs += delayMs;
    client.timeout();
    return [delayMs, host.sent.at(-1)?.to];
  });
}

/** So many milliseconds pass, with retries when they are due. */
function pass(host: FakeHost<CommonMessage, "retry">, client: QuorumClient, ms: number): void {
  const endMs = host.clockMs + ms;
  for (let dueMs = 0; (dueMs = host.timers.get("retry") ?? Infinity) < endMs;) {
    host.clockMs = dueMs;
    host.timers.delete("retry");
    client.timeout();
  }
  host.clockMs = endMs;
}

test("P1 retries double from a quarter of the view timeout to four times it, and go to all", () => {
  const { host, client } = begin(8);
  expect(host.sent.at(-1)?.to).toBe(0);
  const delays = [125, 250, 500, 1000, 2000, 2000];
  expect(retries(host, client, 6)).toEqual(delays.map((delayMs) => [delayMs, "all"]));
  expect(client.retransmissions).toBe(6);
});

test("P1 where packets are lost a request whose answer is overdue goes to the leader once more, and then to all", () => {
  const { host, client, reply, invoke } = begin(8);
  // The first one that is lost says that packets are.
  expect(retries(host, client, 2)).toEqual([
    [125, "all"],
    [250, "all"],
  ]);
  const answer = (): void => {
    host.clockMs += 8;
    for (const i of [0, 1]) reply(i, one);
  };
  answer();
  // Eight milliseconds, and four times half of that; an answer to what was sent again tells nothing.
  invoke();
  expect(retries(host, client, 3)).toEqual([
    [24, 0],
    [226, "all"],
    [500, "all"],
  ]);
  answer();
  // The time doubles as long as none is known.
  invoke();
  expect(retries(host, client, 1)).toEqual([[48, 0]]);
});

test("P1 a service that takes long is asked again once what it takes has passed, if ever", () => {
  const { host, client, reply, invoke, results } = begin(200);
  const answerAfter = (ms: number): void => {
    host.clockMs += ms;
    for (const i of [0, 1]) reply(i, one);
  };
  // The mean and four deviations, but half of the view timeout at most.
  expect(retries(host, client, 2)).toEqual([
    [250, "all"],
    [500, "all"],
  ]);
  answerAfter(100);
  for (let i = 0; i < 20; i++) {
    invoke();
    answerAfter(200);
  }
  expect(results).toHaveLength(21);
  expect(client.retransmissions).toBe(2);
  invoke();
  const [[delayMs = 0] = []] = retries(host, client, 1) as [number, unknown][];
  expect(delayMs).toBeGreaterThan(200);
  expect(delayMs).toBeLessThan(210);
});

test("P1 an operation beyond a kilobyte goes to all after half a view timeout", () => {
  const { host, client, reply } = begin(8);
  for (const replica of [0, 1]) reply(replica, one);
  client.invoke(new Uint8Array(1025), () => {});
  expect(retries(host, client, 2)).toEqual([
    [250, "all"],
    [500, "all"],
  ]);
});

test("P1 retries that are of no use are one in 128 but for some, by which a leader is judged", () => {
  const { host, client, reply, invoke } = begin(200);
  // Answers take longer than the latest time at which a request goes to all.
  const repeated = (requests: number): number => {
    const before = client.retransmissions;
    for (let i = 0; i < requests; i++) {
      pass(host, client, 400);
      for (const replica of [0, 1]) reply(replica, one);
      invoke();
    }
    return client.retransmissions - before;
  };
  expect(repeated(RETRIES_SAVED_MAX)).toBe(RETRIES_SAVED_MAX);
  expect(repeated(256)).toBeLessThanOrEqual(4);
  // Without any left it goes to all after a view timeout all the same.
  const before = client.retransmissions;
  const delays = retries(host, client, 8);
  expect(client.retransmissions).toBeGreaterThan(before + 5);
  expect(delays.at(-1)).toEqual([2000, "all"]);
});

test("P1 where replies are lost retries are within budget, though the cached one comes soon", () => {
  const { host, client, reply, invoke } = begin(2);
  const delays: number[] = [];
  for (let i = 0; i < 400; i++) {
    const lost = i % 12 === 11;
    if (lost) delays.push(...retries(host, client, 1).map(([delayMs]) => Number(delayMs)));
    host.clockMs += lost ? 0.5 : 2;
    for (const replica of [0, 1]) reply(replica, one);
    invoke();
  }
  expect(delays).toHaveLength(33);
  expect(Math.max(...delays)).toBe(125);
});

test("P1 answers that are soon again earn retries as before", () => {
  const { host, client, reply, invoke } = begin(2);
  const answerAfter = (ms: number): void => {
    pass(host, client, ms);
    for (const replica of [0, 1]) reply(replica, one);
    invoke();
  };
  for (let i = 0; i < 100; i++) answerAfter(400);
  for (let i = 0; i < 10 * RETRIES_SAVED_MAX; i++) answerAfter(10);
  const before = client.retransmissions;
  for (let i = 0; i < RETRIES_SAVED_MAX; i++) answerAfter(400);
  expect(client.retransmissions - before).toBeGreaterThanOrEqual(RETRIES_SAVED_MAX - 1);
});

test("P1 the next request goes to the primary of a view that a correct replica is in", () => {
  const { host, reply, invoke } = begin();
  // Replica 3 may lie about its view: the lower of the two counts.
  reply(3, one, { view: 11 });
  reply(1, one, { view: 2 });
  invoke();
  expect(host.sent.at(-1)?.to).toBe(2);
});

test("X13 a lost session ends the operation as unknown, and the next one opens another", () => {
  const { gone, results, invoke, last } = begin();
  expect(last()).toMatchObject({ session: 5, number: 1 });
  gone(0, RUN);
  gone(1, new Uint8Array(32).fill(8));
  expect(results).toEqual([]);
  gone(2, RUN);
  expect(results).toEqual([null]);
  invoke();
  expect(last()).toMatchObject({ session: 0, number: 0 });
});

test("X13 a number that was used for another operation ends this one as unknown, with its session", () => {
  const { reply, results, invoke, last } = begin();
  for (const replica of [0, 2]) reply(replica, { status: "number used" });
  expect(results).toEqual([null]);
  invoke();
  expect(last()).toMatchObject({ session: 0, number: 0 });
});

test("X13 X15 a client that nobody answers asks which run there is, and leaves one that has ended", () => {
  const { host, client, results, invoke, last } = begin();
  const expire = () => {
    host.clockMs = host.timers.get("retry") ?? Infinity;
    client.timeout();
  };
  while (last().session !== 0) expire();
  const toAll = host.sent.filter(({ to, message }) => to === "all" && message.kind === "request");
  // Its `open`, the request three times, and the question.
  expect(toAll.length).toBe(5);
  const asked = last();
  const answer = (replica: number, run: Uint8Array, tag = asked.tag) => {
    const named = { tag, session: 70 + replica, digest: operationDigest(asked.op), run };
    const message: CommonMessage = { kind: "opened", replica, view: 0, ...named };
    const bytes = bytesOf((out) => encodeCommon(message, out, false));
    const refused = client.refuseBytes(replica, new Reader(bytes)) !== null;
    expect(client.refuse(replica, message) !== null).toBe(refused);
    if (!refused) client.receive(replica, message);
    return !refused;
  };
  const other = new Uint8Array(32).fill(8);
  expect(answer(1, other, asked.tag + 1)).toBe(false);
  // It is in the run that enough replicas name, so that the answer is only late.
  for (const replica of [0, 1, 2]) expect(answer(replica, RUN)).toBe(true);
  expire();
  // One question, however often it is sent.
  expect([last(), results]).toEqual([asked, []]);
  for (const _ of [0, 1]) expect(answer(3, other)).toBe(true);
  expect(results).toEqual([]);
  answer(0, other);
  expect([results, host.run, host.timers.has("retry")]).toEqual([[null], null, false]);
  expect(answer(2, other)).toBe(false);
  invoke();
  expect([last().session, last().tag === asked.tag]).toEqual([0, false]);
});

test("X13 a forgotten result ends the operation as unknown, and the session goes on", () => {
  const { reply, results, invoke, last } = begin();
  for (const replica of [0, 2]) reply(replica, { status: "forgotten" });
  expect(results).toEqual([null]);
  invoke();
  expect(last()).toMatchObject({ session: 5, number: 2 });
});

/** A long result, and what the others say of it. */
const long: Outcome = { status: "done", result: new Uint8Array(2000).fill(3) };
const digestOfLong: Told = { status: "digest", digest: operationDigest(long.result) };

test("X4 of a long result one replica gives all and the others its digest", () => {
  for (const order of [
    [long, digestOfLong],
    [digestOfLong, long],
    [long, long],
  ]) {
    const { reply, results } = begin();
    for (const [replica, told] of order.entries()) {
      expect(results).toEqual([]);
      reply(replica, told);
    }
    expect(results).toEqual([long.result]);
  }
});

test("X4 digests alone are no result, and one that does not fit them does not count", () => {
  const { host, client, reply, results, last } = begin();
  for (const replica of [0, 1, 2]) reply(replica, digestOfLong);
  reply(3, { status: "done", result: new Uint8Array(2000).fill(4) });
  expect(results).toEqual([]);
  // Whoever gave a digest is believed the result too, and asked for it.
  host.clockMs += 500;
  client.timeout();
  expect(host.sent.at(-1)?.message).toEqual({ kind: "request", request: last() });
  reply(1, long);
  expect(results).toEqual([long.result]);
});

test("X13 a result that no replica has any more is given up once all were asked three times", () => {
  const { host, client, reply, results } = begin();
  for (const replica of [0, 1, 2]) reply(replica, digestOfLong);
  let asked = 0;
  for (let i = 0; i < 8 && results.length === 0; i++) {
    const before = host.sent.length;
    host.clockMs += 2000;
    client.timeout();
    if (host.sent.length > before) asked++;
    for (const replica of [0, 1, 2]) reply(replica, digestOfLong);
  }
  expect(results).toEqual([null]);
  expect(asked).toBe(3);
});

test("X4 no digest makes a result of a replica that lies about it count", () => {
  const { reply, results } = begin();
  const wrong: Told = { status: "digest", digest: operationDigest(Uint8Array.of(1)) };
  reply(0, one);
  // A short result is given by each.
  reply(1, wrong);
  reply(2, digestOfLong);
  expect(results).toEqual([]);
  reply(3, one);
  expect(results).toEqual([Uint8Array.of(1)]);
});

test("a replica that gives no long results is asked for ever fewer of them", () => {
  const { client, host, reply, results, last } = begin();
  const SILENT = 2;
  const turns: number[] = [];
  for (let operation = 0; operation < 400; operation++) {
    const { number } = last();
    const replier = replierOf(number, CONFIG.n);
    if (replier === SILENT) turns.push(operation);
    for (const replica of [0, 1, 2, 3]) {
      if (replica !== SILENT) reply(replica, replica === replier ? long : digestOfLong);
    }
    if (replier === SILENT) {
      host.clockMs += 500;
      client.timeout();
      reply(0, long);
    }
    expect(results.length).toBe(operation + 1);
    client.invoke(OP, (result) => results.push(result));
  }
  expect(turns.length).toBeGreaterThan(3);
  expect(turns.length).toBeLessThan(8);
});
