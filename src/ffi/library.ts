// Where the native libraries lie.

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { reasonOf, UsageError } from "../base/errors.ts";

/** Whether this is one of the executables, rather than sources that bun runs. */
const compiled = import.meta.dir.startsWith("/$bunfs/");

/**
 * The path of a library in target/dpdk: beside the executable (or the sources); for an ordinary
 * user also in the directory that the program was started in, from which root must load nothing.
 * Null if it is nowhere.
 */
export function findLibrary(file: string): string | null {
  const places = [compiled ? dirname(process.execPath) : resolve(import.meta.dir, "../..")];
  if (process.geteuid?.() !== 0) places.push(process.cwd());
  for (const place of places) {
    const path = join(place, "target/dpdk", file);
    if (existsSync(path)) return path;
  }
  return null;
}

/** Like findLibrary; throws UsageError if it is nowhere. */
export function requireLibrary(file: string): string {
  const path = findLibrary(file);
  if (path === null) {
    const remedy = compiled ? "copy target/dpdk beside the executable" : "run: npm run build";
    throw new UsageError(`target/dpdk/${file} is missing; ${remedy}`);
  }
  return path;
}

/** What went wrong when a library was opened, in words that say what mends it. */
export function loadFailure(path: string, error: unknown, remedy = ""): UsageError {
  const why = reasonOf(error);
  if (!/^Symbol ".*" not found/.test(why)) {
    return new UsageError(`${path}: cannot be loaded: ${why}${remedy}`);
  }
  return new UsageError(`${path}: is of another version: ${why}; run: npm run build`);
}
