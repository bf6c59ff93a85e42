// The simulator's network: virtual time, and every fault that a network has.

import { SimulatedClock } from "../../src/simulation/simulated-clock.ts";
import { PacketContent, MAC_PREFIX } from "../../src/simulation/packet-content.ts";
import { Network } from "../../src/simulation/network.ts";
import { Process } from "../../src/simulation/process.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { Scheduler } from "../../src/simulation/scheduler.ts";
import {
  GROUP_ADDRESS,
  simulatedAddress,
  SimulatedTransport,
} from "../../src/simulation/simulated-transport.ts";
import { all, Endpoint, REPLICAS, type Medium } from "./medium.ts";
import { PAYLOAD_MAX } from "../../src/simulation/simulated-packet.ts";

/** Replicas are the hosts 0 to 2. */
const CLIENT = 3;
const STRANGER = 9;
/** Until then all have proven their addresses, whatever is lost. */
const PROVEN_US = 1_000_000;

export function openSimulated(rough: boolean): Medium {
  const scheduler = new Scheduler();
  const random = new Random(1, "transport");
  const processes: Process[] = [];
  const dice = rough ? 0.1 : 0;
  const network = new Network({
    scheduler,
    random: random.stream("network"),
    plan: {
      ...{ delayMinUs: 100, delayMaxUs: 100, lateUs: 10_000, ordered: !rough },
      ...{ loss: 0, duplication: dice, reordering: dice, replay: dice, corruption: 0 },
      partitions: [],
    },
    ...{ gstUs: () => Infinity, boundUs: 100, passes: () => true, filter: null, tamper: null },
    at: (host) => processes.filter((process) => process.host === host && process.up),
    replicas: () => processes.filter(({ host }) => host < REPLICAS),
  });
  const start = (process: Process): SimulatedTransport => {
    const { host } = process;
    process.up = true;
    const transport = new SimulatedTransport(network, process, PAYLOAD_MAX, {
      replicas: Array.from({ length: REPLICAS }, (_, i) => simulatedAddress(i, 0)),
      multicast: GROUP_ADDRESS,
      member: host < REPLICAS,
      clock: new SimulatedClock(scheduler, process, 1, 0),
      random: (bound) => random.int(bound),
      dropRate: dice,
    });
    process.transport = transport;
    return transport;
  };
  for (const host of [0, 1, 2, CLIENT, STRANGER]) {
    processes.push(new Process(scheduler, processes.length, host, `host ${host}`));
  }
  const [hostA, hostB, echo, hostClient, stranger] = processes as [
    ...[Process, Process, Process, Process, Process],
  ];
  const a = new Endpoint(start(hostA));
  const b = new Endpoint(start(hostB));
  const client = new Endpoint(start(hostClient));
  // The stranger proves its address, and nothing else that its transport does matters here.
  start(stranger);
  while (scheduler.step(PROVEN_US));

  return {
    ...{ name: "simulated", rough, a, b, client },
    turn() {
      // Time goes on when nothing happens.
      if (!scheduler.step(scheduler.nowUs + 1000)) scheduler.after(null, 1000, () => {});
    },
    now: () => scheduler.nowUs / 1000,
    hurry: () => {},
    inject({ destination, source, part, payload }) {
      network.send(stranger, {
        ...{ content: new PacketContent(payload.slice()), part, fromHost: STRANGER },
        ...{
          fromHigh: MAC_PREFIX,
          fromId: source,
          toHost: 0,
          toId: destination,
          group: false,
          intact: true,
        },
      });
    },
    foreign: [],
    drops: () => a.transport.drops,
    startEcho() {
      const transport = start(echo);
      transport.listen(0, (from, input) => {
        const bytes = all(input);
        transport.begin(0).bytes(bytes);
        transport.transmit(from);
      });
    },
    killEcho: () => echo.crash(),
    close: () => {},
  };
}
