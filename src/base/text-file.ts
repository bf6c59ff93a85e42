// Files of text that people write. Editors of some systems begin them with a byte order mark, or
// write UTF-16.

import { readFileSync } from "node:fs";
import { reasonOf, UsageError } from "./errors.ts";

/** Reads a file as `decodeText` does. Throws UsageError with its path if it cannot be read. */
export function readText(path: string): string {
  return decodeText(path, readBytes(path));
}

/** Throws UsageError with the file's path if it cannot be read. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`${path}: cannot be read: ${reasonOf(error)}`);
  }
}

/**
 * The text of a file, which is UTF-8, without its byte order mark. Throws UsageError if it is
 * UTF-16; `path` is for that.
 */
export function decodeText(path: string, bytes: Uint8Array): string {
  const [first = 1, second = 1] = bytes;
  const marked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  // Such a text begins with a character of ASCII, of which one byte is zero.
  if (marked || (bytes.length > 1 && (first === 0) !== (second === 0))) {
    throw new UsageError(
      `${path}: UTF-16, and expected is UTF-8: iconv -f UTF-16 -t UTF-8 ${path} >NEW`,
    );
  }
  // The decoder leaves the mark out.
  return new TextDecoder().decode(bytes);
}
