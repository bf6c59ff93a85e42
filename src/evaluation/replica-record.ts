// What `replica --json` writes, and bench and report read.

import type { OneTimeCounts, Stage } from "../driver.ts";
import type { Profile } from "../profile/profile.ts";
import type { HostDescription } from "./record.ts";
import type { Unused } from "./refusals.ts";
import type { ReplicaSetting } from "./replica-setting.ts";

/** What `replica --json` writes. */
export interface ReplicaRecord {
  /** The words of its command. */
  readonly command: readonly string[];
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly mode: string;
  readonly replica: number;
  readonly executed: number;
  readonly view: number;
  /** Leaders before that view's: 0 unless one was suspected, or they rotate. */
  readonly leaderChanges: number;
  /** The name of its run, eight hexadecimal digits, where runs have names. */
  readonly run?: string;
  /** What it told clients that asked. */
  readonly setting: ReplicaSetting;
  /** SHA-256 of the application's snapshot, hexadecimal. */
  readonly stateDigest: string;
  readonly residentBytes: number;
  /** Of states that others sent and that were of use. */
  readonly fetchedBytes: number;
  /**
   * Messages signed, root signatures made, and signatures checked in full or found in the cache.
   */
  readonly signatures: Stage["counts"];
  /** With --signature hybrid: of one-time signatures and the batches of their keys. */
  readonly oneTime?: OneTimeCounts;
  readonly dropped: Unused["dropped"];
  readonly notAdmitted: Unused["notAdmitted"];
  /** With --profile. */
  readonly profile?: Profile;
  readonly host: HostDescription;
  readonly versions: { readonly [name: string]: string };
}
