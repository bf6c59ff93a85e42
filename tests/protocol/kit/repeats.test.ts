// What a repeated request costs: it is answered once in a pause, and by its host's rate in bytes.

import { expect, test } from "bun:test";
import type { App } from "../../../src/actor.ts";
import { NullApp } from "../../../src/app/null.ts";
import { makeBatch } from "../../../src/protocol/kit/batch.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import {
  REPEAT_BYTES_A_SECOND,
  REPEAT_BYTES_BURST,
  RepeatLimit,
} from "../../../src/protocol/kit/repeats.ts";
import { Sessions } from "../../../src/protocol/kit/sessions.ts";
import { FakeHost } from "../../support/fake-host.ts";
import { CLIENT, PbftCluster } from "../pbft/harness.ts";
import { bytes } from "../../support/requests.ts";

const MEBIBYTE = 1024 * 1024;
const ELSEWHERE = 200;
const ALL = [0, 1, 2, 3];

/** Answers every operation with a mebibyte. */
class LargeApp extends NullApp implements App {
  override execute(): Uint8Array {
    return new Uint8Array(MEBIBYTE);
  }
}

function limitOf() {
  const host = new FakeHost<{ kind: "x" }, "x">();
  const sessions = new Sessions(100, MEBIBYTE);
  const session = sessions.open(new Uint8Array(13), 1, 1);
  session.home = CLIENT;
  return { host, session, limit: new RepeatLimit(host, 400) };
}

const small = { status: "forgotten" } as const;
const large = { status: "done", result: new Uint8Array(MEBIBYTE) } as const;

test("X22 a session's repeated request is answered once in an eighth of the view timeout", () => {
  const { host, session, limit } = limitOf();
  expect([0, 1, 2].map(() => limit.allows(session, CLIENT, small))).toEqual([true, false, false]);
  host.clockMs += 49;
  expect(limit.allows(session, CLIENT, small)).toBe(false);
  host.clockMs += 1;
  expect(limit.allows(session, CLIENT, small)).toBe(true);
});

test("X22 who asks in a client's name from elsewhere takes no turn of the client's", () => {
  const { session, limit } = limitOf();
  expect(limit.allows(session, ELSEWHERE, small)).toBe(true);
  expect(limit.allows(session, ELSEWHERE, small)).toBe(false);
  expect(limit.allows(session, CLIENT, small)).toBe(true);
});

test("X22 a host gets large answers one at a time, at a rate, and costs no other host any", () => {
  const { host, limit } = limitOf();
  let sent = 0;
  // A hundred requests a second for ten seconds, of as many sessions as it likes.
  for (let i = 0; i < 1000; i++) {
    host.clockMs += 10;
    if (limit.allows(undefined, CLIENT, large)) sent += MEBIBYTE;
  }
  expect(sent).toBeLessThanOrEqual(REPEAT_BYTES_BURST + 10 * REPEAT_BYTES_A_SECOND + MEBIBYTE);
  expect(sent).toBeGreaterThan(9 * REPEAT_BYTES_A_SECOND);
  expect(limit.allows(undefined, ELSEWHERE, large)).toBe(true);
});

test("X22 a result of which the digest alone was given is owed once, at home, whatever came before", () => {
  const { session, limit } = limitOf();
  while (limit.allows(undefined, CLIENT, large));
  session.owed = true;
  expect(limit.allows(session, ELSEWHERE, large)).toBe(true);
  expect([0, 1].map(() => limit.allows(session, CLIENT, large))).toEqual([true, false]);
});

test("X22 the hosts that are remembered are bounded", () => {
  const { limit } = limitOf();
  for (let i = 0; i < 10_000; i++) limit.allows(undefined, 1000 + i, small);
  const [sources] = limit.sizes;
  expect(sources?.size).toBe(sources?.max);
});

test("X22 small requests for a large result bring little of it, and its client gets it again", () => {
  const cluster = new PbftCluster({}, { app: () => new LargeApp() });
  const next = cluster.open();
  const request: Request = next(bytes("a"));
  cluster.request(request, [0]);
  cluster.advance(1);
  cluster.heard.length = 0;
  for (let i = 0; i < 50; i++) cluster.request(request, ALL, ELSEWHERE);
  expect(cluster.replies).toHaveLength(4);
  // The client's own retry, a quarter of the view timeout after its request.
  cluster.advance(25);
  cluster.heard.length = 0;
  cluster.request(request);
  expect(cluster.heard.map(({ to }) => to)).toEqual([CLIENT, CLIENT, CLIENT, CLIENT]);
});

test("X22 a primary that orders one request again and again has it answered once in a pause", () => {
  const cluster = new PbftCluster({}, { app: () => new LargeApp() });
  const next = cluster.open();
  const request = next(bytes("a"));
  cluster.request(request, [0]);
  cluster.heard.length = 0;
  const { executor, service } = cluster.replica(1).context;
  const { position } = executor;
  const batch = makeBatch(Array(50).fill(request), Array(50).fill(CLIENT));
  service.execute(batch);
  cluster.settle();
  expect(executor.position).toBe(position);
  expect(cluster.replies).toHaveLength(1);
});
