// npm run check-history: whether what clients recorded is linearizable.

import { runCommand } from "../cli/command-line.ts";
import { CHECK_HISTORY, checkHistory } from "../history/check-history.ts";

await runCommand("check-history", CHECK_HISTORY, checkHistory);
