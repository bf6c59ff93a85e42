// The transport of a process: what the addresses of its configuration, --link, --fabric and --eal
// ask for.

import { UsageError } from "../base/errors.ts";
import { systemRandom } from "../base/system-random.ts";
import type { Options } from "../cli/command-line.ts";
import type { IdleName } from "../cli/definitions.ts";
import { formatHost, ID_MAX } from "../config.ts";
import type { Clock } from "../driver.ts";
import { loadDpdk, LOSSES, OPEN_ALL_MULTICAST, OPEN_PROMISCUOUS } from "../ffi/dpdk.ts";
import type { NativeLibrary } from "../ffi/native.ts";
import { DpdkTransport, Eal } from "../transport/dpdk.ts";
import type { PacketTransport, PacketTransportOptions } from "../transport/packet.ts";
import { MTU_DEFAULT } from "../transport/mtu.ts";
import { UdpTransport } from "../transport/udp.ts";
import type { CpuPlan } from "./cpus.ts";
import { memifPollers, udpPollers } from "./crowd.ts";
import { readFabricSetting } from "./fabric-setting.ts";
import { interfaceNamed, smallestInterface, type NetworkInterface } from "./interfaces.ts";
import { Doorbell, doorbellFile, FABRIC_DOORBELL } from "./doorbell.ts";
import type { Sleeper } from "./idle.ts";
import {
  clearSockets,
  memifArgument,
  memifName,
  memifPath,
  socketServes,
  WITHOUT_NIC,
  type MemifEnd,
} from "./memif.ts";
import { ownAddress, type Place, type Setting } from "./setting.ts";

export interface TransportSetting {
  readonly transport: PacketTransport;
  /** As results name it. */
  readonly name: "udp" | "memif" | "dpdk";
  /** What it sleeps on while nothing comes; null where an arrival would not wake it. */
  readonly sleeper: Sleeper | null;
  /** The default of --idle; null: it depends on who else polls. */
  readonly idle: IdleName | null;
  /** Processes of this machine that poll, as far as is known, with this one. */
  readonly pollers: number;
  /** The NUMA node of the device; null if it has none. */
  readonly numaNode: number | null;
  /** The port's, where that is less than a frame may have; else null. */
  readonly smallMtu: number | null;
  readonly linkUp: () => boolean;
  /** Whether somebody is at the other end of a memif, if this is the client's end. */
  readonly served: (() => boolean) | null;
  /** What the port itself counted as lost. */
  readonly statistics: () => ReadonlyMap<string, number>;
  readonly close: () => void;
}

/** What a transport shares with the rest of its process. */
interface Shared {
  readonly clock: Clock;
  readonly cpus: CpuPlan;
  readonly native: NativeLibrary;
  readonly doorbell: Doorbell;
  /** Where the transport writes that packets leave (sections.ts). */
  readonly sections: Int32Array;
}

/** Opens the transport that addresses and options ask for; throws UsageError. */
export function openTransport(
  options: Options,
  setting: Setting,
  place: Place,
  shared: Shared,
): TransportSetting {
  const { deploy, config, others, mtu } = setting;
  if (options.given.has("fabric-port") && options.text("fabric") === undefined) {
    throw new UsageError("--fabric-port: goes with --fabric");
  }
  const { clock, native, doorbell, sections } = shared;
  const base: PacketTransportOptions = {
    replicas: deploy.replicas.slice(0, config.n),
    others,
    multicast: config.n > 1 ? deploy.multicast : null,
    member: place.kind === "replica",
    configured: place.kind !== "client",
    clock,
    random: systemRandom,
    dropRate: options.decimal("drop", 0, 1),
    mtu,
    sections,
  };
  if (deploy.transport === "udp") {
    const unfit = [...options.given].find((name) =>
      ["link", "fabric", "port", "eal"].includes(name),
    );
    if (unfit !== undefined) throw new UsageError(`--${unfit} needs replicas with MAC addresses`);
    const local = ownAddress(deploy, place)?.host ?? null;
    const hosts = [...base.replicas, ...others].map(({ host }) => host);
    if (mtu !== MTU_DEFAULT) refuseMtu(mtu, smallestInterface(hosts));
    const transport = new UdpTransport({ ...base, library: native, local });
    doorbell.listen();
    const sleeper = {
      arm: () => doorbell.arm(),
      wait: (us: number) => transport.wait(doorbell.pointer, us),
    };
    return {
      transport,
      name: "udp",
      sleeper,
      idle: null,
      pollers: udpPollers(base.replicas, local),
      numaNode: null,
      smallMtu: null,
      served: null,
      linkUp: () => true,
      statistics: () => new Map(),
      close: () => transport.close(),
    };
  }
  return openDpdk(options, setting, place, base, shared);
}

function openDpdk(
  options: Options,
  { deploy, mtu }: Setting,
  place: Place,
  base: PacketTransportOptions,
  { cpus, native, doorbell }: Shared,
): TransportSetting {
  const extra = (options.text("eal") ?? "").split(/\s+/).filter((word) => word !== "");
  const port = options.integer("port", 0, 63);
  const own = ownAddress(deploy, place);
  const mac = own === undefined ? null : own.host;
  const args = ["-l", String(cpus.first), "--file-prefix", `oskr-${process.pid}`];
  const memif = memifPort(options, place);
  const nic = memif === null && !extra.some((word) => word.startsWith("--vdev"));
  // A NIC needs huge pages: in memory, because a process that is killed leaves its files behind.
  const inMemory = extra.includes("--no-huge") ? [] : ["--in-memory"];
  args.push(...(nic ? inMemory : WITHOUT_NIC));
  if (memif !== null) {
    refuseFabric(native, memif, mtu);
    if (memif.end.server) clearSockets(native, memif.dir, [memif.end]);
    const address = own === undefined ? randomMac() : formatHost(own);
    const clients = place.kind === "client" ? options.integer("clients", 1, ID_MAX + 1) : 1;
    args.push(memifArgument(0, memif.dir, memif.end, { mac: address, mtu, clients }));
  }
  const kernel = kernelInterface(extra);
  if (mtu > MTU_DEFAULT && extra.some((word) => word.includes("net_af_packet"))) {
    throw new UsageError(`--mtu ${mtu}: net_af_packet has frames of ${MTU_DEFAULT} at most`);
  }
  refuseMtu(mtu, kernel);
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
  const peer =
    memif === null ? null : new Doorbell(native, doorbellFile(memif.dir, peerOf(memif.end)));
  if (peer !== null) transport.ring(peer.pointer);
  const close = (): void => {
    transport.close();
    peer?.close();
    eal.stop();
  };
  const name = memif === null ? "dpdk" : "memif";
  const statistics = (): ReadonlyMap<string, number> => {
    const counts = transport.statistics();
    return new Map(LOSSES.map((reason) => [reason, counts.get(reason) ?? 0]));
  };
  // Nobody rings for a driver: a NIC that this process has to itself may burn a core.
  const sleeper = memif !== null ? doorbell : null;
  const idle = sleeper !== null ? null : nic ? "busy" : "sleep";
  const linkUp = (): boolean => transport.linkUp;
  const { numaNode } = transport;
  const smallMtu = kernel !== null && kernel.mtu < MTU_DEFAULT ? kernel.mtu : null;
  if (smallMtu !== null) transport.limit(smallMtu);
  const served =
    memif === null ? null : () => socketServes(native, memifPath(memif.dir, memif.end)) > 0;
  return {
    ...{ transport, name, sleeper, idle, numaNode, smallMtu },
    pollers: memif === null ? 1 : memifPollers(memif.dir, pollersOf(memif, base)),
    ...{ linkUp, served, statistics, close },
  };
}

/** A process and its other end; or all that a fabric joins, a process of clients and itself. */
function pollersOf({ end }: Memif, { replicas, others = [] }: PacketTransportOptions): number {
  return end.kind === "link" ? 2 : replicas.length + others.length + 2;
}

/** The kernel's interface of a port, whose driver takes what is too long for it and loses it. */
function kernelInterface(eal: readonly string[]): NetworkInterface | null {
  const [, name] = /\biface=([^,\s]+)/.exec(eal.join(" ")) ?? [];
  return name === undefined ? null : interfaceNamed(name);
}

/**
 * Throws UsageError where packets of `mtu` do not fit the interface by which they would go. Of one
 * that is too small for what every network carries `smallMtu` warns, because most are short.
 */
function refuseMtu(mtu: number, by: NetworkInterface | null): void {
  if (mtu === MTU_DEFAULT || by === null || by.mtu >= mtu) return;
  throw new UsageError(
    `--mtu ${mtu}: ${by.name} has an MTU of ${by.mtu}; ip link set dev ${by.name} mtu ${mtu}`,
  );
}

/** Throws UsageError where a fabric runs whose frames are of another length. */
function refuseFabric(native: NativeLibrary, { dir, end }: Memif, mtu: number): void {
  if (end.kind === "link" || socketServes(native, memifPath(dir, end)) <= 0) return;
  const theirs = readFabricSetting(dir)?.mtu ?? MTU_DEFAULT;
  if (theirs !== mtu) throw new UsageError(`--mtu ${mtu}: the fabric in ${dir} has ${theirs}`);
}

interface Memif {
  readonly dir: string;
  readonly end: MemifEnd;
}

function memifPort(options: Options, place: Place): Memif | null {
  const link = options.text("link");
  if (link !== undefined && options.text("fabric") !== undefined) {
    throw new UsageError("--link and --fabric exclude each other");
  }
  const replica = place.kind === "replica";
  if (link !== undefined) return { dir: link, end: { kind: "link", server: replica } };
  const dir = options.text("fabric");
  if (dir === undefined) return null;
  const end: MemifEnd = replica
    ? { kind: "replica", index: place.index, server: false }
    : { kind: "client", index: place.fabricPort, server: false };
  return { dir, end };
}

/** The doorbell that this process sleeps on: in a file where a memif has another end to ring it. */
export function openDoorbell(
  options: Options,
  { deploy }: Setting,
  place: Place,
  native: NativeLibrary,
): Doorbell {
  const memif = deploy.transport === "udp" ? null : memifPort(options, place);
  return new Doorbell(
    native,
    memif === null ? null : doorbellFile(memif.dir, memifName(memif.end)),
  );
}

/** Whose doorbell sends are to ring. */
function peerOf(end: MemifEnd): string {
  return end.kind === "link" ? memifName({ ...end, server: !end.server }) : FABRIC_DOORBELL;
}

/** A locally administered address. */
function randomMac(): string {
  const bytes = Array.from({ length: 5 }, () => systemRandom(256));
  return ["02", ...bytes.map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}
