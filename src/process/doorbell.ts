// How a polling process that sleeps is woken: csrc/doorbell.h. The doorbells of processes that
// memif joins lie in files beside the sockets, and stay there, because a process that is started
// again must find the same one.

import type { Pointer } from "bun:ffi";
import { closeSync, existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { assert } from "../base/assert.ts";
import { describeErrno } from "../base/errno.ts";
import { UsageError } from "../base/errors.ts";
import type { NativeLibrary } from "../ffi/native.ts";
import { openOwnFile } from "./own-file.ts";

export class Doorbell {
  readonly pointer: Pointer;
  readonly #native: NativeLibrary;

  /**
   * `file` as doorbellFile gives it; null for one that only this process rings. Throws UsageError.
   */
  constructor(native: NativeLibrary, file: string | null) {
    const descriptor = file === null ? -1 : openOwnFile(file);
    const pointer = native.oskr_doorbell_open(descriptor);
    if (descriptor >= 0) closeSync(descriptor);
    if (pointer === null) {
      throw new UsageError(`no doorbell ${file ?? ""}: ${describeErrno(native.oskr_error())}`);
    }
    assert(typeof pointer === "number", "addresses of user space are below 2^53");
    this.pointer = pointer;
    this.#native = native;
  }

  /** Has a ring wake this process from waiting for a socket. Throws UsageError. */
  listen(): void {
    const result = this.#native.oskr_doorbell_listen(this.pointer);
    if (result < 0) throw new UsageError(`no event for a doorbell: ${describeErrno(result)}`);
  }

  /** Says that this process is about to sleep; it looks for work once more before it waits. */
  arm(): void {
    this.#native.oskr_doorbell_arm(this.pointer);
  }

  /** Sleeps until it is rung, a signal comes, or `us` microseconds are over. */
  wait(us: number): void {
    this.#native.oskr_doorbell_wait(this.pointer, us);
  }

  close(): void {
    this.#native.oskr_doorbell_close(this.pointer);
  }
}

export const FABRIC_DOORBELL = "fabric";

/**
 * The doorbell of the process at this end of a memif, or of the fabric, in the sockets' directory.
 * Throws UsageError if there is no such directory.
 */
export function doorbellFile(dir: string, end: string): string {
  if (!existsSync(dir)) throw new UsageError(`${dir}: no such directory`);
  return join(resolve(dir), `${end}.doorbell`);
}
