// Shows that build.ts does what is needed and no more, that builds at the same time do not disturb
// each other, and that the libraries need nothing of a machine but its libc.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { commitOf } from "../src/build/commit.ts";
import {
  CHROOT,
  describeUnless,
  libraries,
  program,
  rootInNamespace,
  testUnless,
  userNamespace,
} from "./support/optional.ts";
import { PATIENCE_MS, PROGRAM_MS } from "./support/patience.ts";

const root = join(import.meta.dir, "..");
const LIBRARIES = ["liboskr_dpdk.so", "liboskr_native.so"];

const missing = libraries();

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "oskr-build-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(command: readonly string[], cwd = root) {
  const ran = Bun.spawnSync([...command], { cwd, timeout: PROGRAM_MS });
  return { status: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

function build(cwd: string, ...args: readonly string[]) {
  return run([process.execPath, "build.ts", ...args], cwd);
}

/** What a build is made from, in a directory of its own. */
function copyOfTree(name: string): string {
  const copy = join(directory, name);
  mkdirSync(copy);
  for (const file of ["build.ts", "package.json"]) copyFileSync(join(root, file), join(copy, file));
  cpSync(join(root, "csrc"), join(copy, "csrc"), { recursive: true });
  for (const room of ["src/base", "src/build"]) {
    cpSync(join(root, room), join(copy, room), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  return copy;
}

testUnless(program("git"))(
  "the commit of what executables are made of, and whether it changed",
  () => {
    const tree = mkdtempSync(join(directory, "commit-"));
    const git = (...args: readonly string[]): string => {
      const who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
      const { status, out, err } = run(["git", ...who, ...args], tree);
      expect({ status, err }).toMatchObject({ status: 0 });
      return out.trim();
    };
    expect(commitOf(tree, ["src"])).toBeNull();
    git("init", "--quiet");
    mkdirSync(join(tree, "src"));
    writeFileSync(join(tree, "src/a.ts"), "1");
    git("add", ".");
    git("commit", "--quiet", "-m", "one");
    const first = git("rev-parse", "HEAD").slice(0, 8);
    writeFileSync(join(tree, "page.txt"), "2");
    git("add", ".");
    git("commit", "--quiet", "-m", "two");
    expect(commitOf(tree, ["src"])).toBe(first);
    writeFileSync(join(tree, "src/b.ts"), "3");
    expect(commitOf(tree, ["src"])).toBe(`${first}+`);
  },
);

describe("options", () => {
  test("-h shows them", () => {
    const { status, out } = build(root, "-h");
    expect(status).toBe(0);
    for (const option of ["--dpdk DIR", "--native", "--libs", "--bundle", "--force"])
      expect(out).toContain(option);
  });

  test.each([
    [["--bogus"], "build: Unknown option '--bogus'"],
    [["extra"], "build: Unexpected argument 'extra'"],
    [["--dpdk"], "build: Option '--dpdk <value>' argument missing"],
    [["--libs", "--bundle"], "build: --libs and --bundle exclude each other"],
    [["--dpdk", "/nowhere"], "build: --dpdk /nowhere: no DPDK sources there"],
  ])("%p is refused in one line", (args, line) => {
    const { status, out, err } = build(root, ...args);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toStartWith(line);
    expect(err.trim().split("\n")).toHaveLength(1);
  });
});

const isRoot = process.geteuid?.() === 0;

testUnless(userNamespace())(
  "what is missing is one line for an ordinary user, and nothing is installed",
  () => {
    const tree = copyOfTree("bare");
    // In a user namespace without a mapping root is nobody, and still may read this tree.
    const asUser = isRoot ? ["unshare", "--user"] : [];
    const noCompiler = ["env", "CC=/nowhere/cc", process.execPath, "build.ts", "--libs"];
    const { status, out, err } = run([...asUser, ...noCompiler], tree);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(/^build: missing packages; as root: apt-get install gcc .*\n$/);
  },
);

test("a package of DPDK that is too old is one line, and no package that is missing", () => {
  const tree = copyOfTree("old");
  const programs = join(directory, "programs");
  mkdirSync(programs);
  // As pkg-config 0.29.2 does on Ubuntu 22.04.
  const script =
    "#!/bin/sh\ncase $1 in --exists) ;; --modversion) echo 21.11.9 ;; *) exit 1 ;; esac\n";
  writeFileSync(join(programs, "pkg-config"), script, { mode: 0o755 });
  const path = `PATH=${programs}:${process.env["PATH"] ?? ""}`;
  const { status, out, err } = run(["env", path, process.execPath, "build.ts", "--libs"], tree);
  expect({ status, out }).toEqual({ status: 2, out: "" });
  expect(err).toStartWith("build: libdpdk-dev is 21.11.9 here, 22.11 or later is needed: ");
  expect(err.trim().split("\n")).toHaveLength(1);
});

describeUnless(missing)("building", () => {
  test(
    "does nothing when nothing changed, and what changed otherwise",
    () => {
      const tree = copyOfTree("incremental");
      const times = () =>
        LIBRARIES.map((file) => statSync(join(tree, "target/dpdk", file)).mtimeMs);
      expect(build(tree, "--libs").status).toBe(0);
      const first = times();
      expect(build(tree, "--libs")).toEqual({ status: 0, out: "", err: "" });
      expect(times()).toEqual(first);
      rmSync(join(tree, "target/dpdk/liboskr_native.so"));
      expect(build(tree, "--libs").err).not.toContain("liboskr_dpdk");
      expect(times()[0]).toBe(first[0]);
      expect(times()[1]).not.toBe(first[1]);
      run(["sh", "-c", "echo >> csrc/dpdk/delay.c"], tree);
      expect(build(tree, "--libs").err).not.toContain("liboskr_native");
      expect(times()[0]).not.toBe(first[0]);
    },
    PATIENCE_MS,
  );

  test(
    "a failing compiler is told, and what was there stays",
    () => {
      const tree = copyOfTree("broken");
      expect(build(tree, "--libs").status).toBe(0);
      const before = statSync(join(tree, "target/dpdk/liboskr_dpdk.so"));
      run(["sh", "-c", "echo 'this is not C' >> csrc/dpdk/delay.c"], tree);
      const { status, err } = build(tree, "--libs");
      expect(status).toBe(2);
      expect(err).toContain("delay.c");
      expect(statSync(join(tree, "target/dpdk/liboskr_dpdk.so")).mtimeMs).toBe(before.mtimeMs);
      expect(build(tree, "--libs").status).toBe(2);
    },
    PATIENCE_MS,
  );

  test(
    "two at the same time both end well, and one of them did the work",
    async () => {
      const tree = copyOfTree("concurrent");
      const start = () =>
        Bun.spawn([process.execPath, "build.ts", "--libs"], { cwd: tree, stderr: "pipe" });
      const builds = [start(), start()];
      const outputs = await Promise.all(builds.map((child) => new Response(child.stderr).text()));
      expect(await Promise.all(builds.map((child) => child.exited))).toEqual([0, 0]);
      expect(outputs.filter((output) => output !== "")).toHaveLength(1);
      expect(run(["ls", "-A", "target/dpdk"], tree).out.trim().split("\n")).toEqual(LIBRARIES);
    },
    PATIENCE_MS,
  );
});

describeUnless(missing)("the libraries", () => {
  test.each(LIBRARIES)("%s needs libc and libm only, and exports only ours", (file) => {
    const path = join(root, "target/dpdk", file);
    const needed = [...run(["readelf", "-d", path]).out.matchAll(/\(NEEDED\).*\[(.*)\]/g)];
    const names = needed.map((match) => match[1]);
    expect(names).toContain("libc.so.6");
    for (const name of names) expect(name).toMatch(/^(libc|libm|ld-linux.*)\.so\.\d+$/);
    const exported = run(["nm", "-D", "--defined-only", path]).out.trim().split("\n");
    expect(exported.length).toBeGreaterThan(5);
    for (const line of exported) expect(line).toMatch(/ T oskr_\w+$/);
  });

  testUnless(rootInNamespace())(
    "EAL and a port work where there is nothing but libc",
    () => {
      const jail = join(directory, "jail");
      const put = (file: string, at = file) => {
        mkdirSync(join(jail, dirname(at)), { recursive: true });
        copyFileSync(file, join(jail, at));
      };
      const linked = run(["ldd", process.execPath]).out.matchAll(/(\/\S+)/g);
      for (const [, file = ""] of linked) put(file);
      put(process.execPath, "/bun");
      for (const file of LIBRARIES)
        put(join(root, "target/dpdk", file), `/oskr/target/dpdk/${file}`);
      cpSync(join(root, "src"), join(jail, "oskr/src"), { recursive: true });
      const child = "tests/support/dpdk-child.ts";
      put(join(root, child), `/oskr/${child}`);
      for (const folder of ["proc", "sys", "tmp", "dev"]) mkdirSync(join(jail, folder));
      const mounts = ["proc", "sys", "dev"].map((name) => `mount --rbind /${name} ${jail}/${name}`);
      const enter = `exec ${CHROOT} ${jail} /bun /oskr/${child} ring`;
      const { status, out, err } = run([
        "unshare",
        "-m",
        "sh",
        "-ec",
        [...mounts, enter].join("\n"),
      ]);
      expect({ status, err }).toEqual({ status: 0, err: "" });
      expect(JSON.parse(out)).toMatchObject({ ports: 1, sameFrames: true, stopped: 0 });
      const there = run(["find", jail, "-xdev", "-name", "*.so*"]).out.trim().split("\n");
      const others = there
        .map((path) => basename(path))
        .filter((name) => !LIBRARIES.includes(name));
      for (const name of others)
        expect(name).toMatch(/^(ld-linux|libc|libm|libpthread|libdl|libgcc)/);
    },
    PATIENCE_MS,
  );
});
