// What tests need that not every machine has. A test that lacks it is skipped with the reason in its
// name, and all reasons are told once more in one line when the run ends: bunfig.toml loads this file
// before all tests. In CI (the variable CI) only what no package mends may be missing.

import { afterAll, describe, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { collect, LACKS_FILE, summary, type Lack } from "./lack.ts";

const root = join(import.meta.dir, "../..");

type Body = () => void | Promise<unknown>;

/** Programs that some tests run, beside those of every Debian and those that the build needs. */
const PACKAGES = {
  "ansible-playbook": "ansible-core",
  "/usr/bin/chromium": "chromium",
  git: "git",
  openssl: "openssl",
} as const;

/** For a test that the machine is no reason to skip. */
export function cannot(reason: string): Lack {
  return { reason, packages: [] };
}

/** A program in PATH, or in its one place. */
export function program(name: keyof typeof PACKAGES): Lack | null {
  const there = name.startsWith("/") ? existsSync(name) : Bun.which(name) !== null;
  return there ? null : { reason: `needs ${name}`, packages: [PACKAGES[name]] };
}

let built: Lack | null | undefined;

/**
 * The libraries in target/dpdk, which this builds as far as they are not up to date. Throws if that
 * fails for another reason than packages that are not installed.
 */
export function libraries(): Lack | null {
  built ??= build();
  return built;
}

function build(): Lack | null {
  const ran = Bun.spawnSync([process.execPath, "build.ts", "--libs"], { cwd: root });
  if (ran.exitCode === 0) return null;
  const said = ran.stderr.toString().trim();
  const [, packages] = /apt-get install ([\w. +-]+)/.exec(said) ?? [];
  if (packages === undefined) throw new Error(said);
  return { reason: "needs the libraries", packages: packages.replace(/ failed$/, "").split(" ") };
}

const isRoot = process.geteuid?.() === 0;

/** Programs of root alone are in directories that the PATH of an ordinary user lacks. */
const ROOTS_PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

/** Where chroot is; null: nowhere. */
export const CHROOT = Bun.which("chroot", { PATH: ROOTS_PATH });

/** Root in a mount namespace of its own: what chroot and mount need. */
export function rootInNamespace(): Lack | null {
  if (!isRoot) return cannot("needs root, for chroot");
  if (CHROOT === null) return cannot("needs chroot, which is neither in PATH nor in /usr/sbin");
  for (const name of ["unshare", "mount"]) {
    if (Bun.which(name) === null) return cannot(`needs ${name}, which is not in PATH`);
  }
  return allows("--mount") ? null : cannot("needs a machine that lets root make mount namespaces");
}

/** Somebody who may not write everywhere. */
export function ordinaryUser(): Lack | null {
  return isRoot ? cannot("root may write everywhere") : null;
}

/** What root needs to become nobody for one command. */
export function userNamespace(): Lack | null {
  if (!isRoot || allows("--user")) return null;
  return cannot("needs a machine that lets root make user namespaces");
}

function allows(namespace: string): boolean {
  return (
    Bun.which("unshare") !== null && Bun.spawnSync(["unshare", namespace, "true"]).exitCode === 0
  );
}

const lacks: Lack[] = [];
const { CI = "" } = process.env;
const inCI = !["", "0", "false"].includes(CI);

/** A test that is skipped, or in CI fails, where something is lacking. */
export function testUnless(lack: Lack | null) {
  return (name: string, body: Body, limitMs?: number): void => {
    if (lack === null) test(name, body, limitMs);
    else if (isFailure(lack)) fail(name, lack);
    else test.skip(skipped(name, lack), body, limitMs);
  };
}

/** The same for tests that belong together. */
export function describeUnless(lack: Lack | null) {
  return (name: string, body: () => void): void => {
    if (lack === null) describe(name, body);
    else if (isFailure(lack)) fail(name, lack);
    else describe.skip(skipped(name, lack), body);
  };
}

function isFailure({ packages }: Lack): boolean {
  return inCI && packages.length > 0;
}

function fail(name: string, lack: Lack): void {
  test(name, () => {
    throw new Error(`${told(lack)}; CI skips nothing that a package mends`);
  });
}

function skipped(name: string, lack: Lack): string {
  lacks.push(lack);
  return `${name} (skipped: ${told(lack)})`;
}

function told({ reason, packages }: Lack): string {
  return packages.length === 0 ? reason : `${reason}: apt-get install ${packages.join(" ")}`;
}

afterAll(() => {
  const { [LACKS_FILE]: path = "" } = process.env;
  if (path !== "") return collect(path, lacks);
  const line = summary(lacks);
  if (line !== null) console.error(`\n${line}`);
});
