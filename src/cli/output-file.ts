// Files that a program writes at its end: looked at before anything runs, and never left from an
// earlier run when this one fails.

import { accessSync, constants, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf, describeErrno } from "../base/errno.ts";
import { reasonOf, RunError, UsageError } from "../base/errors.ts";
import { freeStandardOutput, log, writeStandardOutput } from "../base/logger.ts";
import { replaceFile, tryReplacing } from "../base/replace-file.ts";

/** Where a file's content goes. */
type Target =
  | { readonly kind: "standard output" }
  /** A device, a pipe, or a file in a directory that takes no other: written in place. */
  | { readonly kind: "in place"; readonly path: string }
  | { readonly kind: "replaced"; readonly path: string };

/** What a file says that was to have the result of a run that has none. */
export interface Failure {
  readonly failure: string;
  readonly interrupted?: true;
}

/** Those of this process that nothing was written to yet. */
const unwritten = new Set<OutputFile>();
const STANDARD_OUTPUT: readonly string[] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

export class OutputFile {
  /** As the user knows it: the option and the name. */
  readonly #shown: string;
  readonly #target: Target;
  /** Whether it holds a JSON value, which can tell of a failure. */
  readonly #json: boolean;

  /** Throws UsageError if nothing could be written there. */
  constructor(option: string, path: string) {
    this.#shown = `--${option} ${path}`;
    this.#json = option === "json";
    this.#target = targetOf(path, this.#shown);
    const same = [...unwritten].find((other) => sameTarget(other.#target, this.#target));
    if (same !== undefined) throw new UsageError(`${this.#shown}: ${same.#shown} is the same`);
    if (this.#target.kind === "standard output") freeStandardOutput();
    unwritten.add(this);
  }

  /** Throws RunError with what the kernel refused; what was there before stays then. */
  write(content: string): void {
    const target = this.#target;
    unwritten.delete(this);
    try {
      if (target.kind === "standard output") writeStandardOutput(content);
      else if (target.kind === "in place") writeFileSync(target.path, content);
      else replaceFile(target.path, content);
    } catch (error) {
      const code = codeOf(error);
      if (code === null) throw error;
      throw new RunError(`${this.#shown}: cannot be written: ${describeErrno(code)}`);
    }
  }

  writeJson(value: unknown): void {
    this.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Instead of a result: says so, or at least leaves no other run's. Throws RunError. */
  fail(failure: Failure): void {
    if (this.#json) return this.writeJson(failure);
    unwritten.delete(this);
    if (this.#target.kind === "replaced") rmSync(this.#target.path, { force: true });
  }
}

/** Has all files that nothing was written to say that the run failed. */
export function failOutputs(failure: Failure): void {
  for (const output of unwritten) {
    try {
      output.fail(failure);
    } catch (error) {
      log.error(reasonOf(error));
    }
  }
}

function targetOf(path: string, shown: string): Target {
  if (STANDARD_OUTPUT.includes(path)) return { kind: "standard output" };
  const refuse = (why: string): never => {
    throw new UsageError(`${shown}: ${why}`);
  };
  if (path === "") refuse("expected the name of a file");
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory() === true) refuse("expected the name of a file");
    if (there === undefined) {
      const folder = statSync(dirname(path), { throwIfNoEntry: false });
      if (folder === undefined) refuse("no such directory");
      if (folder?.isDirectory() === false) refuse(`${dirname(path)} is no directory`);
    }
    if (there !== undefined) accessSync(path, constants.W_OK);
    if (there !== undefined && (!there.isFile() || /^\/(?:dev|proc)\//.test(path))) {
      // A device says by a byte whether it takes any; whoever reads a pipe would see it.
      if (there.isCharacterDevice()) writeFileSync(path, "\n");
      return { kind: "in place", path };
    }
    // The file itself, because a rename would replace a link by a file.
    const real = there === undefined ? path : realpathSync(path);
    try {
      tryReplacing(real);
    } catch (error) {
      const shut = there !== undefined && ["EACCES", "EPERM"].includes(codeOf(error) ?? "");
      if (!shut) throw error;
      return { kind: "in place", path: real };
    }
    return { kind: "replaced", path: real };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const code = codeOf(error);
    if (code === null) throw error;
    return refuse(`cannot be written: ${describeErrno(code)}`);
  }
}

function sameTarget(one: Target, other: Target): boolean {
  if (one.kind === "standard output" || other.kind === "standard output") {
    return one.kind === other.kind;
  }
  return one.path === other.path && !/^\/(?:dev|proc)\//.test(one.path);
}
