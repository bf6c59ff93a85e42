// One seed of any kind, by its number.

import { fuzzCodec, fuzzNodes } from "./fuzz.ts";
import { runSeed, type RunOptions } from "./run-seed.ts";
import { runSplits, runTwins } from "./twins.ts";
import type { Report } from "./world.ts";

/** Runs the seed; for twins its number is that of a scenario. */
export function runAny(options: RunOptions): Report {
  switch (options.kind) {
    case "twins":
      return runTwins(options);
    case "splits":
      return runSplits(options);
    case "codec":
      return fuzzCodec(options);
    case "fuzz":
      return fuzzNodes(options);
    default:
      return runSeed(options);
  }
}
