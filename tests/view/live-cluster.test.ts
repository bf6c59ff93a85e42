// Shows what a live cluster makes of what its processes publish, and that it does to them what is
// asked for, and refuses what cannot be done.

import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunError } from "../../src/base/errors.ts";
import type { Child } from "../../src/cluster/child.ts";
import { readControl } from "../../src/process/fabric-control.ts";
import { SharedPage } from "../../src/process/shared-page.ts";
import { LiveCluster } from "../../src/view/live-cluster.ts";
import { OwnCluster } from "../../src/view/own-cluster.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-live-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A child that records its signals. */
class FakeChild {
  static pids = 100;
  readonly pid = FakeChild.pids++;
  readonly signals: string[] = [];
  ending: string | null = null;
  signal(name: string): void {
    this.signals.push(name);
  }
}

let nowMs = 0;
let made = 0;
let children: FakeChild[] = [];
let refusal: string | null = null;
const did: string[] = [];

function watched(controlPath: string | null): LiveCluster {
  const folder = `${dir}/${made++}`;
  const censusPath = (of: string, index: number): string => `${folder}-${of}-${index}.census`;
  pages.replica = (index, census) => publish(censusPath("replica", index), census);
  pages.client = (census) => publish(censusPath("client", 0), census);
  const cluster = {
    ...{ n: 2, censusPath, controlPath },
    replicas: children as unknown as Child[],
    kill: async (index: number): Promise<void> => {
      did.push(`kill ${index}`);
      children[index]!.ending = `replica ${index} ended by SIGKILL`;
    },
    restart: async (index: number): Promise<void> => {
      did.push(`restart ${index}`);
      if (refusal !== null) throw new RunError(refusal);
      children[index] = new FakeChild();
    },
  };
  const native = { oskr_monotonic_ns: () => nowMs * 1e6 };
  const own = new OwnCluster({ cluster, mode: "pbft", f: 1, clientProcesses: 1 });
  return new LiveCluster({ cluster: own, native });
}

const pages = {
  replica: (_index: number, _census: object): void => {},
  client: (_census: object): void => {},
};

function publish(path: string, census: object): void {
  const own = { atMs: nowMs, residentBytes: 4096, pid: 1 };
  new SharedPage(path).publish(JSON.stringify({ ...own, ...census }));
}

function tellReplica(index: number, more: object = {}): void {
  const { pid } = children[index]!;
  const census = {
    mode: "pbft",
    f: 1,
    view: 4,
    leader: 0,
    committed: 8,
    executed: 9,
    phase: "running",
  };
  pages.replica(index, { pid, cpuMs: 0, recovered: false, dropped: {}, ...census, ...more });
}

function tellClients(completed: number, gaps: readonly object[] = []): void {
  const latency = { count: 5, p50Us: 100, p99Us: 900 };
  pages.client({ cpuMs: 0, completed, inFlight: 2, latency, gaps });
}

const texts = (live: LiveCluster): string[] => live.state.events.map(({ text }) => text);

beforeEach(() => {
  nowMs = 50_000;
  children = [new FakeChild(), new FakeChild()];
  refusal = null;
  did.length = 0;
});

test("censuses, shares of processors and throughput are what processes published", () => {
  const live = watched(null);
  live.look();
  expect(live.state.replicas[0]).toEqual({ state: "up", census: null });
  expect(live.samples).toEqual([]);
  tellReplica(0, { cpuMs: 10 });
  tellReplica(1, { view: 3, leader: 1 });
  tellClients(1000);
  live.look();
  nowMs += 500;
  tellReplica(0, { cpuMs: 260, dropped: { forged: 3 } });
  tellClients(1250);
  live.look();
  const { replicas, completed, inFlight, network } = live.state;
  expect({ completed, inFlight, network }).toEqual({ completed: 1250, inFlight: 2, network: null });
  expect(replicas[0]?.census).toMatchObject({ leads: true, cpuShare: 0.5, executed: 9 });
  expect(replicas[0]?.census?.dropped).toEqual([["forged", 3]]);
  // It leads a view that others have left.
  expect(replicas[1]?.census).toMatchObject({ leads: false, view: 3 });
  expect(live.samples.at(-1)).toEqual({ atMs: 500, throughput: 500, p50Us: 100, p99Us: 900 });
});

test("a leader is killed and started again, empty", async () => {
  const live = watched(null);
  tellReplica(0);
  tellClients(1);
  live.look();
  expect(await live.act({ action: "kill", replica: 0 })).toBeNull();
  expect(live.state.replicas[0]?.state).toBe("down");
  expect(await live.act({ action: "kill", replica: 0 })).toBe("replica 0 is down");
  nowMs += 700;
  tellClients(5, [{ fromMs: 50_000, toMs: 50_671 }]);
  live.look();
  expect(await live.act({ action: "restart", replica: 0 })).toBeNull();
  expect(did).toEqual(["kill 0", "restart 0"]);
  // What the old process published is no news of the new one.
  live.look();
  expect(live.state.replicas[0]).toEqual({ state: "up", census: null });
  expect(texts(live)).toEqual([
    "replica 0, which leads, killed",
    "service is back, 671 ms after that",
    "replica 0 started again, with an empty memory",
  ]);
});

test("one that runs is killed before it starts again, and one that does not start is down", async () => {
  const live = watched(null);
  refusal = "no room";
  const told = await live.act({ action: "restart", replica: 1 });
  expect(told).toBe("replica 1 did not start: no room");
  expect(did).toEqual(["kill 1", "restart 1"]);
  expect(live.state.replicas[1]?.state).toBe("down");
});

test("a replica stands still, and goes on", async () => {
  const live = watched(null);
  expect(await live.act({ action: "continue", replica: 1 })).toContain("was not stopped");
  expect(await live.act({ action: "stop", replica: 1 })).toBeNull();
  expect(await live.act({ action: "stop", replica: 1 })).toContain("stands still already");
  expect(live.state.replicas[1]?.state).toBe("stopped");
  expect(await live.act({ action: "continue", replica: 1 })).toBeNull();
  expect(children[1]?.signals).toEqual(["SIGSTOP", "SIGCONT"]);
  expect(await live.act({ action: "kill", replica: 2 })).toBe("there is no replica 2");
});

test("a replica that ends by itself is told, once", () => {
  const live = watched(null);
  children[1]!.ending = "replica 1 ended with status 1: no memory";
  live.look();
  live.look();
  expect(texts(live)).toEqual(["replica 1 ended with status 1: no memory"]);
});

test("the fabric is told what it loses, where there is one", async () => {
  const path = join(dir, "fabric");
  const live = watched(path);
  const network = { drop: 0.05, delayUs: 2500 };
  expect(await live.act({ action: "network", network })).toBeNull();
  expect(readControl(path)).toEqual(network);
  expect(live.state.network).toEqual(network);
  expect(texts(live)).toEqual(["the fabric loses 5 % of all frames and delays them by 2.5 ms"]);
  const wrong = { action: "network", network: { drop: 7, delayUs: 0 } } as const;
  expect(await live.act(wrong)).toContain("drop");
  expect(await watched(null).act({ action: "network", network })).toContain("no fabric");
});
