// npm run demo: replicas and clients on this machine.

import { runCommand } from "../cli/command-line.ts";
import { demo, DEMO } from "../cluster/demo.ts";
import { watchCluster } from "../view/watch-cluster.ts";

await runCommand("demo", DEMO, (options) => demo(options, watchCluster));
