// Shows that somebody who has nothing but the package can write an application and a protocol: the
// projects of examples/, with what `npm pack` gives in place of the tree, are checked, tested and
// built, and their executables serve.

import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../src/cluster/free-ports.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { Program, ROOT } from "../support/programs.ts";
import { PATIENCE_MS, PROGRAM_MS } from "../support/patience.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "oskr-stranger-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command to its end; throws with all that it printed if it fails. */
function run(command: readonly string[], cwd: string): string {
  const path = `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
  const env = { ...process.env, PATH: path };
  const ran = Bun.spawnSync([...command], { cwd, env, timeout: PROGRAM_MS });
  const said = `${ran.stdout.toString()}${ran.stderr.toString()}`;
  if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.exitCode}\n${said}`);
  return said;
}

/** The package as it comes, with its libraries built. */
function unpack(): string {
  const packed = join(folder, "packed");
  mkdirSync(packed);
  run(["npm", "pack", "--silent", "--pack-destination", packed], ROOT);
  const [archive = ""] = readdirSync(packed);
  run(["tar", "-xzf", archive], packed);
  // What it depends on lies beside it, so that nothing is downloaded.
  symlinkSync(join(ROOT, "node_modules"), join(packed, "node_modules"));
  run([process.execPath, "build.ts", "--libs"], join(packed, "package"));
  return join(packed, "package");
}

/** The project in a folder of its own, with the package installed. */
function projectOf(name: string, packed: string): string {
  const project = join(folder, name);
  cpSync(join(ROOT, "examples", name), project, { recursive: true });
  const modules = join(project, "node_modules");
  mkdirSync(modules);
  for (const one of readdirSync(join(ROOT, "node_modules"))) {
    symlinkSync(join(ROOT, "node_modules", one), join(modules, one));
  }
  cpSync(packed, join(modules, "oskr"), { recursive: true });
  return project;
}

/** Three replicas on loopback, which say `ready` when they serve, and clients for a second. */
async function serves(
  project: string,
  { f, ready, options }: { f: number; ready: string; options: readonly string[] },
): Promise<string> {
  const ports = await freePorts(3);
  const replicas = ports.map((port) => `replica 127.0.0.1:${port}%0\n`).join("");
  writeFileSync(join(project, "three.config"), `f ${f}\n${replicas}`);
  const where = { cwd: project };
  const common = ["-c", "three", "--view-timeout", "2000", ...options];
  const programs = ports.map(
    (_, i) => new Program(["./replica", ...common, "-i", String(i)], where),
  );
  try {
    for (const replica of programs) await replica.printed(ready);
    const client = new Program(["./client", ...common, "-t", "4", "-d", "1", "--warm", "5"], where);
    const { status, out, err } = await client.ended();
    expect({ status, err }).toMatchObject({ status: 0 });
    return out;
  } finally {
    for (const program of programs) program.signal("SIGTERM");
    await Promise.all(programs.map((program) => program.ended()));
  }
}

describeUnless(libraries())("a project that has nothing but the package", () => {
  let packed = "";
  beforeAll(() => {
    packed = unpack();
  }, PATIENCE_MS);

  test(
    "has an application of its own, which every protocol replicates",
    async () => {
      const project = projectOf("counter", packed);
      run(["bun", "check", "--no-script"], project);
      run(["bun", "test"], project);
      run(["bun", "run", "build"], project);
      const out = await serves(project, {
        ...{ f: 1, ready: " began" },
        options: ["-m", "vr", "-a", "counter"],
      });
      expect(out).toMatch(/^\[ADD\], Return=OK, [1-9]/m);
      expect(out).toMatch(/^vr, 3 replicas, 4 clients, udp, app counter, counter, .* a second/m);
    },
    PATIENCE_MS,
  );

  test(
    "has a protocol of its own, beside those of the package",
    async () => {
      const project = projectOf("my-protocol", packed);
      run(["bun", "check", "--no-script"], project);
      run(["bun", "test"], project);
      run(["bun", "run", "build"], project);
      const out = await serves(project, {
        ...{ f: 0, ready: " runs chain" },
        options: ["-m", "chain", "-a", "kv"],
      });
      expect(out).toMatch(/^chain, 3 replicas, 4 clients, udp, app kv, .* a second/m);
    },
    PATIENCE_MS,
  );
});
