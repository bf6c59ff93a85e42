// The simulated world runs a protocol under faults, and a seed replays exactly, whether or not what
// one process found out is shared with the others.

import { expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../src/base/assert.ts";
import { protocols } from "../../src/protocol/index.ts";
import { unreplicated, UnreplicatedReplica } from "../../src/protocol/unreplicated/index.ts";
import { runSeed } from "../../src/simulation/run-seed.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

for (const [name, protocol] of protocols) {
  test(`${name} passes short seeds, and each replays bit for bit`, () => {
    const subject = subjectOf(name, protocol);
    for (let seed = 0; seed < 8; seed++) {
      const report = runSeed({ subject, seed });
      expect({ seed, failures: report.failures }).toEqual({ seed, failures: [] });
      expect(runSeed({ subject, seed })).toEqual(report);
      expect(runSeed({ subject, seed, cold: true })).toEqual(report);
    }
  });
}

test("a replica's invariants are checked after each receive and timeout, and one that fails ends the run", () => {
  let calls = 0;
  let checks = 0;
  class Watched extends UnreplicatedReplica {
    override receive(...call: Parameters<UnreplicatedReplica["receive"]>): void {
      calls++;
      super.receive(...call);
    }
    assertInvariants(): void {
      checks++;
      assert(this.census().executed < 5, "fewer than five");
    }
  }
  const subject = subjectOf("watched", {
    ...unreplicated,
    replica: (_self, config, host, app) => new Watched(config, host, app, false),
  });
  const { failures } = runSeed({ subject, seed: 1 });
  expect(failures.map((failure) => failure.split("\n")[0])).toEqual([
    "throw: AssertionError: fewer than five",
  ]);
  expect({ checks, some: checks > 4 }).toEqual({ checks: calls, some: true });
});
