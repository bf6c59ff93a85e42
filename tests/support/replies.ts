// What replicas told clients, whatever kind of message told it.

import type { CommonMessage, ReplyMessage } from "../../src/protocol/kit/messages.ts";
import { NO_SESSION_OUTCOME } from "../../src/protocol/kit/request.ts";
import type { Kinded } from "./packets.ts";

/** The replies among what arrived, OPENED and GONE as replies with that outcome. */
export function repliesIn(heard: readonly { readonly message: Kinded }[]): ReplyMessage[] {
  return heard.flatMap(({ message }) => {
    const told = replyOf(message as CommonMessage);
    return told === null ? [] : [told];
  });
}

function replyOf(message: CommonMessage): ReplyMessage | null {
  switch (message.kind) {
    case "reply":
      return message;
    case "opened": {
      const { replica, view, tag, digest, session } = message;
      const outcome = { status: "opened", session } as const;
      return { kind: "reply", replica, view, session: 0, tag, number: 0, digest, outcome };
    }
    case "gone": {
      const { replica, view, session, tag, number, digest } = message;
      const outcome = NO_SESSION_OUTCOME;
      return { kind: "reply", replica, view, session, tag, number, digest, outcome };
    }
    default:
      return null;
  }
}
