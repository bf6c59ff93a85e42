// Shows the order of a turn: mail before timers, help before idling; the clock that it reads; and
// what a closed loop of clients counts. All in virtual time.

import { describe, expect, test } from "bun:test";
import type { Bytes, Client } from "../src/actor.ts";
import { RealClock } from "../src/process/real-clock.ts";
import { ClosedLoop } from "../src/evaluation/closed-loop.ts";
import { runLoop } from "../src/run-loop.ts";
import { EMPTY } from "../src/wire.ts";
import { FakeClock, FakeStage, FakeTransport } from "./support/fakes.ts";

/** Runs turns of which each transport poll brings so much; returns what happened in order. */
function turns(packets: readonly number[], setting: { loopback?: number; jobs?: number } = {}) {
  const did: string[] = [];
  let { loopback = 0, jobs = 0 } = setting;
  let turn = 0;
  const transport = new FakeTransport();
  transport.poll = () => packets[turn++] ?? 0;
  const stage = new FakeStage();
  stage.runJob = () => {
    did.push(jobs > 0 ? "help" : "no help");
    return jobs-- > 0;
  };
  const clock = new FakeClock();
  clock.poll = () => {
    did.push("timers");
    return 0;
  };
  const nodes = [{ poll: () => (loopback-- > 0 ? 1 : 0) }];
  const idle = () => did.push("idle");
  runLoop({ clock, transport, stage, nodes, idle, stopped: () => turn === packets.length });
  return did;
}

describe("run loop", () => {
  test("a turn that brought something looks at no timer", () => {
    expect(turns([3, 1, 2])).toEqual([]);
  });

  test("an empty turn fires timers, then helps the stage, and idles if there is no job", () => {
    expect(turns([0])).toEqual(["timers", "no help", "idle"]);
    expect(turns([0, 0], { jobs: 1 })).toEqual(["timers", "help", "timers", "no help", "idle"]);
  });

  test("a loopback is something as well", () => {
    expect(turns([0, 0], { loopback: 1 })).toEqual(["timers", "no help", "idle"]);
  });

  test("timers are looked at after 64 busy turns, without idling", () => {
    const timers = (busy: number) =>
      turns(new Array<number>(busy).fill(1)).filter((did) => did !== "no help");
    expect(timers(63)).toEqual([]);
    expect(timers(64)).toEqual(["timers"]);
    expect(timers(200)).toEqual(["timers", "timers", "timers"]);
  });

  test("one queued job is run after 8 busy turns: mail without end does not keep checks off", () => {
    const helped = (busy: number) => turns(new Array<number>(busy).fill(1), { jobs: 2 });
    expect(helped(7)).toEqual([]);
    expect(helped(17)).toEqual(["help", "help"]);
    expect(helped(24)).toEqual(["help", "help", "no help"]);
  });

  test("jobs are run in turns of which each fires a timer", () => {
    let timers = 5;
    const did: string[] = [];
    const clock = new FakeClock();
    clock.poll = () => (timers-- > 0 ? did.push("timer") : 0);
    const stage = new FakeStage();
    stage.runJob = () => timers >= 3 && did.push("job") > 0;
    const idle = () => did.push("idle");
    const stopped = () => did.includes("idle");
    runLoop({ clock, transport: new FakeTransport(), stage, nodes: [], idle, stopped });
    expect(did.join(" ")).toBe("timer job timer job timer timer timer idle");
  });

  test("an idle turn is told how many before it were empty", () => {
    const transport = new FakeTransport();
    const packets = [0, 0, 1, 0, 0];
    transport.poll = () => packets.shift() ?? 0;
    const told: number[] = [];
    const idle = (empty: number) => told.push(empty);
    const stopped = () => packets.length === 0;
    const stage = new FakeStage();
    runLoop({ clock: new FakeClock(), transport, stage, nodes: [], idle, stopped });
    expect(told).toEqual([0, 1, 0, 1]);
  });

  test("a fired timer is work: the turn does not idle", () => {
    const transport = new FakeTransport();
    const clock = new FakeClock();
    const fired: string[] = [];
    let idled = 0;
    clock.after(0, () => fired.push("due"));
    clock.after(1, () => fired.push("not due"));
    const stopped = () => idled > 0;
    const stage = new FakeStage();
    runLoop({ clock, transport, stage, nodes: [], idle: () => idled++, stopped });
    expect({ fired, idled }).toEqual({ fired: ["due"], idled: 1 });
  });
});

describe("real clock", () => {
  /** Its time stands still until it is set, as between two updates. */
  function clockAt(now: number): RealClock {
    const clock = new RealClock();
    clock.now = now;
    return clock;
  }

  test("calls come when they are due, by time and then in the order of asking", () => {
    const clock = clockAt(100);
    const fired: string[] = [];
    for (const [delay, name] of [
      [20, "c"],
      [10, "a"],
      [10, "b"],
      [30, "d"],
    ] as const) {
      clock.after(delay, () => fired.push(name));
    }
    expect(clock.poll()).toBe(0);
    clock.now = 120;
    expect(clock.poll()).toBe(3);
    expect(fired).toEqual(["a", "b", "c"]);
    clock.now = 1000;
    expect([clock.poll(), clock.poll()]).toEqual([1, 0]);
  });

  test("what was cancelled never comes, before or while others fire", () => {
    const clock = clockAt(0);
    const fired: string[] = [];
    const first = clock.after(1, () => fired.push("first"));
    clock.after(2, () => second.cancel());
    const second = clock.after(3, () => fired.push("second"));
    first.cancel();
    clock.now = 10;
    expect(clock.poll()).toBe(1);
    expect(fired).toEqual([]);
  });

  test("a call that asks for another at once gets it in the next poll, behind what is due", () => {
    const clock = clockAt(0);
    const fired: string[] = [];
    const slice = (left: number) => {
      fired.push(`slice ${left}`);
      if (left > 0) clock.after(0, () => slice(left - 1));
    };
    clock.after(0, () => slice(2));
    clock.after(0, () => fired.push("due"));
    expect([clock.poll(), clock.poll(), clock.poll(), clock.poll()]).toEqual([2, 1, 1, 0]);
    expect(fired).toEqual(["slice 2", "due", "slice 1", "slice 0"]);
  });

  test("it moves with an update only, and forward", () => {
    const clock = new RealClock();
    const { now } = clock;
    expect(clock.now).toBe(now);
    clock.update();
    expect(clock.now).toBeGreaterThanOrEqual(now);
  });
});

/** Answers when the test says so. */
class FakeClient implements Client<object, string> {
  readonly retransmissions = 0;
  invoked = 0;
  #done: ((result: Bytes | null) => void) | null = null;

  invoke(_op: Bytes, done: (result: Bytes | null) => void): void {
    expect(this.#done).toBeNull();
    this.invoked++;
    this.#done = done;
  }
  receive(): void {}
  timeout(): void {}

  answer(result: Bytes | null): void {
    const done = this.#done;
    this.#done = null;
    done?.(result);
  }
}

describe("closed loop", () => {
  const result = new Uint8Array(5);

  function start(count: number, thinkMs = 0) {
    const clock = new FakeClock();
    const clients = Array.from({ length: count }, () => new FakeClient());
    const load = new ClosedLoop({
      ...{ clients, clock, warmMs: 100, measureMs: 200, thinkMs, history: null },
      workload: { asker: () => ({ next: () => EMPTY }) },
    });
    return { clock, clients, load };
  }

  test("only what completes in the measured time is measured", () => {
    const { clock, clients, load } = start(1);
    const [client] = clients as [FakeClient];
    for (let ms = 0; ms < 100; ms += 10) {
      client.answer(result);
      clock.advance(10);
    }
    expect({ completed: load.completed, measured: load.measured }).toEqual({
      ...{ completed: 10, measured: 0 },
    });
    for (let ms = 0; ms < 200; ms += 10) {
      client.answer(result);
      expect(load.finished).toBe(false);
      clock.advance(10);
    }
    // What is in flight tells whether the service is still there.
    expect(load.finished).toBe(false);
    client.answer(result);
    expect(load.finished).toBe(true);
    clock.advance(50);
    expect({ measured: load.measured, bytes: load.resultBytes, seconds: load.seconds }).toEqual({
      ...{ measured: 20, bytes: 100, seconds: 0.2 },
    });
    expect(load.latencies.summary().p50).toBeCloseTo(10_000, -2);
    expect({ completed: load.completed, invoked: client.invoked }).toEqual({
      ...{ completed: 31, invoked: 31 },
    });
  });

  test("256 clients start at once, and one more with each client whose first operation completes", () => {
    const { clients } = start(600);
    const started = () => clients.filter(({ invoked }) => invoked > 0).length;
    expect(started()).toBe(256);
    clients[0]?.answer(result);
    clients[0]?.answer(result);
    expect(started()).toBe(257);
    clients[1]?.answer(result);
    expect(started()).toBe(258);
    for (const client of clients) client.answer(result);
    expect(started()).toBe(600);
    expect(clients.map(({ invoked }) => invoked)).toContain(2);
  });

  test("each client has one operation in flight, and one that lost its session issues no more", () => {
    const { clock, clients, load } = start(3);
    expect(clients.map(({ invoked }) => invoked)).toEqual([1, 1, 1]);
    clients[0]?.answer(result);
    clients[1]?.answer(null);
    expect(clients.map(({ invoked }) => invoked)).toEqual([2, 1, 1]);
    expect({ completed: load.completed, lost: load.lost }).toEqual({ completed: 1, lost: 1 });
    expect(load.finished).toBe(false);
    for (const client of clients) client.answer(null);
    expect({ lost: load.lost, finished: load.finished }).toEqual({ lost: 3, finished: true });
    clock.advance(1);
  });

  test("a client that thinks issues its next operation later", () => {
    const { clock, clients } = start(1, 30);
    const [client] = clients as [FakeClient];
    client.answer(result);
    clock.advance(29);
    expect(client.invoked).toBe(1);
    clock.advance(1);
    expect(client.invoked).toBe(2);
  });
});
