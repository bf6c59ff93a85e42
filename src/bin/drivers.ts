// Everything that a process needs besides its actors: made from the options of its command line.

import type { Address, Signer } from "../actor.ts";
import { RealClock } from "../clock.ts";
import type { Stage } from "../driver.ts";
import { loadNative, type NativeLibrary } from "../ffi/native.ts";
import { Node } from "../node.ts";
import { systemRandom } from "../random.ts";
import { runLoop } from "../run-loop.ts";
import {
  idler,
  openTransport,
  readSetting,
  type Role,
  type Setting,
  type TransportSetting,
} from "./common.ts";
import { allowedCpus, planCpus, type CpuPlan } from "./cpus.ts";
import { numaNodes, numaWarnings } from "./numa.ts";
import type { Options } from "./options.ts";
import { followCluster, housekeeping, stopFlag } from "./process.ts";
import { openStage } from "./stage.ts";

export class Drivers {
  readonly setting: Setting;
  readonly native: NativeLibrary;
  /** Reads whether SIGINT or SIGTERM came. */
  readonly stopped: () => boolean;
  readonly cpus: CpuPlan;
  readonly clock = new RealClock();
  readonly stage: Stage;
  readonly port: TransportSetting;
  readonly idleName: string;
  readonly #idle: () => void;

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
    const self: Signer | null = "replica" in role ? role.replica : null;
    this.stage = openStage(options, setting, self, this.cpus);
    this.port = openTransport(options, setting, role, this.clock, this.cpus, native);
    const warnings = numaWarnings(this.cpus, allowedCpus(), this.port.numaNode, numaNodes());
    for (const warning of warnings) console.error(warning);
    const { name, idle } = idler(options, this.port.nic, native);
    this.idleName = name;
    this.#idle = idle;
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
    runLoop({ clock, transport, stage, nodes, idle: this.#idle, stopped: until });
  }

  close(): void {
    this.stage.close();
    this.port.close();
  }
}
