// Shows what a replica prints about its start, by a clock that a test moves.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Census } from "../../src/actor.ts";
import { Program } from "../support/programs.ts";
import {
  lacks,
  overText,
  RECOVERED,
  watchStart,
  watchUnused,
} from "../../src/process/start-lines.ts";

const SCRIPT = "../../deploy/ansible/roles/oskr/files/process.sh";

type Start = Pick<Census, "phase" | "recovered" | "waitsFor" | "run">;

/** A clock with one call at a time, which `pass` makes when it is due. */
function movable() {
  let due: { atMs: number; fire: () => void } | null = null;
  const clock = {
    now: 0,
    after(delayMs: number, fire: () => void) {
      due = { atMs: clock.now + delayMs, fire };
      return { cancel: () => {}, again: () => {} };
    },
    pass(ms: number): void {
      const untilMs = clock.now + ms;
      while (due !== null && due.atMs <= untilMs) {
        const { atMs, fire } = due;
        due = null;
        clock.now = atMs;
        fire();
      }
      clock.now = untilMs;
    },
    waits: () => due !== null,
  };
  return clock;
}

/** A replica's lines so far; `pass` moves the time, in milliseconds, with a start as it is then. */
function replica(first: Start, dropped: readonly string[] = []) {
  let start = first;
  const lines: string[] = [];
  const clock = movable();
  const census = (): Census => ({
    ...{ view: 0, committed: 0, executed: 0, viewTimerMs: 0, sizes: [] },
    ...start,
  });
  const print = (line: string): unknown => lines.push(line);
  const options = { id: 3, replica: { census }, clock, print, drops: () => dropped };
  const doing = watchStart(options);
  lines.push(`replica 3 of 4 runs x on y${doing}`);
  const pass = (ms: number, now: Start): void => {
    start = now;
    clock.pass(ms);
  };
  return { lines, pass, isWatched: clock.waits };
}

const BEGUN: Start = { phase: "running" };
const STARTING: Start = { phase: "starting", waitsFor: [0, 2] };

test("a replica that needs no start says nothing of it", () => {
  const { lines, pass } = replica(BEGUN);
  pass(10_000, BEGUN);
  expect(lines).toEqual(["replica 3 of 4 runs x on y"]);
});

test("a replica of a new cluster starts, and then began", () => {
  const { lines, pass } = replica(STARTING);
  pass(100, STARTING);
  pass(100, BEGUN);
  pass(10_000, BEGUN);
  expect(lines).toEqual(["replica 3 of 4 runs x on y, starting", "replica 3 began"]);
});

test("X15 where runs have names it says which one it is in, and what has ended it", () => {
  const run = new Uint8Array(32).fill(0x3f);
  const { lines, pass } = replica(STARTING);
  pass(100, { ...BEGUN, run });
  expect(lines.slice(1)).toEqual(["replica 3 began in run 3f3f3f3f"]);
  expect(lacks(`${lines[0]}\n${lines[1]}\n`)).toBeNull();
  expect(overText(3, { run })).toBe(
    "replica 3: nobody says that run 3f3f3f3f goes on; it starts anew, with nothing",
  );
  const endedBy = new Uint8Array(32).fill(0x40);
  expect(overText(3, { run, endedBy })).toBe(
    "replica 3: run 3f3f3f3f has ended, the others are in run 40404040; it starts anew, with nothing",
  );
});

test("a replica that lost its memory recovers, however quickly", () => {
  const recovered: Start = { phase: "running", recovered: true };
  const { lines, pass } = replica(STARTING);
  pass(100, { phase: "recovering", waitsFor: [] });
  pass(100, recovered);
  expect(lines.slice(1)).toEqual(["replica 3 recovering", "replica 3 recovered"]);
  const quick = replica(STARTING);
  quick.pass(100, recovered);
  expect(quick.lines.slice(1)).toEqual(["replica 3 recovered"]);
});

test("a replica that waits for long says for whom, once a second", () => {
  const { lines, pass } = replica(STARTING);
  pass(4990, STARTING);
  expect(lines).toHaveLength(1);
  pass(2010, STARTING);
  pass(1000, { phase: "recovering", waitsFor: [2] });
  // Who has all answers does not wait for any; the time begins anew.
  pass(6000, { phase: "recovering", waitsFor: [] });
  pass(4000, { phase: "recovering", waitsFor: [1] });
  pass(1000, BEGUN);
  expect(lines.slice(1)).toEqual([
    "replica 3 has waited 5 s for an answer of 0, 2",
    "replica 3 has waited 6 s for an answer of 0, 2",
    "replica 3 has waited 7 s for an answer of 0, 2",
    "replica 3 recovering",
    "replica 3 has waited 8 s for an answer of 2",
    "replica 3 began",
  ]);
});

test("a replica that waits for long says once in a while what it drops", () => {
  const { lines, pass } = replica(STARTING, ["7 forged: other keys?", "2 malformed"]);
  pass(11_010, STARTING);
  const told = lines.slice(1).map((line) => line.replace("replica 3 has waited ", ""));
  expect(told.map((line) => line.replace(" for an answer of 0, 2", ""))).toEqual([
    ...["5 s; 7 forged: other keys?; 2 malformed", "6 s", "7 s", "8 s", "9 s"],
    ...["10 s; 7 forged: other keys?; 2 malformed", "11 s"],
  ]);
});

test("a replica that has executed nothing says once in a while what it drops, if that grows", () => {
  const clock = movable();
  const lines: string[] = [];
  let [executed, dropped, phase]: [number, string[], Census["phase"]] = [0, [], "starting"];
  watchUnused({
    ...{ id: 3, clock, print: (line: string) => lines.push(line), drops: () => dropped },
    census: () => ({ phase, executed }),
  });
  dropped = ["5 unknown id: another one?"];
  clock.pass(5000);
  // What starts says so itself.
  expect(lines).toEqual([]);
  phase = "running";
  clock.pass(10_000);
  const line = "replica 3 has executed nothing so far; 5 unknown id: another one?";
  expect(lines).toEqual([line]);
  dropped = ["6 unknown id: another one?"];
  clock.pass(5000);
  expect(lines).toEqual([line, line.replace("5", "6")]);
  executed = 1;
  dropped = ["7 unknown id: another one?"];
  clock.pass(20_000);
  expect(lines).toHaveLength(2);
  expect(clock.waits()).toBe(false);
});

test("who waits for a replica knows from its lines whether it takes part", () => {
  const first = "replica 0 of 4 runs pbft on udp";
  expect(lacks(`${first}\n`)).toBeNull();
  for (const phase of ["starting", "recovering"]) {
    const lacking = lacks(`${first}, ${phase}\nreplica 0 has waited 5 s for an answer of 1\n`);
    expect(lacking?.test(`${first}, ${phase}\n`)).toBe(false);
    expect(lacking?.test(`${first}, ${phase}\nreplica 0 began\n`)).toBe(true);
    expect(lacks(`${first}, ${phase}\nreplica 0 recovered\n`)).toBeNull();
  }
  expect(RECOVERED.test(`${first}, starting\nreplica 0 began\n`)).toBe(false);
  expect(RECOVERED.test(`${first}, starting\nreplica 0 recovered\n`)).toBe(true);
});

test("X15 a replica whose run is over is watched no more, because another takes its place", () => {
  const { lines, pass, isWatched } = replica(STARTING);
  pass(100, STARTING);
  expect(isWatched()).toBe(true);
  pass(100, { phase: "over" });
  expect(isWatched()).toBe(false);
  expect(lines).toEqual(["replica 3 of 4 runs x on y, starting"]);
});

test("the script that starts a lab's replicas tells how one ended, in its log too", async () => {
  const dir = mkdtempSync(join(tmpdir(), "oskr-script-"));
  const ends = async (command: string) => {
    const script = ["sh", join(import.meta.dir, SCRIPT), "start", "replica", "sh", "-c", command];
    const { status, err } = await new Program(script, { cwd: dir }).ended();
    const log = readFileSync(join(dir, "replica.log"), "utf8");
    expect(err).toContain(`${log.trimEnd().split("\n").at(-1)}: `);
    return { status, log };
  };
  try {
    expect(await ends("echo served; kill -KILL $$")).toEqual({
      ...{ status: 1, log: "served\nreplica ended by SIGKILL\n" },
    });
    expect(await ends("exit 3")).toEqual({ status: 1, log: "replica ended with status 3\n" });
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("the script that starts a lab's replicas knows the same lines", () => {
  const script = readFileSync(join(import.meta.dir, SCRIPT), "utf8");
  const [, text = ""] = /grep -Eq '([^']*)'/.exec(script) ?? [];
  const pattern = new RegExp(text, "m");
  for (const what of ["began", "recovered"]) {
    for (const run of ["", " in run 3f9a12c4"]) {
      for (const stamp of ["", "2026-11-28T12:34:56.789Z "]) {
        const line = `${stamp}replica 2 ${what}${run}`;
        expect({ line, known: pattern.test(line) }).toEqual({ line, known: true });
        expect(lacks(`replica 2 of 4 runs x on y, starting\n${line}\n`)).toBeNull();
      }
    }
  }
  expect(pattern.test("replica 2 recovering")).toBe(false);
});
