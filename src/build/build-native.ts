// Builds liboskr_native.so: our C sources and libsecp256k1 in one file that needs libc and libm
// only.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../base/errors.ts";

export const NATIVE_LIBRARY = "liboskr_native.so";

const SOURCES = [
  ...["sha256.c", "region.c", "merkle.c", "walk.c", "onetime.c", "signer.c", "doorbell.c"],
  ...["udp.c", "profile.c", "process.c"],
];
const HEADERS = [
  ...["oskr_native.h", "joined.h", "sha256.h", "sha256_ni.h", "onetime.h", "region.h"],
  "doorbell.h",
];
const STDIO = "secp_stdio.c";
const directory = resolve(import.meta.dir, "../../csrc");

/**
 * Every file that the library is made from, this one included: what an incremental build compares.
 */
export const NATIVE_INPUTS: readonly string[] = [
  ...[...SOURCES, ...HEADERS, STDIO].map((name) => join(directory, name)),
  import.meta.path,
];

const FLAGS = [
  "-std=c11",
  "-D_GNU_SOURCE",
  "-O2",
  "-g",
  "-fPIC",
  "-fvisibility=hidden",
  "-pthread",
];
const WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"];
const EXPORTS = "{ global: oskr_*; local: *; };\n";

/** Packages to install where the build would fail; empty when all is there. */
export function missingForNative(): readonly string[] {
  // Only a compiler can tell what else is there.
  if (!works(compiler(), ["--version"])) {
    return ["gcc", "libc6-dev", "binutils", "libsecp256k1-dev"];
  }
  const missing: string[] = [];
  if (!hasHeader("stdlib.h")) missing.push("libc6-dev");
  if (!works("objcopy", ["--version"])) missing.push("binutils");
  if (secpArchive() === null || !hasHeader("secp256k1.h")) missing.push("libsecp256k1-dev");
  return missing;
}

/**
 * Compiles and links `outDir`/liboskr_native.so, in one step that readers of the directory see. The
 * code runs on any processor of the architecture (SHA instructions are found at run time); with
 * `native` it is made for this one. Throws UsageError when something is missing or a tool fails.
 */
export function buildNative(outDir: string, options: { readonly native?: boolean } = {}): void {
  const missing = missingForNative();
  const archive = secpArchive();
  if (missing.length > 0 || archive === null) {
    throw new UsageError(
      `missing to build ${NATIVE_LIBRARY}: apt-get install ${missing.join(" ")}`,
    );
  }
  mkdirSync(outDir, { recursive: true });
  const work = mkdtempSync(join(resolve(outDir), ".native-"));
  try {
    const secp = join(work, "libsecp256k1.a");
    run("objcopy", ["--redefine-sym", "stderr=oskr_stderr", archive, secp]);
    const exports = join(work, "exports.map");
    writeFileSync(exports, EXPORTS);
    const built = join(work, NATIVE_LIBRARY);
    run(compiler(), [
      ...FLAGS,
      ...WARNINGS,
      ...(options.native === true ? ["-march=native"] : []),
      "-shared",
      ...[...SOURCES, STDIO].map((name) => join(directory, name)),
      secp,
      `-Wl,--version-script=${exports}`,
      "-Wl,-z,defs,-z,relro,-z,now,--as-needed",
      "-o",
      built,
    ]);
    run("objcopy", ["--strip-debug", built]);
    renameSync(built, join(outDir, NATIVE_LIBRARY));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function compiler(): string {
  return process.env["CC"] ?? "cc";
}

/** The static library that the compiler would link, or null. */
function secpArchive(): string | null {
  const found = spawnSync(compiler(), ["-print-file-name=libsecp256k1.a"], { encoding: "utf8" });
  const path = (found.stdout ?? "").trim();
  return existsSync(path) && path.includes("/") ? path : null;
}

function hasHeader(name: string): boolean {
  const input = `#include <${name}>\n`;
  return spawnSync(compiler(), ["-fsyntax-only", "-x", "c", "-"], { input }).status === 0;
}

function works(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

function run(command: string, args: readonly string[]): void {
  const ran = spawnSync(command, args, { encoding: "utf8" });
  if (ran.status === 0) return;
  const why = ran.error?.message ?? ran.stderr.trim();
  throw new UsageError(`${command} failed building ${NATIVE_LIBRARY}: ${why}`);
}
