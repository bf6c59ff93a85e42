// How requests reach replicas, and whether their clients sign them.

import type { Random } from "../base/seeded-random.ts";
import type { RequestAuth } from "../protocol-config.ts";
import type { Kind, Subject } from "./subject.ts";

export interface RequestsPlan {
  /** Whether clients sign requests. */
  readonly requestAuth: RequestAuth;
  /** Whether large requests go to all; then values are large, since nothing else travels apart. */
  readonly broadcastsRequests: boolean;
}

/**
 * Clients sign more often where replicas invent requests, which is what signing is for. Large
 * requests go to all in an eighth of the seeds of protocols that have that; in none of those that
 * lose or split messages by what they say, which what names bodies does not show.
 */
export function drawRequests(
  { protocol, broadcasts }: Subject,
  kind: Kind,
  random: Random,
  given: RequestAuth | undefined,
): RequestsPlan {
  const signed = random.stream("request auth").chance(kind === "invent" ? 0.5 : 0.25);
  const drawn = random.stream("requests").chance(0.125) || broadcasts === true;
  const may = protocol.options?.has("requests") === true && kind !== "twins" && kind !== "splits";
  return {
    requestAuth: given ?? (signed && maySign(protocol) ? "sign" : "none"),
    broadcastsRequests: drawn && may,
  };
}

const LARGE_VALUE = 4000;
const SMALL_VALUE = 16;

/** What was drawn without what is left out, and the bytes of a value, at most. */
export function requestsOf(
  { requestAuth, broadcastsRequests: drawn }: RequestsPlan,
  large: boolean,
  without: ReadonlySet<string>,
): RequestsPlan & { readonly valueMax: number } {
  const broadcastsRequests = drawn && !without.has("broadcast requests");
  const mayBeLarge = (large || broadcastsRequests) && !without.has("large values");
  return {
    requestAuth: without.has("signed requests") ? "none" : requestAuth,
    broadcastsRequests,
    valueMax: mayBeLarge ? LARGE_VALUE : SMALL_VALUE,
  };
}

/** Whether clients of a protocol can sign. */
export function maySign({ without }: Subject["protocol"]): boolean {
  return without?.includes("request-auth") !== true;
}
