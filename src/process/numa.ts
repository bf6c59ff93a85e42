// The NUMA node of a processor and of a port. Programs warn if they differ, because memory of
// another node slows every packet down.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCpuList, type CpuPlan } from "./cpus.ts";

const NODES = "/sys/devices/system/node";

/** The node of each processor; empty where the kernel does not say. */
export function numaNodes(dir = NODES): ReadonlyMap<number, number> {
  if (!existsSync(dir)) return new Map();
  const names = readdirSync(dir).filter((name) => /^node\d+$/.test(name));
  return new Map(
    names.flatMap((name) => {
      // A node may have memory only.
      const list = readFileSync(join(dir, name, "cpulist"), "utf8").trim();
      const node = Number(name.slice("node".length));
      return list === "" ? [] : parseCpuList(list).map((cpu) => [cpu, node] as const);
    }),
  );
}

/**
 * A line for each thing that crosses nodes: the processors of the plan, and a port (on `portNode`,
 * null if on none) that is polled from elsewhere.
 */
export function numaWarnings(
  { polling, signing }: CpuPlan,
  allowed: readonly number[],
  portNode: number | null,
  nodes: ReadonlyMap<number, number>,
): readonly string[] {
  const used = polling === null ? allowed : [polling, ...signing.filter((cpu) => cpu !== null)];
  const places = new Set(used.flatMap((cpu) => nodes.get(cpu) ?? []));
  const warnings: string[] = [];
  if (places.size > 1) {
    const list = [...places].sort((a, b) => a - b).join(" and ");
    warnings.push(`CPUs of NUMA nodes ${list} are used; --mask chooses those of one`);
  }
  const own = polling === null ? undefined : nodes.get(polling);
  if (portNode !== null && own !== undefined && own !== portNode) {
    warnings.push(
      `the DPDK port is on NUMA node ${portNode}, but CPU ${polling}, which polls it, ` +
        `on node ${own}; choose another --mask or --port`,
    );
  }
  return warnings;
}
