// The switch for UDP passes on what it gets in the right name, and does to it what its faults say.

import { afterEach, describe, expect, test } from "bun:test";
import { loadNative } from "../../src/ffi/native.ts";
import type { NetworkModel, PlacedNetwork } from "../../src/evaluation/network-model.ts";
import { UdpSwitch, type SwitchFaults } from "../../src/process/udp-switch.ts";
import { DatagramSocket, type Endpoint } from "../../src/transport/datagram-socket.ts";

const LOOPBACK = 0x7f000001;
const native = loadNative();
const NONE: SwitchFaults = {
  ...{ drop: 0, duplicate: 0, reorder: 0, corrupt: 0, delayMs: 0, seed: 1 },
};

interface Arrived {
  readonly text: string;
  readonly from: Endpoint;
}

/** Two replicas and a client around a switch. */
class Around {
  readonly replicas = [0, 1].map(() => this.#open());
  readonly client = this.#open();
  readonly hub: UdpSwitch;
  readonly seen: string[] = [];

  constructor(faults: Partial<SwitchFaults>, network: PlacedNetwork | null = null) {
    this.hub = new UdpSwitch({
      library: native,
      front: [],
      behind: this.replicas.map(({ endpoint }) => endpoint),
      faults: { ...NONE, ...faults },
      network,
      onDatagram: (from, to, bytes) => this.seen.push(`${from}-${to} ${bytes.toString()}`),
    });
    opened.push(this);
  }

  /** Sends to where the others find a replica. */
  send(from: DatagramSocket, to: Endpoint | undefined, ...texts: readonly string[]): void {
    if (to === undefined) throw new Error("nowhere");
    for (const text of texts) from.send(new TextEncoder().encode(text), to);
    from.flush();
  }

  arrived(at: DatagramSocket): readonly Arrived[] {
    const found: Arrived[] = [];
    while (
      at.receive((bytes, ip, port) => {
        found.push({ text: new TextDecoder().decode(bytes), from: { ip, port } });
      }) > 0
    );
    return found;
  }

  close(): void {
    for (const socket of [...this.replicas, this.client]) socket.close();
    this.hub.close();
  }

  #open(): DatagramSocket {
    return new DatagramSocket(native, { ip: LOOPBACK, port: 0 });
  }
}

const opened: Around[] = [];
afterEach(() => {
  for (const around of opened.splice(0)) around.close();
});

const texts = (arrived: readonly Arrived[]): readonly string[] => arrived.map(({ text }) => text);
const numbers = Array.from({ length: 200 }, (_, i) => String(i).padStart(3, "0"));

describe("the switch", () => {
  test("passes on between replicas in the sender's name", () => {
    const it = new Around({});
    const { hub, replicas } = it;
    const [zero, one] = replicas as [DatagramSocket, DatagramSocket];
    it.send(zero, hub.front[1], "hello");
    expect(hub.poll(0)).toBe(1);
    expect(it.arrived(one)).toEqual([{ text: "hello", from: hub.front[0] as Endpoint }]);
    expect(it.seen).toEqual([`0-1 ${new TextEncoder().encode("hello").toString()}`]);
  });

  test("gives each client a socket by which replicas answer", () => {
    const it = new Around({});
    const { hub, replicas, client } = it;
    const [zero, one] = replicas as [DatagramSocket, DatagramSocket];
    it.send(client, hub.front[0], "ask");
    hub.poll(0);
    const [asked] = it.arrived(zero);
    expect(asked?.text).toBe("ask");
    it.send(zero, asked?.from, "answer");
    // Another replica that was told the client's address.
    it.send(one, asked?.from, "answer too");
    hub.poll(0);
    const expected = [
      { text: "answer", from: hub.front[0] as Endpoint },
      { text: "answer too", from: hub.front[1] as Endpoint },
    ];
    expect(it.arrived(client)).toEqual(expected);
    it.send(client, asked?.from, "not for clients");
    hub.poll(0);
    expect(hub.counts.strayed).toBe(1);
  });

  test("loses what its dice say, the same for the same seed", () => {
    const kept = [1, 1, 2].map((seed) => {
      const it = new Around({ drop: 0.5, seed });
      const [zero, one] = it.replicas as [DatagramSocket, DatagramSocket];
      it.send(zero, it.hub.front[1], ...numbers);
      while (it.hub.poll(0) > 0);
      expect(it.hub.counts.dropped + it.hub.counts.forwarded).toBe(numbers.length);
      return texts(it.arrived(one));
    });
    expect(kept[0]?.length).toBeGreaterThan(60);
    expect(kept[0]?.length).toBeLessThan(140);
    expect(kept[1]).toEqual(kept[0] ?? []);
    expect(kept[2]).not.toEqual(kept[0] ?? []);
  });

  test("repeats, and flips one bit", () => {
    const it = new Around({ duplicate: 1, corrupt: 1 });
    const [zero, one] = it.replicas as [DatagramSocket, DatagramSocket];
    it.send(zero, it.hub.front[1], "aaaa");
    it.hub.poll(0);
    const found = it.arrived(one);
    expect(found).toHaveLength(2);
    for (const { text } of found) expect(text).not.toBe("aaaa");
    expect(it.hub.counts).toMatchObject({ duplicated: 1, corrupted: 2 });
  });

  test("delays, and holds some back behind later ones", () => {
    const it = new Around({ delayMs: 20, reorder: 0.3 });
    const [zero, one] = it.replicas as [DatagramSocket, DatagramSocket];
    it.send(zero, it.hub.front[1], ...numbers);
    for (let k = 0; k < 8; k++) it.hub.poll(k);
    expect(it.arrived(one)).toEqual([]);
    it.hub.poll(30);
    const soon = texts(it.arrived(one));
    expect(soon.length).toBeGreaterThan(100);
    expect(soon.length).toBeLessThan(numbers.length);
    it.hub.poll(100);
    const late = texts(it.arrived(one));
    expect([...soon, ...late]).not.toEqual(numbers);
    expect([...soon, ...late].sort()).toEqual(numbers);
  });
});

describe("with a network", () => {
  const roundTripMs = [
    [0, 20, 60],
    [20, 0, 100],
    [60, 100, 0],
  ];
  /** Replicas at a and b, the client at c; a bit takes a nanosecond unless told. */
  function network(more: Partial<NetworkModel> = {}): PlacedNetwork {
    const sites = ["a", "b", "c"];
    const texts = { name: "x", description: "x", source: "x", assumed: "x" };
    const model = { ...texts, sites, roundTripMs, bandwidthGbps: 1, ...more };
    const setting = { name: "x", sha256: "", replicas: ["a", "b"], clients: ["c"] };
    return { model, setting, replicas: [0, 1], clients: [2] };
  }

  test("each pair has its own latency, clients in the place of theirs", () => {
    const it = new Around({}, network());
    const { hub, replicas, client } = it;
    const [zero, one] = replicas as [DatagramSocket, DatagramSocket];
    it.send(zero, hub.front[1], "to one");
    it.send(client, hub.front[0], "ask");
    it.send(client, hub.front[1], "ask too");
    const seen = [0, 9, 11, 29, 31, 49, 51].map((nowMs) => {
      hub.poll(nowMs);
      return [...texts(it.arrived(zero)), ...texts(it.arrived(one))];
    });
    expect(seen).toEqual([[], [], ["to one"], [], ["ask"], [], ["ask too"]]);
  });

  test("a link carries so much and no more, and loses what waits too long", () => {
    // 84 bytes with headers: one a millisecond of each link.
    const slow = network({
      bandwidthGbps: (8 * 84) / 1e6,
      roundTripMs: [[0, 0, 0], [0, 0, 0], []],
    });
    const it = new Around({}, slow);
    const [zero, one] = it.replicas as [DatagramSocket, DatagramSocket];
    const sent = numbers.slice(0, 60).map((text) => text.padEnd(18, "."));
    it.send(zero, it.hub.front[1], ...sent);
    const counts = [0, 1.5, 2.5, 5.5, 100].map((nowMs) => {
      it.hub.poll(nowMs);
      it.hub.poll(nowMs);
      return texts(it.arrived(one)).length;
    });
    expect(counts).toEqual([0, 0, 1, 3, 47]);
    expect(it.hub.counts).toMatchObject({ forwarded: 51, congested: 9 });
  });

  test("jitter keeps the order of a pair, and loses its share", () => {
    const it = new Around({}, network({ jitterMs: 30, loss: [[0, 0.3, 0], [], []] }));
    const [zero, one] = it.replicas as [DatagramSocket, DatagramSocket];
    it.send(zero, it.hub.front[1], ...numbers);
    while (it.hub.poll(0) > 0);
    const arrived: string[] = [];
    for (let nowMs = 1; nowMs < 45; nowMs++) {
      it.hub.poll(nowMs);
      const found = texts(it.arrived(one));
      if (nowMs < 10) expect(found).toEqual([]);
      arrived.push(...found);
    }
    expect(arrived).toEqual([...arrived].sort());
    expect(arrived.length).toBe(numbers.length - it.hub.counts.dropped);
    expect(it.hub.counts.dropped).toBeGreaterThan(30);
    expect(it.hub.counts.dropped).toBeLessThan(90);
    it.send(one, it.hub.front[0], ...numbers);
    while (it.hub.poll(50) > 0);
    it.hub.poll(100);
    expect(it.arrived(zero)).toHaveLength(numbers.length);
  });
});
