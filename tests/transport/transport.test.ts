// Shows that UDP and the simulated network carry what transports must carry: cases.ts has what that
// is.

import type { Lack } from "../support/lack.ts";
import { cannot, describeUnless, libraries, testUnless } from "../support/optional.ts";
import { cases, type Need } from "./cases.ts";
import type { Medium } from "./medium.ts";
import { openSimulated } from "./simulated-medium.ts";
import { openUdp } from "./udp-medium.ts";
import { PATIENCE_MS } from "../support/patience.ts";

interface Candidate {
  readonly name: string;
  readonly missing: Lack | null;
  /** Why it lacks what some cases need. */
  readonly lacks: { readonly [need in Need]?: string };
  open(rough: boolean): Medium | Promise<Medium>;
}

const candidates: readonly Candidate[] = [
  { name: "udp", missing: libraries(), lacks: { group: "UDP has no group" }, open: openUdp },
  {
    name: "simulated",
    missing: null,
    lacks: { foreign: "the simulated network has packets only" },
    open: openSimulated,
  },
];

for (const { name, missing, lacks, open } of candidates) {
  describeUnless(missing)(name, () => {
    for (const { name, rough, needs, run } of cases) {
      const reason = needs === null ? undefined : lacks[needs];
      const lack = reason === undefined ? null : cannot(reason);
      const once = async () => {
        const medium = await open(rough);
        try {
          run(medium);
        } finally {
          medium.close();
        }
      };
      testUnless(lack)(name, once, PATIENCE_MS);
    }
  });
}
