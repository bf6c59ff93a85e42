// Shows what only UDP has: a kernel that drops what a full socket cannot take, and says how much.

import { expect } from "bun:test";
import { parseAddress } from "../../src/config.ts";
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
