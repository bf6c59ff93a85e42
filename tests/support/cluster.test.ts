// The harness of the protocols' tests, against every protocol: what a test believes about its
// cluster holds.

import { describe, expect, test } from "bun:test";
import type { Protocol } from "../../src/actor.ts";
import { encodeKvOperation } from "../../src/app/operation.ts";
import { hotstuff } from "../../src/protocol/chained/index.ts";
import { pbft } from "../../src/protocol/pbft/index.ts";
import { unreplicated, unreplicatedSigned } from "../../src/protocol/unreplicated/index.ts";
import { Cluster } from "./cluster.ts";
import type { Kinded } from "./packets.ts";

const CLIENT = 100;
const OP = encodeKvOperation({ kind: "put", key: Buffer.from("k"), value: Buffer.from("v") });

function suite<M extends Kinded, T extends string>(name: string, protocol: Protocol<M, T>): void {
  const n = protocol.faults === "none" ? 1 : 4;
  const make = () => new Cluster(protocol, { n });

  describe(name, () => {
    test("an operation completes in no more than the time that timers take", () => {
      const cluster = make();
      const invoked = cluster.invoke(CLIENT, OP);
      expect(invoked.result).toBe(undefined);
      expect(cluster.runUntil(() => invoked.result !== undefined, 1)).toBe(true);
      expect(invoked.result).not.toBe(null);
      for (const replica of cluster.replicas) expect(replica.census().executed).toBe(2);
      expect([cluster.forged, cluster.heard]).toEqual([0, []]);
    });

    test("what is dropped does not arrive, and what is asked again later does", () => {
      const cluster = make();
      cluster.drops = (_from, to) => to === CLIENT;
      const invoked = cluster.invoke(CLIENT, OP);
      expect(cluster.runUntil(() => invoked.result !== undefined, 20)).toBe(false);
      cluster.drops = () => false;
      expect(cluster.runUntil(() => invoked.result !== undefined)).toBe(true);
    });

    test("a replica that is stopped hears and sends nothing, and starts without a memory", () => {
      const cluster = make();
      for (let i = 0; i < n; i++) cluster.stop(i);
      const sent = cluster.trace.length;
      const invoked = cluster.invoke(CLIENT, OP);
      cluster.advance(1000);
      expect(invoked.result).toBe(undefined);
      expect(cluster.trace.slice(sent).every(({ from }) => from === CLIENT)).toBe(true);
      for (let i = 0; i < n; i++) cluster.start(i);
      expect(cluster.runUntil(() => invoked.result !== undefined)).toBe(true);
      cluster.start(0);
      expect(cluster.replica(0).census().executed).toBe(0);
    });

    test("a message is genuine if the replica signed it that it names", () => {
      const cluster = make();
      const { packets } = cluster;
      const invoked = cluster.invoke(CLIENT, OP);
      expect(cluster.runUntil(() => invoked.result !== undefined)).toBe(true);
      let forged = 0;
      for (const { from, message } of cluster.trace) {
        expect(packets.genuine(packets.carried(message, from))).toBe(true);
        const other = packets.decoded(packets.packetOf(message, from + 1));
        if (other === null || !packets.genuine(other)) forged++;
      }
      expect(forged > 0).toBe(protocol.signed);
    });

    test("a forged message is counted and does not arrive", () => {
      const cluster = make();
      cluster.drops = (_from, to) => to === CLIENT;
      cluster.invoke(CLIENT, OP);
      cluster.advance(1);
      const reply = cluster.trace.find(({ to }) => to === CLIENT);
      if (reply === undefined) throw new Error("clients are answered");
      cluster.drops = (from) => from === CLIENT;
      const { message } = reply;
      const sent = () => cluster.trace.filter(({ from }) => from === CLIENT).length;
      const before = sent();
      for (let i = 0; i < n; i++) cluster.inject(i, CLIENT, { ...message, replica: i }, i + 1);
      cluster.settle();
      // A client whose session is open sends its operation.
      expect([cluster.forged, sent() - before]).toEqual(protocol.signed ? [n, 0] : [0, 1]);
    });
  });
}

suite("unreplicated", unreplicated);
suite("unreplicated-signed", unreplicatedSigned);
suite("pbft", pbft);
suite("hotstuff", hotstuff);
