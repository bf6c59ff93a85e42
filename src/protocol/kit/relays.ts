// What a backup passes on to the replica that orders, of requests that it heard from clients.

import type { Host, Signer } from "../../actor.ts";
import type { RelayMessage } from "./messages.ts";
import type { RequestPool } from "./request-pool.ts";

/** Requests passed on to a new primary, once a view; others come when their clients try again. */
const RELAY_MAX = 1024;

interface Relaying {
  readonly self: Signer;
  readonly pool: RequestPool;
  readonly host: Pick<Host<RelayMessage, never>, "send" | "now">;
}

/** Tells whoever orders of what it seems not to have heard, before this backup suspects it. */
export function relayOverdue({ self, pool, host }: Relaying, primary: Signer): void {
  if (primary === self) return;
  for (const { client, request } of pool.overdue(host.now)) {
    host.send(primary, { kind: "relay", client, request });
  }
}

/** Passes on what waits to the primary of a view that begins. */
export function relayPending({ self, pool, host }: Relaying, primary: Signer): void {
  if (primary === self) return;
  for (const entry of pool.oldest(RELAY_MAX)) {
    const { client, request } = entry;
    entry.relayedMs = host.now;
    host.send(primary, { kind: "relay", client, request });
  }
}
