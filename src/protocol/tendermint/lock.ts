import type { Bytes } from "../../actor.ts";

/** The value that a replica last PRECOMMITted at a height, and in which round. */
export interface Lock {
  readonly round: number;
  readonly digest: Bytes;
}
