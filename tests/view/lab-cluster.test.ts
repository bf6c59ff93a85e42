// Shows that a lab's hosts are heard by the program that copy.yml brings them, here on this machine:
// what processes publish, that they end and run again, and that hosts which cannot be asked are told.

import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { UsageError } from "../../src/base/errors.ts";
import type { Inventory } from "../../src/cluster/ansible.ts";
import { labWayOf } from "../../src/cluster/lab-way.ts";
import { SharedPage } from "../../src/process/shared-page.ts";
import { LabCluster, labCommands, type LabCommands } from "../../src/view/lab-cluster.ts";
import { LiveCluster } from "../../src/view/live-cluster.ts";

const PROCESS = resolve(import.meta.dir, "../../deploy/ansible/roles/oskr/files/process.sh");
/** Their clocks began so much later than this machine's. */
const AHEAD_MS = 1_000_000;

const home = mkdtempSync(join(tmpdir(), "oskr-lab-"));
const hosts: Host[] = [];
afterAll(() => {
  for (const host of hosts) host.end();
  rmSync(home, { recursive: true, force: true });
});

/** A directory as copy.yml and run.yml leave it on a host. */
class Host {
  readonly name: string;
  readonly directory: string;
  #running: Bun.Subprocess | null = null;

  constructor(name: string) {
    this.name = name;
    this.directory = join(home, name);
    mkdirSync(join(this.directory, "run"), { recursive: true });
    copyFileSync(PROCESS, join(this.directory, "process.sh"));
    symlinkSync("/bin/sleep", join(this.directory, "sleeps"));
    hosts.push(this);
  }

  /** Has a process run there that published this. */
  publish(kind: "replica" | "client", census: object): void {
    this.#running ??= Bun.spawn([join(this.directory, "sleeps"), "1000"]);
    const { pid } = this.#running;
    const own = { pid, atMs: performance.now() - AHEAD_MS, residentBytes: 4096, cpuMs: 1 };
    const page = new SharedPage(join(this.directory, "run", `${kind}.census`));
    page.publish(JSON.stringify({ ...own, ...census }));
    writeFileSync(join(this.directory, "run", `${kind}.pid`), `${pid}\n`);
  }

  end(): void {
    this.#running?.kill("SIGKILL");
    this.#running = null;
  }
}

function inventoryOf(replicas: readonly Host[], clients: readonly Host[], by: string): Inventory {
  const listed = (all: readonly Host[]) => all.map(({ name }) => ({ name, address: "" }));
  const wayOf = ({ name, directory }: Host) =>
    [name, labWayOf(name, [by, "", "", "", "", "", "", false, directory, ""])] as const;
  return {
    ...{ path: "hosts.ini", mode: "", multicast: "", sequencers: [], reached: [] },
    ...{ replicas: listed(replicas), clients: listed(clients) },
    ways: new Map([...replicas, ...clients].map(wayOf)),
  };
}

const sh = ({ replicas, clients }: LabCommands): LabCommands => {
  const plain = (all: LabCommands["clients"]) =>
    all.map(({ name, words }) => ({ name, words: ["sh", ...words] }));
  return { replicas: plain(replicas), clients: plain(clients) };
};

const REPLICA = {
  ...{ mode: "vr", f: 1, view: 2, leader: 2, committed: 5, executed: 6, phase: "running" },
  ...{ recovered: false, dropped: {} },
};
const nowMs = () => performance.now();
const native = { oskr_monotonic_ns: () => 1e6 * performance.now() };

/** Asked again and again, because hosts are heard four times a second. */
async function becomes(live: LiveCluster, holds: () => boolean): Promise<void> {
  do {
    await Bun.sleep(10);
    live.look();
  } while (!holds());
}

test("what runs on hosts is seen, that it ends, and that it runs again", async () => {
  const [r0, r1, c0] = [new Host("r0"), new Host("r1"), new Host("c0")];
  r0.publish("replica", { ...REPLICA, leader: 0 });
  const cluster = new LabCluster(sh(labCommands(inventoryOf([r0, r1], [c0], "local"))), nowMs);
  const live = new LiveCluster({ cluster, native });
  await becomes(live, () => live.state.replicas[0]?.census !== null);
  expect(live.state).toMatchObject({ mode: "vr", f: 1, readOnly: true, network: null });
  expect(live.state.replicas[0]).toMatchObject({ state: "up", census: { view: 2, executed: 6 } });
  expect(live.state.replicas[1]).toEqual({ state: "down", census: null });
  expect(await live.act({ action: "kill", replica: 0 })).toBe("this cluster is only watched");
  r1.publish("replica", REPLICA);
  await becomes(live, () => live.state.replicas[1]?.state === "up");
  // A time without completions is told by this machine's clock.
  const gap = { fromMs: nowMs() - AHEAD_MS - 700, toMs: nowMs() - AHEAD_MS - 100 };
  const latency = { count: 5, p50Us: 100, p99Us: 900 };
  c0.publish("client", { completed: 9, inFlight: 1, latency, gaps: [gap] });
  await becomes(live, () => live.state.completed === 9);
  const [seen] = cluster.clientCensus(0)?.gaps ?? [];
  expect(seen?.toMs).toBeGreaterThan(gap.toMs + AHEAD_MS - 1);
  expect((seen?.toMs ?? 0) - (seen?.fromMs ?? 0)).toBeCloseTo(600, 0);
  r0.end();
  await becomes(live, () => live.state.replicas[0]?.state === "down");
  const texts = live.state.events.map(({ text }) => text);
  expect(texts).toEqual(["replica 0 runs", "replica 1 runs", "replica 0 does not run: r0"]);
  cluster.close();
});

test.each([
  [["sh", "-c", "echo one; echo 'no route to it' >&2; exit 255"], "no route to it"],
  [["/none/ssh"], "no such file or directory (ENOENT)"],
])("why a host cannot be asked stands behind its name: %p", async (words, why) => {
  const cluster = new LabCluster({ replicas: [{ name: "r9", words }], clients: [] }, nowMs);
  const told = `replica 0 does not run: r9 (${why})`;
  while (cluster.endingOf(0) !== told) await Bun.sleep(10);
  expect(cluster.replicaCensus(0)).toBeNull();
  cluster.close();
});

test("a host that is reached by something else is refused", () => {
  const hosted = inventoryOf([new Host("d0")], [], "docker");
  expect(() => labCommands(hosted)).toThrow(
    new UsageError("hosts.ini: d0: is reached by docker: expected ssh or local"),
  );
});
