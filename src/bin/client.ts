// ./client: many clients in one process, each with one operation in flight, and what they measured.

import { writeFileSync } from "node:fs";
import type { Client } from "../actor.ts";
import { RealClock } from "../clock.ts";
import { ID_MAX } from "../config.ts";
import { ClosedLoop } from "../evaluation/closed-loop.ts";
import { describeHost, formatRecord, type ResultRecord } from "../evaluation/record.ts";
import { loadNative } from "../ffi/native.ts";
import { Node } from "../node.ts";
import { systemRandom } from "../random.ts";
import { runLoop } from "../run-loop.ts";
import { UsageError } from "../usage-error.ts";
import { workloads } from "../workload/index.ts";
import { CLIENT } from "./arguments.ts";
import { idler, openTransport, readSetting, type TransportSetting } from "./common.ts";
import { planCpus } from "./cpus.ts";
import { parseCommand, runMain, type Options } from "./options.ts";
import { followCluster, housekeeping, mergeDrops, stopFlag, versions } from "./process.ts";
import { openStage } from "./stage.ts";

/** How long to wait for the link and for the first reply. */
const PATIENCE_MS = 5000;

async function main(): Promise<number> {
  const options = await parseCommand(CLIENT, process.argv.slice(2));
  return options === null ? 0 : run(options);
}

function run(options: Options): number {
  const setting = readSetting(options);
  const { protocol, config } = setting;
  const count = options.integer("clients", 1, ID_MAX + 1);
  const measureMs = options.decimal("seconds", 0.1, 1e6) * 1000;
  const warmMs = options.decimal("warm", 0, 1e6) * 1000;
  const opSize = options.integer("op-size", 0, 1024 * 1024);
  const app = options.textOf("app");
  const workloadName = options.text("workload") ?? (app === "kv" ? "kv" : "fixed");
  const makeWorkload = workloads.get(workloadName);
  if (makeWorkload === undefined) throw new UsageError(`no workload ${workloadName}`);
  const native = loadNative();
  followCluster(native);
  const stopped = stopFlag(native);
  const cpus = planCpus(options);
  const clock = new RealClock();
  const stage = openStage(options, setting, null, cpus);
  const fabricPort = options.integer("fabric-port", 0, 63);
  const port = openTransport(options, setting, { fabricPort }, clock, cpus, native);
  const { transport } = port;
  const { name: idleName, idle } = idler(options, port.nic, native);
  housekeeping(clock, cpus, native);
  const close = (): void => {
    stage.close();
    port.close();
  };
  if (!waitForLink(port, clock, native, stopped)) {
    close();
    if (stopped()) return 130;
    console.error(
      `client: no link in ${PATIENCE_MS / 1000} s: nobody is at the other end of the port`,
    );
    return 1;
  }

  const nodes: Node<object, string>[] = [];
  const clients: Client<object, string>[] = [];
  for (let id = 0; id < count; id++) {
    const node = new Node({
      id,
      self: null,
      n: config.n,
      codec: protocol.codec,
      transport,
      stage,
      clock,
      random: systemRandom,
    });
    const client = protocol.client(config, node);
    node.start(client);
    nodes.push(node);
    clients.push(client);
  }
  clock.update();
  const workload = makeWorkload({ opSize, random: systemRandom });
  const load = new ClosedLoop({ clients, workload, clock, warmMs, measureMs });
  printProgress(load, clock);
  const silent = (): boolean => load.completed === 0 && load.elapsedMs > PATIENCE_MS;
  const over = (): boolean => load.finished || silent() || stopped();
  runLoop({ clock, transport, stage, nodes: [], idle, stopped: over });

  const dropped = mergeDrops(
    ...nodes.map((node) => node.drops),
    transport.drops,
    port.statistics(),
  );
  const { seconds } = load;
  const record: ResultRecord = {
    mode: setting.mode,
    app,
    workload: workloadName,
    transport: port.name,
    n: config.n,
    f: config.f,
    clients: count,
    batch: config.batchMax,
    adaptive: config.adaptive,
    signature: protocol.signed ? signatureOf(options) : "none",
    crypto: protocol.signed ? cryptoOf(options) : "none",
    workers: protocol.signed ? cpus.signing.length : 0,
    idle: idleName,
    opSize,
    replySize: load.measured === 0 ? 0 : load.resultBytes / load.measured,
    warmSeconds: warmMs / 1000,
    seconds,
    operations: load.measured,
    throughput: seconds === 0 ? 0 : load.measured / seconds,
    latency: load.latencies.summary(),
    retransmissions: clients.reduce((sum, client) => sum + client.retransmissions, 0),
    dropped,
    host: describeHost(),
    versions: versions(),
  };
  close();
  return report(record, load, options.text("json"), stopped(), config.n);
}

function signatureOf(options: Options): ResultRecord["signature"] {
  return options.textOf("signature") === "each" ? "each" : "batch";
}

function cryptoOf(options: Options): ResultRecord["crypto"] {
  return options.textOf("crypto") === "noble" ? "noble" : "native";
}

/** A memif connects when both ends ask for the link. */
function waitForLink(
  port: TransportSetting,
  clock: RealClock,
  native: { oskr_sleep_us(us: number): void },
  stopped: () => boolean,
): boolean {
  const untilMs = clock.now + PATIENCE_MS;
  while (!port.linkUp()) {
    clock.update();
    if (clock.now > untilMs || stopped()) return false;
    native.oskr_sleep_us(1000);
  }
  clock.update();
  return true;
}

function printProgress(load: ClosedLoop, clock: RealClock): void {
  let before = 0;
  let second = 0;
  const print = (): void => {
    second++;
    const rate = Math.round(load.completed - before).toLocaleString("en-US");
    console.log(`${String(second).padStart(4)} s  ${rate.padStart(12)} operations a second`);
    before = load.completed;
    clock.after(1000, print);
  };
  clock.after(1000, print);
}

/** Prints and writes the result; the exit status. */
function report(
  record: ResultRecord,
  load: ClosedLoop,
  json: string | undefined,
  interrupted: boolean,
  n: number,
): number {
  if (load.completed === 0) {
    const who = n === 1 ? "replica 0" : `replicas 0 to ${n - 1}`;
    const why = interrupted
      ? "interrupted before any operation completed"
      : load.lost > 0
        ? "no session: the replicas do not know the clients"
        : `no reply from ${who} in ${PATIENCE_MS / 1000} s`;
    console.error(`client: ${why}`);
    return 1;
  }
  console.log(load.latencies.chart());
  console.log(formatRecord(record));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(record, null, 2)}\n`);
  if (load.lost > 0) {
    console.error(
      `client: no session: ${load.lost} of ${record.clients} clients lost theirs with an operation in flight`,
    );
    return 1;
  }
  return interrupted ? 130 : 0;
}

await runMain("client", main);
