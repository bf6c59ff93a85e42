// ./fabric: a switch of shared-memory ports.

import { runCommand } from "../cli/command-line.ts";
import { FABRIC_SWITCH } from "../cli/definitions.ts";
import { runFabric } from "../process/fabric-process.ts";

await runCommand("fabric", FABRIC_SWITCH, runFabric);
