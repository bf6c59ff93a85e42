// Shows that UDP and the simulated network carry what transports must carry: cases.ts has what that
// is.

import { describe, test } from "bun:test";
import { buildLibraries } from "../support/libraries.ts";
import { cases, type Need } from "./cases.ts";
import type { Medium } from "./medium.ts";
import { openSimulated } from "./simulated-medium.ts";
import { openUdp } from "./udp-medium.ts";

const missing = buildLibraries();
if (missing !== null) console.log(`skipped tests of UDP: ${missing}`);

interface Candidate {
  readonly name: string;
  readonly skip: boolean;
  /** Why it lacks what some cases need. */
  readonly lacks: { readonly [need in Need]?: string };
  open(rough: boolean): Medium;
}

const candidates: readonly Candidate[] = [
  { name: "udp", skip: missing !== null, lacks: { group: "UDP has no group" }, open: openUdp },
  {
    name: "simulated",
    skip: false,
    lacks: { foreign: "the simulated network has packets only" },
    open: openSimulated,
  },
];

for (const { name, skip, lacks, open } of candidates) {
  describe.skipIf(skip)(name, () => {
    for (const { name, rough, needs, run } of cases) {
      const reason = needs === null ? undefined : lacks[needs];
      if (reason !== undefined) {
        test.skip(`${name} (${reason})`, () => {});
        continue;
      }
      const once = () => {
        const medium = open(rough);
        try {
          run(medium);
        } finally {
          medium.close();
        }
      };
      test(name, once, 120_000);
    }
  });
}
