// Shows what configuration files say, and that each line that says nothing sensible is named by
// file and number.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  formatAddress,
  ID_MAX,
  parseAddress,
  parseDeployConfig,
  readDeployConfig,
  REPLICAS_MAX,
} from "../src/config.ts";
import { UsageError } from "../src/base/errors.ts";

/** The one line that the user sees; what is no UsageError fails the test. */
function problem(text: string): string {
  try {
    parseDeployConfig("x.config", text);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "no problem";
}

const GROUP = "x.config:2: 'group': there are no shards, one cluster a file; remove the line";

describe("good files", () => {
  test("deploy/quad.config", () => {
    const quad = readDeployConfig(join(import.meta.dir, "../deploy/quad"));
    expect({ f: quad.f, transport: quad.transport }).toEqual({ f: 1, transport: "dpdk" });
    expect(quad.replicas.map(formatAddress)).toEqual([
      "12:34:56:aa:aa:aa%0",
      "12:34:56:bb:bb:bb%0",
      "12:34:56:cc:cc:cc%0",
      "12:34:56:dd:dd:dd%0",
    ]);
    expect(quad.multicast === null ? null : formatAddress(quad.multicast)).toBe(
      "01:00:5e:00:00:01%255",
    );
  });

  test("comments, blank lines, Windows line ends, any order", () => {
    const text =
      "# head\r\n\r\n  replica\t10.0.0.1:5000%0 # one\r\n" +
      "replica 10.0.0.1:5001%1\r\nreplica 10.0.0.2:5000%0\r\nf 0#zero";
    const config = parseDeployConfig("x.config", text);
    expect({ ...config, replicas: config.replicas.map(formatAddress) }).toEqual({
      path: "x.config",
      f: 0,
      replicas: ["10.0.0.1:5000%0", "10.0.0.1:5001%1", "10.0.0.2:5000%0"],
      roles: new Map(),
      multicast: null,
      transport: "udp",
    });
  });

  test("processes of other roles, in the order of their lines", () => {
    const text =
      "f 0\nrole a 10.0.0.1:1%0\nreplica 10.0.0.1:2%0\nrole b 10.0.0.1:3%0\nrole a 10.0.0.1:4%0";
    const roles = [...parseDeployConfig("x.config", text).roles];
    expect(roles.map(([name, addresses]) => [name, addresses.map(formatAddress)])).toEqual([
      ["a", ["10.0.0.1:1%0", "10.0.0.1:4%0"]],
      ["b", ["10.0.0.1:3%0"]],
    ]);
  });

  test("an address is six bytes and an id", () => {
    const host = Uint8Array.of(0x12, 0x34, 0x56, 0xaa, 0xbb, 0xcc);
    expect(parseAddress("12:34:56:AA:bb:Cc%7")).toEqual({ kind: "mac", host, id: 7 });
    expect(parseAddress("1.2.3.255:513%32767")).toEqual({
      ...{ kind: "ipv4", host: Uint8Array.of(1, 2, 3, 255, 2, 1), id: ID_MAX },
    });
  });

  test("addresses are printed as they are read", () => {
    const byte = fc.nat(255);
    const id = fc.nat(ID_MAX);
    const host = fc.uint8Array({ minLength: 6, maxLength: 6 });
    const mac = fc.record({ kind: fc.constant("mac" as const), host, id });
    const port = fc.integer({ min: 1, max: 65_535 });
    const ipv4 = fc.tuple(byte, byte, byte, byte, port, id).map(([a, b, c, d, port, id]) => ({
      kind: "ipv4" as const,
      host: Uint8Array.of(a, b, c, d, port >> 8, port & 255),
      id,
    }));
    fc.assert(
      fc.property(fc.oneof(mac, ipv4), (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });
});

describe("bad lines", () => {
  const address = "expected 12:34:56:aa:aa:aa%0 or 10.0.0.1:5000%0, id at most 32767";
  const none = (text: string) => `x.config:2: '${text}' is no address; ${address}`;

  test.each([
    ["f", "x.config:2: 'f' takes one value"],
    ["f 1 2", "x.config:2: 'f' takes one value"],
    ["f -1", "x.config:2: 'f -1': expected a number from 0 to 85"],
    ["f 1.5", "x.config:2: 'f 1.5': expected a number from 0 to 85"],
    ["f one", "x.config:2: 'f one': expected a number from 0 to 85"],
    ["f 86", "x.config:2: 'f 86': expected a number from 0 to 85"],
    ["f 1\nf 1", "x.config:3: 'f' was set before"],
    ["group", GROUP],
    ["group 1", GROUP],
    ["replica 12:34:56:aa:aa:aa%0\ngroup", GROUP.replace(":2:", ":3:")],
    ["replica", "x.config:2: 'replica' takes one value"],
    ["replica # 12:34:56:aa:aa:aa%0", "x.config:2: 'replica' takes one value"],
    ["replica 12:34:56:aa:aa:aa%0 x", "x.config:2: 'replica' takes one value"],
    ["Replica 12:34:56:aa:aa:aa%0", unknown("Replica")],
    ["servers 4", unknown("servers")],
    ["bogus", unknown("bogus")],
    ...[
      ...["12:34:56:aa:aa:aa", "12:34:56:aa:aa%0", "12:34:56:aa:aa:aa:aa%0", "12:34:56:aa:aa:ag%0"],
      ...[
        "1:34:56:aa:aa:aa%0",
        "12-34-56-aa-aa-aa%0",
        "12:34:56:aa:aa:aa%",
        "12:34:56:aa:aa:aa%-1",
      ],
      ...["12:34:56:aa:aa:aa%32768", "12:34:56:aa:aa:aa%0%0", "12:34:56:aa:aa:aa%x", "%0"],
      ...["10.0.0.1%0", "10.0.0.1:%0", "10.0.0.1:0%0", "10.0.0.1:65536%0", "10.0.0.256:1%0"],
      ...["10.0.0:1%0", "10.0.0.0.1:1%0", "10.0.0.1:5000", "host:5000%0", "[::1]:5000%0"],
    ].map((text) => [`replica ${text}`, none(text)] as const),
    ...(
      [
        ["01:00:5e:00:00:01%0", "a multicast address"],
        ["ff:ff:ff:ff:ff:ff%0", "the broadcast address"],
        ["00:00:00:00:00:00%0", "the address of no port"],
        ["0.0.0.0:5000%0", "the address of no host: nobody can send there"],
        ["0.1.2.3:5000%0", "the address of no host: nobody can send there"],
        ["224.0.0.1:5000%0", "a multicast address"],
        ["239.255.255.255:5000%0", "a multicast address"],
        ["240.0.0.1:5000%0", "a reserved address"],
        ["255.255.255.255:5000%0", "the broadcast address"],
      ] as const
    ).flatMap(([word, what]) =>
      ["replica", "role sequencer"].map(
        (keyword) => [`${keyword} ${word}`, `x.config:2: ${word} is ${what}`] as const,
      ),
    ),
    [
      "replica 12:34:56:aa:aa:aa%128",
      "x.config:2: 12:34:56:aa:aa:aa%128: the id of a replica is at most 127",
    ],
    [
      "replica 12:34:56:aa:aa:aa%0\n\nreplica 12:34:56:AA:AA:AA%00",
      `x.config:4: 12:34:56:AA:AA:AA%00: ${same("MAC address", 2)}`,
    ],
    [
      "replica 12:34:56:aa:aa:aa%0\nreplica 12:34:56:aa:aa:aa%1",
      `x.config:3: 12:34:56:aa:aa:aa%1: ${same("MAC address", 2)}`,
    ],
    [
      "replica 10.0.0.1:5000%0\nreplica 10.0.0.1:5000%1",
      `x.config:3: 10.0.0.1:5000%1: ${same("address and port", 2)}`,
    ],
    ["role", "x.config:2: 'role' takes a name and an address"],
    ["role sequencer", "x.config:2: 'role' takes a name and an address"],
    ["role sequencer 12:34:56:aa:aa:aa%0 x", "x.config:2: 'role' takes a name and an address"],
    ["role 2nd 12:34:56:aa:aa:aa%0", "x.config:2: '2nd' is no name of a role"],
    ["role sequencer x%1", none("x%1")],
    [
      "role sequencer 12:34:56:aa:aa:aa%128",
      "x.config:2: 12:34:56:aa:aa:aa%128: the id of a sequencer is at most 127",
    ],
    [
      "replica 12:34:56:aa:aa:aa%0\nrole sequencer 12:34:56:aa:aa:aa%0",
      `x.config:3: 12:34:56:aa:aa:aa%0: ${same("MAC address", 2)}`,
    ],
    ["multicast", "x.config:2: 'multicast' takes one value"],
    ["multicast x%1", none("x%1")],
    ["multicast 10.0.0.1:5000%1", "x.config:2: multicast takes a MAC address"],
    [
      "multicast 01:80:c2:00:00:0e%1",
      "x.config:2: 01:80:c2:00:00:0e%1 is a group that switches do not forward",
    ],
    ["multicast 12:34:56:aa:aa:aa%1", "x.config:2: 12:34:56:aa:aa:aa%1 is not a multicast address"],
    [
      "multicast 01:00:5e:00:00:01%255\nmulticast 01:00:5e:00:00:01%255",
      "x.config:3: 'multicast' was set before",
    ],
  ])("%j", (lines, message) => {
    expect(problem(`# first\n${lines}\n`)).toBe(message);
  });

  function same(what: string, line: number): string {
    return `the same ${what} as on line ${line}; each process needs one of its own`;
  }

  function unknown(word: string): string {
    return `x.config:2: unknown keyword '${word}'; there are f, replica, role and multicast`;
  }
});

describe("files that lack something", () => {
  const mac = "replica 12:34:56:aa:aa:aa%0";
  const many = Array.from({ length: REPLICAS_MAX + 1 }, (_, i) => `replica 10.0.0.1:${i + 1}%0`);

  test.each([
    ["", "x.config: no 'f' line"],
    [mac, "x.config: no 'f' line"],
    ["f 1", "x.config: no 'replica' line"],
    [`f 1\n${mac}\nreplica 10.0.0.1:1%0`, "x.config: MAC and IPv4 addresses cannot be mixed"],
    [
      "f 0\nreplica 10.0.0.1:1%0\nmulticast 01:00:5e:00:00:01%255",
      "x.config: a multicast line needs replicas with MAC addresses",
    ],
    [
      `f 0\n${mac}\nmulticast 01:00:5e:00:00:01%0`,
      "x.config: the multicast id 0 is also that of a replica",
    ],
    [["f 0", ...many].join("\n"), "x.config: 257 replicas; at most 256"],
  ])("%j", (text, message) => {
    expect(problem(text)).toBe(message);
  });

  test("as many replicas as there may be are fine", () => {
    expect(problem(["f 85", ...many.slice(1)].join("\n"))).toBe("no problem");
  });

  test("no text throws anything but a UsageError", () => {
    const word = fc.constantFrom("f", "replica", "multicast", "group", "12:34:56:aa:aa:aa%0", "1");
    const line = fc.array(fc.oneof(word, fc.string()), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        const said = problem(lines.map((words) => words.join(" ")).join("\n"));
        expect(said === "no problem" || said.startsWith("x.config:")).toBe(true);
      }),
    );
  });
});

describe("reading", () => {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "oskr-config-"));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test("a missing file is named with what -c wants", () => {
    expect(() => readDeployConfig(join(directory, "none"))).toThrow(
      new UsageError(`${directory}/none.config: no such file; -c takes its name without .config`),
    );
  });

  test("what cannot be read is named", () => {
    mkdirSync(join(directory, "folder.config"));
    expect(() => readDeployConfig(join(directory, "folder"))).toThrow(UsageError);
  });

  test("messages name the file as it was given", () => {
    writeFileSync(join(directory, "bad.config"), "f 1\nf 2\n");
    expect(() => readDeployConfig(join(directory, "bad"))).toThrow(
      new UsageError(`${directory}/bad.config:2: 'f' was set before`),
    );
  });
});
