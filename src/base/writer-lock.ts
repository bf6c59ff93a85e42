// A directory that one process writes to at a time: results to which two would append.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { codeOf } from "./errno.ts";
import { UsageError } from "./errors.ts";

/** Of a process: its id alone may be another's by now. */
interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When it began, in ticks since the machine did. */
  readonly began: string;
}

export interface WriterLock {
  release(): void;
}

/**
 * Makes this process the only writer of the directory, until it releases that or ends. Throws
 * UsageError if another one is: one of this machine that runs, or of another machine, of which
 * nobody knows. Throws what the kernel refuses.
 */
export function lockDirectory(dir: string, pid = process.pid): WriterLock {
  const path = join(dir, "writer.lock");
  const own: Owner = { host: hostname(), pid, began: beganAt(pid) ?? "" };
  if (!tryWriting(path, own)) {
    refuseLiving(path, dir);
    rmSync(path, { force: true });
    // Somebody else may have been quicker.
    if (!tryWriting(path, own)) refuseLiving(path, dir);
  }
  return { release: () => rmSync(path, { force: true }) };
}

/** False if there is a file already. */
function tryWriting(path: string, own: Owner): boolean {
  try {
    writeFileSync(path, `${JSON.stringify(own)}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Throws UsageError unless the owner of the lock is known to have ended. */
function refuseLiving(path: string, dir: string): void {
  const { host, pid, began } = ownerOf(path);
  if (host === hostname() && beganAt(pid) !== began) return;
  const who = host === hostname() ? `process ${pid}` : `process ${pid} of ${host}`;
  throw new UsageError(
    `${dir}: ${who} writes there; use another directory, or wait for it` +
      (host === hostname() ? "" : ` (if it has ended, remove ${path})`),
  );
}

function ownerOf(path: string): Owner {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { host: hostname(), pid: 0, began: "gone" };
    value = null;
  }
  const { host, pid, began }: Partial<Owner> = value ?? {};
  if (typeof host === "string" && typeof pid === "number" && typeof began === "string") {
    return { host, pid, began };
  }
  throw new UsageError(`${path}: not the lock of a writer; remove it if nobody writes there`);
}

/** When a process of this machine began, of all that have had its id; null if it does not run. */
function beganAt(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The 22nd field; the second may have spaces and brackets.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return null;
    throw error;
  }
}
