// Shows that no server of memif takes the sockets of one that lives, and that it takes over those
// of one that was killed.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../src/base/errors.ts";
import { loadNative } from "../../src/ffi/native.ts";
import { clearSockets, memifArgument, memifPath, type MemifEnd } from "../../src/process/memif.ts";
import { ConfigDirectory, macLine, replicaArgs } from "../support/configurations.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { program, run } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const configs = new ConfigDirectory();
const one = configs.config("one", "f 0", macLine("00"));

test("a ring has room for a reply to each client of a process, within the driver's bounds", () => {
  const ring = (clients: number): string | undefined => {
    const end: MemifEnd = { kind: "client", index: 0, server: false };
    const words = memifArgument(0, tmpdir(), end, { mac: null, mtu: 1500, clients }).split(",");
    return words.find((word) => word.startsWith("rsize="));
  };
  expect([1, 2048, 2049, 5000, 32_768].map(ring)).toEqual(
    [11, 11, 12, 13, 14].map((log) => `rsize=${log}`),
  );
});

describeUnless(libraries())("sockets", () => {
  let dir = "";
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "oskr-memif-"));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const end = (index: number): MemifEnd => ({ kind: "replica", index, server: true });
  const clear = (...ends: readonly MemifEnd[]) => clearSockets(loadNative(), dir, ends);

  /** A socket that nobody listens at any more, as one that was killed leaves it. */
  function leaveSocket(path: string): void {
    const script = `Bun.listen({ unix: process.argv[1], socket: { data() {} } });
      process.kill(process.pid, "SIGKILL");`;
    Bun.spawnSync([process.execPath, "-e", script, path]);
    expect(existsSync(path)).toBe(true);
  }

  test("that nobody serves any more are removed, and what is not there is no matter", () => {
    leaveSocket(memifPath(dir, end(0)));
    clear(end(0), end(1));
    expect(readdirSync(dir)).toEqual([]);
  });

  test("of a server that lives are refused, and then none is removed", () => {
    leaveSocket(memifPath(dir, end(0)));
    const path = memifPath(dir, end(1));
    const server = Bun.listen({ unix: path, socket: { data: () => {} } });
    const refusal = `a fabric runs there already: ${path}; stop it, or use another directory`;
    expect(() => clear(end(0), end(1))).toThrow(new UsageError(refusal));
    expect(readdirSync(dir).sort()).toEqual(["replica-0.sock", "replica-1.sock"]);
    server.stop(true);
    rmSync(path, { force: true });
  });

  test("are sockets: no other file is removed", () => {
    const path = memifPath(dir, { kind: "link", server: true });
    writeFileSync(path, "kept");
    expect(() => clear({ kind: "link", server: true })).toThrow(`${path}: exists and is no socket`);
    expect(existsSync(path)).toBe(true);
  });
});

describeUnless(libraries())("a directory", () => {
  for (const [name, args, who, socket] of [
    ["fabric", ["-c", one], "fabric", "replica-0.sock"],
    ["replica", replicaArgs(one), "replica", "link.sock"],
  ] as const) {
    test(
      `has one ${name}, until that is killed`,
      async () => {
        const dir = mkdtempSync(join(configs.path, name));
        const all = [...args, name === "fabric" ? "--dir" : "--link", dir];
        const first = program(name, all);
        const ready = name === "fabric" ? "fabric of 1" : "replica 0 of 1";
        await first.printed(ready);
        const said = `${name}: a ${who} runs there already: ${join(dir, socket)}; `;
        expect(await run(name, all)).toEqual({
          ...{ status: 2, out: "" },
          err: `${said}stop it, or use another directory\n`,
        });
        expect(existsSync(join(dir, socket))).toBe(true);
        first.signal("SIGKILL");
        await first.ended();
        const next = program(name, all);
        await next.printed(ready);
        next.signal("SIGTERM");
        expect((await next.ended()).status).toBe(0);
      },
      PATIENCE_MS,
    );
  }
});

describe("the socket of an end", () => {
  test("is shared by both ends of a link", () => {
    const path = (server: boolean) => memifPath("/tmp", { kind: "link", server });
    expect([path(true), path(false)]).toEqual(["/tmp/link.sock", "/tmp/link.sock"]);
  });
});
