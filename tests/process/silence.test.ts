// Shows what is said where no answer comes: whether anything does, what was dropped, and what that
// may mean.

import { describe, expect, test } from "bun:test";
import { explainDrops, explainSilence, mtuWarnings } from "../../src/process/silence.ts";

describe("what was dropped", () => {
  test("is told with what may be behind it, the most frequent first", () => {
    expect(explainDrops({ malformed: 3, forged: 400, "malformed packet": 2 }, null)).toEqual([
      "400 forged: other keys there, or another --instance, --mode, f or number of replicas?",
      "3 malformed: another --mode, --mtu or version there, or somebody else's packets?",
      "2 malformed packet: another --mtu or version there, or somebody else's packets?",
    ]);
    expect(explainDrops({ "a reason of its own": 1 }, null)).toEqual(["1 a reason of its own"]);
  });

  test("is told of packets that never left, by the kernel's reason or the port's", () => {
    expect(explainDrops({ "not sent (ENETUNREACH)": 92 }, null)).toEqual([
      "92 packets could not be sent: no route there: ip route shows those that are (ENETUNREACH)",
    ]);
    expect(explainDrops({ "not sent (EPERM)": 1 }, null)).toEqual([
      "1 packet could not be sent: not permitted: it takes root, or a capability (EPERM)",
    ]);
    expect(explainDrops({ "longer than the MTU": 48 }, 1400)).toEqual([
      "48 packets could not be sent: longer than the port's MTU of 1400",
    ]);
  });

  test("is not told where it is a few of what always comes", () => {
    expect(explainDrops({ foreign: 9, "from an unproven address": 2 }, null)).toEqual([]);
    expect(explainDrops({ foreign: 10 }, null)).toEqual([
      "10 foreign: other traffic: is it the right port?",
    ]);
  });
});

describe("no answer", () => {
  const nothing = { n: 4, silent: [], dropped: {}, smallMtu: null, doubt: null };
  const where = "running, and at the configuration's address?";

  test("names the replicas from which nothing came", () => {
    const from = (n: number, ...silent: readonly number[]) =>
      explainSilence({ ...nothing, n, silent });
    expect(from(1, 0)).toBe(`nothing came from it: ${where}`);
    expect(from(4, 0, 1, 2, 3)).toBe(`nothing came from any of them: ${where}`);
    expect(from(4, 2)).toBe(`nothing came from replica 2: ${where}`);
    // The fifth host is none of theirs.
    expect(from(4, 1, 3, 4)).toBe(`nothing came from replicas 1, 3: ${where}`);
    const silent = "there, and answers no request: what does it print?";
    expect(from(1)).toBe(`it is ${silent}`);
    expect(from(4)).toBe("all are there, and answer no request: what do they print?");
  });

  test("comes with what was dropped, and with what a replica says", () => {
    const doubt = "replica 0 has --mode pbft, this client has --mode hotstuff";
    const said = explainSilence({ ...nothing, dropped: { forged: 2 }, doubt });
    expect(said).toMatch(/^all are there, .*; 2 forged: other keys there, .*; replica 0 has /);
  });
});

test("a port with a small MTU is warned of", () => {
  expect(mtuWarnings(null)).toEqual([]);
  expect(mtuWarnings(1400)).toEqual([
    "the port's MTU is 1400, and frames may need 1500: longer ones are lost; " +
      "ip link set dev NAME mtu 1500",
  ]);
});
