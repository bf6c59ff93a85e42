import type { Replica, Sealed } from "../actor.ts";
import type { CensusCheck } from "./census.ts";
import type { JudgedApp } from "./judge.ts";
import type { Process } from "./process.ts";

/** A replica's process with what judges it. */
export interface ReplicaHandle {
  readonly process: Process;
  readonly identity: number;
  replica: Replica<Sealed, string> | null;
  app: JudgedApp | null;
  census: CensusCheck | null;
  /** Whether it ever was neither starting nor recovering. */
  everRan: boolean;
  /** Whether it crashed never to come back. */
  gone: boolean;
  /** What was committed when its certificates were last looked at. */
  certified: number;
}
