// Shows that an open loop charges every arrival from when it came, whoever was late, and says how
// many it could not serve. All in virtual time.

import { describe, expect, test } from "bun:test";
import type { Bytes, Client } from "../../src/actor.ts";
import { OpenLoop } from "../../src/evaluation/open-loop.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { EMPTY } from "../../src/wire.ts";
import { FakeClock } from "../support/fakes.ts";

const RESULT = new Uint8Array(5);
const BOUND = 2 ** 32;

/** Answers so long after it was asked, or not at all. */
class FakeClient implements Client<object, string> {
  readonly retransmissions = 0;
  invoked = 0;
  inFlight = 0;
  readonly #clock: FakeClock;
  readonly #serviceMs: () => number | null;
  readonly #answer: () => Bytes | null;

  constructor(clock: FakeClock, serviceMs: () => number | null, answer: () => Bytes | null) {
    this.#clock = clock;
    this.#serviceMs = serviceMs;
    this.#answer = answer;
  }
  receive(): void {}
  timeout(): void {}
  invoke(_op: Bytes, done: (result: Bytes | null) => void): void {
    this.invoked++;
    this.inFlight++;
    expect(this.inFlight).toBe(1);
    const delayMs = this.#serviceMs();
    if (delayMs === null) return;
    this.#clock.after(delayMs, () => {
      this.inFlight--;
      done(this.#answer());
    });
  }
}

interface Setting {
  readonly clients?: number;
  readonly rate?: number;
  readonly waitingMax?: number;
  readonly measureMs?: number;
  /** Instead of chance: arrivals come evenly, one a mean interval. */
  readonly even?: boolean;
  readonly serviceMs?: (nowMs: number) => number | null;
  readonly answer?: (nowMs: number) => Bytes | null;
}

/** Time runs from 0 in steps of 1 ms, a warm-up of 100 ms included, until the loop has finished. */
function run(setting: Setting, watch: (load: OpenLoop, nowMs: number) => void = () => {}) {
  const { clients: count = 1, rate = 100, waitingMax = 1000, measureMs = 1000 } = setting;
  const { even = true, serviceMs = () => 1, answer = () => RESULT } = setting;
  const clock = new FakeClock();
  const startMs = clock.now;
  const dice = new Random(7, "arrivals");
  // The uniform value whose logarithm is -1.
  const one = Math.round(BOUND / Math.E) - 1;
  const nowMs = () => clock.now - startMs;
  const client = () =>
    new FakeClient(
      clock,
      () => serviceMs(nowMs()),
      () => answer(nowMs()),
    );
  const clients = Array.from({ length: count }, client);
  const load = new OpenLoop({
    ...{ clients, clock, warmMs: 100, measureMs, history: null, rate, waitingMax },
    ...{
      workload: { asker: () => ({ next: () => EMPTY }) },
      random: even ? () => one : (bound) => dice.int(bound),
    },
  });
  for (let i = 0; !load.finished; i++) {
    if (i > 20_000) throw new Error("it does not finish");
    clock.advance(1);
    watch(load, nowMs());
  }
  return { load, clients, clock, endMs: nowMs() };
}

describe("open loop", () => {
  test("what completes is counted for each second, those without any included", () => {
    const serviceMs = (nowMs: number) => (nowMs >= 1100 && nowMs < 3100 ? 3100 - nowMs : 1);
    const { load } = run({ rate: 100, measureMs: 3500, serviceMs });
    // A client that waits from 1.1 s to 3.1 s; then all that came meanwhile, 1 ms each.
    expect(load.eachSecond).toHaveLength(4);
    const [first, second, third, last] = load.eachSecond;
    expect([first, second]).toEqual([100, 0]);
    expect([third, last]).toEqual([0, 250]);
    expect(load.eachSecond.reduce((sum, one) => sum + one, 0)).toBe(350);
  });

  test("operations come at the rate, and a service that keeps up is charged its own time", () => {
    const { load, endMs } = run({ rate: 100 });
    expect({ measured: load.measured, unserved: load.unserved, lost: load.lost }).toEqual({
      ...{ measured: 100, unserved: 0, lost: 0 },
    });
    expect(load.throughput).toBeCloseTo(100, 6);
    expect(load.resultBytes).toBe(500);
    // Served at the first step after they come, a step later answered.
    expect(load.latencies.summary().max).toBeLessThanOrEqual(2001);
    expect(endMs).toBeLessThan(1110);
  });

  test("a stall is charged to all who came meanwhile, from when they came", () => {
    // From 500 to 1000 ms nothing is answered; then all at once.
    const serviceMs = (now: number) => (now > 500 && now < 1000 ? 1000 - now : 1);
    const { load } = run({ rate: 100, clients: 1, serviceMs });
    expect(load.measured).toBe(100);
    // Half of the arrivals waited, on average half of the stall.
    const { p50, p90, max, mean } = load.latencies.summary();
    expect(max).toBeGreaterThan(480_000);
    expect(p90).toBeGreaterThan(380_000);
    expect(p50).toBeLessThan(60_000);
    expect(mean).toBeGreaterThan(110_000);
    expect(load.longestGapMs).toBeGreaterThan(480);
  });

  test("those who wait are served in the order in which they came, also after the end", () => {
    // One client that takes 15 ms for what comes every 10 ms.
    const { load, endMs } = run({ rate: 100, serviceMs: () => 15 });
    expect({ measured: load.measured, unserved: load.unserved }).toEqual({
      ...{ measured: 100, unserved: 0 },
    });
    // The last of 110 arrivals (those of the warm-up included) waits for nearly all others.
    expect(load.latencies.summary().max).toBeGreaterThan(500_000);
    expect(load.throughput).toBeCloseTo(1000 / 15, -1);
    expect(endMs).toBeGreaterThan(1600);
  });

  test("what cannot be served is counted: too many waiting, or too long", () => {
    const { load, endMs } = run({ rate: 1000, serviceMs: () => 10, waitingMax: 50 });
    expect(load.unserved).toBeGreaterThan(800);
    expect(load.measured + load.unserved).toBe(1000);
    expect(load.throughput).toBeCloseTo(100, -1);
    // Those 50 who wait take half a second more.
    expect(endMs).toBeLessThan(1700);
    const slow = run({ rate: 1000, serviceMs: () => 10 });
    expect(slow.load.measured + slow.load.unserved).toBe(1000);
    expect(slow.load.unserved).toBeGreaterThan(700);
    expect(slow.endMs).toBeGreaterThanOrEqual(2100);
    expect(slow.endMs).toBeLessThan(2110);
  });

  test("operations that are never answered are unserved, and end it five seconds later", () => {
    const { load, endMs } = run({ clients: 3, serviceMs: (now) => (now > 600 ? null : 1) });
    expect(load.measured).toBeLessThan(60);
    expect(load.measured + load.unserved).toBe(100);
    expect(load).toMatchObject({ serviceGone: true, inFlight: 3 });
    expect(load.longestGapMs).toBeGreaterThan(490);
    expect(endMs).toBe(6100);
  });

  test("a service that forgets one operation is not gone, and that one holds up the end for a second", () => {
    let asked = 0;
    const serviceMs = () => (asked++ === 50 ? null : 1);
    const { load, endMs } = run({ clients: 3, serviceMs });
    expect(load.measured + load.unserved).toBe(100);
    expect(load.unserved).toBe(1);
    expect([load.serviceGone, load.inFlight]).toEqual([false, 2]);
    expect(endMs).toBe(2100);
  });

  test("arrivals that come faster than they are dealt leave time for replies, and are counted", () => {
    const clock = new FakeClock();
    let draws = 0;
    const load = new OpenLoop({
      clients: [
        new FakeClient(
          clock,
          () => 1,
          () => RESULT,
        ),
      ],
      ...{ clock, warmMs: 0, measureMs: 20, history: null, rate: 1e8, waitingMax: 100 },
      workload: { asker: () => ({ next: () => EMPTY }) },
      random: () => (draws++, Math.round(BOUND / Math.E) - 1),
    });
    for (let ms = 0; !load.finished; ms++) {
      const before = draws;
      clock.advance(1);
      // A hundred thousand came.
      if (ms < 20) expect(draws - before).toBeLessThan(20_000);
      if (ms < 20) expect(load.completed).toBe(ms + 1);
    }
    expect(load.unserved + load.measured).toBeGreaterThanOrEqual(1_999_990);
    expect(load.unserved + load.measured).toBeLessThanOrEqual(2_000_010);
  });

  test("each client opens its session first, which is nobody's arrival", () => {
    const { load, clients } = run({ clients: 20, rate: 10 });
    expect(load.measured).toBe(10);
    expect(load.completed).toBe(20 + 10 + 1);
    for (const client of clients) expect(client.invoked).toBeGreaterThanOrEqual(1);
  });

  test("when all clients lost their sessions it ends", () => {
    const { load, endMs } = run({ clients: 2, answer: (now) => (now > 300 ? null : RESULT) });
    expect(load.lost).toBe(2);
    expect(endMs).toBeLessThan(400);
  });

  test("arrivals are a Poisson process: as many as the rate says, as irregular as chance", () => {
    let before = 0;
    const perTenth: number[] = [];
    const { load } = run(
      { clients: 1000, rate: 10_000, even: false, measureMs: 10_000, waitingMax: 1e6 },
      (now, nowMs) => {
        if (nowMs <= 100 || nowMs % 100 !== 0) return;
        perTenth.push(now.completed - before);
        before = now.completed;
      },
    );
    // Within four standard deviations of a Poisson count.
    expect(Math.abs(load.measured - 100_000)).toBeLessThan(4 * Math.sqrt(100_000));
    const counts = perTenth.slice(1, 99);
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length;
    // Its variance is its mean; of 98 counts that is known to about a seventh.
    expect(variance / mean).toBeGreaterThan(0.5);
    expect(variance / mean).toBeLessThan(1.6);
  });
});
