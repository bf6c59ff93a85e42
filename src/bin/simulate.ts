// npm run simulate: seeds of a protocol in the simulated world.

import { simulate } from "../campaign/simulate.ts";
import { runMain } from "../cli/command-line.ts";

await runMain("simulate", () => simulate(process.argv.slice(2)));
