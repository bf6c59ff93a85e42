// Shows FW6, F1 and F2: what was executed speculatively is undone exactly, whatever was executed,
// committed and rolled back in between, in every application; and checkpoints' digests know nothing
// of it.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Bytes } from "../../../src/actor.ts";
import { apps } from "../../../src/app/index.ts";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import { Executor, SPECULATED_MAX } from "../../../src/protocol/kit/executor.ts";
import { NONCE_LENGTH, tagOf, type Request } from "../../../src/protocol/kit/request.ts";
import { StateHashing } from "../../../src/protocol/kit/state-hashing.ts";
import { StateVersions } from "../../../src/protocol/kit/state-versions.ts";
import { becomes, PeekedExecutor, wholeOf } from "../../support/states.ts";

const CLIENTS = 6;

function nonce(client: number): Bytes {
  return new Uint8Array(NONCE_LENGTH).fill(client + 1);
}

/** A request of a client: its `open`, or an operation of the session that it has by `ids`. */
interface Asked {
  readonly client: number;
  readonly number: number;
  readonly key: number;
  readonly length: number;
}

/** Of clients at three hosts; some numbers were used, some sessions are none. */
function requestOf({ client, number, key, length }: Asked, ids: Map<number, number>): Request {
  const tag = tagOf(nonce(client));
  if (number === 0) return { session: 0, tag, number, op: nonce(client), source: client % 3 };
  const name = Uint8Array.of(key);
  const value = new Uint8Array(length).fill(client);
  const kind = length === 0 ? "delete" : "put";
  const op = encodeKvOperation(kind === "put" ? { kind, key: name, value } : { kind, key: name });
  return { session: ids.get(client) ?? 99, tag, number, op };
}

const asked = fc.record({
  client: fc.nat(CLIENTS - 1),
  number: fc.nat(4),
  key: fc.nat(5),
  // Small ones, those that split parts, and those that stand by themselves.
  length: fc.constantFrom(0, 0, 1, 20, 3000, 4000, 5000),
});

const step = fc.oneof(
  { weight: 8, arbitrary: asked },
  fc.record({ rollback: fc.nat(6) }),
  fc.record({ commit: fc.nat(6) }),
);

/** An executor with what it has executed, in order, that was not rolled back. */
class Run {
  readonly executor: PeekedExecutor;
  readonly done: Request[] = [];
  readonly #ids = new Map<number, number>();
  readonly #make: () => PeekedExecutor;

  constructor(make: () => PeekedExecutor) {
    this.#make = make;
    this.executor = make();
  }

  take(one: Asked | { readonly rollback: number } | { readonly commit: number }): void {
    const { executor, done } = this;
    if ("rollback" in one) {
      const count = Math.min(one.rollback, executor.speculated);
      executor.rollback(count);
      done.length -= count;
    } else if ("commit" in one) {
      executor.commit(Math.min(one.commit, executor.speculated));
    } else {
      const request = requestOf(one, this.#ids);
      const outcome = executor.speculate(request);
      done.push(request);
      if (outcome?.status === "opened") this.#ids.set(one.client, outcome.session);
    }
  }

  /** One that has executed only what was not rolled back. */
  reference(): PeekedExecutor {
    const executor = this.#make();
    for (const request of this.done) executor.execute(request);
    return executor;
  }
}

const bounds = fc.record({ sessionsMax: fc.integer({ min: 1, max: 4 }), bytes: fc.nat(60) });

describe.each([...apps])("F1 FW6 with %s", (name, make) => {
  const runs = name === "sqlite" ? 40 : 100;

  test("F1 any sequence of speculating, committing and undoing gives the state of what survives", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), bounds, (steps, { sessionsMax, bytes }) => {
        const config = { sessionsMax, replyCacheBytesMax: bytes };
        const run = new Run(() => new PeekedExecutor(make(), config));
        for (const one of steps) {
          run.take(one);
          const reference = run.reference();
          const { executor } = run;
          expect(executor.peek()).toEqual(reference.peek());
          expect(executor.position).toBe(reference.position);
          expect(executor.sessions).toBe(reference.sessions);
          expect(executor.committed).toBeLessThanOrEqual(executor.position);
        }
      }),
      { numRuns: runs },
    );
  });

  test("F2 the digest of a version knows nothing of what was rolled back", () => {
    const more = fc.oneof({ weight: 4, arbitrary: step }, fc.constantFrom("begin", "work", "drop"));
    fc.assert(
      fc.property(fc.array(more, { maxLength: 60 }), bounds, (steps, { sessionsMax, bytes }) => {
        const config = { sessionsMax, replyCacheBytesMax: bytes };
        const run = new Run(() => new PeekedExecutor(make(), config));
        const versions = new StateVersions(run.executor, 1);
        versions.prime();
        let frozen = digestOf(run.reference());
        const work = () => {
          const hashed = versions.work();
          if (hashed !== null) expect(hashed.version.digest).toEqual(frozen);
        };
        for (const one of steps) {
          if (one === "begin") {
            while (versions.pending !== null) work();
            versions.begin(1);
            frozen = digestOf(run.reference());
          } else if (one === "work") work();
          else if (one === "drop") versions.drop();
          else run.take(one);
        }
        versions.drop();
        versions.begin(2);
        frozen = digestOf(run.reference());
        while (versions.pending !== null) work();
        // What others fetch of it is all of the state.
        const restored = new PeekedExecutor(make(), config);
        expect(becomes(restored, wholeOf(run.executor))).toBe(true);
        expect(restored.peek()).toEqual(run.executor.peek());
      }),
      { numRuns: runs },
    );
  });
});

/** Of the state of an executor that nothing was hashed of. */
function digestOf(executor: Executor): Bytes {
  const versions = new StateVersions(executor, Infinity);
  versions.begin(1);
  const digest = versions.work()?.version.digest;
  return digest ?? expect.unreachable("all is hashed in one slice");
}

describe("FW6 executor", () => {
  const config = { sessionsMax: 10, replyCacheBytesMax: 1000 };
  const make = () => new PeekedExecutor(apps.get("kv")?.() ?? expect.unreachable(), config);
  const put = { client: 0, number: 1, key: 1, length: 3 };

  test("FW6 counts are of requests, those included that change nothing", () => {
    const run = new Run(make);
    const { executor } = run;
    run.take({ ...put, number: 0 });
    // Twice the same `open`, an operation, the same again, and one of no session.
    run.take({ ...put, number: 0 });
    run.take(put);
    run.take(put);
    run.take({ ...put, client: 3 });
    expect([executor.speculated, executor.position, executor.committed]).toEqual([5, 2, 0]);
    executor.commit(2);
    expect([executor.speculated, executor.position, executor.committed]).toEqual([3, 2, 1]);
    executor.rollback(2);
    expect([executor.speculated, executor.position]).toEqual([1, 2]);
    executor.rollback(1);
    expect([executor.speculated, executor.position, executor.committed]).toEqual([0, 1, 1]);
    expect(() => executor.rollback(1)).toThrow("rollback of committed requests");
    expect(() => executor.commit(1)).toThrow("commit of requests that were not executed");
  });

  test("FW6 what is executed for good waits until nothing is speculated", () => {
    const executor = make();
    const open = requestOf({ ...put, number: 0 }, new Map());
    executor.speculate(open);
    expect(() => executor.execute(open)).toThrow("committed or undone first");
    executor.commit(1);
    expect(executor.execute(open)?.status).toBe("opened");
  });

  test("FW6 no more than 65,536 requests are speculated", () => {
    const executor = make();
    const open = requestOf({ ...put, number: 0 }, new Map());
    for (let i = 0; i < SPECULATED_MAX; i++) executor.speculate(open);
    expect(() => executor.speculate(open)).toThrow("more is not speculated");
    executor.commit(1);
    executor.speculate(open);
    executor.rollback(SPECULATED_MAX);
    expect(executor.position).toBe(1);
  });

  test("FW6 a restore forgets what was speculated", () => {
    const [run, other] = [new Run(make), new Run(make)];
    run.take({ ...put, number: 0 });
    run.take(put);
    other.take({ ...put, client: 1, number: 0 });
    expect(becomes(run.executor, wholeOf(other.executor))).toBe(true);
    expect(run.executor.speculated).toBe(0);
    expect(run.executor.peek()).toEqual(other.executor.peek());
    expect([run.executor.position, run.executor.committed]).toEqual([1, 1]);
  });
});

describe("F2 hashing", () => {
  /** Slots of one request each, a checkpoint at every fourth, hashed byte by byte or at once. */
  function hashing(sliceBytes: number) {
    const run = new Run(
      () =>
        new PeekedExecutor(apps.get("kv")?.() ?? expect.unreachable(), {
          ...{ sessionsMax: 10, replyCacheBytesMax: 1000 },
        }),
    );
    const versions = new StateVersions(run.executor, sliceBytes);
    versions.prime();
    const told: { readonly slot: number; readonly digest: Bytes }[] = [];
    const states = new StateHashing({
      ...{ versions, checkpointInterval: 4, host: { setTimer: () => {} }, speculates: true },
      onHashed: ({ slot, version }) => told.push({ slot, digest: version.digest }),
    });
    const execute = (key: number) => {
      const number = run.done.length;
      run.take({ client: 0, number, key, length: 3000 });
      states.onExecuted(run.done.length);
    };
    const undo = (count: number) => {
      run.take({ rollback: count });
      states.onRolledBack(run.done.length);
    };
    return { run, states, told, execute, undo };
  }

  test.each([1, Infinity])("F2 a version is told of when its slot is committed (%d)", (slice) => {
    const { run, states, told, execute } = hashing(slice);
    for (let i = 0; i < 4; i++) execute(i);
    const digest = digestOf(run.reference());
    for (let i = 4; i < 9; i++) execute(i);
    while (states.pending !== null) states.onTimer();
    expect([states.held, told.length]).toEqual([2, 0]);
    states.onCommitted(3);
    expect(told.length).toBe(0);
    states.onCommitted(5);
    expect(told).toEqual([{ slot: 4, digest }]);
    states.onCommitted(8);
    expect([told.map(({ slot }) => slot), states.held]).toEqual([[4, 8], 0]);
  });

  test.each([1, Infinity])("F2 it is dropped with its slot, and taken again (%d)", (slice) => {
    const { run, states, told, execute, undo } = hashing(slice);
    for (let i = 0; i < 5; i++) execute(i);
    undo(2);
    expect([states.held, states.pending]).toEqual([0, null]);
    execute(70);
    const digest = digestOf(run.reference());
    while (states.pending !== null) states.onTimer();
    states.onCommitted(4);
    expect(told).toEqual([{ slot: 4, digest }]);
    // One below what is undone stays.
    for (let i = 5; i < 10; i++) execute(i);
    undo(1);
    while (states.pending !== null) states.onTimer();
    expect(states.held).toBe(1);
    states.onRestored(12);
    expect([states.held, told.length]).toEqual([0, 1]);
  });
});
