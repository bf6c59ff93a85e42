// ./client: many clients of a protocol, and what they measured.

import { runCommand } from "../cli/command-line.ts";
import { CLIENT } from "../cli/definitions.ts";
import { keepFreedMemory } from "../process/allocator.ts";
import { runClients } from "../process/client-process.ts";

await runCommand("client", CLIENT, (options) => {
  keepFreedMemory();
  return runClients(options);
});
