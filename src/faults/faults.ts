// Runs the scenarios one after another, and ends with `N passed, N failed`.

import type { ArgsDef } from "citty";
import { apps, isStore } from "../app/index.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { CLIENT, MTU_ARG } from "../cli/definitions.ts";
import { namesAndTexts } from "../cli/help.ts";
import { NETWORK_ARG } from "../cluster/chosen-network.ts";
import { buildExecutables, stopClustersOnSignal } from "../cluster/cluster.ts";
import { followParent } from "../process/signals.ts";
import { protocols } from "../protocol/index.ts";
import { chosenScenarios, describeScenario, SCENARIOS } from "./scenarios.ts";
import { Trial } from "./trial.ts";
import { print } from "../base/logger.ts";

const ARGS = {
  mode: {
    type: "enum",
    options: [...protocols.keys()],
    alias: "m",
    default: "pbft",
    description: "The protocol",
  },
  app: {
    type: "enum",
    options: [...apps.keys()].filter(isStore),
    alias: "a",
    default: "kv",
    description: "The store whose histories are judged",
  },
  transport: {
    type: "enum",
    options: ["dpdk", "udp"],
    default: "dpdk",
    description: "Shared-memory ports of DPDK, or sockets of the loopback interface",
  },
  network: NETWORK_ARG,
  mtu: MTU_ARG,
  "request-auth": CLIENT.args["request-auth"],
  signature: CLIENT.args.signature,
  "view-timeout": {
    type: "string",
    default: "500",
    valueHint: "MS",
    description:
      "First view timeout, of which interruptions are multiples; with --network by default what " +
      "its round trips need",
  },
  only: {
    type: "string",
    valueHint: "NAME[,NAME]",
    description: "These scenarios (default: all that the mode can have, but memory)",
  },
} as const satisfies ArgsDef;

export const FAULTS: Command = {
  name: "npm run faults --",
  description: "Real processes under real faults",
  args: ARGS,
  notes: namesAndTexts(
    "SCENARIOS",
    SCENARIOS.map((scenario) => [scenario.name, describeScenario(scenario)]),
  ),
};

/** Builds, runs what was asked for and prints each check. Throws UsageError or RunError. */
export async function faults(options: Options): Promise<number> {
  const mode = options.textOf("mode");
  const scenarios = chosenScenarios(options.text("only"), mode);
  const trial = new Trial(options);
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  stopClustersOnSignal();
  for (const { name, run } of scenarios) {
    print(`${mode}: ${name}`);
    await run(trial);
  }
  print(`${trial.passed} passed, ${trial.failed} failed`);
  return trial.failed === 0 && trial.passed > 0 ? 0 : 1;
}
