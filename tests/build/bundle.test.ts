// Shows that the bundle is the same whenever it is made of the same files, and that what it unpacks
// to runs where there is no compiler, bun or DPDK: nothing but libc.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { problemsIn } from "../../src/base/logger.ts";
import { buildBundle, bundleName } from "../../src/build/bundle.ts";
import {
  CHROOT,
  describeUnless,
  libraries,
  rootInNamespace,
  testUnless,
} from "../support/optional.ts";
import { Program, ROOT } from "../support/programs.ts";
import { PATIENCE_MS, PROGRAM_MS } from "../support/patience.ts";

const missing = libraries();

const NAME = bundleName(packageJson.version);
const ARCHIVE = join(ROOT, "target", `${NAME}.tar.gz`);

function run(command: readonly string[]) {
  const ran = Bun.spawnSync([...command], { cwd: ROOT, timeout: PROGRAM_MS });
  return { status: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

describeUnless(missing)("the bundle", () => {
  let base = "";
  let home = "";
  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), "oskr-bundle-"));
    expect(run([process.execPath, "build.ts", "--bundle"]).status).toBe(0);
    const unpacked = run(["tar", "-xzf", ARCHIVE, "-C", base]);
    expect(unpacked).toEqual({ status: 0, out: "", err: "" });
    home = join(base, NAME);
  }, PATIENCE_MS);
  afterAll(() => rmSync(base, { recursive: true, force: true }));

  test("holds what is needed and nothing else", () => {
    expect(readdirSync(base)).toEqual([NAME]);
    const files = readdirSync(home, { recursive: true, withFileTypes: true, encoding: "utf8" })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1))
      .sort();
    expect(files).toEqual([
      "LICENSE",
      "README.md",
      "client",
      "deploy/namespaces.sh",
      "deploy/netns.sh",
      "deploy/quad-0.pem",
      "deploy/quad-1.pem",
      "deploy/quad-2.pem",
      "deploy/quad-3.pem",
      "deploy/quad.config",
      "fabric",
      "replica",
      "target/dpdk/liboskr_dpdk.so",
      "target/dpdk/liboskr_native.so",
    ]);
  });

  test(
    "made again of the same files it has the same bytes",
    () => {
      const again = join(base, "again.tar.gz");
      buildBundle(ROOT, again, NAME);
      const digest = (path: string) => Bun.SHA256.hash(readFileSync(path), "hex");
      expect(digest(again)).toBe(digest(ARCHIVE));
      rmSync(again);
    },
    PATIENCE_MS,
  );

  /** Four PBFT replicas and a client over the fabric; `command` says how a program is started. */
  async function serves(
    command: (program: string, args: readonly string[]) => readonly string[],
    directory: string,
  ): Promise<void> {
    const common = ["-c", "deploy/quad"];
    const cluster = [...common, "-m", "pbft", "--view-timeout", "5000", "--fabric", directory];
    const programs = [new Program(command("fabric", [...common, "--dir", directory]))];
    try {
      await programs[0]?.printed("fabric of");
      for (const i of [0, 1, 2, 3]) {
        programs.push(new Program(command("replica", [...cluster, "-i", String(i)])));
      }
      for (const replica of programs.slice(1)) await replica.printed("runs pbft on memif");
      const client = new Program(
        command("client", [...cluster, "-t", "4", "-d", "1", "--warm", "5"]),
      );
      const { status, out, err } = await client.ended();
      expect({ status, err: problemsIn(err) }).toEqual({ status: 0, err: [] });
      expect(out).toMatch(/pbft, 4 replicas, 4 clients, memif, .* operations a second/);
    } finally {
      for (const program of programs) program.signal("SIGTERM");
      await Promise.all(programs.map((program) => program.ended()));
    }
  }

  test(
    "runs with an empty environment and no program in its PATH",
    async () => {
      const bare = ["env", "-i", "-C", home, "PATH=/nowhere", `TMPDIR=${base}`];
      const sockets = mkdtempSync(join(base, "run-"));
      await serves((program, args) => [...bare, `./${program}`, ...args], sockets);
    },
    PATIENCE_MS,
  );

  testUnless(rootInNamespace())(
    "runs where there is nothing but libc",
    async () => {
      const jail = mkdtempSync(join(base, "jail-"));
      const linked = run(["ldd", join(home, "replica")]).out.matchAll(/(\/\S+)/g);
      for (const [, file = ""] of linked) {
        expect(file).toMatch(/\/(ld-linux|libc|libm|libpthread|libdl)[^/]*$/);
        mkdirSync(join(jail, dirname(file)), { recursive: true });
        copyFileSync(file, join(jail, file));
      }
      for (const folder of ["proc", "sys", "tmp", "dev", "oskr"]) mkdirSync(join(jail, folder));
      mkdirSync(join(jail, "tmp/run"));
      const mounts = ["proc", "sys", "dev"].map((name) => `mount --rbind /${name} ${jail}/${name}`);
      const script = [
        ...mounts,
        `mount --bind ${home} ${jail}/oskr`,
        "program=$1; shift",
        `exec env -i ${CHROOT} ${jail} "/oskr/$program" "$@"`,
      ].join("\n");
      const inJail = ["unshare", "-m", "sh", "-ec", script, "sh"];
      const placed = (args: readonly string[]) =>
        args.map((arg) => (arg === "deploy/quad" ? "/oskr/deploy/quad" : arg));
      await serves((program, args) => [...inJail, program, ...placed(args)], "/tmp/run");
    },
    PATIENCE_MS,
  );
});
