// npm run playground: the simulator in a browser.

import { runCommand } from "../cli/command-line.ts";
import { PLAYGROUND, servePlayground } from "../view/serve-playground.ts";

await runCommand("playground", PLAYGROUND, servePlayground);
