// The memory allocator of the engine (mimalloc) gives memory back to the system 10 ms after it was
// freed. Messages of kibibytes are freed and made without end, and the system clears each page that
// it hands out: with operations of 64 KiB that took an eighth of all processor time. The allocator
// is told by the environment only, before a process begins.

import { existsSync, readFileSync } from "node:fs";
import { log } from "../base/logger.ts";

/** What says how long freed memory is kept for what is made next, in milliseconds. */
export const PURGE_DELAY = "MIMALLOC_PURGE_DELAY";
/** Has it kept for ten seconds: the environment of who is not to begin anew. */
export const KEEPING = { [PURGE_DELAY]: "10000" };
const COMMAND_LINE = "/proc/self/cmdline";

/**
 * Begins this program anew, as the same process and with the same arguments, with an allocator that
 * keeps what was freed; does nothing if the environment says already how long, or it cannot be.
 */
export function keepFreedMemory(): void {
  const { env, execve, execPath } = process;
  if (env[PURGE_DELAY] !== undefined || execve === undefined || !existsSync(COMMAND_LINE)) return;
  const words = readFileSync(COMMAND_LINE, "utf8").split("\0").slice(0, -1);
  try {
    execve.call(process, execPath, words, { ...env, ...KEEPING });
  } catch (error) {
    log.debug(`the allocator is not told to keep freed memory: ${error}`);
  }
}
