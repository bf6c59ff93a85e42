// An attacker that holds no key, in a process of its own: npm run attack starts it.

import { STRANGER, runStranger } from "../attack/stranger.ts";
import { runCommand } from "../cli/command-line.ts";

await runCommand("stranger", STRANGER, runStranger);
