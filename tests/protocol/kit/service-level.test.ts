// Who is suspected for the service that he gives, and who is not: a backup's view of a leader and of
// clients that ask him first, and all replicas after a quarter of a view timeout.

import { expect, setDefaultTimeout, test } from "bun:test";
import { Random } from "../../../src/base/seeded-random.ts";
import { ServiceLevel } from "../../../src/protocol/kit/service-level.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const VIEW_TIMEOUT_MS = 100;
const RETRY_MS = VIEW_TIMEOUT_MS / 4;

/** What a leader, and the cluster below it, does from some time on. */
interface Service {
  /** Operations that can be ordered in a millisecond. */
  readonly capacity: number;
  /** How long the leader holds each of them back, in milliseconds. */
  readonly holdMs?: number;
  /** Nothing is ordered for the last so many milliseconds of each `everyMs`. */
  readonly pauseMs?: number;
  readonly everyMs?: number;
  /** The share of requests that are lost, and for how long after all replicas were asked. */
  readonly loss?: number;
  readonly lostMs?: number;
}

/** What clients do from some time on. */
interface Demand {
  readonly clients: number;
  readonly thinkMs?: number;
  readonly opBytes?: number;
}

interface Asked {
  /** When the leader has it, and when this replica hears of it. */
  readonly ledMs: number;
  readonly heardMs: number;
  own: boolean;
}

/** Clients, leaders and one replica that judges them, a millisecond at a time. */
class Model {
  readonly level: ServiceLevel;
  readonly n: number;
  service: (leader: number) => Service = () => ({ capacity: 2 });
  demand: Demand = { clients: 0 };
  leader = 0;
  views = 0;
  ordered = 0;
  #bytes = 0;
  #nowMs = 0;
  #own = 0;
  #room = 0;
  #queue: Asked[] = [];
  /** When each client that thinks asks next. */
  #thinking: number[] = [];
  readonly #random = new Random(1, "service level");

  constructor({ n = 4, keepsSlowLeaders = false } = {}) {
    this.n = n;
    const f = Math.floor((n - 1) / 3);
    this.level = new ServiceLevel({ n, f, viewTimeoutMs: VIEW_TIMEOUT_MS, keepsSlowLeaders }, 0);
    this.level.begin(0, 0, { operations: 0, bytes: 0 });
  }

  /** So many view timeouts pass; gives how many views were left in them. */
  run(timeouts: number): number {
    const before = this.views;
    const endMs = this.#nowMs + timeouts * VIEW_TIMEOUT_MS;
    for (; this.#nowMs < endMs; this.#nowMs++) this.#pass();
    return this.views - before;
  }

  #pass(): void {
    const { service, demand, leader, level } = this;
    const nowMs = this.#nowMs;
    const {
      capacity,
      holdMs = 0,
      pauseMs = 0,
      everyMs = 1,
      loss = 0,
      lostMs = 0,
    } = service(leader);
    const { clients, thinkMs = 0, opBytes = 10 } = demand;
    while (this.#queue.length + this.#thinking.length < clients) this.#thinking.push(nowMs);
    const asking = this.#thinking.filter((atMs) => atMs <= nowMs).length;
    this.#thinking = this.#thinking.filter((atMs) => atMs > nowMs);
    for (let i = 0; i < asking; i++) {
      const heardMs = nowMs + RETRY_MS;
      const lost = this.#random.chance(loss);
      this.#queue.push({ ledMs: (lost ? heardMs + lostMs : nowMs) + holdMs, heardMs, own: false });
    }
    for (const asked of this.#queue) {
      if (asked.own || asked.heardMs > nowMs) continue;
      asked.own = true;
      this.#own++;
    }
    level.wait(this.#own, nowMs);
    const pauses = nowMs % everyMs >= everyMs - pauseMs;
    this.#room = pauses ? 0 : Math.min(this.#room + capacity, Math.max(1, capacity));
    const taken = this.#queue.filter((asked) => asked.ledMs <= nowMs && this.#takes());
    const done = new Set(taken);
    this.#queue = this.#queue.filter((asked) => !done.has(asked));
    for (const { own } of taken) {
      if (own) this.#own--;
      const leaves = this.#queue.length + this.#thinking.length >= clients;
      if (!leaves)
        this.#thinking.push(nowMs + 1 + (thinkMs === 0 ? 0 : this.#random.int(2 * thinkMs)));
    }
    this.ordered += taken.length;
    this.#bytes += taken.length * opBytes;
    const ordered = { operations: this.ordered, bytes: this.#bytes };
    level.wait(this.#own, nowMs);
    if (nowMs % (VIEW_TIMEOUT_MS / 4) === 0) level.judge(nowMs, ordered);
    if (!level.slow) return;
    this.views++;
    this.leader = this.views % this.n;
    level.begin(this.leader, nowMs, ordered);
  }

  #takes(): boolean {
    if (this.#room < 1) return false;
    this.#room--;
    return true;
  }
}

const slowly = (holdMs: number) => ({ capacity: 2, holdMs });
const well = { capacity: 2 };

test.each([0.8, 0.6, 0.5])(
  "P9 H6 a leader that is slow from the start, at %p of the view timeout, is left once",
  (share) => {
    const model = new Model();
    model.demand = { clients: 20 };
    model.service = (leader) => (leader === 0 ? slowly(share * VIEW_TIMEOUT_MS) : well);
    expect(model.run(20)).toBe(1);
    const before = model.ordered;
    expect(model.run(20)).toBe(0);
    expect(model.ordered - before).toBeGreaterThan(20 * VIEW_TIMEOUT_MS);
  },
);

test("P9 H6 a leader that becomes slow is left after two windows, and kept on request", () => {
  const kept = new Model({ keepsSlowLeaders: true });
  const model = new Model();
  for (const each of [model, kept]) {
    each.demand = { clients: 20 };
    expect(each.run(20)).toBe(0);
    each.service = (leader) => (leader === 0 ? slowly(80) : well);
  }
  expect(model.run(7)).toBe(1);
  expect(model.run(40)).toBe(0);
  expect(kept.run(45)).toBe(0);
});

test("P9 H6 of f + 1 leaders that are slow from the start none stays", () => {
  const model = new Model({ n: 7 });
  model.demand = { clients: 20 };
  model.service = (leader) => (leader < 2 ? slowly(80) : well);
  expect(model.run(20)).toBe(2);
  expect(model.run(40)).toBe(0);
});

test("P9 H6 a leader that lets requests wait and orders one at a time is left", () => {
  const model = new Model();
  model.demand = { clients: 20 };
  model.service = (leader) => (leader === 0 ? { capacity: 0.25 } : well);
  expect(model.run(20)).toBe(1);
});

test("P9 H6 few clients, with or without think time, suspect nobody, though requests are lost", () => {
  for (const clients of [1, 2, 5]) {
    const model = new Model();
    model.demand = { clients: 20 };
    expect(model.run(10)).toBe(0);
    model.demand = { clients, thinkMs: 30 };
    model.service = () => ({ ...well, loss: 0.05, lostMs: 50 });
    expect([clients, model.run(400)]).toEqual([clients, 0]);
    model.demand = { clients: 0 };
    expect(model.run(40)).toBe(0);
  }
});

test("P9 H6 a burst, checkpoints that pause and a lossy network suspect nobody", () => {
  const model = new Model();
  model.demand = { clients: 20 };
  expect(model.run(10)).toBe(0);
  model.demand = { clients: 200 };
  expect(model.run(0.2)).toBe(0);
  model.demand = { clients: 20 };
  model.service = () => ({ ...well, pauseMs: 60, everyMs: 300 });
  expect(model.run(100)).toBe(0);
  model.service = () => ({ ...well, loss: 0.2 });
  expect(model.run(100)).toBe(0);
});

test("P9 H6 more clients than can be served leave f leaders at most, whoever leads", () => {
  const model = new Model();
  model.demand = { clients: 20 };
  expect(model.run(10)).toBe(0);
  model.demand = { clients: 400 };
  expect(model.run(40)).toBe(1);
  expect(model.run(200)).toBe(0);
  // A flood of requests is no more than that, and neither is it when it ends.
  model.demand = { clients: 1000 };
  expect(model.run(100)).toBe(0);
  model.demand = { clients: 20 };
  expect(model.run(100)).toBe(0);
});

test("P9 H6 operations that become larger or smaller suspect nobody", () => {
  const model = new Model();
  model.demand = { clients: 400 };
  expect(model.run(40)).toBe(1);
  model.demand = { clients: 400, opBytes: 1000 };
  model.service = () => ({ capacity: 0.2 });
  expect(model.run(100)).toBe(0);
  model.demand = { clients: 400, opBytes: 10 };
  model.service = () => ({ capacity: 1 });
  expect(model.run(100)).toBe(0);
});

test("P9 H6 a cluster that gets slower by itself settles within n views", () => {
  const model = new Model();
  model.demand = { clients: 20 };
  expect(model.run(20)).toBe(0);
  for (const capacity of [0.2, 0.02]) {
    model.service = () => ({ capacity });
    const left = model.run(60);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(model.n);
    expect(model.run(200)).toBe(0);
  }
});
