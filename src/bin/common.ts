// What replica and client have in common: their options, and the drivers made from them.

import {
  formatAddress,
  PROTOCOL_DEFAULTS,
  readDeployConfig,
  type DeployConfig,
  type ProtocolConfig,
} from "../config.ts";
import type { Clock } from "../driver.ts";
import { loadDpdk, OPEN_ALL_MULTICAST, OPEN_PROMISCUOUS } from "../ffi/dpdk.ts";
import type { NativeLibrary } from "../ffi/native.ts";
import { protocols, toleratesFaults, type AnyProtocol } from "../protocol/index.ts";
import { systemRandom } from "../random.ts";
import { DpdkTransport, Eal } from "../transport/dpdk.ts";
import type { PacketTransport, PacketTransportOptions } from "../transport/packet.ts";
import { UdpTransport } from "../transport/udp.ts";
import { UsageError } from "../usage-error.ts";
import type { CpuPlan } from "./cpus.ts";
import { memifArgument, WITHOUT_NIC, type MemifEnd } from "./memif.ts";
import type { Options } from "./options.ts";

/** The protocol and the configuration that the options name; throws UsageError. */
export interface Setting {
  readonly mode: string;
  readonly protocol: AnyProtocol;
  readonly deploy: DeployConfig;
  readonly config: ProtocolConfig;
}

export function readSetting(options: Options): Setting {
  const mode = options.textOf("mode");
  const protocol = protocols.get(mode);
  if (protocol === undefined) throw new UsageError(`--mode ${mode}: no such protocol`);
  const deploy = readDeployConfig(options.textOf("config"));
  // A protocol that tolerates no fault uses the first replicas of any configuration.
  const tolerant = toleratesFaults(protocol);
  const f = tolerant ? deploy.f : 0;
  const least = protocol.replicasMin(f);
  const given = deploy.replicas.length;
  if (given < least) {
    throw new UsageError(
      `${deploy.path}: ${mode} with f ${f} needs ${least} replicas, not ${given}`,
    );
  }
  const n = tolerant ? given : least;
  const fixed = protocol.tenures === true && options.textOf("leader") === "fixed";
  const tenure = fixed ? FIXED_TENURE : 1;
  const config: ProtocolConfig = {
    ...PROTOCOL_DEFAULTS,
    n,
    f,
    leader: (view) => Math.floor(view / tenure) % n,
    tenure,
    batchMax: options.integer("batch", 1, 65_536),
    adaptive: options.flag("adaptive"),
    viewTimeoutMs: options.integer("view-timeout", 1, 3_600_000),
    checkpointInterval: options.integer("checkpoint", 1, 1024),
  };
  return { mode, protocol, deploy, config };
}

/** Views that a leader stays with `--leader fixed`, if it does not fail. */
const FIXED_TENURE = 2 ** 20;

/** Which actor of the configuration this process is. */
export type Role = { readonly replica: number } | { readonly fabricPort: number };

export interface TransportSetting {
  readonly transport: PacketTransport;
  /** As results name it. */
  readonly name: "udp" | "memif" | "dpdk";
  /**
   * Whether it is a NIC that this process has to itself, so that waiting for it may burn a core.
   */
  readonly nic: boolean;
  readonly linkUp: () => boolean;
  /** What the port itself counted as lost. */
  readonly statistics: () => ReadonlyMap<string, number>;
  readonly close: () => void;
}

/**
 * Opens the transport that addresses and options ask for; it writes into `sections` when packets
 * leave. Throws UsageError.
 */
export function openTransport(
  options: Options,
  setting: Setting,
  role: Role,
  clock: Clock,
  cpus: CpuPlan,
  native: NativeLibrary,
  sections: Int32Array,
): TransportSetting {
  const { deploy, config } = setting;
  const link = options.text("link");
  const fabric = options.text("fabric");
  if (link !== undefined && fabric !== undefined) {
    throw new UsageError("--link and --fabric exclude each other");
  }
  const member = "replica" in role;
  const base: PacketTransportOptions = {
    replicas: deploy.replicas.slice(0, config.n),
    multicast: config.n > 1 ? deploy.multicast : null,
    member,
    clock,
    random: systemRandom,
    dropRate: options.decimal("drop", 0, 1),
    sections,
  };
  if (deploy.transport === "udp") {
    const unfit = [...options.given].find((name) =>
      ["link", "fabric", "port", "eal"].includes(name),
    );
    if (unfit !== undefined) throw new UsageError(`--${unfit} needs replicas with MAC addresses`);
    const local = member ? deploy.replicas[role.replica] : undefined;
    const transport = new UdpTransport({ ...base, library: native, local: local?.host ?? null });
    return {
      transport,
      name: "udp",
      nic: false,
      linkUp: () => true,
      statistics: () => new Map(),
      close: () => transport.close(),
    };
  }
  return openDpdk(options, setting, role, base, cpus);
}

function openDpdk(
  options: Options,
  { deploy }: Setting,
  role: Role,
  base: PacketTransportOptions,
  cpus: CpuPlan,
): TransportSetting {
  const extra = (options.text("eal") ?? "").split(/\s+/).filter((word) => word !== "");
  const port = options.integer("port", 0, 63);
  const own = "replica" in role ? deploy.replicas[role.replica] : undefined;
  const mac = own === undefined ? null : own.host;
  const args = ["-l", String(cpus.first), "--file-prefix", `oskr-${process.pid}`];
  const memif = memifPort(options, role);
  const nic = memif === null && !extra.some((word) => word.startsWith("--vdev"));
  // A NIC needs huge pages, whose files nobody would remove after a kill.
  args.push(...(nic ? ["--in-memory"] : WITHOUT_NIC));
  if (memif !== null) {
    const address = own === undefined ? randomMac() : (formatAddress(own).split("%")[0] ?? "");
    args.push(memifArgument(0, memif.dir, memif.end, address));
  }
  args.push(...extra);
  const eal = new Eal(loadDpdk(), args, port + 1);
  const flags = base.multicast === null ? OPEN_PROMISCUOUS : OPEN_PROMISCUOUS | OPEN_ALL_MULTICAST;
  const transport = new DpdkTransport({
    ...base,
    eal,
    port,
    flags,
    mac: memif === null ? mac : null,
  });
  const close = (): void => {
    transport.close();
    eal.stop();
  };
  const name = memif === null ? "dpdk" : "memif";
  const statistics = (): ReadonlyMap<string, number> => {
    const counts = transport.statistics();
    return new Map(LOSSES.map((reason) => [reason, counts.get(reason) ?? 0]));
  };
  return { transport, name, nic, linkUp: () => transport.linkUp, statistics, close };
}

/** Of the port's statistics, those that are packets lost. */
const LOSSES = ["missed", "errors", "foreign", "malformed", "unsent"];

function memifPort(options: Options, role: Role): { dir: string; end: MemifEnd } | null {
  const link = options.text("link");
  if (link !== undefined) return { dir: link, end: { kind: "link", server: "replica" in role } };
  const dir = options.text("fabric");
  if (dir === undefined) return null;
  const end: MemifEnd =
    "replica" in role
      ? { kind: "replica", index: role.replica, server: false }
      : { kind: "client", index: role.fabricPort, server: false };
  return { dir, end };
}

/** A locally administered address. */
function randomMac(): string {
  const bytes = Array.from({ length: 5 }, () => systemRandom(256));
  return ["02", ...bytes.map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

/** What a turn without work does. */
export function idler(
  options: Options,
  nic: boolean,
  native: NativeLibrary,
): { name: string; idle: () => void } {
  const name = options.text("idle") ?? (nic ? "busy" : "yield");
  switch (name) {
    case "busy":
      return { name, idle: () => {} };
    case "yield":
      return { name, idle: () => native.oskr_yield() };
    default: {
      let turns = 0;
      const idle = (): void => {
        if (++turns % SLEEP_AFTER_YIELDS === 0) native.oskr_sleep_us(SLEEP_US);
        else native.oskr_yield();
      };
      return { name: "sleep", idle };
    }
  }
}

/** `--idle sleep`: yields between two sleeps, and how long those are. */
const SLEEP_AFTER_YIELDS = 16;
const SLEEP_US = 50;
