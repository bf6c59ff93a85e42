// What tells a client the outcome of its request.

import type { Bytes, Signer } from "../../actor.ts";
import { DIGEST_LENGTH } from "./digest.ts";
import type { GoneMessage, OpenedMessage, ReplyMessage } from "./messages.ts";
import { sameOperationDigest, type Request, type Told } from "./request.ts";

export type AnswerToClient = ReplyMessage | OpenedMessage | GoneMessage;

/** Of protocols whose runs have no names. */
export const NO_RUN: Bytes = new Uint8Array(DIGEST_LENGTH);

/** The message for the outcome of a request, of a replica in that view and run. */
export function answerTo(
  { session, tag, number, op }: Request,
  outcome: Told,
  replica: Signer,
  view: number,
  run: Bytes,
): AnswerToClient {
  const digest = sameOperationDigest(op);
  switch (outcome.status) {
    case "opened":
      return { kind: "opened", replica, view, run, tag, digest, session: outcome.session };
    case "no session":
      return { kind: "gone", replica, view, run, session, tag, number, digest };
    default:
      return { kind: "reply", replica, view, session, tag, number, digest, outcome };
  }
}
