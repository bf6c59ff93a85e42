// Many clients in one process, each with one operation in flight, and what they measured: a closed
// loop, or with --rate an open one.

import { everyStep, INTERRUPTED, UsageError } from "../base/errors.ts";
import { systemRandom } from "../base/system-random.ts";
import type { Options } from "../cli/command-line.ts";
import type { OutputFile } from "../cli/output-file.ts";
import { ID_MAX } from "../config.ts";
import { countDrop } from "../driver.ts";
import { ClosedLoop } from "../evaluation/closed-loop.ts";
import { formatThroughput } from "../evaluation/format.ts";
import { HistoryWriter } from "../evaluation/history.ts";
import { LoadingRun } from "../evaluation/loading.ts";
import { PATIENCE_MS, type Load, type LoadOptions } from "../evaluation/load.ts";
import { Patience } from "../base/patience.ts";
import { MeasuredCounts } from "../evaluation/measured-counts.ts";
import { OpenLoop } from "../evaluation/open-loop.ts";
import { RecentLoad } from "../evaluation/recent-load.ts";
import { OP_SIZE_MAX, RATE_MAX } from "../evaluation/point.ts";
import { describeHost, formatRecord, type ResultRecord, versions } from "../evaluation/record.ts";
import { splitRefusals, type Unused } from "../evaluation/refusals.ts";
import { agreed, type SharedSetting } from "../evaluation/replicas-told.ts";
import { formatProfile } from "../profile/profile.ts";
import type { WorkloadChoice } from "../workload/index.ts";
import {
  loadedByReplicas,
  loadingText,
  readShare,
  readWorkload,
  refuseLoad,
  ycsbSetting,
} from "./chosen-workload.ts";
import { openCensusPage, publishCensus, type PublishedClients } from "./census-page.ts";
import { clientSetting, type ClientSetting } from "./client-setting.ts";
import { ProcessDrivers } from "./drivers.ts";
import { readFabricSetting, type FabricTold } from "./fabric-setting.ts";
import { ownSetting } from "./own-setting.ts";
import { ReplicaInquiry } from "./replica-inquiry.ts";
import { askedOf, toldOfRoles } from "./roles-told.ts";
import { settledConfig, sharedSetting } from "./setting.ts";
import type { Bytes, Client, Sealed } from "../actor.ts";
import { explainSilence, type Silence } from "./silence.ts";
import type { SharedPage } from "./shared-page.ts";
import { runText } from "./start-lines.ts";
import { mergeDrops } from "./drops.ts";
import type { RealClock } from "./real-clock.ts";
import { log, print } from "../base/logger.ts";

/** How long to wait for the link and for the first reply. */
const PEER_TIMEOUT_MS = 5000;
/** Or so many view timeouts for the reply: they are long where messages take long. */
const REPLY_TIMEOUTS = 4;
/** Arrivals of an open loop that may wait for a client: some tenths of a second at full speed. */
const WAITING_MAX = 2 ** 18;

/** Runs the clients that the options of ./client ask for; the exit status. Throws UsageError. */
export function runClients(options: Options): number {
  const { count, measureMs, warmMs, opSize, kind, makeLoad } = readAsked(options);
  const share = readShare(options);
  const historyFile = options.output("history");
  const json = options.output("json");
  const page = openCensusPage(options);
  const fabricPort = options.integer("fabric-port", 0, 63);
  const drivers = new ProcessDrivers(options, () => ({ kind: "client", fabricPort }));
  const { clock, native, stopped, setting } = drivers;
  const readMs = (): number => native.oskr_monotonic_ns() / 1e6;
  const history = historyFile === undefined ? null : new HistoryWriter(readMs);
  if (!waitForLink(drivers)) return withoutLink(drivers);
  const fabric = joinedFabric(options);
  const inquiry = inquire(drivers, fabric);
  const { settled, choice } = settle(options, drivers, inquiry, share.count);
  const config = settledConfig(setting, settled);
  const nodes = Array.from({ length: count }, (_, id) => drivers.node(id, null));
  const clients = nodes.map((node) => {
    const client = setting.protocol.client(config, node);
    node.start(client);
    return client;
  });
  clock.update();
  const patienceMs = Math.max(PEER_TIMEOUT_MS, REPLY_TIMEOUTS * settled.viewTimeoutMs);
  const asked = ycsbSetting(options, choice)?.load;
  const loads = asked === "clients" ? loadRecords(drivers, clients, choice, patienceMs) : 0;
  if (loads !== 0) return loads;
  const workload = choice.make({ opSize, random: systemRandom, share });
  const recent = page === null ? null : new RecentLoad();
  const load = makeLoad({ clients, workload, clock, warmMs, measureMs, history, recent });
  const measured = new MeasuredCounts({ clients, clock, warmMs, measureMs });
  if (recent !== null) publishLoad(page, drivers, load, recent);
  printProgress(load, clock);
  drivers.countOperations(() => load.measured);
  const patience = new Patience(clock.now);
  const silent = (): boolean => load.completed === 0 && patience.spent(clock.now) > patienceMs;
  const over = (): boolean => load.finished || silent() || stopped();
  drivers.run([], () => over() || inquiry.refusal !== null);
  refuse(drivers, inquiry);

  const { transport, statistics } = drivers.port;
  const drops = mergeDrops(drivers.drops, transport.drops, statistics());
  const own = ownSetting(options, drivers);
  const bounds = { clients: count, ...kind, opSize, warmSeconds: warmMs / 1000 };
  const { told, settled: known } = inquiry;
  const ran = clientSetting({ options, settled: known, told, own, load: bounds, choice, fabric });
  const record = recordOf(ran, drivers, load, {
    ...toldOfRoles(setting.config.roles, fabric, inquiry.toldByOthers),
    ...measured.counts,
    ...splitRefusals(drops),
    ...(stopped() && !load.finished && { interrupted: true }),
    ...runOf(nodes),
    ...drivers.profile(),
  });
  const silence = silenceOf(drivers, inquiry, record);
  drivers.close();
  const interrupted = stopped() && !load.finished;
  let status = 1;
  everyStep(
    () => {
      status = report(record, load, { json, interrupted, silence });
    },
    () => {
      if (history !== null) historyFile?.write(history.text);
    },
  );
  return status;
}

/** Closes, and says why there is no link; the exit status. */
function withoutLink(drivers: ProcessDrivers): number {
  const served = drivers.port.served?.() === true;
  drivers.close();
  if (drivers.stopped()) return INTERRUPTED;
  log.error(`no link in ${PEER_TIMEOUT_MS / 1000} s: ${whyNoLink(served)}`);
  return 1;
}

/** What the fabric does that the options name, null without one; throws UsageError. */
function joinedFabric(options: Options): FabricTold | null {
  const fabric = readFabricSetting(options.text("fabric"));
  if (fabric === null || !options.given.has("network")) return fabric;
  throw new UsageError("--network: a fabric tells its own");
}

/** Asks replicas what they run, and waits for answers for a while. */
function inquire(drivers: ProcessDrivers, fabric: FabricTold | null): ReplicaInquiry {
  const { setting, port, clock, stopped } = drivers;
  const { n, f, roles } = setting.config;
  const { inquiries, drops } = port.transport;
  const others = askedOf(roles, fabric);
  clock.update();
  const drop = (reason: string): void => countDrop(drops, reason);
  const inquiry = new ReplicaInquiry({
    inquiries,
    clock,
    n,
    f,
    others,
    random: systemRandom,
    drop,
  });
  drivers.run([], () => !inquiry.waits || stopped());
  return inquiry;
}

function silenceOf(
  { port: { transport, smallMtu } }: ProcessDrivers,
  { doubt }: ReplicaInquiry,
  { n, dropped }: ResultRecord,
): Silence {
  return { n, silent: transport.silentPeers, dropped, smallMtu, doubt };
}

/** Warns where replicas differ; throws UsageError if they run something else than clients think. */
function refuse(drivers: ProcessDrivers, inquiry: ReplicaInquiry): void {
  for (const line of inquiry.warnings()) log.warn(line);
  const { refusal } = inquiry;
  if (refusal === null) return;
  drivers.close();
  throw new UsageError(refusal);
}

/** The run that clients are in, as a field of a record; none where runs have no names. */
function runOf(nodes: readonly { readonly runName: Bytes | null }[]): Pick<ResultRecord, "run"> {
  const name = nodes.find(({ runName }) => runName !== null)?.runName;
  return name === undefined || name === null ? {} : { run: runText(name) };
}

/** What clients are to do, as the options of ./client say it. Throws UsageError. */
export function readAsked(options: Options) {
  return {
    count: options.integer("clients", 1, ID_MAX + 1),
    measureMs: options.decimal("seconds", 0.1, 1e6) * 1000,
    warmMs: options.decimal("warm", 0, 1e6) * 1000,
    opSize: options.integer("op-size", 0, OP_SIZE_MAX),
    ...readLoop(options),
  };
}

/** The loop that the options ask for; throws UsageError. */
function readLoop(options: Options): {
  readonly kind: Pick<ClientSetting, "loop" | "rate" | "thinkMs">;
  readonly makeLoad: (load: LoadOptions) => Load;
} {
  const rate = options.decimal("rate", 0, RATE_MAX);
  const thinkMs = options.decimal("think", 0, 1e6);
  if (rate === 0) {
    const makeLoad = (load: LoadOptions): Load => new ClosedLoop({ ...load, thinkMs });
    return { kind: { loop: "closed", rate, thinkMs }, makeLoad };
  }
  if (thinkMs > 0) throw new UsageError("--think and --rate exclude each other");
  const open = { rate, random: systemRandom, waitingMax: WAITING_MAX };
  const makeLoad = (load: LoadOptions): Load => new OpenLoop({ ...load, ...open });
  return { kind: { loop: "open", rate, thinkMs }, makeLoad };
}

/** What replicas run and clients ask; throws UsageError where these do not go together. */
function settle(
  options: Options,
  drivers: ProcessDrivers,
  inquiry: ReplicaInquiry,
  processes: number,
): { readonly settled: SharedSetting; readonly choice: WorkloadChoice } {
  const { setting, publicKeys } = drivers;
  const app = inquiry.appOf(options.text("app"));
  const choice = readWorkload(options, app);
  refuseLoad(options, processes, choice);
  const loaded = loadedByReplicas(options, choice);
  const claimed = sharedSetting(options, setting, publicKeys, loaded);
  const given = new Set(options.given);
  // Others than those of YCSB ask for nothing that has to be there.
  if (choice.ycsb !== null) given.add("loaded");
  const settled = inquiry.settle(claimed, given);
  // Who nobody told of it may yet get one-time signatures.
  const told = agreed(inquiry.told, settled.f, ({ signature }) => signature) !== undefined;
  const { signature } = settled;
  if ((told || given.has("signature")) && signature !== "none") drivers.stage.settle?.(signature);
  if (signature === "hybrid" && drivers.stage.hears !== true) {
    drivers.close();
    throw new UsageError("replicas have --signature hybrid, which goes with --crypto native");
  }
  refuse(drivers, inquiry);
  return { settled, choice };
}

/** Has the clients load what the workload needs; the exit status where that failed, else 0. */
function loadRecords(
  drivers: ProcessDrivers,
  clients: readonly Client<Sealed, string>[],
  { loading }: WorkloadChoice,
  patienceMs: number,
): number {
  if (loading === null) return 0;
  const { clock, stopped } = drivers;
  const run = new LoadingRun(clients, loading);
  let [before, sinceMs] = [0, clock.now];
  const tell = (): void => {
    const now = run.done + run.there;
    if (run.over) return;
    if (now > before) sinceMs = clock.now;
    before = now;
    log.info(loadingText(now, run.count));
    clock.after(1000, tell);
  };
  clock.after(1000, tell);
  const silent = (): boolean => clock.now - sinceMs > 2 * patienceMs;
  drivers.run([], () => run.over || silent() || stopped());
  if (run.there > 0) log.warn(`${run.there} records were there before`);
  const failure =
    run.refusal !== null
      ? `the store refused a record: ${run.refusal}`
      : run.lost > 0
        ? "no session: clients lost theirs while they loaded records"
        : run.over
          ? null
          : "nobody served while records were loaded";
  if (failure === null) return 0;
  drivers.close();
  if (stopped()) return INTERRUPTED;
  log.error(failure);
  return 1;
}

function recordOf(
  setting: ClientSetting,
  { port }: ProcessDrivers,
  load: Load,
  counts: Pick<
    ResultRecord,
    "retransmissions" | "fastPath" | "profile" | "run" | "roles" | keyof Unused
  >,
): ResultRecord {
  return {
    command: ["client", ...process.argv.slice(2)],
    startedAt: new Date(Date.now() - load.elapsedMs).toISOString(),
    ...setting,
    transport: port.name,
    replySize: load.measured === 0 ? 0 : load.resultBytes / load.measured,
    seconds: load.seconds,
    operations: load.measured,
    throughput: load.throughput,
    eachSecond: load.eachSecond,
    unserved: load instanceof OpenLoop ? load.unserved : 0,
    latency: load.latencies.summary(),
    distribution: load.latencies.distribution(),
    ...kindsOf(load),
    inFlight: load.inFlight,
    serviceGone: load.serviceGone,
    longestGapMs: load.longestGapMs,
    ...counts,
    host: describeHost(),
    versions: versions(),
  };
}

/** Publishes how far the load is. */
function publishLoad(
  page: SharedPage | null,
  { clock, native }: ProcessDrivers,
  load: Load,
  recent: RecentLoad,
): void {
  // From this process's clock to the machine's.
  const offsetMs = native.oskr_monotonic_ns() / 1e6 - performance.now();
  publishCensus<PublishedClients>(page, {
    ...{ clock, native },
    tell: () => ({
      completed: load.completed,
      inFlight: load.inFlight,
      latency: recent.takeLatency(),
      gaps: recent.gaps.map(({ fromMs, toMs }) => ({
        fromMs: fromMs + offsetMs,
        toMs: toMs + offsetMs,
      })),
    }),
  });
}

function kindsOf({ kinds }: Load): Pick<ResultRecord, "kinds" | "verified"> {
  const { results, verification } = kinds;
  return {
    ...(results !== null && { kinds: results }),
    ...(verification !== null && { verified: verification }),
  };
}

/** A memif connects when both ends ask for the link. */
function waitForLink({ port, clock, native, stopped }: ProcessDrivers): boolean {
  clock.update();
  const untilMs = clock.now + PEER_TIMEOUT_MS;
  while (!port.linkUp()) {
    clock.update();
    if (clock.now > untilMs || stopped()) return false;
    native.oskr_sleep_us(1000);
  }
  return true;
}

function printProgress(load: Load, clock: RealClock): void {
  let before = 0;
  let second = 0;
  const print = (): void => {
    second++;
    const rate = formatThroughput(load.completed - before);
    log.info(`${String(second).padStart(4)} s  ${rate.padStart(32)}`);
    before = load.completed;
    clock.after(1000, print);
  };
  clock.after(1000, print);
}

/** Prints and writes the result; the exit status. */
function report(
  record: ResultRecord,
  load: Load,
  {
    json,
    interrupted,
    silence,
  }: {
    readonly json: OutputFile | undefined;
    readonly interrupted: boolean;
    readonly silence: Silence;
  },
): number {
  if (load.completed === 0 || (load.measured === 0 && interrupted)) {
    log.error(whyNothing(load, interrupted, silence));
    return interrupted ? INTERRUPTED : 1;
  }
  everyStep(
    () => {
      if (load.measured > 0) print(load.latencies.chart());
      if (record.profile !== undefined) print(formatProfile(record.profile));
      print(formatRecord(record));
    },
    () => json?.writeJson(record),
  );
  const failure = failureOf(load, record.clients);
  if (failure === null) return interrupted ? INTERRUPTED : 0;
  log.error(failure);
  return 1;
}

/** Why what was measured is not what was asked for; null if it is. */
function failureOf(load: Load, clients: number): string | null {
  if (load.lost > 0) {
    return (
      `no session: ${load.lost} of ${clients} clients lost theirs ` + "with an operation in flight"
    );
  }
  if (load.serviceGone) {
    const seconds = Number((load.silenceMs / 1000).toFixed(1));
    const waiting = load.inFlight === 1 ? "1 operation was" : `${load.inFlight} operations were`;
    return (
      `nobody served at the end: nothing completed in the last ${seconds} s of measuring, nor in ` +
      `${PATIENCE_MS / 1000} s after them; ${waiting} in flight`
    );
  }
  const wrong = Object.entries(load.kinds.verification ?? {}).filter(([name]) => name !== "OK");
  if (wrong.length > 0) {
    const rows = wrong.reduce((sum, [, n]) => sum + n, 0);
    return `data integrity: ${rows} rows that were read are not as they were written`;
  }
  // Arrivals that were never served are told in the record's last line.
  const overloaded = load instanceof OpenLoop && load.unserved > 0;
  return load.measured > 0 || overloaded ? null : "no operation completed after the warm-up";
}

function whyNoLink(served: boolean): string {
  return served
    ? "somebody serves the port, but another process has this end of it " +
        "(with --fabric, --fabric-port chooses another), or has another --mtu, " +
        "or they have just started"
    : "nobody is at the other end of the port";
}

/** The reason why there is nothing to tell. */
function whyNothing(load: Load, interrupted: boolean, silence: Silence): string {
  if (interrupted) return "interrupted before any operation was measured";
  if (load.lost > 0) return "no session: the replicas do not know the clients";
  const { n } = silence;
  const who = n === 1 ? "replica 0" : `replicas 0 to ${n - 1}`;
  const seconds = Number((load.elapsedMs / 1000).toFixed(1));
  return `no reply from ${who} in ${seconds} s; ${explainSilence(silence)}`;
}
