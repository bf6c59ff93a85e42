// Sockets of the loopback interface. Nobody reorders or repeats datagrams there; loss is the
// transport's own.

import { assert } from "../../src/base/assert.ts";
import { freePorts } from "../../src/cluster/free-ports.ts";
import type { WireAddress } from "../../src/config.ts";
import { BURST, loadNative, UDP } from "../../src/ffi/native.ts";
import { mapRegion } from "../../src/ffi/region.ts";
import { systemRandom } from "../../src/base/system-random.ts";
import { UDP_MTU_MAX } from "../../src/transport/mtu.ts";
import { IDS_LENGTH, writeIds } from "../../src/transport/packet.ts";
import { UdpTransport } from "../../src/transport/udp.ts";
import {
  all,
  Endpoint,
  HurriedClock,
  pattern,
  proveAddress,
  REPLICAS,
  type Medium,
} from "./medium.ts";

const LOOPBACK = 0x7f00_0001;

/** Sends whole datagrams to a port of this host. */
export function stranger(to: number) {
  const native = loadNative();
  const socket = native.oskr_udp_open(LOOPBACK, 0, UDP_MTU_MAX);
  assert(socket !== null, "a socket can be bound");
  const { bytes, view, slotSize } = mapRegion(native.oskr_udp_map(socket), UDP);
  const send = (datagram: Uint8Array): void => {
    bytes.set(datagram, UDP.slots + BURST * slotSize);
    view.setUint32(UDP.sendOffset, 0, true);
    view.setUint32(UDP.sendLength, datagram.length, true);
    view.setUint32(UDP.sendIp, LOOPBACK, true);
    view.setUint32(UDP.sendPort, to, true);
    assert(native.oskr_udp_send(socket, 1) === 1, "the datagram left");
  };
  /** The payload of the next part that came; null if none did. */
  const receive = (): Uint8Array | null => {
    if (native.oskr_udp_receive(socket) < 1) return null;
    const at = UDP.slots + view.getUint32(UDP.receivedOffset, true) + IDS_LENGTH;
    const length = view.getUint32(UDP.receivedLength, true) - IDS_LENGTH;
    return bytes.slice(at, at + length);
  };
  return { send, receive, close: () => native.oskr_udp_close(socket) };
}

export async function openUdp(rough: boolean): Promise<Medium> {
  const native = loadNative();
  const clock = new HurriedClock();
  const ports = await freePorts(REPLICAS);
  const replicas = ports.map((port): WireAddress => ({
    kind: "ipv4",
    host: Uint8Array.of(127, 0, 0, 1, port >> 8, port & 255),
    id: 0,
  }));
  const open = (replica: number | null, own = clock): UdpTransport =>
    new UdpTransport({
      replicas,
      multicast: null,
      member: replica !== null,
      clock: own,
      random: systemRandom,
      dropRate: rough ? 0.1 : 0,
      library: native,
      local: replica === null ? null : (replicas[replica]?.host ?? null),
    });
  const transports = [open(0), open(1), open(null)] as const;
  const [a, b, client] = transports;
  const garbage = stranger(ports[0] ?? 0);
  /** Its clock dies with it: what it had to do later would use memory that is gone. */
  let echo: { readonly transport: UdpTransport; readonly clock: HurriedClock } | null = null;
  proveAddress({
    send: (payload) => garbage.send(Uint8Array.of(1, 0, 0, 0, ...payload)),
    receive: garbage.receive,
    turn() {
      clock.update();
      a.poll();
    },
  });

  const endpoint = new Endpoint(a);
  return {
    ...{ name: "udp", rough, a: endpoint, b: new Endpoint(b), client: new Endpoint(client) },
    turn() {
      clock.update();
      echo?.clock.update();
      let done = echo?.transport.poll() ?? 0;
      for (const transport of transports) done += transport.poll();
      if (done === 0) native.oskr_yield();
      clock.poll();
      echo?.clock.poll();
    },
    now: () => performance.now(),
    hurry: (factor) => (clock.factor = factor),
    inject({ destination, source, part, payload }) {
      const datagram = new Uint8Array(4 + payload.length);
      datagram[0] = part ? 1 : 0;
      assert(writeIds(new DataView(datagram.buffer), 1, destination, source), "ids fit");
      datagram.set(payload, 4);
      garbage.send(datagram);
    },
    foreign: [
      ...[0, 1, 2, 3].map((length) => ({
        what: `a datagram of ${length} bytes`,
        reason: "malformed packet",
        send: () => garbage.send(new Uint8Array(length)),
      })),
      {
        what: "a datagram of an unknown kind",
        reason: "malformed packet",
        send: () => garbage.send(Uint8Array.of(3, 0, 0, 0, 1, 2, 3)),
      },
      ...[
        { what: "without messages", bytes: [2, 0, 0, 0, 0] },
        { what: "with a message too short for its ids", bytes: [2, 0, 0, 0, 2, 1] },
        { what: "with fewer bytes than its lengths say", bytes: [2, 0, 0, 0, 9, 0, 5, 1] },
        { what: "with more bytes than its lengths say", bytes: [2, 0, 0, 0, 9, 0, 3, 1] },
        { what: "with no room for its lengths", bytes: [2, 0, 0, 0, 0, 3, 200] },
      ].map(({ what, bytes }) => ({
        what: `a datagram of several messages, ${what}`,
        reason: "malformed packet",
        send: () => garbage.send(Uint8Array.from(bytes)),
      })),
      {
        what: "a datagram larger than any slot",
        reason: "malformed packet",
        send: () => garbage.send(pattern(9000, 1).fill(0, 0, 4)),
      },
      {
        what: "two large ids",
        reason: "malformed ids",
        send: () => garbage.send(Uint8Array.of(0, 0x81, 0x81, 1, 9)),
      },
    ],
    drops: () => a.drops,
    startEcho() {
      const own = new HurriedClock();
      const transport = open(2, own);
      transport.listen(0, (from, input) => {
        const bytes = all(input);
        transport.begin(0).bytes(bytes);
        transport.transmit(from);
      });
      echo = { transport, clock: own };
    },
    killEcho() {
      echo?.transport.close();
      echo = null;
    },
    close() {
      for (const transport of transports) transport.close();
      echo?.transport.close();
      garbage.close();
    },
  };
}
