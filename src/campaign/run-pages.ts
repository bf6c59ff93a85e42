// Pages of runs that a campaign writes: of its only seed, or of each that fails, with the smallest
// run that still fails beside it.

import { statSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../base/errors.ts";
import { print } from "../base/logger.ts";
import { openDirectory } from "../base/replace-file.ts";
import { OutputFile } from "../cli/output-file.ts";
import type { RunOptions } from "../simulation/run-seed.ts";
import type { Changes } from "../simulation/seed-plan.ts";
import { recordRun } from "../view/record-run.ts";
import { runPageHtml } from "../view/run-page.ts";
import { replayCommand, type Shrunk } from "./shrink.ts";

export class RunPages {
  readonly #path: string;
  readonly #load: string;
  /** The page of an only run; null: all go into a directory. */
  readonly #file: OutputFile | null;

  /**
   * A file for one run, unless a directory is there; a directory for several. `load` is the module
   * that commands name. Throws UsageError if nothing can be written there.
   */
  constructor(path: string, several: boolean, load: string) {
    this.#path = path;
    this.#load = load;
    const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
    if (several && isDirectory === false) {
      throw new UsageError(`--html ${path}: is a file, and several seeds need a directory`);
    }
    this.#file = several || isDirectory === true ? null : new OutputFile("html", path);
    if (this.#file === null) openDirectory(path);
  }

  /** Writes the page of a run, and that of its smallest one if that differs. */
  async write(options: RunOptions, shrunk: Shrunk | null): Promise<void> {
    await this.#write(options, options.changes ?? {}, "");
    if (shrunk !== null && shrunk.runs > 1) await this.#write(options, shrunk.changes, "shrunk");
  }

  async #write(options: RunOptions, changes: Changes, note: string): Promise<void> {
    const command = replayCommand(options, changes, this.#load);
    const { data } = recordRun({ ...options, changes }, { command, note });
    const html = await runPageHtml(data);
    const path = this.#pathOf(options, note);
    if (path === null) return;
    const file = note === "" && this.#file !== null ? this.#file : new OutputFile("html", path);
    file.write(html);
    if (path !== "-") print(`  page: ${path}`);
  }

  /** Null: what goes to standard output has no room for a second page. */
  #pathOf({ subject, kind, seed }: RunOptions, note: string): string | null {
    const ending = note === "" ? "" : `-${note}`;
    if (this.#file === null) {
      return join(this.#path, `${subject.name}-${kind}-${seed}${ending}.html`);
    }
    if (note === "") return this.#path;
    return this.#path === "-" ? null : `${this.#path.replace(/\.html?$/, "")}${ending}.html`;
  }
}
