// Shows what only UDP has: a kernel that drops what a full socket cannot take, and says how much.

import { expect } from "bun:test";
import { parseAddress } from "../../src/config.ts";
import { freePorts } from "../../src/cluster/free-ports.ts";
import { loadNative } from "../../src/ffi/native.ts";
import { UdpTransport } from "../../src/transport/udp.ts";
import { libraries, testUnless } from "../support/optional.ts";
import { HurriedClock, pattern } from "./medium.ts";
import { stranger } from "./udp-medium.ts";

/** More than any socket's buffer holds, of datagrams that are each counted when they come. */
const COUNT = 4000;
const LARGE = pattern(9000, 1).fill(0, 0, 4);

testUnless(libraries())("what the kernel drops while nobody polls is counted exactly", () => {
  const library = loadNative();
  const transport = new UdpTransport({
    ...{ replicas: [], multicast: null, member: false, local: null, library },
    ...{ clock: new HurriedClock(), random: () => 0 },
  });
  const sender = stranger(transport.port);
  for (let i = 0; i < COUNT; i++) sender.send(LARGE);
  while (transport.poll() > 0);
  // What comes next says what was dropped until then.
  sender.send(LARGE);
  while (transport.poll() > 0);
  const came = transport.drops.get("malformed packet") ?? 0;
  const dropped = transport.drops.get("dropped by the kernel") ?? 0;
  expect({ some: came > 0, all: came + dropped }).toEqual({ some: true, all: COUNT + 1 });
  expect(dropped).toBeGreaterThan(0);
  sender.send(LARGE);
  transport.poll();
  expect(transport.drops.get("dropped by the kernel")).toBe(dropped);
  sender.close();
  transport.close();
});

/** Two replicas on this host, which have packets of these MTUs; and what comes to the second. */
async function pair(mtus: readonly [number, number]) {
  const ports = await freePorts(2);
  const replicas = ports.map((port) => parseAddress(`127.0.0.1:${port}%0`)!);
  const [sender, receiver] = mtus.map(
    (mtu, i) =>
      new UdpTransport({
        ...{ replicas, multicast: null, member: true, library: loadNative(), mtu },
        ...{ local: replicas[i]?.host ?? null, clock: new HurriedClock(), random: () => 0 },
      }),
  );
  const came: number[] = [];
  receiver?.listen(0, (_, input) => came.push(input.remaining));
  const send = (length: number): void => {
    sender?.begin(0).bytes(pattern(length, 1));
    sender?.transmit(1);
    for (let i = 0; i < 3; i++) for (const one of [sender, receiver]) one?.poll();
  };
  const close = (): void => {
    for (const one of [sender, receiver]) one?.close();
  };
  return { drops: receiver?.drops, came, send, close };
}

testUnless(libraries())("a packet holds what its MTU leaves beside headers and ids", () => {
  const library = loadNative();
  for (const [mtu, payload] of [
    [1500, 1468],
    [9000, 8968],
    [65_535, 65_503],
  ] as const) {
    const transport = new UdpTransport({
      ...{ replicas: [parseAddress("127.0.0.1:1%0")!], multicast: null, member: true, library },
      ...{ local: Uint8Array.of(127, 0, 0, 1, 0, 0), clock: new HurriedClock(), random: () => 0 },
      mtu,
    });
    expect(transport.payloadMax).toBe(payload);
    const out = transport.begin(0);
    out.bytes(pattern(payload, 1));
    expect(out.large).toBe(false);
    out.u8(1);
    expect(out.large).toBe(true);
    transport.close();
  }
});

for (const [what, mtus, length, reason, count] of [
  ["packets", [9000, 1500], 5000, "malformed packet", 1],
  ["parts", [9000, 1500], 20_000, "malformed packet", 3],
  ["parts", [1500, 9000], 20_000, "malformed fragment", 14],
] as const) {
  testUnless(libraries())(`${what} of ${mtus[0]} are counted by who has ${mtus[1]}`, async () => {
    const { drops, came, send, close } = await pair(mtus);
    send(length);
    expect(came).toEqual([]);
    expect([...(drops ?? [])]).toEqual([[reason, count]]);
    close();
  });
}

testUnless(libraries())("what the kernel does not send is counted by its reason", () => {
  const library = loadNative();
  // From the loopback interface nothing leaves the machine.
  const replicas = [parseAddress("192.0.2.1:5000%0")!];
  const transport = new UdpTransport({
    ...{ replicas, multicast: null, member: true, library },
    ...{ local: Uint8Array.of(127, 0, 0, 1, 0, 0) },
    ...{ clock: new HurriedClock(), random: () => 0 },
  });
  transport.begin(0).u8(1);
  transport.transmit(0);
  transport.poll();
  expect([...transport.drops]).toEqual([["not sent (EINVAL)", 1]]);
  transport.close();
});
