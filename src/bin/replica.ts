// ./replica: one replica of a protocol.

import { runCommand } from "../cli/command-line.ts";
import { REPLICA } from "../cli/definitions.ts";
import { keepFreedMemory } from "../process/allocator.ts";
import { runReplica } from "../process/replica-process.ts";

await runCommand("replica", REPLICA, (options) => {
  keepFreedMemory();
  return runReplica(options);
});
