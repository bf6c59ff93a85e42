// Shows what a plan means, and that everything wrong with one is told in a line that names it.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseOptions } from "../../src/cli/command-line.ts";
import { CLIENT, REPLICA } from "../../src/cli/definitions.ts";
import { EXTRAS } from "../../src/evaluation/plan-extras.ts";
import {
  clientArguments,
  describePoint,
  loadArguments,
  replicaArguments,
} from "../../src/evaluation/point.ts";
import { parsePlan } from "../../src/evaluation/sweep-plan.ts";
import { protocols } from "../../src/protocol/index.ts";
import { UsageError } from "../../src/base/errors.ts";
import { ROOT } from "../support/programs.ts";
import { POINT } from "../support/records.ts";

const parse = (plan: object) => parsePlan(JSON.stringify(plan), "plans/mine.json");

describe("a plan", () => {
  test("of one mode is one point with the defaults", () => {
    expect(parse({ mode: "pbft" })).toEqual({
      ...{ title: "mine", seconds: 2, warmSeconds: 1, profile: false, repetitions: 3, seed: 1 },
      points: [
        {
          ...{ mode: "pbft", transport: "dpdk", f: 1, clients: 1, clientProcesses: 1, rate: 0 },
          ...{ batch: 1, adaptive: false, workers: null, signature: "batch", app: "null" },
          ...{ opSize: 0, fault: "none", lossRate: 0 },
        },
      ],
    });
  });

  test("is every combination of its lists", () => {
    const { points } = parse({
      ...{ mode: ["pbft", "hotstuff"], clients: [1, 16], batch: [1, 100], workers: [null, 2] },
      ...{ signature: ["each", "batch"], opSize: [0, 1024], transport: ["dpdk", "udp"] },
    });
    expect(points).toHaveLength(2 ** 7);
    expect(new Set(points.map((point) => JSON.stringify(point))).size).toBe(2 ** 7);
    expect(points[0]).toMatchObject({ mode: "pbft", transport: "dpdk", clients: 1, workers: null });
    expect(points.at(-1)).toMatchObject({ mode: "hotstuff", transport: "udp", clients: 16 });
  });

  test("of several groups is all of them; a group's own values replace the plan's", () => {
    const { points } = parse({
      ...{ mode: "pbft", clients: [1, 2], batch: 100 },
      groups: [
        {},
        { clients: 8, fault: ["silent", "loss"], lossRate: 0.001 },
        { mode: "hotstuff" },
      ],
    });
    expect(
      points.map(({ mode, clients, batch, fault, lossRate }) => [
        ...[mode, clients, batch, fault, lossRate],
      ]),
    ).toEqual([
      ["pbft", 1, 100, "none", 0],
      ["pbft", 2, 100, "none", 0],
      ["pbft", 8, 100, "silent", 0],
      ["pbft", 8, 100, "loss", 0.001],
      ["hotstuff", 1, 100, "none", 0],
      ["hotstuff", 2, 100, "none", 0],
    ]);
  });

  test("what a protocol does not have makes no points of its own", () => {
    const { points } = parse({
      ...{ mode: ["unreplicated", "unreplicated-signed", "pbft"], batch: [1, 100] },
      ...{ workers: [1, 2], adaptive: [true, false], f: [1, 2], signature: ["each", "batch"] },
    });
    const of = (name: string) => points.filter(({ mode }) => mode === name);
    const counts = ["unreplicated", "unreplicated-signed", "pbft"].map((name) => of(name).length);
    expect(counts).toEqual([1, 4, 32]);
    for (const point of [...of("unreplicated"), ...of("unreplicated-signed")]) {
      expect(point).toMatchObject({ f: 0, batch: 1, adaptive: false });
    }
    expect(of("unreplicated")[0]).toMatchObject({ signature: "batch", workers: null });
    const lossy = { mode: "pbft", lossRate: [0.1, 0.2], fault: ["none", "loss"] };
    expect(parse(lossy).points).toHaveLength(3);
  });

  test("varies what is varied seldom, and has nothing of it where it is as usual", () => {
    const { points } = parse({
      ...{ mode: ["unreplicated", "pbft", "hotstuff"], leader: ["fixed", "rotate"] },
      ...{ checkpoint: [128, 64], slowLeader: "keep", thinkMs: [0, 2.5], crypto: null },
      ...{ viewTimeoutMs: 500, idle: null, mask: null, workload: null },
    });
    const of = (mode: string) => points.filter((point) => point.mode === mode);
    expect(of("unreplicated").map(({ extras }) => extras)).toEqual([undefined, { thinkMs: 2.5 }]);
    const keep = { slowLeader: "keep" };
    expect(of("pbft").map(({ extras }) => extras)).toEqual([
      ...[keep, { ...keep, checkpoint: 64 }, { ...keep, thinkMs: 2.5 }],
      { ...keep, thinkMs: 2.5, checkpoint: 64 },
    ]);
    expect(of("hotstuff")).toHaveLength(8);
    // So that results that were measured before such a key existed stay those of their points.
    expect(parse({ mode: "hotstuff", checkpoint: 128, leader: "fixed" })).toEqual(
      parse({ mode: "hotstuff" }),
    );
  });

  test("says what it varies to those who have it, on their command lines", () => {
    const others = { viewTimeoutMs: 700, idle: "busy", mask: "0x3", crypto: "noble" };
    const plan = {
      mode: "hotstuff",
      ...others,
      leader: "rotate",
      thinkMs: 2,
      workload: "contended",
    };
    const { points, ...settings } = parse(plan);
    const [point = POINT] = points;
    const both = [
      "--leader=rotate",
      "--workload=contended",
      "--view-timeout=700",
      "--crypto=noble",
      "--idle=busy",
    ];
    const ofReplicas = replicaArguments(point, settings);
    const ofClients = clientArguments(point, settings);
    const told = [...both, "--mask=0x3"];
    expect(ofReplicas.slice(-6)).toEqual(told);
    expect(ofClients.slice(-7)).toEqual([...told, "--think=2"]);
    const replica = ["-m", "hotstuff", "-c", "x", "-i", "0", ...ofReplicas];
    const client = ["-m", "hotstuff", "-c", "x", ...ofClients, ...loadArguments(point, 0)];
    expect(parseOptions(REPLICA, replica).text("mask")).toBe("0x3");
    expect(parseOptions(CLIENT, client).text("think")).toBe("2");
    expect(describePoint(point)).toContain("leader rotate, thinkMs 2, workload contended");
  });

  test("N14 a protocol's own usual checkpoint interval makes no point of its own", () => {
    const intervals = (mode: string) =>
      parse({ mode, checkpoint: [null, 128, 1024] }).points.map((point) => point.extras);
    expect(intervals("vr")).toEqual([undefined, { checkpoint: 1024 }]);
    expect(intervals("nopaxos")).toEqual([undefined, { checkpoint: 128 }, { checkpoint: 1024 }]);
  });

  test("FW8 what stamps is a point's where it is not what it would be anyway", () => {
    const sequencers = (plan: object) =>
      parse({ mode: "nopaxos", ...plan }).points.map(({ extras }) => extras?.["sequencer"]);
    const both = { sequencer: ["fabric", "process"] };
    expect(sequencers(both)).toEqual([undefined, "process"]);
    expect(sequencers({ sequencer: "process", transport: "udp" })).toEqual([undefined]);
    expect(sequencers({ sequencer: "process", opSize: [0, 4096] })).toEqual(["process", undefined]);
    expect(sequencers({ mode: "pbft", sequencer: "process" })).toEqual([undefined]);
    const settings = parse({ mode: "nopaxos", sequencer: "process" });
    const [point = POINT] = settings.points;
    expect(describePoint(point)).toContain("sequencer process");
    const words = [...replicaArguments(point, settings), ...clientArguments(point, settings)];
    expect(words.filter((word) => word.includes("sequencer"))).toEqual([]);
    const fabric = { mode: "nopaxos", sequencer: "fabric" };
    expect(() => parse({ ...fabric, transport: "udp" })).toThrow(
      "sequencer fabric: goes with transport dpdk",
    );
    expect(() => parse({ ...fabric, opSize: 4096 })).toThrow(
      "sequencer fabric: stamps single packets; opSize goes beyond one",
    );
    expect(() => parse({ mode: "nopaxos", sequencer: "switch" })).toThrow("sequencer");
  });

  test("a network is between all processes, and no option of replicas and clients", () => {
    const { points, ...settings } = parse({ mode: "pbft", network: [null, "wan"] });
    expect(points.map(({ extras }) => extras)).toEqual([undefined, { network: "wan" }]);
    const [, point = POINT] = points;
    expect(describePoint(point)).toContain("network wan");
    const words = [...replicaArguments(point, settings), ...clientArguments(point, settings)];
    expect(words.filter((word) => word.includes("network"))).toEqual([]);
    expect(() => parse({ mode: "pbft", network: 7 })).toThrow("network: 7: expected a text");
  });

  test("every option of replicas and clients is a key of plans, or is the same in all runs", () => {
    const same = [
      "mode",
      "config",
      "id",
      "role",
      "instance",
      "link",
      "fabric",
      "fabric-port",
      "port",
      "share",
    ];
    const others = [
      "eal",
      "json",
      "history",
      "seconds",
      "warm",
      "profile",
      "census",
      "drop",
      "clients",
      "client-key",
    ];
    const keyed = ["app", "op-size", "rate", "batch", "adaptive", "workers", "signature"];
    const extras = [...EXTRAS.values()].map(({ option }) => option);
    const known = new Set([...same, ...others, ...keyed, ...extras]);
    const names = Object.keys({ ...CLIENT.args, ...REPLICA.args });
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  test("a key that is there twice", () => {
    const text = '{"mode": "pbft", "groups": [{"clients": 1, "batch": 2, "clients": 8}]}';
    expect(() => parsePlan(text, "p.json")).toThrow('"clients" is there twice in one object');
  });

  test("the plans in docs are plans, and have every protocol", () => {
    for (const name of ["quick", "all", "protocols", "sizes", "ycsb"]) {
      const path = join(ROOT, `docs/plans/${name}.json`);
      const { points } = parsePlan(readFileSync(path, "utf8"), path);
      const modes = new Set(points.map(({ mode }) => mode));
      expect([...modes].sort()).toEqual([...protocols.keys()].sort());
    }
  });
});

describe("refused", () => {
  const pbft = { mode: "pbft" };
  test.each([
    [{}, "mode is missing: unreplicated, unreplicated-signed, pbft"],
    [{ ...pbft, clinets: 1 }, "clinets: no such key; there are title, seconds"],
    [{ mode: "paxos" }, 'mode: "paxos": expected unreplicated'],
    [{ mode: "PBFT" }, 'mode: "PBFT": expected unreplicated'],
    [{ mode: [] }, "mode: an empty list: unreplicated"],
    [{ mode: ["pbft", "pbft"] }, 'mode: "pbft" twice'],
    [{ mode: null }, "mode: null: expected unreplicated"],
    [{ ...pbft, transport: "tcp" }, 'transport: "tcp": expected dpdk, udp'],
    [{ ...pbft, f: 0 }, "f: 0: expected a whole number from 1 to 20"],
    [{ ...pbft, clients: 0 }, "clients: 0: expected a whole number from 1 to"],
    [{ ...pbft, clients: "8" }, 'clients: "8": expected a whole number'],
    [{ ...pbft, clients: [1, 2.5] }, "clients: 2.5: expected a whole number"],
    [{ ...pbft, clients: [[1]] }, "clients: [1]: expected a whole number"],
    [{ ...pbft, clientProcesses: 17 }, "clientProcesses: 17: expected a whole number from 1 to 16"],
    [{ ...pbft, clientProcesses: 2 }, "clientProcesses 2: more than the 1 clients"],
    [{ ...pbft, clients: 40_000 }, "clients 40000: at most 32768 in each of clientProcesses"],
    [{ ...pbft, rate: -1 }, "rate: -1: expected a number from 0 to"],
    [{ ...pbft, replySize: -1 }, "replySize: -1: expected a whole number from 0 to 1048576"],
    [{ ...pbft, app: "kv", replySize: 4 }, "replySize: kv gives results of its own size"],
    [{ ...pbft, mtu: 1400 }, "mtu: 1400: expected a whole number from 1500 to 65535, or null"],
    [{ ...pbft, mtu: 9001 }, "mtu 9001: at most 9000 over dpdk"],
    [{ ...pbft, batchBytes: 100 }, "batchBytes: 100: expected a whole number from 1024 to 1048576"],
    [{ ...pbft, batch: 0 }, "batch: 0: expected a whole number from 1 to 65536"],
    [{ ...pbft, batch: null }, "batch: null: expected a whole number"],
    [{ ...pbft, adaptive: "yes" }, 'adaptive: "yes": expected true or false'],
    [{ ...pbft, workers: -1 }, "workers: -1: expected a whole number from 0 to 256, or null"],
    [{ ...pbft, signature: "none" }, 'signature: "none": expected each, batch'],
    [{ ...pbft, app: "sql" }, 'app: "sql": expected null, kv'],
    [{ ...pbft, opSize: 2 ** 21 }, "opSize: 2097152: expected a whole number from 0 to 1048576"],
    [{ ...pbft, fault: "fire" }, 'fault: "fire": expected none, silent, loss'],
    [{ ...pbft, fault: "loss", lossRate: 1 }, "lossRate: 1: expected a number from"],
    [{ mode: "unreplicated", batch: 8 }, "batch: unreplicated has none"],
    [{ mode: ["unreplicated", "unreplicated-signed"], f: 2 }, "f: unreplicated, unreplicated-"],
    [{ mode: "unreplicated", workers: 1 }, "workers: unreplicated has none"],
    [{ ...pbft, leader: "rotate" }, "leader: pbft has none"],
    [
      { ...pbft, groups: [{}, { mode: "unreplicated", adaptive: true }] },
      "groups[1]: adaptive: unreplicated has none",
    ],
    [{ ...pbft, lossRate: 0.1 }, "lossRate: goes with the fault loss"],
    [
      { ...pbft, groups: [{ fault: "loss" }, { lossRate: 0.1 }] },
      "groups[1]: lossRate: goes with the fault loss",
    ],
    [{ mode: "unreplicated", fault: "silent" }, "fault silent: unreplicated has one replica only"],
    [{ ...pbft, seconds: 0 }, "seconds: 0: expected a number from 0.1"],
    [{ ...pbft, seconds: [1, 2] }, "seconds: [1,2]: expected a number"],
    [{ ...pbft, warmSeconds: "1" }, 'warmSeconds: "1": expected a number'],
    [{ ...pbft, profile: 1 }, "profile: 1: expected true or false"],
    [{ ...pbft, groups: [{ profile: true }] }, "groups[0]: profile: no such key; there are mode"],
    [{ ...pbft, repetitions: 0 }, "repetitions: 0: expected a whole number from 1"],
    [{ ...pbft, seed: -1 }, "seed: -1: expected a whole number from 0"],
    [{ ...pbft, title: "  " }, 'title: "  ": expected a text'],
    [{ ...pbft, thinkMs: -1 }, "thinkMs: -1: expected a number from 0 to 1000000, or null"],
    [{ ...pbft, thinkMs: 1, rate: 5 }, "thinkMs and rate exclude each other"],
    [{ ...pbft, leader: "none" }, 'leader: "none": expected fixed, rotate, reputation, or null'],
    [{ ...pbft, checkpoint: 0 }, "checkpoint: 0: expected a whole number from 1 to 1024"],
    [{ ...pbft, mask: "cores" }, 'mask: "cores": expected hexadecimal digits, or null'],
    [{ ...pbft, idle: "wait" }, 'idle: "wait": expected busy, yield, auto, park, sleep, or null'],
    [{ ...pbft, groups: [] }, "groups: expected a list of objects that is not empty"],
    [{ ...pbft, groups: {} }, "groups: expected a list of objects that is not empty"],
    [{ ...pbft, groups: [1] }, "groups[0]: expected an object"],
    [{ ...pbft, groups: [{}, { seconds: 1 }] }, "groups[1]: seconds: no such key; there are mode"],
    [{ ...pbft, groups: [{ batch: [] }] }, "groups[0]: batch: an empty list"],
    [{ groups: [{ mode: "pbft" }, {}] }, "groups[1]: mode is missing"],
    [{ ...pbft, clients: range(101), opSize: range(101) }, "10201 combinations; at most 10000"],
  ] as const)("%j", (plan, expected) => {
    const message = messageOf(() => parse(plan));
    expect(message).toStartWith("plans/mine.json: ");
    expect(message).toContain(expected);
    expect(message).not.toContain("\n");
  });

  test.each(["", "[]", "null", "{", '{"mode": "pbft",}', '"pbft"'])(
    "what is no object: %s",
    (text) => {
      expect(messageOf(() => parsePlan(text, "p.json"))).toMatch(
        /^p.json: (not JSON: .*|expected an object)$/,
      );
    },
  );
});

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Of the UsageError that this throws. */
function messageOf(run: () => void): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return error instanceof Error ? error.message : "";
  }
  throw new Error("it was accepted");
}
