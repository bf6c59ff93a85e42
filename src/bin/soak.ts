// npm run soak: seeds that nobody ran before, for hours.

import { soak, SOAK } from "../campaign/soak.ts";
import { runCommand } from "../cli/command-line.ts";

await runCommand("soak", SOAK, soak);
