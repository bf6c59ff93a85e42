// Configurations for tests that run programs, and what most of them are asked.

import { afterAll } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of its own until the tests of the file have ended, and configurations in it. */
export class ConfigDirectory {
  readonly path = mkdtempSync(join(tmpdir(), "oskr-programs-"));

  constructor() {
    afterAll(() => rmSync(this.path, { recursive: true, force: true }));
  }

  /** Writes one; returns its path without `.config`. */
  config(name: string, ...lines: readonly string[]): string {
    writeFileSync(join(this.path, `${name}.config`), `${lines.join("\n")}\n`);
    return join(this.path, name);
  }
}

/** A replica's line for DPDK. */
export function macLine(last: string): string {
  return `replica 12:34:56:aa:aa:${last}%0`;
}

export function replicaArgs(prefix: string, ...more: readonly string[]): string[] {
  return ["-m", "unreplicated", "-c", prefix, "-i", "0", ...more];
}

export function clientArgs(prefix: string, ...more: readonly string[]): string[] {
  return ["-m", "unreplicated", "-c", prefix, ...more];
}
