// npm run watch: the page of a lab's cluster, at which one can only look.

import { UsageError } from "../base/errors.ts";
import { aborted, stopSignal } from "../base/interruption.ts";
import { print } from "../base/logger.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { readInventory } from "../cluster/ansible.ts";
import { loadNative } from "../ffi/native.ts";
import { LabCluster, labCommands } from "./lab-cluster.ts";
import { servePage } from "./watch-cluster.ts";

export const WATCH: Command = {
  name: "npm run watch --",
  description: "A page, and numbers for Prometheus, of what runs on the hosts of a lab",
  args: {
    inventory: {
      type: "string",
      alias: "i",
      valueHint: "FILE",
      description: "The Ansible inventory of the lab (docs/lab.md)",
    },
    "watch-on": {
      type: "string",
      default: "127.0.0.1",
      valueHint: "ADDRESS",
      description: "The interface of this machine to serve on",
    },
  },
};

/** Serves the page until a signal comes; the exit status. Throws UsageError. */
export async function watchLab(options: Options): Promise<number> {
  const path = options.text("inventory");
  if (path === undefined) throw new UsageError("--inventory: expected the inventory of a lab");
  const signal = stopSignal();
  const native = loadNative();
  const commands = labCommands(readInventory(path));
  const lab = new LabCluster(commands, () => native.oskr_monotonic_ns() / 1e6);
  try {
    const watching = await servePage(lab, options.textOf("watch-on"));
    print(`watch it: ${watching.address}`);
    await aborted(signal);
    await watching.close();
  } finally {
    lab.close();
  }
  return 0;
}
