// Shows what an idle turn does: parking says so a turn before it sleeps, and never sleeps past a
// timer.

import { describe, expect, test } from "bun:test";
import { RealClock } from "../../src/process/real-clock.ts";
import { idler } from "../../src/process/idle.ts";
import type { NativeLibrary } from "../../src/ffi/native.ts";
import { UsageError } from "../../src/base/errors.ts";
import { IDLE_NAMES, type IdleName } from "../../src/cli/definitions.ts";

/** Six processes on two processors. */
const CROWD = { pollers: 6, processors: 2 };

/** What each of the first `turns` empty turns does. */
function did(name: IdleName, turns: number, clock = new RealClock()): readonly string[] {
  let seen: string[] = [];
  const native = {
    oskr_yield: () => seen.push("yield"),
    oskr_sleep_us: (us: number) => seen.push(`sleep ${us}`),
  } as unknown as NativeLibrary;
  const sleeper = {
    arm: () => seen.push("arm"),
    wait: (us: number) => seen.push(`wait ${us}`),
  };
  const { idle, name: told } = idler(name, native, clock, { sleeper, crowd: CROWD });
  expect(told).toBe(name);
  return Array.from({ length: turns }, (_, empty) => {
    seen = [];
    idle(empty);
    return seen.join();
  });
}

/** Whose time is 100 and whose next call is due then. */
function clockWith(delayMs: number): RealClock {
  const clock = new RealClock();
  clock.now = 100;
  clock.after(delayMs, () => {});
  return clock;
}

describe("idle", () => {
  test("busy does nothing, yield yields", () => {
    expect(did("busy", 3)).toEqual(["", "", ""]);
    expect(did("yield", 3)).toEqual(["yield", "yield", "yield"]);
  });

  test("park yields, then arms in one turn and sleeps in the next", () => {
    const turns = did("park", 13);
    expect(turns.slice(0, 8)).toEqual(new Array<string>(8).fill("yield"));
    expect(turns.slice(8)).toEqual(["arm", "wait 10000", "arm", "wait 10000", "arm"]);
  });

  test("auto, where many share processors, does as park does (waiting.test.ts has all of it)", () => {
    expect(did("auto", 13, clockWith(2.5))).toEqual(did("park", 13, clockWith(2.5)));
  });

  test("park sleeps until the next timer, and not at all when that is due", () => {
    const last = (delayMs: number) => did("park", 10, clockWith(delayMs)).at(-1);
    expect(last(2.5)).toBe("wait 2500");
    expect(last(60_000)).toBe("wait 10000");
    expect(last(0)).toBe("");
  });

  test("where nothing would wake it, one does not park", () => {
    const native = {} as unknown as NativeLibrary;
    const asleep = { sleeper: null, crowd: CROWD };
    for (const name of ["park", "auto"] as const) {
      const told = `--idle ${name}: only memif and UDP wake who is parked`;
      expect(() => idler(name, native, new RealClock(), asleep)).toThrow(new UsageError(told));
    }
    expect(idler("busy", native, new RealClock(), asleep).name).toBe("busy");
  });

  test("sleep sleeps in every sixteenth empty turn", () => {
    const turns = did("sleep", 32);
    expect(turns.flatMap((turn, i) => (turn === "sleep 50" ? [i] : []))).toEqual([15, 31]);
    expect(turns.filter((turn) => turn === "yield")).toHaveLength(30);
  });

  test("every name has a strategy", () => {
    for (const name of IDLE_NAMES) did(name, 20);
  });
});
