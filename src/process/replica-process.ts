// A replica with its drivers, from the options of its command line.

import type { App, Replica, Sealed } from "../actor.ts";
import { apps } from "../app/index.ts";
import { assert } from "../base/assert.ts";
import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import type { Stage } from "../driver.ts";
import { describeHost, residentBytes, versions } from "../evaluation/record.ts";
import { formatUnused, splitRefusals, type Counts } from "../evaluation/refusals.ts";
import type { ReplicaRecord } from "../evaluation/replica-record.ts";
import { formatReplicaSetting, type ReplicaSetting } from "../evaluation/replica-setting.ts";
import type { Node } from "../node.ts";
import { formatProfile } from "../profile/profile.ts";
import {
  mostFrequent,
  openCensusPage,
  publishCensus,
  type PublishedReplica,
} from "./census-page.ts";
import type { ProtocolConfig } from "../protocol-config.ts";
import { collectGarbage } from "./garbage.ts";
import { loadedByReplicas, loadInto, NOTHING_LOADED, readWorkload } from "./chosen-workload.ts";
import { ProcessDrivers } from "./drivers.ts";
import { mergeDrops } from "./drops.ts";
import { ownSetting } from "./own-setting.ts";
import { readReplySize, sharedSetting } from "./setting.ts";
import { runRole } from "./role-process.ts";
import type { SharedPage } from "./shared-page.ts";
import { explainDrops } from "./silence.ts";
import { overText, runText, type StartOptions, watchStart, watchUnused } from "./start-lines.ts";
import { log, print, stampLog } from "../base/logger.ts";

/** How often to look whether the run is over, in milliseconds. */
const RUN_LOOK_MS = 500;

/** Makes the application that the options name, and says what it then holds; throws UsageError. */
function makerOf(options: Options): { readonly makeApp: () => App; readonly loaded: string } {
  const name = options.textOf("app");
  const make = apps.get(name);
  assert(make !== undefined, "the parser knows the apps");
  const replySize = readReplySize(options);
  const choice = readWorkload(options, name);
  const { loading } = choice;
  const loaded = loadedByReplicas(options, choice);
  const makeApp = (): App => {
    const app = make({ replySize });
    if (loaded !== NOTHING_LOADED && loading !== null) loadInto(app, loading);
    return app;
  };
  return { makeApp, loaded };
}

export class ReplicaProcess {
  readonly drivers: ProcessDrivers;
  readonly #id: number;
  readonly #node: Node<Sealed, string>;
  readonly #makeApp: () => App;
  readonly #setting: ReplicaSetting;
  readonly #startedAt = new Date().toISOString();
  #replica: Replica<Sealed, string>;
  #app: App;

  /** Opens everything and says so in one line; throws UsageError. */
  constructor(options: Options) {
    const id = options.integer("id", 0, 1_000_000);
    const { makeApp, loaded } = makerOf(options);
    const page = openCensusPage(options);
    this.drivers = new ProcessDrivers(options, ({ mode, deploy, config }) => {
      if (id < config.n) return { kind: "replica", index: id };
      throw new UsageError(
        `--id ${id}: ${deploy.path} has replicas 0 to ${config.n - 1} for ${mode}`,
      );
    });
    const { setting, port } = this.drivers;
    const { deploy, config, mode } = setting;
    this.#id = id;
    this.#makeApp = makeApp;
    this.#node = this.drivers.node(deploy.replicas[id]?.id ?? 0, id);
    this.#app = makeApp();
    this.#replica = this.#begin();
    this.drivers.countOperations(() => this.executed);
    this.#setting = {
      ...sharedSetting(options, setting, this.drivers.publicKeys, loaded),
      ...ownSetting(options, this.drivers),
    };
    const told = new TextEncoder().encode(formatReplicaSetting(this.#setting));
    port.transport.inquiries.answerWith(told);
    this.#publish(page);
    const doing = this.#watchStart();
    stampLog();
    log.info(`replica ${id} of ${config.n} runs ${mode} on ${port.name}${doing}`);
    this.#watchRun();
    watchUnused({ ...this.#watched(), census: () => this.#replica.census() });
    collectGarbage(this.drivers.clock);
  }

  #publish(page: SharedPage | null): void {
    const { clock, native, setting } = this.drivers;
    publishCensus<PublishedReplica>(page, {
      ...{ clock, native },
      tell: () => {
        const { view, committed, executed, phase, recovered = false } = this.#replica.census();
        const { mode, config } = setting;
        const leader = config.leader(view);
        const dropped = mostFrequent(splitRefusals(this.#drops()).dropped);
        const where = { mode, f: config.f, view, leader, committed, executed };
        return { ...where, phase, recovered, dropped };
      },
    });
  }

  #begin(): Replica<Sealed, string> {
    const { protocol, config } = this.drivers.setting;
    const replica = protocol.replica(this.#id, config, this.#node, this.#app);
    this.#node.start(replica);
    return replica;
  }

  #watchStart(): string {
    return watchStart({ ...this.#watched(), replica: this.#replica });
  }

  #watched(): Omit<StartOptions, "replica"> {
    const { clock, port } = this.drivers;
    return {
      ...{ id: this.#id, clock, print: (line) => log.info(line) },
      drops: () => explainDrops(splitRefusals(this.#drops()).dropped, port.smallMtu),
    };
  }

  /** A replica whose run is over starts anew, as if its process had. */
  #watchRun(): void {
    const census = this.#replica.census();
    if (census.phase === "over") {
      log.warn(overText(this.#id, census));
      this.#node.stop();
      this.#app = this.#makeApp();
      this.#replica = this.#begin();
      this.#watchStart();
    }
    this.drivers.clock.after(RUN_LOOK_MS, () => this.#watchRun());
  }

  get executed(): number {
    return this.#replica.census().executed;
  }

  /** Serves until the process is told to stop, or `until` says so. */
  serve(until: () => boolean = this.drivers.stopped): void {
    this.drivers.run([this.#node], until);
  }

  #drops(): Counts {
    const { transport, statistics } = this.drivers.port;
    return mergeDrops(this.#node.drops, transport.drops, statistics());
  }

  /** Closes everything; what there is to tell. */
  close(): ReplicaRecord {
    const { setting, stage } = this.drivers;
    const { executed, view, run, fetchedBytes = 0 } = this.#replica.census();
    const result: ReplicaRecord = {
      command: ["replica", ...process.argv.slice(2)],
      startedAt: this.#startedAt,
      mode: setting.mode,
      replica: this.#id,
      executed,
      view,
      leaderChanges: Math.floor(view / (setting.config.tenure ?? 1)),
      ...(run !== undefined && { run: runText(run) }),
      stateDigest: stateDigest(this.#app),
      setting: this.#setting,
      residentBytes: residentBytes(),
      fetchedBytes,
      signatures: { ...stage.counts },
      ...oneTimeOf(stage, setting.config),
      ...splitRefusals(this.#drops()),
      ...this.drivers.profile(),
      host: describeHost(),
      versions: versions(),
    };
    this.drivers.close();
    return result;
  }
}

/** What it did with one-time signatures, where it signs with them. */
function oneTimeOf(
  { oneTimeCounts }: Stage,
  { signature }: ProtocolConfig,
): Pick<ReplicaRecord, "oneTime"> {
  if (signature !== "hybrid" || oneTimeCounts === undefined) return {};
  return { oneTime: { ...oneTimeCounts } };
}

function stateDigest(app: App): string {
  const hash = new Bun.SHA256();
  const state = app.snapshot();
  for (let i = 0; i < state.count; i++) for (const bytes of state.part(i)) hash.update(bytes);
  return hash.digest("hex");
}

/** Serves until it is told to stop, then prints and writes what it did. Throws UsageError. */
export function runReplica(options: Options): number {
  const role = options.text("role");
  if (role !== undefined) return runRole(options, role);
  const json = options.output("json");
  const replica = new ReplicaProcess(options);
  replica.serve();
  const record = replica.close();
  print(`replica ${record.replica} executed ${record.executed} requests; ${formatUnused(record)}`);
  if (record.profile !== undefined) print(formatProfile(record.profile));
  json?.writeJson(record);
  return 0;
}
