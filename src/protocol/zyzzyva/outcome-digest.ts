// What a SPEC-REPLY signs of an outcome, which follows its seal or comes from another replica.

import type { Bytes } from "../../actor.ts";
import { bytesOf, EMPTY } from "../../wire.ts";
import { digestOf } from "../kit/digest.ts";
import { encodeTold, isLong, type Outcome, type Told } from "../kit/request.ts";
import type { Session } from "../kit/sessions.ts";

/** Of an empty result, which many operations have. */
const EMPTY_DONE = digestOfTold({ status: "done", result: EMPTY });

/** `session`, if it is there, may know the digest of a long result, which takes long to make. */
export function outcomeDigestOf(outcome: Outcome, session?: Session): Bytes {
  if (outcome.status === "done" && outcome.result.length === 0) return EMPTY_DONE;
  if (!isLong(outcome)) return digestOfTold(outcome);
  const known = session?.result === outcome.result;
  const digest = known ? session.resultDigest : digestOf(outcome.result);
  return digestOfTold({ status: "digest", digest });
}

function digestOfTold(told: Told): Bytes {
  return digestOf(bytesOf((out) => encodeTold(told, out)));
}
