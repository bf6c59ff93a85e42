// What `npm run bench -- echo` starts instead of ./replica, with the same options.

import { runCommand } from "../cli/command-line.ts";
import { REPLICA } from "../cli/definitions.ts";
import { runEcho } from "../process/echo-process.ts";

await runCommand("echo", REPLICA, runEcho);
