// Memif ports through a fabric that is a process of its own, as is whoever echoes. EAL starts once
// a process, so one medium serves all cases: each listens on ids of its own.

import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { assert } from "../../src/base/assert.ts";
import { memifArgument, WITHOUT_NIC, type MemifEnd } from "../../src/process/memif.ts";
import { RealClock } from "../../src/process/real-clock.ts";
import { formatAddress, type WireAddress } from "../../src/config.ts";
import {
  BURST,
  ENTRY,
  HEADER_SIZE,
  loadDpdk,
  OPEN_PROMISCUOUS,
  REGION,
} from "../../src/ffi/dpdk.ts";
import { loadNative } from "../../src/ffi/native.ts";
import { mapRegion } from "../../src/ffi/region.ts";
import { systemRandom } from "../../src/base/system-random.ts";
import { DpdkTransport, Eal } from "../../src/transport/dpdk.ts";
import { MTU_DEFAULT } from "../../src/transport/mtu.ts";
import { writeIds } from "../../src/transport/packet.ts";
import {
  all,
  ARRIVAL_TIMEOUT_MS,
  Endpoint,
  HurriedClock,
  pattern,
  proveAddress,
  REPLICAS,
  type Medium,
} from "./medium.ts";

const ROOT = resolve(import.meta.dir, "../..");
const OTHER_ETHER_TYPE = 0x0800;

function macOf(host: number): WireAddress {
  return { kind: "mac", host: Uint8Array.of(0x12, 0x34, 0x56, 0, 0, host), id: 0 };
}
const GROUP_MAC = "01:00:5e:00:00:01%255";
const multicast: WireAddress = {
  ...{ kind: "mac", host: Uint8Array.of(1, 0, 0x5e, 0, 0, 1), id: 255 },
};
const replicas = Array.from({ length: REPLICAS }, (_, i) => macOf(i));

/** Starts EAL with these ends of memif links in `dir`, as ports 0, 1, ... */
function startEal(dir: string, ends: readonly (readonly [MemifEnd, WireAddress])[]): Eal {
  const ports = ends.map(([end, { host, id }], port) => {
    const [mac = ""] = formatAddress({ kind: "mac", host, id }).split("%");
    return memifArgument(port, dir, end, { mac, mtu: MTU_DEFAULT });
  });
  const args = ["--file-prefix", `oskr-${process.pid}`, "-l", "0", ...WITHOUT_NIC, ...ports];
  return new Eal(loadDpdk(), args, ends.length);
}

function openPort(
  eal: Eal,
  port: number,
  member: boolean,
  clock: RealClock,
  dropRate: number,
): DpdkTransport {
  return new DpdkTransport({
    ...{ eal, port, flags: OPEN_PROMISCUOUS, mac: null, replicas, multicast, member },
    ...{ clock, random: systemRandom, dropRate },
  });
}

/** A process that echoes as replica 2 until it is killed. */
export function echo(dir: string): void {
  const native = loadNative();
  const eal = startEal(dir, [[{ kind: "replica", index: 2, server: false }, macOf(2)]]);
  const clock = new RealClock();
  const transport = openPort(eal, 0, true, clock, 0);
  transport.listen(0, (from, input) => {
    const bytes = all(input);
    transport.begin(0).bytes(bytes);
    transport.transmit(from);
  });
  for (;;) {
    clock.update();
    if (transport.poll() === 0) {
      void transport.linkUp;
      native.oskr_yield();
    }
    clock.poll();
  }
}

/** Starts the fabric; resolves once it forwards. */
export async function startFabric(dir: string, rough: boolean): Promise<void> {
  const lines = replicas.map((replica) => `replica ${formatAddress(replica)}`);
  const config = ["f 0", ...lines, `multicast ${GROUP_MAC}`, ""].join("\n");
  writeFileSync(join(dir, "fabric.config"), config);
  const faults = rough ? ["--reorder", "0.1", "--duplicate", "0.1"] : [];
  const fabric = Bun.spawn(
    [
      ...[process.execPath, join(ROOT, "src/bin/fabric.ts"), "-c", join(dir, "fabric")],
      ...["--dir", dir, "--client-ports", "2", ...faults],
    ],
    { env: childEnvironment(), stdout: "ignore", stderr: "pipe" },
  );
  const decoder = new TextDecoder();
  let printed = "";
  for await (const chunk of fabric.stderr) {
    printed += decoder.decode(chunk, { stream: true });
    if (printed.includes("fabric of")) return;
  }
  throw new Error(`the fabric ended: ${printed}`);
}

/** Children end with this process, however that ends. */
function childEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, OSKR_PARENT: String(process.pid) };
}

/** Sends frames with any Ethernet type and any ids from a port of its own. */
function stranger(eal: Eal, port: number) {
  const { library } = eal;
  eal.checked(library.oskr_dpdk_open(port, OPEN_PROMISCUOUS, MTU_DEFAULT));
  const { bytes, view, slotSize } = mapRegion(library.oskr_dpdk_region(port), REGION);
  const received = REGION.slots + BURST * slotSize;
  const send = (etherType: number, ids: readonly number[], payload: Uint8Array): void => {
    bytes.set(payload, REGION.slots);
    bytes.set(macOf(0).host, REGION.entries + ENTRY.destination);
    view.setUint16(REGION.entries + ENTRY.etherType, etherType);
    bytes.set(ids, REGION.entries + ENTRY.ids);
    view.setUint16(REGION.entries + ENTRY.slot, 0, true);
    view.setUint16(REGION.entries + ENTRY.length, payload.length, true);
    assert(eal.checked(library.oskr_dpdk_send(port, 1)) === 1, "the frame left");
  };
  /** The payload of the next frame that came; null if none did. */
  const receive = (): Uint8Array | null => {
    if (library.oskr_dpdk_receive(port) < 1) return null;
    const length = view.getUint32(REGION.lengths, true);
    return bytes.slice(received + HEADER_SIZE, received + length);
  };
  return { send, receive, linkUp: () => library.oskr_dpdk_link(port) === 1 };
}

/** Opens the medium in `dir`, where the fabric runs. */
export function openDpdk(dir: string, rough: boolean): Medium {
  const native = loadNative();
  const eal = startEal(dir, [
    [{ kind: "replica", index: 0, server: false }, macOf(0)],
    [{ kind: "replica", index: 1, server: false }, macOf(1)],
    [{ kind: "client", index: 0, server: false }, macOf(100)],
    [{ kind: "client", index: 1, server: false }, macOf(101)],
  ]);
  const clock = new HurriedClock();
  const dropRate = rough ? 0.1 : 0;
  const transports = [0, 1, 2].map((port) => openPort(eal, port, port < 2, clock, dropRate));
  const [a, b, client] = transports as [DpdkTransport, DpdkTransport, DpdkTransport];
  const garbage = stranger(eal, 3);
  const untilMs = performance.now() + ARRIVAL_TIMEOUT_MS;
  while (![...transports.map((transport) => transport.linkUp), garbage.linkUp()].every(Boolean)) {
    assert(performance.now() < untilMs, "every port has its link");
    native.oskr_sleep_us(1000);
  }
  proveAddress({
    send: (payload) => garbage.send(0x88d6, [0, 0, 0], payload),
    receive: garbage.receive,
    turn() {
      clock.update();
      a.poll();
    },
  });
  let echoing: Bun.Subprocess | null = null;
  const endpoint = new Endpoint(a);

  return {
    ...{ name: "dpdk", rough, a: endpoint, b: new Endpoint(b), client: new Endpoint(client) },
    turn() {
      clock.update();
      let done = 0;
      for (const transport of transports) done += transport.poll();
      if (done === 0) native.oskr_yield();
      clock.poll();
    },
    now: () => performance.now(),
    hurry: (factor) => (clock.factor = factor),
    inject({ destination, source, part, payload }) {
      const ids = new Uint8Array(3);
      assert(writeIds(new DataView(ids.buffer), 0, destination, source), "ids fit");
      garbage.send(part ? 0x88d6 : 0x88d5, [...ids], payload);
    },
    foreign: [
      {
        what: "a frame of another Ethernet type",
        reason: "foreign",
        send: () => garbage.send(OTHER_ETHER_TYPE, [0, 0, 0], pattern(100, 1)),
      },
      {
        what: "two large ids",
        reason: "malformed ids",
        send: () => garbage.send(0x88d5, [0x81, 0x81, 1], pattern(100, 1)),
      },
    ],
    drops: () => new Map([...a.statistics(), ...a.drops]),
    startEcho() {
      const command = [process.execPath, join(import.meta.dir, "dpdk-worker.ts"), "echo", dir];
      echoing = Bun.spawn(command, {
        env: childEnvironment(),
        stdout: "ignore",
        stderr: "inherit",
      });
    },
    killEcho() {
      if (echoing !== null) process.kill(echoing.pid, "SIGKILL");
      echoing = null;
    },
    close() {
      for (const transport of transports) transport.close();
      eal.stop();
    },
  };
}
