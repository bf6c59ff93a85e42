// A small layer-2 switch of memif ports, one for each replica and some for clients.

import { toArrayBuffer } from "bun:ffi";
import { assert } from "../base/assert.ts";
import { UsageError } from "../base/errors.ts";
import { systemRandom } from "../base/system-random.ts";
import type { Options } from "../cli/command-line.ts";
import type { OutputFile } from "../cli/output-file.ts";
import { readDeployConfig, type DeployConfig } from "../config.ts";
import {
  FABRIC,
  FABRIC_COUNTS,
  FABRIC_PATH,
  FABRIC_PORT,
  loadDpdk,
  PORTS_MAX,
  type DpdkLibrary,
} from "../ffi/dpdk.ts";
import { loadNative, type NativeLibrary } from "../ffi/native.ts";
import { INCARNATION_BITS, SEQUENCER } from "../protocol/kit/sequencer.ts";
import { Eal } from "../transport/dpdk.ts";
import { pathBetween, readPlacedNetwork, type PlacedNetwork } from "../evaluation/network-model.ts";
import type { FabricSetting } from "../evaluation/record.ts";
import { pinPolling, planCpus, thisMachine } from "./cpus.ts";
import { Doorbell, doorbellFile, FABRIC_DOORBELL } from "./doorbell.ts";
import { SLICE_US } from "./drivers.ts";
import { CONTROL_SECONDS, readControl } from "./fabric-control.ts";
import { fabricSetting, tellFabricSetting } from "./fabric-setting.ts";
import { clearSockets, memifArgument, WITHOUT_NIC, type MemifEnd } from "./memif.ts";
import { followCluster, stopFlag, stopWord } from "./signals.ts";
import { log, print } from "../base/logger.ts";

/** Forwards frames until told to stop, then prints and writes its counts. Throws UsageError. */
export function runFabric(options: Options): number {
  const deploy = readDeployConfig(options.textOf("config"));
  if (deploy.transport !== "dpdk")
    throw new UsageError(`${deploy.path}: the fabric needs MAC addresses`);
  const clientPorts = options.integer("client-ports", 1, PORTS_MAX);
  const replicas = deploy.replicas.length;
  if (replicas + clientPorts > PORTS_MAX) {
    throw new UsageError(
      `${replicas} replicas and ${clientPorts} clients: at most ${PORTS_MAX} ports`,
    );
  }
  const sequencer = options.flag("sequencer") ? sequencerOf(deploy) : null;
  const path = options.text("network");
  const network = path === undefined ? null : readPlacedNetwork(path, replicas);
  const setting = fabricSetting(options, clientPorts, network);
  const { mtu } = setting;
  const dir = options.textOf("dir");
  const json = options.output("json");
  const native = loadNative();
  const cpus = planCpus(options, thisMachine(native));
  followCluster(native);
  const library = loadDpdk();
  const args = ["-l", String(cpus.first), "--file-prefix", `oskr-${process.pid}`, ...WITHOUT_NIC];
  const count = replicas + clientPorts;
  const ends = Array.from({ length: count }, (_, port): MemifEnd =>
    port < replicas
      ? { kind: "replica", index: port, server: true }
      : { kind: "client", index: port - replicas, server: true },
  );
  clearSockets(native, dir, ends);
  for (const [port, end] of ends.entries())
    args.push(memifArgument(port, dir, end, { mac: null, mtu }));
  const eal = new Eal(library, args, count);
  tellFabricSetting(dir, setting);
  const shared = configure(
    library,
    setting,
    deploy.replicas,
    deploy.multicast?.host ?? null,
    count,
  );
  if (sequencer !== null) {
    new Uint8Array(shared.buffer).set(sequencer, FABRIC.sequencer);
    shared.setFloat64(FABRIC.incarnation, systemRandom(2 ** INCARNATION_BITS), true);
  }
  if (network !== null) layOut(shared, network, count);
  eal.checked(library.oskr_fabric_open());
  const doorbells = openDoorbells(native, dir, replicas, clientPorts);
  library.oskr_fabric_doorbell(doorbells.own.pointer);
  for (const [port, doorbell] of doorbells.ports.entries()) {
    eal.checked(library.oskr_fabric_port_doorbell(port, doorbell.pointer));
  }
  native.oskr_slice_us(SLICE_US);
  pinPolling(cpus, native);
  // Before anybody is told that the fabric runs, who may end it at once.
  const stop = stopWord(native);
  const also = sequencer === null ? "" : ", the first sequencer as well";
  log.info(`fabric of ${replicas} replicas and ${clientPorts} clients in ${dir}${also}`);

  const run = (seconds: number): number => eal.checked(library.oskr_fabric_run(stop, seconds));
  forward(options.text("control"), run, shared, stopFlag(native));

  tellCounts(shared, count, replicas, json);
  if (sequencer !== null) {
    print(`sequencer: ${shared.getFloat64(FABRIC.sequenced, true)} frames`);
  }
  eal.checked(library.oskr_fabric_close());
  eal.stop();
  return 0;
}

/** Forwards until told to stop; with --control at the rates that are set in that file meanwhile. */
function forward(
  control: string | undefined,
  run: (seconds: number) => number,
  shared: DataView,
  stopped: () => boolean,
): void {
  if (control === undefined) run(0);
  while (control !== undefined && !stopped()) {
    run(CONTROL_SECONDS);
    const set = readControl(control);
    if (set === null) continue;
    shared.setFloat64(FABRIC.drop, set.drop, true);
    shared.setFloat64(FABRIC.delayUs, set.delayUs, true);
  }
}

/** The host address of the first sequencer; throws UsageError if there is none. */
function sequencerOf({ path, roles }: DeployConfig): Uint8Array {
  const [first] = roles.get(SEQUENCER) ?? [];
  if (first !== undefined) return first.host;
  throw new UsageError(`--sequencer: ${path} has no line 'role ${SEQUENCER} ADDRESS'`);
}

/** Prints and writes what each port counted. */
function tellCounts(
  shared: DataView,
  count: number,
  replicas: number,
  json: OutputFile | undefined,
): void {
  const counts = readCounts(shared, count, replicas);
  for (const { port, frames } of counts) {
    const text = Object.entries(frames).flatMap(([name, value]) =>
      value > 0 ? [`${value} ${name}`] : [],
    );
    print(`${port}: ${text.join(", ") || "nothing"}`);
  }
  json?.writeJson(counts);
}

/** The fabric's own doorbell and those of its ports. Throws UsageError. */
function openDoorbells(
  native: NativeLibrary,
  dir: string,
  replicas: number,
  clientPorts: number,
): { readonly own: Doorbell; readonly ports: readonly Doorbell[] } {
  const doorbell = (end: string): Doorbell => new Doorbell(native, doorbellFile(dir, end));
  const ports = Array.from({ length: replicas + clientPorts }, (_, i) =>
    doorbell(i < replicas ? `replica-${i}` : `client-${i - replicas}`),
  );
  return { own: doorbell(FABRIC_DOORBELL), ports };
}

/** Writes the fabric's configuration into its memory, and returns that. */
function configure(
  library: DpdkLibrary,
  setting: FabricSetting & { readonly mtu: number },
  replicas: readonly { readonly host: Uint8Array }[],
  group: Uint8Array | null,
  portCount: number,
): DataView {
  const memory = library.oskr_fabric();
  assert(memory !== null, "the fabric is static");
  const bytes = new Uint8Array(toArrayBuffer(memory, 0, FABRIC.size));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setFloat64(FABRIC.drop, setting.drop, true);
  view.setFloat64(FABRIC.duplicate, setting.duplicate, true);
  view.setFloat64(FABRIC.reorder, setting.reorder, true);
  view.setFloat64(FABRIC.corrupt, setting.corrupt, true);
  view.setFloat64(FABRIC.delayUs, setting.delayUs, true);
  view.setFloat64(FABRIC.seed, setting.seed, true);
  view.setUint32(FABRIC.portCount, portCount, true);
  view.setUint16(FABRIC.mtu, setting.mtu, true);
  if (group !== null) bytes.set(group, FABRIC.group);
  for (const [i, { host }] of replicas.entries()) {
    bytes.set(host, FABRIC.ports + i * FABRIC_PORT.size + FABRIC_PORT.mac);
  }
  return view;
}

/** Writes what lies between the ports into the fabric's memory. */
function layOut(
  view: DataView,
  { model, replicas, clients }: PlacedNetwork,
  portCount: number,
): void {
  const sites = Array.from({ length: portCount }, (_, port) =>
    port < replicas.length
      ? (replicas[port] ?? 0)
      : (clients[(port - replicas.length) % clients.length] ?? 0),
  );
  view.setFloat64(FABRIC.bandwidthGbps, model.bandwidthGbps, true);
  for (const [from, fromSite] of sites.entries()) {
    for (const [to, toSite] of sites.entries()) {
      const { delayMs, jitterMs, loss } = pathBetween(model, fromSite, toSite);
      const at = FABRIC.paths + (from * PORTS_MAX + to) * FABRIC_PATH.size;
      view.setFloat64(at + FABRIC_PATH.delayUs, 1000 * delayMs, true);
      view.setFloat64(at + FABRIC_PATH.jitterUs, 1000 * jitterMs, true);
      view.setFloat64(at + FABRIC_PATH.loss, loss, true);
    }
  }
}

interface PortCounts {
  readonly port: string;
  /** By the names of FABRIC_COUNTS. */
  readonly frames: { readonly [name: string]: number };
}

function readCounts(view: DataView, portCount: number, replicas: number): readonly PortCounts[] {
  return Array.from({ length: portCount }, (_, i) => {
    const at = FABRIC.ports + i * FABRIC_PORT.size + FABRIC_PORT.counts;
    const numbers = FABRIC_COUNTS.map(
      (name, k) => [name, view.getFloat64(at + 8 * k, true)] as const,
    );
    const port = i < replicas ? `replica ${i}` : `client ${i - replicas}`;
    return { port, frames: Object.fromEntries(numbers) };
  });
}
