// Shows that a protocol's own options are shown together, taken by those that have them, and
// refused elsewhere.

import { expect, test } from "bun:test";
import type { AnyProtocol } from "../../src/actor.ts";
import { parseOptions } from "../../src/cli/command-line.ts";
import { protocolArgs, readProtocolOptions } from "../../src/cli/protocol-options.ts";
import { REPLICA } from "../../src/cli/definitions.ts";
import { PROTOCOL_DEFAULTS, type ProtocolOption } from "../../src/protocol-config.ts";
import { configured, protocols } from "../../src/protocol/index.ts";

function option(values: ProtocolOption["values"], description: string): ProtocolOption {
  const delays = new Map(values.map((value, i) => [value, i]));
  return {
    values,
    description,
    configure: (value, config) => ({ ...config, flushDelayMs: delays.get(value) ?? -1 }),
  };
}

function withOptions(options: readonly (readonly [string, ProtocolOption])[]): AnyProtocol {
  const [[, one] = []] = protocols;
  if (one === undefined) throw new Error("the registry has a protocol");
  return { ...one, options: new Map(options) };
}

const pace = option(["slow", "fast"], "how fast");
const three = new Map([
  ["a", withOptions([["pace", pace]])],
  ["b", withOptions([["pace", pace]])],
  [
    "c",
    withOptions([
      ["pace", option(["fast", "mad"], "how mad")],
      ["only", option(["x"], "its own")],
    ]),
  ],
]);

const read = (modes: readonly string[], ...argv: readonly string[]) => {
  const command = { name: "x", description: "x", args: protocolArgs(three) };
  return readProtocolOptions(parseOptions(command, argv), three, modes);
};

test("options of one name are one, with what each protocol makes of it", () => {
  expect(protocolArgs(three)).toEqual({
    pace: {
      type: "enum",
      options: ["slow", "fast", "mad"],
      description: "a, b: how fast (default: slow); c: how mad (default: fast)",
    },
    only: { type: "enum", options: ["x"], description: "c: its own (default: x)" },
  });
});

test("what is given is read, by whoever has it", () => {
  expect(read(["a"])).toEqual(new Map());
  expect(read(["a"], "--pace", "fast")).toEqual(new Map([["pace", "fast"]]));
  expect(read(["a", "c"], "--only", "x")).toEqual(new Map([["only", "x"]]));
});

test("an option of another protocol, and a value of another's, are refused in one line", () => {
  expect(() => read(["a", "b"], "--only", "x")).toThrow("--only: c has it, not a, b");
  expect(() => read(["a"], "--pace", "mad")).toThrow("--pace mad: a expects slow, fast");
  expect(() => read(["c"], "--pace", "slow")).toThrow("--pace slow: c expects fast, mad");
});

test("an option of all protocols is refused where it changes nothing", () => {
  const command = { name: "x", description: "x", args: REPLICA.args };
  const given = (modes: readonly string[], ...argv: readonly string[]) => {
    const required = ["-m", "pbft", "-c", "x", "-i", "0"];
    return readProtocolOptions(parseOptions(command, [...required, ...argv]), protocols, modes);
  };
  const signing =
    "unreplicated-signed, pbft, hotstuff, hotstuff2, jolteon, tendermint, streamlet, zyzzyva";
  const cases = [
    [
      ["unreplicated"],
      ["-b", "9"],
      "--batch: pbft, hotstuff, vr, nopaxos, hotstuff2, jolteon, tendermint, streamlet, zyzzyva have it, not unreplicated",
    ],
    [
      ["unreplicated"],
      ["--adaptive"],
      "--adaptive: pbft, hotstuff, vr, nopaxos, hotstuff2, jolteon, tendermint, streamlet, zyzzyva have it, not unreplicated",
    ],
    [
      ["unreplicated-signed"],
      ["--checkpoint", "9"],
      "--checkpoint: pbft, hotstuff, vr, nopaxos, hotstuff2, jolteon, tendermint, streamlet, zyzzyva have it",
    ],
    [["unreplicated"], ["-w", "1"], `--workers: ${signing} have it, not unreplicated`],
    [["unreplicated"], ["--crypto", "noble"], `--crypto: ${signing} have it, not unreplicated`],
    [["unreplicated"], ["--signature", "each"], `--signature: ${signing} have it`],
    // Clients that sign do so by trees.
    [
      ["vr"],
      ["--signature", "hybrid", "--request-auth", "sign"],
      `--signature hybrid: ${signing} have it, not vr`,
    ],
  ] as const;
  for (const [modes, argv, line] of cases) {
    expect(() => given(modes, ...argv)).toThrow(line);
    expect(given([...modes, "pbft"], ...argv)).toEqual(new Map());
  }
  expect(given(["unreplicated-signed"], "-w", "1", "--view-timeout", "9")).toEqual(new Map());
});

test("a configuration has what options make of it, their defaults if they are not given", () => {
  const config = { ...PROTOCOL_DEFAULTS, n: 1, f: 0, leader: () => 0 };
  const [a = withOptions([]), c = a] = [three.get("a"), three.get("c")];
  expect(configured(withOptions([]), config, new Map())).toEqual(config);
  expect(configured(a, config, new Map()).flushDelayMs).toBe(0);
  expect(configured(a, config, new Map([["pace", "fast"]])).flushDelayMs).toBe(1);
  expect(configured(c, config, new Map([["only", "x"]])).flushDelayMs).toBe(0);
});

test("the leader of HotStuff stays for a tenure, or for a view", () => {
  const hotstuff = protocols.get("hotstuff");
  if (hotstuff === undefined) throw new Error("no hotstuff");
  const config = { ...PROTOCOL_DEFAULTS, n: 4, f: 1, leader: () => 0 };
  const leaders = (given: ReadonlyMap<string, string>) => {
    const { leader, tenure = 1 } = configured(hotstuff, config, given);
    return [0, 1, 5, tenure].map((view) => leader(view));
  };
  expect(leaders(new Map())).toEqual([0, 0, 0, 1]);
  expect(leaders(new Map([["leader", "rotate"]]))).toEqual([0, 1, 1, 1]);
});
