// ./replica: one replica of a protocol.

import { writeFileSync } from "node:fs";
import { apps } from "../app/index.ts";
import { RealClock } from "../clock.ts";
import { describeHost, residentBytes } from "../evaluation/record.ts";
import { loadNative } from "../ffi/native.ts";
import { Node } from "../node.ts";
import { systemRandom } from "../random.ts";
import { runLoop } from "../run-loop.ts";
import { UsageError } from "../usage-error.ts";
import { REPLICA } from "./arguments.ts";
import { idler, openTransport, readSetting } from "./common.ts";
import { planCpus } from "./cpus.ts";
import { parseCommand, runMain, type Options } from "./options.ts";
import { followCluster, housekeeping, mergeDrops, stopFlag, versions } from "./process.ts";
import { openStage } from "./stage.ts";

async function main(): Promise<number> {
  const options = await parseCommand(REPLICA, process.argv.slice(2));
  return options === null ? 0 : run(options);
}

function run(options: Options): number {
  const setting = readSetting(options);
  const { protocol, deploy, config } = setting;
  const id = options.integer("id", 0, 1_000_000);
  if (id >= config.n) {
    throw new UsageError(
      `--id ${id}: ${deploy.path} has replicas 0 to ${config.n - 1} for ${setting.mode}`,
    );
  }
  const makeApp = apps.get(options.textOf("app"));
  const wire = deploy.replicas[id];
  if (makeApp === undefined || wire === undefined) throw new UsageError(`no replica ${id}`);
  const native = loadNative();
  followCluster(native);
  const stopped = stopFlag(native);
  const workers = options.text("workers") === undefined ? null : options.integer("workers", 1, 256);
  const cpus = planCpus(options.text("mask"), workers);
  const clock = new RealClock();
  const stage = openStage(options, setting, id, cpus);
  const port = openTransport(options, setting, { replica: id }, clock, cpus, native);
  const { idle } = idler(options, port.nic, native);
  const node = new Node({
    id: wire.id,
    self: id,
    n: config.n,
    codec: protocol.codec,
    transport: port.transport,
    stage,
    clock,
    random: systemRandom,
  });
  const replica = protocol.replica(id, config, node, makeApp());
  node.start(replica);
  housekeeping(clock, cpus, native);
  console.log(`replica ${id} of ${config.n} runs ${setting.mode} on ${port.name}`);

  runLoop({ clock, transport: port.transport, stage, nodes: [node], idle, stopped });

  const census = replica.census();
  const dropped = mergeDrops(node.drops, port.transport.drops, port.statistics());
  const result = {
    mode: setting.mode,
    replica: id,
    executed: census.executed,
    view: census.view,
    residentBytes: residentBytes(),
    signatures: { ...stage.counts },
    dropped,
    host: describeHost(),
    versions: versions(),
  };
  stage.close();
  port.close();
  console.log(
    `replica ${id} executed ${census.executed} requests; dropped ${describeDrops(dropped)}`,
  );
  const json = options.text("json");
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
  return 0;
}

function describeDrops(dropped: { readonly [reason: string]: number }): string {
  const parts = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

await runMain("replica", main);
