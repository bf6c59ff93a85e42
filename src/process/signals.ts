// How a program learns that it is to end: by a signal, or because its parent ended.

import { toArrayBuffer, type Pointer } from "bun:ffi";
import { assert } from "../base/assert.ts";
import { INTERRUPTED } from "../base/errors.ts";
import { loadNative, type NativeLibrary } from "../ffi/native.ts";

/**
 * A word that SIGINT, SIGTERM and SIGHUP set, since JavaScript's handlers never run in a
 * synchronous loop; the second one ends the process at once.
 */
export function stopWord(native: NativeLibrary): Pointer | bigint {
  const word = native.oskr_stop_install();
  assert(word !== null, "the stop word is static");
  return word;
}

/** Reads that word: whether the process was told to stop. */
export function stopFlag(native: NativeLibrary): () => boolean {
  const words = new Int32Array(toArrayBuffer(stopWord(native), 0, 4));
  return () => Atomics.load(words, 0) > 0;
}

const SIGTERM = 15;

/**
 * Who started this process: asked at once, since it may end while its child builds what it needs.
 */
const startedBy = process.ppid;

/**
 * Has the kernel send SIGTERM when the parent ends: npm for a script, and the script for its
 * children. Ends the process if that has happened already.
 */
export function followParent(native: NativeLibrary = loadNative()): void {
  if (native.oskr_die_with_parent(SIGTERM, startedBy) < 0) process.exit(INTERRUPTED);
}

/**
 * The same for processes that a Cluster started, and only for them: people may leave theirs behind
 * with `&`.
 */
export function followCluster(native: NativeLibrary): void {
  const parent = Number(process.env["OSKR_PARENT"] ?? "0");
  if (parent === 0) return;
  if (native.oskr_die_with_parent(SIGTERM, parent) < 0) process.exit(INTERRUPTED);
}
