// Shows which hosts of a lab can be replicas and sequencers by their addresses.

import { expect, test } from "bun:test";
import {
  judgeAddresses,
  type LabAddresses,
  type Reached,
} from "../../src/cluster/lab-addresses.ts";

function judge(addresses: readonly string[], multicast = "", reached: readonly Reached[] = []) {
  const { roles, ...verdict } = judgeAddresses(lab(addresses, [], { multicast, reached }));
  expect(roles).toEqual([]);
  return verdict;
}

function lab(
  addresses: readonly string[],
  sequencers: readonly string[],
  more: Partial<LabAddresses> = {},
): LabAddresses {
  return {
    replicas: addresses.map((address, i) => ({ name: `r${i}`, address })),
    sequencers: sequencers.map((address, i) => ({ name: `s${i}`, address })),
    ...{ mode: "pbft", multicast: "", reached: [], ...more },
  };
}

const mac = (last: string, id = 0) => `12:34:56:aa:aa:${last}%${id}`;
const ipv4 = (last: number) => `10.0.0.${last}:5000%0`;

test("addresses with which replicas can work", () => {
  expect(judge([mac("00"), mac("01")])).toEqual({ problems: {}, transport: "dpdk" });
  expect(judge([ipv4(1), ipv4(2)])).toEqual({ problems: {}, transport: "udp" });
  const group = judge([mac("00"), mac("01")], "01:00:5e:00:00:01%255");
  expect(group).toEqual({ problems: {}, transport: "dpdk" });
});

test("equal ones are told of both hosts, and of no other", () => {
  const same = "the same MAC address as";
  expect(judge([mac("00"), mac("01"), mac("00", 1)]).problems).toEqual({
    r0: `oskr_address ${mac("00")}: ${same} of r2; each process needs one of its own`,
    r2: `oskr_address ${mac("00", 1)}: ${same} of r0; each process needs one of its own`,
  });
});

test("missing and impossible ones are told of their hosts", () => {
  const malformed = "expected 12:34:56:aa:aa:aa%0 or 10.0.0.1:5000%0, id at most 32767";
  expect(judge([ipv4(1), "", "0.0.0.0:5000%0", ipv4(256), "224.0.0.1:1%0"]).problems).toEqual({
    r1: "no oskr_address",
    r2: "oskr_address 0.0.0.0:5000%0 is the address of no host: nobody can send there",
    r3: `oskr_address '${ipv4(256)}' is no address; ${malformed}`,
    r4: "oskr_address 224.0.0.1:1%0 is a multicast address",
  });
  expect(judge(["", ""])).toEqual({
    problems: { r0: "no oskr_address", r1: "no oskr_address" },
    transport: null,
  });
});

test("a machine's own are told where there are others, by ssh or in another way", () => {
  const own = ["127.0.0.1:5000%0", "127.1.2.3:5001%0"];
  const problems = {
    r0: "oskr_address 127.0.0.1:5000%0 is every machine's own: others cannot send there",
    r1: "oskr_address 127.1.2.3:5001%0 is every machine's own: others cannot send there",
  };
  const ssh = (host: string, name: string): Reached => ["ssh", host, name];
  const judged = (...reached: readonly Reached[]) => judge(own, "", reached).problems;
  expect(judged(ssh("", "r0"), ssh("", "r1"))).toEqual(problems);
  expect(judged(ssh("10.0.0.1", "r0"), ["local", "", "c0"])).toEqual(problems);
  expect(judged(ssh("10.0.0.1", "r0"), ssh("10.0.0.1", "r1"))).toEqual({});
  expect(judged(["local", "", "r0"], ["local", "", "c0"])).toEqual({});
});

test("those of another kind than the first are told", () => {
  const problem = "MAC and IPv4 addresses cannot be mixed";
  expect(judge([ipv4(1), mac("00"), ipv4(2)]).problems).toEqual({ r1: problem });
});

test("a group's address that is none, or that UDP has no use for, is told of all", () => {
  const wrong = "oskr_multicast: 12:34:56:aa:aa:09%9 is not a multicast address";
  expect(judge([mac("00"), mac("01")], mac("09", 9)).problems).toEqual({ r0: wrong, r1: wrong });
  const udp = "oskr_multicast: a multicast line needs replicas with MAC addresses";
  expect(judge([ipv4(1)], "01:00:5e:00:00:01%255").problems).toEqual({ r0: udp });
});

test("FW8 sequencers have addresses of their own, of the replicas' kind", () => {
  const replicas = [ipv4(1), ipv4(2), ipv4(3)];
  const problems = (sequencers: readonly string[], more: Partial<LabAddresses> = {}) =>
    judgeAddresses(lab(replicas, sequencers, more)).problems;
  const same = "the same address and port as";
  expect(problems([ipv4(4), ipv4(5)])).toEqual({});
  expect(problems([ipv4(4), ipv4(2)])).toEqual({
    r1: `oskr_address ${ipv4(2)}: ${same} of s1; each process needs one of its own`,
    s1: `oskr_address ${ipv4(2)}: ${same} of r1; each process needs one of its own`,
  });
  expect(problems([""])).toEqual({ s0: "no oskr_address" });
  expect(problems(["10.0.0.4:5000%128"])).toEqual({
    s0: "oskr_address 10.0.0.4:5000%128: the id of a sequencer is at most 127",
  });
  expect(problems([mac("00")])).toEqual({ s0: "MAC and IPv4 addresses cannot be mixed" });
  const reached: readonly Reached[] = [
    ["ssh", "10.0.0.1", "r0"],
    ["ssh", "10.0.0.2", "s0"],
  ];
  expect(problems(["127.0.0.1:5000%0"], { reached })["s0"]).toContain("every machine's own");
});

test("FW8 a mode has as many sequencers as it needs, and others do without them", () => {
  const replicas = [mac("00"), mac("01"), mac("02")];
  const judged = (mode: string, count: number) => {
    const sequencers = Array.from({ length: count }, (_, i) => mac(`1${i}`));
    return judgeAddresses(lab(replicas, sequencers, { mode, multicast: "01:00:5e:00:00:01%255" }));
  };
  const needs = "nopaxos needs hosts in [sequencers]";
  expect(judged("nopaxos", 0)).toEqual({
    problems: { r0: needs, r1: needs, r2: needs },
    ...{ transport: "dpdk", roles: ["sequencer"] },
  });
  expect(judged("nopaxos", 2)).toEqual({ problems: {}, transport: "dpdk", roles: ["sequencer"] });
  expect(judged("pbft", 2)).toEqual({ problems: {}, transport: "dpdk", roles: [] });
  expect(judged("nopaxos", 9).problems["r0"]).toBe("9 hosts in [sequencers]; at most 8");
});
