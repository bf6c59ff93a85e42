// Seeds that once failed, each with what it found. A fix adds its seed here.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { Changes } from "../../src/simulation/seed-plan.ts";
import { findSubject } from "../../src/campaign/mutants.ts";
import { runAny } from "../../src/simulation/runner.ts";
import type { Kind } from "../../src/simulation/subject.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const seeds: readonly {
  readonly protocol: string;
  readonly kind: Kind;
  readonly seed: number;
  readonly changes?: Changes;
  readonly found: string;
}[] = [
  {
    protocol: "pbft",
    kind: "twins",
    seed: 118_277,
    found: "a flush timer that was early by a rounding error was set again without end",
  },
  {
    protocol: "pbft",
    kind: "adversary",
    seed: 5,
    found: "a STATUS with the largest slot number kept its receiver busy for ever",
  },
  {
    protocol: "pbft",
    kind: "short",
    seed: 1041,
    found: "a view timer that was early by a rounding error started over without end",
  },
  {
    protocol: "hotstuff",
    kind: "deep",
    seed: 152,
    found: "a commit after the view was entered left the long view timer running",
  },
  {
    protocol: "hotstuff",
    kind: "deep",
    seed: 663,
    found: "relayed requests were relayed again, so that what the network corrupted multiplied",
  },
  {
    protocol: "hotstuff",
    kind: "adversary",
    seed: 2397,
    found: "a leader whose votes came before their block proposed nothing on the QC",
  },
  {
    protocol: "hotstuff",
    kind: "adversary",
    seed: 2439,
    found: "replicas fell idle that had committed by a QC which the highest one does not extend",
  },
  {
    protocol: "hotstuff",
    kind: "adversary",
    seed: 2453,
    found: "the adversary sent a message that had grown larger than a frame as it was altered",
  },
  {
    protocol: "hotstuff",
    kind: "short",
    seed: 10_468,
    found: "the simulator waited for a replica to begin that had crashed for good before it did",
  },
  {
    protocol: "vr",
    kind: "short",
    seed: 231,
    found: "own parts that a state was to be made of were others when it was complete",
  },
  {
    protocol: "hotstuff2",
    kind: "deep",
    seed: 26,
    found: "a state shorter than its last version got none of the parts that both versions have",
  },
  {
    protocol: "nopaxos",
    kind: "deep",
    seed: 20_016,
    found: "a state that nobody had any more was fetched for ever, and no earlier one taken",
  },
  {
    protocol: "nopaxos",
    kind: "deep",
    seed: 142,
    found: "a log that a view began with was longer than its new leader had room for",
  },
  {
    protocol: "nopaxos",
    kind: "deep",
    seed: 343,
    found: "the same, of a view whose leader had fetched a state",
  },
  {
    protocol: "nopaxos",
    kind: "deep",
    seed: 110,
    found: "a client asked for ever for a result that no replica had any more",
  },
  {
    protocol: "zyzzyva",
    kind: "short",
    seed: 106,
    found: "VIEW-CHANGEs that proved nothing, because their checkpoint was not the log's",
  },
  {
    protocol: "zyzzyva",
    kind: "invent",
    seed: 20_000_954,
    found:
      "a client was not told of its session, which another had evicted before it was committed",
  },
  {
    protocol: "zyzzyva",
    kind: "adversary",
    seed: 21_000_127,
    found: "one replica that did not welcome a client held up its large messages to all",
  },
  {
    protocol: "jolteon",
    kind: "adversary",
    seed: 20_002_673,
    found: "the digest of a batch whose bytes had been cut was asked for, and threw",
  },
  {
    protocol: "jolteon",
    kind: "adversary",
    seed: 20_000_755,
    found:
      "one that lags was left behind for ever, because a replica kept its CHECKPOINTs to itself",
  },
  {
    protocol: "jolteon",
    kind: "deep",
    seed: 20_000_259,
    found: "a vote waited for a checkpoint that others knew to be stable, whose votes were lost",
  },
];

for (const { protocol, kind, seed, changes, found } of seeds) {
  test(`${protocol} ${kind} ${seed}: ${found}`, () => {
    const subject = findSubject(protocol, {});
    expect(runAny({ subject, kind, seed, changes }).failures).toEqual([]);
  });
}
