// The simulated world runs a protocol under faults, and a seed replays exactly, whether or not what
// one process found out is shared with the others.

import { expect, setDefaultTimeout, test } from "bun:test";
import { protocols } from "../../src/protocol/index.ts";
import { runSeed } from "../../src/simulation/run.ts";
import { subjectOf } from "../../src/simulation/subject.ts";

// Virtual time: only a loaded machine makes them slow.
setDefaultTimeout(120_000);

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
