// Shows X13 for sessions and executor: at most once whatever is repeated or reordered, eviction by
// least recent execution, results dropped by size within the bound of bytes, and snapshots that are
// canonical, complete and harmless when malformed.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { App, Bytes, Snapshot } from "../../../src/actor.ts";
import { KvApp } from "../../../src/app/kv.ts";
import { Executor } from "../../../src/protocol/kit/executor.ts";
import {
  NONCE_LENGTH,
  tagOf,
  type Outcome,
  type Request,
} from "../../../src/protocol/kit/request.ts";
import { Sessions, type Session } from "../../../src/protocol/kit/sessions.ts";
import { EMPTY } from "../../../src/wire.ts";
import { becomes, changedBytes, onePart, partsOf, stateOf, wholeOf } from "../../support/states.ts";

/** The nonce of client `i`; all have different tags. */
function nonce(i: number): Bytes {
  const bytes = new Uint8Array(NONCE_LENGTH).fill(7);
  new DataView(bytes.buffer).setUint32(0, 1000 + i);
  return bytes;
}

interface Known {
  readonly id: number;
  readonly client: number;
  number: number;
  /** Of its result; -1 if that was dropped. */
  bytes: number;
}

/** The class of a result's size that goes first. */
function classOf(bytes: number): number {
  return bytes <= 0 ? 0 : Math.floor(Math.log2(bytes)) + 1;
}

/** Clients are at three hosts. */
function sourceOf(client: number): number {
  return client % 3;
}

/** Executes or opens with a client; a result has as many bytes as said. */
const DIGEST = new Uint8Array(32).fill(7);
const step = fc.record({ client: fc.nat(7), bytes: fc.nat(40) });

describe("X13 eviction", () => {
  test("X13 X21 of the source with the most the least recently executed session goes, or the largest result", () => {
    const bounds = fc.record({ max: fc.integer({ min: 1, max: 5 }), bytesMax: fc.nat(80) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), bounds, (steps, { max, bytesMax }) => {
        const sessions = new Sessions(max, bytesMax);
        /** In the order of last execution. */
        let model: Known[] = [];
        let position = 0;
        for (const { client, bytes } of steps) {
          const known = model.find((session) => session.client === client);
          if (known === undefined) {
            sessions.open(nonce(client), ++position, sourceOf(client));
            model.push({ id: position, client, number: 0, bytes: 0 });
          } else {
            const session = sessions.get(known.id, tagOf(nonce(client))) as Session;
            const result = new Uint8Array(bytes).fill(client);
            sessions.executed(session, ++position, ++known.number, DIGEST, result);
            known.bytes = bytes;
            model = [...model.filter((other) => other !== known), known];
          }
          const held = () => model.reduce((sum, session) => sum + Math.max(0, session.bytes), 0);
          while (model.length > max) {
            const count = ({ client: one }: Known) =>
              model.filter((other) => sourceOf(other.client) === sourceOf(one)).length;
            const most = Math.max(...model.map(count));
            const victim = model.find((session) => count(session) === most);
            model = model.filter((session) => session !== victim);
          }
          while (held() > bytesMax) {
            const large = model.filter((session) => session.bytes > Math.floor(bytesMax / max));
            const held = (source: number) =>
              large.reduce((sum, s) => sum + (sourceOf(s.client) === source ? s.bytes : 0), 0);
            const owner = [0, 1, 2].toSorted((a, b) => held(b) - held(a) || a - b)[0];
            const own = large.filter((session) => sourceOf(session.client) === owner);
            const most = Math.max(...own.map((session) => classOf(session.bytes)));
            own.find((session) => classOf(session.bytes) === most)!.bytes = -1;
          }
          expect({ size: sessions.size, bytes: sessions.bytes }).toEqual({
            ...{ size: model.length, bytes: held() },
          });
          for (const { id, client, number, bytes } of model) {
            const session = sessions.get(id, tagOf(nonce(client)));
            expect(session).toMatchObject({ id, number });
            expect(session?.result?.length ?? -1).toBe(bytes);
            expect(sessions.opened(nonce(client))?.id).toBe(id);
          }
          for (let other = 0; other < 8; other++) {
            if (model.some((session) => session.client === other)) continue;
            expect(sessions.opened(nonce(other))).toBeUndefined();
          }
        }
      }),
    );
  });

  test("X13 few clients with large results cost no other its session or its result", () => {
    const sessions = new Sessions(1000, 100_000);
    for (let i = 0; i < 500; i++) {
      const session = sessions.open(nonce(i), 2 * i + 1, 1);
      sessions.executed(session, 2 * i + 2, 1, DIGEST, new Uint8Array(100));
    }
    for (let i = 0; i < 5; i++) {
      const session = sessions.get(2 * i + 1, tagOf(nonce(i))) as Session;
      for (let number = 2; number < 20; number++) {
        sessions.executed(session, 1000 + 20 * i + number, number, DIGEST, new Uint8Array(30_000));
        expect(sessions.bytes).toBeLessThanOrEqual(100_000);
      }
    }
    expect(sessions.size).toBe(500);
    const results = Array.from({ length: 500 }, (_, i) => sessions.opened(nonce(i))?.result);
    // Of the five the one that was executed last has its result, and one before it.
    const lengths = results.slice(0, 5).map((result) => result?.length);
    expect(lengths).toEqual([undefined, undefined, undefined, undefined, 30_000]);
    expect(results.slice(5).every((result) => result?.length === 100)).toBe(true);
  });

  test("X21 a host that opens sessions without end costs another none of its", () => {
    const sessions = new Sessions(1000, 100_000);
    for (let i = 0; i < 50; i++) sessions.open(nonce(i), i + 1, 7);
    for (let i = 50; i < 5000; i++) {
      sessions.open(nonce(i), i + 1, 8);
      expect(sessions.size).toBeLessThanOrEqual(1000);
    }
    for (let i = 0; i < 50; i++) expect(sessions.opened(nonce(i))?.id).toBe(i + 1);
    // Both have as many in the end, whatever each asks for.
    for (let i = 5000; i < 9000; i++) sessions.open(nonce(i), i + 1, 7 + (i % 2));
    let first = 0;
    for (let i = 0; i < 9000; i++) if (sessions.opened(nonce(i))?.owner.source === 7) first++;
    expect(first).toBe(500);
  });

  test("X21 a host with large results loses its own, and others keep theirs, large or not", () => {
    const sessions = new Sessions(1000, 100_000);
    let position = 0;
    const ask = (client: number, source: number, bytes: number) => {
      const session =
        sessions.opened(nonce(client)) ?? sessions.open(nonce(client), ++position, source);
      sessions.executed(session, ++position, session.number + 1, DIGEST, new Uint8Array(bytes));
      return session;
    };
    const modest = ask(0, 7, 30_000);
    for (let i = 1; i < 100; i++) ask(i, 8, 20_000);
    for (let i = 1; i < 100; i++) ask(i, 8, 40_000);
    expect(modest.result?.length).toBe(30_000);
    expect(sessions.bytes).toBeLessThanOrEqual(100_000);
    expect(sessions.size).toBe(100);
  });

  test("X13 one result larger than the bound is dropped, and its session stays", () => {
    const sessions = new Sessions(10, 100);
    for (let i = 0; i < 3; i++) sessions.open(nonce(i), i + 1, 1);
    const first = sessions.get(1, tagOf(nonce(0))) as Session;
    sessions.executed(first, 4, 1, DIGEST, new Uint8Array(1000));
    expect({ size: sessions.size, bytes: sessions.bytes }).toEqual({ size: 3, bytes: 0 });
    expect(first).toMatchObject({ number: 1, result: null });
    sessions.executed(first, 5, 2, DIGEST, EMPTY);
    expect(first).toMatchObject({ number: 2, result: EMPTY });
  });

  test("X13 a session is found by its number and its tag only", () => {
    const sessions = new Sessions(10, 100);
    sessions.open(nonce(0), 1, 1);
    expect(sessions.get(1, tagOf(nonce(0)))?.id).toBe(1);
    expect(sessions.get(1, tagOf(nonce(1)))).toBeUndefined();
    expect(sessions.get(2, tagOf(nonce(0)))).toBeUndefined();
  });
});

describe("X13 snapshots of sessions", () => {
  const allOf = (sessions: Sessions) => partsOf(sessions.snapshot());

  /** Sessions after these steps, a snapshot after each, and the same from a snapshot half-way. */
  function both(steps: readonly { client: number; bytes: number }[], half: number) {
    let whole = new Sessions(4, 60);
    let parts = new Sessions(4, 60);
    for (const [i, { client, bytes }] of steps.entries()) {
      if (i === half) {
        const state = partsOf(parts.snapshot());
        parts = new Sessions(4, 60);
        expect(parts.restore(stateOf(state))).toBe(true);
      }
      for (const sessions of [whole, parts]) {
        const session = sessions.opened(nonce(client));
        if (session === undefined) sessions.open(nonce(client), i + 1, sourceOf(client));
        else sessions.executed(session, i + 1, session.number + 1, DIGEST, new Uint8Array(bytes));
      }
      // Nothing of it may be kept that changes later.
      whole.snapshot();
    }
    return { whole, parts };
  }

  test("X13 equal states have equal bytes, also across a restore, and evict alike afterwards", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.nat(40), (steps, half) => {
        const { whole, parts } = both(steps, half % steps.length);
        expect(allOf(parts)).toEqual(allOf(whole));
        expect({ size: parts.size, bytes: parts.bytes }).toEqual({
          ...{ size: whole.size, bytes: whole.bytes },
        });
      }),
    );
  });

  test("X13 a restore replaces what was there", () => {
    const { whole } = both(
      [...Array(10).keys()].map((i) => ({ client: i % 3, bytes: i })),
      0,
    );
    const other = new Sessions(4, 60);
    for (let i = 5; i < 9; i++) other.open(nonce(i), i, 1);
    expect(other.restore(stateOf(allOf(whole)))).toBe(true);
    expect(allOf(other)).toEqual(allOf(whole));
    expect(other.opened(nonce(8))).toBeUndefined();
  });

  test("X12 a result that is a part of something larger is kept without that", () => {
    const op = new Uint8Array(new ArrayBuffer(100_000), 50_000, 2000).fill(5);
    const app = new CountingApp();
    app.execute = (bytes) => bytes;
    const executor = new Executor(app, { ...config, replyCacheBytesMax: 1 << 20 });
    const session = opened(executor.execute(open(0)));
    const outcome = executor.execute({ ...request(0, session, 1), op });
    if (outcome?.status !== "done") throw new Error("it was executed");
    expect(outcome.result).toEqual(op);
    expect(outcome.result.buffer.byteLength).toBe(2000);
  });

  test("X13 every truncation of a snapshot is refused and throws nothing", () => {
    const { whole } = both(
      [...Array(12).keys()].map((i) => ({ client: i % 4, bytes: i })),
      0,
    );
    const [[part = EMPTY, ...results] = [], ...others] = allOf(whole);
    expect([results, others]).toEqual([[], []]);
    for (let end = 0; end < part.length; end++) {
      const whole = new Sessions(4, 60).restore(stateOf([[part.slice(0, end)]]));
      expect({ end, whole }).toEqual({ end, whole: false });
    }
    expect(new Sessions(4, 60).restore(stateOf([[Uint8Array.of(...part, 0)]]))).toBe(false);
    expect(new Sessions(3, 60).restore(stateOf([[part]]))).toBe(false);
    expect(new Sessions(4, 60).restore(stateOf([[part]]))).toBe(true);
  });

  test("X13 a snapshot that has one session twice is malformed", () => {
    const one = new Sessions(4, 60);
    one.open(nonce(0), 1, 1);
    const [[part = EMPTY] = []] = allOf(one);
    const [entry, count] = [part.slice(4), Uint8Array.of(0, 0, 0, 2)];
    const twice = Uint8Array.of(...count, ...entry, ...entry);
    expect(new Sessions(4, 60).restore(stateOf([[twice]]))).toBe(false);
    expect(new Sessions(4, 60).restore(stateOf([[part], [part]]))).toBe(false);
  });

  /** One at each position, with a result of so many bytes. */
  function many(count: number, bytes: number): Sessions {
    const sessions = new Sessions(65_536, 16 * 1024 * 1024);
    for (let i = 0; i < count; i++) {
      const session = sessions.open(nonce(i), i + 1, 1);
      sessions.executed(session, i + 1, 1, DIGEST, new Uint8Array(bytes));
    }
    return sessions;
  }

  test("X13 a snapshot costs what changed: of 65,536 sessions the parts of those that did", () => {
    const sessions = many(65_536, 10);
    const first = allOf(sessions);
    expect(Buffer.concat(first.flat()).length).toBeGreaterThan(5 * 1024 * 1024);
    expect(sessions.snapshot().changed.size).toBe(0);
    const session = sessions.opened(nonce(40_000)) as Session;
    sessions.executed(session, 70_000, 2, DIGEST, EMPTY);
    const second = sessions.snapshot();
    expect(changedBytes(second, first)).toBeGreaterThan(0);
    expect(changedBytes(second, first)).toBeLessThan(100 * 1024);
    // As many as a flood opens between two checkpoints, each of which evicts another.
    for (let i = 0; i < 2000; i++) sessions.open(nonce(100_000 + i), 80_000 + i, 1);
    expect(changedBytes(sessions.snapshot(), first)).toBeLessThan(1024 * 1024);
    const restored = new Sessions(65_536, 16 * 1024 * 1024);
    expect(restored.restore(stateOf(allOf(sessions)))).toBe(true);
    expect(allOf(restored)).toEqual(allOf(sessions));
  });

  test("X13 a result that another session's displaces is gone from the next snapshot", () => {
    const after = (looks: boolean) => {
      const sessions = new Sessions(1000, 80_100);
      for (let i = 0; i < 200; i++) {
        const session = sessions.open(nonce(i), 1000 * i + 1, 1);
        sessions.executed(session, 1000 * i + 2, 1, DIGEST, new Uint8Array(400));
      }
      if (looks) sessions.snapshot();
      const session = sessions.opened(nonce(199)) as Session;
      sessions.executed(session, 1_000_000, 2, DIGEST, new Uint8Array(511));
      expect(sessions.opened(nonce(0))?.result?.length).toBeUndefined();
      return allOf(sessions);
    };
    expect(after(true)).toEqual(after(false));
  });

  test("X13 large results are in snapshots by their digests, and count as many bytes", () => {
    const sessions = many(10, 1024 * 1024);
    const first = allOf(sessions);
    expect(Buffer.concat(first.flat()).length).toBeLessThan(2048);
    const session = sessions.opened(nonce(3)) as Session;
    sessions.executed(session, 20, 2, DIGEST, new Uint8Array(5000));
    const second = allOf(sessions);
    const fresh = new Sessions(65_536, 16 * 1024 * 1024);
    expect(fresh.restore(stateOf(second))).toBe(true);
    expect(fresh.bytes).toBe(sessions.bytes);
    expect(allOf(fresh)).toEqual(second);
    // It is not here, counts nevertheless, and is dropped like any other.
    expect(fresh.opened(nonce(3))).toMatchObject({ number: 2, length: 5000, result: null });
    for (const both of [sessions, fresh]) {
      const other = both.opened(nonce(5)) as Session;
      both.executed(other, 30, 2, DIGEST, new Uint8Array(8 * 1024 * 1024));
    }
    expect(fresh.bytes).toBe(sessions.bytes);
    expect(allOf(fresh)).toEqual(allOf(sessions));
    const [[part = EMPTY] = []] = second;
    expect(fresh.restore(stateOf([[part.slice(0, -1)]]))).toBe(false);
    expect(fresh.restore(stateOf([[part, new Uint8Array(5000)]]))).toBe(false);
  });

  test("X13 a replica that fetches a state keeps large results of its own that are in it", () => {
    const [own, others] = [many(3, 5000), many(3, 5000)];
    const session = others.opened(nonce(1)) as Session;
    others.executed(session, 20, 2, DIGEST, new Uint8Array(6000));
    expect(own.restore(stateOf(allOf(others)))).toBe(true);
    const here = [0, 1, 2].map((i) => own.opened(nonce(i))?.result?.length ?? null);
    expect(here).toEqual([5000, null, 5000]);
    expect(allOf(own)).toEqual(allOf(others));
  });

  test("X13 what is rolled back leaves the digest of a large result that is not here", () => {
    const sessions = new Sessions(65_536, 16 * 1024 * 1024);
    expect(sessions.restore(stateOf(allOf(many(3, 5000))))).toBe(true);
    const before = allOf(sessions);
    sessions.journal = [];
    const session = sessions.opened(nonce(1)) as Session;
    sessions.executed(session, 20, 2, DIGEST, new Uint8Array(6000));
    sessions.undo(sessions.journal);
    expect(allOf(sessions)).toEqual(before);
  });
});

/** Counts what it executes and answers how often it did. */
class CountingApp implements App {
  readonly executed: string[] = [];
  execute(op: Bytes): Bytes {
    this.executed.push(op.toHex());
    return Uint8Array.of(this.executed.length);
  }
  snapshot(): Snapshot {
    return onePart(Uint8Array.of(this.executed.length));
  }
  restore(): void {}
  rollback(): void {}
  commit(): void {}
}

const config = { sessionsMax: 65_536, replyCacheBytesMax: 1024 };

function open(client: number): Request {
  return { session: 0, tag: tagOf(nonce(client)), number: 0, op: nonce(client) };
}

function request(client: number, session: number, number: number): Request {
  return { session, tag: tagOf(nonce(client)), number, op: Uint8Array.of(client, number) };
}

function opened(outcome: Outcome | null): number {
  if (outcome?.status !== "opened") throw new Error("not opened");
  return outcome.session;
}

describe("X13 executor", () => {
  test("X13 whatever is repeated, reordered or made up executes at most once", () => {
    const asked = fc.record({ client: fc.nat(3), number: fc.nat(5), known: fc.boolean() });
    const sizes = fc.constantFrom(1, 2, 100);
    fc.assert(
      fc.property(fc.array(asked, { maxLength: 80 }), sizes, (all, sessionsMax) => {
        const app = new CountingApp();
        const executor = new Executor(app, { ...config, sessionsMax });
        const ids = new Map<number, number>();
        const seen = new Set<number>();
        for (const { client, number, known } of all) {
          const session = known ? (ids.get(client) ?? 99) : 99;
          if (number > 0) {
            const count = app.executed.length;
            const sent = request(client, session, number);
            const before = executor.lookup(sent);
            const outcome = executor.execute(sent);
            // What lookup promised is what comes, without executing again.
            if (before !== undefined) {
              const promised = outcome ?? { status: "number used" };
              expect([promised, app.executed.length]).toEqual([before, count]);
            }
            if (app.executed.length > count) expect(executor.execute(sent)).toEqual(outcome);
            continue;
          }
          const id = opened(executor.execute(open(client)));
          if (ids.get(client) !== id) expect(seen.has(id)).toBe(false);
          seen.add(id);
          ids.set(client, id);
          expect(executor.sessions).toBeLessThanOrEqual(sessionsMax);
        }
        if (sessionsMax < 100) return;
        expect(new Set(app.executed).size).toBe(app.executed.length);
      }),
    );
  });

  test("X13 another operation under a number that was used is told so, and never executed", () => {
    const app = new CountingApp();
    const executor = new Executor(app, config);
    const session = opened(executor.execute(open(0)));
    executor.execute(request(0, session, 2));
    const used = { status: "number used" } as const;
    const other = { ...request(0, session, 2), op: Uint8Array.of(9) };
    expect([executor.lookup(other), executor.execute(other)]).toEqual([used, used]);
    // A client that waits for an older number would ask for ever.
    expect(executor.lookup(request(0, session, 1))).toEqual(used);
    expect(app.executed).toEqual(["0002"]);
  });

  test("X13 the same request gets the same result, an older one nothing", () => {
    const app = new CountingApp();
    const executor = new Executor(app, config);
    const session = opened(executor.execute(open(0)));
    expect(opened(executor.execute(open(0)))).toBe(session);
    const first = executor.execute(request(0, session, 1));
    expect(executor.execute(request(0, session, 1))).toEqual(first);
    expect(executor.execute(request(0, session, 3))).toEqual({
      ...{ status: "done", result: Uint8Array.of(2) },
    });
    expect(executor.execute(request(0, session, 2))).toBeNull();
    expect(executor.execute(request(0, session, 1))).toBeNull();
    expect(app.executed).toEqual(["0001", "0003"]);
    expect(executor.position).toBe(3);
  });

  test("X13 an unknown session, or one of another nonce, is never executed", () => {
    const app = new CountingApp();
    const executor = new Executor(app, config);
    const session = opened(executor.execute(open(0)));
    const later = request(0, session + 1, 1);
    const other = request(1, session, 1);
    for (const unknown of [later, other]) {
      expect(executor.canExecute(unknown)).toBe(false);
      expect(executor.execute(unknown)).toEqual({ status: "no session" });
    }
    // One may still be opened; the other one was opened by then, if ever.
    expect(executor.lookup(later)).toBeUndefined();
    expect(executor.lookup(other)).toEqual({ status: "no session" });
    expect({ executed: app.executed, position: executor.position }).toEqual({
      ...{ executed: [], position: 1 },
    });
  });

  test("X13 the request of an evicted session is refused, and its old number is never used again", () => {
    const app = new CountingApp();
    const executor = new Executor(app, { ...config, sessionsMax: 1 });
    const old = opened(executor.execute(open(0)));
    executor.execute(request(0, old, 1));
    executor.execute(open(1));
    expect(executor.execute(request(0, old, 1))).toEqual({ status: "no session" });
    expect(opened(executor.execute(open(0)))).toBeGreaterThan(old + 1);
    expect(app.executed).toEqual(["0001"]);
  });

  test("X13 an operation whose result was dropped is not executed again, and answered as forgotten", () => {
    const app = new CountingApp();
    const none = { ...config, sessionsMax: 2, replyCacheBytesMax: 0 };
    const executor = new Executor(app, none);
    const session = opened(executor.execute(open(0)));
    const first = request(0, session, 1);
    expect(executor.execute(first)?.status).toBe("done");
    const restored = new Executor(app, none);
    expect(becomes(restored, wholeOf(executor))).toBe(true);
    for (const again of [executor, restored]) {
      expect(again.lookup(first)).toEqual({ status: "forgotten" });
      expect(again.execute(first)).toEqual({ status: "forgotten" });
    }
    expect(executor.execute(request(0, session, 2))?.status).toBe("done");
    expect(app.executed).toEqual(["0001", "0002"]);
  });

  test("X13 large results, whose memory is used again, are what they were as long as they are kept", () => {
    const bytes = 80_000;
    class LargeApp extends CountingApp {
      override execute(op: Bytes): Bytes {
        const [client = 0, number = 0] = op;
        super.execute(op);
        return new Uint8Array(bytes + (client % 2)).fill(16 * client + number);
      }
    }
    const executor = new Executor(new LargeApp(), { ...config, replyCacheBytesMax: 3 * bytes + 9 });
    const clients = [0, 1, 2, 3, 4];
    const ids = clients.map((client) => opened(executor.execute(open(client))));
    const expected = (client: number, number: number) =>
      new Uint8Array(bytes + (client % 2)).fill(16 * client + number);
    for (let number = 1; number <= 4; number++) {
      for (const client of clients) {
        const outcome = executor.execute(request(client, ids[client] ?? 0, number));
        expect(outcome).toEqual({ status: "done", result: expected(client, number) });
        const kept = clients.flatMap((other) => {
          const last = other <= client ? number : number - 1;
          const known = executor.lookup(request(other, ids[other] ?? 0, last));
          if (known?.status !== "done") return [];
          expect(known.result).toEqual(expected(other, last));
          return [other];
        });
        expect(kept.length).toBe(number === 1 ? Math.min(client + 1, 3) : 3);
      }
    }
  });

  test("X13 a restored executor answers what was executed before, and executes nothing again", () => {
    const executor = new Executor(new CountingApp(), config);
    const session = opened(executor.execute(open(0)));
    const outcome = executor.execute(request(0, session, 1));
    const app = new CountingApp();
    const restored = new Executor(app, config);
    expect(becomes(restored, wholeOf(executor))).toBe(true);
    const [mine, theirs] = [restored, executor].map(wholeOf);
    expect([mine?.head, mine?.states[0]]).toEqual([theirs?.head, theirs?.states[0]]);
    expect(restored.execute(request(0, session, 1))).toEqual(outcome);
    expect(opened(restored.execute(open(0)))).toBe(session);
    expect({ executed: app.executed, position: restored.position }).toEqual({
      ...{ executed: [], position: 2 },
    });
  });

  test("X13 every truncation of a snapshot is refused and throws nothing", () => {
    const executor = new Executor(new KvApp(), config);
    for (let i = 0; i < 3; i++) {
      const session = opened(executor.execute(open(i)));
      executor.execute(request(i, session, 1));
    }
    const { head, states } = wholeOf(executor);
    const [[[part = EMPTY] = []] = [], app = []] = states;
    const restored = (head: Bytes, part: Bytes) =>
      becomes(new Executor(new KvApp(), config), { head, states: [[[part]], app] });
    for (let end = 0; end < head.length; end++)
      expect(restored(head.slice(0, end), part)).toBe(false);
    for (let end = 0; end < part.length; end++)
      expect(restored(head, part.slice(0, end))).toBe(false);
    expect(restored(Uint8Array.of(...head, 0), part)).toBe(false);
    expect(restored(head, part)).toBe(true);
  });
});
