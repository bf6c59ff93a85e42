// Builds liboskr_dpdk.so: our C sources and DPDK, either linked into one file that needs libc and libm
// only, or against shared DPDK libraries built from sources beside it.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../src/usage-error.ts";

export const DPDK_LIBRARY = "liboskr_dpdk.so";

const directory = import.meta.dir;
const SOURCES = ["oskr_dpdk.c", "dpdk/link.c", "dpdk/burst.c", "dpdk/fabric.c", "dpdk/delay.c"];
const HEADERS = ["oskr_dpdk.h", "oskr_fabric.h", "dpdk/port.h", "dpdk/delay.h"];
/** What static archives refer to and a shared object cannot have. */
const STATIC_SOURCES = ["dpdk/numa.c"];
const VERBS_SOURCES = ["dpdk/stdio.c", "dpdk/verbs.c"];

/** Every file of ours that the library is made from: what an incremental build compares. */
export const DPDK_INPUTS: readonly string[] = [
  ...[...SOURCES, ...HEADERS, ...STATIC_SOURCES, ...VERBS_SOURCES].map((s) => join(directory, s)),
  import.meta.path,
];

/** Drivers of ports that need no hardware, and those of real ones as far as DPDK has them. */
const VIRTUAL_DRIVERS = ["memif", "af_packet", "tap", "ring", "null"];
const NIC_DRIVERS = ["virtio", "vmxnet3", "ena", "e1000", "ixgbe", "i40e", "iavf", "ice", "mlx5"];
const DRIVERS = [...VIRTUAL_DRIVERS, ...NIC_DRIVERS].map((name) => `net_${name}`);
/** The rest of DPDK that ports, or one of the drivers, call. */
const CORE = [
  ...["eal", "kvargs", "telemetry", "log", "argparse", "ring", "mempool", "mbuf", "net", "meter"],
  ...["ethdev", "pci", "hash", "rcu", "timer", "gso", "security", "cryptodev", "mempool_ring"],
  ...["bus_pci", "bus_vdev", "bus_auxiliary", "common_iavf", "common_mlx5"],
];
/** mlx5 needs these of rdma-core and libnl, which are copied into the library as well. */
const MLX5 = ["net_mlx5", "common_mlx5"];
const VERBS_ARCHIVES = ["libmlx5.a", "libibverbs.a", "libnl-route-3.a", "libnl-3.a"];
const ANY_VERSION_NEEDED = /^(libc|libm|libpthread|libdl|ld-linux-x86-64|ld-linux-aarch64)\.so\./;

const FLAGS = ["-std=gnu11", "-O3", "-fPIC", "-fvisibility=default", "-Wall", "-Wextra"];
const EXPORTS = "{ global: oskr_*; local: *; };\n";

export interface DpdkOptions {
  /** Makes code for this machine's processor only. */
  readonly native: boolean;
  /** A tree of DPDK sources, or null for the installed package. */
  readonly source: string | null;
}

/** The Debian packages that are missing; empty when all is there. */
export function missingForDpdk(source: string | null): readonly string[] {
  const missing: string[] = [];
  const needs = (present: boolean, name: string) => present || missing.push(name);
  needs(Bun.which(compiler()) !== null, "gcc");
  needs(Bun.which("readelf") !== null && Bun.which("objcopy") !== null, "binutils");
  needs(Bun.which("pkg-config") !== null, "pkg-config");
  if (source !== null) {
    needs(Bun.which("meson") !== null, "meson");
    needs(Bun.which("ninja") !== null, "ninja-build");
    needs(succeeds("python3", ["-c", "import elftools"]), "python3-pyelftools");
    return missing;
  }
  if (missing.includes("gcc") || missing.includes("pkg-config")) return [...missing, "libdpdk-dev"];
  needs(succeeds("pkg-config", ["--atleast-version=22.11", "libdpdk"]), "libdpdk-dev");
  needs(archive("libbsd.a") !== null, "libbsd-dev");
  needs(archive("libmd.a") !== null, "libmd-dev");
  return missing;
}

/**
 * Makes `outDir`/liboskr_dpdk.so, put in place in one step. Returns the drivers that it has. Throws
 * UsageError when a tool fails, or when the library would need more of the machine than libc and libm.
 */
export function buildDpdk(outDir: string, options: DpdkOptions): readonly string[] {
  mkdirSync(outDir, { recursive: true });
  const work = mkdtempSync(join(resolve(outDir), ".dpdk-"));
  try {
    const built = join(work, DPDK_LIBRARY);
    const drivers =
      options.source === null
        ? linkStatically(work, built, options.native)
        : linkWithSource(resolve(outDir), options.source, work, built, options.native);
    if (options.source === null) refuseDependencies(built);
    renameSync(built, join(outDir, DPDK_LIBRARY));
    return drivers;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function linkStatically(work: string, built: string, native: boolean): readonly string[] {
  const verbs = VERBS_ARCHIVES.map(archive).filter((path) => path !== null);
  const withVerbs = verbs.length === VERBS_ARCHIVES.length && hasHeader("infiniband/verbs.h");
  const libraries = [...CORE, ...DRIVERS]
    .filter((name) => withVerbs || !MLX5.includes(name))
    .filter((name) => archive(`librte_${name}.a`) !== null);
  const renamed = withVerbs
    ? verbs.map((path, i) => ownStdio(path, join(work, `verbs-${i}.a`)))
    : [];
  const sources = [...SOURCES, ...STATIC_SOURCES, ...(withVerbs ? VERBS_SOURCES : [])];
  run(compiler(), [
    ...compileFlags(pkgConfig("--cflags", "libdpdk"), native),
    ...sources.map((name) => join(directory, name)),
    ...linkFlags(work, built),
    "-Wl,--whole-archive",
    ...libraries.map((name) => `-l:librte_${name}.a`),
    "-Wl,--no-whole-archive",
    ...renamed,
    "-l:libbsd.a",
    "-l:libmd.a",
    "-lm",
  ]);
  return driversOf(libraries);
}

/** Builds DPDK in `outDir`, as `meson setup target/dpdk src/dpdk && ninja -C target/dpdk` would. */
function linkWithSource(
  outDir: string,
  source: string,
  work: string,
  built: string,
  native: boolean,
): readonly string[] {
  if (!existsSync(join(outDir, "build.ninja"))) {
    run("meson", ["setup", outDir, source, ...mesonOptions(native)]);
  }
  run("ninja", ["-C", outDir]);
  const shared = (folder: string) =>
    readdirSync(join(outDir, folder)).flatMap((file) => /^librte_(\w+)\.so$/.exec(file)?.[1] ?? []);
  const drivers = shared("drivers").filter((name) => DRIVERS.includes(name));
  const needed = shared("lib").filter((name) => CORE.includes(name));
  const flags = pkgConfig("--cflags", join(outDir, "meson-private/libdpdk.pc"));
  const includes = includesOf(source, outDir);
  run(compiler(), [
    ...compileFlags([...includes, ...flags], native),
    ...SOURCES.map((name) => join(directory, name)),
    ...linkFlags(work, built),
    `-L${outDir}/lib`,
    `-L${outDir}/drivers`,
    ...needed.map((name) => `-lrte_${name}`),
    "-Wl,--no-as-needed",
    ...["mempool_ring", ...drivers].map((name) => `-lrte_${name}`),
    "-Wl,--disable-new-dtags,-rpath,$ORIGIN/lib:$ORIGIN/drivers",
  ]);
  return driversOf(drivers);
}

function mesonOptions(native: boolean): readonly string[] {
  const drivers = [
    ...DRIVERS.map((name) => name.replace("_", "/")),
    "bus/*",
    "common/*",
    "mempool/ring",
  ];
  return [
    "--buildtype=release",
    `-Dplatform=${native ? "native" : "generic"}`,
    `-Denable_drivers=${drivers.join(",")}`,
    "-Ddisable_apps=*",
    "-Dtests=false",
    "-Ddeveloper_mode=disabled",
    "-Dibverbs_link=dlopen",
  ];
}

/** The headers of a DPDK that was built but not installed lie in as many places as it has libraries. */
function includesOf(source: string, outDir: string): readonly string[] {
  const folders = [...new Bun.Glob("lib/*/rte_*.h").scanSync(source)].map((file) =>
    join(source, file, ".."),
  );
  const eal = ["linux", "x86", "arm"].map((name) => join(source, "lib/eal", name, "include"));
  const own = [outDir, join(source, "config"), join(source, "lib/eal/include")];
  return [...own, ...eal, ...new Set(folders)].flatMap((path) => ["-isystem", path]);
}

function driversOf(libraries: readonly string[]): readonly string[] {
  return libraries.filter((name) => DRIVERS.includes(name)).map((name) => name.slice(4));
}

/** DPDK's inline functions need SSSE3, so its flags name a processor, the oldest one; `native` this one. */
function compileFlags(dpdk: readonly string[], native: boolean): readonly string[] {
  const portable = dpdk.filter((flag) => !native || !flag.startsWith("-march="));
  const own = native ? ["-march=native"] : [];
  return [...FLAGS, ...portable.map((flag) => flag.replace(/^-I/, "-isystem")), ...own];
}

function linkFlags(work: string, built: string): readonly string[] {
  const exports = join(work, "exports.map");
  writeFileSync(exports, EXPORTS);
  return [
    "-shared",
    "-s",
    "-o",
    built,
    `-Wl,--version-script=${exports}`,
    "-Wl,-z,defs,-z,relro,-z,now,--as-needed",
  ];
}

/** A copy of an archive for executables that refers to our stdout and stderr (csrc/dpdk/stdio.c). */
function ownStdio(path: string, copy: string): string {
  const rename = ["stdout", "stderr"].flatMap((name) => ["--redefine-sym", `${name}=oskr_${name}`]);
  run("objcopy", [...rename, path, copy]);
  return copy;
}

/** Throws UsageError if the library would need more of a machine than its libc. */
function refuseDependencies(path: string): void {
  const dynamic = run("readelf", ["-d", path]);
  const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1] ?? "");
  const others = needed.filter((name) => !ANY_VERSION_NEEDED.test(name));
  if (needed.length === 0 || others.length > 0) {
    throw new UsageError(
      `${DPDK_LIBRARY} would need ${others.join(", ") || "nothing, not even libc"}`,
    );
  }
}

function compiler(): string {
  return process.env["CC"] ?? "cc";
}

const archives = new Map<string, string | null>();

/** The path of a static library where the compiler looks for it, or null. */
function archive(name: string): string | null {
  let path = archives.get(name);
  if (path === undefined) {
    const said = spawnSync(compiler(), [`-print-file-name=${name}`], { encoding: "utf8" });
    const found = (said.stdout ?? "").trim();
    path = found.includes("/") && existsSync(found) ? found : null;
    archives.set(name, path);
  }
  return path;
}

function hasHeader(name: string): boolean {
  const input = `#include <${name}>\n`;
  return spawnSync(compiler(), ["-fsyntax-only", "-x", "c", "-"], { input }).status === 0;
}

function pkgConfig(...args: readonly string[]): readonly string[] {
  return run("pkg-config", args).trim().split(/\s+/);
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
