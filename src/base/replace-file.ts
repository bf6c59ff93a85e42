// Files that are whole or as they were: written beside, and renamed.

import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { codeOf, describeErrno } from "./errno.ts";
import { UsageError } from "./errors.ts";

/**
 * Gives the file at `path` this content, or leaves it as it is and throws what the kernel refused;
 * its owner and mode stay.
 */
export function replaceFile(path: string, content: string): void {
  const beside = besideOf(path);
  try {
    writeNew(beside, content, path);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/**
 * Throws what the kernel would refuse if the file at `path` were to be replaced; leaves nothing.
 */
export function tryReplacing(path: string): void {
  const beside = besideOf(path);
  try {
    writeNew(beside, "\n", null);
  } finally {
    rmSync(beside, { force: true });
  }
}

/**
 * Makes a directory for results, unless it is there, and tries to write in it. Throws UsageError.
 */
export function openDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    tryReplacing(join(path, "any"));
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    const why =
      code === "EEXIST" ? "a file has that name; --out names another" : describeErrno(code);
    throw new UsageError(`${path}: cannot be written: ${why}`);
  }
}

/** In the same directory, because only there a rename replaces. */
function besideOf(path: string): string {
  return join(dirname(path), `.oskr-${crypto.randomUUID()}.new`);
}

function writeNew(path: string, content: string, instead: string | null): void {
  const old = instead === null ? undefined : statSync(instead, { throwIfNoEntry: false });
  const file = openSync(path, "wx", 0o666);
  try {
    if (old !== undefined) {
      if (process.geteuid?.() === 0) fchownSync(file, old.uid, old.gid);
      fchmodSync(file, old.mode & 0o7777);
    }
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    // Before the rename: else a crash might leave the new name with nothing in it.
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
