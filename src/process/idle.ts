// What a polling thread does in a turn without work: --idle.

import { UsageError } from "../base/errors.ts";
import type { IdleName } from "../cli/definitions.ts";
import type { NativeLibrary } from "../ffi/native.ts";
import type { RealClock } from "./real-clock.ts";
import type { Crowd } from "./crowd.ts";
import { sleep, Waiting, YIELDS, type WaitingWorld } from "./waiting.ts";

/** What the process sleeps on while it parks. */
export interface Sleeper {
  /** Announces a sleep: from here on every arrival wakes the process. */
  arm(): void;
  /** Sleeps for at most `us` microseconds. */
  wait(us: number): void;
}

export interface Idler {
  readonly name: IdleName;
  /** Told how many turns before this one were empty as well. */
  readonly idle: (empty: number) => void;
}

/** `sleep`: yields between two sleeps, and how long those are. */
const SLEEP_AFTER_YIELDS = 16;
const SLEEP_US = 50;

/**
 * `crowd` says who polls on this machine. Throws UsageError if it is to park and nothing would wake
 * it.
 */
export function idler(
  name: IdleName,
  native: NativeLibrary,
  clock: RealClock,
  { sleeper, crowd }: { readonly sleeper: Sleeper | null; readonly crowd: Crowd },
): Idler {
  switch (name) {
    case "busy":
      return { name, idle: () => {} };
    case "yield":
      return { name, idle: () => native.oskr_yield() };
    case "auto": {
      const waiting = new Waiting(worldOf(native, clock, woken(name, sleeper)), crowd);
      return { name, idle: (empty) => waiting.turn(empty) };
    }
    case "park": {
      const own = woken(name, sleeper);
      return { name, idle: (empty) => park(empty - YIELDS, native, clock, own) };
    }
    case "sleep":
      return {
        name,
        idle: (empty) => {
          if (empty % SLEEP_AFTER_YIELDS < SLEEP_AFTER_YIELDS - 1) native.oskr_yield();
          else native.oskr_sleep_us(SLEEP_US);
        },
      };
  }
}

/** Throws UsageError where there is nothing that wakes. */
function woken(name: IdleName, sleeper: Sleeper | null): Sleeper {
  if (sleeper !== null) return sleeper;
  throw new UsageError(`--idle ${name}: only memif and UDP wake who is parked`);
}

function worldOf(native: NativeLibrary, clock: RealClock, sleeper: Sleeper): WaitingWorld {
  return {
    turnMs: () => clock.now,
    nowMs: () => performance.now(),
    timerMs: () => clock.nextMs,
    yieldProcessor: () => native.oskr_yield(),
    arm: () => sleeper.arm(),
    wait: (us) => sleeper.wait(us),
  };
}

/** A turn lies between arming and waiting, because what came before `arm` rings no doorbell. */
function park(past: number, native: NativeLibrary, clock: RealClock, sleeper: Sleeper): void {
  if (past < 0) {
    native.oskr_yield();
  } else if (past % 2 === 0) {
    sleeper.arm();
  } else {
    sleep(clock.nextMs - clock.now, (us) => sleeper.wait(us));
  }
}
