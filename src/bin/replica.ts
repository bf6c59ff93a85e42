// ./replica: one replica of a protocol.

import { formatProfile } from "../evaluation/profile.ts";
import { REPLICA } from "../cli/definitions.ts";
import { writeJson } from "../cli/json-file.ts";
import { parseCommand, runMain } from "../cli/command-line.ts";
import { ReplicaProcess } from "../process/replica-process.ts";

async function main(): Promise<number> {
  const options = await parseCommand(REPLICA, process.argv.slice(2));
  if (options === null) return 0;
  const json = options.output("json");
  const replica = new ReplicaProcess(options);
  replica.serve();
  const result = replica.close();
  const dropped = Object.entries(result.dropped).map(([reason, count]) => `${count} ${reason}`);
  console.log(
    `replica ${result.replica} executed ${result.executed} requests; ` +
      `dropped ${dropped.join(", ") || "nothing"}`,
  );
  if (result.profile !== undefined) console.log(formatProfile(result.profile));
  if (json !== undefined) writeJson(json, result);
  return 0;
}

await runMain("replica", main);
