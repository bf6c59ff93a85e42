// Uses oskr_dpdk as the transport does, in a process of its own, since EAL starts once a process.
// Prints what it saw as one JSON object: `bun dpdk-child.ts ring | fabric DIR | refused ARGUMENT`.

import { toArrayBuffer, type Pointer } from "bun:ffi";
import {
  BURST,
  ENTRY,
  ETHER_FRAGMENT,
  ETHER_MESSAGE,
  FABRIC,
  FABRIC_COUNTS,
  FABRIC_PORT,
  HEADER_SIZE,
  loadDpdk,
  OPEN_PROMISCUOUS,
  MTU_BESIDE_PAYLOAD,
  REGION,
  STATISTICS,
  TEXT_SIZE,
} from "../../src/ffi/dpdk.ts";
import { mapRegion } from "../../src/ffi/region.ts";

const MTU = 1500;
const PAYLOAD_MAX = MTU - MTU_BESIDE_PAYLOAD;

const library = loadDpdk();
const textAddress = library.oskr_dpdk_text() as Pointer;
const text = new Uint8Array(toArrayBuffer(textAddress, 0, TEXT_SIZE));

function start(...devices: readonly string[]): number {
  const fixed = ["--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "256"];
  const prefix = ["--file-prefix", `oskr-${process.pid}`];
  new TextEncoder().encodeInto([...fixed, ...prefix, ...devices, "\0"].join("\n"), text);
  return library.oskr_dpdk_start();
}

function said(): string {
  return new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
}

class Port {
  readonly region: Uint8Array;
  readonly view: DataView;
  readonly slotSize: number;
  readonly index: number;

  constructor(index: number) {
    this.index = index;
    if (library.oskr_dpdk_open(index, OPEN_PROMISCUOUS, MTU) !== 0) throw new Error(said());
    const { bytes, view, slotSize } = mapRegion(library.oskr_dpdk_region(index), REGION);
    this.region = bytes;
    this.view = view;
    this.slotSize = slotSize;
  }

  /** Fills one slot with `payload` and one entry that sends it. */
  put(index: number, destination: Uint8Array, type: number, payload: Uint8Array): void {
    this.region.set(payload, REGION.slots + index * this.slotSize);
    const at = REGION.entries + index * ENTRY.size;
    this.region.set(destination, at + ENTRY.destination);
    this.view.setUint16(at + ENTRY.etherType, type);
    this.region.set([1, 2, 3], at + ENTRY.ids);
    this.view.setUint16(at + ENTRY.slot, index, true);
    this.view.setUint16(at + ENTRY.length, payload.length, true);
  }

  /** Received frames in hexadecimal. */
  receive(): readonly string[] {
    const count = library.oskr_dpdk_receive(this.index);
    return Array.from({ length: count }, (_, i) => {
      const at = REGION.slots + (BURST + i) * this.slotSize;
      const length = this.view.getUint32(REGION.lengths + 4 * i, true);
      return this.region.subarray(at, at + length).toHex();
    });
  }

  statistics() {
    library.oskr_dpdk_statistics(this.index);
    const value = (i: number) => this.view.getFloat64(REGION.statistics + 8 * i, true);
    return Object.fromEntries(STATISTICS.map((name, i) => [name, value(i)]));
  }
}

function mac(last: number): Uint8Array {
  return Uint8Array.of(0x12, 0x34, 0x56, 0, 0, last);
}

/** One ring that is its own peer: every length, both types, the clock, the counts. */
function ring() {
  const ports = start("--vdev=net_ring0");
  const port = new Port(0);
  const started = performance.now();
  library.oskr_dpdk_receive(0);
  const startedNs = port.view.getFloat64(REGION.timeNs, true);
  const frames: string[] = [];
  const expected: string[] = [];
  for (let base = 0; base < PAYLOAD_MAX; base += BURST) {
    const count = Math.min(BURST, PAYLOAD_MAX + 1 - base);
    for (let i = 0; i < count; i++) {
      const payload = Uint8Array.from({ length: base + i }, (_, k) => (k * 7 + i) & 255);
      const type = i % 2 === 0 ? ETHER_MESSAGE : ETHER_FRAGMENT;
      port.put(i, mac(i), type, payload);
      const own = port.region.subarray(REGION.mac, REGION.mac + 6).toHex();
      expected.push(`${mac(i).toHex()}${own}${type.toString(16)}010203${payload.toHex()}`);
    }
    if (library.oskr_dpdk_send(0, count) !== count) throw new Error(said());
    frames.push(...port.receive());
  }
  const statistics = port.statistics();
  const elapsedNs = port.view.getFloat64(REGION.timeNs, true) - startedNs;
  const linkUp = port.view.getUint32(REGION.linkUp, true);
  const clockRuns = elapsedNs > 0 && elapsedNs < 1e6 * (performance.now() - started + 1);
  const outOfRange = library.oskr_dpdk_send(0, 257);
  const stopped = library.oskr_dpdk_stop();
  return {
    ...{ ports, linkUp, stopped, outOfRange, statistics, headerSize: HEADER_SIZE },
    sameFrames: frames.length === expected.length && frames.every((f, i) => f === expected[i]),
    frames: frames.length,
    clockRuns,
  };
}

/** A fabric of two ports and their two peers, all in this process. */
function fabric(dir: string) {
  const device = (i: number, role: string, spelling: string) =>
    `--vdev=net_memif${i},role=${role},socket=${dir}${spelling}/p${i % 2},socket-abstract=no`;
  const ports = start(
    ...[0, 1].map((i) => device(i, "server", "")),
    ...[2, 3].map((i) => `${device(i, "client", "/.")},mac=12:34:56:00:00:0${i}`),
  );
  const memory = new Uint8Array(toArrayBuffer(library.oskr_fabric() as Pointer, 0, FABRIC.size));
  const view = new DataView(memory.buffer);
  view.setUint32(FABRIC.portCount, 2, true);
  view.setUint16(FABRIC.mtu, MTU, true);
  memory.set(mac(2), FABRIC.ports + FABRIC_PORT.mac);
  memory.set(Uint8Array.of(1, 0, 0x5e, 0, 0, 1), FABRIC.group);
  if (library.oskr_fabric_open() !== 0) throw new Error(said());
  const replica = new Port(2);
  const client = new Port(3);
  const never = textAddress; // the text is empty by now: a word of zeros
  text.fill(0);
  const run = (seconds: number) => library.oskr_fabric_run(never, seconds);
  while (library.oskr_dpdk_link(2) !== 1 || library.oskr_dpdk_link(3) !== 1) run(0.001);
  // A server sees its link with the next look, and has room to send once its client has read.
  replica.receive();
  client.receive();
  run(0.02);
  const exchange = (from: Port, to: Port, destination: Uint8Array) => {
    from.put(0, destination, ETHER_MESSAGE, Uint8Array.of(1, 2, 3));
    library.oskr_dpdk_send(from.index, 1);
    run(0.02);
    return to.receive().length;
  };
  const toReplica = exchange(client, replica, mac(2));
  const toClient = exchange(replica, client, mac(3));
  const toGroup = exchange(client, replica, Uint8Array.of(1, 0, 0x5e, 0, 0, 1));
  const toNobody = exchange(client, replica, mac(9));
  view.setFloat64(FABRIC.drop, 1, true);
  const dropped = exchange(client, replica, mac(2));
  view.setFloat64(FABRIC.drop, 0, true);
  view.setFloat64(FABRIC.duplicate, 1, true);
  const twice = exchange(client, replica, mac(2));
  const counts = [0, 1].map((port) => {
    const at = FABRIC.ports + port * FABRIC_PORT.size + FABRIC_PORT.counts;
    return Object.fromEntries(
      FABRIC_COUNTS.map((name, i) => [name, view.getFloat64(at + 8 * i, true)]),
    );
  });
  library.oskr_fabric_close();
  library.oskr_dpdk_stop();
  return { ports, toReplica, toClient, toGroup, toNobody, dropped, twice, counts };
}

const [scene, argument = ""] = process.argv.slice(2);
switch (scene) {
  case "ring":
    console.log(JSON.stringify(ring()));
    break;
  case "fabric":
    console.log(JSON.stringify(fabric(argument)));
    break;
  case "refused":
    console.log(JSON.stringify({ result: start(argument), said: said() }));
    break;
  default:
    throw new Error(`no scene ${scene}`);
}
