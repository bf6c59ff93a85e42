// The commit that executables are made of, which records name.

import { spawnSync } from "node:child_process";

/**
 * The last commit that changed any of these paths of a tree, eight digits, with a plus if they
 * differ from it now; null where no git says so.
 */
export function commitOf(root: string, paths: readonly string[]): string | null {
  const git = (...args: readonly string[]): string | null => {
    const ran = spawnSync("git", [...args, "--", ...paths], { cwd: root, encoding: "utf8" });
    return ran.status === 0 ? ran.stdout.trim() : null;
  };
  const commit = git("log", "-1", "--format=%H");
  const changes = git("status", "--porcelain");
  if (commit === null || commit === "" || changes === null) return null;
  return `${commit.slice(0, 8)}${changes === "" ? "" : "+"}`;
}
