// What the playbooks of deploy/ansible ask on the control machine: reads the addresses of a lab's
// replicas and sequencers as JSON from standard input, and prints what is wrong with them, as JSON.

import { UsageError } from "../base/errors.ts";
import { print } from "../base/logger.ts";
import { runCommand } from "../cli/command-line.ts";
import {
  judgeAddresses,
  type LabAddresses,
  type LabHost,
  type Reached,
} from "../cluster/lab-addresses.ts";

const LAB_ADDRESSES = {
  name: "lab-addresses",
  description: "What is wrong with the addresses of a lab, JSON in and out; for deploy/ansible",
  args: {},
};

await runCommand("lab-addresses", LAB_ADDRESSES, async () => {
  const lab: unknown = JSON.parse(await Bun.stdin.text());
  print(JSON.stringify(judgeAddresses(readLab(lab))));
  return 0;
});

/**
 * `{ mode, replicas: [[name, address], ...], sequencers: [...], multicast, reached: [...] }`;
 * throws UsageError.
 */
function readLab(lab: unknown): LabAddresses {
  const fields = (lab ?? {}) as { readonly [name: string]: unknown };
  const { replicas = [], sequencers = [], multicast = "", mode = "" } = fields;
  const { reached: all = [] } = fields;
  if (!Array.isArray(replicas) || !Array.isArray(sequencers) || !Array.isArray(all)) {
    throw new UsageError("expected lists of replicas, sequencers, and how hosts are reached");
  }
  const reached = all.map(([connection, host, name]: readonly unknown[]): Reached => [
    ...([String(connection), String(host), String(name)] as const),
  ]);
  const hostsOf = (hosts: readonly (readonly unknown[])[]): readonly LabHost[] =>
    hosts.map(([name, address]) => ({ name: String(name), address: String(address ?? "") }));
  return {
    ...{ replicas: hostsOf(replicas), sequencers: hostsOf(sequencers) },
    ...{ mode: String(mode), multicast: String(multicast), reached },
  };
}
