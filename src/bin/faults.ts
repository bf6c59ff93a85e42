// npm run faults: real processes under real faults. Kills, stops and restarts replicas under load,
// and judges what clients saw.

import { runCommand } from "../cli/command-line.ts";
import { faults, FAULTS } from "../faults/faults.ts";

await runCommand("faults", FAULTS, faults);
