// npm run attack: real replicas under attack, with honest clients beside, and what those lost.

import { ATTACK, attack } from "../attack/attack.ts";
import { runCommand } from "../cli/command-line.ts";

await runCommand("attack", ATTACK, attack);
