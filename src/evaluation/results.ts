// The results of a sweep as they are kept: one JSON object a line, appended as runs end.

import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import { UsageError } from "../usage-error.ts";
import type { FailedRun, Run } from "./run.ts";

export class Results {
  readonly #path: string;
  readonly #runs = new Map<string, Run>();
  readonly #failures = new Map<string, FailedRun>();

  /**
   * Reads what is there; nothing need be. A last line without its end, of a write that was
   * interrupted, is removed, which `tell` hears of. Throws UsageError for other lines that are no
   * results.
   */
  constructor(path: string, tell: (line: string) => void) {
    this.#path = path;
    if (!existsSync(path)) return;
    const bytes = readFileSync(path);
    const end = bytes.lastIndexOf("\n") + 1;
    if (end < bytes.length) {
      tell(`${path}: its last line was not written to the end and is removed`);
      truncateSync(path, end);
    }
    const lines = bytes.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
    for (const [i, line] of lines.entries()) this.#take(parseResult(line, `${path}:${i + 1}`));
  }

  /** The run of that key, if it is there and did not fail. */
  run(key: string): Run | undefined {
    return this.#runs.get(key);
  }

  /** Why the run of that key failed, if it did and has not succeeded since. */
  failure(key: string): FailedRun | undefined {
    return this.#failures.get(key);
  }

  /** Keeps it, also if the process ends right after. */
  add(result: Run | FailedRun): void {
    appendFileSync(this.#path, `${JSON.stringify(result)}\n`);
    this.#take(result);
  }

  #take(result: Run | FailedRun): void {
    if ("failure" in result) {
      this.#failures.set(result.key, result);
    } else {
      this.#runs.set(result.key, result);
      this.#failures.delete(result.key);
    }
  }
}

/** Throws UsageError if the line is not one that `add` wrote. */
function parseResult(line: string, where: string): Run | FailedRun {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && "key" in value && "point" in value) {
      if ("record" in value || "failure" in value) return value as Run | FailedRun;
    }
  } catch {
    // Told below, with the line's number.
  }
  throw new UsageError(`${where}: not the result of a run`);
}
