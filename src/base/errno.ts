// What the kernel refused, in words: the name of the error, and what to do about it.

import { constants } from "node:os";

/** What each error means to a user, and what helps. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied: another user, group or mode is needed"],
  ["EADDRINUSE", "in use: another process has it, or one has just ended"],
  ["EADDRNOTAVAIL", "no address of this machine: ip address shows those that are"],
  ["EAGAIN", "not available now: a limit on processes or memory (ulimit -a)?"],
  ["EBUSY", "busy: another process uses it"],
  ["EDQUOT", "the user's quota of disk space is used up: free some, or name another place"],
  ["EEXIST", "exists already"],
  ["EFBIG", "larger than a file may be (ulimit -f)"],
  ["EINVAL", "the kernel does not take this value"],
  ["EIO", "the device failed: the kernel's log says more (dmesg)"],
  ["EISDIR", "a directory, where a file is expected"],
  ["ELOOP", "symbolic links in a circle"],
  ["EHOSTUNREACH", "no host answers at that address"],
  ["EMSGSIZE", "longer than the network takes"],
  ["EMFILE", "too many open files: ulimit -n allows more"],
  ["ENAMETOOLONG", "a name that is too long"],
  ["ENETUNREACH", "no route there: ip route shows those that are"],
  ["ENFILE", "too many open files on this machine"],
  ["ENODEV", "no such device"],
  ["ENOENT", "no such file or directory"],
  ["ENOMEM", "not enough memory, or a limit on locked memory (ulimit -l)"],
  ["ENOSPC", "no space left: free some, or name another place"],
  ["ENOSYS", "this kernel has no such call"],
  ["ENOTDIR", "not a directory"],
  ["EPERM", "not permitted: it takes root, or a capability"],
  ["EPIPE", "nobody reads it any more"],
  ["EROFS", "a file system that is read-only: name another place"],
  ["ESRCH", "no such process"],
  ["ETXTBSY", "a program that runs"],
]);

/** The name of an error's number, such as ENOSPC; the number itself if it has none. */
export function errnoName(number: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === Math.abs(number));
  return found?.[0] ?? `errno ${Math.abs(number)}`;
}

/** The error of that name, or of that number, in words and with its name. */
export function describeErrno(error: string | number): string {
  const name = typeof error === "number" ? errnoName(error) : error;
  const meaning = MEANINGS.get(name);
  return meaning === undefined ? name : `${meaning} (${name})`;
}

/** The name of what the kernel refused, if that is what was thrown. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  const code = String(error.code);
  return code in constants.errno ? code : null;
}

/** Whether memory ran out: for buffers, or for SQLite, all of whose tables are in memory. */
function ranOut(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? error.code : null;
  if (code === "SQLITE_NOMEM" || code === "SQLITE_FULL") return true;
  return error instanceof RangeError && error.message === "Out of memory";
}

/** What the kernel refused and of which file; null if something else was thrown. */
export function refusalOf(error: unknown): string | null {
  if (ranOut(error)) return "memory ran out: the state is larger than what this machine has for it";
  const code = codeOf(error);
  if (code === null) return null;
  const path = error instanceof Error && "path" in error ? `${String(error.path)}: ` : "";
  return `${path}${describeErrno(code)}`;
}
