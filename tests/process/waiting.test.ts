// Shows how a process waits that finds out whether others want its processor. Time is what the
// tests say that each turn, yield and sleep takes.

import { describe, expect, test } from "bun:test";
import type { Crowd } from "../../src/process/crowd.ts";
import { Waiting } from "../../src/process/waiting.ts";

const TURN_US = 0.2;
const AT_ONCE_US = 0.4;

/** A process that waits, and a world whose time passes as its actions take it. */
class Fake {
  us = 0;
  /** How long a yield takes. */
  yieldUs = AT_ONCE_US;
  timerUs = Infinity;
  did: string[] = [];
  slept = 0;
  readonly waiting: Waiting;
  #turnUs = 0;
  /** When something comes, which wakes it. */
  #arrivalUs = Infinity;

  constructor(crowd: Crowd) {
    this.waiting = new Waiting(
      {
        turnMs: () => this.#turnUs / 1000,
        nowMs: () => this.us / 1000,
        timerMs: () => this.timerUs / 1000,
        yieldProcessor: () => {
          this.did.push("yield");
          this.us += this.yieldUs;
        },
        arm: () => this.did.push("arm"),
        wait: (us) => {
          this.did.push(`wait ${Math.round(us)}`);
          const sleptUs = Math.min(us, this.#arrivalUs - this.us);
          this.us += sleptUs;
          this.slept += sleptUs;
        },
      },
      crowd,
    );
  }

  /** One empty turn, after which so much more time passes; what it did. */
  step(empty: number, pauseUs = 0): string {
    this.did = [];
    this.#turnUs = this.us;
    this.waiting.turn(empty);
    this.us += TURN_US + pauseUs;
    return this.did.join() || "spin";
  }

  /** Empty turns until something comes after so long; what each did. */
  wait(us: number): readonly string[] {
    this.#arrivalUs = this.us + us;
    const did: string[] = [];
    for (let empty = 0; this.us < this.#arrivalUs; empty++) did.push(this.step(empty));
    return did;
  }

  /** Waits of so long, one after another. */
  waits(count: number, us: number): readonly string[] {
    let last: readonly string[] = [];
    for (let i = 0; i < count; i++) last = this.wait(us);
    return last;
  }

  /** How long one waits before it arms. */
  awakeUs(): number {
    const beganUs = this.us;
    for (let empty = 0; this.step(empty) !== "arm"; empty++);
    return this.us - beganUs;
  }
}

const count = (did: readonly string[], what: string): number =>
  did.filter((one) => one === what).length;
const PAIR: Crowd = { pollers: 2, processors: 2 };
const THREE: Crowd = { pollers: 3, processors: 2 };
const SIX: Crowd = { pollers: 6, processors: 2 };

describe("where each poller may have a processor", () => {
  test("it spins once yields have returned at once, and asks ever more seldom", () => {
    const it = new Fake(PAIR);
    const [first, second] = [it.wait(40), it.wait(40)];
    expect(first.slice(0, 16)).toEqual(new Array<string>(16).fill("yield"));
    expect(count(second, "spin")).toBeGreaterThan(150);
    const later = it.waits(20, 40);
    expect(count(later, "yield")).toBeLessThanOrEqual(1);
    expect(count(later, "spin")).toBeGreaterThan(180);
  });

  test("it parks after as long as it takes to wake it, by time and not by turns", () => {
    const it = new Fake(PAIR);
    it.waits(3, 20_000);
    expect(it.awakeUs()).toBeCloseTo(50, -1);
    const turns = it.wait(12_000);
    expect(turns.findIndex((one) => one.startsWith("wait"))).toBe(turns.indexOf("arm") + 1);
    expect(turns).toContain("wait 10000");
  });

  test("it spins for twice the usual gap where that is short", () => {
    const it = new Fake(PAIR);
    it.waits(60, 200);
    expect(it.awakeUs()).toBeWithin(300, 500);
    it.waits(60, 20_000);
    expect(it.awakeUs()).toBeWithin(45, 70);
  });

  test("it yields in every turn once somebody had the processor, until nobody wants it", () => {
    const it = new Fake(PAIR);
    it.waits(10, 40);
    it.yieldUs = 20;
    // It asks within a tenth of a millisecond.
    it.waits(4, 40);
    const shared = it.wait(40);
    expect(count(shared, "spin")).toBe(0);
    it.yieldUs = AT_ONCE_US;
    it.waits(3, 40);
    expect(count(it.wait(40), "spin")).toBeGreaterThan(100);
  });

  test.each([0.3, 0.9, 1.2])("it spins where a yield that finds nobody takes %d us", (us) => {
    const it = new Fake(PAIR);
    it.yieldUs = us;
    it.waits(4, 40);
    expect(count(it.wait(40), "spin")).toBeGreaterThan(100);
    it.yieldUs = 4 * us;
    it.waits(4, 40);
    expect(count(it.wait(40), "spin")).toBe(0);
  });

  test("it never spins while yields take as long as those of two that yield to each other", () => {
    const it = new Fake(PAIR);
    it.yieldUs = 3.2;
    expect(count(it.waits(10, 40), "spin")).toBe(0);
  });

  test("a turn that took long shows that somebody had the processor", () => {
    const it = new Fake(PAIR);
    it.waits(30, 40);
    expect([it.step(0), it.step(1, 200), it.step(2)]).toEqual(["spin", "spin", "yield"]);
  });
});

test("where somebody works on its processor all the time it parks at once, and tries again", () => {
  const it = new Fake(THREE);
  it.yieldUs = 3000;
  expect(it.waits(10, 200)).toEqual(["arm", "wait 10000"]);
  it.yieldUs = AT_ONCE_US;
  it.waits(300, 200);
  expect(it.wait(200)).toContain("yield");
});

describe("where pollers share processors", () => {
  test("three on two yield until twice the usual gap is over, and never spin", () => {
    const it = new Fake(THREE);
    it.yieldUs = 1.6;
    it.waits(60, 20);
    expect(it.awakeUs()).toBeWithin(30, 50);
    expect(count(it.wait(20), "spin")).toBe(0);
    it.waits(60, 400);
    expect(it.awakeUs()).toBeLessThan(30);
  });

  test("more of them yield a few times, and park", () => {
    const it = new Fake(SIX);
    it.waits(60, 20);
    const turns = it.wait(20_000);
    expect(turns.slice(0, 10)).toEqual([
      ...new Array<string>(8).fill("yield"),
      "arm",
      "wait 10000",
    ]);
  });
});

test("it sleeps until the next timer, and not at all when that is due", () => {
  const it = new Fake(SIX);
  it.timerUs = it.us + 2600;
  const turns = it.wait(2500);
  const [slept = ""] = turns.filter((one) => one.startsWith("wait"));
  expect(Number(slept.slice(5))).toBeWithin(2580, 2600);
  it.timerUs = it.us;
  expect(it.wait(20).some((one) => one.startsWith("wait"))).toBe(false);
});

test.each([
  ["a pair", PAIR],
  ["three", THREE],
  ["six", SIX],
] as const)("%s that nothing comes to use next to no processor", (_, crowd) => {
  const it = new Fake(crowd);
  it.wait(1e6);
  expect(it.slept).toBeGreaterThan(0.99e6);
});
