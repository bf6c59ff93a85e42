// Seeds that once failed, each with what it found. A fix adds its seed here.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { Changes } from "../../src/simulation/seed-plan.ts";
import { runAny } from "../../src/simulation/runner.ts";
import { roundsSubject } from "../protocols/rounds/subject.ts";
import { findSubject } from "../../src/campaign/mutants.ts";
import type { Kind } from "../../src/simulation/subject.ts";

// Virtual time: only a loaded machine makes them slow.
setDefaultTimeout(120_000);

const seeds: readonly {
  readonly protocol: string;
  readonly kind: Kind;
  readonly seed: number;
  readonly changes?: Changes;
  readonly found: string;
}[] = [
  {
    protocol: "rounds",
    kind: "short",
    seed: 70,
    found: "a request that was heard again restarted the view timer, so that a dead leader stayed",
  },
  {
    protocol: "rounds",
    kind: "short",
    seed: 1,
    found: "replicas that began a little later than the first took it for one that ran before them",
  },
  {
    protocol: "rounds",
    kind: "short",
    seed: 1776,
    found: "one that recovered did not count those that had begun together with it as running",
  },
  {
    protocol: "rounds",
    kind: "adversary",
    seed: 7,
    found: "one Byzantine answer made a starting replica recover from a cluster that never ran",
  },
  {
    protocol: "rounds",
    kind: "short",
    seed: 4834,
    found: "one that recovers may need work that the others take up once in ten view timeouts only",
  },
  {
    protocol: "rounds",
    kind: "short",
    seed: 3407,
    found: "one that heard of all but one starting waited two seconds, whatever the view timeout",
  },
  {
    protocol: "rounds",
    kind: "short",
    seed: 10_428,
    found: "one that some took for starting and others for late neither began nor recovered",
  },
  {
    protocol: "rounds",
    kind: "adversary",
    seed: 144,
    found: "a Byzantine answer with a height that nobody reaches kept one recovering for ever",
  },
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
];

for (const { protocol, kind, seed, changes, found } of seeds) {
  test(`${protocol} ${kind} ${seed}: ${found}`, () => {
    const subject = findSubject(protocol, { subjects: [roundsSubject] });
    expect(runAny({ subject, kind, seed, changes }).failures).toEqual([]);
  });
}
