// One seed of any kind, by its number.

import { fuzzCodec, fuzzNodes } from "./fuzz.ts";
import type { Changes, Kind } from "./plan.ts";
import { runSeed } from "./run.ts";
import type { Subject } from "./subject.ts";
import { runTwins } from "./twins.ts";
import type { Observer, Report } from "./world.ts";

export interface RunOptions {
  readonly subject: Subject;
  readonly kind: Kind;
  readonly seed: number;
  readonly changes?: Changes | undefined;
  readonly observer?: Observer | undefined;
  /** As in WorldOptions. */
  readonly cold?: boolean | undefined;
}

/** Runs the seed; for twins its number is that of a scenario. */
export function runAny(options: RunOptions): Report {
  switch (options.kind) {
    case "twins":
      return runTwins(options);
    case "codec":
      return fuzzCodec(options);
    case "fuzz":
      return fuzzNodes(options);
    default:
      return runSeed(options);
  }
}
