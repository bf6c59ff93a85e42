// Shows that a closed loop tells a service that was away: the longest gap reaches to both ends of
// the measured time, what is in flight at its end is counted, and who serves no more is told from
// who is late. All in virtual time.

import { describe, expect, test } from "bun:test";
import type { Bytes, Client } from "../../src/actor.ts";
import { ClosedLoop } from "../../src/evaluation/closed-loop.ts";
import { EMPTY } from "../../src/wire.ts";
import { FakeClock } from "../support/fakes.ts";

const WARM_MS = 100;
const MEASURE_MS = 3000;
const END_MS = WARM_MS + MEASURE_MS;

interface Setting {
  readonly clients?: number;
  readonly thinkMs?: number;
  /** How long an operation takes that is issued then; null: for ever. */
  readonly serviceMs: (nowMs: number) => number | null;
  readonly result?: (nowMs: number) => Bytes | null;
}

/** Runs until the loop has finished, in steps of 1 ms from 0. */
function run({ clients = 2, thinkMs = 0, serviceMs, result = () => EMPTY }: Setting) {
  const clock = new FakeClock();
  const startMs = clock.now;
  const client: Client<object, string> = {
    ...{ retransmissions: 0, receive: () => {}, timeout: () => {} },
    invoke(_op, done) {
      const delayMs = serviceMs(clock.now - startMs);
      if (delayMs !== null) clock.after(delayMs, () => done(result(clock.now - startMs)));
    },
  };
  const load = new ClosedLoop({
    ...{ clients: Array.from({ length: clients }, () => client), clock, thinkMs, history: null },
    ...{
      warmMs: WARM_MS,
      measureMs: MEASURE_MS,
      workload: { asker: () => ({ next: () => EMPTY }) },
    },
  });
  while (!load.finished) {
    if (clock.now - startMs > 60_000) throw new Error("it does not finish");
    clock.advance(1);
  }
  return { load, endMs: clock.now - startMs };
}

describe("a service that dies", () => {
  test("is gone at the end, five seconds later; the gap reaches to the end", () => {
    const { load, endMs } = run({ serviceMs: (now) => (now > 1100 ? null : 2) });
    expect(load).toMatchObject({ serviceGone: true, inFlight: 2 });
    expect(load.longestGapMs).toBeGreaterThan(1990);
    expect(load.longestGapMs).toBeLessThanOrEqual(2000);
    expect(load.silenceMs).toBe(load.longestGapMs);
    expect(load.seconds).toBe(3);
    expect(endMs).toBe(END_MS + 5000);
  });

  test("is waited for again after a time in which the whole machine stood still", () => {
    const clock = new FakeClock();
    const startMs = clock.now;
    let pending: (() => void) | null = null;
    const client: Client<object, string> = {
      ...{ retransmissions: 0, receive: () => {}, timeout: () => {} },
      invoke(_op, done) {
        if (clock.now - startMs < 1100) clock.after(2, () => done(EMPTY));
        else pending = () => done(EMPTY);
      },
    };
    const load = new ClosedLoop({
      ...{ clients: [client], clock, thinkMs: 0, history: null },
      ...{ warmMs: WARM_MS, measureMs: MEASURE_MS },
      workload: { asker: () => ({ next: () => EMPTY }) },
    });
    const step = (ms: number): boolean => {
      clock.advance(ms);
      return load.finished;
    };
    for (let ms = 0; ms < 1500; ms++) expect(step(1)).toBe(false);
    // Nobody could have answered meanwhile; and who gives up waiting here, interrupted, knows nothing.
    expect(step(60_000)).toBe(false);
    expect(load.serviceGone).toBe(false);
    for (let ms = 0; ms < 2000; ms++) expect(step(1)).toBe(false);
    expect(load.serviceGone).toBe(false);
    pending!();
    expect([load.finished, load.serviceGone]).toEqual([true, false]);
  });

  test("before anything was measured, is gone for all of it", () => {
    const { load } = run({ serviceMs: (now) => (now > 50 ? null : 2) });
    expect(load).toMatchObject({ serviceGone: true, longestGapMs: MEASURE_MS, measured: 0 });
    expect(load.completed).toBeGreaterThan(10);
  });

  test("while clients think, is gone once they ask again", () => {
    const { load } = run({ thinkMs: 5, serviceMs: (now) => (now > 1100 ? null : 2) });
    expect(load).toMatchObject({ serviceGone: true, inFlight: 2 });
  });
});

describe("a service that is there", () => {
  test("ends the loop with the first answer after the end", () => {
    const { load, endMs } = run({ serviceMs: () => 7 });
    expect(load).toMatchObject({ serviceGone: false, inFlight: 2 });
    expect(load.longestGapMs).toBe(7);
    expect(endMs).toBeLessThanOrEqual(END_MS + 7);
  });

  test("is late, not gone, if it answers within five seconds: it replaced a leader", () => {
    const late = (now: number) => (now > 2500 && now < 7000 ? 7000 - now : 2);
    const { load, endMs } = run({ serviceMs: late });
    expect(load).toMatchObject({ serviceGone: false, inFlight: 2 });
    expect(load.longestGapMs).toBeGreaterThan(590);
    expect(load.longestGapMs).toBeLessThanOrEqual(600);
    expect(endMs).toBe(7000);
  });

  test("is there although it forgot an operation, if it served a later one", () => {
    let asked = 0;
    const forgets = () => (asked++ === 0 ? null : 1);
    const { load, endMs } = run({ thinkMs: 2000, serviceMs: forgets });
    expect(load).toMatchObject({ serviceGone: false, inFlight: 1 });
    expect(endMs).toBe(END_MS);
  });

  test("is not missed by clients that think, or that lost their sessions", () => {
    const idle = run({ clients: 1, thinkMs: 2000, serviceMs: () => 1 });
    expect(idle.load).toMatchObject({ serviceGone: false, inFlight: 0 });
    expect(idle.endMs).toBe(END_MS);
    const lost = run({ serviceMs: () => 2, result: (now) => (now > 1000 ? null : EMPTY) });
    expect(lost.load).toMatchObject({ serviceGone: false, lost: 2, inFlight: 0 });
  });
});

test("a gap counts from the start of the measured time", () => {
  const { load } = run({ serviceMs: (now) => (now < 900 ? 900 - now : 2) });
  expect(load.longestGapMs).toBe(800);
});
