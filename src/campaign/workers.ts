// Workers of `simulate`: the same program with a part of the seeds at a time. They stay for the
// whole campaign, since a process needs seconds until its code is compiled well.

import { assert } from "../base/assert.ts";
import { Queue } from "../base/queue.ts";
import { addTotals, noTotals, totalsFromJson } from "./campaign.ts";
import type { Range, Totals } from "./campaign.ts";
import { log } from "../base/logger.ts";

/** Seeds of a part at least. */
const PART_MIN = 50;
/** Parts for each worker, so that all end at about the same time, and the progress shows. */
const PARTS_A_JOB = 20;

/** The range in parts of about the same length. */
export function splitRange({ first, count, stride }: Range, jobs: number): Range[] {
  const parts = Math.max(1, Math.min(jobs * PARTS_A_JOB, Math.floor(count / PART_MIN)));
  if (jobs === 1) return [{ first, count, stride }];
  return Array.from({ length: parts }, (_, i): Range => {
    const from = Math.floor((i * count) / parts);
    const to = Math.floor(((i + 1) * count) / parts);
    return { first: first + from * stride, count: to - from, stride };
  });
}

/** A command for a worker. */
export interface Part {
  readonly args: readonly string[];
  /** It is run however little time there is. */
  readonly due: boolean;
}

/**
 * Has the workers run the parts in order, as many at a time as there are jobs, until there is no
 * more time, and adds up; says on standard error how far they are with `what`.
 */
export async function runJobs(
  workers: Workers,
  parts: readonly Part[],
  what: string,
  { seeds, jobs, more }: { seeds: number; jobs: number; more: () => boolean },
): Promise<Totals> {
  const totals = noTotals();
  let next = 0;
  const run = async (args: readonly string[]): Promise<void> => {
    const part = totalsFromJson(await workers.run(args));
    for (const failure of part.failures) {
      log.info(`${what}seed ${failure.seed}: ${failure.what.split("\n")[0]}`);
    }
    addTotals(totals, part);
    log.info(`${what}${totals.passed + totals.failed} of ${seeds} seeds, ${totals.failed} failed`);
  };
  const serveOne = async (): Promise<void> => {
    for (let part = parts[next]; part !== undefined && (part.due || more()); part = parts[next]) {
      next++;
      await run(part.args);
    }
  };
  await Promise.all(Array.from({ length: jobs }, serveOne));
  totals.failures.sort((a, b) => a.seed - b.seed);
  return totals;
}

interface Task {
  /** Of this program. */
  readonly args: readonly string[];
  readonly done: (line: string) => void;
  readonly failed: (error: Error) => void;
}

/** Processes of this program that run one command after another. */
export class Workers {
  readonly #waiting = new Queue<Task>();
  readonly #idle: Bun.Subprocess[] = [];
  readonly #busy = new Map<Bun.Subprocess, Task>();
  /** Why nothing counts any more; null while all workers live. */
  #broken: Error | null = null;

  /** Starts `count` processes; `close` ends them. */
  constructor(count: number) {
    for (let i = 0; i < count; i++) this.#idle.push(this.#start());
  }

  /** Runs a command as soon as a worker is free; resolves to the line that it answers. */
  run(args: readonly string[]): Promise<string> {
    if (this.#broken !== null) return Promise.reject(this.#broken);
    return new Promise((done, failed) => {
      this.#waiting.push({ args, done, failed });
      this.#serve();
    });
  }

  close(): void {
    for (const child of this.#idle.splice(0)) child.disconnect();
    for (const child of this.#busy.keys()) child.kill();
  }

  /** This program once more: compiled it is the executable, otherwise bun with this script. */
  #start(): Bun.Subprocess {
    const compiled = Bun.main.startsWith("/$bunfs/");
    const command = compiled ? [process.execPath] : [process.execPath, Bun.main];
    return Bun.spawn([...command, "--worker"], {
      stdout: "inherit",
      stderr: "inherit",
      ipc: (line: string, child) => this.#answered(child, line),
      onExit: (child, status) => this.#ended(child, status),
    });
  }

  #serve(): void {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const child = this.#idle.pop();
      const task = this.#waiting.shift();
      if (child === undefined || task === undefined) return;
      this.#busy.set(child, task);
      child.send(task.args);
    }
  }

  #answered(child: Bun.Subprocess, line: string): void {
    const task = this.#busy.get(child);
    assert(task !== undefined, "a worker answers what it was asked");
    this.#busy.delete(child);
    this.#idle.push(child);
    task.done(line);
    this.#serve();
  }

  /** Whether or not it had a task: what it would have been asked next stays undone. */
  #ended(child: Bun.Subprocess, status: number | null): void {
    const task = this.#busy.get(child);
    this.#busy.delete(child);
    const doing = task === undefined ? "nothing to do" : task.args.join(" ");
    this.#broken ??= new Error(`a worker ended with status ${status}: ${doing}`);
    task?.failed(this.#broken);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next.failed(this.#broken);
    }
  }
}

/** A worker's life: answers the commands of the process that started it until that one is gone. */
export function serve(answer: (args: readonly string[]) => Promise<string>): Promise<void> {
  return new Promise((done, failed) => {
    process.on("message", (args: readonly string[]) => {
      answer(args).then((line) => process.send?.(line), failed);
    });
    process.on("disconnect", done);
  });
}
