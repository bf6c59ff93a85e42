// Shows that strangers' hosts take turns over checks, that who sends forgeries comes last, and what
// a flood of them costs the others (A3a).

import { describe, expect, test } from "bun:test";
import type { Address, Proof } from "../src/actor.ts";
import { Queue } from "../src/base/queue.ts";
import { CheckLanes } from "../src/check-lanes.ts";
import type { Drops, Stage } from "../src/driver.ts";
import { StrangerTurns, type StrangerQueue } from "../src/stranger-turns.ts";

interface Named extends StrangerQueue {
  readonly name: string;
  readonly waiting: Queue<number>;
}

/** One whose messages wait, and whose turn comes. */
function waiting(turns: StrangerTurns<Named>, name: string, source: number, count = 1): Named {
  const queue: Named = { name, source, waiting: new Queue() };
  for (let i = 0; i < count; i++) {
    queue.waiting.push(i);
    turns.add(queue, 10);
  }
  turns.push(queue);
  return queue;
}

function order(turns: StrangerTurns<Named>): readonly (string | undefined)[] {
  const names: (string | undefined)[] = [];
  for (let next = turns.shift(); next !== undefined; next = turns.shift()) names.push(next.name);
  return names;
}

describe("turns of strangers", () => {
  test("A3a hosts take turns, whatever number of ids they have", () => {
    const turns = new StrangerTurns<Named>(64);
    for (let i = 0; i < 4; i++) waiting(turns, `a${i}`, 1);
    for (let i = 0; i < 2; i++) waiting(turns, `b${i}`, 2);
    expect(order(turns)).toEqual(["a0", "b0", "a1", "b1", "a2", "a3"]);
  });

  test("A3a a host whose check failed comes last of all, until 64 held", () => {
    const turns = new StrangerTurns<Named>(64);
    turns.judge(1, false);
    for (let i = 0; i < 2; i++) waiting(turns, `a${i}`, 1);
    for (let i = 0; i < 2; i++) waiting(turns, `b${i}`, 2);
    waiting(turns, "c", 3);
    turns.judge(3, false);
    expect(order(turns)).toEqual(["b0", "b1", "a0", "c", "a1"]);
    for (let i = 0; i < 63; i++) turns.judge(1, true);
    expect([turns.isDoubted(1), turns.asNew]).toEqual([true, false]);
    turns.judge(1, true);
    turns.judge(2, true);
    for (let i = 0; i < 64; i++) turns.judge(3, true);
    expect([turns.isDoubted(1), turns.isDoubted(2), turns.asNew]).toEqual([false, false, true]);
  });

  test("A3a the host of which most waits gives way, for one of which less would", () => {
    const turns = new StrangerTurns<Named>(64);
    const many = waiting(turns, "many", 1, 5);
    waiting(turns, "few", 2, 2);
    expect(turns.greatest(2, 10, "messages")).toBe(many);
    expect(turns.greatest(3, 10, "bytes")).toBe(many);
    expect(turns.greatest(3, 50, "bytes")).toBeUndefined();
    expect(turns.greatest(1, 10, "messages")).toBeUndefined();
    for (let i = 0; i < 5; i++) {
      many.waiting.shift();
      turns.remove(many, 10);
    }
    turns.leave(many);
    expect(turns.greatest(3, 5, "messages")?.name).toBe("few");
    expect(order(turns)).toEqual(["few"]);
  });

  test("A3a of hosts that sent forgeries 1,024 are remembered", () => {
    const turns = new StrangerTurns<Named>(64);
    for (let host = 0; host < 1025; host++) turns.judge(host, false);
    expect([turns.isDoubted(0), turns.isDoubted(1), turns.isDoubted(1024)]).toEqual([
      ...[false, true, true],
    ]);
  });
});

/** Microseconds of a check, and of a turn of the run loop beside what it does. */
const CHECK_US = 60;
const TURN_US = 2;
const RUN_US = 200_000;
/** Clients of four hosts, who ask again that much after they were answered. */
const CLIENTS = 8;
const THINK_US = 100;
const FIRST_CLIENT = 10;
/** The ids of a host that sends forgeries. */
const FLOODING = 20_000;

/** What waits of a run loop, in virtual time: the thread that checks is the one that polls. */
class Replica {
  nowUs = 0;
  answered = 0;
  readonly drops: Drops = new Map();
  readonly counts = { signed: 0, roots: 0, verified: 0, cached: 0 };
  /** Milliseconds. */
  get now(): number {
    return Math.floor(this.nowUs / 1000);
  }
  readonly #jobs = new Queue<() => void>();
  readonly #due: { atUs: number; client: number }[] = [];
  readonly #lanes: CheckLanes<boolean>;

  constructor() {
    const stage: Pick<Stage, "verify" | "knows" | "counts"> = {
      counts: this.counts,
      knows: (proofs) => proofs.length === 0,
      verify: ([proof], _run, done, doubted) => {
        const check = (): void => {
          this.nowUs += CHECK_US;
          this.counts.verified++;
          done(proof?.signer === 1);
        };
        if (doubted === true) this.#jobs.push(check);
        else check();
      },
    };
    const { drops } = this;
    this.#lanes = new CheckLanes({
      ...{ n: 4, stage: stage as Stage, drops, requestsSigned: true, run: () => null },
      sourceOf: (address: Address) => (address < FLOODING ? 1 + (address % 4) : 9),
      clock: this,
      sections: new Int32Array(1),
      admits: () => null,
      bare: (message) => message,
      receive: (from) => this.#answer(from),
    });
    for (let client = 0; client < CLIENTS; client++) this.#due.push({ atUs: client, client });
  }

  #answer(from: Address): void {
    this.answered++;
    this.#due.push({ atUs: this.nowUs + THINK_US, client: from - FIRST_CLIENT });
  }

  take(from: Address, valid: boolean): void {
    const bytes = new Uint8Array(0);
    const proof: Proof = { signer: valid ? 1 : 0, signed: bytes, signature: bytes };
    this.#lanes.take(from, valid, [proof], 200);
  }

  /** Runs with so many forgeries a millisecond. */
  run(forgeriesAMs: number): number {
    let sent = 0;
    let turns = 0;
    while (this.nowUs < RUN_US) {
      this.nowUs += TURN_US;
      let busy = false;
      for (; sent < (this.nowUs * forgeriesAMs) / 1000; sent++) {
        this.take(FLOODING + (sent % 8192), false);
        busy = true;
      }
      const due = this.#due.findIndex(({ atUs }) => atUs <= this.nowUs);
      const [asking] = due < 0 ? [] : this.#due.splice(due, 1);
      if (asking !== undefined) this.take(FIRST_CLIENT + asking.client, true);
      busy ||= asking !== undefined;
      // As the run loop does.
      if (!busy || ++turns % 8 === 0) this.#jobs.shift()?.();
    }
    return this.answered;
  }
}

test("A3a 1,000 bad requests a millisecond cost others at most 0.3 of their throughput", () => {
  const alone = new Replica().run(0);
  const flooded = new Replica();
  const beside = flooded.run(1000);
  expect(alone).toBeGreaterThan(2000);
  expect(beside / alone).toBeGreaterThan(0.7);
  expect(flooded.drops.get("forged")).toBeGreaterThan(10);
  // What has no room is the flood's: nobody else lost a request, or it would not ask again.
  const lost = flooded.drops.get("too many of strangers to check") ?? 0;
  expect(lost).toBeGreaterThan(100_000);
});
