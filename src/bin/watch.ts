// npm run watch: looks at the cluster of a lab while it runs.

import { runCommand } from "../cli/command-line.ts";
import { WATCH, watchLab } from "../view/watch-lab.ts";

await runCommand("watch", WATCH, watchLab);
