// `bun dpdk-worker.ts calm|rough DIR` runs the cases over DPDK and prints one JSON object a line
// for each; `bun dpdk-worker.ts echo DIR` is the peer that answers, until it is killed.

import { followCluster } from "../../src/process/signals.ts";
import { loadNative } from "../../src/ffi/native.ts";
import { cases } from "./cases.ts";
import { echo, openDpdk, startFabric } from "./dpdk-medium.ts";

const [what = "", dir = ""] = process.argv.slice(2);
followCluster(loadNative());
if (what === "echo") echo(dir);

const rough = what === "rough";
await startFabric(dir, rough);
const medium = openDpdk(dir, rough);
for (const { name, run, rough: wanted } of cases) {
  if (wanted !== rough) continue;
  let error: string | null = null;
  try {
    run(medium);
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
  console.log(JSON.stringify({ name, error }));
}
medium.close();
process.exit(0);
