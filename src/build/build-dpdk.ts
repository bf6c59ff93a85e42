// Builds liboskr_dpdk.so: our C sources and DPDK, of the installed package or built from its
// sources, in one file that needs libc and libm only.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../base/errors.ts";

export const DPDK_LIBRARY = "liboskr_dpdk.so";
/** The first DPDK that can be linked; Ubuntu 22.04 has 21.11. */
const VERSION_MIN = "22.11";

const directory = resolve(import.meta.dir, "../../csrc");
const SOURCES = [
  "dpdk/numa.c",
  "oskr_dpdk.c",
  "dpdk/link.c",
  "dpdk/burst.c",
  "dpdk/burst_guard.c",
  "dpdk/frame.c",
  "dpdk/fabric.c",
  "dpdk/sequencer.c",
  "dpdk/delay.c",
];
const HEADERS = [
  ...["doorbell.h", "joined.h", "oskr_dpdk.h", "oskr_fabric.h"],
  ...["dpdk/port.h", "dpdk/frame.h", "dpdk/delay.h"],
];
const VERBS_SOURCES = ["dpdk/stdio.c", "dpdk/verbs.c"];

/** Every file of ours that the library is made from: what an incremental build compares. */
export const DPDK_INPUTS: readonly string[] = [
  ...[...SOURCES, ...HEADERS, ...VERBS_SOURCES].map((s) => join(directory, s)),
  import.meta.path,
];

/** Drivers of ports that need no hardware, and those of real ones as far as DPDK has them. */
const VIRTUAL_DRIVERS = ["memif", "af_packet", "tap", "ring", "null"];
const NIC_DRIVERS = ["virtio", "vmxnet3", "ena", "e1000", "ixgbe", "i40e", "iavf", "ice", "mlx5"];
const DRIVERS = [...VIRTUAL_DRIVERS, ...NIC_DRIVERS].map((name) => `net_${name}`);
/** Their buses and what they share. */
const COMMON = [
  "bus_pci",
  "bus_vdev",
  "bus_auxiliary",
  "common_iavf",
  "common_mlx5",
  "mempool_ring",
];
/** The rest of DPDK that ports, or one of the drivers, call. */
const CORE = [
  ...["eal", "kvargs", "telemetry", "log", "argparse", "ring", "mempool", "mbuf", "net", "meter"],
  ...["ethdev", "pci", "hash", "rcu", "timer", "gso", "security", "cryptodev"],
];
/** mlx5 needs these of rdma-core and libnl, which are copied into the library as well. */
const MLX5 = ["net_mlx5", "common_mlx5"];
const VERBS_ARCHIVES = ["libmlx5.a", "libibverbs.a", "libnl-route-3.a", "libnl-3.a"];
const NEEDED_ALLOWED = /^(libc|libm|ld-linux-x86-64|ld-linux-aarch64)\.so\./;

const FLAGS = ["-std=gnu11", "-O3", "-fPIC", "-fvisibility=default", "-Wall", "-Wextra"];
const EXPORTS = "{ global: oskr_*; local: *; };\n";

export interface DpdkOptions {
  /** Makes code for this machine's processor only. */
  readonly native: boolean;
  /** A tree of DPDK sources, or null for the installed package. */
  readonly source: string | null;
}

/**
 * The Debian packages that are missing; empty when all is there. Throws UsageError where the
 * package is there and too old, which no installing mends.
 */
export function missingForDpdk(source: string | null): readonly string[] {
  const missing: string[] = [];
  const needs = (present: boolean, name: string) => present || missing.push(name);
  const hasCompiler = Bun.which(compiler()) !== null;
  needs(hasCompiler, "gcc");
  needs(Bun.which("readelf") !== null && Bun.which("objcopy") !== null, "binutils");
  // Without a compiler nobody knows where libraries are.
  needs(hasCompiler && archive("libbsd.a") !== null, "libbsd-dev");
  needs(hasCompiler && archive("libmd.a") !== null, "libmd-dev");
  if (source === null) {
    needs(Bun.which("pkg-config") !== null, "pkg-config");
    needs(hasInstalledDpdk(), "libdpdk-dev");
    return missing;
  }
  needs(Bun.which("meson") !== null, "meson");
  needs(Bun.which("ninja") !== null, "ninja-build");
  // The python that Debian's meson runs with, which need not be the first in the path.
  const pythons = ["/usr/bin/python3", "python3"];
  const hasElftools = pythons.some((python) => succeeds(python, ["-c", "import elftools"]));
  needs(hasElftools, "python3-pyelftools");
  return missing;
}

function hasInstalledDpdk(): boolean {
  if (succeeds("pkg-config", [`--atleast-version=${VERSION_MIN}`, "libdpdk"])) return true;
  if (!succeeds("pkg-config", ["--exists", "libdpdk"])) return false;
  const version = run("pkg-config", ["--modversion", "libdpdk"]).trim();
  throw new UsageError(
    `libdpdk-dev is ${version} here, ${VERSION_MIN} or later is needed: take a newer release of ` +
      "this system, or --dpdk DIR with DPDK's sources (docs/building.md)",
  );
}

/**
 * Makes `outDir`/liboskr_dpdk.so, put in place in one step. Returns the drivers that it has. Throws
 * UsageError when a tool fails, or when the library would need more of a machine than its libc.
 */
export function buildDpdk(outDir: string, options: DpdkOptions): readonly string[] {
  mkdirSync(outDir, { recursive: true });
  const work = mkdtempSync(join(resolve(outDir), ".dpdk-"));
  try {
    const built = join(work, DPDK_LIBRARY);
    const { source, native } = options;
    const dpdk = source === null ? installedDpdk() : builtDpdk(resolve(outDir), source, native);
    const libraries = link(work, built, dpdk, native);
    refuseDependencies(built);
    renameSync(built, join(outDir, DPDK_LIBRARY));
    return libraries.filter((name) => DRIVERS.includes(name)).map((name) => name.slice(4));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Where a DPDK is: the flags to compile with, and its static libraries. */
interface Dpdk {
  readonly flags: readonly string[];
  /** The path of librte_<name>.a, or null if this DPDK does not have it. */
  archive(name: string): string | null;
}

function installedDpdk(): Dpdk {
  const flags = run("pkg-config", ["--cflags", "libdpdk"]).trim().split(/\s+/);
  return { flags, archive: (name) => archive(`librte_${name}.a`) };
}

/**
 * Builds DPDK in `outDir`, as `meson setup target/dpdk src/dpdk && ninja -C target/dpdk` does. That
 * makes shared libraries too, but those need whatever meson found here: libnuma, libbsd, libfdt.
 */
function builtDpdk(outDir: string, source: string, native: boolean): Dpdk {
  if (!existsSync(join(outDir, "build.ninja"))) {
    run("meson", ["setup", outDir, source, ...mesonOptions(native)]);
  }
  const info = JSON.parse(readFileSync(join(outDir, "meson-info/meson-info.json"), "utf8"));
  if (resolve(info.directories.source) !== resolve(source)) {
    throw new UsageError(`${outDir} was set up for ${info.directories.source}; remove it first`);
  }
  run("ninja", ["-C", outDir]);
  const folders = ["lib", "drivers"].map((folder) => join(outDir, folder));
  const processor = process.arch === "x64" ? ["-march=corei7"] : [];
  return {
    flags: [...includesOf(source, outDir), "-include", "rte_config.h", ...processor],
    archive: (name) =>
      folders.map((folder) => join(folder, `librte_${name}.a`)).find(existsSync) ?? null,
  };
}

/** Links our code and DPDK's into `built`; returns the names of the DPDK libraries in it. */
function link(work: string, built: string, dpdk: Dpdk, native: boolean): readonly string[] {
  const verbs = VERBS_ARCHIVES.map(archive).filter((path) => path !== null);
  const withVerbs = verbs.length === VERBS_ARCHIVES.length && hasHeader("infiniband/verbs.h");
  const renamed = withVerbs
    ? verbs.map((path, i) => ownStdio(path, join(work, `verbs-${i}.a`)))
    : [];
  const found = [...CORE, ...COMMON, ...DRIVERS]
    .filter((name) => withVerbs || !MLX5.includes(name))
    .map((name) => ({ name, path: dpdk.archive(name) }))
    .filter(({ path }) => path !== null);
  const exports = join(work, "exports.map");
  writeFileSync(exports, EXPORTS);
  run(compiler(), [
    ...compileFlags(dpdk.flags, native),
    ...[...SOURCES, ...(withVerbs ? VERBS_SOURCES : [])].map((name) => join(directory, name)),
    ...["-shared", "-s", "-o", built, `-Wl,--version-script=${exports}`],
    "-Wl,-z,defs,-z,relro,-z,now,--as-needed,--wrap=memif_free_regions",
    "-Wl,--whole-archive",
    ...found.map(({ path }) => path ?? ""),
    "-Wl,--no-whole-archive",
    ...renamed,
    ...["-l:libbsd.a", "-l:libmd.a", "-lm"],
  ]);
  return found.map(({ name }) => name);
}

function mesonOptions(native: boolean): readonly string[] {
  const drivers = [...COMMON, ...DRIVERS].map((name) => name.replace("_", "/"));
  return [
    "--buildtype=release",
    `-Dplatform=${native ? "native" : "generic"}`,
    `-Denable_drivers=${drivers.join(",")}`,
    "-Ddisable_apps=*",
    "-Dtests=false",
    "-Ddeveloper_mode=disabled",
  ];
}

/** The headers of a DPDK that is not installed lie in as many places as it has libraries. */
function includesOf(source: string, outDir: string): readonly string[] {
  const folders = [...new Bun.Glob("lib/*/rte_*.h").scanSync(source)].map((file) =>
    join(source, file, ".."),
  );
  const processor = process.arch === "x64" ? "x86" : "arm";
  const eal = ["linux", processor].map((name) => join(source, "lib/eal", name, "include"));
  const own = [outDir, join(source, "config"), join(source, "lib/eal/include")];
  return [...own, ...eal, ...new Set(folders)].flatMap((path) => ["-isystem", path]);
}

/** DPDK's inline functions need SSSE3: its flags name the oldest processor, `native` this one. */
function compileFlags(dpdk: readonly string[], native: boolean): readonly string[] {
  const portable = dpdk.filter((flag) => !native || !flag.startsWith("-march="));
  const own = native ? ["-march=native"] : [];
  return [...FLAGS, ...portable.map((flag) => flag.replace(/^-I/, "-isystem")), ...own];
}

/** A copy of an archive for executables that has our stdout and stderr (csrc/dpdk/stdio.c). */
function ownStdio(path: string, copy: string): string {
  const rename = ["stdout", "stderr"].flatMap((name) => ["--redefine-sym", `${name}=oskr_${name}`]);
  run("objcopy", [...rename, path, copy]);
  return copy;
}

/** Throws UsageError if the library would need more of a machine than its libc. */
function refuseDependencies(path: string): void {
  const dynamic = run("readelf", ["-d", path]);
  const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1] ?? "");
  const others = needed.filter((name) => !NEEDED_ALLOWED.test(name));
  if (needed.length === 0 || others.length > 0) {
    throw new UsageError(
      `${DPDK_LIBRARY} would need ${others.join(", ") || "nothing, not even libc"}`,
    );
  }
}

function compiler(): string {
  return process.env["CC"] ?? "cc";
}

/** The path of a static library where the compiler looks for it, or null. */
function archive(name: string): string | null {
  const said = spawnSync(compiler(), [`-print-file-name=${name}`], { encoding: "utf8" });
  const path = (said.stdout ?? "").trim();
  return path.includes("/") && existsSync(path) ? path : null;
}

function hasHeader(name: string): boolean {
  const input = `#include <${name}>\n`;
  return spawnSync(compiler(), ["-fsyntax-only", "-x", "c", "-"], { input }).status === 0;
}

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** Returns what the command printed; throws UsageError with its last words when it fails. */
function run(command: string, args: readonly string[]): string {
  const ran = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (ran.status === 0) return ran.stdout;
  const said = ran.error?.message ?? (ran.stderr.trim() || ran.stdout.trim());
  throw new UsageError(`${command} failed: ${said.split("\n").slice(-20).join("\n")}`);
}
