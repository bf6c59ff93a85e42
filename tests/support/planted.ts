// Bugs planted in a copy of src/transport: tests that pass with the sources as they are have to fail
// with each of them.

import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fragments } from "../../src/transport/fragment.ts";

export interface Planted {
  readonly name: string;
  /** In src/transport. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const SOURCES = join(import.meta.dir, "../../src");

/** Fragments with a bug; throws if the sources have no place for it. */
export async function plant(bug: Planted): Promise<typeof Fragments> {
  const folder = mkdtempSync(join(tmpdir(), "oskr-planted-"));
  try {
    for (const name of readdirSync(SOURCES)) {
      if (name !== "transport") symlinkSync(join(SOURCES, name), join(folder, name));
    }
    cpSync(join(SOURCES, "transport"), join(folder, "transport"), { recursive: true });
    const path = join(folder, "transport", bug.file);
    const text = readFileSync(path, "utf8");
    if (text.split(bug.from).length !== 2) throw new Error(`${bug.file} has not one '${bug.from}'`);
    writeFileSync(path, text.replace(bug.from, bug.to));
    const made = (await import(join(folder, "transport/fragment.ts"))) as {
      readonly Fragments: typeof Fragments;
    };
    return made.Fragments;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
