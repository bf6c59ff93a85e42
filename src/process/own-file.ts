// Files that processes of one user share, beside sockets.

import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { reasonOf, UsageError } from "../base/errors.ts";

/**
 * Opens the file, made if need be, to read and write; returns its descriptor. Only a file of its
 * own: what has another name elsewhere would be written to there as well. Throws UsageError.
 */
export function openOwnFile(path: string): number {
  const descriptor = openOwn(path);
  const status = fstatSync(descriptor);
  if (status.isFile() && status.nlink === 1) return descriptor;
  closeSync(descriptor);
  throw new UsageError(`${path}: is no file of its own; remove it`);
}

function openOwn(path: string): number {
  try {
    // Follows no symbolic link and waits for no pipe, because another user may have put it there.
    const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    const reason = reasonOf(error);
    throw new UsageError(`${path}: cannot be opened: ${reason}`);
  }
}
