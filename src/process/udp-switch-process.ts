// The process of a switch for UDP: configuration in, faults, and a recording of what replicas
// sent that is played again.

import type { ArgsDef } from "citty";
import { UsageError } from "../base/errors.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { readDeployConfig, type WireAddress } from "../config.ts";
import { readPlacedNetwork } from "../evaluation/network-model.ts";
import { loadNative } from "../ffi/native.ts";
import type { Endpoint } from "../transport/datagram-socket.ts";
import { SLICE_US } from "./drivers.ts";
import { followCluster, stopFlag } from "./signals.ts";
import { Recording } from "./recording.ts";
import { UdpSwitch } from "./udp-switch.ts";
import { log } from "../base/logger.ts";

const rate = (description: string) =>
  ({ type: "string", default: "0", valueHint: "RATE", description }) as const;

const ARGS = {
  config: {
    type: "string",
    alias: "c",
    required: true,
    valueHint: "PREFIX",
    description: "Reads PREFIX.config: where others find each replica, which the switch binds",
  },
  behind: {
    type: "string",
    required: true,
    valueHint: "PREFIX",
    description: "Reads PREFIX.config: where each replica is",
  },
  drop: rate("Share of datagrams to lose, 0 to 1"),
  duplicate: rate("Share of datagrams to send twice, 0 to 1"),
  reorder: rate("Share of datagrams to hold back behind later ones, 0 to 1"),
  corrupt: rate("Share of datagrams to flip a bit of, 0 to 1"),
  delay: {
    type: "string",
    default: "0",
    valueHint: "US",
    description: "Time that a datagram spends in the switch, in microseconds",
  },
  network: {
    type: "string",
    valueHint: "FILE",
    description: "Latency, jitter, loss and bandwidth between the sites of a network",
  },
  seed: {
    type: "string",
    default: "1",
    valueHint: "N",
    description: "Seed of the dice for the faults above",
  },
  record: {
    type: "string",
    valueHint: "FILE",
    description: "Keep what replicas send each other, and once FILE is there send it all again",
  },
  kinds: {
    type: "string",
    valueHint: "N[,N]",
    description: "With --record: only messages that begin with these bytes",
  },
  "replay-rate": {
    type: "string",
    default: "1000",
    valueHint: "N",
    description: "With --record: messages a second, each of which goes to every replica",
  },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write the counts at the end as one JSON object; -: to standard output",
  },
} as const satisfies ArgsDef;

export const UDP_SWITCH: Command = {
  name: "udp-switch",
  description: "A switch for UDP between processes of one machine, with faults",
  args: ARGS,
};

const IDLE_US = 50;

/** Forwards until told to stop, then writes its counts. Throws UsageError. */
export function runUdpSwitch(options: Options): number {
  const front = endpoints(options.textOf("config"));
  const behind = endpoints(options.textOf("behind"));
  if (front.length !== behind.length) throw new UsageError("--behind: other replicas");
  const json = options.output("json");
  const path = options.text("record");
  const kinds = readKinds(options.text("kinds"));
  const unused = ["kinds", "replay-rate"].find((name) => options.given.has(name));
  if (path === undefined && unused !== undefined) {
    throw new UsageError(`--${unused}: goes with --record`);
  }
  const perSecond = options.integer("replay-rate", 1, 1_000_000);
  const recording = path === undefined ? null : new Recording({ path, kinds, perSecond });
  const file = options.text("network");
  const network = file === undefined ? null : readPlacedNetwork(file, front.length);
  const native = loadNative();
  followCluster(native);
  const stopped = stopFlag(native);
  native.oskr_slice_us(SLICE_US);
  const faults = {
    drop: options.decimal("drop", 0, 1),
    duplicate: options.decimal("duplicate", 0, 1),
    reorder: options.decimal("reorder", 0, 1),
    corrupt: options.decimal("corrupt", 0, 1),
    delayMs: options.decimal("delay", 0, 1e6) / 1000,
    seed: options.integer("seed", 0, 2 ** 31),
  };
  const onDatagram = recording === null ? {} : { onDatagram: recording.add };
  const hub = new UdpSwitch({ library: native, front, behind, faults, network, ...onDatagram });
  log.info(`udp-switch of ${front.length} replicas`);
  while (!stopped()) {
    const nowMs = performance.now();
    const done = (recording?.replay(nowMs, hub, front.length) ?? 0) + hub.poll(nowMs);
    if (done === 0) native.oskr_sleep_us(IDLE_US);
  }
  hub.close();
  json?.writeJson({ ...hub.counts, replayed: recording?.replayed ?? 0 });
  return 0;
}

/** First bytes of messages; null if none were named. Throws UsageError. */
function readKinds(text: string | undefined): readonly number[] | null {
  const kinds = text?.split(",") ?? null;
  const wrong = kinds?.find((kind, i) => !isByte(kind) || kinds.indexOf(kind) !== i);
  if (wrong === undefined) return kinds?.map(Number) ?? null;
  const why = isByte(wrong) ? "was given twice" : "expected whole numbers from 0 to 255";
  throw new UsageError(`--kinds ${wrong}: ${why}`);
}

function isByte(text: string): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) <= 255;
}

/** Throws UsageError. */
function endpoints(prefix: string): readonly Endpoint[] {
  const { path, transport, replicas } = readDeployConfig(prefix);
  if (transport !== "udp") throw new UsageError(`${path}: the switch needs IPv4 addresses`);
  return replicas.map(endpointOf);
}

function endpointOf({ host }: WireAddress): Endpoint {
  const view = new DataView(host.buffer, host.byteOffset, host.byteLength);
  return { ip: view.getUint32(0), port: view.getUint16(4) };
}
