// Files of one JSON value: what programs leave for each other and for scripts.

import { readFileSync, writeFileSync } from "node:fs";

/** What a program of ours wrote there; throws if there is no such file, or no JSON in it. */
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

/** For another program of ours; users' files are those of output-file.ts. */
export function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
