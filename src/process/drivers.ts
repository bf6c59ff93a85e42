// Everything that a process needs besides its actors: made from the options of its command line.

import type { Address, Bytes, Sealed } from "../actor.ts";
import { systemRandom } from "../base/system-random.ts";
import type { Options } from "../cli/command-line.ts";
import { IDLE_NAMES } from "../cli/definitions.ts";
import type { Drops, Stage } from "../driver.ts";
import { loadNative, type NativeLibrary } from "../ffi/native.ts";
import { Node } from "../node.ts";
import { bodiesOf } from "../protocol/kit/bodies.ts";
import type { Profile } from "../profile/profile.ts";
import { ProfiledStage } from "../profile/profiled-stage.ts";
import type { Profiler } from "../profile/profiler.ts";
import { startProfiler } from "../profile/start-profiler.ts";
import { runLoop } from "../run-loop.ts";
import {
  allowedCpus,
  planCpus,
  type CpuPlan,
  housekeeping,
  thisMachine,
  usableCpus,
} from "./cpus.ts";
import type { Doorbell } from "./doorbell.ts";
import { idleIn } from "./crowd.ts";
import { idler, type Idler } from "./idle.ts";
import { numaNodes, numaWarnings } from "./numa.ts";
import { mtuWarnings } from "./silence.ts";
import { openStage } from "./open-stage.ts";
import { openDoorbell, openTransport, type TransportSetting } from "./open-transport.ts";
import { RealClock } from "./real-clock.ts";
import { readSetting, type Place, type Setting } from "./setting.ts";
import { followCluster, stopFlag } from "./signals.ts";
import { log } from "../base/logger.ts";

/** Milliseconds between two counts of operations that the profiler gets. */
const PROGRESS_MS = 100;
/** How long this process may keep a processor that another waits for. */
export const SLICE_US = 100;

export class ProcessDrivers {
  readonly setting: Setting;
  readonly native: NativeLibrary;
  /** Reads whether a signal came that ends the process. */
  readonly stopped: () => boolean;
  readonly cpus: CpuPlan;
  readonly clock = new RealClock();
  readonly stage: Stage;
  /** Of all replicas; none where they do not sign. */
  readonly publicKeys: readonly Bytes[];
  readonly port: TransportSetting;
  readonly idler: Idler;
  readonly #doorbell: Doorbell;
  readonly #profiler: Profiler | null;
  /** Where this thread writes its section (sections.ts) for the profiler. */
  readonly #sections: Int32Array;
  /** What nodes dropped, by reason: thousands of counts of clients no cache holds. */
  readonly drops: Drops = new Map();
  #progress: () => void = () => {};

  /**
   * Opens what the options ask for; `placeOf` is asked once the setting is read. Throws UsageError.
   */
  constructor(options: Options, placeOf: (setting: Setting) => Place) {
    const setting = readSetting(options);
    const place = placeOf(setting);
    const native = loadNative();
    followCluster(native);
    this.setting = setting;
    this.native = native;
    this.stopped = stopFlag(native);
    this.cpus = planCpus(options, thisMachine(native));
    // Short slices, because on a shared processor the process with work then runs sooner.
    native.oskr_slice_us(SLICE_US);
    this.#doorbell = openDoorbell(options, setting, place, native);
    const { cpus: planned } = this;
    const doorbell = this.#doorbell;
    const { stage, publicKeys } = openStage(options, setting, place, { cpus: planned, doorbell });
    this.publicKeys = publicKeys;
    const profiler = options.flag("profile") ? startProfiler(native) : null;
    this.#profiler = profiler;
    this.#sections = profiler?.words ?? new Int32Array(1);
    this.stage = profiler === null ? stage : new ProfiledStage(stage, profiler, this.clock);
    const { clock, cpus } = this;
    const shared = { clock, cpus, native, doorbell: this.#doorbell, sections: this.#sections };
    this.port = openTransport(options, setting, place, shared);
    const warnings = numaWarnings(cpus, allowedCpus(), this.port.numaNode, numaNodes());
    for (const warning of [...warnings, ...mtuWarnings(this.port.smallMtu)]) log.warn(warning);
    const { sleeper, pollers, idle } = this.port;
    // Who is pinned has the processor that it was given, whoever else there is.
    const crowd = { pollers, processors: cpus.polling === null ? usableCpus() : pollers };
    const given = IDLE_NAMES.find((name) => name === options.text("idle"));
    const chosen = given ?? idle ?? idleIn(crowd);
    this.idler = idler(chosen, native, this.clock, { sleeper, crowd });
    const { first, signing } = cpus;
    log.debug(
      `${setting.deploy.path} on ${this.port.name}, first CPU ${first}, ` +
        `${signing.length} signature threads, idle ${chosen}`,
    );
    housekeeping(this.clock, this.cpus, native);
  }

  /** A node that listens on `id`; `self` is its address if it is a replica. */
  node(id: number, self: Address | null): Node<Sealed, string> {
    return new Node({
      id,
      self,
      n: this.setting.config.n,
      codec: this.setting.protocol.codec,
      transport: this.port.transport,
      stage: this.stage,
      clock: this.clock,
      bodies: bodiesOf(this.setting.config, self),
      requestsSigned: this.setting.config.requestAuth === "sign",
      random: systemRandom,
      sections: this.#sections,
      drops: this.drops,
    });
  }

  /** Runs until `until` says so, asked once a turn. */
  run(nodes: readonly { poll(): number }[], until: () => boolean): void {
    const { clock, stage } = this;
    const { transport } = this.port;
    const { idle } = this.idler;
    const observer = this.#profiler;
    runLoop({ clock, transport, stage, nodes, idle, stopped: until, observer });
  }

  /** With --profile: says how to ask for the operations done so far; before `run`. */
  countOperations(operations: () => number): void {
    const profiler = this.#profiler;
    if (profiler === null) return;
    this.#progress = () => profiler.progress(this.clock.now, operations(), this.stage.counts);
    const again = (): void => {
      this.#progress();
      this.clock.after(PROGRESS_MS, again);
    };
    again();
  }

  /** With --profile: what it found, as a field of a record; else no field. */
  profile(): { readonly profile?: Profile } {
    this.#progress();
    const profile = this.#profiler?.result();
    return profile === undefined ? {} : { profile };
  }

  close(): void {
    if (this.#profiler !== null) this.native.oskr_profile_stop();
    this.stage.close();
    this.port.close();
    this.#doorbell.close();
  }
}
