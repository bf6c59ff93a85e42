// The results of a sweep as they are kept: one JSON object a line, appended as runs end.

import { appendFileSync, existsSync, readFileSync, statSync, truncateSync } from "node:fs";
import { parseResults, type RunsByKey } from "./result-lines.ts";
import type { FailedRun, Run } from "./run.ts";

export class Results {
  readonly #path: string;
  readonly #results: RunsByKey;

  /**
   * Reads what is there; nothing need be. A last line without its end, of a write that was
   * interrupted, is removed, which `tell` hears of. Throws UsageError for other lines that are no
   * results.
   */
  constructor(path: string, tell: (line: string) => void) {
    this.#path = path;
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    const end = bytes.lastIndexOf("\n") + 1;
    if (end < bytes.length) {
      tell(`${path}: its last line was not written to the end and is removed`);
      truncateSync(path, end);
    }
    this.#results = parseResults(bytes.toString("utf8", 0, end), path);
  }

  /** The run of that key, if it is there and did not fail. */
  run(key: string): Run | undefined {
    return this.#results.runs.get(key);
  }

  /** Why the run of that key failed, if it did and has not succeeded since. */
  failure(key: string): FailedRun | undefined {
    return this.#results.failures.get(key);
  }

  /** Keeps it, also if the process ends right after. Throws what the kernel refused. */
  add(result: Run | FailedRun): void {
    this.#results.add(result);
    const before = existsSync(this.#path) ? statSync(this.#path).size : 0;
    try {
      appendFileSync(this.#path, `${JSON.stringify(result)}\n`);
    } catch (error) {
      // What is there is whole lines.
      if (existsSync(this.#path)) truncateSync(this.#path, before);
      throw error;
    }
  }
}
