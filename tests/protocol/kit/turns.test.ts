// Whose turns are skipped where each view has another leader, and for how long.

import { expect, test } from "bun:test";
import { Turns } from "../../../src/protocol/kit/turns.ts";

const CONFIG = { n: 7, f: 2, viewTimeoutMs: 500 };
const REPLICAS = [0, 1, 2, 3, 4, 5, 6];

function skipped(turns: Turns): number[] {
  return REPLICAS.filter((leader) => turns.skips(leader));
}

/** All leaders take a turn of so many milliseconds, so many times. */
function rotate(turns: Turns, ms: number, times = 1): void {
  for (let i = 0; i < times; i++) for (const leader of REPLICAS) turns.onTurn(leader, ms);
}

test("H12 a leader that failed is skipped until it has paid, twice as long each time", () => {
  const turns = new Turns(CONFIG);
  rotate(turns, 2, 100);
  for (const owed of [16, 32, 64]) {
    turns.onFailure(3);
    for (let i = 0; i < owed; i++) {
      expect(skipped(turns)).toEqual([3]);
      turns.onSkipped(3);
    }
    expect(skipped(turns)).toEqual([]);
  }
});

test("H12 a failure is forgotten after long service, not after little", () => {
  const turns = new Turns(CONFIG);
  const pays = () => {
    let count = 0;
    for (; turns.skips(3); count++) turns.onSkipped(3);
    return count;
  };
  turns.onFailure(3);
  expect(pays()).toBe(16);
  rotate(turns, 2, 511);
  turns.onFailure(3);
  expect(pays()).toBe(32);
  rotate(turns, 2, 2 * 512);
  turns.onFailure(3);
  expect(pays()).toBe(16);
});

test("H12 at most f are skipped, those that owe most", () => {
  const turns = new Turns(CONFIG);
  for (const leader of [0, 1, 2, 3]) turns.onFailure(leader);
  expect(skipped(turns)).toEqual([0, 1]);
  turns.onFailure(5);
  turns.onFailure(5);
  expect(skipped(turns)).toEqual([0, 5]);
});

test("H12 a leader that is late three times in succession is skipped, one that is late at times not", () => {
  const turns = new Turns(CONFIG);
  rotate(turns, 2, 100);
  const others = REPLICAS.filter((leader) => leader !== 3);
  const round = (ms: number) => {
    for (const leader of others) turns.onTurn(leader, 2);
    turns.onTurn(3, ms);
  };
  for (let i = 0; i < 50; i++) for (const ms of [100, 100, 2]) round(ms);
  expect(skipped(turns)).toEqual([]);
  for (let i = 0; i < 3; i++) round(100);
  expect(skipped(turns)).toEqual([3]);
});

test("H12 where all turns are as long nobody is late for ever", () => {
  const turns = new Turns(CONFIG);
  rotate(turns, 2, 100);
  const before = turns.timelyMs;
  expect(before).toBeLessThan(30);
  rotate(turns, 200, 400);
  expect(turns.timelyMs).toBeGreaterThan(200);
  expect(skipped(turns)).toEqual([]);
});

test("H12 with a leader that stays, or with --slow-leader keep, nobody is skipped", () => {
  for (const changes of [{ tenure: 2 ** 20 }, { keepsSlowLeaders: true }]) {
    const turns = new Turns({ ...CONFIG, ...changes });
    turns.onFailure(3);
    for (let i = 0; i < 10; i++) turns.onTurn(4, 400);
    expect(skipped(turns)).toEqual([]);
  }
});
