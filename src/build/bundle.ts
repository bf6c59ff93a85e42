// One archive with all that a machine needs to run oskr, as a step of build.ts.

import { spawnSync } from "node:child_process";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../base/errors.ts";

/** What is in the archive: files of the tree, most under their own names. */
const README = "docs/bundle.md";
const DEPLOY = [
  "namespaces.sh",
  "netns.sh",
  "quad.config",
  ...[0, 1, 2, 3].map((i) => `quad-${i}.pem`),
];
const SOURCES: readonly string[] = [
  "LICENSE",
  README,
  ...DEPLOY.map((name) => `deploy/${name}`),
  "fabric",
  "client",
  "replica",
  "target/dpdk/liboskr_dpdk.so",
  "target/dpdk/liboskr_native.so",
];

/**
 * Every file's time, 1980-01-01: the same inputs give the same archive, byte for byte. (GNU tar
 * takes the epoch itself for a mistake.)
 */
const MTIME = "@315532800";

/** The archive's name without its ending, which is also the directory that it unpacks to. */
export function bundleName(version: string): string {
  return `oskr-${version}-linux-${process.arch}`;
}

/** What the archive of the tree at `root` is made from. */
export function bundleInputs(root: string): readonly string[] {
  return [...SOURCES.map((path) => join(root, path)), import.meta.path];
}

/** Packages to install where there is no GNU tar or gzip. */
export function missingForBundle(): readonly string[] {
  return ["tar", "gzip"].filter((program) => Bun.which(program) === null);
}

/** Writes `output` from the tree at `root`, in one step that readers see. Throws UsageError. */
export function buildBundle(root: string, output: string, name: string): void {
  const unfinished = `${output}.${process.pid}`;
  const ran = spawnSync(
    "tar",
    [
      "--create",
      `--file=${unfinished}`,
      // The least effort: most of it is three times bun, which more hardly makes smaller.
      "--use-compress-program=gzip -n -1",
      "--format=ustar",
      "--numeric-owner",
      "--owner=0",
      "--group=0",
      "--mode=u=rwX,go=rX",
      `--mtime=${MTIME}`,
      `--transform=s,^${README}$,README.md,`,
      `--transform=s,^,${name}/,`,
      ...[...SOURCES].sort(),
    ],
    { cwd: root, encoding: "utf8" },
  );
  if (ran.status !== 0) {
    rmSync(unfinished, { force: true });
    throw new UsageError(`tar failed: ${ran.error?.message ?? ran.stderr.trim()}`);
  }
  renameSync(unfinished, output);
}
