// Why tests are skipped, told in one line. A run in several processes collects it in a file, because
// each of them knows of its own tests alone.

import { appendFileSync, existsSync, readFileSync } from "node:fs";

/** Why a test is skipped. */
export interface Lack {
  /** "needs git", or why no machine can run it. */
  readonly reason: string;
  /** The Debian packages that mend it; none where no package does. */
  readonly packages: readonly string[];
}

/** Names the file where processes of one run collect what they lack. */
export const LACKS_FILE = "OSKR_LACKS_FILE";

export function collect(path: string, lacks: readonly Lack[]): void {
  appendFileSync(path, lacks.map((lack) => `${JSON.stringify(lack)}\n`).join(""));
}

/** What processes collected there: nothing if none lacked anything. */
export function collected(path: string): readonly Lack[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line): Lack => JSON.parse(line));
}

/** One line about everything that was skipped, what can be mended first; null if nothing was. */
export function summary(lacks: readonly Lack[]): string | null {
  if (lacks.length === 0) return null;
  const packages = [...new Set(lacks.flatMap((lack) => lack.packages))].sort();
  const reasons = (mendable: boolean) => [
    ...new Set(lacks.filter((one) => one.packages.length > 0 === mendable).map((l) => l.reason)),
  ];
  const install = `${reasons(true).sort().join(", ")} (as root: apt-get install ${packages.join(" ")})`;
  const parts = [
    ...(packages.length === 0 ? [] : [install]),
    ...reasons(false)
      .sort()
      .map((reason) => `${reason} (no package mends that)`),
  ];
  return `skipped tests: ${parts.join("; ")}`;
}
