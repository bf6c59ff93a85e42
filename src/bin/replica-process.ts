// A replica with its drivers, from the options of its command line.

import type { Replica } from "../actor.ts";
import { apps } from "../app/index.ts";
import { RealClock } from "../clock.ts";
import type { Stage } from "../driver.ts";
import { describeHost, residentBytes, type HostDescription } from "../evaluation/record.ts";
import { loadNative, type NativeLibrary } from "../ffi/native.ts";
import { Node } from "../node.ts";
import { systemRandom } from "../random.ts";
import { runLoop } from "../run-loop.ts";
import { UsageError } from "../usage-error.ts";
import {
  idler,
  openTransport,
  readSetting,
  type Setting,
  type TransportSetting,
} from "./common.ts";
import { planCpus } from "./cpus.ts";
import type { Options } from "./options.ts";
import { followCluster, housekeeping, mergeDrops, stopFlag, versions } from "./process.ts";
import { openStage } from "./stage.ts";

/** What `replica --json` writes. */
export interface ReplicaResult {
  readonly mode: string;
  readonly replica: number;
  readonly executed: number;
  readonly view: number;
  readonly residentBytes: number;
  /** Messages signed, root signatures made, and signatures checked in full or found in the cache. */
  readonly signatures: Stage["counts"];
  readonly dropped: { readonly [reason: string]: number };
  readonly host: HostDescription;
  readonly versions: { readonly [name: string]: string };
}

export class ReplicaProcess {
  readonly native: NativeLibrary;
  readonly port: TransportSetting;
  /** Reads whether SIGINT or SIGTERM came. */
  readonly stopped: () => boolean;
  readonly clock = new RealClock();
  readonly #setting: Setting;
  readonly #id: number;
  readonly #stage: Stage;
  readonly #node: Node<object, string>;
  readonly #replica: Replica<object, string>;
  readonly #idle: () => void;

  /** Opens everything and says so in one line; throws UsageError. */
  constructor(options: Options) {
    const setting = readSetting(options);
    const { protocol, deploy, config, mode } = setting;
    const id = options.integer("id", 0, 1_000_000);
    const wire = deploy.replicas[id];
    const makeApp = apps.get(options.textOf("app"));
    if (id >= config.n || wire === undefined || makeApp === undefined) {
      throw new UsageError(
        `--id ${id}: ${deploy.path} has replicas 0 to ${config.n - 1} for ${mode}`,
      );
    }
    const native = loadNative();
    followCluster(native);
    this.native = native;
    this.stopped = stopFlag(native);
    const cpus = planCpus(options);
    this.#stage = openStage(options, setting, id, cpus);
    this.port = openTransport(options, setting, { replica: id }, this.clock, cpus, native);
    this.#idle = idler(options, this.port.nic, native).idle;
    this.#node = new Node({
      id: wire.id,
      self: id,
      n: config.n,
      codec: protocol.codec,
      transport: this.port.transport,
      stage: this.#stage,
      clock: this.clock,
      random: systemRandom,
    });
    this.#replica = protocol.replica(id, config, this.#node, makeApp());
    this.#node.start(this.#replica);
    this.#setting = setting;
    this.#id = id;
    housekeeping(this.clock, cpus, native);
    console.log(`replica ${id} of ${config.n} runs ${mode} on ${this.port.name}`);
  }

  get executed(): number {
    return this.#replica.census().executed;
  }

  /** Serves until the process is told to stop, or `until` says so. */
  serve(until: () => boolean = this.stopped): void {
    runLoop({
      clock: this.clock,
      transport: this.port.transport,
      stage: this.#stage,
      nodes: [this.#node],
      idle: this.#idle,
      stopped: until,
    });
  }

  /** Closes everything; what there is to tell. */
  close(): ReplicaResult {
    const { transport } = this.port;
    const { executed, view } = this.#replica.census();
    const result: ReplicaResult = {
      mode: this.#setting.mode,
      replica: this.#id,
      executed,
      view,
      residentBytes: residentBytes(),
      signatures: { ...this.#stage.counts },
      dropped: mergeDrops(this.#node.drops, transport.drops, this.port.statistics()),
      host: describeHost(),
      versions: versions(),
    };
    this.#stage.close();
    this.port.close();
    return result;
  }
}
