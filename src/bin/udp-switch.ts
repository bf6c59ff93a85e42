// A switch for UDP between replicas and clients on one machine: npm run attack and faults start it.

import { runCommand } from "../cli/command-line.ts";
import { runUdpSwitch, UDP_SWITCH } from "../process/udp-switch-process.ts";

await runCommand("udp-switch", UDP_SWITCH, runUdpSwitch);
