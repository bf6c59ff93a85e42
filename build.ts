// Builds target/dpdk and the executables, as far as their inputs changed: `bun build.ts -h`.

import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { dlopen, FFIType } from "bun:ffi";
import { buildDpdk, DPDK_INPUTS, DPDK_LIBRARY, missingForDpdk } from "./src/build/build-dpdk.ts";
import {
  buildNative,
  missingForNative,
  NATIVE_INPUTS,
  NATIVE_LIBRARY,
} from "./src/build/build-native.ts";
import { commitOf } from "./src/build/commit.ts";
import packageJson from "./package.json" with { type: "json" };
import { buildBundle, bundleInputs, bundleName, missingForBundle } from "./src/build/bundle.ts";
import { refusalOf } from "./src/base/errno.ts";
import { UsageError } from "./src/base/errors.ts";
import { log, nameLog, print } from "./src/base/logger.ts";

const BUNDLE = bundleName(packageJson.version);

const HELP = `Builds target/dpdk/${DPDK_LIBRARY}, target/dpdk/${NATIVE_LIBRARY}
and ./replica, ./client, ./fabric, each only if something that it is made from changed.

  bun build.ts [--dpdk DIR] [--native] [--libs | --bundle] [--force]

  --dpdk DIR  a tree of DPDK sources to build in target/dpdk; without it src/dpdk, if there is one,
              else the installed package libdpdk-dev. Remembered by later builds until --force
  --native    use all instructions of this machine's processor. Remembered as well
  --libs      only the two libraries
  --bundle    also target/${BUNDLE}.tar.gz, with all that a machine needs to run them
  --force     build everything again, and forget what was remembered
  -h, --help  this text

As root on Debian or Ubuntu, installs the packages that are missing.
`;

const root = import.meta.dir;
const target = join(root, "target");
const libraries = join(target, "dpdk");
const EXECUTABLES = ["replica", "client", "fabric"] as const;

interface Options {
  readonly dpdk: string | null;
  readonly native: boolean;
}

/** What the last build made, and from what: target/build.json. */
interface Record {
  options: Options;
  /** By output, relative to the root: a digest of its inputs, and its own size and time. */
  outputs: { [path: string]: { inputs: string; file: string } };
}

/** One thing to build. */
interface Step {
  readonly output: string;
  /** Files by content; everything else that matters as text. */
  readonly inputs: readonly string[];
  readonly settings: string;
  missing(): readonly string[];
  build(): void;
}

function main(args: readonly string[]): void {
  const started = performance.now();
  const { dpdk, native, libs, bundle, force, help } = readOptions(args);
  if (help) {
    print(HELP.trimEnd());
    return;
  }
  mkdirSync(libraries, { recursive: true });
  const unlock = lock();
  try {
    const record = force ? emptyRecord() : readRecord();
    const options = {
      dpdk: dpdk ?? record.options.dpdk ?? sourceTree(),
      native: native || record.options.native,
    };
    record.options = options;
    const steps = [dpdkStep(options), nativeStep(options)];
    if (!libs) steps.push(...executableSteps());
    if (bundle) steps.push(bundleStep());
    const isStale = (step: Step) => stateOf(step) !== stateIn(record, step);
    const stale = steps.filter(isStale);
    if (stale.length === 0) return;
    const missing = () => [...new Set(stale.flatMap((step) => step.missing()))];
    // Twice, because what is missing besides a compiler shows only once that is there.
    install(missing());
    install(missing());
    for (const step of steps) {
      // Asked again, because a library that changed is an input of the executables.
      if (!isStale(step)) continue;
      delete record.outputs[step.output];
      step.build();
      record.outputs[step.output] = { inputs: digest(step), file: fileState(step.output) };
      writeRecord(record);
    }
    log.info(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  } finally {
    unlock();
  }
}

function readOptions(args: readonly string[]) {
  const definitions = {
    dpdk: { type: "string" },
    native: { type: "boolean", default: false },
    libs: { type: "boolean", default: false },
    bundle: { type: "boolean", default: false },
    force: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options: definitions, strict: true });
    const dpdk = values.dpdk === undefined ? null : resolve(values.dpdk);
    if (dpdk !== null && !existsSync(join(dpdk, "meson.build"))) {
      throw new UsageError(`--dpdk ${values.dpdk}: no DPDK sources there (no meson.build)`);
    }
    if (values.libs && values.bundle) {
      throw new UsageError("--libs and --bundle exclude each other");
    }
    return { ...values, dpdk };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const problem = error instanceof Error ? error.message.split(". ")[0] : String(error);
    throw new UsageError(`${problem}; bun build.ts -h tells the options`);
  }
}

function sourceTree(): string | null {
  const path = join(root, "src/dpdk");
  return existsSync(path) ? path : null;
}

function dpdkStep(options: Options): Step {
  return {
    output: `target/dpdk/${DPDK_LIBRARY}`,
    inputs: DPDK_INPUTS,
    settings: JSON.stringify([options, toolchain(), installedDpdk()]),
    missing: () => missingForDpdk(options.dpdk),
    build() {
      say(`${this.output} ${options.dpdk === null ? "" : `with ${options.dpdk}: takes minutes`}`);
      const drivers = buildDpdk(libraries, { native: options.native, source: options.dpdk });
      say(`  drivers: ${drivers.join(" ")}`);
    },
  };
}

function nativeStep({ native }: Options): Step {
  return {
    output: `target/dpdk/${NATIVE_LIBRARY}`,
    inputs: NATIVE_INPUTS,
    settings: JSON.stringify([native, toolchain()]),
    missing: missingForNative,
    build() {
      say(this.output);
      buildNative(libraries, { native });
    },
  };
}

function executableSteps(): readonly Step[] {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("dpdk/"))
    .sort()
    .map((file) => join(root, "src", file));
  const files = ["package.json", "package-lock.json", "tsconfig.json", "build.ts"];
  const inputs = [...sources, ...files.map((file) => join(root, file))];
  const commit = commitOf(root, ["src", "csrc", ...files]);
  return EXECUTABLES.map((name) => ({
    output: name,
    inputs: [...inputs, join(libraries, NATIVE_LIBRARY)],
    settings: `${Bun.version} ${Bun.revision} ${commit}`,
    missing: () => [],
    build: () => compile(name, commit),
  }));
}

function bundleStep(): Step {
  return {
    output: `target/${BUNDLE}.tar.gz`,
    inputs: bundleInputs(root),
    settings: BUNDLE,
    missing: missingForBundle,
    build() {
      say(this.output);
      buildBundle(root, join(root, this.output), BUNDLE);
    },
  };
}

function compile(name: string, commit: string | null): void {
  say(`./${name}`);
  const unfinished = join(target, `${name}.${process.pid}`);
  const flags = ["--sourcemap", "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  if (commit !== null) flags.push("--define", `OSKR_COMMIT=${JSON.stringify(commit)}`);
  const entry = join(root, "src/bin", `${name}.ts`);
  const ran = spawnSync(
    process.execPath,
    ["build", "--compile", ...flags, entry, "--outfile", unfinished],
    { cwd: target, encoding: "utf8" },
  );
  if (ran.status !== 0) {
    rmSync(unfinished, { force: true });
    throw new UsageError(`bun build failed: ${ran.error?.message ?? ran.stderr.trim()}`);
  }
  // A rename, because the old one may be running.
  renameSync(unfinished, join(root, name));
}

/** Installs Debian packages as root; otherwise throws UsageError with their names. */
function install(packages: readonly string[]): void {
  if (packages.length === 0) return;
  const command = `apt-get install ${packages.join(" ")}`;
  if (process.geteuid?.() !== 0 || Bun.which("apt-get") === null) {
    throw new UsageError(`missing packages; as root: ${command}`);
  }
  say(`installing ${packages.join(" ")}`);
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", ...packages]]) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const ran = spawnSync("apt-get", ["-qq", ...args], { env, encoding: "utf8" });
    if (ran.status !== 0) throw new UsageError(`${command} failed: ${ran.stderr.trim()}`);
  }
}

/** Waits for another build of this tree. The kernel unlocks when this process ends in any way. */
function lock(): () => void {
  const { symbols } = dlopen("libc.so.6", {
    flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  });
  const exclusive = 2;
  const file = openSync(join(target, "build.lock"), "w");
  if (symbols.flock(file, exclusive) !== 0)
    throw new UsageError("target/build.lock: cannot be locked");
  return () => closeSync(file);
}

/** The compiler, by what identifies the file: asking for its version takes longer than all else. */
function toolchain(): string {
  const path = Bun.which(process.env["CC"] ?? "cc");
  return path === null ? "none" : `${path} ${identity(path)}`;
}

function installedDpdk(): string {
  const folders = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
  ];
  const places = folders.map((folder) => join(folder, "librte_eal.a"));
  return places.map(identity).join(" ");
}

function identity(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "-" : `${stat.size}:${stat.mtimeMs}`;
}

function digest(step: Step): string {
  const hash = new Bun.CryptoHasher("sha256");
  hash.update(step.settings);
  for (const path of step.inputs) {
    if (!existsSync(path)) continue;
    hash.update(`\n${relative(root, path)}\n`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

function fileState(output: string): string {
  return identity(join(root, output));
}

function stateOf(step: Step): string {
  return `${digest(step)} ${fileState(step.output)}`;
}

function stateIn(record: Record, step: Step): string {
  const built = record.outputs[step.output];
  return built === undefined ? "never" : `${built.inputs} ${built.file}`;
}

function emptyRecord(): Record {
  return { options: { dpdk: null, native: false }, outputs: {} };
}

function readRecord(): Record {
  const path = join(target, "build.json");
  if (!existsSync(path)) return emptyRecord();
  try {
    const record: Record = JSON.parse(readFileSync(path, "utf8"));
    return { options: { ...record.options }, outputs: { ...record.outputs } };
  } catch {
    // Half-written or somebody else's: building again is always right.
    return emptyRecord();
  }
}

function writeRecord(record: Record): void {
  const path = join(target, "build.json");
  writeFileSync(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

function say(line: string): void {
  log.info(line.trimEnd());
}

nameLog("build");
try {
  main(process.argv.slice(2));
} catch (error) {
  const reason = error instanceof UsageError ? error.message : refusalOf(error);
  if (reason === null) throw error;
  log.error(reason);
  process.exitCode = 2;
}
