// Shows in which order a sweep does what, that it does nothing twice, and that neither a failing run
// nor an interrupted write costs the others. No process is started.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SweepPlan } from "../../src/evaluation/sweep-plan.ts";
import type { Measured, PointRunner } from "../../src/evaluation/point-runner.ts";
import { Results } from "../../src/evaluation/results.ts";
import type { Point } from "../../src/evaluation/run.ts";
import { failuresOf, runsOf, schedule, sweep } from "../../src/evaluation/sweep.ts";
import { UsageError } from "../../src/base/errors.ts";
import { POINT, recordOf } from "../support/records.ts";

let dir = "";
let path = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "oskr-sweep-"));
  path = join(dir, "runs.jsonl");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function planOf(clients: readonly number[], more: Partial<SweepPlan> = {}): SweepPlan {
  const points = clients.map((count) => ({ ...POINT, clients: count }));
  const times = { seconds: 2, warmSeconds: 1, profile: false, repetitions: 3, seed: 1 };
  return { title: "plan", ...times, points, ...more };
}

/** Says what it was asked to run; fails where `fail` says why. */
class FakeRunner implements PointRunner {
  readonly ran: Point[] = [];
  readonly #fail: (point: Point) => string | null;

  constructor(fail: (point: Point) => string | null = () => null) {
    this.#fail = fail;
  }
  async run(point: Point): Promise<Measured> {
    this.ran.push(point);
    const reason = this.#fail(point);
    if (reason !== null) throw new Error(reason);
    return { record: recordOf([point.clients]), replicas: [] };
  }
  async close(): Promise<void> {}
}

async function runAll(plan: SweepPlan, runner: PointRunner, signal = new AbortController().signal) {
  const told: string[] = [];
  const warned: string[] = [];
  let nowMs = 0;
  const results = new Results(path, (line) => warned.push(line));
  const now = () => (nowMs += 1000);
  const done = await sweep({ plan, results, runner, signal, tell: (line) => told.push(line), now });
  return { done, told, warned, results };
}

describe("the order", () => {
  const plan = planOf([1, 2, 4, 8, 16, 32, 64, 128]);
  const clientsOf = (which: SweepPlan) => schedule(which).map(({ point }) => point.clients);

  test("every point once before any is repeated, each time in another order", () => {
    const order = schedule(plan);
    expect(order).toHaveLength(24);
    expect(new Set(order.map(({ key }) => key)).size).toBe(24);
    const rounds = [0, 1, 2].map((round) => order.slice(8 * round, 8 * round + 8));
    for (const [repetition, round] of rounds.entries()) {
      expect(round.map((run) => run.repetition)).toEqual(Array(8).fill(repetition));
      const clients = round.map(({ point }) => point.clients);
      expect(clients).not.toEqual(clients.toSorted((a, b) => a - b));
      expect(new Set(clients).size).toBe(8);
    }
    expect(
      new Set(rounds.map((round) => String(round.map(({ point }) => point.clients)))).size,
    ).toBe(3);
  });

  test("is the seed's", () => {
    expect(clientsOf(plan)).toEqual(clientsOf({ ...plan }));
    expect(clientsOf(plan)).not.toEqual(clientsOf({ ...plan, seed: 2 }));
  });

  test("keys say what is measured, not in which plan, order or spelling", () => {
    const keys = (which: SweepPlan) => new Set(schedule(which).map(({ key }) => key));
    const reordered = {
      ...planOf([]),
      points: plan.points.toReversed().map(({ mode, ...point }) => ({ ...point, mode })),
    };
    expect(keys({ ...reordered, seed: 9, title: "other" })).toEqual(keys(plan));
    for (const other of [
      { ...plan, seconds: 3 },
      { ...plan, warmSeconds: 0 },
      { ...plan, profile: true },
      { ...plan, points: plan.points.map((point) => ({ ...point, opSize: 1 })) },
    ]) {
      expect([...keys(other)].filter((key) => keys(plan).has(key))).toEqual([]);
    }
  });
});

describe("a sweep", () => {
  test("does all, says how far it is, and does nothing on the second call", async () => {
    const plan = planOf([1, 2]);
    const runner = new FakeRunner();
    const { done, told, results } = await runAll(plan, runner);
    expect(done).toBe(6);
    expect(runner.ran.map(({ clients }) => clients)).toEqual(
      schedule(plan).map(({ point }) => point.clients),
    );
    expect(told).toHaveLength(6);
    expect(told[0]).toMatch(/^1 of 6, 5 s left: pbft, udp, [12] clients?: 1 operations a second$/);
    expect(told[5]).toMatch(/^6 of 6: pbft/);
    expect(runsOf(plan, results).map(({ point }) => point.clients)).toEqual([1, 1, 1, 2, 2, 2]);
    expect(failuresOf(plan, results)).toEqual([]);

    const again = new FakeRunner();
    const second = await runAll(plan, again);
    expect({ ran: again.ran, done: second.done, told: second.told }).toEqual({
      ...{ ran: [], done: 0, told: [] },
    });
    expect(runsOf(plan, second.results)).toEqual(runsOf(plan, results));
  });

  test("of a plan that grew does only what is new", async () => {
    await runAll(planOf([1, 2], { repetitions: 1 }), new FakeRunner());
    const runner = new FakeRunner();
    const grown = planOf([1, 2, 4], { repetitions: 2 });
    const { results } = await runAll(grown, runner);
    expect(runner.ran.map(({ clients }) => clients).toSorted((a, b) => a - b)).toEqual([
      1, 2, 4, 4,
    ]);
    expect(runsOf(grown, results)).toHaveLength(6);
    // What the plan does not ask for any more is kept, and not reported.
    expect(runsOf(planOf([2]), results)).toHaveLength(2);
  });

  test("keeps a failure with its reason, goes on, and tries again the next time", async () => {
    const plan = planOf([1, 2], { repetitions: 2 });
    const failing = new FakeRunner(({ clients }) => (clients === 2 ? "replica 1 ended" : null));
    const first = await runAll(plan, failing);
    expect(first.done).toBe(4);
    expect(first.told.filter((line) => line.endsWith(": FAILED: replica 1 ended"))).toHaveLength(2);
    expect(runsOf(plan, first.results)).toHaveLength(2);
    expect(failuresOf(plan, first.results)).toEqual([
      expect.stringMatching(/^pbft, udp, 2 clients, repetition 0: replica 1 ended$/),
      expect.stringMatching(/^pbft, udp, 2 clients, repetition 1: replica 1 ended$/),
    ]);
    const runner = new FakeRunner();
    const second = await runAll(plan, runner);
    expect(runner.ran.map(({ clients }) => clients)).toEqual([2, 2]);
    expect(failuresOf(plan, second.results)).toEqual([]);
    expect(runsOf(plan, second.results)).toHaveLength(4);
    const third = new Results(path, () => {});
    expect(failuresOf(plan, third)).toEqual([]);
  });

  test("that is stopped keeps what was done, and counts the run it broke off as none", async () => {
    const plan = planOf([1, 2, 4]);
    const controller = new AbortController();
    const runner = new FakeRunner();
    const run = runner.run.bind(runner);
    runner.run = async (point) => {
      if (runner.ran.length === 4) controller.abort(new Error("interrupted"));
      controller.signal.throwIfAborted();
      return run(point);
    };
    const first = await runAll(plan, runner, controller.signal);
    expect(first.done).toBe(4);
    expect(failuresOf(plan, first.results)).toEqual([]);
    const rest = new FakeRunner();
    await runAll(plan, rest);
    expect(rest.ran).toHaveLength(5);
  });
});

describe("results", () => {
  test("a last line that was not written to the end is dropped with a word, and run again", async () => {
    const plan = planOf([1, 2], { repetitions: 1 });
    await runAll(plan, new FakeRunner());
    const whole = readFileSync(path, "utf8");
    const [first = "", last = ""] = whole.trimEnd().split("\n");
    for (const cut of [1, last.length - 1, last.length]) {
      writeFileSync(path, `${first}\n${last.slice(0, cut)}`);
      const runner = new FakeRunner();
      const { warned } = await runAll(plan, runner);
      expect(warned).toEqual([`${path}: its last line was not written to the end and is removed`]);
      expect(runner.ran).toHaveLength(1);
      expect(readFileSync(path, "utf8").split("\n")).toEqual([first, last, ""]);
    }
  });

  test("anything else that is no result is refused with its line", () => {
    for (const line of ["{}", "nonsense", "null", '{"key":"a","point":{}}', '""']) {
      writeFileSync(path, "");
      appendFileSync(
        path,
        `${JSON.stringify({ key: "k", point: POINT, repetition: 0, failure: "why" })}\n`,
      );
      appendFileSync(path, `${line}\n`);
      const open = () => new Results(path, () => {});
      expect(open).toThrow(UsageError);
      expect(open).toThrow(`${path}:2: not the result of a run`);
    }
  });
});
