// Tests that need the native libraries build them, as far as they are not up to date.

import { join } from "node:path";

const root = join(import.meta.dir, "../..");

/**
 * Builds target/dpdk. Returns null when it is there, else why it cannot be: a reason to skip, but
 * not in CI, where it throws.
 */
export function buildLibraries(): string | null {
  const built = Bun.spawnSync([process.execPath, "build.ts", "--libs"], { cwd: root });
  if (built.exitCode === 0) return null;
  const reason = built.stderr.toString().trim();
  if (process.env["CI"] !== undefined) throw new Error(reason);
  return reason;
}
