// Shows that processors and ports of more than one NUMA node are told, and those of one are not.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { numaNodes, numaWarnings } from "../../src/process/numa.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "oskr-numa-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** As the kernel shows them. */
function machine(name: string, nodes: { readonly [node: string]: string }): string {
  const root = join(dir, name);
  for (const [node, list] of Object.entries(nodes)) {
    mkdirSync(join(root, node), { recursive: true });
    writeFileSync(join(root, node, "cpulist"), `${list}\n`);
  }
  writeFileSync(join(root, "online"), "0-1\n");
  return root;
}

describe("nodes", () => {
  test("are read from the kernel, those without processors left out", () => {
    const root = machine("two", { node0: "0-1,4", node1: "2-3,5", node2: "" });
    expect([...numaNodes(root)].sort(([a], [b]) => a - b)).toEqual([
      ...([
        [0, 0],
        [1, 0],
        [2, 1],
        [3, 1],
        [4, 0],
        [5, 1],
      ] as [number, number][]),
    ]);
  });

  test("need not be there, and are on this machine for all of its processors or none", () => {
    expect(numaNodes(join(dir, "nowhere")).size).toBe(0);
    for (const [cpu, node] of numaNodes()) expect(cpu >= 0 && node >= 0).toBe(true);
  });
});

describe("warnings", () => {
  const nodes = new Map([
    [0, 0],
    [1, 0],
    [2, 1],
    [3, 1],
  ]);
  const all = [0, 1, 2, 3];
  const pinned = (polling: number, ...signing: readonly number[]) => ({
    ...{ polling, signing, first: polling },
  });
  const free = { polling: null, signing: [null], first: 0 };

  test("none where all is on one node, or nobody knows", () => {
    expect(numaWarnings(pinned(0, 1, 1), all, 0, nodes)).toEqual([]);
    expect(numaWarnings(pinned(2, 3), all, null, nodes)).toEqual([]);
    expect(numaWarnings(free, [2, 3], null, nodes)).toEqual([]);
    expect(numaWarnings(pinned(0, 2), all, 1, new Map())).toEqual([]);
    // What may run anywhere is told as such, and not of one port besides.
    expect(numaWarnings(free, [0, 1], 1, nodes)).toEqual([]);
  });

  test("of processors of two nodes, pinned or not", () => {
    const line = "CPUs of NUMA nodes 0 and 1 are used; --mask chooses those of one";
    expect(numaWarnings(pinned(2, 3, 0), all, null, nodes)).toEqual([line]);
    expect(numaWarnings(free, all, null, nodes)).toEqual([line]);
  });

  test("of a port on another node than the processor that polls it", () => {
    expect(numaWarnings(pinned(1), all, 1, nodes)).toEqual([
      "the DPDK port is on NUMA node 1, but CPU 1, which polls it, on node 0; " +
        "choose another --mask or --port",
    ]);
    expect(numaWarnings(pinned(1, 2), all, 1, nodes)).toHaveLength(2);
  });
});
