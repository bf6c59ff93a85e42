// Everything that a process needs besides its actors: made from the options of its command line.

import type { Address, Signer } from "../actor.ts";
import { RealClock } from "../clock.ts";
import type { Stage } from "../driver.ts";
import { loadNative, type NativeLibrary } from "../ffi/native.ts";
import { Node } from "../node.ts";
import { systemRandom } from "../random.ts";
import { runLoop } from "../run-loop.ts";
import type { Bell } from "./bell.ts";
import {
  openBell,
  openTransport,
  readSetting,
  type Role,
  type Setting,
  type TransportSetting,
} from "./common.ts";
import { allowedCpus, planCpus, type CpuPlan } from "./cpus.ts";
import { IDLE_NAMES, idler, type Idler } from "./idle.ts";
import { numaNodes, numaWarnings } from "./numa.ts";
import type { Options } from "./options.ts";
import { followCluster, housekeeping, stopFlag } from "./process.ts";
import { openStage } from "./stage.ts";

/** How long this process may keep a processor that another waits for. */
export const SLICE_US = 100;

export class Drivers {
  readonly setting: Setting;
  readonly native: NativeLibrary;
  /** Reads whether SIGINT or SIGTERM came. */
  readonly stopped: () => boolean;
  readonly cpus: CpuPlan;
  readonly clock = new RealClock();
  readonly stage: Stage;
  readonly port: TransportSetting;
  readonly idler: Idler;
  readonly #bell: Bell;

  /**
   * Opens what the options ask for; `role` is asked once the setting is read. Throws UsageError.
   */
  constructor(options: Options, roleOf: (setting: Setting) => Role) {
    const setting = readSetting(options);
    const role = roleOf(setting);
    const native = loadNative();
    followCluster(native);
    this.setting = setting;
    this.native = native;
    this.stopped = stopFlag(native);
    this.cpus = planCpus(options);
    // Where processors are shared, short turns let whoever has work answer sooner.
    native.oskr_slice_us(SLICE_US);
    this.#bell = openBell(options, setting, role, native);
    const self: Signer | null = "replica" in role ? role.replica : null;
    this.stage = openStage(options, setting, self, this.cpus, this.#bell);
    const { clock, cpus } = this;
    this.port = openTransport(options, setting, role, clock, cpus, native, this.#bell);
    const warnings = numaWarnings(cpus, allowedCpus(), this.port.numaNode, numaNodes());
    for (const warning of warnings) console.error(warning);
    const chosen = IDLE_NAMES.find((name) => name === options.text("idle")) ?? this.port.idle;
    this.idler = idler(chosen, native, this.clock, this.port.sleeper);
    housekeeping(this.clock, this.cpus, native);
  }

  /** A node that listens on `id`; `self` is its address if it is a replica. */
  node(id: number, self: Address | null): Node<object, string> {
    const { protocol, config } = this.setting;
    return new Node({
      id,
      self,
      n: config.n,
      codec: protocol.codec,
      transport: this.port.transport,
      stage: this.stage,
      clock: this.clock,
      random: systemRandom,
    });
  }

  /** Runs until `until` says so, asked once a turn. */
  run(nodes: readonly { poll(): number }[], until: () => boolean): void {
    const { transport } = this.port;
    const { clock, stage } = this;
    runLoop({ clock, transport, stage, nodes, idle: this.idler.idle, stopped: until });
  }

  close(): void {
    this.stage.close();
    this.port.close();
    this.#bell.close();
  }
}
