// Shows that src/ffi/native.ts has the layout that csrc/oskr_native.h has, by using all of it;
// signature blocks and jobs are in tests/crypto/.

import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as native from "../../src/ffi/native.ts";
import { mapRegion } from "../../src/ffi/region.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { PATIENCE_MS, PROGRAM_MS } from "../support/patience.ts";

const { BURST, UDP } = native;
const SLOT_SIZE = 2048;
const SEND = UDP.slots + BURST * SLOT_SIZE;
const root = join(import.meta.dir, "../..");
const LOOPBACK = 0x7f00_0001;

const missing = libraries();

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "oskr-native-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describeUnless(missing)("oskr_native", () => {
  const library = missing === null ? native.loadNative() : null!;

  test("the header declares exactly the functions that are bound", () => {
    const header = readFileSync(join(root, "csrc/oskr_native.h"), "utf8");
    const declared = [...header.matchAll(/^OSKR_API [^;]*?\**(oskr_\w+)\(/gm)].map(
      ([, name]) => name,
    );
    expect(declared.toSorted()).toEqual(Object.keys(library).toSorted());
  });

  function openSocket(ip = LOOPBACK, port = 0) {
    const udp = library.oskr_udp_open(ip, port, 1500)!;
    const { bytes, slotSize } = mapRegion(library.oskr_udp_map(udp), UDP);
    expect(slotSize).toBe(SLOT_SIZE);
    return { udp, bytes, words: new Int32Array(bytes.buffer) };
  }
  type Socket = ReturnType<typeof openSocket>;

  function queue(from: Socket, i: number, text: string, port: number): void {
    from.bytes.set(new TextEncoder().encode(text), SEND + i * SLOT_SIZE);
    from.words[UDP.sendOffset / 4 + i] = i * SLOT_SIZE;
    from.words[UDP.sendLength / 4 + i] = text.length;
    from.words[UDP.sendIp / 4 + i] = LOOPBACK;
    from.words[UDP.sendPort / 4 + i] = port;
  }

  test("a burst of datagrams arrives with its lengths and its source", () => {
    const a = openSocket();
    const b = openSocket();
    const port = library.oskr_udp_port(b.udp);
    for (let i = 0; i < BURST; i++) queue(a, i, `\x01packet ${i}`.repeat(1 + (i % 5)), port);
    queue(a, 7, "nowhere", 0);
    expect(library.oskr_udp_send(a.udp, BURST)).toBe(BURST - 1);
    expect(Atomics.load(a.words, UDP.sendStatus / 4 + 7)).toBe(-22);
    expect(Atomics.load(a.words, UDP.sendStatus / 4 + 8)).toBe(0);
    expect(library.oskr_udp_receive(b.udp)).toBe(BURST - 1);
    const received = [0, 7, 62].map((i) => {
      const at = UDP.slots + Atomics.load(b.words, UDP.receivedOffset / 4 + i);
      const length = Atomics.load(b.words, UDP.receivedLength / 4 + i);
      return new TextDecoder().decode(b.bytes.slice(at, at + length));
    });
    expect(received).toEqual([0, 8, 63].map((i) => `\x01packet ${i}`.repeat(1 + (i % 5)).slice(1)));
    expect(Atomics.load(b.words, UDP.receivedPart / 4 + 62)).toBe(1);
    expect(Atomics.load(b.words, UDP.malformed / 4)).toBe(0);
    expect(Atomics.load(b.words, UDP.receivedIp / 4 + 62)).toBe(LOOPBACK);
    expect(Atomics.load(b.words, UDP.receivedPort / 4 + 62)).toBe(library.oskr_udp_port(a.udp));
    expect(library.oskr_udp_receive(b.udp)).toBe(0);
    library.oskr_udp_close(a.udp);
    library.oskr_udp_close(b.udp);
  });

  test("a port in use is refused with its errno", () => {
    const a = openSocket();
    expect(library.oskr_udp_open(LOOPBACK, library.oskr_udp_port(a.udp), 1500)).toBeNull();
    expect(library.oskr_error()).toBe(-98);
    library.oskr_udp_close(a.udp);
  });

  test("addresses above 127.255.255.255 pass as unsigned", () => {
    expect(library.oskr_udp_open(0xc000_0201, 0, 1500)).toBeNull();
    expect(library.oskr_error()).toBe(-99);
  });

  test("time rises, sleeping takes it, and the processor that we run on is allowed", () => {
    const before = library.oskr_monotonic_ns();
    library.oskr_sleep_us(300);
    library.oskr_yield();
    expect(library.oskr_monotonic_ns() - before).toBeGreaterThanOrEqual(300_000);
    const cpus = Array.from({ length: 1024 }, (_, cpu) => library.oskr_cpu_allowed(cpu));
    expect(cpus).toContain(1);
    expect(library.oskr_cpu_allowed(4_000_000)).toBe(0);
    expect(library.oskr_pin_self(4_000_000)).toBe(-22);
  });

  function child(script: string, ...args: readonly string[]) {
    return Bun.spawnSync([process.execPath, "-e", script, ...args], {
      cwd: root,
      timeout: PROGRAM_MS,
    });
  }
  const LOAD = `
    import { toArrayBuffer } from "bun:ffi";
    import { loadNative } from "./src/ffi/native.ts";
    const library = loadNative();
  `;

  test("a signal is seen by a synchronous loop, a later one ends it with 130", () => {
    for (const signal of ["SIGINT", "SIGTERM"]) {
      const ran = child(`${LOAD}
        const word = new Int32Array(toArrayBuffer(library.oskr_stop_install(), 0, 4));
        process.kill(process.pid, "${signal}");
        while (Atomics.load(word, 0) === 0) library.oskr_yield();
        console.log("stopping");
        library.oskr_sleep_us(600_000);
        process.kill(process.pid, "${signal}");
        for (;;) library.oskr_yield();
      `);
      expect(ran.stdout.toString()).toBe("stopping\n");
      expect(ran.exitCode).toBe(130);
    }
  });

  test("pinning keeps to one thread when the others are set free", () => {
    const ran = child(`${LOAD}
      import { readdirSync, readFileSync } from "node:fs";
      const masks = () => readdirSync("/proc/self/task").map((thread) => {
        const status = readFileSync("/proc/self/task/" + thread + "/status", "utf8");
        return [thread, /Cpus_allowed:\\t(.*)/.exec(status)[1]];
      });
      const whole = new Map(masks()).get(String(process.pid));
      let cpu = 0;
      while (library.oskr_cpu_allowed(cpu) === 0) cpu++;
      if (library.oskr_pin_self(cpu) !== 0) throw new Error("not pinned");
      if (library.oskr_unpin_others() < 1) throw new Error("no other thread");
      const mine = parseInt(new Map(masks()).get(String(process.pid)).replaceAll(",", ""), 16);
      const others = masks().filter(([thread]) => thread !== String(process.pid));
      console.log(mine === 2 ** cpu, others.every(([, mask]) => mask === whole));
    `);
    expect(ran.stderr.toString()).toBe("");
    expect(ran.stdout.toString()).toBe("true true\n");
  });

  test(
    "a child that asked for it ends with its parent",
    async () => {
      const inner = `${LOAD}
      if (library.oskr_die_with_parent(15, Number(process.argv[1])) !== 0) process.exit(1);
      console.log(process.pid);
      setInterval(() => {}, 1000);
    `;
      const outer = Bun.spawn(
        [
          process.execPath,
          "-e",
          `const child = Bun.spawn([process.execPath, "-e", process.argv[1], String(process.pid)], {
          stdout: "pipe",
        });
        const { value } = await child.stdout.getReader().read();
        process.stdout.write(value);
        process.kill(process.pid, "SIGKILL");`,
          inner,
        ],
        { cwd: root, stdout: "pipe" },
      );
      const pid = Number(await new Response(outer.stdout).text());
      await outer.exited;
      expect(pid).toBeGreaterThan(1);
      while (isRunning(pid)) await Bun.sleep(1);
    },
    PATIENCE_MS,
  );

  test(
    "is found in the executable itself where target/dpdk is not",
    () => {
      mkdirSync(join(directory, "src"));
      for (const folder of ["ffi", "base"]) {
        cpSync(join(root, "src", folder), join(directory, "src", folder), { recursive: true });
      }
      mkdirSync(join(directory, "target/dpdk"), { recursive: true });
      const file = "target/dpdk/liboskr_native.so";
      cpSync(join(root, file), join(directory, file));
      const entry = join(directory, "src/entry.ts");
      const program = `
      import { loadNative } from "./ffi/native.ts";
      try { console.log(loadNative().oskr_native_version()); }
      catch (error) { console.log(error.name + ": " + error.message); }
    `;
      writeFileSync(entry, program);
      mkdirSync(join(directory, "elsewhere/tmp"), { recursive: true });
      const compile = ["build", "--compile", entry, "--outfile", join(directory, "elsewhere/run")];
      expect(Bun.spawnSync([process.execPath, ...compile]).exitCode).toBe(0);
      const run = (temporary: string): string =>
        Bun.spawnSync([join(directory, "elsewhere/run")], {
          cwd: join(directory, "elsewhere"),
          env: { ...process.env, TMPDIR: temporary },
        }).stdout.toString();
      expect(run(join(directory, "elsewhere/tmp"))).toBe(`${library.oskr_native_version()}\n`);
      expect(run("/proc")).toMatch(/^UsageError: [^\n]*set TMPDIR to a directory[^\n]*\n$/);
    },
    PATIENCE_MS,
  );
});

test("without the library there is one line that says what to do", () => {
  const place = mkdtempSync(join(tmpdir(), "oskr-none-"));
  cpSync(join(root, "src"), join(place, "src"), { recursive: true });
  const script = `
    import { loadNative } from "./src/ffi/native.ts";
    try { loadNative(); } catch (error) { console.log(error.name + ": " + error.message); }
  `;
  const ran = Bun.spawnSync([process.execPath, "-e", script], { cwd: place });
  rmSync(place, { recursive: true });
  expect(ran.stdout.toString()).toBe(
    "UsageError: target/dpdk/liboskr_native.so is missing; run: npm run build\n",
  );
});

/** Whether the process is there and more than a corpse that nobody has collected. */
function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return false;
  return !/\) [ZX] /.test(readFileSync(path, "utf8"));
}
