// One seed of any kind, by its number.

import { beginFuzz, fuzzCodec } from "./fuzz.ts";
import { beginSeed, settle, type RunOptions } from "./run-seed.ts";
import { beginSplits, beginTwins } from "./twins.ts";
import type { Report, World } from "./world.ts";

/** Runs the seed; for twins its number is that of a scenario. */
export function runAny(options: RunOptions): Report {
  return options.kind === "codec" ? fuzzCodec(options) : settle(beginAny(options));
}

/** The world of a seed, before anything happens; those of kind codec have none. */
export function beginAny(options: RunOptions): World {
  switch (options.kind) {
    case "twins":
      return beginTwins(options);
    case "splits":
      return beginSplits(options);
    case "fuzz":
      return beginFuzz(options);
    default:
      return beginSeed(options);
  }
}
